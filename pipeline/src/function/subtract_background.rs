//! Background that varies slowly, taken away.

use polystore::{Element, Plane, dispatch};

use super::{gaussian::smooth, per_plane};
use crate::{
    Result,
    function::{Function, Operation, Parameter, ParameterKind, Settings},
    image::{
        footprint::Footprint,
        morphology,
        raster::{Raster, View},
        separable::Edge,
    },
};

/// Subtracts the background: the opening, by a disk larger than the objects, of the
/// smoothed image. The pixel type stays, and what would be negative becomes 0.
///
/// The same idea as the rolling ball (Sternberg, IEEE Computer 16, 1983), with a flat disk:
/// a ball's height is in units of intensity, so its result depends on how the image is
/// scaled, and a disk's does not. Smoothing first keeps the background from following the
/// darkest noise. NaN stays NaN, and so does what the smoothing reaches from it.
#[derive(Debug)]
pub(super) struct SubtractBackground;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "radius",
        kind: ParameterKind::Integer { min: 1, max: 500, default: Some(50) },
        unit: "px",
        about: "Radius of the disk; larger than the largest object's.",
    },
    Parameter {
        name: "sigma",
        kind: ParameterKind::Float { min: 0.0, max: 250.0, default: Some(2.0) },
        unit: "px",
        about: "Smoothing before the background is looked for.",
    },
];

impl Function for SubtractBackground {
    fn name(&self) -> &'static str {
        "subtract_background"
    }

    fn about(&self) -> &'static str {
        "Takes away the background that varies more slowly than objects do"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let disk = Footprint::disk(settings.integer("radius")? as usize);
        let sigma = settings.float("sigma")?;
        Ok(per_plane::filter(move |plane| {
            let smooth = smooth(plane, sigma, Edge::Nearest)?;
            let background = morphology::open(smooth.view(), &disk)?;
            dispatch!(plane.pixel_type(), T => subtract::<T>(plane, background.view()))
        }))
    }
}

fn subtract<T: Element>(plane: &Plane, background: View<'_, f32>) -> Result<Plane> {
    let image = View::<T>::of(plane)?;
    let mut rest = Raster::unset(image.shape)?;
    let pairs = image.pixels.iter().zip(background.pixels);
    for (value, (pixel, &below)) in rest.pixels_mut().iter_mut().zip(pairs) {
        let difference = pixel.to_f64() - f64::from(below);
        // Not `max`, which would turn NaN into 0.
        *value = T::from_f64(if difference < 0.0 { 0.0 } else { difference });
    }
    rest.into_plane()
}
