//! The pipeline from its document to its results, through the public interface.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod compile;
mod documents;
mod execute;
mod faults;
mod plates;
mod real;
mod resume;
mod runs;
