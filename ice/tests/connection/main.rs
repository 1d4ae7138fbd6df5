//! Connections over loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod advice;
mod blocking;
mod callbacks;
mod calls;
#[path = "../it/frames.rs"]
mod frames;
mod lost;
#[path = "../interop/need.rs"]
mod need;
mod no_copy;
mod raw;
mod server;
mod tls;
mod typed;
mod websocket;
