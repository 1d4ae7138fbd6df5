//! Every decorator over memory, and several over each other.

use std::{num::NonZero, sync::Arc};

use polystore::{
    ErrorKind, MemoryBackend, Result, VirtualBackend, VirtualPath,
    conformance::{Place, Subject},
    wrap::{self, CacheOptions, FaultRule, LimitOptions},
};

type Wrap = fn(Arc<dyn VirtualBackend>) -> Result<Arc<dyn VirtualBackend>>;

/// Memory inside decorators.
struct Decorated {
    name: &'static str,
    wrap: Wrap,
}

pub(crate) fn subjects() -> Vec<Arc<dyn Subject>> {
    let decorated: [(&'static str, Wrap); 8] = [
        ("cache", cache),
        ("cache_tiny", |inner| {
            Ok(Arc::new(wrap::cache(inner, CacheOptions { max_plane_bytes: 200 })))
        }),
        ("count", |inner| Ok(Arc::new(wrap::count(inner)))),
        ("fault", fault),
        ("latency", |inner| Ok(Arc::new(wrap::latency(inner, 0)))),
        ("limit", limit),
        ("readonly", |inner| Ok(Arc::new(wrap::readonly(inner)))),
        ("stacked", |inner| cache(limit(fault(Arc::new(wrap::latency(inner, 0)))?)?)),
    ];
    decorated
        .into_iter()
        .map(|(name, wrap)| Arc::new(Decorated { name, wrap }) as Arc<dyn Subject>)
        .collect()
}

fn cache(inner: Arc<dyn VirtualBackend>) -> Result<Arc<dyn VirtualBackend>> {
    Ok(Arc::new(wrap::cache(inner, CacheOptions::default())))
}

/// A rule that never strikes: faults that are not asked for must not come.
fn fault(inner: Arc<dyn VirtualBackend>) -> Result<Arc<dyn VirtualBackend>> {
    let rule = FaultRule::new(ErrorKind::Internal).with_probability(0.0);
    Ok(Arc::new(wrap::fault(inner, vec![rule], 1)?))
}

/// Bounds so tight that calls wait for each other and batches are cut.
fn limit(inner: Arc<dyn VirtualBackend>) -> Result<Arc<dyn VirtualBackend>> {
    let options = LimitOptions { max_calls: NonZero::new(2), max_bytes: NonZero::new(300) };
    Ok(Arc::new(wrap::limit(inner, options)))
}

impl Subject for Decorated {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self) -> Result<Place> {
        let memory: Arc<dyn VirtualBackend> = Arc::new(MemoryBackend::new());
        let backend = (self.wrap)(Arc::clone(&memory))?;
        Ok(match backend.capabilities().write {
            true => Place::writable(backend, VirtualPath::root()),
            false => Place::filled_by(memory, backend, VirtualPath::root()),
        })
    }

    fn plane_extensions(&self) -> Vec<&'static str> {
        vec!["tif", "npy"]
    }
}
