//! What the pixels of a plate are like.

use super::{PlateFacts, grouped::ByImage};
use crate::{PixelType, Result, microscope::PlateFolder, model::PhysicalSize};

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
        let planes = order.iter().flat_map(|&image| by_image.of(image));
        let files = planes.filter_map(|entry| listed.get(entry.source?.file as usize));
        let described = folder.describe_any(files);
        let of_facts = facts.physical_size;
        match (described, facts.plane_shape) {
            (Ok((_, info)), _) => {
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
            (Err(error), None) => Err(error),
        }
    }
}
