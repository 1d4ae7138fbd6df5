//! LZ4 blocks with the length of their content before them (numcodecs `lz4`).

use super::{Decoded, Encoded, check_len, damaged};
use crate::{Error, ErrorKind, Result, buffer::BufferPool};

/// Bytes of the length, little-endian.
const PREFIX_BYTES: usize = 4;

pub(super) fn decode(encoded: &[u8], n_bytes: usize) -> Result<Decoded> {
    let Some((length, block)) = encoded.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Error::invalid_data("chunk is too short for its length"));
    };
    check_len(u32::from_le_bytes(*length) as usize, n_bytes)?;
    let mut buffer = BufferPool::global().take(n_bytes, 0);
    let written = lz4_flex::block::decompress_into(block, &mut buffer).map_err(damaged)?;
    check_len(written, n_bytes)?;
    Ok(Decoded::Pooled(buffer))
}

pub(super) fn encode(bytes: &[u8]) -> Result<Encoded> {
    let length = i32::try_from(bytes.len())
        .map_err(|_| Error::new(ErrorKind::LimitExceeded, "chunks of lz4 hold at most 2 GiB"))?;
    let bound = PREFIX_BYTES + lz4_flex::block::get_maximum_output_size(bytes.len());
    let mut buffer = BufferPool::global().take(bound, 0);
    let (prefix, block) = buffer.split_at_mut(PREFIX_BYTES);
    prefix.copy_from_slice(&length.to_le_bytes());
    let written = lz4_flex::block::compress_into(bytes, block)
        .map_err(|error| Error::internal("lz4 failed").with_source(error))?;
    Ok(Encoded::Pooled(buffer, PREFIX_BYTES + written))
}
