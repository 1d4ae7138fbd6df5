//! The contract of [`VirtualBackend`](crate::VirtualBackend) as tests, for backends of one's own.
//!
//! Cases are data ([`cases`]); a [`Subject`] hands out fresh places of the backend under
//! test. Run each case as a test of its own, or all at once:
//!
//! ```
//! use std::sync::Arc;
//!
//! use polystore::{
//!     MemoryBackend, Result, VirtualPath,
//!     conformance::{Place, Subject, run_all},
//! };
//!
//! struct Memory;
//!
//! impl Subject for Memory {
//!     fn name(&self) -> &str {
//!         "memory"
//!     }
//!
//!     fn open(&self) -> Result<Place> {
//!         Ok(Place::writable(Arc::new(MemoryBackend::new()), VirtualPath::root()))
//!     }
//! }
//!
//! let report = run_all(&Memory);
//! assert!(report.is_conformant(), "{report}");
//! ```
//!
//! A case whose needs the backend does not meet is ignored with the reason, never passed.
//! [`model_based`] compares a backend with [`MemoryBackend`](crate::MemoryBackend) over
//! random operations. Exempt from semantic versioning: cases are added whenever the
//! contract is made clearer.

mod case;
mod cases;
mod context;
mod expect;
pub mod fixture;
mod model;
mod report;
mod subject;

pub use case::{Case, Need, Outcome};
pub use cases::cases;
pub use context::{Context, TestImage, TestPlate};
pub use expect::{CaseResult, Failure};
pub use model::model_based;
pub use report::{Report, run_all};
pub use subject::{Place, Subject};
