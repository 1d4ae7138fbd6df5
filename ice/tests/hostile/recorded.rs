//! Recorded frames that are cut short, or of which bits are turned.

use ice::{
    codec::{decode, decode_exception},
    schema::{Operation, Type},
    wire::{Encapsulation, Limits, Message, ReplyBody},
};

use crate::{alone, frames, mutate::Random};

/// What is in the encapsulation of a frame; no types for an exception.
struct Content {
    types: Option<Vec<Type>>,
    of: Encapsulation,
}

fn contents() -> Vec<Content> {
    let schema = ice::omero::schema();
    let mut contents = Vec::new();
    for file in ["runtime.jsonl.bz2", "server.jsonl.bz2"] {
        for frame in frames::frames(file) {
            let text = |key: &str| frame[key].as_str().unwrap_or_default();
            let operation = schema.operation(text("interface"), text("operation"));
            let (_, message) = frames::message(&frames::bytes(&frame)).unwrap();
            let parameters = |operation: &Operation| {
                operation.parameters.iter().map(|member| member.of).collect()
            };
            let results = |operation: &Operation| {
                operation.out.iter().copied().chain(operation.returns).collect()
            };
            let (types, of) = match message {
                Message::Request(request) => (operation.map(parameters), request.call.parameters),
                Message::Reply(reply) => match reply.body {
                    ReplyBody::Ok(of) => (operation.map(results), of),
                    ReplyBody::UserException(of) => (None, of),
                    _ => continue,
                },
                _ => continue,
            };
            contents.push(Content { types, of });
        }
    }
    assert!(contents.len() > 3000);
    contents
}

fn is_read(content: &Content, bytes: bytes::Bytes) -> bool {
    let (schema, limits) = (ice::omero::schema(), Limits::default());
    let of = Encapsulation { version: content.of.version, content: bytes.into() };
    match &content.types {
        Some(types) => decode(schema, types, &of, &limits).is_ok(),
        None => decode_exception(schema, &of, &limits).is_ok(),
    }
}

#[test]
fn what_is_cut_short_anywhere_is_refused() {
    let _alone = alone();
    let mut n_cuts = 0;
    for content in contents() {
        let bytes = &content.of.content.joined();
        // Long ones are cut at a part of their bytes.
        let step = 1 + bytes.len() / 500;
        for cut in (0..bytes.len()).step_by(step) {
            assert!(!is_read(&content, bytes.slice(..cut)), "{cut} of {bytes:02x?}");
            n_cuts += 1;
        }
    }
    assert!(n_cuts > 100_000, "{n_cuts}");
}

#[test]
fn what_has_bits_turned_is_read_or_refused() {
    let _alone = alone();
    let mut random = Random::new(4);
    let mut n_read = 0;
    for content in contents() {
        for _ in 0..20 {
            let mut bytes = content.of.content.to_vec();
            let at = random.below(bytes.len());
            let Some(byte) = bytes.get_mut(at) else { continue };
            *byte ^= 1 << random.below(8);
            n_read += usize::from(is_read(&content, bytes.into()));
        }
    }
    // Most bits are in numbers and texts.
    assert!(n_read > 10_000, "{n_read}");
}

/// Messages, too, are refused or read wherever they are cut.
#[test]
fn frames_are_cut_short_anywhere() {
    let _alone = alone();
    for frame in frames::frames("server.jsonl.bz2").iter().take(200) {
        let bytes = frames::bytes(frame);
        for cut in 14..bytes.len().min(400) {
            assert!(frames::message(&bytes[..cut]).is_err(), "{cut} of {}", frame["name"]);
        }
    }
}
