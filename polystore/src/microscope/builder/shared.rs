//! Files that metadata name for several planes.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Entry, ImageKey};
use crate::{
    microscope::PlateFolder,
    model::{PassedOverReason, PlaneSource},
};

/// Takes the file from all planes but the first that it is named for, whose pixels it cannot
/// have; they are missing then. The file is told as passed over, once for each.
pub(super) fn take_from_others(entries: &mut [Entry], keys: &[ImageKey], folder: &PlateFolder<'_>) {
    if !may_share(entries, folder.files().len()) {
        return;
    }
    let plane = |entry: &Entry| (keys[entry.image as usize], entry.t, entry.c, entry.z);
    let mut first: HashMap<PlaneSource, _, RandomState> = HashMap::default();
    for entry in entries.iter() {
        let Some(source) = entry.source else { continue };
        let known = first.entry(source).or_insert_with(|| plane(entry));
        *known = plane(entry).min(*known);
    }
    for entry in entries.iter_mut() {
        let Some(source) = entry.source else { continue };
        let Some(used) = first.get(&source).filter(|used| **used != plane(entry)) else { continue };
        let told = |(key, t, c, z): (ImageKey, u32, u32, u32)| {
            let field = u64::from(key.field) + 1;
            format!("t={t} c={c} z={z} of well {}, field {field}", key.well)
        };
        let file = folder.files().get(source.file as usize).unwrap_or_default();
        let detail = format!("it is {}, and not {}", told(*used), told(plane(entry)));
        folder.pass_over(file, PassedOverReason::SeveralPlanes, detail);
        entry.source = None;
    }
}

/// Whether any file is named twice: seldom, where files hold one plane each.
fn may_share(entries: &[Entry], n_files: usize) -> bool {
    let mut seen = vec![false; n_files];
    let mut sources = entries.iter().filter_map(|entry| entry.source);
    sources.any(|source| match seen.get_mut(source.file as usize) {
        Some(seen) => std::mem::replace(seen, true),
        None => false,
    })
}
