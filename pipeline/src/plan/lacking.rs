//! Planes that a unit needs and that cannot be read, and what is not done for it.

use std::fmt;

use polystore::{model::PlaneState, words::verb};

use super::{Program, Read, select::SelectedImage};
use crate::Pipeline;

/// How many planes are needed and cannot be read. In words: `is missing`, `are corrupt`,
/// `are missing (3) or corrupt (4)`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lacking {
    missing: u64,
    corrupt: u64,
}

impl Lacking {
    pub(super) fn of(reads: &[Read], images: &[SelectedImage<'_>]) -> Self {
        let mut lacking = Self::default();
        for read in reads {
            lacking.add(images[read.image as usize].inventory.state(read.index));
        }
        lacking
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.missing += other.missing;
        self.corrupt += other.corrupt;
    }

    fn add(&mut self, state: PlaneState) {
        match state {
            PlaneState::Corrupt => self.corrupt += 1,
            _ => self.missing += 1,
        }
    }

    pub(super) fn n(self) -> u64 {
        self.missing + self.corrupt
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let are = verb(self.n(), "is", "are");
        match (self.missing, self.corrupt) {
            (_, 0) => write!(f, "{are} missing"),
            (0, _) => write!(f, "{are} corrupt"),
            (missing, corrupt) => write!(f, "{are} missing ({missing}) or corrupt ({corrupt})"),
        }
    }
}

/// Missing and corrupt planes that calls of `program` are not made for, each once.
pub(super) fn lacking_reads(program: &Program) -> Vec<Read> {
    let mut missing: Vec<Read> =
        program.skipped.iter().flat_map(|skipped| &skipped.missing).copied().collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// What is not done for a unit of `program` and why; `None` when all is.
pub(super) fn remark(
    pipeline: &Pipeline,
    program: &Program,
    images: &[SelectedImage<'_>],
) -> Option<String> {
    let missing = lacking_reads(program);
    let lacking = Lacking::of(&missing, images);
    let named =
        |read: &Read| format!("{} ({})", images[read.image as usize].image.path, read.index);
    let mut steps: Vec<&str> = program
        .skipped
        .iter()
        .filter_map(|skipped| Some(pipeline.steps().get(skipped.step as usize)?.name()))
        .collect();
    steps.dedup();
    if steps.is_empty() && !program.does_nothing() {
        return None;
    }
    let why = match missing.as_slice() {
        [] => "a channel or section that it needs was never acquired there".to_owned(),
        [only] => format!("{} {lacking}", named(only)),
        [first, ..] => format!("{} planes {lacking}, the first {}", missing.len(), named(first)),
    };
    let what = match program.does_nothing() {
        true => "nothing is done".to_owned(),
        false => format!("not all is done in step {}", steps.join(", ")),
    };
    Some(format!("{what}, because {why}"))
}
