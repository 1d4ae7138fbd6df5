//! The images of a folder that are named by one scheme, all of one measurement.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PlateFolder,
    builder::Capped,
    names::{file_name, image_stem},
};
use crate::{
    Error, Result,
    model::PassedOverReason,
    words::{count, verb},
};

/// Image files with what their names say.
#[derive(Debug)]
pub(super) struct Named<N> {
    /// Positions in the listing, with the names taken apart.
    pub(super) files: Vec<(u32, N)>,
    /// Remarks on what was passed over.
    pub(super) notes: Vec<String>,
}

impl<N> Named<N> {
    /// Takes all files apart. `parse` gets a path and answers with the folder that the
    /// measurement is in and what the name says; `None` for a file that is none of its images.
    ///
    /// Images outside the measurement's folder, such as copies that were laid beside it, are
    /// passed over.
    ///
    /// # Errors
    /// `NotFound` when no file is named so; `InvalidInput` when the folder holds several
    /// measurements of `vendor`, see [`main_folder`].
    pub(super) fn find<'a>(
        folder: &PlateFolder<'a>,
        vendor: &str,
        parse: impl Fn(&'a str) -> Option<(&'a str, N)>,
    ) -> Result<Self> {
        let mut found = Vec::with_capacity(folder.files().len());
        let mut others = Capped::new(3);
        // Folders with their numbers.
        let mut bases: BTreeMap<&str, u32> = BTreeMap::new();
        let mut last: Option<(&str, u32)> = None;
        for (file, path) in (0u32..).zip(folder.files()) {
            let Some((base, name)) = parse(path) else {
                if image_stem(file_name(path)).is_some() {
                    others.push(|| path.to_string());
                }
                continue;
            };
            if last.is_none_or(|(known, _)| known != base) {
                let next = bases.len() as u32;
                last = Some((base, *bases.entry(base).or_insert(next)));
            }
            let number = last.map_or(0, |(_, number)| number);
            found.push((file, number, name));
        }
        if found.is_empty() {
            return Err(Error::not_found(format!("no image file is named as {vendor} names them"))
                .with_path(folder.name()));
        }
        let paths: Vec<&str> = bases.keys().copied().collect();
        let Some(main) = main_folder(&paths) else {
            return Err(several(folder, &bases.into_keys().collect()));
        };
        let main = bases.get(paths[main]).copied().unwrap_or(0);
        let mut files = Vec::with_capacity(found.len());
        for (file, base, name) in found {
            if base == main {
                files.push((file, name));
            } else {
                let path = folder.files().get(file as usize).unwrap_or_default();
                folder.pass_over(path, PassedOverReason::OtherFolder, "");
            }
        }
        let mut notes = Vec::new();
        if !others.is_empty() {
            let n = others.n();
            let listed = others.into_line();
            notes.push(format!(
                "{} {} not named as {vendor} names them: {listed}",
                count(n, "image file"),
                verb(n, "is", "are")
            ));
        }
        Ok(Self { files, notes })
    }
}

/// Which of several folders with images is the plate's: the one above all others, in which
/// strays are then. `None` when they may be plates of their own, however few images one has.
pub(super) fn main_folder(folders: &[&str]) -> Option<usize> {
    let is_above = |above: &str, below: &str| {
        let rest = below.strip_prefix(above);
        above.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    folders.iter().position(|above| folders.iter().all(|it| is_above(above, it)))
}

/// The error for a folder with measurements in more than one of the folders below it.
pub(super) fn several(folder: &PlateFolder<'_>, measurements: &BTreeSet<&str>) -> Error {
    let names: Vec<_> = measurements.iter().take(8).map(|path| format!("`{path}`")).collect();
    Error::invalid_input(format!(
        "folder holds {} measurements: {}",
        measurements.len(),
        names.join(", ")
    ))
    .with_path(folder.name())
    .with_hint("open one of them")
}
