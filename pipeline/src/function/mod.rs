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

pub use parameters::{Parameter, ParameterKind, Setting, Settings};
use polystore::model::PhysicalSize;

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

    /// How much it sees in one call.
    fn scope(&self) -> Scope {
        Scope::Plane
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
