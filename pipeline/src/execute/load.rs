//! Loader threads: take units in order, leave out what is done, read planes in batches.
//!
//! They never call rayon, and hold no lock that rayon code holds.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Sender;
use polystore::{Plane, PlaneRequest, Plate};

use super::{
    Shared,
    budget::Permit,
    commit::{Finished, Outcome},
    damage::{UnitWork, state_of},
    resume::{Earlier, Resume},
};
use crate::{
    Error, Event, MissingPolicy, Result,
    output::{RecordDamage, UnitRecord},
    plan::{Program, Rewiring, Unit},
};

/// A unit with its planes, ready to be computed.
pub(super) struct Loaded<'a> {
    pub(super) ticket: Ticket<'a>,
    pub(super) planes: Vec<Plane>,
}

/// A unit under way, with the memory that was set aside for it.
pub(super) struct Ticket<'a> {
    pub(super) number: usize,
    pub(super) unit: &'a Unit,
    pub(super) work: UnitWork<'a>,
    /// What each plane that is read is recognised by, where the backend can tell.
    pub(super) fingerprints: Vec<Option<String>>,
    /// An earlier record, whose input may be the same.
    pub(super) earlier: Option<(Box<UnitRecord>, String)>,
    /// Whether an earlier record must go before results are written.
    pub(super) leftovers: bool,
    /// Given back when the unit's results are stored.
    pub(super) permit: Permit<'a>,
}

/// How many planes are asked for at once: few where they come from a disk, many where each
/// costs a round trip.
const LOCAL_BATCH_PLANES: usize = 16;
const NETWORK_BATCH_PLANES: usize = 256;

/// How often a plane is asked for that fails in passing, and how long the first pause is.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What the loaders share.
pub(super) struct Loader<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) plate: &'a Plate,
    pub(super) resume: Resume<'a>,
    pub(super) rewiring: &'a Rewiring<'a>,
    pub(super) next: AtomicUsize,
}

impl<'a> Loader<'a> {
    /// Loads units until there are none, or the run is stopped.
    pub(super) fn run(&'a self, loaded: &Sender<Loaded<'a>>, finished: &Sender<Finished<'a>>) {
        let batch_planes = match self.plate.backend().capabilities().network {
            true => NETWORK_BATCH_PLANES,
            false => LOCAL_BATCH_PLANES,
        };
        let mut waiting = None;
        loop {
            let mut batch: Vec<Ticket<'a>> = Vec::new();
            let mut n_planes = 0;
            while n_planes < batch_planes {
                let Some(candidate) = waiting.take().or_else(|| self.candidate(finished)) else {
                    break;
                };
                let bytes = candidate.work.program.cost.peak_bytes;
                let budget = &self.shared.budget;
                // Only the first may wait: what is held while waiting could be what is waited for.
                let permit = match batch.is_empty() {
                    true => budget.take(bytes, || self.shared.is_stopped()),
                    false => budget.try_take(bytes),
                };
                let Some(permit) = permit else {
                    waiting = Some(candidate);
                    break;
                };
                n_planes += candidate.work.program.reads.len();
                batch.push(candidate.with(permit));
            }
            if batch.is_empty() || self.shared.is_stopped() {
                return;
            }
            self.read(batch, loaded, finished);
        }
    }

    /// The next unit that is not done.
    fn candidate(&self, finished: &Sender<Finished<'a>>) -> Option<Candidate<'a>> {
        while !self.shared.is_stopped() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let unit = self.shared.plan.units.get(number)?;
            let outcome = match self.look(number, unit) {
                Ok(Look::ToDo(candidate)) => return Some(*candidate),
                Ok(Look::Nothing(work, leftovers)) => Outcome::LeftOut(work, leftovers),
                Ok(Look::Done(sha256, work)) => Outcome::Kept(sha256, work),
                Err(error) => Outcome::Failed(error, Vec::new(), false),
            };
            // The receivers live as long as the loaders.
            let _ = finished.send(Finished { number, unit, outcome });
        }
        None
    }

    fn look(&self, number: usize, unit: &'a Unit) -> Result<Look<'a>> {
        let plan = self.shared.plan;
        let program = plan.program(unit)?;
        let work = UnitWork::planned(program);
        if program.does_nothing() {
            return Ok(Look::Nothing(Box::new(work), self.resume.has_record(unit)?));
        }
        let requests = requests(self.shared, unit, program)?;
        let fingerprints = self.plate.backend().fingerprints(&requests);
        let (earlier, leftovers) = match self.resume.look(number, unit, program, &fingerprints)? {
            Earlier::Done { sha256, work } => return Ok(Look::Done(sha256, work)),
            Earlier::Perhaps(record, sha256) => (Some((record, sha256)), true),
            Earlier::No { leftovers } => (None, leftovers),
        };
        let candidate = Candidate { number, unit, work, fingerprints, earlier, leftovers };
        Ok(Look::ToDo(Box::new(candidate)))
    }

    /// Reads the planes of a batch; each unit goes on as soon as its own are there.
    fn read(
        &self,
        batch: Vec<Ticket<'a>>,
        loaded: &Sender<Loaded<'a>>,
        finished: &Sender<Finished<'a>>,
    ) {
        let arrivals: Vec<_> =
            batch.into_iter().map(|ticket| Mutex::new(Some(Arrival::new(ticket)))).collect();
        let mut asked = Vec::new();
        for (at, arrival) in arrivals.iter().enumerate() {
            let arrival = arrival.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(arrival) = arrival.as_ref() else { continue };
            match requests(self.shared, arrival.ticket.unit, &arrival.ticket.work.program) {
                Ok(requests) => asked.extend(
                    requests.into_iter().enumerate().map(|(plane, request)| (at, plane, request)),
                ),
                Err(error) => tracing::error!(%error, "a unit of the plan cannot be read"),
            }
        }
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let again = self.ask(&asked, &arrivals, attempt == ATTEMPTS, &|arrival| {
                self.deliver(arrival, loaded, finished);
            });
            asked = again;
            if asked.is_empty() || self.shared.is_stopped() {
                break;
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        for arrival in arrivals {
            let arrival = arrival.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let Some(arrival) = arrival.filter(|_| !self.shared.is_stopped()) {
                self.deliver(arrival, loaded, finished);
            }
        }
    }

    /// Asks for planes once. Returns those that are worth another attempt.
    fn ask(
        &self,
        asked: &[Asked],
        arrivals: &[Mutex<Option<Arrival<'a>>>],
        is_last: bool,
        deliver: &(dyn Fn(Arrival<'a>) + Sync),
    ) -> Vec<Asked> {
        let requests: Vec<PlaneRequest> =
            asked.iter().map(|(.., request)| request.clone()).collect();
        let again = Mutex::new(Vec::new());
        self.plate.backend().read_planes(&requests, &|position, answer| {
            let Some((at, plane, request)) = asked.get(position) else {
                return ControlFlow::Continue(());
            };
            if let Err(error) = &answer
                && error.is_retryable()
                && !is_last
            {
                let mut again = again.lock().unwrap_or_else(PoisonError::into_inner);
                again.push((*at, *plane, request.clone()));
            } else {
                let mut slot = arrivals[*at].lock().unwrap_or_else(PoisonError::into_inner);
                let is_whole = slot.as_mut().is_some_and(|arrival| arrival.take(*plane, answer));
                let arrival = if is_whole { slot.take() } else { None };
                drop(slot);
                if let Some(arrival) = arrival {
                    deliver(arrival);
                }
            }
            match self.shared.is_stopped() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        let mut again = again.into_inner().unwrap_or_else(PoisonError::into_inner);
        again.sort_by_key(|(at, plane, _)| (*at, *plane));
        again
    }

    fn deliver(
        &self,
        arrival: Arrival<'a>,
        loaded: &Sender<Loaded<'a>>,
        finished: &Sender<Finished<'a>>,
    ) {
        let (number, unit) = (arrival.ticket.number, arrival.ticket.unit);
        match self.ready(arrival) {
            Ok(unit) => {
                let n_bytes = unit.planes.iter().map(|plane| plane.n_bytes() as u64).sum();
                (self.shared.events)(Event::Read { unit: unit.ticket.unit.name.clone(), n_bytes });
                let _ = loaded.send(unit);
            }
            Err(outcome) => {
                let _ = finished.send(Finished { number, unit, outcome: *outcome });
            }
        }
    }

    /// The unit with its planes. Where some turn out to be damaged, what depends on them is
    /// left out, or the unit fails, as the pipeline says of missing planes.
    fn ready(&self, arrival: Arrival<'a>) -> Result<Loaded<'a>, Box<Outcome<'a>>> {
        let Arrival { mut ticket, planes, .. } = arrival;
        let unit = ticket.unit;
        let mut whole = Vec::with_capacity(planes.len());
        let mut damaged = Vec::new();
        let mut first = None;
        for (at, plane) in planes.into_iter().enumerate() {
            let error = match plane.unwrap_or_else(|| Err(unanswered(unit))) {
                Ok(plane) => {
                    whole.push((at, plane));
                    continue;
                }
                Err(error) => error,
            };
            let (Some(state), Some(&read)) = (state_of(&error), ticket.work.program.reads.get(at))
            else {
                return Err(Box::new(Outcome::Failed(error, Vec::new(), ticket.leftovers)));
            };
            let fingerprint = ticket.fingerprints.get(at).cloned().flatten();
            damaged.push(RecordDamage { read, state, reason: error.chain(), fingerprint });
            first.get_or_insert(error);
        }
        let Some(first) = first else {
            let planes = whole.into_iter().map(|(_, plane)| plane).collect();
            return Ok(Loaded { ticket, planes });
        };
        if self.shared.plan.pipeline.input().missing == MissingPolicy::Error {
            return Err(Box::new(Outcome::Failed(first, damaged, ticket.leftovers)));
        }
        let work = match self.rewiring.work(unit, damaged) {
            Ok(work) => work,
            Err(error) => {
                return Err(Box::new(Outcome::Failed(error, Vec::new(), ticket.leftovers)));
            }
        };
        if work.program.does_nothing() {
            return Err(Box::new(Outcome::LeftOut(Box::new(work), ticket.leftovers)));
        }
        // What is read is a part of what was, in the same order or another.
        let mut planes = Vec::with_capacity(work.program.reads.len());
        let mut fingerprints = Vec::with_capacity(work.program.reads.len());
        for read in &work.program.reads {
            let at = ticket.work.program.reads.iter().position(|known| known == read);
            let found = at.and_then(|at| whole.iter().find(|(number, _)| *number == at));
            let Some((at, plane)) = found else {
                let error = Error::pipeline("plan", "what is left of a unit reads another plane");
                return Err(Box::new(Outcome::Failed(error, Vec::new(), ticket.leftovers)));
            };
            planes.push(plane.clone());
            fingerprints.push(ticket.fingerprints.get(*at).cloned().flatten());
        }
        (ticket.work, ticket.fingerprints) = (work, fingerprints);
        Ok(Loaded { ticket, planes })
    }
}

/// Unit of the batch, plane of the unit, request.
type Asked = (usize, usize, PlaneRequest);

fn unanswered(unit: &Unit) -> Error {
    polystore::Error::internal("the backend left a plane unanswered").with_path(&unit.name).into()
}

fn requests(shared: &Shared<'_>, unit: &Unit, program: &Program) -> Result<Vec<PlaneRequest>> {
    let request = |read: &crate::plan::Read| {
        let path = shared.plan.image_path(unit, read.image);
        let path =
            path.ok_or_else(|| Error::pipeline("plan", "a read names no image of its unit"))?;
        Ok(PlaneRequest::new(path, read.index))
    };
    program.reads.iter().map(request).collect()
}

/// What a look at a unit gives.
enum Look<'a> {
    Done(String, Box<UnitWork<'a>>),
    /// Nothing can be done; whether there is an earlier record.
    Nothing(Box<UnitWork<'a>>, bool),
    ToDo(Box<Candidate<'a>>),
}

/// A unit to do, before memory is set aside for it.
struct Candidate<'a> {
    number: usize,
    unit: &'a Unit,
    work: UnitWork<'a>,
    fingerprints: Vec<Option<String>>,
    earlier: Option<(Box<UnitRecord>, String)>,
    leftovers: bool,
}

impl<'a> Candidate<'a> {
    fn with(self, permit: Permit<'a>) -> Ticket<'a> {
        let Self { number, unit, work, fingerprints, earlier, leftovers } = self;
        Ticket { number, unit, work, fingerprints, earlier, leftovers, permit }
    }
}

/// A unit whose planes are coming in.
struct Arrival<'a> {
    ticket: Ticket<'a>,
    planes: Vec<Option<Result<Plane>>>,
    n_left: usize,
}

impl<'a> Arrival<'a> {
    fn new(ticket: Ticket<'a>) -> Self {
        let n = ticket.work.program.reads.len();
        Self { ticket, planes: (0..n).map(|_| None).collect(), n_left: n }
    }

    /// Takes the answer for one plane; says whether it was the last.
    fn take(&mut self, plane: usize, answer: polystore::Result<Plane>) -> bool {
        if let Some(slot) = self.planes.get_mut(plane)
            && slot.is_none()
        {
            *slot = Some(answer.map_err(Error::from));
            self.n_left -= 1;
        }
        self.n_left == 0
    }
}
