//! The kinds of stores that are written, by name, so that a child can open the same.

use std::{path::Path, sync::Arc};

use polystore::{
    PlaneShape, Result, VirtualBackend,
    convert::TargetLayout,
    disk::{DiskBackend, DiskOptions},
    zarr::{Durability, NgffVersion, Sharding, ZarrBackend, ZarrOptions},
};

use crate::planes::SHAPE;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A TIFF for every plane.
    DiskPlanes,
    /// An OME-TIFF for every field.
    DiskFields,
    Zarr04,
    Zarr05Synced,
    /// A plane lies in six files.
    ZarrTiles,
    /// Planes share files.
    ZarrShards,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::DiskPlanes,
        Self::DiskFields,
        Self::Zarr04,
        Self::Zarr05Synced,
        Self::ZarrTiles,
        Self::ZarrShards,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DiskPlanes => "disk_planes",
            Self::DiskFields => "disk_fields",
            Self::Zarr04 => "zarr_04",
            Self::Zarr05Synced => "zarr_05_synced",
            Self::ZarrTiles => "zarr_tiles",
            Self::ZarrShards => "zarr_shards",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn layout(self) -> TargetLayout {
        match self {
            Self::DiskPlanes => TargetLayout::Planes,
            Self::DiskFields => TargetLayout::OmeTiff,
            _ => TargetLayout::Zarr,
        }
    }

    /// Opens the store at `path`, a folder that is there.
    pub(crate) fn open(self, path: &Path) -> Result<Arc<dyn VirtualBackend>> {
        let zarr = |options: ZarrOptions| -> Result<Arc<dyn VirtualBackend>> {
            Ok(Arc::new(ZarrBackend::open_with(path, options)?))
        };
        let plain =
            ZarrOptions { durability: Durability::Buffered, cache: None, ..ZarrOptions::default() };
        match self {
            Self::DiskPlanes | Self::DiskFields => {
                let options = DiskOptions::default().without_cache();
                Ok(Arc::new(DiskBackend::open_with(path, options)?))
            }
            Self::Zarr04 => zarr(ZarrOptions { version: NgffVersion::V04, ..plain }),
            Self::Zarr05Synced => zarr(ZarrOptions { durability: Durability::Synced, ..plain }),
            Self::ZarrTiles => {
                let tile = PlaneShape::new(SHAPE.height / 2, SHAPE.width / 3 + 1);
                zarr(ZarrOptions { chunk: Some(tile), ..plain })
            }
            Self::ZarrShards => zarr(ZarrOptions { sharding: Sharding::Image, ..plain }),
        }
    }
}
