//! Gzip and zlib, by libdeflate.

use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

use super::{Decoded, Encoded, check_len, damaged};
use crate::{Error, Result, buffer::BufferPool};

type Inflate = fn(&mut Decompressor, &[u8], &mut [u8]) -> Result<usize, DecompressionError>;

pub(super) fn decode_gzip(encoded: &[u8], n_bytes: usize) -> Result<Decoded> {
    // The last four bytes are the length of the content modulo 2^32.
    if let Some((_, length)) = encoded.split_last_chunk::<4>() {
        check_len(u32::from_le_bytes(*length) as usize, n_bytes & 0xffff_ffff)?;
    }
    decode(encoded, n_bytes, Decompressor::gzip_decompress)
}

pub(super) fn decode_zlib(encoded: &[u8], n_bytes: usize) -> Result<Decoded> {
    decode(encoded, n_bytes, Decompressor::zlib_decompress)
}

fn decode(encoded: &[u8], n_bytes: usize, inflate: Inflate) -> Result<Decoded> {
    let mut buffer = BufferPool::global().take(n_bytes, 0);
    let written = inflate(&mut Decompressor::new(), encoded, &mut buffer).map_err(damaged)?;
    check_len(written, n_bytes)?;
    Ok(Decoded::Pooled(buffer))
}

pub(super) fn encode_gzip(bytes: &[u8], level: u8) -> Result<Encoded> {
    let mut compressor = compressor(level)?;
    let mut buffer = BufferPool::global().take(compressor.gzip_compress_bound(bytes.len()), 0);
    let written = compressor.gzip_compress(bytes, &mut buffer).map_err(failed)?;
    Ok(Encoded::Pooled(buffer, written))
}

pub(super) fn encode_zlib(bytes: &[u8], level: u8) -> Result<Encoded> {
    let mut compressor = compressor(level)?;
    let mut buffer = BufferPool::global().take(compressor.zlib_compress_bound(bytes.len()), 0);
    let written = compressor.zlib_compress(bytes, &mut buffer).map_err(failed)?;
    Ok(Encoded::Pooled(buffer, written))
}

fn compressor(level: u8) -> Result<Compressor> {
    let level = CompressionLvl::new(i32::from(level))
        .map_err(|_| Error::invalid_input(format!("deflate has no level {level}")))?;
    Ok(Compressor::new(level))
}

fn failed(error: libdeflater::CompressionError) -> Error {
    Error::internal("deflate failed").with_source(error)
}
