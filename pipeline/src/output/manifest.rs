//! The manifest of a run: what was done, from what, by what.

use std::time::{SystemTime, UNIX_EPOCH};

use polystore::{
    PlaneIndex, VirtualPath, WellPosition,
    model::{Inventory, InventoryCounts, PlaneState},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ResultStore;
use crate::{
    Error, Pipeline, Result,
    plan::{Cost, ExecutionPlan, PlateReference, passed_over},
};

/// Where the manifest is.
const PATH: &str = "run.json";

/// What a run did: provenance for people and programs, stored as `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunManifest {
    /// The run's identifier, a UUID of version 7 (ordered by time).
    pub run: Uuid,
    /// How it ended.
    pub state: RunState,
    /// When it started, RFC 3339 in UTC.
    pub started: String,
    /// When it ended; empty while it runs.
    pub finished: String,
    /// How long it took.
    pub seconds: f64,
    /// Version of this crate.
    pub polystore: String,
    /// The computer.
    pub host: String,
    /// Threads that computed.
    pub cpu_threads: usize,
    /// The pipeline with every default written out.
    pub pipeline: Pipeline,
    /// The document as it was read; empty for a pipeline built in Rust.
    pub document: String,
    /// Identifies what the pipeline does.
    pub pipeline_hash: String,
    /// Identifies the plan.
    pub plan_hash: String,
    /// The plate.
    pub plate: PlateReference,
    /// What of the plate was there; planes that turned out to be damaged when they were read
    /// are counted as what they are.
    pub inventory: InventoryCounts,
    /// Image files and wells of the plate that could not be used at all, but for wells that
    /// were not asked for.
    #[serde(default)]
    pub passed_over: u64,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// What it was reckoned to take.
    pub cost: Cost,
    /// What became of each unit, in plate order.
    pub units: Vec<UnitEntry>,
    /// Failures that concern no single unit.
    pub failures: Vec<String>,
    /// Plots that this run wrote, or an earlier one that it went on with, below the place of the
    /// results; entered before they are written. Runs of old versions do not say.
    #[serde(default)]
    pub plots: Option<Vec<String>>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RunState {
    /// It has not ended, or was killed.
    Running,
    /// Everything is done.
    Complete,
    /// Something failed, or was left out because planes are missing or corrupt,
    /// or there is no column that the report was to show.
    Incomplete,
    /// It was stopped.
    Cancelled,
}

/// What became of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnitEntry {
    /// Its name.
    pub name: String,
    /// The well.
    pub well: WellPosition,
    /// What became of it.
    pub state: UnitState,
    /// Hash of its record, which has those of its results.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Why it failed, with all causes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// What is not done of it and why, when planes are missing or corrupt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
    /// Planes of it that turned out to be damaged when they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<DamagedPlane>,
}

impl UnitEntry {
    /// Whether it failed because planes are damaged, and not for another reason.
    pub fn failed_for_damage(&self) -> bool {
        self.state == UnitState::Failed && !self.damaged.is_empty()
    }
}

/// A plane that turned out to be damaged when it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DamagedPlane {
    /// The image, below the plate's path.
    pub image: VirtualPath,
    /// The plane.
    pub index: PlaneIndex,
    /// Missing or corrupt.
    pub state: PlaneState,
    /// What is wrong with it.
    pub reason: String,
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UnitState {
    /// It has not been done.
    Pending,
    /// This run did it, all of it.
    Done,
    /// An earlier run did it, all of it.
    Kept,
    /// It is done in part, by this run or an earlier one: what depends on planes that are
    /// missing or corrupt was left out.
    Partial,
    /// Nothing of it is done, because planes that it needs are missing or corrupt.
    #[serde(rename = "left_out")]
    LeftOut,
    /// It failed.
    Failed,
}

impl RunManifest {
    pub(crate) fn new(plan: &ExecutionPlan, inventory: &Inventory, cpu_threads: usize) -> Self {
        let unit = |unit: &crate::plan::Unit| UnitEntry {
            name: unit.name.clone(),
            well: unit.well,
            state: UnitState::Pending,
            sha256: String::new(),
            error: String::new(),
            remark: unit.remark.clone(),
            damaged: Vec::new(),
        };
        Self {
            run: Uuid::now_v7(),
            state: RunState::Running,
            started: now(),
            finished: String::new(),
            seconds: 0.0,
            polystore: env!("CARGO_PKG_VERSION").to_owned(),
            host: host(),
            cpu_threads,
            pipeline: plan.pipeline.clone(),
            document: plan.pipeline.document().to_owned(),
            pipeline_hash: plan.pipeline_hash.clone(),
            plan_hash: plan.hash.clone(),
            plate: plan.plate.clone(),
            inventory: inventory.counts(),
            passed_over: passed_over(plan.pipeline.input(), inventory).0.n,
            notes: plan.notes.clone(),
            cost: plan.cost,
            units: plan.units.iter().map(unit).collect(),
            failures: Vec::new(),
            plots: Some(Vec::new()),
        }
    }

    /// The manifest in `store`; `None` when there is none.
    ///
    /// # Errors
    /// `InvalidData` when it is damaged or of another version; as the backend reads.
    pub fn load(store: &ResultStore) -> Result<Option<Self>> {
        let Some(content) = store.read(PATH)? else { return Ok(None) };
        serde_json::from_slice(&content).map(Some).map_err(|error| {
            let place =
                store.root().join(PATH).map_or_else(|_| PATH.to_owned(), |path| path.to_string());
            polystore::Error::invalid_data("is no manifest of a run")
                .with_backend(store.files().to_string())
                .with_path(place)
                .with_hint(
                    "what here is of the run cannot be told without it: choose another place for \
                     the results, or move what is here away",
                )
                .with_source(error)
                .into()
        })
    }

    pub(crate) fn store(&self, store: &ResultStore) -> Result<()> {
        let failed = |error: serde_json::Error| Error::function(error.to_string());
        store.write(PATH, serde_json::to_vec_pretty(self).map_err(failed)?)?;
        Ok(())
    }

    /// How many units are in a state.
    pub fn count(&self, state: UnitState) -> usize {
        self.units.iter().filter(|unit| unit.state == state).count()
    }

    /// Units that failed.
    pub fn failed(&self) -> impl Iterator<Item = &UnitEntry> {
        self.units.iter().filter(|unit| unit.state == UnitState::Failed)
    }

    /// Whether something failed for another reason than damaged planes.
    pub fn has_faults(&self) -> bool {
        self.failed().any(|unit| !unit.failed_for_damage()) || !self.failures.is_empty()
    }

    /// Counts a plane, present as far as was known, as what it turned out to be.
    pub(crate) fn count_damaged(&mut self, plane: &DamagedPlane) {
        self.inventory.present = self.inventory.present.saturating_sub(1);
        match plane.state {
            PlaneState::Corrupt => self.inventory.corrupt += 1,
            _ => self.inventory.missing += 1,
        }
    }

    /// Whether a unit, or something that concerns no single unit, failed.
    pub fn has_failed(&self) -> bool {
        self.failed().next().is_some() || !self.failures.is_empty()
    }

    /// Whether a run of the same plan would have nothing to do.
    pub(crate) fn is_through(&self) -> bool {
        matches!(self.state, RunState::Complete | RunState::Incomplete) && !self.has_failed()
    }

    /// Whether all of the plate that was asked for is done, nothing of it left out.
    pub fn is_complete(&self) -> bool {
        self.state == RunState::Complete
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    name.trim().to_owned()
}

/// The time as RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs())
}

/// Seconds since 1970 as a date, by Howard Hinnant's `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }
}
