//! Remembers what was read.

use std::{
    fmt,
    ops::{ControlFlow, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    BackendSpec, Capabilities, Entry, Error, Plane, PlaneRequest, PlaneSink, Result, SpecLayer,
    VirtualBackend, VirtualPath, WriteMode,
    backend::{AnnotationStore, RoiStore, TableStore},
    model::{ImageStructure, Inventory, PlateStructure},
    wrap::remembered::{Known, Remembered},
};

pub(crate) const NAME: &str = "cache";

const MAX_PLANE_BYTES: &str = "max_plane_bytes";

/// How much a [`cache`](super::cache) remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Most bytes of planes; the longest unused go first.
    pub max_plane_bytes: u64,
}

impl Default for CacheOptions {
    /// 256 MiB of planes.
    fn default() -> Self {
        Self { max_plane_bytes: 256 << 20 }
    }
}

/// A backend whose planes, structures and listings are remembered. Made by
/// [`cache`](super::cache).
///
/// For places that are mostly read. A plane has several names, so a change of planes,
/// images or directories through the cache forgets everything, and so does
/// [`invalidate`](VirtualBackend::invalidate); a blob that is written forgets what is known
/// about its path, the paths above and those below. Errors and blobs are not remembered.
pub struct Cached {
    inner: Arc<dyn VirtualBackend>,
    options: CacheOptions,
    remembered: Mutex<Remembered>,
}

impl Cached {
    pub(super) fn new(inner: Arc<dyn VirtualBackend>, options: CacheOptions) -> Self {
        let remembered = Mutex::new(Remembered::new(options.max_plane_bytes));
        Self { inner, options, remembered }
    }

    /// Bytes of planes that are remembered now.
    pub fn plane_bytes(&self) -> u64 {
        self.lock().plane_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remembered answer of `path` that `field` chooses, or a new one by `ask`.
    fn known<T: Clone>(
        &self,
        path: &VirtualPath,
        field: impl Fn(&mut Known) -> &mut Option<T>,
        ask: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let mut remembered = self.lock();
        let epoch = remembered.epoch();
        if let Some(answer) = remembered.known(path).and_then(|known| field(known).clone()) {
            return Ok(answer);
        }
        drop(remembered);
        let answer = ask()?;
        if let Some(known) = self.lock().known_since(epoch, path) {
            *field(known) = Some(answer.clone());
        }
        Ok(answer)
    }

    /// Makes a change and forgets everything, whether or not it succeeds: a failed change
    /// may have been made in part.
    fn changing<T>(&self, change: impl FnOnce() -> Result<T>) -> Result<T> {
        let answer = change();
        self.lock().forget_all();
        answer
    }

    /// Answers what is remembered and returns the positions of the rest, or `None` when the
    /// sink wants no more.
    fn answer_remembered(
        &self,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) -> Option<Vec<usize>> {
        let mut missed = Vec::new();
        for (position, request) in requests.iter().enumerate() {
            let found = self.lock().plane(request);
            match found {
                Some(plane) => {
                    if sink(position, Ok(plane)) == ControlFlow::Break(()) {
                        return None;
                    }
                }
                None => missed.push(position),
            }
        }
        Some(missed)
    }
}

pub(crate) fn from_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    layer.check_options(&[MAX_PLANE_BYTES])?;
    let default = CacheOptions::default().max_plane_bytes;
    let max_plane_bytes = layer.option(MAX_PLANE_BYTES)?.unwrap_or(default);
    Ok(Arc::new(Cached::new(inner, CacheOptions { max_plane_bytes })))
}

impl fmt::Display for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("inner", &self.inner)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl VirtualBackend for Cached {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn spec(&self) -> BackendSpec {
        let max_plane_bytes = self.options.max_plane_bytes.to_string();
        let layer = SpecLayer::new(NAME).with_option(MAX_PLANE_BYTES, max_plane_bytes);
        self.inner.spec().with_layer(layer)
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.known(path, |known| &mut known.stat, || self.inner.stat(path))
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.known(dir, |known| &mut known.list, || self.inner.list(dir))
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        self.known(path, |known| &mut known.plate, || self.inner.plate(path))
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        self.known(path, |known| &mut known.inventory, || self.inner.inventory(path))
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.known(path, |known| &mut known.describe, || self.inner.describe(path))
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        let epoch = self.lock().epoch();
        let Some(missed) = self.answer_remembered(requests, sink) else { return };
        let asked: Vec<_> = missed.iter().map(|&position| requests[position].clone()).collect();
        if asked.is_empty() {
            return;
        }
        self.inner.read_planes(&asked, &|at, answer| {
            if let Ok(plane) = &answer {
                self.lock().remember_since(epoch, &asked[at], plane);
            }
            sink(missed[at], answer)
        });
    }

    fn fingerprints(&self, requests: &[PlaneRequest]) -> Vec<Option<String>> {
        self.inner.fingerprints(requests)
    }

    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.changing(|| self.inner.create_plate(path, structure))
    }

    fn extend_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.changing(|| self.inner.extend_plate(path, structure))
    }

    fn labels(&self, path: &VirtualPath) -> Result<Vec<VirtualPath>> {
        self.inner.labels(path)
    }

    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        self.changing(|| self.inner.create_image(path, image))
    }

    fn finish_plate(&self, path: &VirtualPath) -> Result<()> {
        self.changing(|| self.inner.finish_plate(path))
    }

    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        self.changing(|| self.inner.write_planes(planes))
    }

    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        self.inner.read_blob(path, range)
    }

    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        let answer = self.inner.write_blob(path, data, mode);
        self.lock().forget_around(path);
        answer
    }

    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        let answer = self.inner.create_directory(path);
        self.lock().forget_around(path);
        answer
    }

    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        self.changing(|| self.inner.delete(path, recursive))
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.changing(|| self.inner.rename(from, to))
    }

    fn invalidate(&self, path: &VirtualPath) {
        self.inner.invalidate(path);
        self.lock().forget_all();
    }

    fn as_tables(&self) -> Option<&dyn TableStore> {
        self.inner.as_tables()
    }

    fn as_rois(&self) -> Option<&dyn RoiStore> {
        self.inner.as_rois()
    }

    fn as_annotations(&self) -> Option<&dyn AnnotationStore> {
        self.inner.as_annotations()
    }

    fn unsupported(&self, operation: &str) -> Error {
        self.inner.unsupported(operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MemoryBackend, PlaneIndex, PlaneShape, Region, VirtualBackendExt,
        wrap::{Count, Hooked, Operation, cache, count},
    };

    fn request(n: u32) -> PlaneRequest {
        let path = VirtualPath::parse(&format!("/{n}.tif")).unwrap();
        PlaneRequest::new(path, PlaneIndex::default())
    }

    fn plane(n: u8) -> Plane {
        Plane::from_vec(PlaneShape::new(2, 5), vec![n; 10]).unwrap()
    }

    fn cached(max_plane_bytes: u64) -> (Arc<Hooked<Count>>, Cached) {
        let counted = Arc::new(count(Arc::new(MemoryBackend::new())));
        for n in 0..4 {
            counted.write_plane(request(n), plane(n as u8)).unwrap();
        }
        counted.reset();
        let inner = Arc::clone(&counted) as Arc<dyn VirtualBackend>;
        (counted, cache(inner, CacheOptions { max_plane_bytes }))
    }

    #[test]
    fn planes_are_asked_for_once_and_the_longest_unused_go() {
        let (counted, backend) = cached(25);
        for n in [0, 1, 0, 1, 0] {
            assert_eq!(backend.read_plane(&request(n)).unwrap(), plane(n as u8));
        }
        assert_eq!(counted.reset().planes_requested, 2);
        backend.read_plane(&request(2)).unwrap();
        assert_eq!(backend.plane_bytes(), 20);
        backend.read_plane(&request(0)).unwrap();
        assert_eq!(counted.reset().planes_requested, 1);
        let part = request(0).with_region(Region::new(0, 0, 1, 2));
        assert_eq!(backend.read_plane(&part).unwrap().n_bytes(), 2);
        assert_eq!(counted.reset().planes_requested, 0);
        let batch = backend.read_all(&[request(3), request(0), request(1)]).unwrap();
        assert_eq!(batch, [plane(3), plane(0), plane(1)]);
        assert_eq!(counted.reset().planes_requested, 2);
    }

    #[test]
    fn structure_is_asked_for_once_and_errors_every_time() {
        let (counted, backend) = cached(100);
        let missing = VirtualPath::parse("/missing").unwrap();
        for _ in 0..3 {
            backend.list(&VirtualPath::root()).unwrap();
            backend.describe(&request(1).path).unwrap();
            backend.stat(&missing).unwrap_err();
        }
        let counts = counted.reset();
        assert_eq!((counts.of(Operation::List), counts.of(Operation::Describe)), (1, 1));
        assert_eq!(counts.of(Operation::Stat), 3);
    }

    #[test]
    fn changes_and_invalidation_forget() {
        let (counted, backend) = cached(100);
        backend.read_plane(&request(0)).unwrap();
        backend.write_plane(request(0), plane(9)).unwrap();
        assert_eq!(backend.read_plane(&request(0)).unwrap(), plane(9));
        counted.write_plane(request(0), plane(8)).unwrap();
        assert_eq!(backend.read_plane(&request(0)).unwrap(), plane(9));
        backend.invalidate(&request(0).path);
        assert_eq!(backend.read_plane(&request(0)).unwrap(), plane(8));
        backend.list(&VirtualPath::root()).unwrap();
        backend.write_text(&VirtualPath::parse("/a/b.txt").unwrap(), "x").unwrap();
        assert_eq!(backend.list(&VirtualPath::root()).unwrap().len(), 5);
        counted.reset();
        backend.read_plane(&request(0)).unwrap();
        assert_eq!(counted.counts().planes_requested, 0);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let (_, backend) = cached(100);
        backend.read_planes(&[request(0), request(1)], &|position, _| {
            if position == 0 {
                backend.write_plane(request(1), plane(7)).unwrap();
            }
            ControlFlow::Continue(())
        });
        assert_eq!(backend.read_plane(&request(1)).unwrap(), plane(7));
    }
}
