//! The ZeroC Ice protocol 1.0 in pure Rust: messages, values and proxies as bytes, and
//! connections that carry them.
//!
//! [`wire`] turns bytes into messages and back, [`schema`] describes the types that travel,
//! [`value`] holds what was decoded with them, and [`codec`] does that. None of these does I/O.
//! With the feature `omero` there are the types of OMERO's interface for the compiler, and with
//! `tokio` connections; both are on unless default features are left out. Facts of the protocol
//! are explained in `docs/design/004-ice.md`.

pub mod codec;
#[cfg(feature = "tokio")]
pub mod connection;
pub mod error;
#[cfg(feature = "testing")]
pub mod fuzz;
#[cfg(all(feature = "omero", feature = "tokio"))]
pub mod glacier2;
#[cfg(feature = "omero")]
pub mod omero;
pub mod schema;
#[cfg(feature = "omero")]
pub mod typed;
pub mod value;
pub mod wire;

pub use error::{Error, Result};
