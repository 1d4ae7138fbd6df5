//! Things that are written once and then meant by their places.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

/// Things in the order in which they were met first.
#[derive(Debug)]
pub(super) struct Table<K> {
    places: HashMap<K, usize>,
    order: Vec<K>,
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { places: HashMap::new(), order: Vec::new() }
    }

    /// The place of a thing, from 0; the next one when it is new. Takes as long however many
    /// there are.
    pub(super) fn place(&mut self, thing: K) -> usize {
        match self.places.entry(thing) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.order.push(thing);
                *new.insert(self.order.len() - 1)
            }
        }
    }

    /// All things by their places.
    pub(super) fn into_order(self) -> Vec<K> {
        self.order
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        hash::{Hash, Hasher},
    };

    use super::Table;

    thread_local! {
        static N_COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// A number that counts how often it is compared.
    #[derive(Clone, Copy, Debug)]
    struct Counts(u32);

    impl PartialEq for Counts {
        fn eq(&self, other: &Self) -> bool {
            N_COMPARED.set(N_COMPARED.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counts {}

    impl Hash for Counts {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn places_are_found_without_a_search() {
        let n = 20_000;
        N_COMPARED.set(0);
        let mut table = Table::new();
        for round in 0..2 {
            for at in 0..n {
                assert_eq!(table.place(Counts(at)), at as usize, "{round}");
            }
        }
        // A search through all of them compares 400 million times.
        assert!(N_COMPARED.get() < 10 * n as usize, "{}", N_COMPARED.get());
        let order = table.into_order();
        assert!(order.iter().map(|found| found.0).eq(0..n));
    }
}
