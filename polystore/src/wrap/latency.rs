//! Simulates the round trips of a network.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    Capabilities, PlaneRequest, PlaneSink, Result, SpecLayer, VirtualBackend,
    wrap::{Call, Hook, Hooked},
};

pub(crate) const NAME: &str = "latency";

const OPTION: &str = "round_trip_ms";

/// Waits one round trip before every call. Made by [`latency`](super::latency).
#[derive(Debug)]
pub struct Latency {
    round_trip_ms: u64,
    n_round_trips: AtomicU64,
}

impl Latency {
    pub(super) fn new(round_trip_ms: u64) -> Self {
        Self { round_trip_ms, n_round_trips: AtomicU64::new(0) }
    }

    fn wait(&self) {
        self.n_round_trips.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(self.round_trip_ms));
    }
}

impl Hooked<Latency> {
    /// Round trips made so far.
    pub fn n_round_trips(&self) -> u64 {
        self.hook.n_round_trips.load(Ordering::Relaxed)
    }
}

impl Hook for Latency {
    fn call<T>(&self, _call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
        self.wait();
        run()
    }

    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) {
        self.wait();
        inner.read_planes(requests, sink);
    }

    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        Capabilities { network: true, batch_read: true, ..inner }
    }

    fn layer(&self) -> Option<SpecLayer> {
        Some(SpecLayer::new(NAME).with_option(OPTION, self.round_trip_ms.to_string()))
    }
}

pub(crate) fn from_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    layer.check_options(&[OPTION])?;
    let round_trip_ms = layer.option(OPTION)?.unwrap_or(0);
    Ok(Arc::new(Hooked::new(inner, Latency::new(round_trip_ms))))
}

#[cfg(test)]
mod tests {
    use crate::{
        MemoryBackend, PlaneIndex, PlaneRequest, VirtualBackend, VirtualBackendExt, VirtualPath,
    };

    #[test]
    fn a_batch_costs_one_round_trip() {
        let backend = crate::wrap::latency(std::sync::Arc::new(MemoryBackend::new()), 0);
        let requests = vec![PlaneRequest::new(VirtualPath::root(), PlaneIndex::default()); 50];
        assert!(backend.read_all(&requests).is_err());
        assert_eq!(backend.n_round_trips(), 1);
        backend.stat(&VirtualPath::root()).unwrap();
        assert_eq!(backend.n_round_trips(), 2);
    }
}
