//! A series of images as `bioformats2raw` writes it: listed, or numbered from 0.

use std::collections::HashSet;

use super::{
    tally::Tally,
    walk::{Child, Node, Walk},
    well,
};
use crate::ngff::{json::quote, rules};

/// The series in `root`.
pub(super) fn walk(walk: &Walk<'_>, root: &Node, tally: &Tally) {
    let paths = listed(walk, root, tally).unwrap_or_else(|| numbered(root));
    let mut seen = HashSet::new();
    for path in paths.iter().filter(|path| seen.insert(path.as_str())) {
        walk_image(walk, root, path, tally);
    }
}

/// The images that the `OME` group lists, if it does.
fn listed(walk: &Walk<'_>, root: &Node, tally: &Tally) -> Option<Vec<String>> {
    let ome = match walk.child(root, "OME", tally) {
        Child::Node(ome) if ome.has_group() => ome,
        _ => {
            report_no_xml("OME", tally);
            return None;
        }
    };
    if !ome.has("METADATA.ome.xml") {
        report_no_xml(&ome.dir, tally);
    }
    let group = walk.group(&ome, tally)?;
    walk.describe(&group, tally).series
}

fn report_no_xml(dir: &str, tally: &Tally) {
    tally.report_file(rules::BF2RAW_XML, dir, || "METADATA.ome.xml is not there".to_owned());
}

/// Consecutive numbers for which there is a folder; at least the first.
fn numbered(root: &Node) -> Vec<String> {
    let more = (1u32..).map(|number| number.to_string()).take_while(|name| root.has(name));
    std::iter::once("0".to_owned()).chain(more).collect()
}

fn walk_image(walk: &Walk<'_>, root: &Node, path: &str, tally: &Tally) {
    let missing =
        |message: String| tally.report_file(rules::BF2RAW_NO_IMAGE, &root.dir, || message);
    match walk.relative(root, path, tally) {
        None => missing(format!("{} leaves the store", quote(path))),
        Some(Child::Missing(message)) => missing(message),
        Some(Child::Failed) => {}
        Some(Child::Node(node)) if !node.has_group() => {
            missing(format!("{} holds no group", quote(&node.dir)));
        }
        Some(Child::Node(node)) => well::walk_image(walk, &node, tally),
    }
}
