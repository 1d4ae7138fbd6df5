//! The recorded frames.

use std::{io::Read, path::PathBuf};

use bytes::Bytes;
use ice::wire::{HEADER_BYTES, Header, Limits, Message};
use serde_json::Value as Json;

/// Frames of a file of `tests/data`.
pub(crate) fn frames(file: &str) -> Vec<Json> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    let packed = std::fs::read(path).unwrap();
    let mut text = String::new();
    bzip2::read::BzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The bytes of a frame.
pub(crate) fn bytes(frame: &Json) -> Vec<u8> {
    let text = frame["hex"].as_str().unwrap();
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The message that bytes are.
pub(crate) fn message(bytes: &[u8]) -> ice::Result<(Header, Message)> {
    let limits = Limits::default();
    let header = Header::decode(bytes[..HEADER_BYTES].try_into().unwrap(), &limits)?;
    let body = Bytes::copy_from_slice(&bytes[HEADER_BYTES..]);
    let message = Message::decode(&header, body, &limits)?;
    Ok((header, message))
}
