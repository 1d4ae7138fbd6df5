//! Connections over loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod advice;
mod blocking;
mod callbacks;
mod calls;
#[path = "../it/frames.rs"]
mod frames;
#[path = "../glacier2/host.rs"]
mod host;
mod lost;
#[path = "../interop/need.rs"]
mod need;
mod no_copy;
mod raw;
mod server;
mod sessions;
#[path = "../glacier2/start.rs"]
#[expect(dead_code, reason = "tests of routers use more of it")]
mod start;
mod tls;
mod typed;
mod websocket;
