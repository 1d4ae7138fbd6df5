//! Decorators: backends around a backend. One file each.
//!
//! Each passes the conformance suite, forwards every method, and but for
//! [`count`] travels in the spec of what it decorates, so that a worker opens the same
//! stack. Most are a [`Hook`]: what is done around every call.

pub(crate) mod cache;
mod count;
pub(crate) mod fault;
mod hooked;
pub(crate) mod latency;
pub(crate) mod limit;
mod operation;
pub(crate) mod readonly;
mod remembered;

use std::sync::Arc;

pub use cache::{CacheOptions, Cached};
pub use count::{Count, Counts};
pub use fault::{Fault, FaultRule, FaultWhen};
pub use hooked::{Hook, Hooked};
pub use latency::Latency;
pub use limit::{Limit, LimitOptions};
pub use operation::{Call, Operation};
pub use readonly::ReadOnly;

use crate::{Result, VirtualBackend};

/// At most so many calls, and so many bytes of planes, at a time.
pub fn limit(inner: Arc<dyn VirtualBackend>, options: LimitOptions) -> Hooked<Limit> {
    Hooked::new(inner, Limit::new(options))
}

/// Every call takes at least one round trip of `milliseconds`; a batch costs one.
pub fn latency(inner: Arc<dyn VirtualBackend>, milliseconds: u64) -> Hooked<Latency> {
    Hooked::new(inner, Latency::new(milliseconds))
}

/// Some calls fail, as `rules` say; `seed` decides the random ones.
///
/// # Errors
/// `InvalidInput` for a path pattern that is malformed.
pub fn fault(
    inner: Arc<dyn VirtualBackend>,
    rules: Vec<FaultRule>,
    seed: u64,
) -> Result<Hooked<Fault>> {
    Ok(Hooked::new(inner, Fault::new(rules, seed)?))
}

/// Calls, planes and bytes are counted.
pub fn count(inner: Arc<dyn VirtualBackend>) -> Hooked<Count> {
    Hooked::new(inner, Count::default())
}

/// What was read is remembered, until something is written through it.
pub fn cache(inner: Arc<dyn VirtualBackend>, options: CacheOptions) -> Cached {
    Cached::new(inner, options)
}

/// Nothing can be changed.
pub fn readonly(inner: Arc<dyn VirtualBackend>) -> Hooked<ReadOnly> {
    Hooked::new(inner, ReadOnly)
}
