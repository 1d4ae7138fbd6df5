//! Pipelines: what a pipeline document says, checked as far as no plate is needed for it.

mod axis;
mod builder;
mod check;
mod numbers;
mod toml;
mod wells;

use std::{collections::BTreeMap, fmt, path::Path};

pub use axis::Axis;
pub(crate) use axis::in_words;
pub use builder::{Chain, PipelineBuilder, StepBuilder};
pub use numbers::Numbers;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
pub use wells::WellSet;

use crate::{Error, Result, ValueKind, function::Settings};

/// Steps that call functions on the planes of a plate. Immutable and checked: functions,
/// parameters and references between steps are known to fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    name: String,
    description: String,
    input: Selection,
    steps: Vec<Step>,
    report: ReportSettings,
    /// The text that it was read from; no part of what it means.
    document: String,
}

/// Which part of a plate a pipeline works on; everything unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Selection {
    /// Wells.
    pub wells: Option<WellSet>,
    /// Wells that are left out.
    pub exclude_wells: Option<WellSet>,
    /// Fields, from 1 as file names print them.
    pub fields: Option<Numbers>,
    /// Channels by name, or by number from 1; empty for all.
    pub channels: Vec<String>,
    /// Acquisitions by name, or by number from 1; empty for all.
    pub acquisitions: Vec<String>,
    /// Timepoints, from 0.
    pub timepoints: Option<Numbers>,
    /// What to do about planes that are missing or corrupt.
    pub missing: MissingPolicy,
    #[serde(skip)]
    pub(crate) origin: Origin,
    /// Where its channels and timepoints stand; nothing but the document says those.
    #[serde(skip)]
    pub(crate) channels_origin: Origin,
    #[serde(skip)]
    pub(crate) timepoints_origin: Origin,
}

/// What to do about planes that are declared but missing or corrupt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingPolicy {
    /// Refuse the plate and list them.
    #[default]
    Error,
    /// Leave out every call that depends on one of them, and say so.
    Skip,
}

/// What is shown of a run's results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReportSettings {
    /// Columns of the plate table to draw heatmaps of, the first one largest. The numbers of
    /// objects when it is empty.
    pub heatmaps: Vec<String>,
    /// Where each of them stands.
    #[serde(skip)]
    pub(crate) origins: Vec<Origin>,
}

/// One step: a chain of functions applied to every plane, or to stacks of planes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) over: Vec<Axis>,
    pub(crate) input: Source,
    pub(crate) named_inputs: BTreeMap<String, Source>,
    pub(crate) save: Option<String>,
    pub(crate) output: ValueKind,
    /// Axes along which the step's results are separate.
    pub(crate) axes: Vec<Axis>,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// The functions of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The same functions for everything.
    Chain(Vec<FunctionCall>),
    /// Functions by channel; `*` stands for the channels that are not named.
    PerChannel(BTreeMap<String, Vec<FunctionCall>>),
}

/// A function with settings: every parameter has a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionCall {
    /// The function's name.
    pub function: String,
    /// Its checked settings.
    pub settings: Settings,
}

/// Where an input comes from, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub(crate) from: Origination,
    /// Channels by name or number; empty for all.
    pub(crate) channels: Vec<String>,
    /// Axes to take as a stack; `None` for those of the step that the input has.
    pub(crate) over: Option<Vec<Axis>>,
    /// Where it stands, and parts of it: the name of the input, its channels and axes.
    #[serde(skip)]
    pub(crate) origin: Origin,
    #[serde(skip)]
    pub(crate) name_origin: Origin,
    #[serde(skip)]
    pub(crate) channels_origin: Origin,
    #[serde(skip)]
    pub(crate) over_origin: Origin,
}

/// What an input is taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origination {
    /// The planes of the plate.
    Plate,
    /// The results of the step before; resolved when a pipeline is checked.
    Previous,
    /// The results of a step.
    Step(String),
}

impl Source {
    /// The planes of the plate.
    pub fn plate() -> Self {
        Self::from(Origination::Plate)
    }

    /// The results of the step called `name`.
    pub fn step(name: impl Into<String>) -> Self {
        Self::from(Origination::Step(name.into()))
    }

    pub(crate) fn from(from: Origination) -> Self {
        let [origin, name_origin, channels_origin, over_origin] = Default::default();
        let (channels, over) = (Vec::new(), None);
        Self { from, channels, over, origin, name_origin, channels_origin, over_origin }
    }

    /// Only this channel (and others that are named), by name or by number from 1.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channels.push(channel.into());
        self
    }

    /// Takes the planes along `axes` as one stack.
    #[must_use]
    pub fn over(mut self, axes: impl IntoIterator<Item = Axis>) -> Self {
        self.over = Some(axes.into_iter().collect());
        self
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Origination::Plate => write!(f, "the plate")?,
            Origination::Previous => write!(f, "the step before")?,
            Origination::Step(name) => write!(f, "`{name}`")?,
        }
        if !self.channels.is_empty() {
            write!(f, " channels {}", self.channels.join(" "))?;
        }
        match &self.over {
            Some(over) => write!(f, " over {}", in_words(over)),
            None => Ok(()),
        }
    }
}

/// Where in a document something stands, for messages; no part of what it means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin(pub(crate) String);

impl Origin {
    /// This place, or `other` where it is not known.
    pub(crate) fn or<'o>(&'o self, other: &'o Self) -> &'o Self {
        if self.0.is_empty() { other } else { self }
    }
}

impl PartialEq for Origin {
    /// Two pipelines are the same wherever they were read from.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest pipeline document that is read.
const MAX_DOCUMENT_BYTES: u64 = 1 << 20;

impl Pipeline {
    /// Starts a pipeline in Rust.
    pub fn builder(name: impl Into<String>) -> PipelineBuilder {
        PipelineBuilder::new(name)
    }

    /// Reads a pipeline document; `origin` is its name in messages.
    ///
    /// # Errors
    /// `Pipeline` with file, line and column, what was expected, and the nearest known name.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self> {
        toml::read(text, origin)
    }

    /// Reads the pipeline document at `path`.
    ///
    /// # Errors
    /// As [`Pipeline::from_toml`]; as the file system answers.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed =
            |error| polystore::Error::io(error, "read the pipeline document", path.display());
        let n_bytes = std::fs::metadata(path).map_err(failed)?.len();
        if n_bytes > MAX_DOCUMENT_BYTES {
            let message = format!("{n_bytes} bytes are too many for a pipeline document");
            return Err(Error::pipeline(path.display(), message).with_hint("is it another file?"));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, in the author's words.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The document that it was read from; empty when it was built in Rust.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Which part of a plate it works on.
    pub fn input(&self) -> &Selection {
        &self.input
    }

    /// The same for another part of the plate.
    #[must_use]
    pub fn with_input(mut self, input: Selection) -> Self {
        self.input = input;
        self
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is shown of its results.
    pub fn report(&self) -> &ReportSettings {
        &self.report
    }

    /// The step called `name`.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Identifies what the pipeline does: the hash of its steps and of the part of a plate
    /// that it works on, with every default written out. Name, description and layout of the
    /// document do not count.
    pub fn hash(&self) -> String {
        let meaning = serde_json::json!({ "input": self.input, "steps": self.steps });
        hex(&Sha256::digest(meaning.to_string()))
    }
}

impl Selection {
    /// The same, leaving out what depends on missing planes instead of refusing the plate.
    #[must_use]
    pub fn with_missing(mut self, policy: MissingPolicy) -> Self {
        self.missing = policy;
        self
    }

    /// The same for other wells.
    #[must_use]
    pub fn with_wells(mut self, wells: WellSet) -> Self {
        self.wells = Some(wells);
        self
    }
}

impl Step {
    /// Starts a step in Rust.
    #[expect(clippy::new_ret_no_self, reason = "a step exists only inside a checked pipeline")]
    pub fn new(name: impl Into<String>) -> StepBuilder {
        StepBuilder::new(name)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The functions.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// The axes that it takes as a stack.
    pub fn over(&self) -> &[Axis] {
        &self.over
    }

    /// What it gives.
    pub fn output(&self) -> ValueKind {
        self.output
    }

    /// Where its inputs come from, in words.
    pub(crate) fn inputs_in_words(&self) -> String {
        let named = self.named_inputs.iter().map(|(name, source)| format!("{name} = {source}"));
        std::iter::once(self.input.to_string()).chain(named).collect::<Vec<_>>().join(", ")
    }

    /// The name that its results are stored under, if they are.
    pub fn save(&self) -> Option<&str> {
        self.save.as_deref()
    }
}

impl Work {
    /// The chains with the channels that they are for; one for all is for `*`.
    pub fn chains(&self) -> Vec<(&str, &[FunctionCall])> {
        match self {
            Self::Chain(chain) => vec![("*", chain)],
            Self::PerChannel(chains) => {
                chains.iter().map(|(channel, chain)| (channel.as_str(), chain.as_slice())).collect()
            }
        }
    }
}

impl fmt::Display for FunctionCall {
    /// `gaussian(sigma=2, mode="nearest")`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<_> =
            self.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{}({})", self.function, settings.join(", "))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
