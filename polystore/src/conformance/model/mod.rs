//! Random operations on a backend and on memory at once: every answer must be the same.

mod apply;
mod operation;
mod random;

use std::sync::Arc;

use self::{
    apply::{Player, differ},
    operation::{Operation, generate},
    random::Random,
};
use crate::{
    MemoryBackend, VirtualPath,
    conformance::{Failure, Outcome, Place, Subject},
};

/// Most runs that are spent on making a failing sequence shorter.
const MAX_SHRINKING_RUNS: usize = 400;

/// Compares the backend with [`MemoryBackend`] over `n_operations` random operations that
/// `seed` decides: errors by kind, everything else by content.
///
/// A failure names the shortest sequence of operations that was found to show it.
pub fn model_based(subject: &dyn Subject, seed: u64, n_operations: usize) -> Outcome {
    if let Err(reason) = subject.available() {
        return Outcome::Unavailable(reason);
    }
    let can = match subject.open() {
        Ok(place) if place.writer.is_none() || !place.backend.capabilities().write => {
            return Outcome::Ignored("the backend cannot write".to_owned());
        }
        Ok(place) => place.backend.capabilities(),
        Err(error) => return Outcome::Failed(format!("no fresh place: {}", error.chain())),
    };
    let mut random = Random::new(seed);
    let operations: Vec<_> = (0..n_operations).map(|_| generate(&mut random, &can)).collect();
    match play(subject, &operations) {
        Ok(()) => Outcome::Passed,
        Err((at, failure)) => {
            let (operations, failure) = shrink(subject, &operations[..=at], failure);
            Outcome::Failed(explain(seed, &operations, &failure))
        }
    }
}

/// Plays `operations` on fresh places; the position of the first answer that differs.
fn play(subject: &dyn Subject, operations: &[Operation]) -> Result<(), (usize, Failure)> {
    let place = subject.open().map_err(|error| (0, error.into()))?;
    let tested = Player::new(subject, &place);
    let oracle = Place::writable(Arc::new(MemoryBackend::new()), VirtualPath::root());
    let expected = Player::new(subject, &oracle);
    for (at, operation) in operations.iter().enumerate() {
        if expected.makes_sense(operation) {
            differ(expected.apply(operation), tested.apply(operation))
                .map_err(|failure| (at, failure))?;
        }
    }
    Ok(())
}

/// Leaves operations out as long as the rest still fails.
fn shrink(
    subject: &dyn Subject,
    operations: &[Operation],
    failure: Failure,
) -> (Vec<Operation>, Failure) {
    let mut best = (operations.to_vec(), failure);
    let mut n_runs = 0;
    let mut at = 0;
    while at < best.0.len() && n_runs < MAX_SHRINKING_RUNS {
        n_runs += 1;
        let mut shorter = best.0.clone();
        shorter.remove(at);
        match play(subject, &shorter) {
            Err((end, failure)) => {
                shorter.truncate(end + 1);
                best = (shorter, failure);
            }
            Ok(()) => at += 1,
        }
    }
    best
}

fn explain(seed: u64, operations: &[Operation], failure: &Failure) -> String {
    let steps: Vec<_> = operations.iter().map(|operation| format!("  {operation:?}")).collect();
    format!("seed {seed}: after\n{}\n{failure}", steps.join("\n"))
}
