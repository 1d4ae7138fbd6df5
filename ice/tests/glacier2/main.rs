//! Sessions behind a router, both in this process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod client;
mod faults;
mod host;
mod large;
mod many;
mod raw;
mod router;
mod start;
mod strangers;
mod times;
