//! Writer threads: store the results of units, then the tables of wells whose units are all
//! through.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;
use polystore::{Plane, PlaneIndex, WellPosition, backend::Roi};

use super::{Shared, load::Ticket};
use crate::{
    Error, Event, Result, Value,
    output::{
        CONTENT, FieldState, OutputHash, PlateRow, RecordTable, ResultStore, RunManifest,
        StoredImages, UnitRecord, UnitState, WellResults, plane_hash, rois, work_key,
    },
    plan::{Program, Unit, WriteTarget},
};

/// What became of a unit, on its way to the writers.
pub(super) struct Finished<'a> {
    pub(super) number: usize,
    pub(super) unit: &'a Unit,
    pub(super) outcome: Outcome<'a>,
}

pub(super) enum Outcome<'a> {
    /// Its results are to be stored.
    Computed(Box<Computed<'a>>),
    /// An earlier run did it; the hash of its record.
    Kept(String),
    /// It failed before anything of it was touched.
    Failed(Error),
    /// It failed; whether an earlier record must go.
    FailedWithRecord(Error, bool),
}

/// Results of a unit.
pub(super) struct Computed<'a> {
    pub(super) ticket: Ticket<'a>,
    /// What each plane that was read is recognised by.
    pub(super) inputs: Vec<String>,
    /// In the order of the program's writes.
    pub(super) values: Vec<Value>,
    /// Hashes of the planes among them, in that order.
    pub(super) hashes: Vec<String>,
    pub(super) elapsed: Duration,
}

/// What each plane is recognised by: its fingerprint, or its pixels.
pub(super) fn identities(fingerprints: &[Option<String>], planes: &[Plane]) -> Vec<String> {
    let identity = |(fingerprint, plane): (&Option<String>, &Plane)| match fingerprint {
        Some(fingerprint) => fingerprint.clone(),
        None => format!("{CONTENT}{}", plane_hash(plane)),
    };
    fingerprints.iter().zip(planes).map(identity).collect()
}

/// What the writers share.
pub(super) struct Committer<'a> {
    shared: &'a Shared<'a>,
    store: &'a ResultStore,
    images: &'a StoredImages,
    state: Mutex<State<'a>>,
    /// Whether the stored manifest says that a run is under way.
    is_announced: AtomicBool,
}

struct State<'a> {
    manifest: RunManifest,
    wells: HashMap<WellPosition, Well<'a>>,
    rows: Vec<PlateRow>,
    /// Whether anything was written.
    has_changed: bool,
}

/// A well whose units are not all through.
struct Well<'a> {
    n_left: usize,
    units: Vec<(usize, &'a Unit, FieldState)>,
}

/// What is left when all writers are done.
pub(super) struct Committed {
    pub(super) manifest: RunManifest,
    pub(super) rows: Vec<PlateRow>,
    pub(super) has_changed: bool,
}

impl<'a> Committer<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        store: &'a ResultStore,
        images: &'a StoredImages,
        manifest: RunManifest,
        is_announced: bool,
    ) -> Self {
        let mut wells: HashMap<WellPosition, Well<'a>> = HashMap::new();
        for unit in &shared.plan.units {
            let well = wells.entry(unit.well);
            well.or_insert_with(|| Well { n_left: 0, units: Vec::new() }).n_left += 1;
        }
        let state = State { manifest, wells, rows: Vec::new(), has_changed: false };
        let is_announced = AtomicBool::new(is_announced);
        Self { shared, store, images, state: Mutex::new(state), is_announced }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores results until there are no more.
    pub(super) fn run(&self, finished: &Receiver<Finished<'a>>) {
        for Finished { number, unit, outcome } in finished {
            let ended = match outcome {
                // What cannot be stored is as if it had not been computed.
                Outcome::Computed(_) if self.shared.refused.get().is_some() => continue,
                Outcome::Computed(computed) => {
                    let elapsed = computed.elapsed;
                    (self.shared.events)(Event::Computed { unit: unit.name.clone(), elapsed });
                    match self.store_unit(*computed) {
                        Ok(sha256) => Ok((UnitState::Done, sha256)),
                        Err(error) => match self.shared.stop_if_refused(error) {
                            Some(error) => Err(error),
                            None => continue,
                        },
                    }
                }
                Outcome::Kept(sha256) => Ok((UnitState::Kept, sha256)),
                Outcome::Failed(error) => Err(error),
                // What was stopped halfway is as if it had not begun.
                Outcome::FailedWithRecord(Error::Cancelled, _) => continue,
                Outcome::FailedWithRecord(error, leftovers) => {
                    Err(self.forget(unit, leftovers).err().unwrap_or(error))
                }
            };
            self.ended(number, unit, ended);
        }
    }

    fn forget(&self, unit: &Unit, leftovers: bool) -> Result<()> {
        match leftovers {
            true => self.store.remove(&ResultStore::record_path(unit.well, &unit.name)),
            false => Ok(()),
        }
    }

    /// Stores all results of a unit, its record last.
    fn store_unit(&self, computed: Computed<'a>) -> Result<String> {
        let Computed { ticket, inputs, values, hashes, .. } = computed;
        let Ticket { number, unit, program, leftovers, permit, .. } = ticket;
        if !self.is_announced.swap(true, Ordering::Relaxed) {
            let manifest = self.lock().manifest.clone();
            manifest.store(self.store)?;
        }
        self.forget(unit, leftovers)?;
        let plan = self.shared.plan;
        let mut planes: Vec<(u32, Vec<(PlaneIndex, Plane)>)> = Vec::new();
        let mut outlines: Vec<(&str, Vec<Roi>)> = Vec::new();
        let (mut outputs, mut tables) = (Vec::new(), Vec::new());
        let mut n_bytes = 0;
        let mut hashes = hashes.into_iter();
        for (write, value) in program.writes.iter().zip(&values) {
            let step = plan.pipeline.steps().get(write.step as usize);
            let name = step.and_then(|step| step.save()).unwrap_or_default();
            match (write.target, value) {
                (WriteTarget::Plane { set, index }, Value::Image(stack) | Value::Labels(stack)) => {
                    let plane = stack.only()?.clone();
                    n_bytes += plane.n_bytes() as u64;
                    let path = self.images.image(set, number)?.1.clone();
                    let sha256 = hashes.next().unwrap_or_default();
                    outputs.push(OutputHash { path, part: index.to_string(), sha256 });
                    match planes.iter_mut().find(|(other, _)| *other == set) {
                        Some((_, planes)) => planes.push((index, plane)),
                        None => planes.push((set, vec![(index, plane)])),
                    }
                }
                (WriteTarget::Table, Value::Table(table)) => {
                    table.check()?;
                    tables.push(RecordTable::new(name, write.key, table));
                }
                (WriteTarget::Rois, Value::Rois(rois)) => {
                    let rois = rois::place(rois, write.key);
                    match outlines.iter_mut().find(|(other, _)| *other == name) {
                        Some((_, outlines)) => outlines.extend(rois),
                        None => outlines.push((name, rois)),
                    }
                }
                _ => return Err(Error::pipeline("plan", "a write does not fit its value")),
            }
        }
        for (set, planes) in planes {
            self.images.write(set, number, planes)?;
        }
        for (name, rois) in outlines {
            outputs.push(rois::write(self.store, name, unit, &rois)?);
        }
        let work = work_key(plan, unit)?;
        let run = self.lock().manifest.run;
        let record = UnitRecord::new(unit, run, work, inputs, outputs, tables);
        let sha256 = record.store(unit, self.store)?;
        drop((values, permit));
        (self.shared.events)(Event::Done { unit: unit.name.clone(), n_bytes });
        Ok(sha256)
    }

    /// What a unit is whose results are there: `whole`, unless something was left out.
    fn state_of(&self, unit: &Unit, whole: UnitState) -> UnitState {
        let program = self.shared.plan.programs.get(unit.program as usize);
        if program.is_some_and(Program::lacks_planes) { UnitState::Partial } else { whole }
    }

    /// Notes what became of a unit; writes the tables of its well if it was the last.
    fn ended(&self, number: usize, unit: &'a Unit, ended: Result<(UnitState, String)>) {
        let name = || unit.name.clone();
        let (state, sha256, error) = match ended {
            Ok((state, sha256)) => (state, sha256, String::new()),
            Err(error) => (UnitState::Failed, String::new(), error.chain()),
        };
        let is_kept = state == UnitState::Kept;
        let state = match state {
            UnitState::Done | UnitState::Kept => self.state_of(unit, state),
            other => other,
        };
        match state {
            _ if is_kept => (self.shared.events)(Event::Kept { unit: name() }),
            UnitState::Failed => {
                tracing::warn!(unit = unit.name, %error, "unit failed");
                (self.shared.events)(Event::Failed { unit: name(), error: error.clone() });
            }
            _ => {}
        }
        let mut shared = self.lock();
        shared.has_changed |= !is_kept;
        if let Some(entry) = shared.manifest.units.get_mut(number) {
            (entry.state, entry.sha256, entry.error) = (state, sha256, error);
        }
        let field = match state {
            UnitState::Failed => FieldState::Failed,
            UnitState::Partial => FieldState::Partial,
            _ => FieldState::Done,
        };
        let Some(well) = shared.wells.get_mut(&unit.well) else { return };
        well.units.push((number, unit, field));
        well.n_left -= 1;
        if well.n_left > 0 {
            return;
        }
        let well = shared.wells.remove(&unit.well);
        drop(shared);
        if let Some(well) = well {
            self.well_done(unit.well, well);
        }
    }

    fn well_done(&self, position: WellPosition, mut well: Well<'a>) {
        well.units.sort_by_key(|(number, ..)| *number);
        let units = well.units.into_iter().map(|(_, unit, state)| (unit, state)).collect();
        let results = WellResults { plan: self.shared.plan, store: self.store, units };
        let written = results.write();
        let mut shared = self.lock();
        match written {
            Ok((rows, has_changed)) => {
                shared.rows.extend(rows);
                shared.has_changed |= has_changed;
                drop(shared);
                (self.shared.events)(Event::WellDone { well: position });
            }
            Err(error) => {
                let Some(error) = self.shared.stop_if_refused(error) else { return };
                let message = format!("the tables of well {position}: {}", error.chain());
                tracing::warn!("{message}");
                shared.manifest.failures.push(message);
                shared.rows.extend(results.empty_rows(position));
                shared.has_changed = true;
            }
        }
    }

    pub(super) fn into_committed(self) -> Committed {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A well of which nothing could be done is a row too, one without numbers.
        let places = state.rows.iter().enumerate();
        let places: HashMap<_, _> =
            places.map(|(at, row)| ((row.well, row.acquisition), at)).collect();
        for &(well, acquisition, n_fields) in &self.shared.plan.left_out {
            match places.get(&(well, acquisition)).and_then(|&at| state.rows.get_mut(at)) {
                Some(row) => row.n_fields += n_fields,
                None => state.rows.push(PlateRow::new(well, acquisition, n_fields)),
            }
        }
        Committed { manifest: state.manifest, rows: state.rows, has_changed: state.has_changed }
    }
}

/// Hashes of the planes among `values`.
pub(super) fn plane_hashes(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(|value| Some(plane_hash(value.stack()?.planes().first()?))).collect()
}
