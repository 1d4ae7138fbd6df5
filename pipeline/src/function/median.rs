//! Median filter.

use polystore::dispatch;

use super::per_plane;
use crate::{
    Result,
    function::{Function, Operation, Parameter, ParameterKind, Settings},
    image::{footprint::Footprint, median::median, raster::View},
};

/// Replaces each pixel by the median of its neighbourhood; the pixel type stays. Beyond the
/// edge the edge pixel repeats. NaN counts as larger than every number.
#[derive(Debug)]
pub(super) struct Median;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "radius",
        kind: ParameterKind::Integer { min: 0, max: 50, default: Some(1) },
        unit: "px",
        about: "How far the neighbourhood reaches.",
    },
    Parameter {
        name: "footprint",
        kind: ParameterKind::Choice(&["square", "disk"]),
        unit: "",
        about: "The form of the neighbourhood.",
    },
];

impl Function for Median {
    fn name(&self) -> &'static str {
        "median"
    }

    fn about(&self) -> &'static str {
        "The median of each pixel's neighbourhood"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let footprint = Footprint::from_settings(settings)?;
        Ok(per_plane::filter(
            move |plane| dispatch!(plane.pixel_type(), T => median(View::<T>::of(plane)?, &footprint)?.into_plane()),
        ))
    }
}
