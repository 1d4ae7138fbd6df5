//! Gaussian smoothing.

use polystore::{PixelType, Plane, dispatch};

use super::per_plane;
use crate::{
    Result,
    function::{Function, Operation, Parameter, ParameterKind, PlaneKind, Settings},
    image::{
        raster::{Raster, View},
        separable::{Edge, Kernel, convolve},
    },
};

/// Smooths with a Gaussian cut off at four standard deviations, as scikit-image's
/// `gaussian` with `preserve_range` does, to the last bit. The result is `float32`
/// whatever the input; intensities keep their scale. NaN spreads as far as the filter
/// reaches.
#[derive(Debug)]
pub(super) struct Gaussian;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "sigma",
        kind: ParameterKind::Float { min: 0.0, max: 250.0, default: Some(1.0) },
        unit: "px",
        about: "Standard deviation.",
    },
    Parameter {
        name: "mode",
        kind: ParameterKind::Choice(&["nearest", "reflect"]),
        unit: "",
        about: "What lies beyond the edge: the edge pixel repeated, or the image mirrored.",
    },
];

impl Function for Gaussian {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn about(&self) -> &'static str {
        "Smooths with a Gaussian; float32"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn output_planes(&self, _settings: &Settings, input: PlaneKind) -> PlaneKind {
        PlaneKind { pixel_type: PixelType::F32, ..input }
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let sigma = settings.float("sigma")?;
        let edge = if settings.text("mode")? == "reflect" { Edge::Reflect } else { Edge::Nearest };
        Ok(per_plane::filter(move |plane| smooth(plane, sigma, edge)?.into_plane()))
    }
}

/// `plane` smoothed; only converted when `sigma` is 0.
pub(super) fn smooth(plane: &Plane, sigma: f64, edge: Edge) -> Result<Raster<f32>> {
    dispatch!(plane.pixel_type(), T => convolve(View::<T>::of(plane)?, &Kernel::gaussian(sigma), edge))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn flat_planes_stay_flat(value: u16, sigma in 0.0f64..6.0, height in 1usize..9, width in 1usize..40) {
            let plane = Plane::from_array(Array2::from_elem((height, width), value));
            for edge in [Edge::Nearest, Edge::Reflect] {
                let smooth = smooth(&plane, sigma, edge).unwrap();
                prop_assert!(smooth.view().pixels.iter().all(|&pixel| (pixel - f32::from(value)).abs() <= f32::from(value) * 1e-6));
            }
        }

        #[test]
        fn the_mean_of_what_lies_away_from_the_edge_is_kept(
            inner in prop::collection::vec(any::<u8>(), 25),
            sigma in 0.3f64..2.0,
        ) {
            // Nothing reaches the edge: the filter's radius is 8 and the margin 10.
            let at = |(y, x): (usize, usize)| {
                let inside = (10..15).contains(&y) && (10..15).contains(&x);
                if inside { inner[(y - 10) * 5 + x - 10] } else { 0 }
            };
            let plane = Plane::from_array(Array2::from_shape_fn((25, 25), at));
            let total: f64 = inner.iter().map(|&pixel| f64::from(pixel)).sum();
            let smooth = smooth(&plane, sigma, Edge::Nearest).unwrap();
            let kept: f64 = smooth.view().pixels.iter().map(|&pixel| f64::from(pixel)).sum();
            prop_assert!((kept - total).abs() <= 1e-5 * total.max(1.0), "{kept} {total}");
        }
    }

    #[test]
    fn no_sigma_only_converts() {
        let plane =
            Plane::from_array(Array2::from_shape_fn((3, 3), |(y, x)| (y * 3 + x) as i16 - 4));
        let same = smooth(&plane, 0.0, Edge::Nearest).unwrap();
        assert_eq!(same.view().pixels, [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
