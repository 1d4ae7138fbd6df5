//! The record of a unit: what was done from which input, and what came out.
//!
//! It is written last, in one step, so a unit is done when its record is there and says
//! what the plan says. It holds the unit's tables, from which those of the well are made.

use polystore::{VirtualPath, backend::Table, model::PlaneState};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    DamagedPlane, ResultStore,
    table_json::{self, ExactColumn},
};
use crate::{
    Error, Result,
    definition::hex,
    plan::{ExecutionPlan, Key, Program, Read, Unit},
};

/// Changes when records of another version mean something else.
const RECORD_FORMAT: u32 = 1;

/// Starts the identity of a plane that is recognised by its pixels.
pub(crate) const CONTENT: &str = "sha256:";

/// What was done for one unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitRecord {
    format: u32,
    pub(crate) unit: String,
    /// The run that did it.
    pub(crate) run: Uuid,
    /// [`work_key`] of the unit.
    pub(crate) work: String,
    /// What each plane that was read is recognised by, in the program's order.
    pub(crate) inputs: Vec<String>,
    /// Planes that were to be read and turned out to be damaged; the work is that without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) damaged: Vec<RecordDamage>,
    /// Hashes of planes and outlines that were stored, in the program's order.
    pub(crate) outputs: Vec<OutputHash>,
    pub(crate) tables: Vec<RecordTable>,
}

/// A plane that turned out to be damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDamage {
    pub(crate) read: Read,
    pub(crate) state: PlaneState,
    pub(crate) reason: String,
    /// What the plane is recognised by, where the backend can tell.
    pub(crate) fingerprint: Option<String>,
}

impl RecordDamage {
    /// As it is told of `unit`.
    pub(crate) fn told(&self, unit: &Unit) -> Option<DamagedPlane> {
        let image = unit.images.get(self.read.image as usize)?.clone();
        let Self { read, state, reason, .. } = self;
        Some(DamagedPlane { image, index: read.index, state: *state, reason: reason.clone() })
    }
}

/// One stored result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputHash {
    /// Where it is, in its backend.
    pub(crate) path: VirtualPath,
    /// Which plane of it; empty for outlines.
    pub(crate) part: String,
    pub(crate) sha256: String,
}

/// A table of one call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordTable {
    /// What the step saves under.
    name: String,
    key: Key,
    columns: Vec<ExactColumn>,
}

impl RecordTable {
    pub(crate) fn new(name: &str, key: Key, table: &Table) -> Self {
        Self { name: name.to_owned(), key, columns: table_json::encode(table) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn into_table(self) -> (Key, Table) {
        (self.key, table_json::decode(self.columns))
    }
}

/// A record with the hash of its content, as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sha256: String,
    record: UnitRecord,
}

impl UnitRecord {
    pub(crate) fn new(
        unit: &Unit,
        run: Uuid,
        work: String,
        (inputs, damaged): (Vec<String>, Vec<RecordDamage>),
        (outputs, tables): (Vec<OutputHash>, Vec<RecordTable>),
    ) -> Self {
        let unit = unit.name.clone();
        Self { format: RECORD_FORMAT, unit, run, work, inputs, damaged, outputs, tables }
    }

    /// Stores it; returns its hash.
    pub(crate) fn store(self, unit: &Unit, store: &ResultStore) -> Result<String> {
        let sha256 = self.hash()?;
        let sealed = Sealed { sha256: sha256.clone(), record: self };
        let text = serde_json::to_vec(&sealed).map_err(unwritable)?;
        store.write(&ResultStore::record_path(unit.well, &unit.name), text)?;
        Ok(sha256)
    }

    /// The record of `unit` with its hash; `None` when there is none, or it is damaged or of
    /// another version: then the unit is not done.
    pub(crate) fn load(unit: &Unit, store: &ResultStore) -> Result<Option<(Self, String)>> {
        let path = ResultStore::record_path(unit.well, &unit.name);
        let Some(content) = store.read(&path)? else { return Ok(None) };
        let sealed: Sealed = match serde_json::from_slice(&content) {
            Ok(sealed) => sealed,
            Err(error) => {
                tracing::warn!(unit = unit.name, %error, "record is damaged; the unit is done again");
                return Ok(None);
            }
        };
        let is_whole = sealed.record.hash()? == sealed.sha256;
        if !is_whole {
            tracing::warn!(unit = unit.name, "record was changed; the unit is done again");
        }
        let is_right = sealed.record.format == RECORD_FORMAT && sealed.record.unit == unit.name;
        Ok((is_whole && is_right).then_some((sealed.record, sealed.sha256)))
    }

    fn hash(&self) -> Result<String> {
        Ok(hex(&Sha256::digest(serde_json::to_vec(self).map_err(unwritable)?)))
    }
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::function(format!("a record cannot be written as JSON: {error}"))
}

/// Identifies what a unit does to its input: its program, the steps with all settings, and
/// the versions of the functions. What the pipeline says of missing planes and of other wells
/// is no part of it.
pub(crate) fn work_key(plan: &ExecutionPlan, unit: &Unit, program: &Program) -> Result<String> {
    let work = serde_json::json!({
        "format": RECORD_FORMAT,
        "steps": plan.pipeline.steps(),
        "functions": plan.functions,
        "image_sets": plan.image_sets,
        "program": program,
        "images": unit.images,
        "fields": unit.fields,
    });
    Ok(hex(&Sha256::digest(work.to_string())))
}
