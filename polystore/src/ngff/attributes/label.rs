//! `image-label`: colours, properties and source of a label image.

use std::collections::HashMap;

use super::check_version_04;
use crate::ngff::{
    Kind, Version,
    cursor::Cursor,
    json::{as_integer, canonical},
    report::Location,
    rules::{self, Rule},
};

/// What is known of a label image beside its pixels.
#[derive(Clone, Debug)]
pub(in crate::ngff) struct LabelModel {
    /// The path from the label image to the image it was made from, when it is written.
    pub(in crate::ngff) source: Option<(String, Location)>,
}

pub(super) fn check(
    label: &Cursor<'_>,
    metadata: &Cursor<'_>,
    version: Version,
) -> Option<LabelModel> {
    label.object(rules::LABEL)?;
    check_version_04(label, version, rules::LABEL_VERSION, None);
    let recommended =
        if version == Version::V04 { &["version", "colors"][..] } else { &["colors"] };
    label.expect_keys(recommended, rules::LABEL_RECOMMENDED);
    if !metadata.has(Kind::Image.key()) {
        metadata.report(rules::LABEL_NO_MULTISCALES, || "`multiscales` is missing".to_owned());
    }
    if let Some(colors) = label.get("colors") {
        check_entries(&colors, rules::LABEL_COLORS, check_color);
    }
    if let Some(properties) = label.get("properties") {
        check_entries(&properties, rules::LABEL_PROPERTIES, check_property);
    }
    let source = label.get("source").and_then(|source| check_source(&source));
    Some(LabelModel { source })
}

fn check_entries(list: &Cursor<'_>, rule: &'static Rule, check: fn(&Cursor<'_>)) {
    let Some(items) = list.items_from(1, rule) else { return };
    list.distinct(&items, rules::LABEL_REPEATED);
    for item in &items {
        if item.object(rule).is_some() {
            check(item);
        }
    }
    check_distinct_values(&items);
}

fn check_color(color: &Cursor<'_>) {
    if let Some(value) = color.required("label-value", rules::LABEL_VALUE)
        && value.number(rules::LABEL_VALUE).is_some()
    {
        value.integer(rules::LABEL_VALUE_INTEGER);
    }
    let Some(rgba) = color.get("rgba") else { return };
    let Some(items) = rgba.items(rules::LABEL_RGBA) else { return };
    if items.len() != 4 {
        rgba.report(rules::LABEL_RGBA, || format!("{} numbers", items.len()));
    }
    for item in &items {
        if item.integer_from(0, rules::LABEL_RGBA).is_some_and(|value| value > 255) {
            item.report(rules::LABEL_RGBA, || format!("{} is above 255", item.value()));
        }
    }
}

fn check_property(property: &Cursor<'_>) {
    if let Some(value) = property.required("label-value", rules::LABEL_VALUE) {
        value.integer(rules::LABEL_VALUE);
    }
}

fn check_distinct_values(items: &[Cursor<'_>]) {
    let mut seen = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(value) = item.value().get("label-value").and_then(as_integer) else { continue };
        let first = *seen.entry(value).or_insert(index);
        if first != index && canonical(item.value()) != canonical(items[first].value()) {
            item.report(rules::LABEL_DUPLICATE, || {
                format!("label value {value} is also that of item {first}")
            });
        }
    }
}

fn check_source(source: &Cursor<'_>) -> Option<(String, Location)> {
    source.object(rules::LABEL_SOURCE)?;
    let image = source.get("image")?;
    let path = image.text(rules::LABEL_SOURCE)?;
    Some((path.to_owned(), image.location()))
}
