//! Writer threads: store the results of units, then the tables of wells whose units are all
//! through.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;
use polystore::{Plane, PlaneIndex, WellPosition, backend::Roi};

use super::{Shared, damage::UnitWork, load::Ticket};
use crate::{
    Error, Event, Result, Value,
    output::{
        CONTENT, FieldState, OutputHash, PlateRow, RecordDamage, RecordTable, ResultStore,
        RunManifest, StoredImages, UnitRecord, UnitState, WellResults, plane_hash, rois, work_key,
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
    /// An earlier run did it; the hash of its record, and what was done.
    Kept(String, Box<UnitWork<'a>>),
    /// Nothing can be done of it without planes that are not there; whether an earlier record
    /// must go.
    LeftOut(Box<UnitWork<'a>>, bool),
    /// It failed, because of planes that turned out to be damaged if any are given; whether an
    /// earlier record must go.
    Failed(Error, Vec<RecordDamage>, bool),
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
    rewired: HashMap<usize, Program>,
}

/// What became of a unit, as it is noted.
struct Ended {
    state: UnitState,
    /// Whether nothing of it was written or removed.
    is_kept: bool,
    sha256: String,
    error: String,
    damaged: Vec<RecordDamage>,
    remark: String,
    rewired: Option<Program>,
}

impl Ended {
    fn new(state: UnitState, work: UnitWork<'_>) -> Self {
        let UnitWork { program, damaged, remark } = work;
        let state = match state {
            // What is done is not whole when something was left out.
            UnitState::Done | UnitState::Kept if program.lacks_planes() => UnitState::Partial,
            other => other,
        };
        let rewired = match program {
            Cow::Owned(program) => Some(program),
            Cow::Borrowed(_) => None,
        };
        let (sha256, error) = (String::new(), String::new());
        Self { state, is_kept: false, sha256, error, damaged, remark, rewired }
    }

    fn failed(error: &Error, damaged: Vec<RecordDamage>) -> Self {
        let (error, state) = (error.chain(), UnitState::Failed);
        let (sha256, remark) = (String::new(), String::new());
        Self { state, is_kept: false, sha256, error, damaged, remark, rewired: None }
    }
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
    pub(super) rewired: HashMap<usize, Program>,
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
        let (rows, rewired) = (Vec::new(), HashMap::new());
        let state = State { manifest, wells, rows, has_changed: false, rewired };
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
                        Ok((sha256, work)) => Ended { sha256, ..Ended::new(UnitState::Done, work) },
                        Err(error) => match self.shared.stop_if_refused(error) {
                            Some(error) => Ended::failed(&error, Vec::new()),
                            None => continue,
                        },
                    }
                }
                Outcome::Kept(sha256, work) => {
                    Ended { sha256, is_kept: true, ..Ended::new(UnitState::Kept, *work) }
                }
                Outcome::LeftOut(work, leftovers) => {
                    match self.forget(number, unit, leftovers, &work) {
                        Ok(()) => {
                            let is_kept = !leftovers;
                            Ended { is_kept, ..Ended::new(UnitState::LeftOut, *work) }
                        }
                        Err(error) => Ended::failed(&error, Vec::new()),
                    }
                }
                // What was stopped halfway is as if it had not begun.
                Outcome::Failed(Error::Cancelled, ..) => continue,
                Outcome::Failed(error, damaged, leftovers) => {
                    let error = self.forget_record(unit, leftovers).err().unwrap_or(error);
                    Ended::failed(&error, damaged)
                }
            };
            self.ended(number, unit, ended);
        }
    }

    /// Removes the record of an earlier run, and results that the work does not replace.
    fn forget(
        &self,
        number: usize,
        unit: &Unit,
        leftovers: bool,
        work: &UnitWork<'_>,
    ) -> Result<()> {
        if !leftovers {
            return Ok(());
        }
        let known = UnitRecord::load(unit, self.store)?;
        self.forget_record(unit, leftovers)?;
        let Some((known, _)) = known else { return Ok(()) };
        self.images.remove_stale(number, &known.outputs, &work.program)?;
        rois::remove_stale(self.shared.plan, self.store, unit, &work.program)
    }

    fn forget_record(&self, unit: &Unit, leftovers: bool) -> Result<()> {
        match leftovers {
            true => self.store.remove(&ResultStore::record_path(unit.well, &unit.name)),
            false => Ok(()),
        }
    }

    /// Stores all results of a unit, its record last.
    fn store_unit(&self, computed: Computed<'a>) -> Result<(String, UnitWork<'a>)> {
        let Computed { ticket, inputs, values, hashes, .. } = computed;
        let Ticket { number, unit, work, leftovers, permit, .. } = ticket;
        let program = &work.program;
        if !self.is_announced.swap(true, Ordering::Relaxed) {
            let manifest = self.lock().manifest.clone();
            manifest.store(self.store)?;
        }
        self.forget(number, unit, leftovers, &work)?;
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
        let key = work_key(plan, unit, program)?;
        let run = self.lock().manifest.run;
        let inputs = (inputs, work.damaged.clone());
        let record = UnitRecord::new(unit, run, key, inputs, (outputs, tables));
        let sha256 = record.store(unit, self.store)?;
        drop((values, permit));
        (self.shared.events)(Event::Done { unit: unit.name.clone(), n_bytes });
        Ok((sha256, work))
    }

    /// Notes what became of a unit; writes the tables of its well if it was the last.
    fn ended(&self, number: usize, unit: &'a Unit, ended: Ended) {
        let Ended { state, is_kept, sha256, error, damaged, remark, rewired } = ended;
        let name = || unit.name.clone();
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
        let damaged: Vec<_> = damaged.iter().filter_map(|damage| damage.told(unit)).collect();
        damaged.iter().for_each(|plane| shared.manifest.count_damaged(plane));
        if let Some(program) = rewired {
            shared.rewired.insert(number, program);
        }
        if let Some(entry) = shared.manifest.units.get_mut(number) {
            (entry.state, entry.sha256, entry.error) = (state, sha256, error);
            entry.damaged = damaged;
            if !remark.is_empty() {
                entry.remark = remark;
            }
        }
        let field = match state {
            UnitState::Failed => FieldState::Failed,
            UnitState::LeftOut => FieldState::LeftOut,
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
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let State { mut manifest, rows, has_changed, rewired, .. } = state;
        // What was known before the run is noted already.
        let found = manifest.units.iter().zip(&self.shared.plan.units);
        let found = found.filter(|(entry, unit)| entry.remark != unit.remark);
        let notes: Vec<_> =
            found.map(|(entry, _)| format!("{}: {}", entry.name, entry.remark)).collect();
        manifest.notes.extend(notes);
        Committed { manifest, rows, has_changed, rewired }
    }
}

/// Hashes of the planes among `values`.
pub(super) fn plane_hashes(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(|value| Some(plane_hash(value.stack()?.planes().first()?))).collect()
}
