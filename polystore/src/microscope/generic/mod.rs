//! Layouts that the user describes: names by a regular expression, or files by a CSV.
//!
//! A description belongs to one plate, so it is given when the plate is opened
//! ([`OpenOptions`](crate::OpenOptions)) and not registered for all.

mod numbering;
mod pattern;
mod table;

use std::{fmt, path::Path};

use self::{pattern::Pattern, table::Table};
use super::{Detection, Microscope, PlateFolder};
use crate::{
    Result,
    model::{DeclaredPlate, NamingScheme, POLYSTORE_NAMING},
};

/// What plates of such layouts say that they were read by.
pub(super) const NAME: &str = "generic";

/// A layout that the user describes.
///
/// Fields, and channels with numbers, may count from 0 or from 1: from 0 when any is 0.
/// Timepoints and z-sections count from the smallest. Channels with names, and acquisitions,
/// are in the natural order of their names.
///
/// ```
/// use polystore::microscope::Generic;
///
/// let layout = Generic::from_pattern(r"(?<well>[A-P]\d\d)_f(?<field>\d+)_(?<channel>\w+)\.tif")?;
/// let error = Generic::from_pattern(r"(?<wel>[A-P]\d\d)\.tif").unwrap_err();
/// assert_eq!(error.hint(), Some("did you mean `well`?"));
/// # Ok::<(), polystore::Error>(())
/// ```
pub struct Generic(Kind);

enum Kind {
    Pattern(Pattern),
    Table(Table),
}

impl Generic {
    /// Reads names by a regular expression with the groups `well` (or `row` and `col`),
    /// `field`, `channel`, `z`, `t` and `acquisition`, all but the well optional; `site` is
    /// another word for the field. Rows are letters or numbers from 1.
    ///
    /// The expression describes a file's whole name; its whole path below the plate's folder
    /// when it has a `/`. Names are declared as those of vendors without metadata are: see
    /// [`Rule::Names`](super::builder::Rule::Names).
    ///
    /// # Errors
    /// `InvalidInput`: not a regular expression, with the position of what is wrong; a group
    /// that is not known, with the nearest that is; a group that is lacking.
    pub fn from_pattern(pattern: &str) -> Result<Self> {
        Pattern::parse(pattern).map(Kind::Pattern).map(Self)
    }

    /// Reads a CSV with a header and a row per plane: columns `file`, `well` (or `row` and
    /// `col`), `field`, `channel`, `z`, `t`, `acquisition` and `page` (the page of a file
    /// with several, from 0), all but the file and the well optional. Files are named
    /// relative to the plate's folder.
    ///
    /// The rows declare the plate: a plane whose file is not there is missing.
    ///
    /// # Errors
    /// As the file system answers; `InvalidData` with file and line: a value that cannot be,
    /// two rows for one plane, a file outside the plate's folder; `LimitExceeded`.
    pub fn from_csv(path: impl AsRef<Path>) -> Result<Self> {
        Table::read(path.as_ref()).map(Kind::Table).map(Self)
    }

    /// What this layout depends on, for keys of caches: the pattern, or the CSV's content.
    pub fn key(&self) -> String {
        match &self.0 {
            Kind::Pattern(pattern) => format!("pattern:{}", pattern.text()),
            Kind::Table(table) => format!("csv:{}", table.digest()),
        }
    }

    /// Name and value of the option of a spec that describes the same layout.
    pub(crate) fn to_option(&self) -> (&'static str, String) {
        match &self.0 {
            Kind::Pattern(pattern) => ("pattern", pattern.text().to_owned()),
            Kind::Table(table) => ("csv", table.path().display().to_string()),
        }
    }
}

impl Microscope for Generic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "a layout that the user describes, by a regular expression or a CSV"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &POLYSTORE_NAMING
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        match &self.0 {
            Kind::Pattern(pattern) => pattern.detect(folder),
            Kind::Table(table) => table.detect(folder),
        }
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        match &self.0 {
            Kind::Pattern(pattern) => pattern.read_plate(folder),
            Kind::Table(table) => table.read_plate(folder),
        }
    }
}

impl fmt::Debug for Generic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generic").field(&self.key()).finish()
    }
}

#[cfg(test)]
mod tests;
