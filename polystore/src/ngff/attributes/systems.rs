//! `coordinateSystems` of 0.6, and the transformations of the levels into one of them.

use std::collections::{HashMap, HashSet};

use super::{
    axes::{self, Axis},
    image::{self, Level},
    transformations::check_length,
    transforms,
};
use crate::ngff::{
    cursor::Cursor,
    json::{canonical, quote},
    rules::{self, Rule},
};

/// Coordinate systems by name.
pub(super) type Systems = HashMap<String, Option<Vec<Axis>>>;

/// Axes and levels of a multiscale image: the axes are those of the system that the levels
/// are transformed into, called intrinsic in the specification.
pub(super) fn check_multiscale(item: &Cursor<'_>) -> (Option<Vec<Axis>>, Option<Vec<Level>>) {
    let systems = item
        .required("coordinateSystems", rules::SYSTEMS)
        .and_then(|list| check(&list, 1, rules::SYSTEM_DUPLICATE))
        .unwrap_or_default();
    if let Some(common) = item.get("coordinateTransformations") {
        transforms::check_list(&common, transforms::named_ends);
    }
    let levels = image::check_datasets(item, |dataset| check_dataset(dataset, &systems));
    let intrinsic = check_outputs(item, &systems);
    (intrinsic.and_then(|name| systems.get(&name).cloned().flatten()), levels)
}

/// Checks the list and each of its systems; `repeated` is the rule that a system that is
/// listed twice breaks.
pub(super) fn check(list: &Cursor<'_>, least: usize, repeated: &'static Rule) -> Option<Systems> {
    let items = list.items_from(least, rules::SYSTEMS)?;
    list.distinct(&items, repeated);
    let mut systems = Systems::new();
    let mut seen = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some((name, axes)) = check_system(item) else { continue };
        let first = *seen.entry(name.clone()).or_insert(index);
        if first != index && canonical(item.value()) != canonical(items[first].value()) {
            item.report(rules::SYSTEM_DUPLICATE, || {
                format!("{} is also the name of item {first}", quote(&name))
            });
        }
        systems.entry(name).or_insert(axes);
    }
    Some(systems)
}

fn check_system(item: &Cursor<'_>) -> Option<(String, Option<Vec<Axis>>)> {
    item.object(rules::SYSTEMS)?;
    let axes = item.required("axes", rules::AXES).and_then(|axes| check_axes(&axes));
    let name = item.required("name", rules::SYSTEM_NAME)?;
    let name = name.text_like(rules::SYSTEM_NAME, "a name", |name| !name.is_empty())?;
    Some((name.to_owned(), axes))
}

/// Axes of a system: two or three of type `space`, or else at least two of type `array`.
fn check_axes(list: &Cursor<'_>) -> Option<Vec<Axis>> {
    let items = axes::check_items(list, 1)?;
    let count = |kind: &str| items.iter().filter(|item| has_type(item, kind)).count();
    let (n_space, n_array) = (count("space"), count("array"));
    match ((2..=3).contains(&n_space), n_array >= 2) {
        (true, true) => list.report(rules::AXES_SPACE_COUNT, || {
            format!("{n_space} axes of type `space` beside {n_array} of type `array`")
        }),
        (false, false) => axes::report_space_count(list, n_space),
        _ => {}
    }
    for item in &items {
        check_axis_fields(item);
    }
    axes::finish(list, &items)
}

fn has_type(item: &Cursor<'_>, kind: &str) -> bool {
    item.value().get("type").is_some_and(|value| value == kind)
}

fn check_axis_fields(item: &Cursor<'_>) {
    if let Some(name) = item.get("name").filter(|name| name.value() == "") {
        name.report(rules::AXIS_NAME, || "the name is empty".to_owned());
    }
    for key in ["longName", "unit"] {
        if let Some(text) = item.get(key) {
            text.text(rules::AXIS_TYPE);
        }
    }
    if let Some(discrete) = item.get("discrete") {
        discrete.boolean(rules::AXIS_TYPE);
    }
}

/// The one transformation of a level: a scale, an identity, or a scale and a translation.
fn check_dataset(dataset: &Cursor<'_>, systems: &Systems) -> Option<Vec<f64>> {
    let list = dataset.required("coordinateTransformations", rules::TRANSFORMATIONS)?;
    let items = list.items_from(1, rules::TRANSFORMATIONS)?;
    if items.len() > 1 {
        list.report(rules::TRANSFORMATION_ONE_SCALE, || {
            format!("{} transformations; put them into a `sequence`", items.len())
        });
    }
    for item in &items {
        transforms::check(item);
        transforms::level_ends(item);
    }
    check_level(items.first()?, systems)
}

fn check_level(item: &Cursor<'_>, systems: &Systems) -> Option<Vec<f64>> {
    let output = item.value().pointer("/output/name").and_then(|name| name.as_str());
    let n_axes = output.and_then(|name| systems.get(name)).and_then(Option::as_ref).map(Vec::len);
    match item.value().get("type").and_then(|kind| kind.as_str())? {
        "identity" => Some(vec![1.0; n_axes?]),
        "scale" => level_scale(item, n_axes),
        "sequence" => check_sequence(item, n_axes),
        _ => {
            item.report(rules::TRANSFORMATION_TYPE, || {
                "expected `scale`, `identity`, or a `sequence` of scale and translation".to_owned()
            });
            None
        }
    }
}

fn level_scale(item: &Cursor<'_>, n_axes: Option<usize>) -> Option<Vec<f64>> {
    let vector = item.get("scale")?;
    let scale: Option<Vec<_>> =
        vector.value().as_array()?.iter().map(serde_json::Value::as_f64).collect();
    check_length(&vector, scale.as_ref()?.len(), n_axes);
    scale
}

fn check_sequence(item: &Cursor<'_>, n_axes: Option<usize>) -> Option<Vec<f64>> {
    let list = item.get("transformations")?;
    let steps = list.value().as_array()?;
    let types: Vec<_> = steps.iter().map(|step| step.get("type")?.as_str()).collect();
    let allowed = |kind: &Option<&str>| matches!(kind, Some("scale" | "translation"));
    if types.len() != 2 || !types.iter().all(allowed) {
        list.report(rules::TRANSFORMATIONS, || {
            "expected one `scale` and one `translation`".to_owned()
        });
    } else if types != [Some("scale"), Some("translation")] {
        list.report(rules::TRANSFORMATION_ORDER, || {
            "expected `scale`, then `translation`".to_owned()
        });
    }
    let steps = list.items(rules::TRANSFORMATIONS)?;
    steps.iter().find_map(|step| level_scale(step, n_axes))
}

/// The name of the system that all levels are transformed into.
fn check_outputs(item: &Cursor<'_>, systems: &Systems) -> Option<String> {
    let datasets = item.value().get("datasets")?.as_array()?;
    let output = |dataset: &serde_json::Value| {
        let name = dataset.pointer("/coordinateTransformations/0/output/name")?;
        name.as_str().map(str::to_owned)
    };
    let names: HashSet<_> = datasets.iter().filter_map(output).collect();
    let unknown = names.iter().filter(|name| !systems.contains_key(*name)).min();
    if let Some(name) = unknown {
        item.report(rules::TRANSFORMATION_OUTPUT, || format!("there is no {}", quote(name)));
    }
    if names.len() > 1 {
        item.report(rules::TRANSFORMATION_OUTPUT, || {
            format!("the levels name {} systems", names.len())
        });
    }
    names.into_iter().min()
}
