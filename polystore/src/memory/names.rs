//! The memory stores of this process by name.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{Error, ErrorKind, Result, memory::Store};

type Names = HashMap<String, Weak<Store>>;

/// Weak: a store lives as long as its backends, not as long as its name.
fn names() -> MutexGuard<'static, Names> {
    static NAMES: OnceLock<Mutex<Names>> = OnceLock::new();
    NAMES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that no store of this process had before.
pub(super) fn unused() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("unnamed-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Checks that `name` can stand in a spec and before a path.
pub(super) fn check(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['/', '\\', '\0']) {
        return Err(Error::invalid_input(format!("`{name}` cannot name a memory store"))
            .with_hint("use a name without slashes, such as `results`"));
    }
    Ok(())
}

/// Enters `store`, unless a live one has its name.
pub(super) fn enter(store: &Arc<Store>) -> Result<()> {
    let name = &store.name;
    let mut names = names();
    if names.get(name).is_some_and(|known| known.strong_count() > 0) {
        let message = format!("this process has a memory store `{name}` already");
        return Err(Error::new(ErrorKind::AlreadyExists, message)
            .with_hint("open it, or choose another name"));
    }
    names.retain(|_, known| known.strong_count() > 0);
    names.insert(name.clone(), Arc::downgrade(store));
    Ok(())
}

/// The live store called `name`.
pub(super) fn find(name: &str) -> Result<Arc<Store>> {
    names().get(name).and_then(Weak::upgrade).ok_or_else(|| {
        Error::not_found(format!("this process has no memory store `{name}`")).with_hint(
            "memory does not travel to other processes and is gone with its last user; \
             put what must travel on disk or into OME-Zarr",
        )
    })
}
