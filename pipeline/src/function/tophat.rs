//! White top-hat.

use polystore::{Plane, dispatch};

use super::per_plane;
use crate::{
    Result,
    function::{Function, Operation, Parameter, ParameterKind, Settings},
    image::{
        footprint::Footprint,
        morphology,
        ordered::Ordered,
        raster::{Raster, View},
    },
};

/// Keeps bright details that the neighbourhood does not fit into, and takes away
/// everything larger: the image minus its opening. The pixel type stays. NaN counts as
/// nothing for its neighbours and stays NaN.
#[derive(Debug)]
pub(super) struct TopHat;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "radius",
        kind: ParameterKind::Integer { min: 0, max: 500, default: Some(15) },
        unit: "px",
        about: "Reach of the neighbourhood; larger than the objects.",
    },
    Parameter {
        name: "footprint",
        kind: ParameterKind::Choice(&["disk", "square"]),
        unit: "",
        about: "The form of the neighbourhood.",
    },
];

impl Function for TopHat {
    fn name(&self) -> &'static str {
        "tophat"
    }

    fn about(&self) -> &'static str {
        "White top-hat: bright details smaller than the neighbourhood, without the rest"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let footprint = Footprint::from_settings(settings)?;
        Ok(per_plane::filter(
            move |plane| dispatch!(plane.pixel_type(), T => tophat::<T>(plane, &footprint)),
        ))
    }
}

fn tophat<T: Ordered>(plane: &Plane, footprint: &Footprint) -> Result<Plane> {
    let image = View::<T>::of(plane)?;
    let opened = morphology::open(image, footprint)?;
    let mut details = Raster::unset(image.shape)?;
    let pairs = image.pixels.iter().zip(opened.view().pixels);
    for (detail, (&pixel, &large)) in details.pixels_mut().iter_mut().zip(pairs) {
        *detail = pixel.above(large);
    }
    details.into_plane()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn small_details_stay_and_nan_stays() {
        let plane = Plane::from_array(array![[1.0f32, 1.0, 5.0, 1.0, f32::NAN, 2.0, 2.0, 2.0]]);
        let details = tophat::<f32>(&plane, &Footprint::square(1)).unwrap();
        let details = details.as_slice::<f32>().unwrap();
        assert_eq!((details[2], details[0], details[6]), (4.0, 0.0, 0.0));
        assert!(details[4].is_nan());
    }
}
