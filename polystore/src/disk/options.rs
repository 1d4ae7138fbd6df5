//! Settings of the disk backend.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use super::TiffCompression;
use crate::{microscope::Generic, structure_cache::StructureCache};

/// How to open a [`DiskBackend`](super::DiskBackend).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DiskOptions {
    /// Layout of the plates in this folder, by the name of its reader; recognised when `None`.
    pub microscope: Option<String>,
    /// Layout of the plates in this folder as the user describes it, in place of a reader.
    pub layout: Option<Arc<Generic>>,
    /// Hands out uncompressed planes as memory maps, without a copy. Set it only for files
    /// that nobody changes while their planes are in use: a change shows in the planes, and
    /// a file that is cut short ends the process.
    pub map: bool,
    /// Folders outside the root that links may lead to; others are refused.
    pub links_to: Vec<PathBuf>,
    /// Where structures are cached; `None` for nowhere.
    pub cache: Option<StructureCache>,
    /// How TIFF files are compressed that this backend writes.
    pub compression: TiffCompression,
    /// Threads that read or write a batch.
    pub io_concurrency: NonZeroUsize,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            microscope: None,
            layout: None,
            map: false,
            links_to: Vec::new(),
            cache: StructureCache::of_user(),
            compression: TiffCompression::default(),
            io_concurrency: crate::fan_out::default_concurrency(),
        }
    }
}

impl DiskOptions {
    /// These settings with the layout named.
    #[must_use]
    pub fn with_microscope(mut self, name: impl Into<String>) -> Self {
        self.microscope = Some(name.into());
        self
    }

    /// These settings with the layout described.
    #[must_use]
    pub fn with_layout(mut self, layout: Generic) -> Self {
        self.layout = Some(Arc::new(layout));
        self
    }

    /// These settings without a cache of structures.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.cache = None;
        self
    }
}
