//! The trait's methods, in terms of a store's state.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    BackendSpec, Capabilities, Entry, Error, Plane, PlaneRequest, PlaneSink, Result,
    VirtualBackend, VirtualPath, WriteMode,
    backend::{AnnotationStore, RoiStore, TableStore},
    fan_out,
    memory::MemoryBackend,
    model::{ImageStructure, Inventory, PlateStructure},
    pyramid,
};

impl VirtualBackend for MemoryBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            write: true,
            blobs: true,
            create_plates: true,
            create_images: true,
            region_write: true,
            region_read: true,
            levels: true,
            batch_read: true,
            zero_copy: true,
            delete: true,
            rename: true,
            ..Capabilities::default()
        }
    }

    fn spec(&self) -> BackendSpec {
        BackendSpec::new("memory", self.name())
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.told(path, || self.state().stat(path))
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.told(dir, || self.state().list(dir))
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        self.told(path, || Ok(Arc::clone(self.state().plate(path)?.structure())))
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        self.told(path, || self.state().inventory(path).map(Arc::new))
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.told(path, || self.state().describe(path))
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        fan_out::for_each(fan_out::default_concurrency(), requests.len(), |position| {
            let request = &requests[position];
            sink(position, self.told(request, || self.read_plane_now(request)))
        });
    }

    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.told(path, || self.state_mut().create_plate(path, structure))
    }

    fn extend_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.told(path, || self.state_mut().extend_plate(path, structure))
    }

    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        self.told(path, || self.state_mut().create_image(path, image))
    }

    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        planes.iter().try_for_each(|(request, plane)| {
            self.told(request, || self.state_mut().write(request, plane))
        })
    }

    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        self.told(path, || slice(self.state().read_blob(path)?, range))
    }

    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        self.told(path, || self.state_mut().write_blob(path, data, mode))
    }

    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        self.told(path, || self.state_mut().create_directory(path))
    }

    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        self.told(path, || self.state_mut().delete(path, recursive))
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.told(from, || self.state_mut().rename(from, to))
    }

    fn as_tables(&self) -> Option<&dyn TableStore> {
        Some(self)
    }

    fn as_rois(&self) -> Option<&dyn RoiStore> {
        Some(self)
    }

    fn as_annotations(&self) -> Option<&dyn AnnotationStore> {
        Some(self)
    }
}

/// The bytes of `range`, which must lie inside `data`.
fn slice(data: Bytes, range: Option<Range<u64>>) -> Result<Bytes> {
    let Some(range) = range else { return Ok(data) };
    if range.start > range.end || range.end > data.len() as u64 {
        return Err(Error::invalid_input(format!(
            "bytes {} to {} are not inside the file of {} bytes",
            range.start,
            range.end,
            data.len()
        )));
    }
    Ok(data.slice(range.start as usize..range.end as usize))
}

impl MemoryBackend {
    fn read_plane_now(&self, request: &PlaneRequest) -> Result<Plane> {
        let stored = self.state().read(request)?;
        let mut plane = stored.found.plane;
        if stored.found.was_spilled {
            self.state_mut().planes.bring_back(stored.id, &plane);
        }
        for _ in 0..request.level {
            plane = pyramid::downsample(&plane, stored.kind)?;
        }
        match request.region {
            Some(region) => plane.crop(region),
            None => Ok(plane),
        }
    }
}
