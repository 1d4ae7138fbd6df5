//! Chunks as they are stored: files, or ranges of shards.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    array::{Array, ShardIndex},
    codec::Decoded,
    store::{OpenFile, Store, join},
    window::Grid,
};
use crate::{Error, Result};

/// What stands in a shard's index for a chunk that was not written.
pub(super) const NOT_WRITTEN: u64 = u64::MAX;
/// Bytes of an index per chunk: offset and length.
pub(super) const INDEX_ENTRY_BYTES: usize = 16;
/// A compressed chunk is never longer than its pixels by more than this and an eighth:
/// a longer file is no chunk of this array.
const MAX_OVERHEAD_BYTES: u64 = 64 << 10;

/// The files of one array.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    store: &'a Store,
    /// The array's directory.
    folder: &'a str,
    pub(super) grid: &'a Grid<'a>,
    /// Shards that were opened, by place.
    shards: Mutex<HashMap<Vec<u64>, Arc<Option<ChunkFile<'a>>>>>,
}

/// A file with one or several chunks.
#[derive(Debug)]
pub(super) struct ChunkFile<'a> {
    pub(super) array: &'a Array,
    name: String,
    file: OpenFile<'a>,
    /// Offset and length of each chunk of a shard.
    index: Option<Vec<(u64, u64)>>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(store: &'a Store, folder: &'a str, grid: &'a Grid<'a>) -> Self {
        Self { store, folder, grid, shards: Mutex::default() }
    }

    /// The name of the file at `place` in the grid of files.
    pub(super) fn file_name(&self, place: &[u64]) -> String {
        join(self.folder, &self.grid.array.keys.name(place))
    }

    /// Opens the file at `place` in the grid of files; `None` when it was not written.
    pub(super) fn open(&self, place: &[u64]) -> Result<Option<ChunkFile<'a>>> {
        let name = self.file_name(place);
        let Some(file) = self.store.file(&name)? else { return Ok(None) };
        let array = self.grid.array;
        let mut opened = ChunkFile { array, name, file, index: None };
        if file_is_empty(&opened) {
            return Err(Error::invalid_data("chunk file is empty: writing it was cut short")
                .with_path(opened.name)
                .with_hint("write the plane again"));
        }
        if let Some(shard) = array.shard {
            opened.read_index(shard).map_err(|error| error.with_path(&opened.name))?;
        }
        Ok(Some(opened))
    }

    /// The chunk at `place` in the grid of chunks; `None` when it was not written.
    pub(super) fn read(&self, place: &[u64]) -> Result<Option<Decoded>> {
        let file_place = self.grid.file_place(place);
        let position = self.grid.position_in_file(place);
        if self.grid.array.shard.is_none() {
            return self.open(&file_place)?.map_or(Ok(None), |file| file.read(position));
        }
        match &*self.shard(file_place)? {
            Some(file) => file.read(position),
            None => Ok(None),
        }
    }

    /// A shard, opened once: its chunks are all of one state of it.
    fn shard(&self, place: Vec<u64>) -> Result<Arc<Option<ChunkFile<'a>>>> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = shards.get(&place) {
            return Ok(Arc::clone(shard));
        }
        let shard = Arc::new(self.open(&place)?);
        shards.insert(place, Arc::clone(&shard));
        Ok(shard)
    }
}

fn file_is_empty(file: &ChunkFile<'_>) -> bool {
    file.file.len() == 0 && file.array.chunk_bytes() > 0
}

impl ChunkFile<'_> {
    /// The pixels of the chunk at `position` of the file, as stored numbers of native byte
    /// order; `None` when it was not written.
    pub(super) fn read(&self, position: usize) -> Result<Option<Decoded>> {
        let Some((offset, length)) = self.range(position)? else { return Ok(None) };
        let decoded = self.decode(offset, length).map_err(|error| {
            error
                .with_path(&self.name)
                .with_hint("write the plane again, or delete the file to have it missing")
        })?;
        Ok(Some(decoded))
    }

    /// Where the chunk at `position` of the file is stored in it.
    pub(super) fn range(&self, position: usize) -> Result<Option<(u64, u64)>> {
        let Some(index) = &self.index else { return Ok(Some((0, self.file.len()))) };
        let &(offset, length) = index
            .get(position)
            .ok_or_else(|| Error::internal("chunk outside of its shard").with_path(&self.name))?;
        if (offset, length) == (NOT_WRITTEN, NOT_WRITTEN) {
            return Ok(None);
        }
        if offset.checked_add(length).is_none_or(|end| end > self.file.len()) {
            return Err(Error::invalid_data(format!(
                "shard of {} bytes has a chunk of {length} bytes at byte {offset}",
                self.file.len()
            ))
            .with_path(&self.name));
        }
        Ok(Some((offset, length)))
    }

    /// The stored bytes of the chunk at `position`, to be copied; `None` when it was not written.
    pub(super) fn stored(&self, position: usize) -> Result<Option<crate::buffer::PooledBuffer>> {
        let Some((offset, length)) = self.range(position)? else { return Ok(None) };
        self.check_len(length)?;
        self.file.read_range(offset, length as usize).map(Some)
    }

    fn decode(&self, offset: u64, length: u64) -> Result<Decoded> {
        self.check_len(length)?;
        let array = self.array;
        let stored = self.file.read_range(offset, length as usize)?;
        let mut pixels = match array.chain.is_raw() {
            true => Decoded::Pooled(stored),
            false => array.chain.decode(&stored, array.chunk_bytes())?,
        };
        array.data_type.swap(&mut pixels);
        Ok(pixels)
    }

    /// Checks the stored length of a chunk before it is read.
    fn check_len(&self, length: u64) -> Result<()> {
        let n_bytes = self.array.chunk_bytes();
        let fits = match self.array.chain.stored_len(n_bytes) {
            Some(expected) => length == expected as u64,
            None => length <= n_bytes as u64 + n_bytes as u64 / 8 + MAX_OVERHEAD_BYTES,
        };
        if fits {
            return Ok(());
        }
        Err(Error::invalid_data(format!("{length} bytes cannot hold a chunk of {n_bytes} bytes"))
            .with_path(&self.name))
    }

    fn read_index(&mut self, shard: ShardIndex) -> Result<()> {
        let n_bytes = self.array.n_chunks_per_file() as usize * INDEX_ENTRY_BYTES;
        let stored_len = shard.chain.stored_len(n_bytes).unwrap_or(n_bytes);
        let offset = match (shard.at_end, self.file.len().checked_sub(stored_len as u64)) {
            (_, None) => {
                return Err(Error::invalid_data(format!(
                    "shard of {} bytes is too short for its index of {stored_len}",
                    self.file.len()
                )));
            }
            (true, Some(offset)) => offset,
            (false, Some(_)) => 0,
        };
        let stored = self.file.read_range(offset, stored_len)?;
        let index = shard.chain.decode(&stored, n_bytes).map_err(|error| {
            Error::invalid_data("index of the shard is damaged").with_source(error)
        })?;
        let number = |bytes: &[u8]| bytes.try_into().map_or(NOT_WRITTEN, u64::from_le_bytes);
        let entries = index.chunks_exact(INDEX_ENTRY_BYTES);
        self.index =
            Some(entries.map(|entry| (number(&entry[..8]), number(&entry[8..]))).collect());
        Ok(())
    }
}

/// Puts a shard together from the stored bytes of its chunks.
pub(super) fn assemble_shard(
    chunks: &[Option<impl std::ops::Deref<Target = [u8]>>],
    shard: ShardIndex,
) -> Result<Vec<u8>> {
    let index_bytes = chunks.len() * INDEX_ENTRY_BYTES;
    let stored_len = shard.chain.stored_len(index_bytes).unwrap_or(index_bytes);
    let content: usize = chunks.iter().flatten().map(|chunk| chunk.len()).sum();
    let mut file = Vec::with_capacity(content + stored_len);
    let mut index = Vec::with_capacity(index_bytes);
    let mut offset = if shard.at_end { 0 } else { stored_len as u64 };
    for chunk in chunks {
        let (at, length) = match chunk {
            Some(chunk) => (offset, chunk.len() as u64),
            None => (NOT_WRITTEN, NOT_WRITTEN),
        };
        index.extend_from_slice(&at.to_le_bytes());
        index.extend_from_slice(&length.to_le_bytes());
        offset += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
    }
    let index = shard.chain.encode(&index, 1)?;
    if !shard.at_end {
        file.extend_from_slice(&index);
    }
    for chunk in chunks.iter().flatten() {
        file.extend_from_slice(chunk);
    }
    if shard.at_end {
        file.extend_from_slice(&index);
    }
    Ok(file)
}
