//! Connections over loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod blocking;
mod callbacks;
mod calls;
mod lost;
mod raw;
mod server;
mod tls;
mod typed;
