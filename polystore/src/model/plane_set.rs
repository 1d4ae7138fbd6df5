//! A set of planes of one image.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{PlaneIndex, model::Sizes};

/// Some of the planes of an image, by their position in `t, c, z` order (z fastest). Usually
/// empty, and then it takes no memory. Cloning shares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaneSet(Option<Arc<[u32]>>);

impl PlaneSet {
    /// No planes.
    pub const EMPTY: Self = Self(None);

    /// The planes of an image of `sizes` for which `is_in` answers true.
    pub fn from_fn(sizes: Sizes, mut is_in: impl FnMut(PlaneIndex) -> bool) -> Self {
        let chosen: Vec<u32> = (0u32..)
            .zip(sizes.indices())
            .filter_map(|(ordinal, index)| is_in(index).then_some(ordinal))
            .collect();
        if chosen.is_empty() { Self::EMPTY } else { Self(Some(chosen.into())) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ordinals().is_empty()
    }

    /// Number of planes.
    pub fn len(&self) -> usize {
        self.ordinals().len()
    }

    /// Whether plane `index` of an image of `sizes` is in the set.
    pub fn contains(&self, sizes: Sizes, index: PlaneIndex) -> bool {
        let ordinals = self.ordinals();
        if ordinals.is_empty() {
            return false;
        }
        let ordinal = sizes.ordinal(index).and_then(|ordinal| u32::try_from(ordinal).ok());
        ordinal.is_some_and(|ordinal| ordinals.binary_search(&ordinal).is_ok())
    }

    /// Positions of the planes, ascending.
    pub fn ordinals(&self) -> &[u32] {
        self.0.as_deref().unwrap_or(&[])
    }

    /// The set with these positions, in any order.
    pub fn from_ordinals(mut ordinals: Vec<u32>) -> Self {
        ordinals.sort_unstable();
        ordinals.dedup();
        if ordinals.is_empty() { Self::EMPTY } else { Self(Some(ordinals.into())) }
    }

    /// Whether all positions are planes of an image of `sizes`, in order and once each.
    pub fn fits(&self, sizes: Sizes) -> bool {
        let ordinals = self.ordinals();
        ordinals.is_sorted_by(|a, b| a < b)
            && ordinals.last().is_none_or(|&last| u64::from(last) < sizes.n_planes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_index() {
        let sizes = Sizes::new(2, 2, 3, 1, 1);
        let set = PlaneSet::from_fn(sizes, |index| index.c == 1 && index.z > 0);
        assert_eq!(set.ordinals(), [4, 5, 10, 11]);
        for index in sizes.indices() {
            assert_eq!(set.contains(sizes, index), index.c == 1 && index.z > 0, "{index}");
        }
        assert!(set.fits(sizes) && !set.fits(Sizes::new(1, 2, 3, 1, 1)));
        assert_eq!(PlaneSet::from_ordinals(vec![5, 4, 5]).len(), 2);
        assert!(PlaneSet::from_fn(sizes, |_| false).is_empty());
    }
}
