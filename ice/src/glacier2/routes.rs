//! The client's idea of the router's table.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::wire::Identity;

/// Objects that the router has in its table, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Routes {
    added: Mutex<HashSet<Identity>>,
}

impl Routes {
    fn added(&self) -> MutexGuard<'_, HashSet<Identity>> {
        // A set of names cannot be left half changed.
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, identity: &Identity) -> bool {
        self.added().contains(identity)
    }

    /// What was added, and what went for it. An object that is in both is not in the table.
    pub(super) fn change<'i>(
        &self,
        added: impl IntoIterator<Item = &'i Identity>,
        evicted: impl IntoIterator<Item = &'i Identity>,
    ) {
        let mut all = self.added();
        all.extend(added.into_iter().cloned());
        for identity in evicted {
            all.remove(identity);
        }
    }

    pub(super) fn forget(&self, identity: &Identity) {
        self.added().remove(identity);
    }
}
