//! Messages whose body is compressed with bzip2.

use std::io::{Read, Write};

use bytes::Bytes;

use super::{Compression, HEADER_BYTES, Header, Limits, MessageKind};
use crate::{Error, Result};

/// Messages that are shorter are never compressed.
pub(super) const LEAST_BYTES: usize = 100;
/// Bytes before the compressed stream: the size of the whole message when it is not.
const SIZE_BYTES: usize = 4;

/// How long a message that came as so few bytes may become: see [`Limits::compressed_times`].
pub(super) fn most_bytes(kind: MessageKind, n_compressed: usize, limits: &Limits) -> usize {
    match kind {
        MessageKind::Reply if limits.compressed_times > 0 => usize::MAX,
        _ => {
            let times = n_compressed.saturating_mul(limits.compressed_times);
            limits.compressed_bytes.max(times)
        }
    }
}

/// The body of a message that came compressed.
///
/// # Errors
/// `Limit` when it would be longer than allowed, `Frame` when it is damaged.
pub(super) fn decompress(kind: MessageKind, body: &[u8], limits: &Limits) -> Result<Bytes> {
    let bad =
        |problem: String| Error::Frame(format!("the compressed message is damaged: {problem}"));
    let (size, stream) =
        body.split_first_chunk::<SIZE_BYTES>().ok_or_else(|| bad("it has no size".to_owned()))?;
    let size = i32::from_le_bytes(*size);
    let n_bytes = usize::try_from(size).ok().filter(|size| *size >= HEADER_BYTES);
    let n_bytes = n_bytes.ok_or_else(|| bad(format!("{size} bytes")))?;
    if n_bytes > limits.message_bytes {
        return Err(Error::limit("message size in bytes", n_bytes, limits.message_bytes));
    }
    let n_compressed = HEADER_BYTES + body.len();
    let most = most_bytes(kind, n_compressed, limits);
    if n_bytes > most {
        return Err(Error::limit("bytes of a compressed message", n_bytes, most));
    }
    let expected = n_bytes - HEADER_BYTES;
    // What is claimed may be a lie: memory is taken as bytes arrive.
    let mut content = Vec::new();
    let mut stream = bzip2::read::BzDecoder::new(stream).take(expected as u64 + 1);
    stream.read_to_end(&mut content).map_err(|error| bad(error.to_string()))?;
    if content.len() != expected {
        return Err(bad(format!("{} bytes came out, {expected} were announced", content.len())));
    }
    // It may be kept for long.
    content.shrink_to_fit();
    Ok(content.into())
}

/// Compresses a message, whose first bytes are room for its header.
///
/// # Errors
/// `Limit` when it is 2 GiB or longer.
pub(super) fn compress(kind: MessageKind, message: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::Frame(format!("bzip2 failed: {error}"));
    let size = i32::try_from(message.len())
        .map_err(|_| Error::limit("message size in bytes", message.len(), i32::MAX as usize))?;
    let mut out = vec![0; HEADER_BYTES];
    out.extend_from_slice(&size.to_le_bytes());
    let mut stream = bzip2::write::BzEncoder::new(out, bzip2::Compression::new(1));
    stream.write_all(&message[HEADER_BYTES..]).map_err(failed)?;
    let mut out = stream.finish().map_err(failed)?;
    let header = Header { kind, compression: Compression::Bzip2, n_bytes: out.len() };
    out[..HEADER_BYTES].copy_from_slice(&header.encode()?);
    Ok(out)
}
