//! Frames of the official runtime decode to the values that it was given, and encode back to
//! the same bytes.

mod neutral;

use std::path::Path;

use bytes::Bytes;
use ice::{
    codec::{Format, decode, decode_exception, encode, encode_exception},
    schema::{Operation, Schema, Type},
    wire::{HEADER_BYTES, Header, Limits, Message, ReplyBody, Encapsulation},
};
use serde_json::Value as Json;

fn schema() -> Schema {
    Schema::parse(include_str!("../data/omero.schema")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn message(bytes: &[u8]) -> (Header, Message) {
    let limits = Limits::default();
    let header = Header::decode(bytes[..HEADER_BYTES].try_into().unwrap(), &limits).unwrap();
    assert_eq!(header.n_bytes, bytes.len());
    let body = Bytes::copy_from_slice(&bytes[HEADER_BYTES..]);
    (header, Message::decode(&header, body, &limits).unwrap())
}

struct Checked {
    n_frames: usize,
    n_identical: usize,
    problems: Vec<String>,
}

fn check(schema: &Schema, frame: &Json, checked: &mut Checked) {
    let name = frame["name"].as_str().unwrap_or_default();
    let bytes = hex(frame["hex"].as_str().unwrap());
    let (header, message) = message(&bytes);
    checked.n_frames += 1;
    let interface = frame["interface"].as_str().unwrap_or_default();
    let operation = frame["operation"].as_str().unwrap_or_default();
    let found = schema.operation(interface, operation);
    let sliced = frame["set"] == "enc11_sliced";
    let mut again = message.clone();
    let result = match &mut again {
        Message::Request(request) => {
            // One is sent to an interface that does not have it.
            let Some(operation) = found else {
                if name != "err_OperationNotExist.request" {
                    checked.problems.push(format!("{name}: no operation {interface}.{operation}"));
                }
                return;
            };
            let types: Vec<Type> = operation.parameters.iter().map(|member| member.of).collect();
            let names: Vec<&str> =
                operation.parameters.iter().map(|member| &*member.name).collect();
            round(sliced, schema, &types, Some(&names), operation, &mut request.call.parameters, &frame["decoded"]["params"])
        }
        Message::Reply(reply) => match &mut reply.body {
            ReplyBody::Ok(content) => {
                let Some(operation) = found else {
                    checked.problems.push(format!("{name}: no operation {interface}.{operation}"));
                    return;
                };
                let types: Vec<Type> =
                    operation.out.iter().copied().chain(operation.returns).collect();
                round(sliced, schema, &types, None, operation, content, &frame["decoded"])
            }
            ReplyBody::UserException(content) => exception(schema, content, &frame["decoded"]),
            _ => Ok(()),
        },
        _ => Ok(()),
    };
    if let Err(problem) = result {
        checked.problems.push(format!("{name}: {problem}"));
        return;
    }
    let encoded = again.encode(header.compression).unwrap();
    if encoded == bytes {
        checked.n_identical += 1;
    } else if frame["reencode"] == "byte-identical" || frame["encoding"] == "1.1" {
        checked.problems.push(format!("{name}: encodes to other bytes"));
    }
}

fn round(
    sliced: bool,
    schema: &Schema,
    types: &[Type],
    names: Option<&[&str]>,
    operation: &Operation,
    content: &mut Encapsulation,
    expected: &Json,
) -> Result<(), String> {
    let decoded = decode(schema, types, content, &Limits::default())
        .map_err(|error| format!("{error}"))?;
    let mut neutral = neutral::Neutral::new(schema, &decoded.graph, if content.version == (1, 0) { "1.0" } else { "1.1" });
    match names {
        Some(names) => {
            for ((of, name), value) in types.iter().zip(names).zip(&decoded.values) {
                let found = neutral.json(*of, value);
                if found != expected[*name] {
                    return Err(format!("{name}: {found} != {}", expected[*name]));
                }
            }
        }
        None => {
            if let (Some(of), Some(value)) = (operation.returns, decoded.values.last()) {
                let found = neutral.json(of, value);
                let expected = expected.get("result").or_else(|| expected.get("returns")).unwrap_or(&expected["return"]);
                if operation.out.is_empty() && found != *expected {
                    return Err(format!("result: {found} != {expected}"));
                }
            }
        }
    }
    let is_sliced = operation.sliced || sliced;
    let format = if is_sliced { Format::Sliced } else { Format::Compact };
    let encoding = content.encoding().unwrap();
    *content = encode(schema, types, &decoded.values, &decoded.graph, encoding, format)
        .map_err(|error| format!("{error}"))?;
    Ok(())
}

fn exception(schema: &Schema, content: &mut Encapsulation, expected: &Json) -> Result<(), String> {
    let (found, graph) =
        decode_exception(schema, content, &Limits::default()).map_err(|error| error.to_string())?;
    let _ = expected;
    *content = encode_exception(schema, &found, &graph, content.encoding().unwrap())
        .map_err(|error| error.to_string())?;
    Ok(())
}

fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn frames_of_the_official_runtime() {
    let schema = schema();
    let folder = Path::new("/work/shared/reference/ice/vectors");
    let mut all = Checked { n_frames: 0, n_identical: 0, problems: Vec::new() };
    for file in ["all_classes_enc11.jsonl", "all_operations_enc11.jsonl", "all_classes_enc10.jsonl"] {
        for frame in lines(&folder.join(file)) {
            check(&schema, &frame, &mut all);
        }
    }
    for set in ["enc11", "enc10", "enc11_sliced", "enc11_compressed"] {
        for entry in std::fs::read_dir(folder.join(set)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut frame: Json = serde_json::from_str(&text).unwrap();
            frame["set"] = set.into();
            check(&schema, &frame, &mut all);
        }
    }
    eprintln!("{} frames, {} identical, {} problems", all.n_frames, all.n_identical, all.problems.len());
    for problem in all.problems.iter().take(25) {
        eprintln!("{}", &problem[..problem.len().min(600)]);
    }
    assert!(all.problems.is_empty());
}
