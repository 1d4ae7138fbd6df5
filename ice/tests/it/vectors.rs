//! Frames of the official runtime and of a real OMERO.server decode to the values that were
//! sent, and encode back to the same bytes.

use ice::{
    codec::{Format, decode, decode_exception, encode, encode_exception},
    schema::{Operation, Schema, Type},
    wire::{Encapsulation, Limits, Message, ReplyBody},
};
use serde_json::Value as Json;

use crate::{frames, neutral};

/// What is wrong with a frame.
type Problem = String;

/// Decodes a frame, compares its values, and encodes it again; whether the bytes are the same.
fn check(schema: &Schema, frame: &Json) -> Result<bool, Problem> {
    let bytes = frames::bytes(frame);
    let (header, mut message) = frames::message(&bytes).map_err(|error| error.to_string())?;
    if header.n_bytes != bytes.len() {
        return Err(format!("{} bytes, its header says {}", bytes.len(), header.n_bytes));
    }
    let text = |key: &str| frame[key].as_str().unwrap_or_default();
    let sliced = text("set") == "enc11_sliced";
    let operation = schema.operation(text("interface"), text("operation"));
    let known = || operation.ok_or_else(|| format!("no operation {}", text("operation")));
    match &mut message {
        // One is sent to an interface that does not have it.
        Message::Request(_) if text("name") == "err_OperationNotExist.request" => {}
        Message::Request(request) => {
            let operation = known()?;
            parameters(sliced, schema, operation, &mut request.call.parameters, &frame["params"])?;
        }
        Message::Batch(calls) => {
            assert!(!calls.is_empty());
            for call in calls {
                parameters(sliced, schema, known()?, &mut call.parameters, &frame["params"])?;
            }
        }
        Message::Reply(reply) => match &mut reply.body {
            ReplyBody::Ok(content) => {
                result(sliced, schema, known()?, content, &frame["result"])?;
            }
            ReplyBody::UserException(content) => exception(schema, content, &frame["exception"])?,
            _ => {}
        },
        Message::Validate | Message::Close => {}
    }
    let is_identical = message.encode(header.compression).unwrap() == bytes;
    if !is_identical && frame["identical"] == true {
        return Err("it encodes to other bytes".to_owned());
    }
    Ok(is_identical)
}

/// The same content by our encoder.
fn again(
    sliced: bool,
    schema: &Schema,
    types: &[Type],
    content: &mut Encapsulation,
    compare: impl Fn(&mut neutral::Neutral<'_>, &[ice::value::Value]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let limits = Limits::default();
    let decoded = decode(schema, types, content, &limits).map_err(|error| error.to_string())?;
    let version = if content.version == (1, 0) { "1.0" } else { "1.1" };
    compare(&mut neutral::Neutral::new(schema, &decoded.graph, version), &decoded.values)?;
    let format = if sliced { Format::Sliced } else { Format::Compact };
    let encoding = content.encoding().unwrap();
    let encoded = encode(schema, types, &decoded.values, &decoded.graph, encoding, format);
    *content = encoded.map_err(|error| error.to_string())?;
    // Where the order of instances is one of chance, the values are the same all the same.
    let decoded = decode(schema, types, content, &limits).map_err(|error| error.to_string())?;
    compare(&mut neutral::Neutral::new(schema, &decoded.graph, version), &decoded.values)
}

fn parameters(
    sliced: bool,
    schema: &Schema,
    operation: &Operation,
    content: &mut Encapsulation,
    expected: &Json,
) -> Result<(), Problem> {
    let members = &operation.parameters;
    let types: Vec<Type> = members.iter().map(|member| member.of).collect();
    again(sliced || operation.sliced, schema, &types, content, |neutral, values| {
        for (member, value) in members.iter().zip(values) {
            same(&member.name, &neutral.json(member.of, value), &expected[&*member.name])?;
        }
        Ok(())
    })
}

fn result(
    sliced: bool,
    schema: &Schema,
    operation: &Operation,
    content: &mut Encapsulation,
    expected: &Json,
) -> Result<(), Problem> {
    let types: Vec<Type> = operation.out.iter().copied().chain(operation.returns).collect();
    again(sliced || operation.sliced, schema, &types, content, |neutral, values| {
        match (operation.returns, values.last()) {
            (Some(of), Some(value)) if operation.out.is_empty() => {
                same("result", &neutral.json(of, value), expected)
            }
            _ => Ok(()),
        }
    })
}

fn exception(schema: &Schema, content: &mut Encapsulation, expected: &Json) -> Result<(), Problem> {
    let (found, graph) =
        decode_exception(schema, content, &Limits::default()).map_err(|error| error.to_string())?;
    let version = if content.version == (1, 0) { "1.0" } else { "1.1" };
    let mut neutral = neutral::Neutral::new(schema, &graph, version);
    same("exception", &Json::from(&*found.id), &expected["$exception"])?;
    for (member, value) in schema.exception_members(found.known).zip(&found.fields) {
        same(&member.name, &neutral.json(member.of, value), &expected[&*member.name])?;
    }
    *content = encode_exception(schema, &found, &graph, content.encoding().unwrap())
        .map_err(|error| error.to_string())?;
    Ok(())
}

fn same(what: &str, found: &Json, expected: &Json) -> Result<(), Problem> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} is not {expected}")) }
}

/// Checks all frames of a file: how many there are, and how many encode to the same bytes.
fn all(file: &str) -> (usize, usize) {
    let schema = ice::omero::schema();
    let frames = frames::frames(file);
    let mut problems = Vec::new();
    let mut n_identical = 0;
    for frame in &frames {
        match check(schema, frame) {
            Ok(is_identical) => n_identical += usize::from(is_identical),
            Err(problem) => {
                problems.push(format!("{} {}: {problem:.400}", frame["set"], frame["name"]))
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} frames:\n{}",
        problems.len(),
        problems[..problems.len().min(20)].join("\n")
    );
    (frames.len(), n_identical)
}

#[test]
fn frames_of_the_official_runtime() {
    // In encoding 1.0 the official runtime writes instances in the order of their addresses.
    assert_eq!(all("runtime.jsonl.bz2"), (2398, 2176));
}

#[test]
fn frames_of_a_real_server() {
    assert_eq!(all("server.jsonl.bz2"), (783, 783));
}
