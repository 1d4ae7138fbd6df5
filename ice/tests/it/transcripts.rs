//! Whole conversations of the official client and server, in their order.

use std::collections::{BTreeMap, HashMap};

use ice::{
    codec::{Format, decode, encode},
    schema::{Operation, Type},
    wire::{Encapsulation, Limits, Message, MessageKind, ReplyBody},
};
use serde_json::Value as Json;

use crate::frames;

/// Messages of each conversation, but for the one that is recorded as bytes of WebSocket.
fn conversations() -> BTreeMap<String, Vec<Json>> {
    let mut all: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for line in frames::frames("transcripts.jsonl.bz2") {
        let name = line["transcript"].as_str().unwrap().to_owned();
        all.entry(name).or_default().push(line);
    }
    all.remove("websocket_raw").unwrap();
    all
}

/// Reads what is in an encapsulation; written again it is the same.
fn same_again(types: &[Type], format: Format, content: &Encapsulation) {
    let schema = ice::omero::schema();
    let read = decode(schema, types, content, &Limits::default()).unwrap();
    let encoding = content.encoding().unwrap();
    let again = encode(schema, types, &read.values, &read.graph, encoding, format).unwrap();
    assert_eq!(&again, content);
}

#[test]
fn conversations_of_the_official_client_and_server() {
    let schema = ice::omero::schema();
    let all = conversations();
    assert_eq!(all.len(), 8);
    for (name, messages) in &all {
        let mut waiting: HashMap<i32, &Operation> = HashMap::new();
        let mut called = Vec::new();
        let mut last = 0;
        for line in messages {
            let text = |key: &str| line[key].as_str().unwrap_or_default();
            let bytes = frames::bytes(line);
            let (header, message) = frames::message(&bytes).unwrap();
            assert_eq!(message.encode(header.compression).unwrap(), bytes, "{name}");
            let is_client = text("from") == "client";
            match message {
                Message::Request(request) => {
                    assert!(is_client && request.id > last, "{name}: {}", request.id);
                    last = request.id;
                    let call = request.call;
                    assert_eq!(call.operation, text("operation"));
                    let operation = schema.operation(text("interface"), &call.operation).unwrap();
                    assert_eq!(call.mode, operation.mode.byte(), "{name}: {}", call.operation);
                    assert!(call.context_value("omero.client.uuid").is_some());
                    let types: Vec<Type> =
                        operation.parameters.iter().map(|member| member.of).collect();
                    let format = if operation.sliced { Format::Sliced } else { Format::Compact };
                    same_again(&types, format, &call.parameters);
                    called.push(call.operation);
                    waiting.insert(request.id, operation);
                }
                Message::Reply(reply) => {
                    assert!(!is_client);
                    let operation = waiting.remove(&reply.id).unwrap();
                    assert_eq!(&*operation.name, text("operation"));
                    let ReplyBody::Ok(content) = reply.body else { panic!("{:?}", reply.body) };
                    let types: Vec<Type> =
                        operation.out.iter().copied().chain(operation.returns).collect();
                    same_again(&types, Format::Compact, &content);
                }
                Message::Validate => assert!(!is_client && called.is_empty(), "{name}"),
                Message::Close => assert!(is_client && waiting.is_empty(), "{name}"),
                Message::Batch(_) => panic!("{name}"),
            }
        }
        assert!(waiting.is_empty(), "{name}");
        let first = frames::message(&frames::bytes(&messages[0])).unwrap().0.kind;
        let end = frames::message(&frames::bytes(&messages[messages.len() - 1])).unwrap().0.kind;
        if name.contains("close") {
            assert_eq!((first, end), (MessageKind::Request, MessageKind::Close), "{name}");
            assert_eq!(called, ["destroySession"]);
        } else {
            assert_eq!((first, end), (MessageKind::Validate, MessageKind::Reply), "{name}");
            let expected = [
                "createSession",
                "getServerProxy",
                "getServerProxy",
                "getClientProxy",
                "getCategoryForClient",
                "getClientProxy",
                "addProxies",
                "setCallback",
            ];
            assert_eq!(called, expected, "{name}");
        }
    }
}
