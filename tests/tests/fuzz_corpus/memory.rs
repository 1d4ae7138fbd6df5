//! An allocator that counts; the tests of `ice` include this file too.

#![expect(unsafe_code, reason = "the allocator's interface is unsafe; all calls are passed on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

struct Counting;

static CURRENT: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn taken(n_bytes: usize) {
    let now = CURRENT.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
    TOTAL.fetch_add(n_bytes, Ordering::Relaxed);
}

fn given_back(n_bytes: usize) {
    CURRENT.fetch_sub(n_bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it is; only numbers are kept beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller has promised to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller has promised to us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as the caller has promised to us.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        taken(new_size);
        given_back(layout.size());
        // SAFETY: as the caller has promised to us.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Runs `work` and says how much more memory than before was in use at its peak.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = CURRENT.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let outcome = work();
    (outcome, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}

/// Runs `work` and says how much memory it took in all, given back or not.
#[allow(dead_code, reason = "each of the tests that share this file uses what it needs")]
pub(crate) fn total_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = TOTAL.load(Ordering::Relaxed);
    let outcome = work();
    (outcome, TOTAL.load(Ordering::Relaxed) - before)
}
