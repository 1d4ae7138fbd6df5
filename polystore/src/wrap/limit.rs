//! Bounds how much of a backend is in use at a time.

use std::{
    cell::RefCell,
    collections::HashMap,
    num::{NonZeroU64, NonZeroUsize},
    ops::ControlFlow,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{
    Capabilities, Plane, PlaneRequest, PlaneSink, Result, SpecLayer, VirtualBackend,
    wrap::{Call, Hook, Hooked},
};

pub(crate) const NAME: &str = "limit";

const MAX_CALLS: &str = "max_calls";
const MAX_BYTES: &str = "max_bytes";

/// What a [`limit`](super::limit) bounds; `None` for no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitOptions {
    /// Calls at a time; a batch is one call.
    pub max_calls: Option<NonZeroUsize>,
    /// Bytes of planes that are being read or written at a time. A larger batch is read in
    /// parts; a plane that is larger on its own goes alone. Sizes are known by describing
    /// each image of a batch once.
    pub max_bytes: Option<NonZeroU64>,
}

/// Bounds calls and bytes in flight. Made by [`limit`](super::limit).
///
/// A call that a sink makes on its own thread is part of the call that the sink belongs to
/// and never waits, so that copying within one backend cannot block itself.
#[derive(Debug)]
pub struct Limit {
    id: u64,
    options: LimitOptions,
    in_flight: Mutex<InFlight>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    calls: usize,
    bytes: u64,
}

thread_local! {
    /// Limits that this thread is inside of.
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Marks this thread as inside a limit, until it is dropped.
struct Inside;

impl Inside {
    fn new(id: u64) -> Self {
        INSIDE.with_borrow_mut(|inside| inside.push(id));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| inside.pop());
    }
}

/// The right to one call and some bytes, until it is dropped.
struct Permit<'a> {
    limit: &'a Limit,
    taken: InFlight,
    _inside: Inside,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.limit.lock();
        in_flight.calls -= self.taken.calls;
        in_flight.bytes -= self.taken.bytes;
        drop(in_flight);
        self.limit.changed.notify_all();
    }
}

impl Limit {
    pub(super) fn new(options: LimitOptions) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, options, in_flight: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more call of `bytes` fits. Bytes beyond the bound fit alone.
    fn enter(&self, bytes: u64) -> Permit<'_> {
        let is_nested = INSIDE.with_borrow(|inside| inside.contains(&self.id));
        let taken = if is_nested { InFlight::default() } else { self.wait(bytes) };
        Permit { limit: self, taken, _inside: Inside::new(self.id) }
    }

    fn wait(&self, bytes: u64) -> InFlight {
        let max_calls = self.options.max_calls.map_or(usize::MAX, NonZeroUsize::get);
        let max_bytes = self.max_bytes();
        let is_full = |now: &mut InFlight| {
            now.calls >= max_calls || (now.bytes > 0 && now.bytes.saturating_add(bytes) > max_bytes)
        };
        let waited = self.changed.wait_while(self.lock(), is_full);
        let mut in_flight = waited.unwrap_or_else(PoisonError::into_inner);
        in_flight.calls += 1;
        in_flight.bytes = in_flight.bytes.saturating_add(bytes);
        InFlight { calls: 1, bytes }
    }

    fn max_bytes(&self) -> u64 {
        self.options.max_bytes.map_or(u64::MAX, NonZeroU64::get)
    }

    /// Bytes that each answer will have; 0 where the backend does not know the image, and
    /// everywhere when bytes are not bounded.
    fn sizes(&self, inner: &dyn VirtualBackend, requests: &[PlaneRequest]) -> Vec<u64> {
        if self.options.max_bytes.is_none() {
            return vec![0; requests.len()];
        }
        let mut images = HashMap::new();
        let size_of = |request: &PlaneRequest| {
            let image = images
                .entry(request.path.clone())
                .or_insert_with(|| inner.describe(&request.path).ok());
            let image = image.as_ref()?;
            let shape = request.check_read(image).ok()?;
            Some(shape.n_pixels() * image.pixel_type.size_bytes() as u64)
        };
        requests.iter().map(size_of).map(Option::unwrap_or_default).collect()
    }
}

impl Hook for Limit {
    fn call<T>(&self, _call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let _permit = self.enter(0);
        run()
    }

    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) {
        let sizes = {
            let _permit = self.enter(0);
            self.sizes(inner, requests)
        };
        let stopped = AtomicBool::new(false);
        let mut first = 0;
        while first < requests.len() && !stopped.load(Ordering::Relaxed) {
            let (n, bytes) = take_up_to(self.max_bytes(), &sizes[first..]);
            let _permit = self.enter(bytes);
            inner.read_planes(&requests[first..first + n], &|position, answer| {
                let _inside = Inside::new(self.id);
                let flow = sink(first + position, answer);
                if flow == ControlFlow::Break(()) {
                    stopped.store(true, Ordering::Relaxed);
                }
                flow
            });
            first += n;
        }
    }

    fn write_planes(
        &self,
        inner: &dyn VirtualBackend,
        planes: &[(PlaneRequest, Plane)],
    ) -> Result<()> {
        let sizes: Vec<_> = planes.iter().map(|(_, plane)| plane.n_bytes() as u64).collect();
        let mut first = 0;
        while first < planes.len() {
            let (n, bytes) = take_up_to(self.max_bytes(), &sizes[first..]);
            let _permit = self.enter(bytes);
            inner.write_planes(&planes[first..first + n])?;
            first += n;
        }
        Ok(())
    }

    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        let bounds = [inner.max_concurrency, self.options.max_calls];
        Capabilities { max_concurrency: bounds.into_iter().flatten().min(), ..inner }
    }

    fn layer(&self) -> Option<SpecLayer> {
        let bounds = [
            (MAX_CALLS, self.options.max_calls.map(|calls| calls.to_string())),
            (MAX_BYTES, self.options.max_bytes.map(|bytes| bytes.to_string())),
        ];
        let set = bounds.into_iter().filter_map(|(key, bound)| Some((key, bound?)));
        Some(set.fold(SpecLayer::new(NAME), |layer, (key, bound)| layer.with_option(key, bound)))
    }
}

/// How many of `sizes` from the start fit into `max_bytes` together, at least one, and
/// their sum.
fn take_up_to(max_bytes: u64, sizes: &[u64]) -> (usize, u64) {
    let mut taken = (0, 0u64);
    for &size in sizes {
        let sum = taken.1.saturating_add(size);
        if taken.0 > 0 && sum > max_bytes {
            break;
        }
        taken = (taken.0 + 1, sum);
    }
    taken
}

pub(crate) fn from_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    layer.check_options(&[MAX_CALLS, MAX_BYTES])?;
    let options =
        LimitOptions { max_calls: layer.option(MAX_CALLS)?, max_bytes: layer.option(MAX_BYTES)? };
    Ok(Arc::new(Hooked::new(inner, Limit::new(options))))
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, thread};

    use super::*;
    use crate::{
        MemoryBackend, PlaneIndex, PlaneShape, VirtualBackendExt, VirtualPath, open_spec,
        wrap::{Operation, count, limit},
    };

    /// Counts calls at a time.
    #[derive(Debug, Default)]
    struct Gauge {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Hook for Arc<Gauge> {
        fn call<T>(&self, _call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            (0..20).for_each(|_| thread::yield_now());
            let answer = run();
            self.now.fetch_sub(1, Ordering::SeqCst);
            answer
        }

        fn read_planes(
            &self,
            inner: &dyn VirtualBackend,
            requests: &[PlaneRequest],
            sink: &PlaneSink<'_>,
        ) {
            inner.read_planes(requests, sink);
        }

        fn layer(&self) -> Option<SpecLayer> {
            None
        }
    }

    fn max_calls(n: usize) -> LimitOptions {
        LimitOptions { max_calls: NonZeroUsize::new(n), max_bytes: None }
    }

    fn request(n: u32) -> PlaneRequest {
        let path = VirtualPath::parse(&format!("/{n}.tif")).unwrap();
        PlaneRequest::new(path, PlaneIndex::default())
    }

    fn plane() -> Plane {
        Plane::from_vec(PlaneShape::new(2, 5), vec![1u8; 10]).unwrap()
    }

    #[test]
    fn calls_at_a_time_are_bounded() {
        let gauge = Arc::new(Gauge::default());
        let inner = Hooked::new(Arc::new(MemoryBackend::new()), Arc::clone(&gauge));
        let backend = limit(Arc::new(inner), max_calls(2));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        backend.stat(&VirtualPath::root()).unwrap();
                    }
                });
            }
        });
        assert!(gauge.most.load(Ordering::SeqCst) <= 2);
        assert_eq!(backend.capabilities().max_concurrency, NonZeroUsize::new(2));
    }

    #[test]
    fn a_sink_that_calls_again_does_not_wait_for_itself() {
        let backend = limit(Arc::new(MemoryBackend::new()), max_calls(1));
        backend.write_plane(request(0), plane()).unwrap();
        backend.read_planes(&[request(0)], &|_, answer| {
            backend.write_plane(request(1), answer.unwrap()).unwrap();
            ControlFlow::Continue(())
        });
        assert_eq!(backend.read_plane(&request(1)).unwrap(), plane());
    }

    #[test]
    fn batches_are_read_in_parts_that_fit() {
        let counted = Arc::new(count(Arc::new(MemoryBackend::new())));
        for n in 0..5 {
            counted.write_plane(request(n), plane()).unwrap();
        }
        counted.reset();
        let inner = Arc::clone(&counted) as Arc<dyn VirtualBackend>;
        let options = LimitOptions { max_calls: None, max_bytes: NonZeroU64::new(25) };
        let backend = limit(inner, options);
        let requests: Vec<_> = (0..5).map(request).collect();
        assert_eq!(backend.read_all(&requests).unwrap().len(), 5);
        assert_eq!(counted.counts().of(Operation::ReadPlanes), 3);
        let tight = LimitOptions { max_calls: None, max_bytes: NonZeroU64::new(1) };
        assert_eq!(limit(counted, tight).read_all(&requests).unwrap().len(), 5);
    }

    #[test]
    fn bounds_travel_and_unknown_ones_are_refused() {
        let options =
            LimitOptions { max_calls: NonZeroUsize::new(3), max_bytes: NonZeroU64::new(9) };
        let inner = Arc::new(MemoryBackend::new());
        let spec = limit(inner, options).spec();
        assert_eq!(spec.layers[0].options["max_bytes"], "9");
        let inner = MemoryBackend::new();
        let mut spec = inner.spec().with_layer(spec.layers[0].clone());
        assert_eq!(open_spec(&spec).unwrap().spec(), spec);
        spec.layers[0].options.insert("max_call".to_owned(), "1".to_owned());
        let error = open_spec(&spec).unwrap_err();
        assert!(error.to_string().contains("did you mean `max_calls`"), "{error}");
    }
}
