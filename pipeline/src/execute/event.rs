//! What happens during a run, as it happens.

use std::time::Duration;

use polystore::WellPosition;
use uuid::Uuid;

/// What happens during a run. Events come from several threads; those of one unit in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The run begins.
    Started {
        /// The run.
        run: Uuid,
        /// Units of the plan.
        n_units: u64,
        /// Bytes of pixels to read, if nothing is done already.
        read_bytes: u64,
    },
    /// A unit was done by an earlier run, and its results are as that run left them.
    Kept {
        /// Its name.
        unit: String,
    },
    /// The planes of a unit are in memory.
    Read {
        /// Its name.
        unit: String,
        /// Bytes of their pixels.
        n_bytes: u64,
    },
    /// The functions of a unit are done.
    Computed {
        /// Its name.
        unit: String,
        /// Time that they took.
        elapsed: Duration,
    },
    /// The results of a unit are stored.
    Done {
        /// Its name.
        unit: String,
        /// Bytes of pixels that were stored.
        n_bytes: u64,
    },
    /// A unit failed; the others go on.
    Failed {
        /// Its name.
        unit: String,
        /// Why, with all causes.
        error: String,
    },
    /// The tables of a well are stored.
    WellDone {
        /// The well.
        well: WellPosition,
    },
    /// All units are through; tables of the plate, plots and report are being written.
    Finishing,
}
