//! The mean along the consumed axis, pixel by pixel.

use polystore::{PixelType, dispatch};

use crate::{
    Result, Stack, Value,
    function::{Context, Function, Inputs, Operation, PlaneKind, Scope, Settings},
    image::projection,
};

/// Mean projection: `[n, y, x]` to `[1, y, x]` of `float32`, summed in double precision; NaN
/// where any plane has it.
#[derive(Debug)]
pub(super) struct MeanProjection;

impl Function for MeanProjection {
    fn name(&self) -> &'static str {
        "mean_projection"
    }

    fn about(&self) -> &'static str {
        "The mean along the consumed axis, pixel by pixel, as float32"
    }

    fn scope(&self) -> Scope {
        Scope::Stack
    }

    fn output_planes(&self, _settings: &Settings, input: PlaneKind) -> PlaneKind {
        PlaneKind { pixel_type: PixelType::F32, ..input }
    }

    fn prepare(&self, _settings: &Settings) -> Result<Box<dyn Operation>> {
        Ok(Box::new(Project))
    }
}

struct Project;

impl Operation for Project {
    fn run(&self, inputs: &Inputs<'_>, _context: &Context<'_>) -> Result<Value> {
        let planes = inputs.stack("image")?.planes();
        let mean = dispatch!(planes[0].pixel_type(), T => projection::mean::<T>(planes))?;
        Ok(Value::Image(Stack::single(mean)))
    }
}
