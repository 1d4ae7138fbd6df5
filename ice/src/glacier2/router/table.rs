//! The objects that a client may call.

use std::collections::{BTreeMap, HashMap};

use crate::wire::{Identity, Proxy};

/// Objects of one client; when there are too many, the one that was not used for the longest
/// time goes.
#[derive(Debug)]
pub(super) struct Table {
    size: usize,
    clock: u64,
    used_at: HashMap<Identity, u64>,
    by_use: BTreeMap<u64, Proxy>,
}

impl Table {
    pub(super) fn new(size: usize) -> Self {
        Self { size: size.max(1), clock: 0, used_at: HashMap::new(), by_use: BTreeMap::new() }
    }

    /// Adds objects; the proxies of those that go for them.
    pub(super) fn add(&mut self, proxies: impl IntoIterator<Item = Proxy>) -> Vec<Proxy> {
        let mut evicted = Vec::new();
        for proxy in proxies {
            let identity = proxy.identity.clone();
            if self.touch(&identity) {
                continue;
            }
            self.clock += 1;
            self.used_at.insert(identity, self.clock);
            self.by_use.insert(self.clock, proxy);
            if self.by_use.len() > self.size
                && let Some((_, oldest)) = self.by_use.pop_first()
            {
                self.used_at.remove(&oldest.identity);
                evicted.push(oldest);
            }
        }
        evicted
    }

    /// Whether an object is there; it was used now, if so.
    pub(super) fn touch(&mut self, identity: &Identity) -> bool {
        let Some(used_at) = self.used_at.get_mut(identity) else { return false };
        self.clock += 1;
        if let Some(proxy) = self.by_use.remove(used_at) {
            self.by_use.insert(self.clock, proxy);
        }
        *used_at = self.clock;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(name: &str) -> Proxy {
        Proxy::new(Identity::named(name))
    }

    fn names(proxies: &[Proxy]) -> Vec<&str> {
        proxies.iter().map(|proxy| proxy.identity.name.as_str()).collect()
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes() {
        let mut table = Table::new(3);
        assert!(table.add(["a", "b", "c"].map(proxy)).is_empty());
        assert!(table.touch(&proxy("a").identity));
        // To be told of again counts as a use, and makes no second entry.
        assert!(table.add([proxy("b")]).is_empty());
        assert_eq!(names(&table.add([proxy("d")])), ["c"]);
        assert_eq!(names(&table.add(["e", "f"].map(proxy))), ["a", "b"]);
        assert!(!table.touch(&proxy("a").identity));
        assert!(table.touch(&proxy("d").identity));
        assert_eq!((table.used_at.len(), table.by_use.len()), (3, 3));
    }

    #[test]
    fn more_at_once_than_there_is_room_for() {
        let mut table = Table::new(2);
        assert_eq!(names(&table.add(["a", "b", "c", "d"].map(proxy))), ["a", "b"]);
    }
}
