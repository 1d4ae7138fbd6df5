//! Image functions: pure operations on stacks, one file each, registered by name.

mod fill_holes;
mod gaussian;
mod label;
mod max_projection;
mod mean_projection;
mod measure;
mod median;
mod otsu;
mod outline;
mod parameters;
mod per_plane;
mod percentile_normalize;
mod select;
mod subtract_background;
mod sum_projection;
mod threshold;
mod tophat;
mod watershed_split;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{OnceLock, PoisonError, RwLock},
};

pub use parameters::{Given, Parameter, ParameterKind, Setting, Settings};
use polystore::{PixelType, PlaneShape, backend::Table, model::PhysicalSize};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Stack, Value, ValueKind};

/// How much of the data a function sees in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One plane at a time; the planes of a stack are independent and may run in parallel.
    Plane,
    /// All planes along the axis that its step consumes.
    Stack,
}

/// One input of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name in a pipeline (`image`, `labels`, `intensity`).
    pub name: &'static str,
    /// What it must be.
    pub kind: ValueKind,
    /// Whether the function works without it.
    pub optional: bool,
    /// One line that says what it is for.
    pub about: &'static str,
}

impl Input {
    /// The usual single input: an image.
    pub const IMAGE: Self = Self {
        name: "image",
        kind: ValueKind::Image,
        optional: false,
        about: "The image to work on.",
    };

    /// The usual input of functions on objects: labels.
    pub const LABELS: Self = Self {
        name: "labels",
        kind: ValueKind::Labels,
        optional: false,
        about: "The objects to work on.",
    };
}

/// What the planes of a stack are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaneKind {
    /// Height and width in pixels.
    pub shape: PlaneShape,
    /// The number type of the pixels.
    pub pixel_type: PixelType,
}

impl PlaneKind {
    /// Bytes of one plane.
    pub fn n_bytes(self) -> u64 {
        self.shape.n_pixels().saturating_mul(self.pixel_type.size_bytes() as u64)
    }
}

/// A registered function: its description, and the way to a call with checked settings.
pub trait Function: fmt::Debug + Send + Sync + 'static {
    /// The name to call it by.
    fn name(&self) -> &'static str;

    /// One line that says what it does.
    fn about(&self) -> &'static str;

    /// Its parameters.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    /// Its inputs; the first is what the step before gives, unless the pipeline says otherwise.
    fn inputs(&self) -> &'static [Input] {
        &[Input::IMAGE]
    }

    /// What it gives.
    fn output(&self) -> ValueKind {
        ValueKind::Image
    }

    /// How much it sees in one call. What a [`Scope::Stack`] function gives is one plane.
    fn scope(&self) -> Scope {
        Scope::Plane
    }

    /// What planes it makes from an input of planes of kind `input`, so that results can be
    /// declared and memory reckoned before anything runs. Without it, labels are `u32` and
    /// images stay what they are. Not asked of functions that give tables or outlines.
    fn output_planes(&self, settings: &Settings, input: PlaneKind) -> PlaneKind {
        let _ = settings;
        match self.output() {
            ValueKind::Labels => PlaneKind { pixel_type: PixelType::U32, ..input },
            _ => input,
        }
    }

    /// The columns of the table that it gives for `inputs`, as a table whose rows do not
    /// count, so that names in `[report]` can be checked before anything runs. The inputs are
    /// blank: as many planes, of the channels that there will be, with one pixel that is 0.
    ///
    /// `None`, which it is without an answer of the function's own: the columns are known when
    /// it has run. Not asked of functions that give something else.
    fn columns(
        &self,
        settings: &Settings,
        inputs: &Inputs<'_>,
        context: &Context<'_>,
    ) -> Option<Table> {
        let _ = (settings, inputs, context);
        None
    }

    /// A number that changes when the function's results change; part of the plan's hash.
    fn version(&self) -> u32 {
        1
    }

    /// A call with checked `settings`.
    ///
    /// # Errors
    /// `Function` for settings that contradict each other.
    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>>;
}

/// A function with its settings, ready to run; the same inputs always give the same bytes.
pub trait Operation: Send + Sync {
    /// Runs on `inputs`.
    ///
    /// # Errors
    /// `Function` when the inputs do not fit.
    fn run(&self, inputs: &Inputs<'_>, context: &Context<'_>) -> Result<Value>;
}

/// The inputs of one call, by the names that [`Function::inputs`] declares.
#[derive(Debug, Default)]
pub struct Inputs<'a> {
    values: Vec<(&'static str, &'a Value)>,
    channels: Vec<(&'static str, &'a [String])>,
}

impl<'a> Inputs<'a> {
    /// No inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more input.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'a Value) -> Self {
        self.values.push((name, value));
        self
    }

    /// The same, knowing which channels the planes of the input called `name` are of.
    #[must_use]
    pub fn with_channels(mut self, name: &'static str, channels: &'a [String]) -> Self {
        self.channels.push((name, channels));
        self
    }

    /// Names of the channels that the planes of the input called `name` are of, when they
    /// are of several. No two are the same.
    pub fn channels(&self, name: &str) -> Option<&'a [String]> {
        self.channels.iter().find(|(input, _)| *input == name).map(|(_, channels)| *channels)
    }

    /// The input called `name`, if it was given.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.values.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| *value)
    }

    /// The planes of the image or labels called `name`.
    ///
    /// # Errors
    /// `Function` when it is not there or has no planes.
    pub fn stack(&self, name: &str) -> Result<&'a Stack> {
        self.get(name).and_then(Value::stack).ok_or_else(|| {
            Error::function(format!("the input `{name}` must be an image or labels"))
        })
    }
}

/// What a call may know of where it runs. Functions stay pure: the same inputs and context
/// give the same result.
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    /// Size of a voxel of the first input in µm.
    pub physical_size: PhysicalSize,
    /// Name of the channel, when all planes are of one.
    pub channel: Option<&'a str>,
}

/// The functions of this crate; a new one is one file and one line here.
static BUILT_IN: &[&dyn Function] = &[
    &fill_holes::FillHoles,
    &gaussian::Gaussian,
    &label::Label,
    &max_projection::MaxProjection,
    &mean_projection::MeanProjection,
    &measure::Measure,
    &median::Median,
    &otsu::Otsu,
    &outline::Outline,
    &percentile_normalize::PercentileNormalize,
    &select::Select,
    &subtract_background::SubtractBackground,
    &sum_projection::SumProjection,
    &threshold::Threshold,
    &tophat::TopHat,
    &watershed_split::WatershedSplit,
];

type Registry = RwLock<BTreeMap<&'static str, &'static dyn Function>>;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        RwLock::new(BUILT_IN.iter().map(|function| (function.name(), *function)).collect())
    })
}

/// All functions registered in this process, by name.
pub fn functions() -> Vec<&'static dyn Function> {
    registry().read().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
}

/// Adds a function to this process, replacing one of its name.
pub fn register_function(function: &'static dyn Function) {
    registry().write().unwrap_or_else(PoisonError::into_inner).insert(function.name(), function);
}

/// The function called `name`; `origin` says where in the pipeline it is named.
///
/// # Errors
/// `Pipeline` with the nearest names when there is none.
pub fn function(name: &str, origin: &str) -> Result<&'static dyn Function> {
    let registry = registry().read().unwrap_or_else(PoisonError::into_inner);
    registry.get(name).copied().ok_or_else(|| {
        let names: Vec<_> = registry.keys().copied().collect();
        Error::pipeline(origin, format!("there is no function `{name}`"))
            .with_hint(polystore::suggest::hint(name, &names))
    })
}

#[cfg(test)]
mod tests {
    use polystore::{Plane, ndarray::Array2};

    use super::*;

    /// A stack of planes that any function takes as an input of this kind.
    fn input_value(kind: ValueKind, pixel_type: PixelType) -> Value {
        let plane = |seed: usize| {
            let pixels = Array2::from_shape_fn((16, 16), |(y, x)| {
                u16::from((4..9).contains(&y)) * ((x * seed) % 90) as u16
            });
            Plane::from_array(pixels).convert(pixel_type)
        };
        match kind {
            ValueKind::Labels => Value::Labels(Stack::single(plane(1).convert(PixelType::U32))),
            _ => Value::Image(Stack::new(vec![plane(3), plane(7)]).unwrap()),
        }
    }

    #[test]
    fn functions_give_the_planes_that_they_declare() {
        for function in functions() {
            let Ok(settings) = Settings::check(&BTreeMap::new(), function.parameters(), "") else {
                continue;
            };
            let operation = function.prepare(&settings).unwrap();
            for pixel_type in PixelType::ALL {
                let required = function.inputs().iter().filter(|input| !input.optional);
                let values: Vec<_> = required
                    .map(|input| (input.name, input_value(input.kind, pixel_type)))
                    .collect();
                let inputs = values
                    .iter()
                    .fold(Inputs::new(), |inputs, (name, value)| inputs.with(name, value));
                let result = operation.run(&inputs, &Context::default()).unwrap();
                assert_eq!(result.kind(), function.output(), "{}", function.name());
                let Some(stack) = result.stack() else { continue };
                let given = values[0].1.stack().unwrap();
                let declared = function.output_planes(&settings, given.plane_kind());
                assert_eq!(stack.plane_kind(), declared, "{} of {pixel_type}", function.name());
                if function.scope() == Scope::Stack {
                    assert_eq!(stack.planes().len(), 1, "{}", function.name());
                }
            }
        }
    }
}
