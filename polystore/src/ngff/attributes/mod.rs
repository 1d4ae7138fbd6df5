//! The rules of the metadata of one group, and what the hierarchy needs to know of it.

mod absolute;
mod axes;
mod image;
mod label;
mod omero;
mod plate;
mod scene;
mod series;
mod systems;
mod transformations;
mod transforms;
mod well;

use super::{
    Kind, Version,
    cursor::Cursor,
    rules::{self, Rule},
    version::Metadata,
};

pub(super) use absolute::check_paths;
pub(super) use axes::Axis;
pub(super) use image::{ImageModel, Level, Multiscale};
pub(super) use label::LabelModel;
pub(super) use plate::{Acquisition, PlateModel, WellEntry};
pub(super) use well::{FieldModel, WellModel};

/// What could be read of the metadata of a group. What is not there, or too broken to go
/// by, is `None`; its findings have been reported.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    pub(super) kinds: Vec<Kind>,
    pub(super) plate: Option<PlateModel>,
    pub(super) well: Option<WellModel>,
    pub(super) image: Option<ImageModel>,
    pub(super) label: Option<LabelModel>,
    pub(super) labels: Option<Vec<String>>,
    pub(super) series: Option<Vec<String>>,
    pub(super) is_bioformats2raw: bool,
}

impl Described {
    /// The kind that names the group.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.kinds.first().copied()
    }
}

/// Checks the metadata of a group: as `wanted`, or as everything that it has the key of,
/// which has to be something.
pub(super) fn describe(metadata: &Metadata<'_>, wanted: Option<Kind>) -> Described {
    if let Some(kind) = wanted {
        return describe_as(metadata, wanted_kind(metadata, kind));
    }
    let described = describe_found(metadata);
    if described.kinds.is_empty() {
        metadata.cursor.report(rules::ATTRIBUTES_NONE, || "no OME-Zarr metadata".to_owned());
    }
    described
}

/// Checks the metadata of a group as everything that it has the key of, perhaps nothing.
pub(super) fn describe_found(metadata: &Metadata<'_>) -> Described {
    describe_as(metadata, Kind::of(metadata.cursor.value()).collect())
}

fn describe_as(metadata: &Metadata<'_>, kinds: Vec<Kind>) -> Described {
    let mut described = Described { kinds, ..Described::default() };
    for kind in described.kinds.clone() {
        if let Some(cursor) = metadata.cursor.get(kind.key()) {
            check_kind(kind, &cursor, metadata, &mut described);
        }
    }
    described
}

fn wanted_kind(metadata: &Metadata<'_>, kind: Kind) -> Vec<Kind> {
    if metadata.cursor.has(kind.key()) {
        return vec![kind];
    }
    // The schemas of 0.4 let everything but an image go without its own key.
    let lenient = metadata.version == Version::V04 && kind != Kind::Image;
    let rule = if lenient { rules::ATTRIBUTES_KIND } else { rules::ATTRIBUTES_NONE };
    metadata.cursor.report(rule, || format!("expected `{}`, which is missing", kind.key()));
    Vec::new()
}

fn check_kind(kind: Kind, cursor: &Cursor<'_>, metadata: &Metadata<'_>, out: &mut Described) {
    let version = metadata.version;
    match kind {
        Kind::Plate => out.plate = plate::check(cursor, version),
        Kind::Well => out.well = well::check(cursor, version),
        Kind::Image => out.image = image::check(cursor, &metadata.cursor, version),
        Kind::Label => out.label = label::check(cursor, &metadata.cursor, version),
        Kind::Labels => out.labels = series::check_labels(cursor),
        Kind::Series => out.series = series::check_series(cursor),
        Kind::Bioformats2Raw => out.is_bioformats2raw = series::check_layout(cursor),
        Kind::Scene => scene::check(cursor),
    }
}

/// The `version` of an object of 0.4, which may be left out (`recommended` says so).
fn check_version_04(
    object: &Cursor<'_>,
    version: Version,
    rule: &'static Rule,
    recommended: Option<&'static Rule>,
) {
    if version != Version::V04 {
        return;
    }
    match (object.get("version"), recommended) {
        (Some(written), _) => {
            written.text_like(rule, "\"0.4\"", |text| text == Version::V04.as_str());
        }
        (None, Some(recommended)) => object.expect_keys(&["version"], recommended),
        (None, None) => {}
    }
}

/// Whether a name is one that rows, columns and images may have.
fn is_alphanumeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
