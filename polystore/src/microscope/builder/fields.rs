//! Fields that wells lack although most others have them.

use std::collections::BTreeMap;

use super::{ImageKey, list_wells};
use crate::WellPosition;

/// The images that are declared although no file of them is there: in each acquisition, a
/// field that more than half of the wells have, in the wells that lack it. `keys` are in
/// plate order. With a remark per field, also for those that fewer wells have where a well has
/// later ones: whether it was meant to have them nobody can tell.
pub(super) fn lacking(keys: &[ImageKey]) -> (Vec<ImageKey>, Vec<String>) {
    let mut acquisitions: BTreeMap<u32, Wells> = BTreeMap::new();
    for key in keys {
        acquisitions.entry(key.acquisition).or_default().add(key);
    }
    let (mut added, mut notes) = (Vec::new(), Vec::new());
    for (acquisition, wells) in acquisitions {
        let (common, rare) = wells.common();
        for (field, lacking) in wells.lacking(&common) {
            notes.push(format!(
                "field {} is missing from {}; {} of {} wells have it",
                u64::from(field) + 1,
                list_wells(lacking.iter().copied()),
                wells.0.len() - lacking.len(),
                wells.0.len()
            ));
            added.extend(lacking.into_iter().map(|well| ImageKey { well, acquisition, field }));
        }
        for (field, wells) in wells.gaps(&rare) {
            notes.push(format!(
                "field {} of {} may be missing: later fields are there, and other wells have it",
                u64::from(field) + 1,
                list_wells(wells)
            ));
        }
    }
    (added, notes)
}

/// Most fields of few wells that are remarked upon.
const MAX_GAPS: usize = 16;

/// The wells of one acquisition with their fields, both in order.
#[derive(Default)]
struct Wells(Vec<(WellPosition, Vec<u32>)>);

impl Wells {
    fn add(&mut self, key: &ImageKey) {
        match self.0.last_mut() {
            Some((well, fields)) if *well == key.well => fields.push(key.field),
            _ => self.0.push((key.well, vec![key.field])),
        }
    }

    /// Fields that more than half of the wells have but not all, and those that fewer have,
    /// each in order.
    fn common(&self) -> (Vec<u32>, Vec<u32>) {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for field in self.0.iter().flat_map(|(_, fields)| fields) {
            *counts.entry(*field).or_default() += 1;
        }
        let partial = counts.into_iter().filter(|&(_, n)| n < self.0.len());
        let (common, rare): (Vec<_>, Vec<_>) = partial.partition(|&(_, n)| n * 2 > self.0.len());
        let fields = |counted: Vec<(u32, usize)>| counted.into_iter().map(|(it, _)| it).collect();
        (fields(common), fields(rare))
    }

    /// Wells that lack one of the `rare` fields before later ones of theirs, by field.
    fn gaps(&self, rare: &[u32]) -> BTreeMap<u32, Vec<WellPosition>> {
        let mut gaps: BTreeMap<u32, Vec<WellPosition>> = BTreeMap::new();
        // More of them are positions that were chosen well by well.
        if rare.len() > MAX_GAPS {
            return gaps;
        }
        for (well, fields) in &self.0 {
            let last = fields.last().copied().unwrap_or(0);
            for field in rare.iter().take_while(|field| **field < last) {
                if fields.binary_search(field).is_err() {
                    gaps.entry(*field).or_default().push(*well);
                }
            }
        }
        gaps
    }

    /// Wells that lack a common field, by field.
    fn lacking(&self, common: &[u32]) -> BTreeMap<u32, Vec<WellPosition>> {
        let mut lacking: BTreeMap<u32, Vec<WellPosition>> = BTreeMap::new();
        for (well, fields) in &self.0 {
            for field in common {
                if fields.binary_search(field).is_err() {
                    lacking.entry(*field).or_default().push(*well);
                }
            }
        }
        lacking
    }
}
