//! The conformance matrix: every case on every backend, and random operations compared
//! with memory. Names read `memory/region/out_of_bounds`.
//!
//! A backend whose service is not running is ignored with the reason. `POLYSTORE_REQUIRE`
//! names subjects (`omero,s3`, or `all`) that must be there: then it is a failure.

mod decorated;
mod on_disk;
mod on_workspace;
mod on_zarr;
mod subjects;

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use polystore::conformance::{Outcome, Subject, cases, model_based};

/// Random sequences per subject, and operations in each.
const MODEL_SEEDS: [u64; 4] = [1, 2, 3, 4];
const MODEL_OPERATIONS: usize = 250;

fn main() -> ExitCode {
    let trials = subjects::subjects().into_iter().flat_map(trials_of).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials_of(subject: Arc<dyn Subject>) -> Vec<Trial> {
    let by_case = cases().map(|case| {
        let subject = Arc::clone(&subject);
        let name = format!("{}/{}", subject.name(), case.name);
        Trial::ignorable_test(name, move || completion(&*subject, case.run(&*subject)))
    });
    let by_seed = MODEL_SEEDS.iter().map(|&seed| {
        let subject = Arc::clone(&subject);
        let name = format!("{}/model/seed_{seed}", subject.name());
        Trial::ignorable_test(name, move || {
            completion(&*subject, model_based(&*subject, seed, MODEL_OPERATIONS))
        })
    });
    by_case.chain(by_seed).collect()
}

fn completion(subject: &dyn Subject, outcome: Outcome) -> Result<Completion, Failed> {
    match outcome {
        Outcome::Passed => Ok(Completion::Completed),
        Outcome::Unavailable(reason) if is_required(subject.name()) => {
            Err(format!("is required but not available: {reason}").into())
        }
        Outcome::Ignored(reason) | Outcome::Unavailable(reason) => {
            Ok(Completion::ignored_with(reason))
        }
        Outcome::Failed(reason) => Err(reason.into()),
        other => Err(format!("an outcome that this harness does not know: {other:?}").into()),
    }
}

fn is_required(name: &str) -> bool {
    let required = std::env::var("POLYSTORE_REQUIRE").unwrap_or_default();
    required.split(',').map(str::trim).any(|wanted| wanted == "all" || wanted == name)
}
