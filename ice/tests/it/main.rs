//! The wire against frames of other implementations, and against hostile bytes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod degrade;
mod frames;
mod malformed;
mod neutral;
mod no_copy;
mod properties;
mod random;
mod sans_io;
mod transcripts;
mod typed;
mod vectors;
