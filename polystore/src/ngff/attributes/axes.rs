//! `axes` of an image: names, types, units and order.

use std::collections::HashMap;

use crate::ngff::{
    cursor::Cursor,
    json::{canonical, quote},
    rules,
};

/// One axis of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ngff) struct Axis {
    pub(in crate::ngff) name: String,
    /// `space`, `time`, `channel`, a type of one's own, or none.
    pub(in crate::ngff) kind: Option<String>,
}

impl Axis {
    pub(in crate::ngff) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

/// Checks the axes of 0.4 and 0.5, where the number of spatial ones is counted as the
/// schema does: an axis without a type may be one.
pub(super) fn check(axes: &Cursor<'_>) -> Option<Vec<Axis>> {
    let items = check_items(axes, 2)?;
    let n_space = items.iter().filter(|item| may_be_space(item)).count();
    report_space_count(axes, n_space);
    finish(axes, &items)
}

/// The list itself: its length, and no item twice.
pub(super) fn check_items<'a>(axes: &Cursor<'a>, least: usize) -> Option<Vec<Cursor<'a>>> {
    let items = axes.items_from(least, rules::AXES)?;
    if items.len() > 5 {
        axes.report(rules::AXES, || format!("{} axes", items.len()));
    }
    axes.distinct(&items, rules::AXIS_REPEATED);
    Some(items)
}

pub(super) fn report_space_count(axes: &Cursor<'_>, n_space: usize) {
    if !(2..=3).contains(&n_space) {
        axes.report(rules::AXES_SPACE_COUNT, || format!("{n_space} axes of type `space`"));
    }
}

/// The axes, each checked, then in relation to each other; `None` when one is unusable.
pub(super) fn finish(list: &Cursor<'_>, items: &[Cursor<'_>]) -> Option<Vec<Axis>> {
    let axes: Vec<_> = items.iter().filter_map(check_axis).collect();
    check_names(items);
    if axes.len() != items.len() {
        return None;
    }
    check_order(list, &axes);
    Some(axes)
}

fn check_axis(item: &Cursor<'_>) -> Option<Axis> {
    item.object(rules::AXES)?;
    let kind = match item.get("type") {
        Some(kind) => Some(kind.text(rules::AXIS_TYPE)?.to_owned()),
        None => {
            item.expect_keys(&["type"], rules::AXIS_UNTYPED);
            None
        }
    };
    check_unit(item, kind.as_deref());
    let name = item.required("name", rules::AXIS_NAME)?.text(rules::AXIS_NAME)?;
    Some(Axis { name: name.to_owned(), kind })
}

fn may_be_space(item: &Cursor<'_>) -> bool {
    let value = item.value();
    let text_or_none = |key: &str| value.get(key).is_none_or(serde_json::Value::is_string);
    value.is_object()
        && text_or_none("name")
        && text_or_none("unit")
        && value.get("type").is_none_or(|kind| kind == "space")
}

fn check_names(items: &[Cursor<'_>]) {
    let mut seen = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(name) = item.value().get("name").and_then(|name| name.as_str()) else { continue };
        let first = *seen.entry(name).or_insert(index);
        if first != index && canonical(item.value()) != canonical(items[first].value()) {
            item.report(rules::AXIS_DUPLICATE, || {
                format!("{} is also the name of axis {first}", quote(name))
            });
        }
    }
}

fn check_order(list: &Cursor<'_>, axes: &[Axis]) {
    let rank = |axis: &Axis| match axis.kind.as_deref() {
        Some("time") => 0,
        Some("space" | "array") => 2,
        _ => 1,
    };
    let ranks: Vec<_> = axes.iter().map(rank).collect();
    for (rank, what) in [(0, "time"), (1, "channel or custom")] {
        let count = ranks.iter().filter(|of| **of == rank).count();
        if count > 1 {
            list.report(rules::AXES_OTHER_COUNT, || format!("{count} axes of type {what}"));
        }
    }
    if !ranks.is_sorted() {
        list.report(rules::AXES_ORDER, || format!("the axes are {}", names(axes)));
    }
    let space: Vec<_> = axes.iter().filter(|axis| axis.is("space")).collect();
    let zyx = space.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>();
    if ["z", "y", "x"].iter().all(|name| zyx.contains(name)) && zyx != ["z", "y", "x"] {
        list.report(rules::AXES_ZYX, || format!("the axes are {}", names(axes)));
    }
}

fn names(axes: &[Axis]) -> String {
    axes.iter().map(|axis| quote(&axis.name)).collect::<Vec<_>>().join(", ")
}

fn check_unit(axis: &Cursor<'_>, kind: Option<&str>) {
    let Some(unit) = axis.get("unit") else { return };
    let known: &[&str] = match kind {
        Some("space") => SPACE_UNITS,
        Some("time") => TIME_UNITS,
        _ => return,
    };
    unit.text_like(rules::AXIS_UNIT, "a unit of its kind", |unit| known.contains(&unit));
}

/// The units that the specification lists for axes of type `space`.
const SPACE_UNITS: &[&str] = &[
    "angstrom",
    "attometer",
    "centimeter",
    "decimeter",
    "exameter",
    "femtometer",
    "foot",
    "gigameter",
    "hectometer",
    "inch",
    "kilometer",
    "megameter",
    "meter",
    "micrometer",
    "mile",
    "millimeter",
    "nanometer",
    "parsec",
    "petameter",
    "picometer",
    "terameter",
    "yard",
    "yoctometer",
    "yottameter",
    "zeptometer",
    "zettameter",
];

/// The units that the specification lists for axes of type `time`.
const TIME_UNITS: &[&str] = &[
    "attosecond",
    "centisecond",
    "day",
    "decisecond",
    "exasecond",
    "femtosecond",
    "gigasecond",
    "hectosecond",
    "hour",
    "kilosecond",
    "megasecond",
    "microsecond",
    "millisecond",
    "minute",
    "nanosecond",
    "petasecond",
    "picosecond",
    "second",
    "terasecond",
    "yoctosecond",
    "yottasecond",
    "zeptosecond",
    "zettasecond",
];
