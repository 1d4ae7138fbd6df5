//! Holes of objects, filled.

use super::per_plane;
use crate::{
    Result, ValueKind,
    function::{Function, Input, Operation, Parameter, ParameterKind, Settings},
    image::{holes, raster::View},
};

/// Gives holes to the object around them. A hole is background that cannot reach the edge
/// of the image in steps up, down, left or right and touches one object only; what lies
/// between several objects stays background.
#[derive(Debug)]
pub(super) struct FillHoles;

static PARAMETERS: &[Parameter] = &[Parameter {
    name: "max_area",
    kind: ParameterKind::Integer { min: 0, max: u32::MAX as i64, default: Some(0) },
    unit: "px",
    about: "Larger holes stay; 0 for no limit.",
}];

impl Function for FillHoles {
    fn name(&self) -> &'static str {
        "fill_holes"
    }

    fn about(&self) -> &'static str {
        "Gives holes to the object around them"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn inputs(&self) -> &'static [Input] {
        &[Input::LABELS]
    }

    fn output(&self) -> ValueKind {
        ValueKind::Labels
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let max_area = settings.integer("max_area")? as u32;
        Ok(per_plane::relabel(move |plane| {
            holes::fill_holes(View::of(plane)?, max_area)?.into_plane()
        }))
    }
}
