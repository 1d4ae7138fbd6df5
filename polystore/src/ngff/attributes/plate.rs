//! `plate`: rows, columns, wells and acquisitions, and that they agree with each other.

use std::collections::HashMap;

use super::{check_version_04, is_alphanumeric};
use crate::ngff::{
    Version,
    cursor::Cursor,
    json::{canonical, quote},
    report::Location,
    rules::{self, Rule},
};

/// What the wells of a plate are checked against.
#[derive(Clone, Debug, Default)]
pub(in crate::ngff) struct PlateModel {
    pub(in crate::ngff) rows: Vec<String>,
    pub(in crate::ngff) wells: Vec<WellEntry>,
    /// `None` when the plate does not speak of acquisitions.
    pub(in crate::ngff) acquisitions: Option<Vec<Acquisition>>,
    pub(in crate::ngff) field_count: Option<i128>,
    pub(in crate::ngff) location: Location,
}

/// A well as the plate lists it.
#[derive(Clone, Debug)]
pub(in crate::ngff) struct WellEntry {
    pub(in crate::ngff) row: String,
    pub(in crate::ngff) column: String,
    pub(in crate::ngff) location: Location,
}

/// One run over the plate.
#[derive(Clone, Debug)]
pub(in crate::ngff) struct Acquisition {
    pub(in crate::ngff) id: i128,
    pub(in crate::ngff) max_fields: Option<i128>,
    pub(in crate::ngff) location: Location,
}

/// The rules of `rows`, or those of `columns`.
struct NameRules {
    list: &'static Rule,
    name: &'static Rule,
    repeated: &'static Rule,
    duplicate: &'static Rule,
    case: &'static Rule,
}

const ROWS: NameRules = NameRules {
    list: rules::PLATE_ROWS,
    name: rules::PLATE_ROW_NAME,
    repeated: rules::PLATE_ROW_REPEATED,
    duplicate: rules::PLATE_ROW_DUPLICATE,
    case: rules::PLATE_ROW_CASE,
};

const COLUMNS: NameRules = NameRules {
    list: rules::PLATE_COLUMNS,
    name: rules::PLATE_COLUMN_NAME,
    repeated: rules::PLATE_COLUMN_REPEATED,
    duplicate: rules::PLATE_COLUMN_DUPLICATE,
    case: rules::PLATE_COLUMN_CASE,
};

pub(super) fn check(plate: &Cursor<'_>, version: Version) -> Option<PlateModel> {
    plate.object(rules::PLATE)?;
    check_version_04(plate, version, rules::PLATE_VERSION, Some(rules::PLATE_VERSION_RECOMMENDED));
    if version == Version::V05 {
        plate.expect_keys(&["version"], rules::PLATE_VERSION_TEXT);
    }
    match plate.get("name") {
        Some(name) => drop(name.text(rules::PLATE_NAME)),
        None => plate.expect_keys(&["name"], rules::PLATE_NAME_MISSING),
    }
    let field_count =
        plate.get("field_count").and_then(|n| n.integer_from(1, rules::PLATE_FIELD_COUNT));
    let acquisitions = plate.get("acquisitions").and_then(|list| check_acquisitions(&list));
    let rows = check_names(plate, "rows", &ROWS);
    let columns = check_names(plate, "columns", &COLUMNS);
    let wells = check_wells(plate, rows.as_deref(), columns.as_deref())?;
    let rows = rows.unwrap_or_default().into_iter().flatten().map(str::to_owned).collect();
    Some(PlateModel { rows, wells, acquisitions, field_count, location: plate.location() })
}

fn check_acquisitions(list: &Cursor<'_>) -> Option<Vec<Acquisition>> {
    let items = list.items(rules::PLATE_ACQUISITIONS)?;
    let acquisitions: Vec<_> = items.iter().filter_map(check_acquisition).collect();
    let mut seen = HashMap::new();
    for acquisition in &acquisitions {
        if let Some(first) = seen.insert(acquisition.id, &acquisition.location) {
            list.report_at(&acquisition.location, rules::PLATE_ACQUISITION_DUPLICATE, || {
                format!("id {} is also that of {first}", acquisition.id)
            });
        }
    }
    Some(acquisitions)
}

fn check_acquisition(item: &Cursor<'_>) -> Option<Acquisition> {
    item.object(rules::PLATE_ACQUISITIONS)?;
    for key in ["name", "description"] {
        if let Some(text) = item.get(key) {
            text.text(rules::PLATE_ACQUISITION_TEXT);
        }
    }
    check_times(item);
    item.expect_keys(&["name", "maximumfieldcount"], rules::PLATE_ACQUISITION_RECOMMENDED);
    let max_fields = item
        .get("maximumfieldcount")
        .and_then(|count| count.integer_from(1, rules::PLATE_ACQUISITION_FIELDS));
    let id = item
        .required("id", rules::PLATE_ACQUISITION_ID)?
        .integer_from(0, rules::PLATE_ACQUISITION_ID)?;
    Some(Acquisition { id, max_fields, location: item.location() })
}

fn check_times(acquisition: &Cursor<'_>) {
    let [start, end] = ["starttime", "endtime"].map(|key| check_time(acquisition, key));
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        acquisition.report(rules::PLATE_ACQUISITION_TIME_ORDER, || {
            format!("starts at {start} and ends at {end}")
        });
    }
}

fn check_time(acquisition: &Cursor<'_>, key: &str) -> Option<i128> {
    /// The year 5138: any larger time is one in milliseconds.
    const FAR_FUTURE_S: i128 = 100_000_000_000;
    let cursor = acquisition.get(key)?;
    let time = cursor.integer_from(0, rules::PLATE_ACQUISITION_TIME)?;
    if time > FAR_FUTURE_S {
        cursor.report(rules::PLATE_ACQUISITION_MILLISECONDS, || {
            format!("{time} seconds are beyond the year 5000")
        });
    }
    Some(time)
}

/// The names of `rows` or `columns` by index; `None` for one that is not a name.
fn check_names<'a>(
    plate: &Cursor<'a>,
    key: &str,
    rules: &NameRules,
) -> Option<Vec<Option<&'a str>>> {
    let list = plate.required(key, rules.list)?;
    let items = list.items_from(1, rules.list)?;
    list.distinct(&items, rules.repeated);
    let names: Vec<_> = items.iter().map(|item| check_name(item, rules)).collect();
    check_distinct_names(&items, &names, rules);
    Some(names)
}

fn check_name<'a>(item: &Cursor<'a>, rules: &NameRules) -> Option<&'a str> {
    let name = item.object(rules.list)?.required("name", rules.name)?;
    name.text_like(rules.name, "letters and digits only", is_alphanumeric)
}

fn check_distinct_names(items: &[Cursor<'_>], names: &[Option<&str>], rules: &NameRules) {
    let mut exact = HashMap::new();
    let mut folded = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        let Some(name) = *name else { continue };
        let first = *exact.entry(name).or_insert(index);
        let alike = *folded.entry(name.to_ascii_lowercase()).or_insert(index);
        let same_item = || canonical(items[index].value()) == canonical(items[first].value());
        if first != index && !same_item() {
            items[index]
                .report(rules.duplicate, || format!("{} is also item {first}", quote(name)));
        } else if first == index && alike != index {
            items[index].report(rules.case, || {
                format!("{} differs from item {alike} by case only", quote(name))
            });
        }
    }
}

fn check_wells(
    plate: &Cursor<'_>,
    rows: Option<&[Option<&str>]>,
    columns: Option<&[Option<&str>]>,
) -> Option<Vec<WellEntry>> {
    let list = plate.required("wells", rules::PLATE_WELLS)?;
    let items = list.items_from(1, rules::PLATE_WELLS)?;
    list.distinct(&items, rules::PLATE_WELL_REPEATED);
    let rows = rows.map(Positions::new);
    let columns = columns.map(Positions::new);
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let mut wells = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(well) = check_well(item, rows.as_ref(), columns.as_ref()) else { continue };
        let first = *seen.entry((well.row.clone(), well.column.clone())).or_insert(index);
        if first == index {
            wells.push(well);
        } else if canonical(item.value()) != canonical(items[first].value()) {
            item.report(rules::PLATE_WELL_DUPLICATE, || {
                format!("{}/{} is also item {first}", well.row, well.column)
            });
        }
    }
    Some(wells)
}

fn check_well(
    item: &Cursor<'_>,
    rows: Option<&Positions<'_>>,
    columns: Option<&Positions<'_>>,
) -> Option<WellEntry> {
    item.object(rules::PLATE_WELLS)?;
    let row_index = check_index(item, "rowIndex");
    let column_index = check_index(item, "columnIndex");
    let path = item.required("path", rules::PLATE_WELL_PATH)?;
    let text = path.text_like(rules::PLATE_WELL_PATH, "ROW/COLUMN", is_well_path)?;
    let (row, column) = text.split_once('/')?;
    if let Some(rows) = rows {
        rows.check(item, "rowIndex", row_index, row);
    }
    if let Some(columns) = columns {
        columns.check(item, "columnIndex", column_index, column);
    }
    let (row, column) = (row.to_owned(), column.to_owned());
    Some(WellEntry { row, column, location: path.location() })
}

fn check_index(item: &Cursor<'_>, key: &str) -> Option<i128> {
    item.required(key, rules::PLATE_WELL_INDEX)?.integer_from(0, rules::PLATE_WELL_INDEX)
}

fn is_well_path(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(row, column)| is_alphanumeric(row) && is_alphanumeric(column))
}

/// The names of `rows` or `columns`, for look-up both ways.
struct Positions<'n> {
    names: &'n [Option<&'n str>],
    /// Whether every item has a name; a missing one was reported, and is not a second fault.
    is_complete: bool,
    by_name: HashMap<&'n str, usize>,
}

impl<'n> Positions<'n> {
    fn new(names: &'n [Option<&'n str>]) -> Self {
        let named = names.iter().enumerate().filter_map(|(at, name)| Some(((*name)?, at)));
        let is_complete = names.iter().all(Option::is_some);
        Self { names, is_complete, by_name: named.collect() }
    }

    /// Whether the index under `key` and the `name` in the path are one row or column.
    fn check(&self, well: &Cursor<'_>, key: &str, index: Option<i128>, name: &str) {
        let kind = key.trim_end_matches("Index");
        if !self.by_name.contains_key(name) && self.is_complete {
            well.report(rules::PLATE_WELL_UNKNOWN_NAME, || {
                format!("the plate has no {kind} {}", quote(name))
            });
        }
        let Some(index) = index else { return };
        match usize::try_from(index).ok().and_then(|index| self.names.get(index)) {
            None => well.report(rules::PLATE_WELL_INDEX_RANGE, || {
                format!("{key} {index}, but the last {kind} is {}", self.names.len() - 1)
            }),
            Some(Some(found)) if *found != name => {
                self.report_mismatch(well, key, index, name, found);
            }
            Some(_) => {}
        }
    }

    fn report_mismatch(&self, well: &Cursor<'_>, key: &str, index: i128, name: &str, found: &str) {
        well.report(rules::PLATE_WELL_INDEX_MISMATCH, || {
            let expected = self
                .by_name
                .get(name)
                .map_or(String::new(), |at| format!("; {key} of {} is {at}", quote(name)));
            format!("{key} {index} is {}, the path says {}{expected}", quote(found), quote(name))
        });
    }
}
