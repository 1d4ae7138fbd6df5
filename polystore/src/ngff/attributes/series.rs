//! The short ones: `labels`, and what `bioformats2raw` writes.

use crate::ngff::{
    cursor::Cursor,
    json::as_integer,
    rules::{self, Rule},
};

/// `labels`: the paths of the label images below the group.
pub(super) fn check_labels(labels: &Cursor<'_>) -> Option<Vec<String>> {
    texts(labels, rules::LABELS)
}

/// `series`: the paths of the images, in the order of the OME-XML.
pub(super) fn check_series(series: &Cursor<'_>) -> Option<Vec<String>> {
    texts(series, rules::SERIES)
}

fn texts(list: &Cursor<'_>, rule: &'static Rule) -> Option<Vec<String>> {
    let items = list.items(rule)?;
    Some(items.iter().filter_map(|item| item.text(rule)).map(str::to_owned).collect())
}

/// `bioformats2raw.layout`: always 3.
pub(super) fn check_layout(layout: &Cursor<'_>) -> bool {
    let is_known = as_integer(layout.value()) == Some(3);
    if !is_known {
        layout.report(rules::BF2RAW, || format!("expected 3, found {}", layout.value()));
    }
    is_known
}
