//! Label images: the list of them, and each against the image that it labels.

use std::collections::HashSet;

use super::{
    array::ArrayInfo,
    image::{self, ImageFacts},
    tally::Tally,
    walk::{Child, Node, Walk},
};
use crate::ngff::{
    Kind,
    attributes::{Axis, Described, LabelModel},
    json::quote,
    rules,
};

/// The `labels` group of the image in `node`, if it has one.
pub(super) fn walk_group(walk: &Walk<'_>, node: &Node, facts: &ImageFacts, tally: &Tally) {
    if !node.has("labels") {
        return;
    }
    let Child::Node(folder) = walk.child(node, "labels", tally) else { return };
    if !folder.has_group() {
        if !folder.has_array() {
            tally.report_file(rules::LABELS, &folder.dir, || "holds no group".to_owned());
        }
        return;
    }
    let Some(group) = walk.group(&folder, tally) else { return };
    let described = walk.describe(&group, tally);
    if !described.kinds.contains(&Kind::Labels) {
        tally.report_file(rules::LABELS, &group.file, || "`labels` is missing".to_owned());
    }
    let listed = described.labels.unwrap_or_default();
    walk_list(walk, &folder, &listed, Some(facts), tally);
}

/// The label images in `folder`, as `listed`.
pub(super) fn walk_list(
    walk: &Walk<'_>,
    folder: &Node,
    listed: &[String],
    image: Option<&ImageFacts>,
    tally: &Tally,
) {
    let mut seen = HashSet::new();
    for path in listed.iter().filter(|path| seen.insert(path.as_str())) {
        walk_listed(walk, folder, path, image, tally);
    }
    let known: HashSet<_> = listed.iter().filter_map(|path| path.split('/').next()).collect();
    for name in folder.folders().into_iter().filter(|name| !known.contains(name)) {
        let Child::Node(child) = walk.child(folder, name, tally) else { continue };
        if child.has_group() {
            tally.report_file(rules::LABELS_UNLISTED, &child.dir, || {
                "a group that `labels` does not list".to_owned()
            });
        }
    }
}

fn walk_listed(
    walk: &Walk<'_>,
    folder: &Node,
    path: &str,
    image: Option<&ImageFacts>,
    tally: &Tally,
) {
    let missing =
        |message: String| tally.report_file(rules::LABELS_MISSING, &folder.dir, || message);
    match walk.relative(folder, path, tally) {
        None => missing(format!("{} leaves the store", quote(path))),
        Some(Child::Missing(message)) => missing(message),
        Some(Child::Failed) => {}
        Some(Child::Node(node)) if !node.has_group() => {
            missing(format!("{} holds no group", quote(&node.dir)));
        }
        Some(Child::Node(node)) => walk_label_group(walk, &node, image, tally),
    }
}

fn walk_label_group(walk: &Walk<'_>, node: &Node, image: Option<&ImageFacts>, tally: &Tally) {
    let Some(group) = walk.group(node, tally) else { return };
    let described = walk.describe(&group, tally);
    for (kind, rule) in
        [(Kind::Image, rules::IMAGE_MISSING), (Kind::Label, rules::LABELS_NOT_LABEL)]
    {
        // A label without multiscales has been reported by its own rule.
        let is_known = kind == Kind::Image && described.label.is_some();
        if !described.kinds.contains(&kind) && !is_known {
            tally.report_file(rule, &group.file, || format!("no `{}` metadata", kind.key()));
        }
    }
    let Some(facts) = walk_label(walk, node, &described, tally) else { return };
    if let Some(image) = image {
        compare(image, &facts, &group.file, tally);
    }
}

/// A label image: an image of integers.
pub(super) fn walk_label(
    walk: &Walk<'_>,
    node: &Node,
    described: &Described,
    tally: &Tally,
) -> Option<ImageFacts> {
    tally.count(|counts| counts.labels += 1);
    if let Some(label) = &described.label {
        check_source(walk, node, label, tally);
    }
    let facts = image::check(walk, node, described.image.as_ref()?, tally);
    for array in facts.levels.iter().flatten().filter(|array| !array.is_integer()) {
        tally.report(
            rules::LABELS_DTYPE,
            || array.location(""),
            || format!("expected integers, found {}", quote(&array.data_type)),
        );
    }
    Some(facts)
}

fn check_source(walk: &Walk<'_>, node: &Node, label: &LabelModel, tally: &Tally) {
    let Some((path, location)) = &label.source else { return };
    let report = |message: String| {
        tally.report(rules::LABEL_SOURCE_MISSING, || location.clone(), || message);
    };
    match walk.relative(node, path, tally) {
        // A label image that is validated on its own has its image outside.
        None if !node.dir.contains("labels") => {}
        None => report(format!("{} leaves the store", quote(path))),
        Some(Child::Missing(message)) => report(message),
        Some(Child::Failed) => {}
        Some(Child::Node(source)) if !source.has_group() => {
            report(format!("{} holds no group", quote(&source.dir)));
        }
        Some(Child::Node(_)) => {}
    }
}

fn compare(image: &ImageFacts, label: &ImageFacts, file: &str, tally: &Tally) {
    if image.levels.len() != label.levels.len() {
        tally.report_file(rules::LABELS_LEVELS, file, || {
            format!("{} levels, the image has {}", label.levels.len(), image.levels.len())
        });
    }
    let (Some(Some(of_image)), Some(Some(of_label))) = (image.levels.first(), label.levels.first())
    else {
        return;
    };
    for (axis, size) in label.axes.iter().zip(&of_label.shape) {
        check_size(axis, *size, &image.axes, of_image, of_label, tally);
    }
}

fn check_size(
    axis: &Axis,
    size: u64,
    axes: &[Axis],
    image: &ArrayInfo,
    label: &ArrayInfo,
    tally: &Tally,
) {
    let at = axes.iter().position(|of_image| of_image.name == axis.name);
    let Some(expected) = at.and_then(|at| image.shape.get(at)) else { return };
    if size != *expected && size != 1 {
        tally.report(
            rules::LABELS_SHAPE,
            || label.location("/shape"),
            || format!("axis {} is {size} long, that of the image {expected}", quote(&axis.name)),
        );
    }
}
