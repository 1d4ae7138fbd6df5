//! The few different values among very many.

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash},
};

use foldhash::fast::RandomState;

/// Slots for values that were seen lately.
const SLOTS: usize = 256;

/// Different values in the order in which they came. Made for many of which most are alike:
/// one that was seen lately is known by one comparison.
#[derive(Debug)]
pub(super) struct Distinct<T> {
    values: Vec<T>,
    known: HashSet<T, RandomState>,
    lately: Vec<Option<T>>,
}

impl<T: Copy + Eq + Hash> Distinct<T> {
    pub(super) fn new() -> Self {
        let known = HashSet::with_hasher(RandomState::default());
        Self { values: Vec::new(), known, lately: vec![None; SLOTS] }
    }

    /// Adds a value; answers whether it is new.
    pub(super) fn insert(&mut self, value: T) -> bool {
        let slot = self.known.hasher().hash_one(value) as usize % SLOTS;
        if self.lately[slot] == Some(value) {
            return false;
        }
        self.lately[slot] = Some(value);
        let is_new = self.known.insert(value);
        if is_new {
            self.values.push(value);
        }
        is_new
    }

    pub(super) fn into_values(self) -> Vec<T> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_new_once() {
        let mut distinct = Distinct::new();
        let values: Vec<u32> = (0..5000).map(|n| n * 7 % 1000).collect();
        assert_eq!(values.iter().filter(|value| distinct.insert(**value)).count(), 1000);
        assert_eq!(distinct.into_values(), values[..1000]);
    }
}
