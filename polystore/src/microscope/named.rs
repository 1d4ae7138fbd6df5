//! The images of a folder that are named by one scheme, all of one measurement.

use std::collections::BTreeSet;

use super::{
    PlateFolder,
    builder::Capped,
    names::{file_name, image_stem},
};
use crate::{
    Error, Result,
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
    /// # Errors
    /// `NotFound` when no file is named so; `InvalidInput` when the folder holds several
    /// measurements of `vendor`.
    pub(super) fn find<'a>(
        folder: &PlateFolder<'a>,
        vendor: &str,
        parse: impl Fn(&'a str) -> Option<(&'a str, N)>,
    ) -> Result<Self> {
        let mut files = Vec::with_capacity(folder.files().len());
        let mut others = Capped::new(3);
        let mut bases = BTreeSet::new();
        let mut last = None;
        for (file, path) in (0u32..).zip(folder.files()) {
            let Some((base, name)) = parse(path) else {
                if image_stem(file_name(path)).is_some() {
                    others.push(|| path.to_string());
                }
                continue;
            };
            if last != Some(base) {
                bases.insert(base);
                last = Some(base);
            }
            files.push((file, name));
        }
        if files.is_empty() {
            return Err(Error::not_found(format!("no image file is named as {vendor} names them"))
                .with_path(folder.name()));
        }
        if bases.len() > 1 {
            return Err(several(folder, &bases));
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
