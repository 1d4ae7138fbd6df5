//! `multiscales`: axes, resolution levels and their transformations, and `omero` beside it.

use std::collections::HashMap;

use super::{
    axes::{self, Axis},
    check_version_04, omero, systems, transformations,
};
use crate::ngff::{Version, cursor::Cursor, json::quote, report::Location, rules};

/// What the arrays of an image are checked against.
#[derive(Clone, Debug, Default)]
pub(in crate::ngff) struct ImageModel {
    pub(in crate::ngff) multiscales: Vec<Multiscale>,
    /// How many channels `omero` lists, and where.
    pub(in crate::ngff) channels: Option<(usize, Location)>,
    /// Positions of planes that were never meant to be, ascending; the walk fills them in.
    pub(in crate::ngff) absent: Vec<u64>,
}

/// One pyramid of an image; there is rarely more than one.
#[derive(Clone, Debug)]
pub(in crate::ngff) struct Multiscale {
    /// `None` when they could not be read.
    pub(in crate::ngff) axes: Option<Vec<Axis>>,
    pub(in crate::ngff) levels: Vec<Level>,
}

/// One resolution level as the image lists it.
#[derive(Clone, Debug)]
pub(in crate::ngff) struct Level {
    pub(in crate::ngff) path: String,
    /// Pixel size, one number for each axis; `None` when it could not be read.
    pub(in crate::ngff) scale: Option<Vec<f64>>,
    pub(in crate::ngff) location: Location,
}

/// Checks `multiscales`, and what `metadata` has beside it.
pub(super) fn check(
    multiscales: &Cursor<'_>,
    metadata: &Cursor<'_>,
    version: Version,
) -> Option<ImageModel> {
    let channels = metadata.get("omero").and_then(|omero| omero::check(&omero, version));
    let items = multiscales.items_from(1, rules::MULTISCALES)?;
    multiscales.distinct(&items, rules::MULTISCALES_REPEATED);
    let multiscales =
        items.iter().filter_map(|item| check_multiscale(item, version)).collect::<Vec<_>>();
    Some(ImageModel { multiscales, channels, absent: Vec::new() })
}

fn check_multiscale(item: &Cursor<'_>, version: Version) -> Option<Multiscale> {
    item.object(rules::MULTISCALES)?;
    if let Some(name) = item.get("name") {
        name.text(rules::MULTISCALES_TEXT);
    }
    check_version_04(item, version, rules::MULTISCALES_VERSION, None);
    let recommended = ["metadata", "type", "name", "version"];
    let n_recommended = if version == Version::V04 { 4 } else { 3 };
    item.expect_keys(&recommended[..n_recommended], rules::MULTISCALES_RECOMMENDED);
    let (axes, levels) = match version {
        Version::V06Rc0 => systems::check_multiscale(item),
        _ => check_axes_and_datasets(item),
    };
    let levels = levels?;
    check_paths(item, &levels);
    Some(Multiscale { axes, levels })
}

fn check_axes_and_datasets(item: &Cursor<'_>) -> (Option<Vec<Axis>>, Option<Vec<Level>>) {
    let axes = item.required("axes", rules::AXES).and_then(|axes| axes::check(&axes));
    let n_axes = axes.as_ref().map(Vec::len);
    if let Some(common) = item.get("coordinateTransformations") {
        transformations::check(&common, n_axes);
    }
    let levels = check_datasets(item, |dataset| {
        let list = dataset.required("coordinateTransformations", rules::TRANSFORMATIONS)?;
        transformations::check(&list, n_axes)
    });
    (axes, levels)
}

/// The levels; `scale` checks the transformations of one of them and answers its scale.
pub(super) fn check_datasets(
    item: &Cursor<'_>,
    scale: impl Fn(&Cursor<'_>) -> Option<Vec<f64>>,
) -> Option<Vec<Level>> {
    let list = item.required("datasets", rules::DATASETS)?;
    let items = list.items_from(1, rules::DATASETS)?;
    let level = |dataset: &Cursor<'_>| {
        dataset.object(rules::DATASETS)?;
        let scale = scale(dataset);
        let path = dataset.required("path", rules::DATASET_PATH)?.text(rules::DATASET_PATH)?;
        Some(Level { path: path.to_owned(), scale, location: dataset.location() })
    };
    Some(items.iter().filter_map(level).collect())
}

fn check_paths(item: &Cursor<'_>, levels: &[Level]) {
    let mut seen = HashMap::new();
    for (index, level) in levels.iter().enumerate() {
        let first = *seen.entry(&level.path).or_insert(index);
        if first != index {
            item.report_at(&level.location, rules::DATASET_DUPLICATE, || {
                format!("{} is also level {first}", quote(&level.path))
            });
        }
    }
}
