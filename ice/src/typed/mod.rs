//! Types of an interface in Rust, from tables.
//!
//! The tables (see [`crate::omero`]) name classes, members and operations. There is no
//! structure in Rust per class: an instance stays in its [`Graph`](crate::value::Graph), where
//! it may be shared and referred to in circles, and is looked at through a [`View`] with the
//! constants of its class. `docs/design/004-ice.md` says why.

mod class;
mod exception;
mod incoming;
mod kind;
pub(crate) mod macros;
mod operation;
mod seq;

pub use class::{AnyObject, Builder, Class, Field, Inherits, Members, Ref, View};
pub use exception::ExceptionView;
pub use incoming::Incoming;
pub use kind::{AnyInterface, Instance, Interface, Kind, Record, RecordView, Text, To};
pub use operation::{Answer, Arguments, Invocation, Op, Outcome};
pub use seq::{Entries, Items, List, Map, Number, Numbers};

pub use bytes::Bytes;
