//! Image files and folders of a plate that no plane was made of, though they may be its own.

use serde::{Deserialize, Serialize};

use crate::words::verb;

/// Most of them that are kept by name; all are counted.
const MAX_LISTED: usize = 1000;

/// Why a file or folder was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PassedOverReason {
    /// Its name is not UTF-8; the name is given with replacement characters.
    NameNotUtf8,
    /// A link that leads out of the plate, which is not followed.
    LinkLeavesPlate,
    /// A link that leads nowhere.
    DanglingLink,
    /// A folder too deep to be looked into.
    TooDeep,
    /// Its name does not fit the pattern that most of the folder was to fit.
    DoesNotFitPattern,
    /// Its name fits the pattern with values that cannot be.
    UnusableName,
    /// The folder of a well whose list of images is absent or damaged.
    WellUnreadable,
}

impl PassedOverReason {
    /// What is wrong, and what to do, as words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameNotUtf8 => "name is not UTF-8; rename it to use it",
            Self::LinkLeavesPlate => {
                "link that leaves the plate and was not followed; allow its folder (`--links-to`)"
            }
            Self::DanglingLink => "link that leads nowhere; mount what it leads to, or remove it",
            Self::TooDeep => "folders this deep are not looked into; open the plate in it",
            Self::DoesNotFitPattern => "name does not fit the pattern",
            Self::UnusableName => "name fits the pattern with a value that cannot be",
            Self::WellUnreadable => {
                "well that the plate lists; its own list of images is absent or damaged"
            }
        }
    }
}

/// One file or folder that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOverFile {
    /// Where it is, relative to the plate and `/`-separated; a folder ends with `/`.
    pub path: String,
    /// Why.
    pub reason: PassedOverReason,
    /// Whether it was so in the plate that this one was made of; the path is that plate's.
    #[serde(default)]
    pub in_source: bool,
}

impl PassedOverFile {
    /// What is wrong, where, and what to do, as words.
    pub fn why(&self) -> String {
        match self.in_source {
            true => format!("in the plate that this one was made of: {}", self.reason.as_str()),
            false => self.reason.as_str().to_owned(),
        }
    }
}

/// Image files of a plate, and folders that may hold some, that no plane was made of. A
/// plate with any is not complete: planes may be in them that nothing else speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// How many there are.
    pub n: u64,
    /// The first thousand of them.
    pub files: Vec<PassedOverFile>,
}

impl PassedOver {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Adds one.
    pub fn push(&mut self, path: impl Into<String>, reason: PassedOverReason) {
        self.n += 1;
        if self.files.len() < MAX_LISTED {
            self.files.push(PassedOverFile { path: path.into(), reason, in_source: false });
        }
    }

    /// The same as a plate made of this one has it: what nobody could read is not in it.
    #[must_use]
    pub fn of_source(&self) -> Self {
        let files = self.files.iter().cloned();
        let files = files.map(|file| PassedOverFile { in_source: true, ..file }).collect();
        Self { n: self.n, files }
    }

    /// Adds those of another folder, their paths below `prefix`.
    pub fn extend_below(&mut self, prefix: &str, other: &Self) {
        let n_unlisted = other.n - (other.files.len() as u64).min(other.n);
        for file in &other.files {
            self.n += 1;
            if self.files.len() < MAX_LISTED {
                let path = format!("{prefix}{}", file.path);
                self.files.push(PassedOverFile { path, ..file.clone() });
            }
        }
        self.n += n_unlisted;
    }

    /// How many there are, with what they are: `3 image files`, `1 well`.
    pub fn counted(&self) -> String {
        let (one, many) = self.nouns();
        format!("{} {}", self.n, verb(self.n, one, many))
    }

    /// What one of them is called, and several.
    fn nouns(&self) -> (&'static str, &'static str) {
        let is_well = |file: &PassedOverFile| file.reason == PassedOverReason::WellUnreadable;
        match (self.files.iter().any(is_well), self.files.iter().all(is_well)) {
            (true, true) => ("well", "wells"),
            (true, false) => ("image file or well", "image files or wells"),
            (false, _) => ("image file", "image files"),
        }
    }

    /// One line for people: how many, and the first of them with its reason; `None` when
    /// there are none.
    pub fn summary(&self) -> Option<String> {
        let first = self.files.first()?;
        let example = if self.n == 1 { "" } else { "such as " };
        Some(format!(
            "{} of the plate {} passed over: {example}{} ({})",
            self.counted(),
            verb(self.n, "was", "were"),
            first.path,
            first.why()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let mut found = PassedOver::default();
        assert_eq!(found.summary(), None);
        found.push("a.tif", PassedOverReason::DanglingLink);
        assert!(found.summary().unwrap().starts_with("1 image file of the plate was passed over"));
        for number in 0..2 * MAX_LISTED {
            found.push(number.to_string(), PassedOverReason::DoesNotFitPattern);
        }
        let mut all = PassedOver::default();
        all.extend_below("disk:/p: ", &found);
        all.push("b.tif", PassedOverReason::NameNotUtf8);
        assert_eq!((all.n, all.files.len()), (2 * MAX_LISTED as u64 + 2, MAX_LISTED));
        assert_eq!(all.files[0].path, "disk:/p: a.tif");
        assert!(all.summary().unwrap().contains("2002 image files of the plate were passed over"));
        let mut wells = PassedOver::default();
        wells.push("E/08/", PassedOverReason::WellUnreadable);
        assert_eq!(wells.counted(), "1 well");
        wells.push("b.tif", PassedOverReason::NameNotUtf8);
        assert_eq!(wells.counted(), "2 image files or wells");
    }
}
