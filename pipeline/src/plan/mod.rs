//! Plans: every read, call and write of a pipeline over a plate, before anything runs.
//!
//! A plan is plain data. Units (a field of a well, or a well when a step takes fields
//! together) are independent of one another, so any executor can run any of them anywhere.
//! What a unit does is its program; fields that look alike share one, so a plan stays small
//! and is made in time proportional to the plate.

mod columns;
mod compile;
mod cost;
mod images;
mod key;
mod lacking;
mod rewire;
mod select;
mod summary;
mod wire;

use std::collections::BTreeMap;

pub use compile::{CompileOptions, compile};
pub use cost::Cost;
pub(crate) use images::Images;
pub use key::Key;
use polystore::{
    BackendSpec, PlaneIndex, VirtualPath, WellPosition,
    model::{ImageKind, ImageStructure, PhysicalSize},
};
pub(crate) use rewire::Rewiring;
pub(crate) use select::{passed_over, wants_well};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
pub(crate) use summary::Bytes;
pub use summary::{PlanSummary, StepSummary};

use crate::{Error, Pipeline, Result, definition::hex, function::PlaneKind};

/// Changes when plans of another version mean something else.
pub const PLAN_FORMAT: u32 = 3;

/// A pipeline compiled over a plate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExecutionPlan {
    /// [`PLAN_FORMAT`] of the crate that made it.
    pub format: u32,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// [`Pipeline::hash`].
    pub pipeline_hash: String,
    /// The plate.
    pub plate: PlateReference,
    /// Versions of the functions that are called, by name.
    pub functions: BTreeMap<String, u32>,
    /// What units do.
    pub programs: Vec<Program>,
    /// Units in plate order, with those that nothing is done of because planes are missing or
    /// corrupt.
    pub units: Vec<Unit>,
    /// Images that are stored, one set per step that stores some.
    pub image_sets: Vec<ImageSet>,
    /// What was left out and why, in words.
    pub notes: Vec<String>,
    /// What running everything takes.
    pub cost: Cost,
    /// Identifies the plan: the hash of everything above.
    pub hash: String,
}

/// The plate of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlateReference {
    /// Its name.
    pub name: String,
    /// Where it is in its backend.
    pub path: VirtualPath,
    /// What opens the backend elsewhere.
    pub backend: BackendSpec,
    /// Rows of its grid.
    pub n_rows: u32,
    /// Columns of its grid.
    pub n_columns: u32,
    /// Names of its acquisitions.
    pub acquisitions: Vec<String>,
    /// Wells that it has, whether or not they are worked on.
    pub n_wells: usize,
}

/// A piece of work that depends on no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Unit {
    /// Its name, which its results are stored under: `A01_s001`, `A01_a002_s001`, `A01`.
    pub name: String,
    /// The well.
    pub well: WellPosition,
    /// Index into the plate's acquisitions.
    pub acquisition: u32,
    /// The images, below the plate's path, in the order of their fields.
    pub images: Vec<VirtualPath>,
    /// Fields of the images, from 0.
    pub fields: Vec<u32>,
    /// Index into the plan's programs.
    pub program: u32,
    /// What is not done of it and why, in words; empty when all is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

/// What a unit does. Values are numbered: first what is read, then what the calls give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Program {
    /// Planes that are read.
    pub reads: Vec<Read>,
    /// Calls in order; each depends only on values before it.
    pub calls: Vec<Call>,
    /// What is stored.
    pub writes: Vec<Write>,
    /// Images that are declared for what is stored.
    pub images: Vec<ProgramImage>,
    /// Calls that are not made, because something they depend on is not there.
    pub skipped: Vec<Skipped>,
    /// Names of the source's channels, for columns; no two are the same.
    pub channels: Vec<String>,
    /// Size of a voxel of the source in µm.
    pub physical_size: PhysicalSize,
    /// What one unit takes.
    pub cost: Cost,
}

/// A plane to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Position in the unit's images.
    pub image: u32,
    /// The plane.
    pub index: PlaneIndex,
}

/// A step applied to one plane or stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Call {
    /// Index into the pipeline's steps.
    pub step: u32,
    /// Which chain of the step: a channel of [`Work::PerChannel`](crate::Work), or `*`.
    pub chain: String,
    /// Where the result lies.
    pub key: Key,
    /// The inputs; the first is the first function's first.
    pub inputs: Vec<CallInput>,
    /// What planes the result has; `None` for tables and outlines.
    pub output: Option<PlaneKind>,
}

/// One input of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallInput {
    /// Its name; empty for the first.
    pub name: String,
    /// Numbers of the values whose planes make the stack.
    pub values: Vec<u32>,
    /// Channels of the planes, when they were taken together; otherwise empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<u32>,
}

/// A result to store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Index into the pipeline's steps.
    pub step: u32,
    /// Number of the value.
    pub value: u32,
    /// Where it lies.
    pub key: Key,
    /// Where it goes.
    pub target: WriteTarget,
}

/// Where a result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteTarget {
    /// A plane of an image.
    Plane {
        /// Index into the plan's image sets.
        set: u32,
        /// The plane of that image.
        index: PlaneIndex,
    },
    /// Rows of the well's table.
    Table,
    /// Outlines on the unit's image.
    Rois,
}

/// An image that units of a program declare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramImage {
    /// Index into the plan's image sets.
    pub set: u32,
    /// The image; its path, field and acquisition are the unit's to fill in.
    pub image: ImageStructure,
}

/// Images that a step stores: a derived plate, or labels beside the images of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ImageSet {
    /// The name that the step saves under.
    pub name: String,
    /// Index into the pipeline's steps.
    pub step: u32,
    /// Intensities or labels.
    pub kind: ImageKind,
    /// For labels, the set whose images they lie beside, as an index; `None` for a plate of
    /// their own.
    pub beside: Option<u32>,
}

/// A call that is not made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Index into the pipeline's steps.
    pub step: u32,
    /// Where its result would lie.
    pub key: Key,
    /// Missing and corrupt planes that it depends on; empty when an input was never meant to
    /// be there.
    pub missing: Vec<Read>,
}

impl ExecutionPlan {
    /// The program of a unit.
    ///
    /// # Errors
    /// `Pipeline` when the plan does not hold together.
    pub fn program(&self, unit: &Unit) -> Result<&Program> {
        self.programs.get(unit.program as usize).ok_or_else(|| {
            Error::pipeline("plan", format!("unit {} has no program", unit.name))
                .with_hint("the plan is damaged; compile it again")
        })
    }

    /// The path of an image of a unit in the plate's backend.
    pub(crate) fn image_path(&self, unit: &Unit, image: u32) -> Option<VirtualPath> {
        Some(self.plate.path.append(unit.images.get(image as usize)?))
    }

    /// The plan as JSON.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::function(error.to_string()))
    }

    /// Reads a plan that [`ExecutionPlan::to_json`] wrote.
    ///
    /// # Errors
    /// `Pipeline` when it is not a plan of this version, or was changed since.
    pub fn from_json(text: &str) -> Result<Self> {
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| Error::pipeline("plan", format!("cannot be read: {error}")))?;
        if plan.format != PLAN_FORMAT {
            let message = format!("is of format {}, but this is {PLAN_FORMAT}", plan.format);
            return Err(Error::pipeline("plan", message).with_hint("compile it again"));
        }
        match plan.computed_hash()? == plan.hash {
            true => Ok(plan),
            false => Err(Error::pipeline("plan", "was changed after it was made")
                .with_hint("compile it again")),
        }
    }

    fn computed_hash(&self) -> Result<String> {
        let unhashed = Self { hash: String::new(), ..self.clone() };
        Ok(hex(&Sha256::digest(unhashed.to_json()?)))
    }
}

impl Program {
    /// Whether nothing of the unit can be done.
    pub fn does_nothing(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether something is left out because planes are missing or corrupt. What depends on
    /// planes that were never meant to be is left out by design.
    pub fn lacks_planes(&self) -> bool {
        self.skipped.iter().any(|skipped| !skipped.missing.is_empty())
    }

    /// How often each value is used: by calls, and by writes.
    pub(crate) fn n_uses(&self) -> Vec<u32> {
        let mut uses = vec![0; self.reads.len() + self.calls.len()];
        let of_calls = self.calls.iter().flat_map(|call| &call.inputs);
        let used = of_calls.flat_map(|input| input.values.iter().copied());
        for value in used.chain(self.writes.iter().map(|write| write.value)) {
            if let Some(uses) = uses.get_mut(value as usize) {
                *uses += 1;
            }
        }
        uses
    }
}
