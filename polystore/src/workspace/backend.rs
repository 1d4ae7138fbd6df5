//! The trait's methods, in terms of a mapping and its overlay.

use std::{
    num::NonZeroUsize,
    ops::Range,
    sync::{Arc, PoisonError},
};

use bytes::Bytes;

use super::{Workspace, locate::At};
use crate::{
    BackendSpec, Capabilities, Entry, Error, Plane, PlaneRequest, PlaneSink, Result,
    VirtualBackend, VirtualPath, WriteMode,
    backend::{AnnotationStore, RoiStore, TableStore},
    model::{ImageStructure, Inventory, PlateStructure},
};

impl VirtualBackend for Workspace {
    fn capabilities(&self) -> Capabilities {
        let overlay = self.overlay.as_ref().map(|overlay| overlay.backend.capabilities());
        let over = overlay.unwrap_or_default();
        let readers: Vec<_> = self
            .mapping
            .sources
            .iter()
            .map(|source| source.capabilities())
            .chain(overlay)
            .collect();
        let has_levels = self.mapping.structure().images().any(|(_, image)| image.n_levels > 1);
        Capabilities {
            write: over.write,
            blobs: over.blobs,
            create_plates: over.create_plates,
            create_images: over.create_images,
            region_write: over.region_write,
            // What is deleted of a source is told by a file in the overlay.
            delete: over.delete && over.write && over.blobs,
            rename: over.rename,
            region_read: readers.iter().all(|can| can.region_read),
            levels: over.levels || has_levels,
            batch_read: readers.iter().any(|can| can.batch_read),
            zero_copy: readers.iter().any(|can| can.zero_copy),
            network: readers.iter().any(|can| can.network),
            max_concurrency: most_useful(&readers),
        }
    }

    fn spec(&self) -> BackendSpec {
        self.own_spec()
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.stat_path(path)
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.list_path(dir).map_err(|error| error.with_backend(self.to_string()))
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        match self.at(path) {
            At::Plate => Ok(Arc::clone(self.mapping.structure())),
            at => {
                let (backend, below) = self.plate_below(&at, path)?;
                self.told(path, backend.plate(&below))
            }
        }
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        match self.at(path) {
            At::Plate => self.take_inventory().map(Arc::new),
            at => {
                let (backend, below) = self.plate_below(&at, path)?;
                self.told(path, backend.inventory(&below))
            }
        }
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.describe_path(path).map_err(|error| error.with_backend(self.to_string()))
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        self.read_batch(requests, sink);
    }

    fn fingerprints(&self, requests: &[PlaneRequest]) -> Vec<Option<String>> {
        self.fingerprint_batch(requests)
    }

    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.create_plate_at(path, structure)
    }

    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        self.create_image_at(path, image)
    }

    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        self.write_batch(planes)
    }

    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        let refuse = |message: &'static str| {
            Err(Error::invalid_input(message).with_backend(self.to_string()).with_path(path))
        };
        if self.overlay.is_none() {
            let message = "a workspace without an overlay has no files";
            return Err(Error::unsupported(message).with_backend(self.to_string()).with_path(path));
        }
        match self.at(path) {
            At::Plate | At::Folder => refuse("is a directory, not a file"),
            At::Image(_) => refuse("is an image, not a file; read its planes"),
            At::Plane(..) => refuse("is a plane of a source, not a file; read it as a plane"),
            At::Internal => Err(self.nothing(path)),
            at @ (At::Below(..) | At::Other) => {
                let (overlay, below) = self.overlaid(&at, path)?;
                self.told(path, overlay.backend.read_blob(&below, range))
            }
        }
    }

    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        self.write_blob_at(path, data, mode)
    }

    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        self.create_directory_at(path)
    }

    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        self.delete_at(path, recursive)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.rename_at(from, to)
    }

    fn invalidate(&self, path: &VirtualPath) {
        for (ordinal, (_, image)) in self.mapping.structure().images().enumerate() {
            if !image.path.starts_with(path) && !path.starts_with(&image.path) {
                continue;
            }
            let Some(mapping) = self.mapping.images.get(ordinal) else { continue };
            for part in &mapping.parts {
                if let Ok(backend) = self.mapping.backend(part) {
                    backend.invalidate(&part.image);
                }
            }
        }
        self.ordinals.write().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(overlay) = &self.overlay {
            overlay.backend.invalidate(path);
            if let Err(error) = overlay.reload(self.mapping.structure()) {
                tracing::warn!(error = %error.chain(), "overlay was not read again");
            }
        }
    }

    fn as_tables(&self) -> Option<&dyn TableStore> {
        self.tables().map(|_| self as &dyn TableStore)
    }

    fn as_rois(&self) -> Option<&dyn RoiStore> {
        self.rois().map(|_| self as &dyn RoiStore)
    }

    fn as_annotations(&self) -> Option<&dyn AnnotationStore> {
        self.notes().map(|_| self as &dyn AnnotationStore)
    }
}

impl Workspace {
    /// Who answers for a plate that is not the mapped one.
    fn plate_below(
        &self,
        at: &At,
        path: &VirtualPath,
    ) -> Result<(&Arc<dyn VirtualBackend>, VirtualPath)> {
        if matches!(at, At::Folder | At::Image(_) | At::Plane(..)) {
            return Err(Error::invalid_data("is part of a plate, not a plate")
                .with_backend(self.to_string())
                .with_path(path));
        }
        if matches!(at, At::Internal) {
            return Err(self.nothing(path));
        }
        let (overlay, below) = self.overlaid(at, path)?;
        Ok((&overlay.backend, below))
    }
}

/// A batch may go to any of the backends: what the least bounded of them can use.
fn most_useful(readers: &[Capabilities]) -> Option<NonZeroUsize> {
    let bounds: Option<Vec<_>> = readers.iter().map(|can| can.max_concurrency).collect();
    bounds?.into_iter().max()
}
