//! Where the planes of a plate come from: files, and planes inside files.

use serde::{Deserialize, Serialize};

use crate::{
    PlaneIndex,
    model::{FileNames, Inventory, PlateStructure, Sizes},
};

/// One plane inside a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaneSource {
    /// Index into [`SourceMap::files`].
    pub file: u32,
    /// Page of the file: the position of a TIFF's directory in its chain, or of a plane in
    /// an `.npy` stack; 0 for files with one plane.
    pub page: u32,
    /// Sample of an interleaved page (0 red, 1 green, 2 blue); 0 for grey pages.
    pub sample: u16,
    /// Whether the file stands for one plane, all of its samples apart: one with more pages or
    /// samples than its plate has of it is not what its name says.
    pub whole: bool,
}

impl PlaneSource {
    /// The only plane of file number `file`.
    pub const fn whole(file: u32) -> Self {
        Self { file, page: 0, sample: 0, whole: true }
    }

    /// Page number `page` of file number `file`.
    pub const fn page(file: u32, page: u32) -> Self {
        Self { file, page, sample: 0, whole: false }
    }
}

/// The sources of one image's planes, dense in `t, c, z` order (z fastest).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSources {
    sizes: Sizes,
    planes: Vec<Option<PlaneSource>>,
}

impl ImageSources {
    /// No plane of an image of `sizes` has a source yet.
    pub fn empty(sizes: Sizes) -> Self {
        Self { sizes, planes: vec![None; usize::try_from(sizes.n_planes()).unwrap_or(0)] }
    }

    /// The source of a plane, if it has one.
    pub fn get(&self, index: PlaneIndex) -> Option<PlaneSource> {
        self.planes.get(self.sizes.ordinal(index)?).copied().flatten()
    }

    /// How many samples the page of the plane at `index` is taken apart into: they are
    /// channels that follow each other.
    pub fn n_samples(&self, index: PlaneIndex) -> u16 {
        let Some(source) = self.get(index) else { return 0 };
        let channel = |sample: u16| index.c + u32::from(sample) - u32::from(source.sample);
        let is_next = |sample: &u16| {
            let next = self.get(PlaneIndex { c: channel(*sample), ..index });
            next == Some(PlaneSource { sample: *sample, ..source })
        };
        (source.sample + 1..u16::MAX).find(|sample| !is_next(sample)).unwrap_or(u16::MAX)
    }

    /// Sets the source of a plane and returns the earlier one: `Some` means two sources
    /// claim one plane. A plane outside the image is ignored.
    pub fn set(&mut self, index: PlaneIndex, source: PlaneSource) -> Option<PlaneSource> {
        let ordinal = self.sizes.ordinal(index)?;
        self.planes.get_mut(ordinal)?.replace(source)
    }

    /// Planes with their sources, in `t, c, z` order.
    pub fn iter(&self) -> impl Iterator<Item = (PlaneIndex, PlaneSource)> + '_ {
        self.sizes
            .indices()
            .zip(&self.planes)
            .filter_map(|(index, source)| source.map(|source| (index, source)))
    }
}

/// The files of a plate and which plane comes from which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMap {
    /// Files, relative to the plate's folder, `/`-separated.
    pub files: FileNames,
    /// One entry per image in plate order.
    pub images: Vec<ImageSources>,
}

/// Everything that is learned by opening a plate of files: what it declares, what is
/// there, and where each plane comes from. This is what the structure cache keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredPlate {
    /// What the plate declares.
    pub structure: PlateStructure,
    /// What is there.
    pub inventory: Inventory,
    /// Where each plane comes from.
    pub sources: SourceMap,
}
