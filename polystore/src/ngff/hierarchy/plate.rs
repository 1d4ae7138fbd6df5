//! A plate: its rows and wells on disk against its lists.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::{
    tally::Tally,
    walk::{Child, Node, Walk},
    well::{self, Acquisitions},
};
use crate::ngff::{
    Kind,
    attributes::{Acquisition, PlateModel, WellEntry, WellModel},
    json::quote,
    rules,
};

/// Images of a well, by acquisition; those without one under `None`.
type FieldCounts = BTreeMap<Option<i128>, i128>;

/// Wells that are in hand at a time: bounds memory, whatever a plate lists.
const BATCH: usize = 1024;

/// The plate in `root`.
pub(super) fn walk(walk: &Walk<'_>, root: &Node, plate: &PlateModel, tally: &Tally) {
    let rows = open_rows(walk, root, plate, tally);
    let acquisitions = acquisition_ids(plate);
    let mut fullest = Fullest::default();
    for batch in plate.wells.chunks(BATCH) {
        let wells = batch.par_iter().map(|entry| {
            let tally = Tally::new(walk.options);
            let row = rows.get(entry.row.as_str())?;
            let fields = walk_well(walk, row, &acquisitions, entry, &tally);
            Some((tally, fields))
        });
        for (part, fields) in wells.collect::<Vec<_>>().into_iter().flatten() {
            tally.merge(part);
            fullest.take(fields);
        }
    }
    check_field_counts(plate, &fullest, tally);
    report_unlisted(walk, root, &rows, plate, tally);
}

fn acquisition_ids(plate: &PlateModel) -> Acquisitions {
    let runs = plate.acquisitions.as_ref()?;
    Some(runs.iter().map(|acquisition| acquisition.id).collect())
}

/// The most images that any well has, in all and of each acquisition.
#[derive(Default)]
struct Fullest {
    in_all: Option<i128>,
    by_acquisition: FieldCounts,
}

impl Fullest {
    fn take(&mut self, well: Option<FieldCounts>) {
        let Some(well) = well else { return };
        self.in_all = self.in_all.max(Some(well.values().sum()));
        for (acquisition, count) in well {
            let most = self.by_acquisition.entry(acquisition).or_default();
            *most = count.max(*most);
        }
    }
}

/// The folders of the rows that have wells. A row that is not there is one finding, not one
/// for each of its wells.
fn open_rows<'p>(
    walk: &Walk<'_>,
    root: &Node,
    plate: &'p PlateModel,
    tally: &Tally,
) -> HashMap<&'p str, Node> {
    let mut rows = HashMap::new();
    let mut tried = HashSet::new();
    for entry in &plate.wells {
        if tried.insert(entry.row.as_str())
            && let Some(row) = open_row(walk, root, entry, tally)
        {
            rows.insert(entry.row.as_str(), row);
        }
    }
    rows
}

fn open_row(walk: &Walk<'_>, root: &Node, entry: &WellEntry, tally: &Tally) -> Option<Node> {
    let missing = |message: String| {
        tally.report(rules::PLATE_ROW_MISSING_GROUP, || entry.location.clone(), || message);
    };
    match walk.child(root, &entry.row, tally) {
        Child::Missing(message) => missing(message),
        Child::Failed => {}
        Child::Node(row) => {
            match row.has_group() {
                true => drop(walk.group(&row, tally).map(|group| walk.describe(&group, tally))),
                false => missing(format!("{} holds no group", quote(&row.dir))),
            }
            return Some(row);
        }
    }
    None
}

fn walk_well(
    walk: &Walk<'_>,
    row: &Node,
    acquisitions: &Acquisitions,
    entry: &WellEntry,
    tally: &Tally,
) -> Option<FieldCounts> {
    let missing = |message: String| {
        tally.report(rules::PLATE_WELL_MISSING_GROUP, || entry.location.clone(), || message);
        None
    };
    match walk.child(row, &entry.column, tally) {
        Child::Missing(message) => missing(message),
        Child::Failed => None,
        Child::Node(folder) if !folder.has_group() => {
            missing(format!("{} holds no group", quote(&folder.dir)))
        }
        Child::Node(folder) => walk_well_group(walk, &folder, acquisitions, tally),
    }
}

fn walk_well_group(
    walk: &Walk<'_>,
    folder: &Node,
    acquisitions: &Acquisitions,
    tally: &Tally,
) -> Option<FieldCounts> {
    let group = walk.group(folder, tally)?;
    let described = walk.describe(&group, tally);
    if !described.kinds.contains(&Kind::Well) {
        tally.report_file(rules::WELL_MISSING, &group.file, || "no `well` metadata".to_owned());
    }
    let well = described.well?;
    if folder.folders().is_empty() {
        tally.report_file(rules::PLATE_WELL_EMPTY, &folder.dir, || "no image in it".to_owned());
    }
    well::walk(walk, folder, &well, Some(acquisitions), tally);
    Some(count_fields(&well))
}

fn count_fields(well: &WellModel) -> FieldCounts {
    let mut counts = FieldCounts::new();
    for field in &well.images {
        *counts.entry(field.acquisition).or_default() += 1;
    }
    counts
}

/// `field_count` and `maximumfieldcount` against the fullest well.
fn check_field_counts(plate: &PlateModel, fullest: &Fullest, tally: &Tally) {
    if let (Some(declared), Some(found)) = (plate.field_count, fullest.in_all)
        && declared != found
    {
        tally.report(
            rules::PLATE_FIELD_COUNT_MISMATCH,
            || plate.location.clone(),
            || format!("field_count is {declared}, the fullest well has {found} images"),
        );
    }
    for acquisition in plate.acquisitions.iter().flatten() {
        check_acquisition_fields(acquisition, fullest, tally);
    }
}

fn check_acquisition_fields(acquisition: &Acquisition, fullest: &Fullest, tally: &Tally) {
    let found = fullest.by_acquisition.get(&Some(acquisition.id));
    if let (Some(declared), Some(found)) = (acquisition.max_fields, found)
        && declared != *found
    {
        tally.report(
            rules::PLATE_ACQUISITION_FIELDS_MISMATCH,
            || acquisition.location.clone(),
            || format!("maximumfieldcount is {declared}, the fullest well has {found} images"),
        );
    }
}

/// What a plate lists, for look-up.
struct Lists<'p> {
    /// Names of all rows, with wells or without.
    rows: HashSet<&'p str>,
    rows_with_wells: HashSet<&'p str>,
    wells: HashSet<(&'p str, &'p str)>,
}

impl<'p> Lists<'p> {
    fn new(plate: &'p PlateModel) -> Self {
        let wells = plate.wells.iter();
        Self {
            rows: plate.rows.iter().map(String::as_str).collect(),
            rows_with_wells: wells.clone().map(|well| well.row.as_str()).collect(),
            wells: wells.map(|well| (well.row.as_str(), well.column.as_str())).collect(),
        }
    }
}

/// Groups that look like rows and wells and are in no list.
fn report_unlisted(
    walk: &Walk<'_>,
    root: &Node,
    rows: &HashMap<&str, Node>,
    plate: &PlateModel,
    tally: &Tally,
) {
    let lists = Lists::new(plate);
    for name in root.folders() {
        if let Some(row) = rows.get(name) {
            report_unlisted_wells(walk, row, name, &lists, tally);
        } else if name != "OME"
            && !lists.rows_with_wells.contains(name)
            && let Child::Node(folder) = walk.child(root, name, tally)
            && folder.has_group()
        {
            report_unlisted_row(walk, &folder, name, &lists, tally);
        }
    }
}

fn report_unlisted_row(
    walk: &Walk<'_>,
    folder: &Node,
    name: &str,
    lists: &Lists<'_>,
    tally: &Tally,
) {
    if !lists.rows.contains(name) {
        tally.report_file(rules::PLATE_UNLISTED_GROUP, &folder.dir, || {
            "a group that is no row of the plate".to_owned()
        });
    } else if folder.folders().is_empty() {
        tally.report_file(rules::PLATE_ROW_EMPTY, &folder.dir, || "no well in it".to_owned());
    } else {
        report_unlisted_wells(walk, folder, name, lists, tally);
    }
}

fn report_unlisted_wells(
    walk: &Walk<'_>,
    row: &Node,
    name: &str,
    lists: &Lists<'_>,
    tally: &Tally,
) {
    for column in row.folders() {
        if lists.wells.contains(&(name, column)) {
            continue;
        }
        let Child::Node(folder) = walk.child(row, column, tally) else { continue };
        if !folder.has_group() {
            continue;
        }
        let (rule, message) = match folder.folders().is_empty() {
            true => (rules::PLATE_WELL_EMPTY, "no image in it"),
            false => (rules::PLATE_WELL_UNLISTED, "a group that the plate does not list"),
        };
        tally.report_file(rule, &folder.dir, || message.to_owned());
    }
}
