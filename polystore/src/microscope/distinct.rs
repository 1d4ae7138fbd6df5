//! The few different values among very many.

use std::{collections::HashSet, hash::Hash};

use foldhash::fast::RandomState;

/// Values that are compared one by one before a hash is made.
const FEW: usize = 16;

/// Different values in the order in which they came. Made for many of which most are alike:
/// then finding one that is known takes a few comparisons and no hash.
#[derive(Debug)]
pub(super) struct Distinct<T> {
    few: Vec<T>,
    more: Vec<T>,
    known: HashSet<T, RandomState>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { few: Vec::new(), more: Vec::new(), known: HashSet::default() }
    }
}

impl<T: Copy + Eq + Hash> Distinct<T> {
    /// Adds a value; answers whether it is new.
    pub(super) fn insert(&mut self, value: T) -> bool {
        if self.few.contains(&value) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(value);
            return true;
        }
        let is_new = self.known.insert(value);
        if is_new {
            self.more.push(value);
        }
        is_new
    }

    pub(super) fn into_values(mut self) -> Vec<T> {
        self.few.append(&mut self.more);
        self.few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_new_once() {
        let mut distinct = Distinct::default();
        let values: Vec<u32> = (0..200).map(|n| n * 7 % 50).collect();
        assert_eq!(values.iter().filter(|value| distinct.insert(**value)).count(), 50);
        assert_eq!(distinct.into_values(), values[..50]);
    }
}
