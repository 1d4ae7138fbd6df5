//! Which files a run writes: what its manifest says, and nothing beside it.
//!
//! The manifest is stored before anything else is written, with all units and the pipeline, and
//! plots are entered before they are drawn. So also what a run wrote that was killed is known
//! by it, and files that somebody put between them are not.

use std::collections::{BTreeSet, HashSet};

use polystore::{Entry, EntryKind, ErrorKind, VirtualBackendExt, VirtualPath, WellPosition};

use super::{ResultStore, RunManifest};
use crate::{Result, ValueKind, plan::Images};

/// What a run leaves in its place; the manifest last, which says what the rest is.
const LEFT: [&str; 7] = ["units", "results", "images", "rois", "plots", "report.html", "run.json"];
/// Where maps of old runs are, which do not say which they wrote.
const MAPS: &str = "plots/heatmap-";

/// Files of one run, below the place of its results.
pub(crate) struct Owned {
    files: HashSet<String>,
    /// Names of plates of images, of label images in them, and of wells.
    plates: HashSet<String>,
    labels: HashSet<String>,
    wells: BTreeSet<WellPosition>,
    knows_plots: bool,
}

/// What is in a place of results, apart by whose it is.
#[derive(Default)]
pub(crate) struct Found {
    /// Written by the run, with folders after what is in them.
    pub(crate) own: Vec<VirtualPath>,
    /// Folders that may be empty once the run's files are gone, inner ones first.
    pub(crate) folders: Vec<VirtualPath>,
    /// Of somebody else.
    pub(crate) foreign: Vec<String>,
    /// Perhaps of the run, whose record does not say.
    pub(crate) unclear: Vec<String>,
}

impl Owned {
    pub(crate) fn of(manifest: &RunManifest) -> Self {
        let steps = manifest.pipeline.steps();
        let saved = |kind: ValueKind| {
            let steps = steps.iter().filter(move |step| step.output() == kind);
            steps.filter_map(|step| step.save())
        };
        let wells: BTreeSet<WellPosition> = manifest.units.iter().map(|unit| unit.well).collect();
        let mut files: HashSet<String> =
            ["report.html", "run.json", "results/plate.csv", "results/plate.json"]
                .map(str::to_owned)
                .into();
        for table in saved(ValueKind::Table) {
            for well in &wells {
                files.extend(["csv", "json"].map(|end| format!("results/{table}/{well}.{end}")));
            }
        }
        for unit in &manifest.units {
            files.insert(ResultStore::record_path(unit.well, &unit.name));
            let outlines = saved(ValueKind::Rois);
            files.extend(outlines.map(|name| format!("rois/{name}/{}.roi.zip", unit.name)));
        }
        files.extend(manifest.plots.iter().flatten().cloned());
        let sets = Images::of(&manifest.pipeline).into_sets();
        let (labels, plates): (Vec<_>, Vec<_>) =
            sets.into_iter().partition(|set| set.beside.is_some());
        Self {
            files,
            plates: plates.into_iter().map(|set| set.name).collect(),
            labels: labels.into_iter().map(|set| set.name).collect(),
            wells,
            knows_plots: manifest.plots.is_some(),
        }
    }

    /// Whether the run writes the file or image at `below`.
    pub(crate) fn has(&self, below: &str, kind: EntryKind) -> bool {
        if let Some(image) = below.strip_prefix("images/") {
            let parts: Vec<&str> = image.split('/').collect();
            return self.has_part_of_plate(&parts, kind);
        }
        self.files.contains(below)
    }

    fn has_part_of_plate(&self, parts: &[&str], kind: EntryKind) -> bool {
        let Some((plate, inner)) = parts.split_first() else { return false };
        match plate.strip_suffix(".zarr") {
            Some(name) => self.plates.contains(name) && self.is_of_store(inner),
            // One entry per image, or one file per plane, named by its well.
            None => {
                let is_image = |well: &str, name: &str| {
                    let of_well = name == well || name.starts_with(&format!("{well}_"));
                    of_well && (kind == EntryKind::Image || name.ends_with(".tif"))
                };
                self.plates.contains(*plate)
                    && matches!(inner, [well, name] if self.is_well(well) && is_image(well, name))
            }
        }
    }

    fn is_well(&self, name: &str) -> bool {
        name.parse().is_ok_and(|well| self.wells.contains(&well))
    }

    /// Whether a store of OME-Zarr has this file for metadata or a chunk, in a well of the run.
    fn is_of_store(&self, inner: &[&str]) -> bool {
        match inner {
            ["zarr.json"] => true,
            [row, "zarr.json"] => self.wells.iter().any(|well| well.row_name() == *row),
            [row, column, rest @ ..] => {
                self.is_well(&format!("{row}{column}"))
                    && match rest {
                        ["zarr.json"] => true,
                        [image, rest @ ..] => is_number(image) && self.is_of_image(rest),
                        [] => false,
                    }
            }
            _ => false,
        }
    }

    fn is_of_image(&self, inner: &[&str]) -> bool {
        match inner {
            ["labels", "zarr.json"] => true,
            ["labels", name, rest @ ..] => self.labels.contains(*name) && is_of_levels(rest),
            rest => is_of_levels(rest),
        }
    }

    /// Looks through a place of results.
    ///
    /// # Errors
    /// As the place is listed.
    pub(crate) fn sort(&self, store: &ResultStore) -> Result<Found> {
        let mut found = Found::default();
        for left in LEFT {
            let path = store.path(left)?;
            let entry = match store.files().stat(&path) {
                Ok(entry) => entry,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            if entry.kind != EntryKind::Directory {
                self.judge(store, &entry, &mut found);
                continue;
            }
            let mut folders = vec![path.clone()];
            for entry in store.files().walk(&path)? {
                match entry.kind {
                    EntryKind::Directory => folders.push(entry.path),
                    _ => self.judge(store, &entry, &mut found),
                }
            }
            folders.reverse();
            found.folders.append(&mut folders);
        }
        Ok(found)
    }

    fn judge(&self, store: &ResultStore, entry: &Entry, found: &mut Found) {
        let inner = entry.path.strip_prefix(store.root());
        let below = inner.as_ref().map_or(entry.path.as_str(), |inner| inner.relative()).to_owned();
        if self.has(&below, entry.kind) {
            found.own.push(entry.path.clone());
        } else if !self.knows_plots && below.starts_with(MAPS) {
            found.unclear.push(below);
        } else {
            found.foreign.push(below);
        }
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// `zarr.json`, `0/zarr.json`, `0/c/0/1/0/2/3`.
fn is_of_levels(inner: &[&str]) -> bool {
    match inner {
        ["zarr.json"] => true,
        [level, "zarr.json"] => is_number(level),
        [level, "c", chunk @ ..] => {
            is_number(level) && !chunk.is_empty() && chunk.iter().all(|part| is_number(part))
        }
        _ => false,
    }
}

/// The first names of a list, and how many more there are.
pub(crate) fn some_of(names: &[String]) -> String {
    const MAX_NAMED: usize = 8;
    let named: Vec<_> = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MAX_NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What of a run's names is in `store`, whoever wrote it.
///
/// # Errors
/// As the store is read.
pub(crate) fn names_taken(store: &ResultStore) -> Result<Vec<&'static str>> {
    let mut taken = Vec::new();
    for below in LEFT {
        if store.exists(below)? {
            taken.push(below);
        }
    }
    Ok(taken)
}
