//! Zstandard, with contexts that each thread keeps.

use std::cell::RefCell;

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe,
};

use super::{Decoded, Encoded, check_len, damaged};
use crate::{Error, Result, buffer::BufferPool};

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
}

pub(super) fn decode(encoded: &[u8], n_bytes: usize) -> Result<Decoded> {
    if let Ok(Some(claimed)) = zstd_safe::get_frame_content_size(encoded) {
        check_len(usize::try_from(claimed).unwrap_or(usize::MAX), n_bytes)?;
    }
    let mut buffer = BufferPool::global().take(n_bytes, 0);
    let written = DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().map_err(internal)?),
        };
        decompressor.decompress_to_buffer(encoded, &mut *buffer).map_err(damaged)
    })?;
    check_len(written, n_bytes)?;
    Ok(Decoded::Pooled(buffer))
}

pub(super) fn encode(bytes: &[u8], level: i32) -> Result<Encoded> {
    let mut buffer = BufferPool::global().take(zstd_safe::compress_bound(bytes.len()), 0);
    let written = COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some((kept_level, compressor)) if *kept_level == level => compressor,
            _ => &mut kept.insert((level, Compressor::new(level).map_err(internal)?)).1,
        };
        compressor.compress_to_buffer(bytes, &mut *buffer).map_err(internal)
    })?;
    Ok(Encoded::Pooled(buffer, written))
}

fn internal(error: std::io::Error) -> Error {
    Error::internal("zstd failed").with_source(error)
}
