//! What is on the disk after things that programs cannot help: they are killed in the
//! middle of a write, write at the same time as another, find the disk full, read-only or
//! unreadable, and have files changed under them.
//!
//! This program runs itself again as the process that is killed or confined; `child` says
//! how.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod changing;
mod child;
mod confined;
mod contention;
mod kill;
mod leftovers;
mod place;
mod planes;

use libtest_mimic::{Arguments, Trial};

fn main() {
    if child::is_one() {
        child::run();
        return;
    }
    let trials = [
        kill::trials(),
        leftovers::trials(),
        contention::trials(),
        confined::trials(),
        changing::trials(),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect()).exit();
}

/// A test that fails by a panic.
fn trial(name: impl Into<String>, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}
