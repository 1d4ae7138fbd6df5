//! Bytes from peers that mean harm: no panic, and no more memory than a stated multiple of
//! their size.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod bombs;
mod corpus;
#[path = "../it/frames.rs"]
mod frames;
#[path = "../../../tests/tests/fuzz_corpus/memory.rs"]
mod memory;
mod mutate;
mod recorded;
#[cfg(feature = "tokio")]
mod slow;
#[cfg(feature = "tokio")]
mod websocket;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test runs at a time: memory is counted for the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
