//! Objects that touch, split.

use polystore::{PixelType, Plane};

use super::{Context, Inputs, Operation, gaussian::smooth, measure::same_shape};
use crate::{
    Error, Result, Stack, Value, ValueKind,
    function::{Function, Input, Parameter, ParameterKind, Settings},
    image::{distance::to_background, raster::View, separable::Edge, split::split},
};

/// Splits objects that touch by a watershed from peaks, one part per peak.
///
/// Peaks are those of the distance to the background, which are the middles of round
/// objects; with an intensity image, those of the intensity. Both are smoothed first. Every
/// object has at least one peak, so none is lost; parts are numbered row by row. NaN
/// intensities are no peaks.
#[derive(Debug)]
pub(super) struct WatershedSplit;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "min_distance",
        kind: ParameterKind::Integer { min: 1, max: 500, default: Some(10) },
        unit: "px",
        about: "Rows or columns between two peaks; about the radius of the smallest object.",
    },
    Parameter {
        name: "sigma",
        kind: ParameterKind::Float { min: 0.0, max: 250.0, default: Some(1.0) },
        unit: "px",
        about: "Smoothing before peaks are looked for.",
    },
];

static INPUTS: &[Input] = &[
    Input::LABELS,
    Input {
        name: "intensity",
        kind: ValueKind::Image,
        optional: true,
        about: "Splits along valleys of this image instead of by form.",
    },
];

impl Function for WatershedSplit {
    fn name(&self) -> &'static str {
        "watershed_split"
    }

    fn about(&self) -> &'static str {
        "Splits objects that touch, by their form or by an intensity image"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    fn output(&self) -> ValueKind {
        ValueKind::Labels
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let min_distance = settings.integer("min_distance")? as usize;
        Ok(Box::new(Split { min_distance, sigma: settings.float("sigma")? }))
    }
}

struct Split {
    min_distance: usize,
    sigma: f64,
}

impl Operation for Split {
    fn run(&self, inputs: &Inputs<'_>, _context: &Context<'_>) -> Result<Value> {
        let labels = inputs.stack("labels")?.planes();
        let intensity = inputs.get("intensity").map(|_| inputs.stack("intensity")).transpose()?;
        let intensity = intensity.map(Stack::planes);
        if let Some(planes) = intensity
            && planes.len() != labels.len()
        {
            return Err(Error::function(format!(
                "there are {} planes of labels but {} of `intensity`",
                labels.len(),
                planes.len()
            )));
        }
        let parts = labels
            .iter()
            .enumerate()
            .map(|(at, plane)| self.split(plane, intensity.map(|planes| &planes[at])));
        Ok(Value::Labels(Stack::new(parts.collect::<Result<_>>()?)?))
    }
}

impl Split {
    fn split(&self, plane: &Plane, intensity: Option<&Plane>) -> Result<Plane> {
        let plane = plane.convert(PixelType::U32);
        let labels = View::of(&plane)?;
        let heights = match intensity {
            Some(image) => {
                same_shape(&plane, image)?;
                smooth(image, self.sigma, Edge::Nearest)?
            }
            None => smooth(&to_background(labels)?.into_plane()?, self.sigma, Edge::Nearest)?,
        };
        split(labels, heights.view(), self.min_distance)?.into_plane()
    }
}
