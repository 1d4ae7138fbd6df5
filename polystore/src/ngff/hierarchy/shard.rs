//! Which chunks are in a shard: its index says, at its end or its beginning (zarr v3,
//! `sharding_indexed`).

use serde_json::Value;

use super::walk::Walk;
use crate::{Error, Result};

/// What stands in an index for a chunk that was not written.
const NOT_WRITTEN: [u8; ENTRY_BYTES] = [0xff; ENTRY_BYTES];
/// Offset and length of a chunk.
const ENTRY_BYTES: usize = 16;
/// Largest index that is read: a million chunks.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// How the chunks of an array share files.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    /// Shape of a file, in pixels.
    pub(super) shape: Vec<u64>,
    /// Whether the index is behind the chunks, not before them.
    is_at_end: bool,
    has_checksum: bool,
}

impl Shard {
    /// The sharding in the codecs of an array whose files have `shape`, with the shape of its
    /// chunks; `None` where there is none, or one whose index is coded in an unknown way.
    pub(super) fn of(codecs: &Value, shape: &[u64]) -> Option<(Self, Vec<u64>)> {
        let [codec] = codecs.as_array()?.as_slice() else { return None };
        if codec.get("name")? != "sharding_indexed" {
            return None;
        }
        let settings = codec.get("configuration")?;
        let chunks: Option<Vec<u64>> =
            settings.get("chunk_shape")?.as_array()?.iter().map(Value::as_u64).collect();
        let chunks = chunks.filter(|chunks| {
            let fits = |(chunk, file): (&u64, &u64)| *chunk > 0 && file.is_multiple_of(*chunk);
            chunks.len() == shape.len() && chunks.iter().zip(shape).all(fits)
        })?;
        let names = settings.get("index_codecs")?.as_array()?.iter();
        let names: Option<Vec<&str>> = names.map(|codec| codec.get("name")?.as_str()).collect();
        let has_checksum = match names?.as_slice() {
            ["bytes"] => false,
            ["bytes", "crc32c"] => true,
            _ => return None,
        };
        let is_at_end = settings.get("index_location").is_none_or(|place| place != "start");
        Some((Self { shape: shape.to_vec(), is_at_end, has_checksum }, chunks))
    }

    fn grid_size(&self, chunks: &[u64]) -> u64 {
        let per_dim = self.shape.iter().zip(chunks).map(|(file, chunk)| file / chunk);
        per_dim.fold(1, u64::saturating_mul)
    }

    /// How many chunks of shape `chunks` a file has; at most as many as an index may have.
    pub(super) fn n_chunks(&self, chunks: &[u64]) -> usize {
        self.grid_size(chunks).min(MAX_INDEX_BYTES / ENTRY_BYTES as u64) as usize
    }

    /// Of each chunk of the file at `key`, row-major, whether it is there.
    ///
    /// # Errors
    /// `InvalidData` when the index does not fit the file; as the store reads.
    pub(super) fn read(
        &self,
        walk: &Walk<'_>,
        key: &str,
        n_file_bytes: u64,
        chunks: &[u64],
    ) -> Result<Vec<bool>> {
        let n_entries = self.grid_size(chunks).saturating_mul(ENTRY_BYTES as u64);
        let n_bytes = n_entries.saturating_add(if self.has_checksum { 4 } else { 0 });
        if n_bytes > MAX_INDEX_BYTES {
            return Err(Error::unsupported(format!("its index would have {n_bytes} bytes")));
        }
        let start = n_file_bytes.checked_sub(n_bytes).ok_or_else(|| {
            Error::invalid_data(format!(
                "{n_file_bytes} bytes are too few for the index of {n_bytes} bytes"
            ))
        })?;
        let index =
            walk.read_range(key, if self.is_at_end { start } else { 0 }, n_bytes as usize)?;
        let (entries, checksum) = index.split_at(n_entries as usize);
        if self.has_checksum && *checksum != crc32c::crc32c(entries).to_le_bytes() {
            return Err(Error::invalid_data("the checksum of its index is another"));
        }
        let number = |bytes: &[u8]| bytes.try_into().map_or(u64::MAX, u64::from_le_bytes);
        let is_there = |entry: &[u8]| {
            if *entry == NOT_WRITTEN {
                return Ok(false);
            }
            let (offset, length) = (number(&entry[..8]), number(&entry[8..]));
            match offset.checked_add(length).is_some_and(|end| end <= n_file_bytes) {
                true => Ok(true),
                false => Err(Error::invalid_data(format!(
                    "its index has a chunk of {length} bytes at byte {offset}, past its end"
                ))),
            }
        };
        entries.chunks_exact(ENTRY_BYTES).map(is_there).collect()
    }
}
