//! Pipelines as they are written, in Rust or in a document, before they are checked.

use super::{Axis, MissingPolicy, Origin, Origination, Pipeline, Source, check};
use crate::{Result, function::Setting};

/// A pipeline being written in Rust; the same things can be said as in a document.
///
/// ```
/// use polystore_pipeline::{Axis, Pipeline, Source, Step};
///
/// let pipeline = Pipeline::builder("nuclei")
///     .wells("A01:B02")
///     .step(Step::new("project").over([Axis::Z]).call("max_projection"))
///     .step(
///         Step::new("nuclei")
///             .input(Source::step("project").channel("DAPI"))
///             .call("gaussian")
///             .with("sigma", 2.0)
///             .call("otsu")
///             .call("label"),
///     )
///     .step(Step::new("measure").call("measure").save_as("nuclei"))
///     .build()?;
/// assert_eq!(pipeline.steps().len(), 3);
/// # Ok::<(), polystore_pipeline::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PipelineBuilder {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) input: DraftSelection,
    pub(super) steps: Vec<StepBuilder>,
    pub(super) heatmaps: Vec<(String, Origin)>,
    pub(super) document: String,
    pub(super) origin: Origin,
}

/// A selection before its texts are read. Each text has its place.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftSelection {
    pub(super) wells: Vec<(String, Origin)>,
    pub(super) exclude_wells: Vec<(String, Origin)>,
    pub(super) fields: Vec<(String, Origin)>,
    pub(super) channels: Vec<String>,
    pub(super) acquisitions: Vec<String>,
    pub(super) timepoints: Vec<(String, Origin)>,
    pub(super) missing: MissingPolicy,
    pub(super) origin: Origin,
    pub(super) channels_origin: Origin,
}

impl PipelineBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let origin = Origin(format!("pipeline `{name}`"));
        let input = DraftSelection { origin: origin.clone(), ..DraftSelection::default() };
        Self {
            name,
            description: String::new(),
            input,
            steps: Vec::new(),
            heatmaps: Vec::new(),
            document: String::new(),
            origin,
        }
    }

    /// Says what the pipeline is for.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Only these wells, as [`WellSet`](super::WellSet) reads them; adds to those said before.
    pub fn wells(mut self, wells: impl Into<String>) -> Self {
        self.input.wells.push((wells.into(), self.origin.clone()));
        self
    }

    /// Without these wells.
    pub fn exclude_wells(mut self, wells: impl Into<String>) -> Self {
        self.input.exclude_wells.push((wells.into(), self.origin.clone()));
        self
    }

    /// Only these fields, from 1, as [`Numbers`](super::Numbers) reads them.
    pub fn fields(mut self, fields: impl Into<String>) -> Self {
        self.input.fields.push((fields.into(), self.origin.clone()));
        self
    }

    /// Only this channel (and others that are named), by name or by number from 1.
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.input.channels.push(channel.into());
        self
    }

    /// Only this acquisition (and others that are named), by name or by number from 1.
    pub fn acquisition(mut self, acquisition: impl Into<String>) -> Self {
        self.input.acquisitions.push(acquisition.into());
        self
    }

    /// Only these timepoints, from 0.
    pub fn timepoints(mut self, timepoints: impl Into<String>) -> Self {
        self.input.timepoints.push((timepoints.into(), self.origin.clone()));
        self
    }

    /// What to do about planes that are missing or corrupt.
    pub fn missing(mut self, policy: MissingPolicy) -> Self {
        self.input.missing = policy;
        self
    }

    /// Adds a step after those that are there.
    pub fn step(mut self, step: StepBuilder) -> Self {
        self.steps.push(step);
        self
    }

    /// Draws a heatmap of this column of the plate table.
    pub fn heatmap(mut self, column: impl Into<String>) -> Self {
        self.heatmaps.push((column.into(), self.origin.clone()));
        self
    }

    /// The pipeline, checked as far as no plate is needed for it.
    ///
    /// # Errors
    /// `Pipeline` naming the step and what does not fit.
    pub fn build(self) -> Result<Pipeline> {
        check::check(self)
    }
}

/// A chain of functions being written.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Chain {
    pub(super) calls: Vec<DraftCall>,
    pub(super) origin: Origin,
}

/// A function before it is looked up.
#[derive(Clone, Debug)]
pub(super) struct DraftCall {
    pub(super) function: String,
    pub(super) parameters: Vec<(String, Setting, Origin)>,
    pub(super) origin: Origin,
}

impl Chain {
    /// Calls a function next.
    pub fn call(mut self, function: impl Into<String>) -> Self {
        let function = function.into();
        self.calls.push(DraftCall { function, parameters: Vec::new(), origin: Origin::default() });
        self
    }

    /// Sets a parameter of the function that was called last.
    pub fn with(mut self, parameter: impl Into<String>, value: impl Into<Setting>) -> Self {
        if let Some(call) = self.calls.last_mut() {
            call.parameters.push((parameter.into(), value.into(), Origin::default()));
        }
        self
    }
}

/// A step being written. By default it works on what the step before gives (the first step
/// on the plate), plane by plane, and its results are not stored.
#[derive(Clone, Debug)]
#[must_use]
pub struct StepBuilder {
    pub(super) name: String,
    pub(super) chain: Chain,
    pub(super) per_channel: Vec<(String, Chain)>,
    pub(super) over: Vec<Axis>,
    pub(super) input: Option<Source>,
    pub(super) named_inputs: Vec<(String, Source)>,
    pub(super) save: Option<String>,
    pub(super) origin: Origin,
    pub(super) name_origin: Origin,
    pub(super) over_origin: Origin,
    pub(super) save_origin: Origin,
}

impl StepBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            chain: Chain::default(),
            per_channel: Vec::new(),
            over: Vec::new(),
            input: None,
            named_inputs: Vec::new(),
            save: None,
            origin: Origin::default(),
            name_origin: Origin::default(),
            over_origin: Origin::default(),
            save_origin: Origin::default(),
        }
    }

    /// Calls a function, on what the one before gives.
    pub fn call(mut self, function: impl Into<String>) -> Self {
        self.chain = self.chain.call(function);
        self
    }

    /// Sets a parameter of the function that was called last.
    pub fn with(mut self, parameter: impl Into<String>, value: impl Into<Setting>) -> Self {
        self.chain = self.chain.with(parameter, value);
        self
    }

    /// Has a chain of functions of its own for a channel, by name or by number from 1; `*`
    /// is for the channels that are not named.
    pub fn for_channel(
        mut self,
        channel: impl Into<String>,
        chain: impl FnOnce(Chain) -> Chain,
    ) -> Self {
        self.per_channel.push((channel.into(), chain(Chain::default())));
        self
    }

    /// Takes the planes along `axes` as one stack.
    pub fn over(mut self, axes: impl IntoIterator<Item = Axis>) -> Self {
        self.over.extend(axes);
        self
    }

    /// Where the first input of the first function comes from.
    pub fn input(mut self, source: Source) -> Self {
        self.input = Some(source);
        self
    }

    /// Where the input called `name` comes from.
    pub fn named_input(mut self, name: impl Into<String>, source: Source) -> Self {
        self.named_inputs.push((name.into(), source));
        self
    }

    /// Stores the results under the step's name.
    pub fn save(mut self) -> Self {
        self.save = Some(self.name.clone());
        self
    }

    /// Stores the results under `name`.
    pub fn save_as(mut self, name: impl Into<String>) -> Self {
        self.save = Some(name.into());
        self
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::from(Origination::Previous)
    }
}
