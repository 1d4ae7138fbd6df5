//! Spreads the items of a batch over a few threads of its own.
//!
//! Backends answer batches from here and never from rayon: a sink may block (a bounded
//! queue that rayon workers empty), and a blocked rayon worker would starve the very
//! workers it waits for.

use std::{
    num::NonZeroUsize,
    ops::{ControlFlow, Range},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Threads that a local batch uses unless told otherwise: one per processor.
pub fn default_concurrency() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Calls `visit(i)` for every `i` below `n_items`, on at most `concurrency` threads, the
/// calling one included. Items are taken in order; `Break` stops all threads at their next
/// item. Returns when all threads are done.
pub fn for_each(
    concurrency: NonZeroUsize,
    n_items: usize,
    visit: impl Fn(usize) -> ControlFlow<()> + Sync,
) {
    let n_threads = concurrency.get().min(n_items);
    if n_threads <= 1 {
        let _ = (0..n_items).try_for_each(visit);
        return;
    }
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= n_items {
                return;
            }
            if visit(item).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..n_threads {
            // Fewer threads than asked for is slower, not wrong.
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
}

/// What `work` makes of the items below `n_items`, range by range and in order: one range per
/// processor, and none of fewer than `least` items, which would not be worth a thread.
pub fn map_ranges<T: Send + Sync>(
    n_items: usize,
    least: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let concurrency = default_concurrency();
    let n_ranges = (n_items / least.max(1)).clamp(1, concurrency.get());
    let made: Vec<OnceLock<T>> = (0..n_ranges).map(|_| OnceLock::new()).collect();
    for_each(concurrency, n_ranges, |number| {
        let range = n_items * number / n_ranges..n_items * (number + 1) / n_ranges;
        let _ = made[number].set(work(range));
        ControlFlow::Continue(())
    });
    made.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// What `a` and `b` make, at the same time; `a` on a thread of its own, if there is one to be
/// had.
pub fn both<A: Send, B>(a: impl Fn() -> A + Sync, b: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().spawn_scoped(scope, &a).ok();
        let made = b();
        (other.and_then(|other| other.join().ok()).unwrap_or_else(&a), made)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn visited(n_threads: usize, n_items: usize) -> Vec<usize> {
        let seen = Mutex::new(Vec::new());
        for_each(NonZeroUsize::new(n_threads).unwrap(), n_items, |item| {
            seen.lock().unwrap().push(item);
            ControlFlow::Continue(())
        });
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        seen
    }

    #[test]
    fn every_item_is_visited_once() {
        for (n_threads, n_items) in [(1, 5), (4, 100), (8, 3), (3, 0)] {
            assert_eq!(visited(n_threads, n_items), (0..n_items).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ranges_cover_all_items_in_order() {
        for (n_items, least) in [(0, 1), (1, 1), (7, 1), (1000, 10), (1000, 600), (5, 0)] {
            let ranges = map_ranges(n_items, least, |range| range);
            assert!(ranges.iter().cloned().flatten().eq(0..n_items), "{n_items} {least}");
            assert!(ranges.len() == 1 || ranges.iter().all(|range| range.len() >= least));
        }
    }

    #[test]
    fn both_are_made() {
        let numbers = [1, 2, 3];
        assert_eq!(both(|| numbers.len(), || numbers.iter().sum::<i32>()), (3, 6));
    }

    #[test]
    fn a_break_stops_the_rest() {
        let count = AtomicUsize::new(0);
        for_each(NonZeroUsize::new(2).unwrap(), 1_000_000, |_| {
            count.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Break(())
        });
        assert!(count.into_inner() <= 2);
    }
}
