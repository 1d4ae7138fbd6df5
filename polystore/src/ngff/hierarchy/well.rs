//! A well: its images, and the acquisitions that they belong to.

use std::collections::{BTreeSet, HashSet};

use super::{
    image,
    tally::Tally,
    walk::{Child, Node, Walk},
};
use crate::ngff::{
    attributes::{FieldModel, WellModel},
    json::quote,
    rules,
};

/// The ids of a plate's acquisitions, for its wells: `None` when the plate lists none.
pub(super) type Acquisitions = Option<BTreeSet<i128>>;

/// The well in `node`. `plate` is `None` for a well that is validated on its own.
pub(super) fn walk(
    walk: &Walk<'_>,
    node: &Node,
    well: &WellModel,
    plate: Option<&Acquisitions>,
    tally: &Tally,
) {
    tally.count(|counts| counts.wells += 1);
    for field in &well.images {
        if let Some(acquisitions) = plate {
            check_acquisition(field, acquisitions.as_ref(), tally);
        }
        walk_field(walk, node, field, tally);
    }
    report_unlisted(walk, node, well, tally);
}

fn check_acquisition(field: &FieldModel, acquisitions: Option<&BTreeSet<i128>>, tally: &Tally) {
    let (rule, message) = match (field.acquisition, acquisitions) {
        (Some(id), Some(ids)) if !ids.contains(&id) => {
            let known: Vec<_> = ids.iter().take(8).map(i128::to_string).collect();
            let message = format!("acquisition {id}; the plate has {}", known.join(", "));
            (rules::WELL_ACQUISITION_UNKNOWN, message)
        }
        (Some(id), None) => {
            let message = format!("acquisition {id}, and the plate lists none");
            (rules::WELL_ACQUISITION_UNDECLARED, message)
        }
        (None, Some(ids)) if ids.len() > 1 => {
            let message = format!("no acquisition, and the plate has {}", ids.len());
            (rules::WELL_ACQUISITION_MISSING, message)
        }
        _ => return,
    };
    tally.report(rule, || field.location.clone(), || message);
}

fn walk_field(walk: &Walk<'_>, node: &Node, field: &FieldModel, tally: &Tally) {
    let missing = |message: String| {
        tally.report(rules::WELL_IMAGE_MISSING_GROUP, || field.location.clone(), || message);
    };
    match walk.child(node, &field.path, tally) {
        Child::Missing(message) => missing(message),
        Child::Failed => {}
        Child::Node(folder) if !folder.has_group() => {
            missing(format!("{} holds no group", quote(&folder.dir)));
        }
        Child::Node(folder) => walk_image(walk, &folder, tally),
    }
}

/// A group that has to be an image.
pub(super) fn walk_image(walk: &Walk<'_>, folder: &Node, tally: &Tally) {
    let Some(group) = walk.group(folder, tally) else { return };
    let described = walk.describe(&group, tally);
    if !described.kinds.contains(&crate::ngff::Kind::Image) {
        tally.report_file(rules::IMAGE_MISSING, &group.file, || {
            "no `multiscales` metadata".to_owned()
        });
    }
    image::walk(walk, folder, &described, tally);
}

fn report_unlisted(walk: &Walk<'_>, node: &Node, well: &WellModel, tally: &Tally) {
    let listed: HashSet<_> = well.images.iter().map(|field| field.path.as_str()).collect();
    for name in node.folders() {
        if listed.contains(name) {
            continue;
        }
        let Child::Node(folder) = walk.child(node, name, tally) else { continue };
        if folder.has_group() {
            tally.report_file(rules::WELL_IMAGE_UNLISTED, &folder.dir, || {
                "a group that the well does not list".to_owned()
            });
        }
    }
}
