//! `coordinateTransformations` of 0.4 and 0.5: one scale, and perhaps a translation.

use crate::ngff::{cursor::Cursor, json::show, rules};

/// Checks the list against `n_axes`, when that is known. Answers the scale.
pub(super) fn check(list: &Cursor<'_>, n_axes: Option<usize>) -> Option<Vec<f64>> {
    let items = list.items_from(1, rules::TRANSFORMATIONS)?;
    let kinds: Vec<_> = items.iter().map(|item| check_item(item, n_axes)).collect();
    let n_scales = items.iter().filter(|item| may_be_scale(item)).count();
    if n_scales != 1 && !items.is_empty() {
        list.report(rules::TRANSFORMATION_ONE_SCALE, || format!("{n_scales} of type `scale`"));
    }
    check_order(list, &kinds);
    kinds.into_iter().find_map(|kind| match kind {
        Some(Transformation::Scale(scale)) => Some(scale),
        _ => None,
    })
}

enum Transformation {
    Scale(Vec<f64>),
    Translation,
}

fn check_item(item: &Cursor<'_>, n_axes: Option<usize>) -> Option<Transformation> {
    item.object(rules::TRANSFORMATIONS)?;
    let kind = item.required("type", rules::TRANSFORMATION_TYPE)?;
    let key =
        kind.text_like(rules::TRANSFORMATION_TYPE, "\"scale\" or \"translation\"", |kind| {
            ["scale", "translation"].contains(&kind)
        })?;
    let vector = item.required(key, rules::TRANSFORMATION_VALUES)?;
    let numbers = vector.numbers(2, rules::TRANSFORMATION_VALUES)?;
    check_length(&vector, numbers.len(), n_axes);
    if key == "translation" {
        return Some(Transformation::Translation);
    }
    check_positive(&vector, &numbers);
    Some(Transformation::Scale(numbers))
}

pub(super) fn check_length(vector: &Cursor<'_>, length: usize, n_axes: Option<usize>) {
    if let Some(n_axes) = n_axes
        && length != n_axes
    {
        vector
            .report(rules::TRANSFORMATION_LENGTH, || format!("{length} numbers for {n_axes} axes"));
    }
}

fn check_positive(vector: &Cursor<'_>, scale: &[f64]) {
    if let Some(bad) = scale.iter().find(|value| **value <= 0.0) {
        vector.report(rules::TRANSFORMATION_SCALE_SIGN, || format!("a scale of {bad}"));
    }
}

/// Whether the schema takes an item for the scale that there must be exactly one of.
fn may_be_scale(item: &Cursor<'_>) -> bool {
    let value = item.value();
    let vector = |scale: &serde_json::Value| {
        scale.as_array().is_some_and(|s| s.len() >= 2 && s.iter().all(|n| n.is_number()))
    };
    value.is_object()
        && value.get("type").is_none_or(|kind| kind == "scale")
        && value.get("scale").is_none_or(vector)
}

fn check_order(list: &Cursor<'_>, kinds: &[Option<Transformation>]) {
    let is_translation = |kind: &Option<_>| matches!(kind, Some(Transformation::Translation));
    let n_translations = kinds.iter().filter(|kind| is_translation(kind)).count();
    let first_is_translation = kinds.first().is_some_and(is_translation);
    if n_translations > 1 || (first_is_translation && kinds.len() > 1) {
        list.report(rules::TRANSFORMATION_ORDER, || {
            let types = list.value().as_array().into_iter().flatten();
            let types = types.map(|item| item.get("type").map_or_else(String::new, show));
            format!("the transformations are {}", types.collect::<Vec<_>>().join(", "))
        });
    }
}
