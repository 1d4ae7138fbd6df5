//! What the pixels of a plate are like.

use super::{PlateFacts, grouped::ByImage};
use crate::{
    Error, PixelType, Result,
    microscope::{ImageFileInfo, PlateFolder},
    model::{PhysicalSize, PlaneState},
};

/// What the pixels of the plate are like.
pub(super) struct Pixels {
    pub(super) pixel_type: PixelType,
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) n_samples: u32,
    pub(super) n_levels: u32,
    pub(super) physical_size: PhysicalSize,
}

impl Pixels {
    /// From the header of the plate's first readable file, else from the metadata.
    pub(super) fn read(
        order: &[u32],
        by_image: &ByImage,
        folder: &PlateFolder<'_>,
        facts: &PlateFacts<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let listed = folder.files();
        // Listed again when they are needed again, which a plate of whole grey files never does.
        let files = || {
            let planes = order.iter().flat_map(|&image| by_image.of(image));
            planes.filter_map(|entry| listed.get(entry.source?.file as usize))
        };
        let described = folder
            .describe_any(files())
            .or_else(|error| describe_first(folder, files(), error))
            .map(|(_, info)| usual(folder, files, info));
        let of_facts = facts.physical_size;
        match (described, facts.plane_shape) {
            (Ok(info), _) => {
                let from_file = if facts.trust_file_size {
                    info.image.physical_size
                } else {
                    PhysicalSize::default()
                };
                Ok(Self {
                    pixel_type: info.image.pixel_type,
                    height: info.image.sizes.y,
                    width: info.image.sizes.x,
                    n_samples: u32::from(info.n_samples.max(1)),
                    n_levels: info.image.n_levels,
                    physical_size: PhysicalSize {
                        x_um: of_facts.x_um.or(from_file.x_um),
                        y_um: of_facts.y_um.or(from_file.y_um),
                        z_um: of_facts.z_um.or(from_file.z_um),
                    },
                })
            }
            (Err(_), Some(shape)) => {
                notes.push(
                    "no image could be read; 16-bit pixels are assumed, the sizes are those of the metadata"
                        .to_owned(),
                );
                Ok(Self {
                    pixel_type: PixelType::U16,
                    height: shape.height,
                    width: shape.width,
                    n_samples: 1,
                    n_levels: 1,
                    physical_size: of_facts,
                })
            }
            // All of them are damaged: their planes are corrupt, and as many as there are.
            (Err(error), None)
                if files().next().is_some() && PlaneState::of_failure(&error).is_some() =>
            {
                notes.push(
                    "no image could be read, so neither size nor type of the pixels is known; 1 x 1 of 16 bits stand for them"
                        .to_owned(),
                );
                Ok(Self {
                    pixel_type: PixelType::U16,
                    height: 1,
                    width: 1,
                    n_samples: 1,
                    n_levels: 1,
                    physical_size: of_facts,
                })
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// The first of all files that can be read, after some were asked in vain; each that cannot is
/// remembered as such. As many are opened as there are, which only a plate pays for that has
/// hardly a whole file.
fn describe_first<'f>(
    folder: &PlateFolder<'_>,
    files: impl Iterator<Item = &'f str>,
    mut last: Error,
) -> Result<(&'f str, ImageFileInfo)> {
    for file in files {
        match folder.describe(file) {
            Ok(info) => return Ok((file, info)),
            Err(error) if PlaneState::of_failure(&error).is_none() => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What most files of the plate are like, given the header of the first: a colour picture
/// among grey planes does not make all of them three. Grey plates are asked for no more.
fn usual<'f, I: Iterator<Item = &'f str>>(
    folder: &PlateFolder<'_>,
    files: impl Fn() -> I,
    first: ImageFileInfo,
) -> ImageFileInfo {
    if first.n_samples < 2 {
        return first;
    }
    let n_files = files().count();
    if n_files < 3 {
        return first;
    }
    let at = |number: usize| files().nth(number).and_then(|file| folder.describe(file).ok());
    match [at(n_files / 2), at(n_files - 1)] {
        [Some(one), Some(other)]
            if one.n_samples == other.n_samples && one.n_samples != first.n_samples =>
        {
            one
        }
        _ => first,
    }
}
