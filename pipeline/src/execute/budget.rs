//! One budget of memory for everything that is in flight.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Bytes that may be in flight at once. Work that needs more than all of it runs alone.
#[derive(Debug)]
pub(super) struct Budget {
    total: u64,
    used: Mutex<Used>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Used {
    bytes: u64,
    peak: u64,
}

/// How long a waiting thread goes without looking whether it should stop.
const PATIENCE: Duration = Duration::from_millis(50);

impl Budget {
    pub(super) fn new(total: u64) -> Self {
        Self { total, used: Mutex::default(), freed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `bytes` are free and takes them; `None` when `stopped` says so.
    pub(super) fn take(&self, bytes: u64, stopped: impl Fn() -> bool) -> Option<Permit<'_>> {
        let mut used = self.lock();
        while !self.fits(&used, bytes) {
            if stopped() {
                return None;
            }
            let waited = self.freed.wait_timeout(used, PATIENCE);
            used = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(self.grant(&mut used, bytes))
    }

    /// Takes `bytes` if they are free now.
    pub(super) fn try_take(&self, bytes: u64) -> Option<Permit<'_>> {
        let mut used = self.lock();
        self.fits(&used, bytes).then(|| self.grant(&mut used, bytes))
    }

    fn fits(&self, used: &Used, bytes: u64) -> bool {
        used.bytes == 0 || used.bytes.saturating_add(bytes) <= self.total
    }

    fn grant(&self, used: &mut Used, bytes: u64) -> Permit<'_> {
        used.bytes = used.bytes.saturating_add(bytes);
        used.peak = used.peak.max(used.bytes);
        Permit { budget: self, bytes }
    }

    /// The most bytes that were taken at once.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.lock().peak
    }
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub(super) struct Permit<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut used = self.budget.lock();
        used.bytes = used.bytes.saturating_sub(self.bytes);
        drop(used);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_waits_and_what_is_too_large_runs_alone() {
        let budget = Budget::new(10);
        let first = budget.take(7, || false).unwrap();
        assert!(budget.try_take(4).is_none());
        assert!(budget.take(4, || true).is_none());
        drop(first);
        let large = budget.take(100, || false).unwrap();
        assert!(budget.try_take(1).is_none());
        drop(large);
        assert!(budget.try_take(10).is_some());
        assert_eq!(budget.peak_bytes(), 100);
    }

    #[test]
    fn a_permit_that_is_given_back_wakes_the_waiting() {
        let budget = Budget::new(1);
        let first = budget.take(1, || false).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(1, || false).is_some());
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }
}
