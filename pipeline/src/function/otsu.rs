//! Otsu's threshold.

use polystore::{Plane, dispatch};

use super::per_plane;
use crate::{
    Result, ValueKind,
    function::{Function, Operation, Parameter, ParameterKind, Settings},
    image::{
        cut::{self, Side},
        histogram::Binned,
        raster::{Raster, View},
        thresholds,
    },
};

/// Foreground by Otsu's threshold of each plane, as labels of 1 and 0.
///
/// The threshold is that of scikit-image's `threshold_otsu`: from a bin per value of an
/// integer plane (256 bins where a plane spans more than 2^20 values), from 256 bins of a
/// float plane. NaN and infinite pixels do not count for it, and NaN is background.
#[derive(Debug)]
pub(super) struct Otsu;

/// Which side of the threshold objects are on.
pub(super) const OBJECTS: Parameter = Parameter {
    name: "objects",
    kind: ParameterKind::Choice(&["bright", "dark"]),
    unit: "",
    about: "Whether objects are brighter than the threshold, or not.",
};

static PARAMETERS: &[Parameter] = &[OBJECTS];

impl Function for Otsu {
    fn name(&self) -> &'static str {
        "otsu"
    }

    fn about(&self) -> &'static str {
        "Foreground by Otsu's threshold, as labels of 1 and 0"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn output(&self) -> ValueKind {
        ValueKind::Labels
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let side = side(settings)?;
        Ok(per_plane::segment(
            move |plane| dispatch!(plane.pixel_type(), T => segment::<T>(plane, side)),
        ))
    }
}

/// The setting [`OBJECTS`].
pub(super) fn side(settings: &Settings) -> Result<Side> {
    Ok(if settings.text(OBJECTS.name)? == "dark" { Side::Below } else { Side::Above })
}

fn segment<T: Binned>(plane: &Plane, side: Side) -> Result<Plane> {
    let image = View::<T>::of(plane)?;
    let Some(histogram) = T::histogram(image.pixels) else {
        return Raster::filled(image.shape, 0u32)?.into_plane();
    };
    cut::mask(image, thresholds::otsu(&histogram), side)?.into_plane()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn two_groups_come_apart_in_every_type() {
        let plane = Plane::from_array(array![[1u8, 1, 1, 90, 91, 92]]);
        for pixel_type in polystore::PixelType::ALL {
            let plane = plane.convert(pixel_type);
            let segment = |side| dispatch!(pixel_type, T => segment::<T>(&plane, side)).unwrap();
            assert_eq!(segment(Side::Above).as_slice::<u32>().unwrap(), [0, 0, 0, 1, 1, 1]);
            assert_eq!(segment(Side::Below).as_slice::<u32>().unwrap(), [1, 1, 1, 0, 0, 0]);
        }
    }

    #[test]
    fn nothing_is_brighter_than_a_flat_plane() {
        let flat = segment::<u16>(&Plane::from_array(array![[5u16, 5]]), Side::Above).unwrap();
        assert_eq!(flat.as_slice::<u32>().unwrap(), [0, 0]);
        let nan = segment::<f32>(&Plane::from_array(array![[f32::NAN]]), Side::Above).unwrap();
        assert_eq!(nan.as_slice::<u32>().unwrap(), [0]);
    }
}
