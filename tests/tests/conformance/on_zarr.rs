//! The zarr backend: both versions, with shards and tiles. Every case of levels declares
//! its pyramids itself.

use std::sync::Arc;

use polystore::{
    Error, PlaneShape, Result, VirtualPath,
    conformance::{Place, Subject},
    convert::TargetLayout,
    zarr::{Durability, NgffVersion, Sharding, ZarrBackend, ZarrOptions},
};

/// A fresh temporary store for every case.
struct Zarr {
    name: &'static str,
    options: ZarrOptions,
    exceptions: Vec<(&'static str, &'static str)>,
}

pub(crate) fn subjects() -> Vec<Arc<dyn Subject>> {
    let plain =
        ZarrOptions { durability: Durability::Buffered, cache: None, ..ZarrOptions::default() };
    let v04 = ZarrOptions { version: NgffVersion::V04, ..plain.clone() };
    let zarr = |name, options| Zarr { name, options, exceptions: Vec::new() };
    let tiled = Zarr {
        exceptions: vec![(
            "write/atomic_overwrite",
            "a plane of several tiles is missing while it is replaced",
        )],
        ..zarr("zarr_04_tiled", ZarrOptions { chunk: Some(PlaneShape::new(4, 3)), ..v04.clone() })
    };
    let subjects = [
        zarr("zarr_04", v04.clone()),
        zarr("zarr_05", plain.clone()),
        zarr("zarr_05_synced", ZarrOptions { durability: Durability::Synced, ..plain.clone() }),
        zarr("zarr_05_sharded", ZarrOptions { sharding: Sharding::Image, ..plain.clone() }),
        zarr(
            "zarr_05_sharded_tiles",
            ZarrOptions {
                sharding: Sharding::Channel,
                chunk: Some(PlaneShape::new(2, 8)),
                ..plain.clone()
            },
        ),
        tiled,
    ];
    subjects.into_iter().map(|subject| Arc::new(subject) as Arc<dyn Subject>).collect()
}

impl Zarr {
    /// A temporary folder: in memory where there is one and nothing must be synced, for a
    /// plate of 1536 wells has thousands of files.
    fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        match self.options.durability {
            Durability::Buffered => {
                tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
            }
            Durability::Synced => tempfile::tempdir(),
        }
    }
}

impl Subject for Zarr {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self) -> Result<Place> {
        let folder = self.folder().map_err(|error| Error::io(error, "create", "a folder"))?;
        let backend = ZarrBackend::open_with(folder.path(), self.options.clone())?;
        Ok(Place::writable(Arc::new(backend), VirtualPath::root()).keeping(folder))
    }

    fn layout(&self) -> TargetLayout {
        TargetLayout::Zarr
    }

    fn exceptions(&self) -> Vec<(&'static str, &'static str)> {
        self.exceptions.clone()
    }
}
