//! Fields that wells lack although most others have them.

use std::collections::BTreeMap;

use super::{ImageKey, list_wells};
use crate::WellPosition;

/// The images that are declared although no file of them is there: in each acquisition, a
/// field that more than half of the wells have, in the wells that lack it. `keys` are in
/// plate order. With a remark per field.
pub(super) fn lacking(keys: &[ImageKey]) -> (Vec<ImageKey>, Vec<String>) {
    let mut acquisitions: BTreeMap<u32, Wells> = BTreeMap::new();
    for key in keys {
        acquisitions.entry(key.acquisition).or_default().add(key);
    }
    let (mut added, mut notes) = (Vec::new(), Vec::new());
    for (acquisition, wells) in acquisitions {
        for (field, lacking) in wells.lacking() {
            notes.push(format!(
                "field {} is missing from {}; {} of {} wells have it",
                u64::from(field) + 1,
                list_wells(lacking.iter().copied()),
                wells.0.len() - lacking.len(),
                wells.0.len()
            ));
            added.extend(lacking.into_iter().map(|well| ImageKey { well, acquisition, field }));
        }
    }
    (added, notes)
}

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

    /// Fields that more than half of the wells have but not all, in order.
    fn common(&self) -> Vec<u32> {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for field in self.0.iter().flat_map(|(_, fields)| fields) {
            *counts.entry(*field).or_default() += 1;
        }
        let is_common = |n: usize| n * 2 > self.0.len() && n < self.0.len();
        counts.into_iter().filter(|&(_, n)| is_common(n)).map(|(field, _)| field).collect()
    }

    /// Wells that lack a common field, by field.
    fn lacking(&self) -> BTreeMap<u32, Vec<WellPosition>> {
        let common = self.common();
        let mut lacking: BTreeMap<u32, Vec<WellPosition>> = BTreeMap::new();
        for (well, fields) in &self.0 {
            for field in &common {
                if fields.binary_search(field).is_err() {
                    lacking.entry(*field).or_default().push(*well);
                }
            }
        }
        lacking
    }
}
