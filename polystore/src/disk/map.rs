//! Planes that are the file's own pages in memory: the one unsafe module of the crate.
//!
//! A memory map hands out pixels without a copy, but it is the file: whoever overwrites the
//! file changes the plane, and whoever truncates it kills the reader with SIGBUS. Rust
//! therefore calls making one unsafe. It is sound as long as nobody changes the file while
//! it is mapped, which only the user can promise. So maps are off unless
//! [`DiskOptions::map`](super::DiskOptions::map) is set, whose documentation says just that,
//! and they are only made of files opened for reading.
#![expect(unsafe_code, reason = "memory maps are unsafe to make; the argument is above")]

use std::fs::File;

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};

use crate::{Error, PixelType, Plane, PlaneShape, Region, Result};

/// Maps `n_bytes` of `file` from `offset` on.
fn map(file: &File, offset: u64, n_bytes: usize) -> std::io::Result<Mmap> {
    // SAFETY: the user has promised, by setting `DiskOptions::map`, that the file is not
    // changed while planes of it are alive; the range was checked against the file's length.
    unsafe { MmapOptions::new().offset(offset).len(n_bytes).map(file) }
}

/// Rows of a plane that is stored at `offset` as memory wants it, without a copy. `None`
/// when the region is not made of whole rows or the pixels are not aligned.
///
/// # Errors
/// As the operating system answers.
pub(crate) fn map_rows(
    file: &File,
    offset: u64,
    pixel_type: PixelType,
    shape: PlaneShape,
    region: Region,
) -> Result<Option<Plane>> {
    let row_bytes = shape.width as usize * pixel_type.size_bytes();
    let start = offset + u64::from(region.y) * row_bytes as u64;
    let whole_rows = region.width == shape.width;
    if !whole_rows || !start.is_multiple_of(pixel_type.size_bytes() as u64) {
        return Ok(None);
    }
    let mapped = map(file, start, row_bytes * region.height as usize)
        .map_err(|error| Error::from_io(error, "map into memory"))?;
    Plane::new(pixel_type, region.shape(), Bytes::from_owner(mapped)).map(Some)
}
