//! Planes by image, and the files that they use.

use super::{Entry, ImageKey};
use crate::{
    PlaneIndex,
    microscope::names::is_tiff,
    model::{FileNames, PassedOver, PassedOverReason, PlaneSource},
};

/// Bytes of a file's name with its folders.
const TYPICAL_NAME: usize = 48;

/// Planes grouped by image, without sorting them.
pub(super) struct ByImage {
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

impl ByImage {
    pub(super) fn new(entries: &[Entry], n_images: usize) -> Self {
        let mut starts = vec![0u32; n_images + 1];
        for entry in entries {
            starts[entry.image as usize + 1] += 1;
        }
        for image in 0..n_images {
            starts[image + 1] += starts[image];
        }
        let mut next = starts.clone();
        let Some(&first) = entries.first() else { return Self { starts, entries: Vec::new() } };
        let mut grouped = vec![first; entries.len()];
        for entry in entries {
            let at = &mut next[entry.image as usize];
            grouped[*at as usize] = *entry;
            *at += 1;
        }
        Self { starts, entries: grouped }
    }

    pub(super) fn of(&self, image: u32) -> &[Entry] {
        let image = image as usize;
        &self.entries[self.starts[image] as usize..self.starts[image + 1] as usize]
    }
}

/// The files that are used, in the order of the listing.
pub(super) struct Files {
    /// Numbers among the used files, by place in the listing.
    numbers: Vec<u32>,
    used: FileNames,
}

impl Files {
    const UNUSED: u32 = u32::MAX;

    /// Goes through the listing in its own order, which is the order of its memory.
    pub(super) fn new(listed: &FileNames, entries: &[Entry]) -> Self {
        let mut numbers = vec![Self::UNUSED; listed.len()];
        for source in entries.iter().filter_map(|entry| entry.source) {
            if let Some(number) = numbers.get_mut(source.file as usize) {
                *number = 0;
            }
        }
        let mut used = FileNames::with_capacity(listed.len(), TYPICAL_NAME);
        for (number, name) in numbers.iter_mut().zip(listed) {
            if *number != Self::UNUSED {
                *number = used.len() as u32;
                used.push(name);
            }
        }
        Self { numbers, used }
    }

    /// `source`, which names a file by its place in the listing, with the file's number
    /// among those that are used.
    pub(super) fn number(&self, source: PlaneSource) -> PlaneSource {
        let number = self.numbers.get(source.file as usize).copied();
        PlaneSource { file: number.unwrap_or(Self::UNUSED), ..source }
    }

    /// The name of a numbered source.
    pub(super) fn name(&self, numbered: PlaneSource) -> &str {
        self.used.get(numbered.file as usize).unwrap_or_default()
    }

    /// Of two numbered sources of one plane the one that is used: a TIFF file before pictures,
    /// the first by name, then page; and the one that is not.
    pub(super) fn choose(&self, a: PlaneSource, b: PlaneSource) -> (PlaneSource, PlaneSource) {
        let key = |source: PlaneSource| {
            let name = self.name(source);
            (!is_tiff(name), name, source.page)
        };
        if key(a) <= key(b) { (a, b) } else { (b, a) }
    }

    /// Counts `unused` as passed over: `used` is the plane at `index` of the image.
    pub(super) fn pass_over(
        &self,
        passed_over: &mut PassedOver,
        unused: PlaneSource,
        used: PlaneSource,
        key: ImageKey,
        index: PlaneIndex,
    ) {
        let told = |source: PlaneSource| match source.page {
            0 => self.name(source).to_owned(),
            page => format!("{} page {}", self.name(source), u64::from(page) + 1),
        };
        passed_over.push_told(PassedOverReason::SamePlane, || {
            let field = u64::from(key.field) + 1;
            let detail = format!("{} is {index} of well {}, field {field}", told(used), key.well);
            (told(unused), detail)
        });
    }

    pub(super) fn into_used(self) -> FileNames {
        self.used
    }
}
