//! A backend with something done around every call: the frame of most decorators.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    BackendSpec, Capabilities, Entry, Error, Plane, PlaneRequest, PlaneSink, Result, SpecLayer,
    VirtualBackend, VirtualPath, WriteMode,
    backend::{Annotation, AnnotationStore, Roi, RoiStore, Table, TableStore},
    model::{ImageStructure, Inventory, PlateStructure},
    wrap::{Call, Operation},
};

/// What a decorator does around the calls to the backend inside.
pub trait Hook: fmt::Debug + Send + Sync + 'static {
    /// Makes one call, by `run`, or answers in its place.
    ///
    /// # Errors
    /// As `run` answers, or the hook's own.
    fn call<T>(&self, call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T>;

    /// Reads a batch from `inner`, by the contract of [`VirtualBackend::read_planes`].
    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    );

    /// Writes a batch to `inner`, which is not empty.
    ///
    /// # Errors
    /// As [`VirtualBackend::write_planes`], or the hook's own.
    fn write_planes(
        &self,
        inner: &dyn VirtualBackend,
        planes: &[(PlaneRequest, Plane)],
    ) -> Result<()> {
        let Some((first, _)) = planes.first() else { return Ok(()) };
        self.call(Call::new(Operation::WritePlanes, &first.path), || inner.write_planes(planes))
    }

    /// What the backend can do through this hook.
    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        inner
    }

    /// What makes the same hook in another process; `None` for one that stays in this one.
    fn layer(&self) -> Option<SpecLayer>;
}

/// A backend inside a [`Hook`]. Messages name the backend inside.
pub struct Hooked<H> {
    pub(super) inner: Arc<dyn VirtualBackend>,
    pub(super) hook: H,
}

impl<H: Hook> Hooked<H> {
    /// Puts `hook` around `inner`.
    pub fn new(inner: Arc<dyn VirtualBackend>, hook: H) -> Self {
        Self { inner, hook }
    }

    /// The backend inside.
    pub fn inner(&self) -> &Arc<dyn VirtualBackend> {
        &self.inner
    }

    fn call<T>(
        &self,
        operation: Operation,
        path: &VirtualPath,
        run: impl FnOnce(&dyn VirtualBackend) -> Result<T>,
    ) -> Result<T> {
        self.hook
            .call(Call::new(operation, path), || run(&*self.inner))
            .map_err(|error| error.with_backend(self.to_string()).with_path(path))
    }

    /// The backend's store of a kind; it was there when the decorator said that it has one.
    fn part<'a, S: ?Sized>(&self, part: Option<&'a S>, operation: Operation) -> Result<&'a S> {
        part.ok_or_else(|| self.inner.unsupported(operation.as_str()))
    }
}

impl<H: Hook> fmt::Display for Hooked<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl<H: Hook> fmt::Debug for Hooked<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooked").field("hook", &self.hook).field("inner", &self.inner).finish()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<H: Hook> VirtualBackend for Hooked<H> {
    fn capabilities(&self) -> Capabilities {
        self.hook.capabilities(self.inner.capabilities())
    }

    fn spec(&self) -> BackendSpec {
        let spec = self.inner.spec();
        match self.hook.layer() {
            Some(layer) => spec.with_layer(layer),
            None => spec,
        }
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.call(Operation::Stat, path, |inner| inner.stat(path))
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.call(Operation::List, dir, |inner| inner.list(dir))
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        self.call(Operation::Plate, path, |inner| inner.plate(path))
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        self.call(Operation::Inventory, path, |inner| inner.inventory(path))
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.call(Operation::Describe, path, |inner| inner.describe(path))
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        if !requests.is_empty() {
            self.hook.read_planes(&*self.inner, requests, sink);
        }
    }

    fn fingerprints(&self, requests: &[PlaneRequest]) -> Vec<Option<String>> {
        self.inner.fingerprints(requests)
    }

    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.call(Operation::CreatePlate, path, |inner| inner.create_plate(path, structure))
    }

    fn extend_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.call(Operation::ExtendPlate, path, |inner| inner.extend_plate(path, structure))
    }

    fn labels(&self, path: &VirtualPath) -> Result<Vec<VirtualPath>> {
        self.call(Operation::Labels, path, |inner| inner.labels(path))
    }

    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        self.call(Operation::CreateImage, path, |inner| inner.create_image(path, image))
    }

    fn finish_plate(&self, path: &VirtualPath) -> Result<()> {
        self.call(Operation::FinishPlate, path, |inner| inner.finish_plate(path))
    }

    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        match planes.first() {
            Some((first, _)) => self
                .hook
                .write_planes(&*self.inner, planes)
                .map_err(|error| error.with_backend(self.to_string()).with_path(first)),
            None => Ok(()),
        }
    }

    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        self.call(Operation::ReadBlob, path, |inner| inner.read_blob(path, range))
    }

    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        self.call(Operation::WriteBlob, path, |inner| inner.write_blob(path, data, mode))
    }

    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        self.call(Operation::CreateDirectory, path, |inner| inner.create_directory(path))
    }

    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        self.call(Operation::Delete, path, |inner| inner.delete(path, recursive))
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.call(Operation::Rename, from, |inner| inner.rename(from, to))
    }

    fn invalidate(&self, path: &VirtualPath) {
        self.inner.invalidate(path);
    }

    fn as_tables(&self) -> Option<&dyn TableStore> {
        self.inner.as_tables().map(|_| self as &dyn TableStore)
    }

    fn as_rois(&self) -> Option<&dyn RoiStore> {
        self.inner.as_rois().map(|_| self as &dyn RoiStore)
    }

    fn as_annotations(&self) -> Option<&dyn AnnotationStore> {
        self.inner.as_annotations().map(|_| self as &dyn AnnotationStore)
    }

    fn unsupported(&self, operation: &str) -> Error {
        self.inner.unsupported(operation)
    }
}

impl<H: Hook> TableStore for Hooked<H> {
    fn write_table(&self, target: &VirtualPath, name: &str, table: &Table) -> Result<()> {
        self.call(Operation::WriteTable, target, |inner| {
            self.part(inner.as_tables(), Operation::WriteTable)?.write_table(target, name, table)
        })
    }

    fn read_table(&self, target: &VirtualPath, name: &str) -> Result<Table> {
        self.call(Operation::ReadTable, target, |inner| {
            self.part(inner.as_tables(), Operation::ReadTable)?.read_table(target, name)
        })
    }

    fn list_tables(&self, target: &VirtualPath) -> Result<Vec<String>> {
        self.call(Operation::ListTables, target, |inner| {
            self.part(inner.as_tables(), Operation::ListTables)?.list_tables(target)
        })
    }
}

impl<H: Hook> RoiStore for Hooked<H> {
    fn write_rois(&self, image: &VirtualPath, rois: &[Roi]) -> Result<()> {
        self.call(Operation::WriteRois, image, |inner| {
            self.part(inner.as_rois(), Operation::WriteRois)?.write_rois(image, rois)
        })
    }

    fn read_rois(&self, image: &VirtualPath) -> Result<Vec<Roi>> {
        self.call(Operation::ReadRois, image, |inner| {
            self.part(inner.as_rois(), Operation::ReadRois)?.read_rois(image)
        })
    }
}

impl<H: Hook> AnnotationStore for Hooked<H> {
    fn annotate(&self, target: &VirtualPath, annotation: &Annotation) -> Result<()> {
        self.call(Operation::Annotate, target, |inner| {
            self.part(inner.as_annotations(), Operation::Annotate)?.annotate(target, annotation)
        })
    }

    fn annotations(&self, target: &VirtualPath) -> Result<Vec<Annotation>> {
        self.call(Operation::Annotations, target, |inner| {
            self.part(inner.as_annotations(), Operation::Annotations)?.annotations(target)
        })
    }
}
