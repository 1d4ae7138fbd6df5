//! One entry for each parser of bytes from outside: what the fuzz targets and the tests of
//! their corpus call. None of them may panic, or take memory out of proportion; what is read
//! must come back when it is written.

use bytes::Bytes;

use crate::{
    codec::{Format, decode, decode_exception, encode, encode_exception},
    omero::schema,
    schema::{Operation, Type},
    wire::{Encapsulation, Encoding, HEADER_BYTES, Header, Limits, Message, Proxy},
};

/// A parser, and the name of its fuzz target and of its folder in the corpus.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name of the target.
    pub name: &'static str,
    /// Parses the bytes and forgets what comes out.
    pub run: fn(&[u8]),
}

/// All entries.
pub static ENTRIES: &[Entry] = &[
    Entry { name: "ice_message", run: message },
    Entry { name: "ice_values", run: values },
    Entry { name: "ice_text", run: text },
];

/// Limits of the entries: compressed messages may be a thousand times longer than they look.
pub const LIMITS: Limits = Limits {
    message_bytes: 1 << 20,
    compressed_bytes: 1 << 20,
    compressed_times: 100,
    values: 1 << 24,
    instances: 1 << 20,
    depth: 100_000,
    slices: 64,
    type_name_bytes: 4 << 10,
    endpoints: 64,
    batch_calls: 1 << 10,
    context_entries: 1024,
};

/// A message with its header.
///
/// # Panics
/// When what was read does not come back.
pub fn message(bytes: &[u8]) {
    let Some((head, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return };
    let Ok(header) = Header::decode(head, &LIMITS) else { return };
    let Ok(message) = Message::decode(&header, Bytes::copy_from_slice(body), &LIMITS) else {
        return;
    };
    let Ok(again) = message.encode(header.compression) else { return };
    let Some((head, body)) = again.split_first_chunk::<HEADER_BYTES>() else { return };
    let again = Header::decode(head, &LIMITS)
        .and_then(|header| Message::decode(&header, Bytes::copy_from_slice(body), &LIMITS));
    // It may be longer than allowed when it is not compressed any more, and the other way.
    assert!(again.is_err() || again == Ok(message));
}

/// Values: a byte for the encoding, two for the operation whose results they are (or its
/// parameters, or an exception), and what is in an encapsulation.
///
/// # Panics
/// When what was read does not come back.
pub fn values(bytes: &[u8]) {
    let Some((&[encoding, low, high], content)) = bytes.split_first_chunk::<3>() else { return };
    let encoding = if encoding & 1 == 0 { Encoding::V1_1 } else { Encoding::V1_0 };
    let content = Encapsulation::new(encoding, Bytes::copy_from_slice(content));
    match types(u16::from_le_bytes([low, high])) {
        Some(types) => values_of(&types, &content, encoding),
        None => exception(&content, encoding),
    }
}

/// The types that a number stands for; none for an exception.
pub fn types(number: u16) -> Option<Vec<Type>> {
    let operations = || schema().interfaces.iter().flat_map(|interface| &interface.operations);
    let number = usize::from(number);
    let operation: &Operation = operations().nth(number / 2)?;
    Some(match number % 2 {
        0 => operation.out.iter().copied().chain(operation.returns).collect(),
        _ => operation.parameters.iter().map(|member| member.of).collect(),
    })
}

fn values_of(types: &[Type], content: &Encapsulation, encoding: Encoding) {
    let Ok(first) = decode(schema(), types, content, &LIMITS) else { return };
    for format in [Format::Compact, Format::Sliced] {
        let write = |found: &crate::codec::Decoded| {
            encode(schema(), types, &found.values, &found.graph, encoding, format)
        };
        let written = write(&first);
        let read = written.as_ref().map(|content| decode(schema(), types, content, &LIMITS));
        // A table is not counted as deep: what was just read may be too deep in this format.
        let Ok(Ok(read)) = read else {
            assert!(matches!(read, Ok(Err(crate::Error::Limit { .. }))), "{read:?}");
            continue;
        };
        assert_eq!(write(&read), written);
    }
}

fn exception(content: &Encapsulation, encoding: Encoding) {
    let Ok((exception, graph)) = decode_exception(schema(), content, &LIMITS) else { return };
    let written = encode_exception(schema(), &exception, &graph, encoding);
    let read = written.as_ref().map(|content| decode_exception(schema(), content, &LIMITS));
    let Ok(Ok((again, graph))) = read else {
        assert!(matches!(read, Ok(Err(crate::Error::Limit { .. }))), "{read:?}");
        return;
    };
    assert_eq!(encode_exception(schema(), &again, &graph, encoding), written);
}

/// A proxy in words.
///
/// # Panics
/// When what was read does not come back.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(proxy) = text.parse::<Proxy>() else { return };
    assert_eq!(proxy.to_string().parse::<Proxy>(), Ok(proxy));
}
