//! Executes plans on this machine: threads that read, rayon that computes, threads that store.
//!
//! ```text
//! loaders --(planes)--> this thread --> rayon pool --(results)--> writers
//!    ^                                                               |
//!    +------------------- memory that is given back -----------------+
//! ```
//!
//! A loader sets aside the memory that a unit needs before it reads anything, and the writer
//! gives it back when the unit is stored, so what is in flight never exceeds the budget, and
//! queues need no bounds of their own. Jobs of the pool never wait for anything, so a pool
//! of one thread works. Units do not depend on one another and their results are put
//! together in plate order, so the results are the same bytes whatever the threads.

mod budget;
mod commit;
mod compute;
mod damage;
mod event;
mod load;
mod prepare;
mod resume;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
pub use event::Event;
use polystore::Plate;

use self::{
    budget::Budget,
    commit::{Committed, Committer, Computed, Finished, Outcome, identities, plane_hashes},
    compute::{Functions, Work},
    load::{Loaded, Loader},
    prepare::{Prepared, prepare},
    resume::Resume,
};
use crate::{
    Error, Result,
    output::{PlateTable, ResultStore, RunManifest, RunState, StoredImages, now},
    plan::{ExecutionPlan, Program, Rewiring, Unit},
    report,
};

/// Most threads that compute: more would only fight over the processors.
pub const MAX_CPU_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// How a plan is executed; all settings have defaults.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// Threads that compute; one per processor by default.
    pub cpu_threads: Option<NonZeroUsize>,
    /// Threads that ask the backend for planes; 2 by default.
    pub loaders: Option<NonZeroUsize>,
    /// Threads that store results; 2 by default.
    pub writers: Option<NonZeroUsize>,
    /// Memory for planes and results in flight, about; 256 MiB and 128 MiB per thread that
    /// computes by default. A unit that needs more runs alone.
    pub memory_bytes: Option<u64>,
    /// Throws away what another run left in the result store, and nothing that no run wrote.
    /// Without it, such a store is refused.
    pub replace: bool,
}

impl ExecutorOptions {
    /// With this number of threads that compute, [`MAX_CPU_THREADS`] at most.
    #[must_use]
    pub fn with_cpu_threads(mut self, threads: NonZeroUsize) -> Self {
        self.cpu_threads = Some(threads);
        self
    }

    /// With this budget of memory.
    #[must_use]
    pub fn with_memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// Throwing away what another run left in the result store.
    #[must_use]
    pub fn with_replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    fn cpu_threads(&self) -> usize {
        let threads = self.cpu_threads.unwrap_or_else(polystore::fan_out::default_concurrency);
        threads.min(MAX_CPU_THREADS).get()
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes.unwrap_or((256 << 20) + (128 << 20) * self.cpu_threads() as u64)
    }
}

/// Executes plans on this machine.
#[derive(Clone, Debug, Default)]
pub struct Executor {
    options: ExecutorOptions,
}

/// What a run did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunReport {
    /// The manifest, as it is stored.
    pub manifest: RunManifest,
    /// The table of the plate.
    pub table: PlateTable,
    /// The most memory that was set aside at once.
    pub peak_bytes: u64,
    /// Whether anything had to be done.
    pub has_changed: bool,
    /// Programs of units of which planes turned out to be damaged, by their numbers.
    pub(crate) rewired: HashMap<usize, Program>,
}

impl RunReport {
    /// Fields that are not done, or in part, because planes are missing or corrupt.
    pub fn n_left_out(&self) -> u64 {
        let rows = self.table.rows.iter();
        let not_done: u64 = rows.map(|row| row.n_fields.saturating_sub(row.n_done)).sum();
        not_done.saturating_sub(self.manifest.failed().count() as u64)
    }

    /// What was done for unit number `number` of `plan`.
    ///
    /// # Errors
    /// As [`ExecutionPlan::program`].
    pub(crate) fn program<'r>(
        &'r self,
        plan: &'r ExecutionPlan,
        number: usize,
        unit: &Unit,
    ) -> Result<&'r Program> {
        self.rewired.get(&number).map_or_else(|| plan.program(unit), Ok)
    }

    /// Columns of [`RunReport::table`] to look at first: those of the pipeline's heatmaps, or
    /// numbers of objects, their area and mean intensities.
    pub fn main_columns(&self) -> Vec<String> {
        crate::report::main_columns(self)
    }

    /// What is to be said about the columns that are drawn: those of the pipeline's heatmaps
    /// that are not there, and how many are not drawn.
    pub fn remarks(&self) -> Vec<String> {
        crate::report::remarks(self)
    }
}

/// What all threads of a run see.
struct Shared<'a> {
    plan: &'a ExecutionPlan,
    budget: Budget,
    cancel: &'a AtomicBool,
    events: &'a (dyn Fn(Event) + Sync),
    /// Why nothing more can be stored, once that is so.
    refused: OnceLock<Error>,
}

impl Shared<'_> {
    fn is_stopped(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || self.refused.get().is_some()
    }

    /// Ends the run when `error`, of storing something, says that everything else would fail
    /// too: the disk is full, or may not be written. Gives back any other error.
    fn stop_if_refused(&self, error: Error) -> Option<Error> {
        let is_refusal = match &error {
            Error::Store(error) => {
                error.is_storage_full() || error.kind() == polystore::ErrorKind::PermissionDenied
            }
            _ => false,
        };
        if !is_refusal {
            return Some(error);
        }
        // The first is as good as any that come after it.
        let _ = self.refused.set(error);
        None
    }
}

impl Executor {
    /// An executor with settings.
    pub fn new(options: ExecutorOptions) -> Self {
        Self { options }
    }

    /// Executes `plan` on its `plate`, with results in `store`. What an earlier run of the
    /// same pipeline left there is kept where it is whole and of the same input; that run may
    /// have been of a part of the wells, fields and acquisitions, and may have treated missing
    /// planes otherwise.
    ///
    /// A unit that fails does not stop the others; see [`RunManifest::failed`]. A store that
    /// is full, or may not be written, ends the run at once: nothing could be stored. `cancel`
    /// stops the run: what is stored stays, and a later run goes on from there. `events` is
    /// called from several threads and should be quick.
    ///
    /// # Errors
    /// `Pipeline` when the plan is not of this plate, or needs functions that are not here;
    /// `Store` of kind `AlreadyExists` when the store has results of another run, saying what
    /// differs, or files of somebody else; of
    /// kind `Conflict` when another run is writing there; of
    /// kind `PermissionDenied` when it lies inside the plate; as the backends answer to
    /// declarations; `Store` naming the file that could not be written, of kind
    /// `LimitExceeded` or `PermissionDenied`, when the store takes no more; `Cancelled`.
    pub fn run(
        &self,
        plan: &ExecutionPlan,
        plate: &Plate,
        store: &ResultStore,
        cancel: &AtomicBool,
        events: &(dyn Fn(Event) + Sync),
    ) -> Result<RunReport> {
        let start = Instant::now();
        check_plate(plan, plate)?;
        plate.check_target(&store.files().spec(), store.root())?;
        let functions = Functions::of(plan)?;
        let n_threads = self.options.cpu_threads();
        let _held = store.hold()?;
        let mut manifest = RunManifest::new(plan, plate.inventory()?, n_threads);
        let Prepared { earlier, notes } = prepare(plan, &manifest, store, self.options.replace)?;
        manifest.notes.extend(notes);
        // What is there of it stays its own; what it is now is known when it is drawn.
        if let Some(earlier) = &earlier {
            manifest.plots.clone_from(&earlier.plots);
        }
        let is_same = earlier
            .as_ref()
            .is_some_and(|earlier| earlier.is_through() && earlier.plan_hash == plan.hash);
        // First of all: a folder with results and no manifest is taken for somebody's own.
        if !is_same {
            manifest.store(store)?;
        }
        let images = match StoredImages::declare(plan, plate, store, earlier.is_some()) {
            Ok(images) => images,
            Err(error) => {
                // The results are those of the earlier run still.
                if let Some(earlier) = &earlier {
                    earlier.store(store)?;
                }
                return Err(error);
            }
        };
        let budget = Budget::new(self.options.memory_bytes());
        let shared = Shared { plan, budget, cancel, events, refused: OnceLock::new() };
        events(Event::Started {
            run: manifest.run,
            n_units: plan.units.len() as u64,
            read_bytes: plan.cost.read_bytes,
        });
        let committer = Committer::new(&shared, store, &images, manifest, !is_same);
        let rewiring = Rewiring::new(plan, plate);
        let resume = Resume { plan, store, images: &images, rewiring: &rewiring };
        let next = AtomicUsize::new(0);
        let loader = Loader { shared: &shared, plate, resume, rewiring: &rewiring, next };
        self.run_units(&shared, &loader, &committer, &functions)?;
        let Committed { mut manifest, rows, has_changed, rewired } = committer.into_committed();
        let table = PlateTable::new(rows);
        let is_refused = shared.refused.get().is_some();
        let is_cancelled = shared.is_stopped() && !is_refused;
        let is_whole = !is_refused
            && !manifest.has_failed()
            && manifest.passed_over == 0
            && table.is_complete()
            && report::has_all_heatmaps(&plan.pipeline, &table);
        manifest.state = match (is_cancelled, is_whole) {
            (true, _) => RunState::Cancelled,
            (false, true) => RunState::Complete,
            (false, false) => RunState::Incomplete,
        };
        manifest.finished = now();
        manifest.seconds = start.elapsed().as_secs_f64();
        if is_cancelled {
            manifest.store(store)?;
            return Err(Error::Cancelled);
        }
        let peak_bytes = shared.budget.peak_bytes();
        if let Some(error) = shared.refused.into_inner() {
            manifest.failures.push(error.chain());
            // It says so if there is room for it; otherwise the run is told to be under way.
            let _ = manifest.store(store);
            return Err(error);
        }
        events(Event::Finishing);
        if has_changed {
            images.finish()?;
        }
        let report = RunReport { table, peak_bytes, has_changed, manifest, rewired };
        finish(report, plan, plate, store, &images, is_same)
    }

    fn run_units<'a>(
        &self,
        shared: &'a Shared<'a>,
        loader: &'a Loader<'a>,
        committer: &Committer<'a>,
        functions: &'a Functions,
    ) -> Result<()> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.options.cpu_threads())
            .thread_name(|number| format!("polystore-cpu-{number}"))
            .build()
            .map_err(|error| Error::function(format!("no threads to compute with: {error}")))?;
        let two = NonZeroUsize::MIN.saturating_add(1);
        let n_loaders = self.options.loaders.unwrap_or(two).get();
        let n_writers = self.options.writers.unwrap_or(two).get();
        let (to_compute, loaded) = unbounded::<Loaded<'a>>();
        let (to_store, finished) = unbounded::<Finished<'a>>();
        std::thread::scope(|scope| {
            for _ in 0..n_writers {
                let finished: Receiver<_> = finished.clone();
                scope.spawn(move || committer.run(&finished));
            }
            for _ in 0..n_loaders {
                let (to_compute, to_store) = (to_compute.clone(), to_store.clone());
                scope.spawn(move || loader.run(&to_compute, &to_store));
            }
            drop(to_compute);
            pool.in_place_scope(|jobs| {
                for unit in loaded {
                    let to_store: Sender<_> = to_store.clone();
                    jobs.spawn(move |_| {
                        let finished = compute(shared, functions, unit);
                        // The writers live until all senders are gone.
                        let _ = to_store.send(finished);
                    });
                }
            });
            drop(to_store);
        });
        Ok(())
    }
}

/// Computes one unit, unless an earlier run did it from the same pixels.
fn compute<'a>(shared: &Shared<'a>, functions: &Functions, unit: Loaded<'a>) -> Finished<'a> {
    let start = Instant::now();
    let Loaded { mut ticket, planes } = unit;
    let (number, unit) = (ticket.number, ticket.unit);
    let done = |outcome| Finished { number, unit, outcome };
    let inputs = identities(&ticket.fingerprints, &planes);
    if let Some((record, sha256)) = ticket.earlier.take()
        && record.inputs == inputs
        && record.damaged == ticket.work.damaged
    {
        return done(Outcome::Kept(sha256, Box::new(ticket.work)));
    }
    let stopped = || shared.is_stopped();
    let work = Work {
        plan: shared.plan,
        program: &ticket.work.program,
        functions,
        unit: &unit.name,
        stopped: &stopped,
    };
    match work.run(planes) {
        Ok(values) => {
            let hashes = plane_hashes(&values);
            let elapsed = start.elapsed();
            done(Outcome::Computed(Box::new(Computed { ticket, inputs, values, hashes, elapsed })))
        }
        Err(error) => done(Outcome::Failed(error, Vec::new(), ticket.leftovers)),
    }
}

/// A plan runs on the plate that it was made for.
fn check_plate(plan: &ExecutionPlan, plate: &Plate) -> Result<()> {
    let known: std::collections::HashSet<_> =
        plate.structure().images().map(|(_, image)| &image.path).collect();
    let is_absent = |path: &&polystore::VirtualPath| !known.contains(path);
    let absent = plan.units.iter().flat_map(|unit| &unit.images).find(is_absent);
    if plan.plate.path == *plate.path() && absent.is_none() {
        return Ok(());
    }
    let message =
        format!("is for the plate `{}`, not for `{}`", plan.plate.name, plate.structure().name);
    Err(Error::pipeline("plan", message).with_hint("compile the pipeline over this plate"))
}

/// Writes what is about the whole plate.
fn finish(
    mut report: RunReport,
    plan: &ExecutionPlan,
    plate: &Plate,
    store: &ResultStore,
    images: &StoredImages,
    is_same: bool,
) -> Result<RunReport> {
    report.has_changed |= report.table.store(plan, store)?;
    if is_same && !report.has_changed && report::is_there(&report, store)? {
        return Ok(report);
    }
    report.has_changed = true;
    let written = report::enter_plots(&mut report, store).and_then(|stale| {
        report.manifest.store(store)?;
        report::write(&report, plan, plate, store, images)?;
        report::remove_plots(&mut report, stale, store)
    });
    if let Err(error) = written {
        if matches!(&error, Error::Store(error) if error.is_storage_full()) {
            return Err(error);
        }
        let message = format!("the report: {}", error.chain());
        tracing::warn!("{message}");
        report.manifest.failures.push(message);
        report.manifest.state = RunState::Incomplete;
    }
    report.manifest.store(store)?;
    Ok(report)
}
