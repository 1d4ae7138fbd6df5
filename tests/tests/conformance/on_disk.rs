//! The disk backend, with plates as files of one plane and as OME-TIFF.

use std::sync::Arc;

use polystore::{
    Error, Result, VirtualPath,
    conformance::{Place, Subject},
    convert::TargetLayout,
    disk::{DiskBackend, DiskOptions},
};

/// A fresh temporary folder for every case.
struct Disk {
    name: &'static str,
    layout: TargetLayout,
    map: bool,
}

pub(crate) fn subjects() -> Vec<Arc<dyn Subject>> {
    let disk = |name, layout, map| Arc::new(Disk { name, layout, map }) as Arc<dyn Subject>;
    vec![
        disk("disk", TargetLayout::Planes, false),
        disk("disk_ome_tiff", TargetLayout::OmeTiff, false),
        disk("disk_mapped", TargetLayout::Planes, true),
    ]
}

impl Subject for Disk {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self) -> Result<Place> {
        let folder = tempfile::tempdir()
            .map_err(|error| Error::io(error, "create", "a temporary folder"))?;
        let mut options = DiskOptions::default().without_cache();
        options.map = self.map;
        let backend = DiskBackend::open_with(folder.path(), options)?;
        Ok(Place::writable(Arc::new(backend), VirtualPath::root()).keeping(folder))
    }

    fn layout(&self) -> TargetLayout {
        self.layout
    }

    fn image_name(&self, name: &str) -> String {
        match self.layout {
            TargetLayout::OmeTiff => format!("{name}.ome.tif"),
            _ => name.to_owned(),
        }
    }

    fn plane_extensions(&self) -> Vec<&'static str> {
        vec!["tif", "tiff", "png", "npy"]
    }
}
