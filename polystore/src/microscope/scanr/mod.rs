//! ScanR (Olympus, Evident).
//!
//! One TIFF per plane in `data/`. A name has the well's label and its running number, or the
//! number alone; the channel stands in it by name, so planes are named by this crate's scheme
//! and not by ScanR's. `experiment_descriptor.xml` beside `data/` gives the plate's name, the
//! pixel size and the labels of wells as far as it can be read; newer systems write
//! `data/metadata.ome.xml`, which has a pixel size. Neither declares planes: names do.

mod descriptor;
mod name;

use std::collections::BTreeMap;

use self::{descriptor::Descriptor, name::Name};
use super::{
    Detection, Microscope, PlateFolder,
    builder::{PlateBuilder, PlateFacts, RawPlane},
    named::Named,
    names::{by_names, file_name, split},
    pictures,
};
use crate::{
    Error, Result, VirtualPath, WellPosition,
    model::{Channel, DeclaredPlate, NamingScheme, POLYSTORE_NAMING, PhysicalSize, PlaneSource},
    natural,
    ome_xml::Ome,
};

/// The reader of ScanR acquisitions.
#[derive(Clone, Copy, Debug)]
pub struct ScanR;

impl Microscope for ScanR {
    fn name(&self) -> &'static str {
        "scanr"
    }

    fn title(&self) -> &'static str {
        "Olympus/Evident ScanR: experiment_descriptor.xml, data/C05--W00029--P00001--Z00000--T00000--DAPI.tif"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &POLYSTORE_NAMING
    }

    fn names_planes(&self, file: &str) -> bool {
        name::parse(file).is_some()
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        if folder.others().any(is_descriptor) {
            return Detection::Metadata;
        }
        let by_names = by_names(folder, |file| name::parse(file).is_some());
        // The OME-XML of ScanR declares no plate; the reader of OME-TIFF cannot use it.
        match by_names {
            Detection::Names if folder.others().any(is_ome_xml) => Detection::Metadata,
            other => other,
        }
    }

    fn is_folder_of_plate(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case("data")
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let Named { mut files, mut notes } = Named::find(folder, "ScanR", |path| {
            let (above, file) = split(path);
            Some((above, name::parse(file)?))
        })?;
        pictures::set_aside(folder, &mut files, |(file, _)| *file, &mut notes);
        let setup = Setup::read(folder, &mut notes);
        let wells = Wells::new(&files, &setup.labels, &mut notes)?;
        let channels = channels(&files);
        let mut builder = PlateBuilder::with_capacity(files.len());
        notes.into_iter().for_each(|note| builder.note(note));
        for (file, name) in &files {
            builder.push(RawPlane {
                well: wells.of(name),
                acquisition: 0,
                field: name.position - 1,
                t: name.t,
                c: channels.get(name.channel).copied().unwrap_or(0),
                z: name.z,
                source: Some(PlaneSource::whole(*file)),
            })?;
        }
        let plate = setup.plate.unwrap_or_else(|| folder.name().to_owned());
        let mut facts = PlateFacts::new(plate, self.name(), POLYSTORE_NAMING.name());
        (facts.n_rows, facts.n_columns) = wells.grid;
        facts.channels =
            channels.iter().map(|(name, &number)| (number, Channel::named(*name))).collect();
        facts.physical_size = setup.physical_size;
        builder.build(folder, facts)
    }
}

fn is_descriptor(file: &str) -> bool {
    let name = file_name(file);
    name.eq_ignore_ascii_case("experiment_descriptor.xml")
        || name.eq_ignore_ascii_case("experiment_descriptor.dat")
}

fn is_ome_xml(file: &str) -> bool {
    file_name(file).eq_ignore_ascii_case("metadata.ome.xml")
}

/// The plate's channels by name, numbered in the order of their names.
fn channels<'a>(files: &[(u32, Name<'a>)]) -> BTreeMap<&'a str, u32> {
    let mut numbers: BTreeMap<&str, u32> =
        files.iter().map(|(_, name)| (name.channel, 0)).collect();
    let mut names: Vec<&str> = numbers.keys().copied().collect();
    names.sort_by(|a, b| natural::compare(a, b));
    for (number, name) in (0u32..).zip(names) {
        numbers.insert(name, number);
    }
    numbers
}

/// What is known besides the names. What cannot be read is remarked upon.
#[derive(Debug, Default)]
struct Setup {
    plate: Option<String>,
    physical_size: PhysicalSize,
    labels: BTreeMap<u32, WellPosition>,
}

impl Setup {
    fn read(folder: &PlateFolder<'_>, notes: &mut Vec<String>) -> Self {
        let mut setup = Self::default();
        let mut passed_over = |error: Error, file: &str| {
            let error = error.with_path(file);
            notes.push(format!("passed over: {}", error.chain()));
            folder.note_damaged(file, &error);
        };
        let descriptor = folder
            .others()
            .find(|file| file_name(file).eq_ignore_ascii_case("experiment_descriptor.xml"));
        if let Some(file) = descriptor {
            match folder.read_text(file).and_then(|text| Descriptor::parse(&text, file)) {
                Ok(found) => {
                    setup.plate = found.plate;
                    setup.physical_size =
                        PhysicalSize { z_um: found.z_um, ..PhysicalSize::default() };
                    setup.physical_size.x_um = found.pixel_um;
                    setup.physical_size.y_um = found.pixel_um;
                    setup.labels = found.labels;
                }
                Err(error) => passed_over(error, file),
            }
        }
        if setup.physical_size.x_um.is_none()
            && let Some(file) = folder.others().find(|file| is_ome_xml(file))
        {
            match folder.read_text(file).and_then(|text| Ome::parse(&text, file)) {
                Ok(ome) => {
                    let image = ome.images.first();
                    let size =
                        image.map(|image| image.to_structure(VirtualPath::root()).physical_size);
                    setup.physical_size = size.unwrap_or_default();
                }
                Err(error) => passed_over(error, file),
            }
        }
        setup
    }
}

/// Where the wells with a running number alone are.
#[derive(Debug)]
struct Wells<'a> {
    labels: &'a BTreeMap<u32, WellPosition>,
    /// Rows and columns that wells are counted over; 0 when none is counted.
    grid: (u32, u32),
}

impl<'a> Wells<'a> {
    /// Wells that neither a name nor the descriptor places are numbered row by row over the
    /// smallest plate of 96, 384 or 1536 wells that has so many.
    fn new(
        files: &[(u32, Name<'_>)],
        labels: &'a BTreeMap<u32, WellPosition>,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let unplaced = |name: &Name<'_>| name.well.is_none() && !labels.contains_key(&name.number);
        let numbers = files.iter().filter(|(_, name)| unplaced(name)).map(|(_, name)| name.number);
        let Some(last) = numbers.max() else { return Ok(Self { labels, grid: (0, 0) }) };
        let Some((n_rows, n_columns)) = [(8, 12), (16, 24), (32, 48)]
            .into_iter()
            .find(|(n_rows, n_columns)| last <= n_rows * n_columns)
        else {
            return Err(Error::invalid_data(format!(
                "well number {last} is on no plate of 96, 384 or 1536 wells"
            ))
            .with_hint("the names do not say where a well is; list the files in a CSV"));
        };
        notes.push(format!(
            "names have no well, only its number (up to {last}): taken row by row on {n_rows} x {n_columns} wells"
        ));
        Ok(Self { labels, grid: (n_rows, n_columns) })
    }

    fn of(&self, name: &Name<'_>) -> WellPosition {
        let number = name.number - 1;
        let n_columns = self.grid.1.max(1);
        let counted = || WellPosition::new(number / n_columns, number % n_columns);
        name.well.or_else(|| self.labels.get(&name.number).copied()).unwrap_or_else(counted)
    }
}

#[cfg(test)]
mod tests;
