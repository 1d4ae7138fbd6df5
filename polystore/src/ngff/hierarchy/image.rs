//! An image: its levels against its axes, against each other, and their chunks.

use std::collections::{HashMap, HashSet};

use super::{
    absent::Absent,
    array::ArrayInfo,
    chunks, labels,
    tally::Tally,
    walk::{Child, Node, Walk, resolve},
};
use crate::ngff::{
    ChunkCounts, Version,
    attributes::{Axis, Described, ImageModel, Level, Multiscale},
    json::{quote, show},
    rules,
};

/// What a label image is compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct ImageFacts {
    pub(super) axes: Vec<Axis>,
    /// Arrays of the first multiscale image, largest first; `None` where one is unusable.
    pub(super) levels: Vec<Option<ArrayInfo>>,
}

/// An image in `node`, and the label images in it.
pub(super) fn walk(walk: &Walk<'_>, node: &Node, described: &Described, tally: &Tally) {
    let Some(image) = &described.image else { return };
    tally.count(|counts| counts.images += 1);
    let facts = check(walk, node, image, tally);
    labels::walk_group(walk, node, &facts, tally);
}

/// The arrays of an image.
pub(super) fn check(walk: &Walk<'_>, node: &Node, image: &ImageModel, tally: &Tally) -> ImageFacts {
    let mut facts = ImageFacts::default();
    let mut arrays = Arrays { absent: &image.absent, ..Arrays::default() };
    for (index, multiscale) in image.multiscales.iter().enumerate() {
        let levels = check_levels(walk, node, multiscale, &mut arrays, tally);
        if index == 0 {
            check_channels(image, multiscale, &levels, tally);
            let axes = multiscale.axes.clone().unwrap_or_default();
            facts = ImageFacts { axes, levels };
        }
    }
    if arrays.chunks.absent > arrays.chunks.absent_by_design {
        tally.count(|counts| counts.images_with_absent_chunks += 1);
    }
    report_unlisted(walk, node, image, tally);
    facts
}

/// The arrays of an image by the key of their folder: each is read once, though several
/// levels may name it.
#[derive(Default)]
struct Arrays<'a> {
    /// Planes of the image that were never meant to be.
    absent: &'a [u64],
    known: HashMap<String, Option<ArrayInfo>>,
    chunks: ChunkCounts,
}

fn check_levels(
    walk: &Walk<'_>,
    node: &Node,
    multiscale: &Multiscale,
    arrays: &mut Arrays<'_>,
    tally: &Tally,
) -> Vec<Option<ArrayInfo>> {
    let mut levels = Vec::new();
    for level in &multiscale.levels {
        let array = find_array(walk, node, (level, multiscale.axes.as_deref()), arrays, tally);
        if let Some(array) = &array {
            check_array(walk, multiscale, array, tally);
        }
        levels.push(array);
    }
    check_pyramid(multiscale, &levels, tally);
    levels
}

fn find_array(
    walk: &Walk<'_>,
    node: &Node,
    (level, axes): (&Level, Option<&[Axis]>),
    arrays: &mut Arrays<'_>,
    tally: &Tally,
) -> Option<ArrayInfo> {
    let Some(key) = resolve(&node.dir, &level.path) else {
        tally.report(
            rules::DATASET_PATH_OUTSIDE,
            || level.location.clone(),
            || format!("{} leaves the store", quote(&level.path)),
        );
        return None;
    };
    if let Some(known) = arrays.known.get(&key) {
        return known.clone();
    }
    let array = open_array(walk, node, level, tally);
    if let Some((folder, array)) = &array {
        tally.count(|counts| counts.arrays += 1);
        if walk.options.chunks && !array.shape.is_empty() {
            let counts =
                chunks::check(walk, folder, array, Absent::of(arrays.absent, axes, array), tally);
            tally.count(|all| all.chunks.add(&counts));
            arrays.chunks.add(&counts);
        }
    }
    let array = array.map(|(_, array)| array);
    arrays.known.insert(key, array.clone());
    array
}

fn open_array(
    walk: &Walk<'_>,
    node: &Node,
    level: &Level,
    tally: &Tally,
) -> Option<(Node, ArrayInfo)> {
    let missing = |message: String| {
        tally.report(rules::DATASET_MISSING, || level.location.clone(), || message);
        None
    };
    match walk.relative(node, &level.path, tally) {
        None => None,
        Some(Child::Missing(message)) => missing(message),
        Some(Child::Failed) => None,
        Some(Child::Node(folder)) if !folder.has_array() => {
            missing(format!("{} holds no array", quote(&folder.dir)))
        }
        Some(Child::Node(folder)) => {
            let array = ArrayInfo::read(walk, &folder, tally)?;
            Some((folder, array))
        }
    }
}

/// What the metadata of one array has to agree with.
fn check_array(walk: &Walk<'_>, multiscale: &Multiscale, array: &ArrayInfo, tally: &Tally) {
    let version = walk.version().unwrap_or(Version::V04);
    if version == Version::V04 && array.encoding.separator != '/' {
        tally.report(
            rules::ARRAY_SEPARATOR,
            || array.location("/dimension_separator"),
            || "chunks are stored with the separator \".\"".to_owned(),
        );
    }
    let Some(axes) = &multiscale.axes else { return };
    if axes.len() != array.shape.len() {
        tally.report(
            rules::DATASET_DIMENSIONS,
            || array.location("/shape"),
            || format!("{} dimensions, and the image has {} axes", array.shape.len(), axes.len()),
        );
    } else if version != Version::V04 {
        check_dimension_names(axes, array, tally);
    }
}

fn check_dimension_names(axes: &[Axis], array: &ArrayInfo, tally: &Tally) {
    let report = |found: String| {
        tally.report(
            rules::DATASET_DIMENSION_NAMES,
            || array.location("/dimension_names"),
            || {
                let names: Vec<_> = axes.iter().map(|axis| quote(&axis.name)).collect();
                format!("expected [{}], found {found}", names.join(", "))
            },
        );
    };
    let Some(names) = array.dimension_names.as_ref().and_then(|names| names.as_array()) else {
        return report(array.dimension_names.as_ref().map_or("none".to_owned(), show));
    };
    let agrees = names.len() == axes.len()
        && names.iter().zip(axes).all(|(name, axis)| *name == axis.name.as_str());
    if !agrees {
        report(format!("[{}]", names.iter().map(show).collect::<Vec<_>>().join(", ")));
    }
}

/// What the levels have to agree in with each other.
fn check_pyramid(multiscale: &Multiscale, levels: &[Option<ArrayInfo>], tally: &Tally) {
    let known: Vec<_> = multiscale
        .levels
        .iter()
        .zip(levels)
        .filter_map(|(level, array)| Some((level, array.as_ref()?)))
        .collect();
    for pair in known.windows(2) {
        let [(_, larger), (level, smaller)] = pair else { continue };
        check_order(larger, level, smaller, tally);
    }
    let Some((first_level, first)) = known.first() else { return };
    for (level, array) in &known[1..] {
        if array.data_type != first.data_type {
            tally.report(
                rules::DATASET_DTYPE,
                || array.location(""),
                || {
                    format!(
                        "{}, and the first level {}",
                        quote(&array.data_type),
                        quote(&first.data_type)
                    )
                },
            );
        }
        check_scale(first_level, first, level, array, tally);
    }
}

fn check_order(larger: &ArrayInfo, level: &Level, smaller: &ArrayInfo, tally: &Tally) {
    let grows = |(before, after): (&u64, &u64)| after > before;
    if larger.shape.iter().zip(&smaller.shape).any(grows) {
        tally.report(
            rules::DATASET_ORDER,
            || level.location.clone(),
            || format!("{:?} comes after the smaller {:?}", smaller.shape, larger.shape),
        );
    }
}

/// Whether a level is as much smaller as its pixels are larger, give or take rounding.
fn check_scale(
    first_level: &Level,
    first: &ArrayInfo,
    level: &Level,
    array: &ArrayInfo,
    tally: &Tally,
) {
    let (Some(fine), Some(coarse)) = (&first_level.scale, &level.scale) else { return };
    let n_axes = first.shape.len();
    if [array.shape.len(), fine.len(), coarse.len()] != [n_axes; 3] {
        return;
    }
    for axis in 0..n_axes {
        let (fine, coarse) = (fine[axis], coarse[axis]);
        let expected = first.shape[axis] as f64 * fine / coarse;
        let found = array.shape[axis] as f64;
        if expected.is_finite() && (found - expected).abs() > 2.0 {
            tally.report(rules::DATASET_SHAPE_SCALE, || level.location.clone(), || {
                format!(
                    "axis {axis} is {found} long; the scales {fine} and {coarse} make {expected:.1} of {}",
                    first.shape[axis]
                )
            });
            return;
        }
    }
}

fn check_channels(
    image: &ImageModel,
    multiscale: &Multiscale,
    levels: &[Option<ArrayInfo>],
    tally: &Tally,
) {
    let (Some((n_channels, location)), Some(axes)) = (&image.channels, &multiscale.axes) else {
        return;
    };
    let is_channel = |axis: &Axis| axis.is("channel") || (axis.kind.is_none() && axis.name == "c");
    let Some(Some(array)) = levels.first() else { return };
    let length = match axes.iter().position(is_channel) {
        Some(axis) => array.shape.get(axis).copied().unwrap_or(1),
        None => 1,
    };
    if length != *n_channels as u64 {
        tally.report(
            rules::OMERO_CHANNEL_COUNT,
            || location.clone(),
            || format!("{n_channels} channels for a channel axis of {length}"),
        );
    }
}

/// Arrays beside the levels that no list names.
fn report_unlisted(walk: &Walk<'_>, node: &Node, image: &ImageModel, tally: &Tally) {
    let levels = image.multiscales.iter().flat_map(|multiscale| &multiscale.levels);
    let listed: HashSet<_> = levels.filter_map(|level| level.path.split('/').next()).collect();
    for name in node.folders() {
        if name == "labels" || listed.contains(name) {
            continue;
        }
        let Child::Node(folder) = walk.child(node, name, tally) else { continue };
        let is_array = folder.has_v2_array()
            || (folder.has("zarr.json") && ArrayInfo::is_at(walk, &folder, tally));
        if is_array {
            tally.report_file(rules::ARRAY_UNLISTED, &folder.dir, || {
                "an array that is no level of the image".to_owned()
            });
        }
    }
}
