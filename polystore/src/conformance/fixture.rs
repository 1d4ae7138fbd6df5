//! The plate that cases read: small, and every pixel says where it belongs.
//!
//! Wells A01 and B03 of a plate of 2 x 3, two fields each, two timepoints, two channels,
//! three z-sections of 5 x 7 pixels of 16 bit. The last plane of the last field was never
//! stored. A backend that cannot be written makes this plate from [`plate`] and [`plane`]
//! and hands it out as [`Place::given`](super::Place::given).

use crate::{
    Element, PixelType, Plane, PlaneIndex, PlaneShape, Result, WellPosition,
    convert::{TargetLayout, retarget},
    dispatch,
    model::{Channel, ImageStructure, PhysicalSize, PlateStructure, Sizes},
};

/// Sizes of every image of the plate.
pub const SIZES: Sizes = Sizes::new(2, 2, 3, 5, 7);

/// Wells of the plate.
pub const WELLS: [WellPosition; 2] = [WellPosition::new(0, 0), WellPosition::new(1, 2)];

/// Fields of each well.
pub const N_FIELDS: u32 = 2;

/// What the plate declares, with image paths of `layout`.
///
/// # Errors
/// None in practice: the structure holds together.
pub fn plate(layout: TargetLayout) -> Result<PlateStructure> {
    let mut structure = PlateStructure::new("fixture", 2, 3);
    for well in WELLS {
        for field in 0..N_FIELDS {
            let path = PlateStructure::canonical_image_path(well, None, field);
            let image = ImageStructure::new(path, PixelType::U16, SIZES);
            structure.add_image(well, ImageStructure { field, ..described(image) })?;
        }
    }
    retarget(&structure, layout)
}

/// `image` with channel names and physical sizes.
pub(super) fn described(image: ImageStructure) -> ImageStructure {
    let names = ["DAPI", "GFP", "Cy5", "TL"].into_iter().cycle();
    let channels = names.take(image.sizes.c as usize).map(Channel::named).collect();
    let physical_size = PhysicalSize { z_um: Some(2.5), ..PhysicalSize::square(0.65) };
    ImageStructure { channels, physical_size, ..image }
}

/// The plane `index` of a field, or `None` for the one that was never stored.
pub fn plane(well: WellPosition, field: u32, index: PlaneIndex) -> Option<Plane> {
    let last = (WELLS[1], N_FIELDS - 1, PlaneIndex::new(1, 1, 2));
    let image = u64::from(well != WELLS[0]) * u64::from(N_FIELDS) + u64::from(field);
    let ordinal = image * SIZES.n_planes() + SIZES.ordinal(index)? as u64;
    ((well, field, index) != last).then(|| pixels(PixelType::U16, SIZES.plane_shape(), ordinal))
}

/// Pixels of plane number `ordinal`: each value follows from the number, y and x, and no
/// two planes or rows are alike.
pub fn pixels(pixel_type: PixelType, shape: PlaneShape, ordinal: u64) -> Plane {
    dispatch!(pixel_type, T => Plane::from_array(ndarray::Array2::from_shape_fn(
        (shape.height as usize, shape.width as usize),
        |(y, x)| {
            let place = y as u64 * u64::from(shape.width) + x as u64;
            T::from_f64(value(pixel_type, ordinal * shape.n_pixels() + place + 1))
        },
    )))
}

/// A value of `pixel_type` that `code` decides: over the whole range of whole numbers,
/// with fractions for the others.
fn value(pixel_type: PixelType, code: u64) -> f64 {
    let spread = |factor: u64, modulus: u64| ((code * factor) % modulus) as f64;
    match pixel_type {
        PixelType::U8 => spread(1, 251),
        PixelType::I8 => spread(1, 251) - 125.0,
        PixelType::U16 => spread(1, 65_521),
        PixelType::I16 => spread(7, 65_521) - 32_760.0,
        PixelType::U32 => spread(2_654_435_761, 4_294_967_291),
        PixelType::I32 => spread(2_654_435_761, 4_294_967_291) - 2_147_483_645.0,
        PixelType::F32 => code as f64 * 0.25 - 100.0,
        PixelType::F64 => code as f64 * 0.1 - 100.0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_plane_of_the_plate_differs_from_all_others() {
        let mut seen = HashSet::new();
        for well in WELLS {
            for field in 0..N_FIELDS {
                for index in SIZES.indices() {
                    if let Some(plane) = plane(well, field, index) {
                        assert!(seen.insert(plane.bytes().to_vec()), "{well} {field} {index}");
                    }
                }
            }
        }
        assert_eq!(seen.len(), 47);
    }

    #[test]
    fn rows_differ_in_every_pixel_type() {
        for pixel_type in PixelType::ALL {
            let plane = pixels(pixel_type, PlaneShape::new(5, 7), 3);
            let row = 7 * pixel_type.size_bytes();
            let rows: HashSet<_> = plane.bytes().chunks(row).collect();
            assert_eq!(rows.len(), 5, "{pixel_type}");
            assert_ne!(plane, pixels(pixel_type, PlaneShape::new(5, 7), 4), "{pixel_type}");
        }
    }
}
