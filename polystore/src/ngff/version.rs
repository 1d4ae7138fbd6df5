//! Versions of the metadata, kinds of objects, and where the metadata of each stands.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{
    cursor::Cursor,
    json::show,
    rules::{self, Rule},
};

/// A version of the OME-Zarr metadata that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Version {
    /// 0.4, on zarr v2: metadata at the top of `.zattrs`.
    #[serde(rename = "0.4")]
    V04,
    /// 0.5, on zarr v3: metadata under `attributes.ome` of `zarr.json`.
    #[serde(rename = "0.5")]
    V05,
    /// The first release candidate of 0.6, laid out as 0.5, with coordinate systems.
    #[serde(rename = "0.6rc0")]
    V06Rc0,
}

impl Version {
    /// The version called `text`, as metadata spells it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::V04, Self::V05, Self::V06Rc0].into_iter().find(|version| version.as_str() == text)
    }

    /// How metadata spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V04 => "0.4",
            Self::V05 => "0.5",
            Self::V06Rc0 => "0.6rc0",
        }
    }

    /// The zarr format that the version is defined on.
    pub fn zarr_format(self) -> u8 {
        if self == Self::V04 { 2 } else { 3 }
    }

    /// Whether metadata stands below `ome`.
    pub(super) fn is_namespaced(self) -> bool {
        self != Self::V04
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a group is, by its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A plate: rows, columns and wells.
    Plate,
    /// A well: the images of its fields.
    Well,
    /// A label image.
    Label,
    /// A multiscale image.
    Image,
    /// The list of the label images of an image.
    Labels,
    /// A series of images, as `bioformats2raw` writes it.
    Bioformats2Raw,
    /// The `OME` group of such a series.
    Series,
    /// Coordinate systems that relate several images (0.6).
    Scene,
}

impl Kind {
    /// All kinds, the one that names a group with several of them first.
    pub const ALL: [Self; 8] = [
        Self::Plate,
        Self::Well,
        Self::Label,
        Self::Image,
        Self::Labels,
        Self::Bioformats2Raw,
        Self::Series,
        Self::Scene,
    ];

    /// The key of the metadata.
    pub fn key(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Well => "well",
            Self::Label => "image-label",
            Self::Image => "multiscales",
            Self::Labels => "labels",
            Self::Bioformats2Raw => "bioformats2raw.layout",
            Self::Series => "series",
            Self::Scene => "scene",
        }
    }

    /// The kind as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Well => "well",
            Self::Label => "label image",
            Self::Image => "image",
            Self::Labels => "labels",
            Self::Bioformats2Raw => "series of images",
            Self::Series => "series",
            Self::Scene => "scene",
        }
    }

    /// The kinds that `metadata` has the key of.
    pub(super) fn of(metadata: &Value) -> impl Iterator<Item = Self> + '_ {
        Self::ALL.into_iter().filter(|kind| metadata.get(kind.key()).is_some())
    }
}

/// Where the OME metadata of a group stands, and its version.
#[derive(Clone, Debug)]
pub(super) struct Metadata<'a> {
    /// `attributes` in 0.4, `attributes.ome` later.
    pub(super) cursor: Cursor<'a>,
    pub(super) version: Version,
}

impl<'a> Metadata<'a> {
    /// Finds the metadata in the attributes of a group. `None` when they cannot be judged.
    pub(super) fn find(attributes: &Cursor<'a>) -> Option<Self> {
        attributes.object(rules::ATTRIBUTES_OBJECT)?;
        match (attributes.options().version, attributes.get("ome")) {
            (Some(Version::V04), _) => Some(Self::top_level(attributes)),
            (Some(version), ome) => Self::named(attributes, ome, Some(version)),
            (None, Some(ome)) => Self::named(attributes, Some(ome), None),
            (None, None) => Self::unnamed(attributes),
        }
    }

    fn top_level(attributes: &Cursor<'a>) -> Self {
        Self { cursor: attributes.clone(), version: Version::V04 }
    }

    /// The metadata under `ome`, judged by `forced` or by the version it names.
    fn named(
        attributes: &Cursor<'a>,
        ome: Option<Cursor<'a>>,
        forced: Option<Version>,
    ) -> Option<Self> {
        let Some(ome) = ome else {
            attributes.report(rules::VERSION_LAYOUT, || "`ome` is missing".to_owned());
            return None;
        };
        ome.object(rules::ATTRIBUTES_OBJECT)?;
        let Some(written) = ome.get("version") else {
            ome.report(missing_version(&ome), || "`version` is missing".to_owned());
            return Some(Self { cursor: ome, version: forced.unwrap_or(Version::V05) });
        };
        let known = written.value().as_str().and_then(Version::parse);
        match (known.filter(|version| version.is_namespaced()), forced) {
            (Some(version), None) => Some(Self { cursor: ome, version }),
            (found, Some(version)) => {
                if found != Some(version) {
                    unsupported(&written, &format!("\"{version}\""));
                }
                Some(Self { cursor: ome, version })
            }
            (None, None) => {
                unsupported(&written, "\"0.5\" or \"0.6rc0\"");
                None
            }
        }
    }

    /// Metadata at the top level: 0.4, unless it says that it is older.
    fn unnamed(attributes: &Cursor<'a>) -> Option<Self> {
        let versions: Vec<_> = written_versions(attributes);
        let foreign = versions.iter().find(|version| is_foreign(version.value()));
        match foreign {
            Some(version) => {
                unsupported(version, "\"0.4\"");
                None
            }
            None => Some(Self::top_level(attributes)),
        }
    }
}

/// A list of labels has no schema, and the reference writer leaves its version out.
fn missing_version(ome: &Cursor<'_>) -> &'static Rule {
    match Kind::of(ome.value()).collect::<Vec<_>>()[..] {
        [Kind::Labels] => rules::VERSION_MISSING_LABELS,
        _ => rules::VERSION_MISSING,
    }
}

fn unsupported(version: &Cursor<'_>, expected: &str) {
    version.report(rules::VERSION_UNSUPPORTED, || {
        format!("expected version {expected}, found {}", show(version.value()))
    });
}

/// A version that is written as one and is not 0.4. Anything that is not even text is left
/// to the rule of the object it stands in.
fn is_foreign(version: &Value) -> bool {
    version.as_str().is_some_and(|text| text != Version::V04.as_str())
}

/// The places of a 0.4 document that hold its version.
fn written_versions<'a>(attributes: &Cursor<'a>) -> Vec<Cursor<'a>> {
    let objects = ["plate", "well", "image-label"].map(|key| attributes.get(key));
    let image = attributes.get("multiscales").and_then(|images| images.first());
    objects
        .into_iter()
        .chain([image])
        .flatten()
        .filter_map(|object| object.get("version"))
        .collect()
}
