//! Which page and sample of a file each plane of its image is.

use std::{collections::HashMap, path::Path};

use super::{file::Directory, ome};
use crate::{
    PlaneIndex, Result, VirtualPath,
    model::{ImageStructure, PhysicalSize, Sizes},
};

/// A TIFF file as one image.
#[derive(Clone, Debug)]
pub(crate) struct FileImage {
    /// Sizes, type and so on; `path` is the root.
    pub(crate) image: ImageStructure,
    /// Page and sample of each plane in `t, c, z` order; `None` where the file says that the
    /// plane was never stored.
    planes: Vec<Option<(u32, u16)>>,
}

impl FileImage {
    /// An image whose planes are found by `locate`.
    pub(crate) fn new(
        image: ImageStructure,
        locate: impl FnMut(PlaneIndex) -> Option<(u32, u16)>,
    ) -> Self {
        let planes = image.sizes.indices().map(locate).collect();
        Self { image, planes }
    }

    /// Page and sample of a plane of the image.
    pub(crate) fn locate(&self, index: PlaneIndex) -> Option<(u32, u16)> {
        self.planes.get(self.image.sizes.ordinal(index)?).copied().flatten()
    }

    /// The file as one image: by its OME-XML where it has any, else by its pages.
    ///
    /// # Errors
    /// As [`FileImage::of_pages`]. Metadata that do not fit the file are told in the log and
    /// passed over: the pages are read as they are.
    pub(crate) fn of(directory: &Directory, path: &Path) -> Result<Self> {
        if !ome::is_ome(&directory.description) {
            return Self::of_pages(directory);
        }
        match ome::image_of(directory, path) {
            Ok(image) => Ok(image),
            Err(error) => {
                tracing::warn!(file = %path.display(), error = %error.chain(), "OME-XML is passed over");
                Self::of_pages(directory)
            }
        }
    }

    /// Reads a file that is not an OME-TIFF: ImageJ's settings where they stand, else pages
    /// as z-sections and samples as channels.
    pub(crate) fn of_pages(directory: &Directory) -> Result<Self> {
        let first = directory.pages[0].full();
        let alike = directory
            .pages
            .iter()
            .take_while(|entry| {
                let page = entry.full();
                (page.shape, page.pixel_type, page.n_samples)
                    == (first.shape, first.pixel_type, first.n_samples)
            })
            .count() as u32;
        let samples = u32::from(first.n_samples);
        let imagej = ImageJ::parse(&directory.description);
        // A file that ImageJ's settings do not fit, or whose pages differ, is read as far
        // as its pages are alike.
        let [channels, slices, frames] = imagej
            .as_ref()
            .map(|settings| settings.axes)
            .filter(|axes| {
                axes.iter().try_fold(1u32, |n, &axis| n.checked_mul(axis)) == Some(alike)
            })
            .unwrap_or([1, alike, 1]);
        let shape = first.shape;
        let sizes = Sizes::new(frames, channels * samples, slices, shape.height, shape.width);
        let mut image = ImageStructure::new(VirtualPath::root(), first.pixel_type, sizes);
        image.n_levels = directory.pages[0].n_levels();
        image.physical_size = physical_size(directory, imagej.as_ref());
        Ok(Self::new(image, |index| {
            let (channel, sample) = (index.c / samples, index.c % samples);
            let page = (index.t * slices + index.z) * channels + channel;
            Some((page, u16::try_from(sample).ok()?))
        }))
    }
}

fn physical_size(directory: &Directory, imagej: Option<&ImageJ>) -> PhysicalSize {
    let (x_um, y_um) = directory.resolution_um.unzip();
    let z_um = imagej.and_then(|settings| settings.spacing_um);
    // 72 and 96 dots per inch are what programs write that do not know the pixel size.
    let is_screen = x_um.is_some_and(|size| size > 200.0);
    if is_screen {
        return PhysicalSize { z_um, ..PhysicalSize::default() };
    }
    PhysicalSize { x_um, y_um, z_um }
}

/// The settings that ImageJ writes into ImageDescription: `key=value` lines after `ImageJ=`.
struct ImageJ {
    /// Channels, slices, frames: the order in which pages vary, fastest first.
    axes: [u32; 3],
    spacing_um: Option<f64>,
}

impl ImageJ {
    fn parse(description: &str) -> Option<Self> {
        if !description.starts_with("ImageJ=") {
            return None;
        }
        let settings: HashMap<&str, &str> =
            description.lines().filter_map(|line| line.split_once('=')).collect();
        let axis = |key| settings.get(key).and_then(|text| text.trim().parse().ok()).unwrap_or(1);
        let axes = [axis("channels"), axis("slices"), axis("frames")];
        let is_um = settings
            .get("unit")
            .is_some_and(|unit| matches!(unit.trim(), "micron" | "um" | "µm" | "\\u00B5m"));
        let spacing = settings.get("spacing").and_then(|text| text.trim().parse().ok());
        Some(Self { axes, spacing_um: spacing.filter(|&um: &f64| is_um && um > 0.0) })
    }
}
