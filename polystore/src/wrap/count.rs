//! Counts what is asked of a backend, so that tests can say how many round trips a job makes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    Plane, PlaneRequest, PlaneSink, Result, SpecLayer, VirtualBackend,
    wrap::{Call, Hook, Hooked, Operation},
};

/// What was asked so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of each operation that was called at all; a batch is one call.
    pub calls: BTreeMap<Operation, u64>,
    /// Planes that were asked for.
    pub planes_requested: u64,
    /// Planes that were answered with pixels.
    pub planes_read: u64,
    /// Bytes of these pixels.
    pub bytes_read: u64,
    /// Planes that were given to write.
    pub planes_written: u64,
    /// Bytes of their pixels.
    pub bytes_written: u64,
}

impl Counts {
    /// Calls of `operation`.
    pub fn of(&self, operation: Operation) -> u64 {
        self.calls.get(&operation).copied().unwrap_or(0)
    }

    /// Calls of any kind: the round trips of a network backend.
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// Counts calls, planes and bytes. Made by [`count`](super::count).
#[derive(Debug, Default)]
pub struct Count(Mutex<Counts>);

impl Count {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooked<Count> {
    /// What was asked since the start or the last [`reset`](Self::reset).
    pub fn counts(&self) -> Counts {
        self.hook.lock().clone()
    }

    /// Starts from zero and returns what was counted so far.
    pub fn reset(&self) -> Counts {
        std::mem::take(&mut *self.hook.lock())
    }
}

impl Hook for Count {
    fn call<T>(&self, call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
        *self.lock().calls.entry(call.operation).or_default() += 1;
        run()
    }

    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) {
        let mut counts = self.lock();
        *counts.calls.entry(Operation::ReadPlanes).or_default() += 1;
        counts.planes_requested += requests.len() as u64;
        drop(counts);
        inner.read_planes(requests, &|position, answer| {
            if let Ok(plane) = &answer {
                let mut counts = self.lock();
                counts.planes_read += 1;
                counts.bytes_read += plane.n_bytes() as u64;
            }
            sink(position, answer)
        });
    }

    fn write_planes(
        &self,
        inner: &dyn VirtualBackend,
        planes: &[(PlaneRequest, Plane)],
    ) -> Result<()> {
        let mut counts = self.lock();
        *counts.calls.entry(Operation::WritePlanes).or_default() += 1;
        counts.planes_written += planes.len() as u64;
        counts.bytes_written += planes.iter().map(|(_, plane)| plane.n_bytes() as u64).sum::<u64>();
        drop(counts);
        inner.write_planes(planes)
    }

    /// Counts stay in this process.
    fn layer(&self) -> Option<SpecLayer> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{MemoryBackend, PlaneIndex, PlaneShape, VirtualBackendExt, VirtualPath};

    #[test]
    fn a_batch_is_one_call_of_many_planes() {
        let backend = crate::wrap::count(Arc::new(MemoryBackend::new()));
        let path = VirtualPath::parse("/x.tif").unwrap();
        let request = PlaneRequest::new(path, PlaneIndex::default());
        let plane = Plane::from_vec(PlaneShape::new(2, 3), vec![0u16; 6]).unwrap();
        backend.write_plane(request.clone(), plane).unwrap();
        backend.read_all(&vec![request; 5]).unwrap();
        let counts = backend.reset();
        assert_eq!((counts.total(), counts.of(Operation::ReadPlanes)), (2, 1));
        assert_eq!((counts.planes_requested, counts.planes_read, counts.bytes_read), (5, 5, 60));
        assert_eq!((counts.planes_written, counts.bytes_written), (1, 12));
        assert_eq!(backend.counts(), Counts::default());
    }
}
