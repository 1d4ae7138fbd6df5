//! The transformations of 0.6 and their parameters.

use crate::ngff::{cursor::Cursor, json::quote, rules};

use rules::TRANSFORMATION_VALUES as VALUES;

/// Checks a list of transformations, each with its parameters and, by `ends`, with what it
/// goes from and to.
pub(super) fn check_list(list: &Cursor<'_>, ends: fn(&Cursor<'_>)) {
    for item in list.items_from(1, rules::TRANSFORMATIONS).into_iter().flatten() {
        check(&item);
        ends(&item);
    }
}

/// Checks type and parameters of a transformation. Recursive; the parser bounds the depth.
pub(super) fn check(item: &Cursor<'_>) {
    if item.object(rules::TRANSFORMATIONS).is_none() {
        return;
    }
    if let Some(name) = item.get("name") {
        name.text(VALUES);
    }
    if let Some(kind) = item.required("type", rules::TRANSFORMATION_TYPE)
        && let Some(name) = kind.text(rules::TRANSFORMATION_TYPE)
    {
        check_parameters(item, &kind, name);
    }
}

fn check_parameters(item: &Cursor<'_>, kind: &Cursor<'_>, name: &str) {
    match name {
        "identity" => {}
        "scale" => check_scale(item),
        "translation" => drop(item.required(name, VALUES).and_then(|list| list.numbers(0, VALUES))),
        "mapAxis" => check_map(item),
        "projectAxis" => check_projection(item),
        "affine" => check_either(item, name, is_matrix),
        "rotation" => check_either(item, name, is_rotation),
        "bijection" => check_bijection(item),
        "sequence" => members(item, "transformations").iter().for_each(check),
        "byDimension" => members(item, "transformations").iter().for_each(check_dimensions),
        "displacements" | "coordinates" => check_field(item),
        _ => kind.report(rules::TRANSFORMATION_TYPE, || format!("unknown type {}", quote(name))),
    }
}

/// The items under `key`, which has to be there.
fn members<'a>(item: &Cursor<'a>, key: &str) -> Vec<Cursor<'a>> {
    item.required(key, VALUES).and_then(|list| list.items(VALUES)).unwrap_or_default()
}

fn check_scale(item: &Cursor<'_>) {
    let Some(scale) = item.required("scale", VALUES) else { return };
    let numbers = scale.numbers(0, VALUES).unwrap_or_default();
    if let Some(bad) = numbers.iter().find(|value| **value <= 0.0) {
        scale.report(VALUES, || format!("a scale is greater than 0, found {bad}"));
    }
}

fn check_map(item: &Cursor<'_>) {
    if let Some(list) = item.required("mapAxis", VALUES) {
        check_indices(&list, 2, 5);
    }
}

fn check_projection(item: &Cursor<'_>) {
    let lists = ["droppedInputs", "createdOutputs"].map(|key| item.get(key));
    if lists.iter().all(Option::is_none) {
        item.report(VALUES, || "`droppedInputs` or `createdOutputs` is needed".to_owned());
    }
    for list in lists.iter().flatten() {
        check_indices(list, 1, 3);
    }
}

/// Axis numbers: from 0 to 4, no one twice, `least` to `most` of them.
fn check_indices(list: &Cursor<'_>, least: usize, most: usize) {
    let Some(items) = list.items_from(least, VALUES) else { return };
    if items.len() > most {
        list.report(VALUES, || format!("at most {most} axes, found {}", items.len()));
    }
    list.distinct(&items, VALUES);
    for item in &items {
        if item.integer_from(0, VALUES).is_some_and(|axis| axis > 4) {
            item.report(VALUES, || format!("there is no axis {}", item.value()));
        }
    }
}

/// Parameters that stand either under `key`, as a matrix, or in an array at `path`.
fn check_either(item: &Cursor<'_>, key: &str, is_valid: fn(&serde_json::Value) -> bool) {
    let inline = item.value().get(key).is_some_and(is_valid);
    let stored = item.value().get("path").is_some_and(serde_json::Value::is_string);
    if inline == stored {
        let found = if inline { "both are there" } else { "neither is there as it should be" };
        item.report(VALUES, || format!("expected either `{key}`, a matrix, or `path`; {found}"));
    }
}

fn is_matrix(value: &serde_json::Value) -> bool {
    let is_row = |row: &serde_json::Value| {
        row.as_array().is_some_and(|row| row.iter().all(serde_json::Value::is_number))
    };
    value.as_array().is_some_and(|rows| rows.iter().all(is_row))
}

fn is_rotation(value: &serde_json::Value) -> bool {
    let Some(rows) = value.as_array() else { return false };
    let square =
        |row: &serde_json::Value| row.as_array().is_some_and(|row| row.len() == rows.len());
    (2..=5).contains(&rows.len()) && is_matrix(value) && rows.iter().all(square)
}

fn check_bijection(item: &Cursor<'_>) {
    for key in ["forward", "inverse"] {
        if let Some(direction) = item.required(key, VALUES) {
            check(&direction);
        }
    }
}

fn check_dimensions(part: &Cursor<'_>) {
    if part.object(VALUES).is_none() {
        return;
    }
    for key in ["inputAxes", "outputAxes"] {
        if let Some(axes) = part.required(key, VALUES) {
            axes.numbers(0, VALUES);
        }
    }
    if let Some(inner) = part.required("transformation", VALUES) {
        check(&inner);
    }
}

fn check_field(item: &Cursor<'_>) {
    if let Some(how) = item.get("interpolation") {
        how.text_like(VALUES, "`nearest`, `linear` or `cubic`", |how| {
            ["nearest", "linear", "cubic"].contains(&how)
        });
    }
    if let Some(path) = item.required("path", VALUES) {
        path.text(VALUES);
    }
}

/// Ends of the transformation of a level: from an array to a coordinate system.
pub(super) fn level_ends(item: &Cursor<'_>) {
    check_end(item, "input", "path", true);
    check_end(item, "output", "name", true);
}

/// Ends of a transformation between two coordinate systems of an image.
pub(super) fn named_ends(item: &Cursor<'_>) {
    check_end(item, "input", "name", false);
    check_end(item, "output", "name", false);
}

/// Ends of a transformation of a scene, which may lie in other images.
pub(super) fn scene_ends(item: &Cursor<'_>) {
    for key in ["input", "output"] {
        check_end(item, key, "name", true);
        let members = item.value().get(key).and_then(serde_json::Value::as_object);
        let unknown =
            members.into_iter().flatten().find(|(name, _)| *name != "name" && *name != "path");
        if let Some((name, _)) = unknown {
            item.report(rules::TRANSFORMATION_ENDS, || format!("`{key}` has no {}", quote(name)));
        }
    }
}

/// `input` or `output`: an object that has `needed`; both its fields are text, `path` only
/// where `checks_path`, as in the schemas.
fn check_end(item: &Cursor<'_>, key: &str, needed: &str, checks_path: bool) {
    let Some(end) = item.required(key, rules::TRANSFORMATION_ENDS) else { return };
    if end.object(rules::TRANSFORMATION_ENDS).is_none() {
        return;
    }
    end.required(needed, rules::TRANSFORMATION_ENDS);
    for field in if checks_path { &["name", "path"][..] } else { &["name"] } {
        if let Some(text) = end.get(field) {
            text.text(rules::TRANSFORMATION_ENDS);
        }
    }
}
