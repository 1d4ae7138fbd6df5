//! CellVoyager CV7000, CV8000 and CQ1 (Yokogawa).
//!
//! One TIFF per plane; `MeasurementData.mlf` records every plane with its well, so wells that
//! were not imaged shift nothing. Timelines are acquisitions; projections are acquisitions of
//! their own.

mod declare;
mod name;
mod records;
mod settings;

use std::collections::BTreeSet;

pub use name::{CELLVOYAGER_NAMING, CellVoyagerNaming};
pub(crate) use records::Record;
pub(crate) use settings::{Detail, Settings};

use super::{
    Detection, Microscope, PlateFolder,
    builder::{PlateBuilder, PlateFacts, RawPlane, Rule, list_wells},
    named::several,
    names::{by_names, file_name, image_stem, split, strip_suffix_ignore_case},
};
use crate::{
    Error, Result,
    model::{DeclaredPlate, NamingScheme, PlaneSource},
    words::{count, verb},
};

/// The reader of CellVoyager measurements.
#[derive(Clone, Copy, Debug)]
pub struct CellVoyager;

impl Microscope for CellVoyager {
    fn name(&self) -> &'static str {
        "cellvoyager"
    }

    fn title(&self) -> &'static str {
        "Yokogawa CellVoyager CV7000, CV8000, CQ1: MeasurementData.mlf, Plate_A01_T0001F001L01A01Z01C01.tif"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &CELLVOYAGER_NAMING
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        if folder.others().any(is_records) {
            return Detection::Metadata;
        }
        by_names(folder, |file| name::parse(file).is_some())
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let Some(file) = find_records(folder)? else { return read_names(folder) };
        let records = folder.read_text(file).and_then(|text| Record::parse_all(&text, file));
        let records = records.map_err(|error| {
            let hint = "restore the file from the measurement; without it the file names are read";
            error.with_path(file).with_hint(hint)
        })?;
        let mut notes = Vec::new();
        let setup = Setup::read(folder, split(file).0, &mut notes);
        let plate = declare::Plate::new(&records);
        let mut builder = plate.planes(folder, split(file).0)?;
        notes.into_iter().for_each(|note| builder.note(note));
        let never: Vec<_> =
            setup.settings.wells.iter().copied().filter(|well| !plate.has_well(*well)).collect();
        if !never.is_empty() {
            builder.note(format!(
                "the settings select wells of which there is no record: {}",
                list_wells(never)
            ));
        }
        let facts = plate.facts(folder, setup);
        builder.build(folder, facts).map_err(|error| error.with_path(file))
    }
}

fn is_records(file: &str) -> bool {
    file_name(file).eq_ignore_ascii_case("MeasurementData.mlf")
}

/// The records of the folder's measurement, if there are any.
///
/// # Errors
/// `InvalidInput` when there are several measurements.
fn find_records<'a>(folder: &PlateFolder<'a>) -> Result<Option<&'a str>> {
    let found: BTreeSet<&str> = folder.others().filter(|file| is_records(file)).collect();
    if found.len() < 2 {
        return Ok(found.first().copied());
    }
    let measurements = found.iter().map(|file| split(file).0).collect();
    Err(several(folder, &measurements))
}

/// What is known besides the records. Files that are not there leave it empty; damaged ones
/// are remarked upon.
#[derive(Debug, Default)]
struct Setup {
    detail: Detail,
    settings: Settings,
}

impl Setup {
    fn read(folder: &PlateFolder<'_>, measurement: &str, notes: &mut Vec<String>) -> Self {
        let beside = |file: &&str| split(file).0 == measurement;
        let find = |wanted: &dyn Fn(&str) -> bool| {
            folder.others().filter(beside).find(|file| wanted(file_name(file)))
        };
        let mut setup = Self::default();
        if let Some(file) = find(&|name| name.eq_ignore_ascii_case("MeasurementDetail.mrf")) {
            setup.detail = read_or_note(folder, file, Detail::parse, notes);
        }
        let named = setup.detail.settings_file.clone();
        let of_extension = |extension: &'static str| {
            find(&move |name: &str| strip_suffix_ignore_case(name, extension).is_some())
        };
        if let Some(file) = find(&|name| name == named).or_else(|| of_extension(".mes")) {
            setup.settings = read_or_note(folder, file, Settings::parse, notes);
        }
        if setup.detail.n_rows == 0
            && let Some(file) = of_extension(".wpi")
        {
            let detail = &mut setup.detail;
            (detail.n_rows, detail.n_columns, detail.plate_name) =
                read_or_note(folder, file, settings::read_well_plate, notes);
        }
        setup
    }
}

fn read_or_note<T: Default>(
    folder: &PlateFolder<'_>,
    file: &str,
    parse: impl Fn(&str, &str) -> Result<T>,
    notes: &mut Vec<String>,
) -> T {
    folder.read_text(file).and_then(|text| parse(&text, file)).unwrap_or_else(|error| {
        let error = error.with_path(file);
        notes.push(format!("passed over: {}", error.chain()));
        folder.note_damaged(file, &error);
        T::default()
    })
}

/// A measurement without its records, by the names of its files.
fn read_names(folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
    // A microscope writes these together with the records.
    let is_beside = |file: &&str| {
        let name = file_name(file);
        name.eq_ignore_ascii_case("MeasurementDetail.mrf")
            || strip_suffix_ignore_case(name, ".mes").is_some()
    };
    if let Some(file) = folder.others().find(is_beside) {
        let error = Error::not_found(format!("is not there, although {file} is"));
        folder.note_damaged("MeasurementData.mlf", &error);
    }
    let mut builder = PlateBuilder::default();
    let mut n_others = 0;
    for (file, path) in (0u32..).zip(folder.files()) {
        let Some(name) = name::parse(file_name(path)) else {
            n_others += usize::from(image_stem(path).is_some());
            continue;
        };
        builder.push(RawPlane {
            well: name.well,
            acquisition: name.timeline - 1,
            field: name.field - 1,
            t: name.timepoint,
            c: name.channel - 1,
            z: name.z,
            source: Some(PlaneSource::whole(file)),
        })?;
    }
    if n_others > 0 {
        builder.note(format!(
            "{} {} not named as CellVoyager names planes",
            count(n_others, "image file"),
            verb(n_others, "is", "are")
        ));
    }
    builder.build(folder, facts(folder.name(), Rule::Names))
}

fn facts<'a>(name: &str, rule: Rule) -> PlateFacts<'a> {
    PlateFacts {
        rule,
        channel_prefix: "C",
        ..PlateFacts::new(name, CellVoyager.name(), CELLVOYAGER_NAMING.name())
    }
}

#[cfg(test)]
mod tests;
