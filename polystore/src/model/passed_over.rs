//! Files and folders of a plate that could not be used, though they may be its own: images
//! that no plane was made of, and metadata that may declare more planes.

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
    /// A metadata file of the vendor that is cut or damaged: what it declares is not known.
    DamagedMetadata,
    /// Another file stands for the same plane, and is used.
    SamePlane,
    /// A name that is one of the plate's images, which its index does not declare.
    NotInIndex,
    /// In a folder beside those of the plate, though named like one of its images.
    OtherFolder,
    /// Named like a copy of one of the plate's images.
    Copy,
    /// A picture under the name of a plane of which there is no file of the plate's own kind.
    OtherKind,
    /// Named by the metadata for several planes: one of them has the pixels of another.
    SeveralPlanes,
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
            Self::DamagedMetadata => {
                "metadata that is cut or damaged, so planes may be missing unseen; copy it again from the microscope"
            }
            Self::SamePlane => {
                "another file stands for the same plane; rename one of them, or move it out of the plate"
            }
            Self::NotInIndex => {
                "image that the index of the plate does not name; restore the whole index, or move the image out of the plate"
            }
            Self::OtherFolder => {
                "named like the plate's images, in another folder; move it into the plate's or out of the plate"
            }
            Self::Copy => {
                "named like another plate's image or a copy of this one's; move it out of the plate"
            }
            Self::SeveralPlanes => {
                "the metadata names it for several planes, of which all but one are without their pixels; restore the metadata from the microscope"
            }
            Self::OtherKind => {
                "picture under a plane's name in a plate of TIFF files, not taken for the plane; restore the TIFF file, or move it out of the plate"
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
    /// What exactly is wrong with it; empty when the reason says all.
    #[serde(default)]
    pub detail: String,
    /// Whether it was so in the plate that this one was made of; the path is that plate's.
    #[serde(default)]
    pub in_source: bool,
}

impl PassedOverFile {
    /// What is wrong, where, and what to do, as words.
    pub fn why(&self) -> String {
        let reason = match self.detail.is_empty() {
            true => self.reason.as_str().to_owned(),
            false => format!("{}: {}", self.reason.as_str(), self.detail),
        };
        match self.in_source {
            true => format!("in the plate that this one was made of: {reason}"),
            false => reason,
        }
    }
}

/// Files of a plate, and folders that may hold some, that could not be used. A plate with any
/// is not complete: planes may be in them, or declared by them, that nothing else speaks of.
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
        self.push_with(path, reason, "");
    }

    /// Adds one, with what exactly is wrong with it.
    pub fn push_with(
        &mut self,
        path: impl Into<String>,
        reason: PassedOverReason,
        detail: impl Into<String>,
    ) {
        self.push_told(reason, || (path.into(), detail.into()));
    }

    /// Adds one, whose path and what exactly is wrong with it are only made when it is listed.
    pub fn push_told(&mut self, reason: PassedOverReason, told: impl FnOnce() -> (String, String)) {
        self.n += 1;
        if self.files.len() < MAX_LISTED {
            let (path, detail) = told();
            self.files.push(PassedOverFile { path, reason, detail, in_source: false });
        }
    }

    /// Adds one as it is; the first thousand are listed, the others counted.
    pub fn add(&mut self, file: PassedOverFile) {
        self.n += 1;
        if self.files.len() < MAX_LISTED {
            self.files.push(file);
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
            self.add(PassedOverFile { path: format!("{prefix}{}", file.path), ..file.clone() });
        }
        self.n += n_unlisted;
    }

    /// How many there are, with what they are: `3 image files`, `1 well`.
    pub fn counted(&self) -> String {
        let nouns: Vec<String> = Noun::ALL
            .into_iter()
            .filter(|noun| self.files.iter().any(|file| Noun::of(file.reason) == *noun))
            .map(|noun| format!("{}{}", noun.as_str(), verb(self.n, "", "s")))
            .collect();
        format!("{} {}", self.n, nouns.join(" or "))
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

/// What is passed over, by what it is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noun {
    ImageFile,
    Well,
    MetadataFile,
}

impl Noun {
    const ALL: [Self; 3] = [Self::ImageFile, Self::Well, Self::MetadataFile];

    fn of(reason: PassedOverReason) -> Self {
        match reason {
            PassedOverReason::WellUnreadable => Self::Well,
            PassedOverReason::DamagedMetadata => Self::MetadataFile,
            _ => Self::ImageFile,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ImageFile => "image file",
            Self::Well => "well",
            Self::MetadataFile => "metadata file",
        }
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
        let mut metadata = PassedOver::default();
        metadata.push_with("P.HTD", PassedOverReason::DamagedMetadata, "is empty");
        assert_eq!(metadata.counted(), "1 metadata file");
        let why = metadata.files[0].why();
        assert!(why.contains("copy it again") && why.ends_with(": is empty"), "{why}");
        wells.extend_below("", &metadata);
        assert_eq!(wells.counted(), "3 image files or wells or metadata files");
    }
}
