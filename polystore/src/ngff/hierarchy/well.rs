//! A well: its images, and the acquisitions that they belong to.

use super::{
    image,
    tally::Tally,
    walk::{Child, Node, Walk},
};
use crate::ngff::{
    attributes::{Acquisition, FieldModel, WellModel},
    json::quote,
    rules,
};

/// The acquisitions of a plate, for its wells: `None` when the plate does not list any.
pub(super) type Acquisitions<'p> = Option<&'p [Acquisition]>;

/// The well in `node`. `plate` is `None` for a well that is validated on its own.
pub(super) fn walk(
    walk: &Walk<'_>,
    node: &Node,
    well: &WellModel,
    plate: Option<Acquisitions<'_>>,
    tally: &Tally,
) {
    tally.count(|counts| counts.wells += 1);
    for field in &well.images {
        if let Some(acquisitions) = plate {
            check_acquisition(field, acquisitions, tally);
        }
        walk_field(walk, node, field, tally);
    }
    report_unlisted(walk, node, well, tally);
}

fn check_acquisition(field: &FieldModel, acquisitions: Acquisitions<'_>, tally: &Tally) {
    let (rule, message) = match (field.acquisition, acquisitions) {
        (Some(id), Some(list)) if !list.iter().any(|run| run.id == id) => {
            let ids: Vec<_> = list.iter().map(|run| run.id.to_string()).collect();
            let known = ids.join(", ");
            (rules::WELL_ACQUISITION_UNKNOWN, format!("acquisition {id}; the plate has {known}"))
        }
        (Some(id), None) => {
            let message = format!("acquisition {id}, and the plate lists none");
            (rules::WELL_ACQUISITION_UNDECLARED, message)
        }
        (None, Some(list)) if list.len() > 1 => {
            let message = format!("no acquisition, and the plate has {}", list.len());
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
    for name in node.folders() {
        if well.images.iter().any(|field| field.path == name) {
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
