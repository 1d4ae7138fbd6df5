//! Reused, aligned byte buffers for planes.
//!
//! Two facts of page-cache reads decide this module (see `benches/RESULTS.md`): reading
//! into memory that was touched before runs several times faster than into fresh pages,
//! and the kernel's copy is several times faster again when the destination has the same
//! offset modulo 64 as the file position. So planes live in buffers that come from a
//! pool, go back to it when the last clone of the plane is dropped, and can be asked for
//! with a given offset.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;

/// Buffers start at addresses with a chosen offset modulo this many bytes.
pub const ALIGNMENT: usize = 64;

/// Buffers under this size are not worth keeping.
const MIN_KEPT_BYTES: usize = 16 << 10;

/// A store of byte buffers that are reused instead of freed. Cloning shares it.
#[derive(Clone)]
pub struct BufferPool(Arc<Shared>);

struct Shared {
    max_kept_bytes: usize,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    kept_bytes: usize,
    buffers: Vec<Vec<u8>>,
}

impl BufferPool {
    /// A pool that keeps at most `max_kept_bytes` of idle memory.
    pub fn new(max_kept_bytes: usize) -> Self {
        Self(Arc::new(Shared { max_kept_bytes, free: Mutex::default() }))
    }

    /// The pool that backends share; keeps at most 256 MiB idle.
    pub fn global() -> &'static Self {
        static POOL: OnceLock<BufferPool> = OnceLock::new();
        POOL.get_or_init(|| Self::new(256 << 20))
    }

    /// A buffer of `len` bytes whose address is `offset` modulo [`ALIGNMENT`].
    ///
    /// Its content is unspecified (zeros, or what an earlier user left).
    pub fn take(&self, len: usize, offset: usize) -> PooledBuffer {
        let needed = len + 2 * ALIGNMENT;
        let mut memory = self.reuse(needed).unwrap_or_default();
        // Growing keeps capacity a multiple of 64 KiB, so that planes of nearly the same
        // size share buffers; only bytes never handed out before are zeroed.
        if memory.len() < needed {
            let rounded = needed.next_multiple_of(64 << 10);
            memory = vec![0; rounded];
        }
        let address = memory.as_ptr() as usize;
        let start = (offset % ALIGNMENT + ALIGNMENT - address % ALIGNMENT) % ALIGNMENT;
        PooledBuffer { memory, start, len, pool: self.clone() }
    }

    /// The smallest idle buffer of at least `needed` bytes that is not wastefully large.
    fn reuse(&self, needed: usize) -> Option<Vec<u8>> {
        let mut free = self.lock();
        let (at, _) = free
            .buffers
            .iter()
            .enumerate()
            .filter(|(_, buffer)| buffer.len() >= needed && buffer.len() / 4 <= needed)
            .min_by_key(|(_, buffer)| buffer.len())?;
        let buffer = free.buffers.swap_remove(at);
        free.kept_bytes -= buffer.len();
        Some(buffer)
    }

    fn give_back(&self, memory: Vec<u8>) {
        if memory.len() < MIN_KEPT_BYTES {
            return;
        }
        let mut free = self.lock();
        if free.kept_bytes + memory.len() <= self.0.max_kept_bytes {
            free.kept_bytes += memory.len();
            free.buffers.push(memory);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of idle memory kept now.
    pub fn kept_bytes(&self) -> usize {
        self.lock().kept_bytes
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("kept_bytes", &self.kept_bytes())
            .field("max_kept_bytes", &self.0.max_kept_bytes)
            .finish()
    }
}

/// A writable buffer from a [`BufferPool`]; goes back to it when dropped.
pub struct PooledBuffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
    pool: BufferPool,
}

impl PooledBuffer {
    /// The content as shared immutable bytes, without a copy. The memory returns to the
    /// pool when the last clone is dropped.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for PooledBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.memory));
    }
}

impl fmt::Debug for PooledBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBuffer").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_reused() {
        let pool = BufferPool::new(1 << 20);
        let first = pool.take(100_000, 10);
        assert_eq!(first.len(), 100_000);
        assert_eq!(first.as_ptr() as usize % ALIGNMENT, 10);
        let memory = first.memory.as_ptr();
        drop(first.freeze());
        assert!(pool.kept_bytes() > 0);
        let second = pool.take(99_000, 33);
        assert_eq!(second.memory.as_ptr(), memory);
        assert_eq!(second.as_ptr() as usize % ALIGNMENT, 33);
    }

    #[test]
    fn the_pool_is_bounded() {
        let pool = BufferPool::new(300_000);
        let buffers: Vec<_> = (0..10).map(|_| pool.take(100_000, 0)).collect();
        drop(buffers);
        assert!(pool.kept_bytes() <= 300_000);
    }

    #[test]
    fn a_clone_keeps_the_memory_out_of_the_pool() {
        let pool = BufferPool::new(1 << 20);
        let bytes = pool.take(100_000, 0).freeze();
        let clone = bytes.clone();
        drop(bytes);
        assert_eq!(pool.kept_bytes(), 0);
        drop(clone);
        assert!(pool.kept_bytes() > 0);
    }
}
