//! Opera Phenix, Operetta, Operetta CLS and Sonata: what Harmony (PerkinElmer, Revvity) writes.
//!
//! One TIFF per plane, `r03c03f01p01-ch1sk1fk1fl1.tiff`, in the folder or in `Images/`, and
//! an index that declares every plane. Without an index, names speak.

mod index;
mod name;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub(crate) use index::Index;
pub use name::{HARMONY_NAMING, HarmonyNaming};

use self::index::{ChannelHeader, ImageRecord};
use super::{
    Detection, Microscope, PlateFolder,
    builder::{Capped, PlateBuilder, PlateFacts, RawPlane, Rule, list_wells},
    lookup::FileLookup,
    named::several,
    names::{by_names, file_name, image_stem, split},
    stage,
};
use crate::{
    Error, PlaneShape, Result, WellPosition,
    model::{
        Acquisition, Channel, Color, DeclaredPlate, NamingScheme, PassedOverReason, PhysicalSize,
        PlaneSource, StagePosition,
    },
    words::{count, verb},
};

/// Names of an index, the best first.
const INDEX_NAMES: [&str; 4] =
    ["index.idx.xml", "index.xml", "index.ref.xml", "imageindex.columbusidx.xml"];
/// Records that the distance of z-sections is worked out from.
const MAX_Z_SAMPLE: usize = 20_000;

/// The reader of Harmony measurements.
#[derive(Clone, Copy, Debug)]
pub struct Harmony;

impl Microscope for Harmony {
    fn name(&self) -> &'static str {
        "harmony"
    }

    fn title(&self) -> &'static str {
        "PerkinElmer/Revvity Opera Phenix and Operetta: Harmony's Index.idx.xml or Index.xml, r01c01f01p01-ch1sk1fk1fl1.tiff"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &HARMONY_NAMING
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        let by_names = by_names(folder, |file| name::parse(file).is_some());
        // `Index.xml` is a common name; it needs images beside it that are named in this way.
        let is_sure = |file: &str| {
            index_rank(file).is_some_and(|rank| rank != 1 || by_names == Detection::Names)
        };
        if folder.others().any(is_sure) { Detection::Metadata } else { by_names }
    }

    fn is_folder_of_plate(&self, name: &str) -> bool {
        ["Images", "Assaylayout"].iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let Some(file) = find_index(folder)? else { return read_names(folder) };
        let index = folder.read_text(file).and_then(|text| Index::parse(&text, file)).map_err(|error| {
            let hint = "restore the index from the measurement; without any index the file names are read";
            error.with_path(file).with_hint(hint)
        })?;
        read_index(folder, file, &index)
    }
}

fn index_rank(file: &str) -> Option<usize> {
    let name = file_name(file);
    INDEX_NAMES.iter().position(|known| name.eq_ignore_ascii_case(known))
}

/// The folder of the measurement that an index is of: its own, without `Images`.
fn measurement(index: &str) -> &str {
    let folder = split(index).0;
    match split(folder) {
        (above, name) if name.eq_ignore_ascii_case("images") => above,
        _ => folder,
    }
}

/// The index of the folder's measurement, if there is one.
///
/// # Errors
/// `InvalidInput` when there are several measurements, none above the others.
fn find_index<'a>(folder: &PlateFolder<'a>) -> Result<Option<&'a str>> {
    let mut found: Vec<&str> = folder.others().filter(|file| index_rank(file).is_some()).collect();
    found.sort_by_key(|file| {
        (measurement(file).matches('/').count(), measurement(file).len(), index_rank(file))
    });
    let Some(&best) = found.first() else { return Ok(None) };
    let measurements: BTreeSet<&str> = found.iter().map(|file| measurement(file)).collect();
    let top = measurement(best);
    if top.is_empty() || measurements.len() == 1 {
        return Ok(Some(best));
    }
    Err(several(folder, &measurements))
}

fn read_index(folder: &PlateFolder<'_>, file: &str, index: &Index) -> Result<DeclaredPlate> {
    let mut lookup = FileLookup::new(folder.files());
    let folders = image_folders(file);
    let folders = folders.each_ref().map(String::as_str);
    let mut builder = PlateBuilder::with_capacity(index.images.len());
    let mut unusable = Capped::new(3);
    // Where no image has a page but the first, each has a file of its own.
    let has_pages = index.images.iter().any(|image| image.page > 0);
    let source_of = |file, page| match has_pages {
        true => PlaneSource::page(file, page),
        false => PlaneSource::whole(file),
    };
    for image in &index.images {
        let (Some(well), Some(field)) = (image.well(), image.field.checked_sub(1)) else {
            unusable.push(|| format!("`{}`", image.url));
            continue;
        };
        let found = lookup.find(&folders, &image.url);
        builder.push(RawPlane {
            well,
            acquisition: 0,
            field,
            t: image.timepoint,
            c: index.channel_number(image.channel),
            z: image.plane,
            source: found.map(|file| source_of(file, image.page)),
        })?;
    }
    if !unusable.is_empty() {
        builder.note(format!(
            "{} of the index without a well or field: {}",
            count(unusable.n(), "image"),
            unusable.into_line()
        ));
    }
    if let Some(bad) = &index.bad_number {
        let error = Error::invalid_data(format!(
            "an image has {bad}; expected a whole number, of a row or column one from 1 to {}",
            WellPosition::MAX + 1
        ))
        .with_path(file)
        .with_hint("restore the index from the measurement");
        if builder.is_empty() {
            return Err(error);
        }
        // Its planes are not known, so the plate cannot be complete.
        folder.note_damaged(file, &error);
    }
    remark(folder, file, index, &lookup, &mut builder);
    builder.build(folder, facts_of_index(folder, index)).map_err(|error| error.with_path(file))
}

/// Remarks on wells without images, wells with fewer fields than others, files that the index
/// does not name.
fn remark(
    folder: &PlateFolder<'_>,
    file: &str,
    index: &Index,
    lookup: &FileLookup<'_>,
    builder: &mut PlateBuilder,
) {
    let mut fields: BTreeMap<WellPosition, BTreeSet<u32>> = BTreeMap::new();
    for image in &index.images {
        if let Some(well) = image.well() {
            fields.entry(well).or_default().insert(image.field);
        }
    }
    let empty: Vec<_> =
        index.plate.wells.iter().copied().filter(|well| !fields.contains_key(well)).collect();
    if !empty.is_empty() {
        builder.note(format!("the index lists wells without images: {}", list_wells(empty)));
    }
    let most = fields.values().map(BTreeSet::len).max().unwrap_or(0);
    let fewer: Vec<_> =
        fields.iter().filter(|(_, fields)| fields.len() < most).map(|(well, _)| *well).collect();
    if !fewer.is_empty() {
        let wells = list_wells(fewer);
        builder.note(format!("the index declares fewer than {most} fields for {wells}"));
    }
    pass_over_unnamed(folder, index, lookup, &image_folders(file), builder);
}

/// The folders that images of an index may be in.
fn image_folders(index: &str) -> [String; 3] {
    let (index_folder, top) = (split(index).0, measurement(index));
    let images = if top.is_empty() { "Images".to_owned() } else { format!("{top}/Images") };
    [index_folder.to_owned(), images, top.to_owned()]
}

/// Images beside those of the plate that the index does not name: pixels of the plate that
/// nothing stands for are passed over, other files for planes that are there are remarked upon.
fn pass_over_unnamed(
    folder: &PlateFolder<'_>,
    index: &Index,
    lookup: &FileLookup<'_>,
    folders: &[String],
    builder: &mut PlateBuilder,
) {
    let unnamed = lookup.unnamed(|path| {
        let (above, name) = split(path);
        folders.iter().any(|folder| folder == above).then(|| name::parse(name))?
    });
    if unnamed.is_empty() {
        return;
    }
    let used = lookup.names_found();
    let there: HashSet<_> = index
        .images
        .iter()
        .filter(|image| used.contains(file_name(&image.url)))
        .filter_map(|image| {
            Some((image.well()?, image.field, image.plane, image.channel, image.timepoint))
        })
        .collect();
    let mut others = Capped::new(3);
    for (path, name) in unnamed {
        // Timepoints count from 0 in an index.
        let plane = (name.well, name.field, name.plane, name.channel, name.timepoint - 1);
        match there.contains(&plane) {
            true => others.push(|| path.to_owned()),
            false => folder.pass_over(path, PassedOverReason::NotInIndex, ""),
        }
    }
    if !others.is_empty() {
        builder.note(format!(
            "{} of planes for which the index names other files: {}",
            count(others.n(), "image"),
            others.into_line()
        ));
    }
}

fn facts_of_index<'a>(folder: &PlateFolder<'_>, index: &Index) -> PlateFacts<'a> {
    let plate = &index.plate;
    let name = [&plate.name, &plate.id].into_iter().find(|name| !name.is_empty());
    let mut facts = facts(name.map_or(folder.name(), |name| name));
    facts.rule = Rule::Declared;
    facts.id = Some(plate.id.clone()).filter(|id| !id.is_empty());
    (facts.n_rows, facts.n_columns) =
        (plate.n_rows.min(WellPosition::MAX), plate.n_columns.min(WellPosition::MAX));
    let acquisition = Acquisition {
        name: plate.measurement.clone(),
        start_s: plate.start_s,
        ..Acquisition::default()
    };
    facts.acquisitions = [(0, acquisition)].into();
    let described =
        index.channels.iter().map(|(&id, header)| (index.channel_number(id), channel(header)));
    facts.channels = described.collect();
    let first = index.channels.values().find(|header| header.x_um.is_some());
    facts.physical_size = PhysicalSize {
        x_um: first.and_then(|header| header.x_um),
        y_um: first.and_then(|header| header.y_um),
        z_um: section_distance(&index.images),
    };
    facts.plane_shape = index
        .channels
        .values()
        .find_map(|header| Some(PlaneShape::new(header.height?, header.width?)));
    let mut positions: HashMap<(WellPosition, u32), StagePosition> = HashMap::new();
    for image in &index.images {
        if let (Some(well), Some(x_um), Some(y_um)) = (image.well(), image.x_um, image.y_um) {
            let field = image.field.saturating_sub(1);
            positions.entry((well, field)).or_insert(StagePosition { x_um, y_um });
        }
    }
    facts.positions = Box::new(move |well, _, field| positions.get(&(well, field)).copied());
    facts
}

fn facts<'a>(name: &str) -> PlateFacts<'a> {
    PlateFacts {
        channel_prefix: "ch",
        ..PlateFacts::new(name, Harmony.name(), HARMONY_NAMING.name())
    }
}

fn channel(header: &ChannelHeader) -> Channel {
    Channel {
        name: header.name.clone().unwrap_or_default(),
        color: header.emission_nm.map(Color::from_wavelength),
        excitation_nm: header.excitation_nm,
        emission_nm: header.emission_nm,
        ..Channel::default()
    }
}

/// The median distance of neighbouring z-sections in µm, over the first records.
fn section_distance(images: &[ImageRecord]) -> Option<f64> {
    let mut stacks: HashMap<_, BTreeMap<u32, f64>> = HashMap::new();
    for image in images.iter().take(MAX_Z_SAMPLE) {
        if let Some(z_um) = image.z_um.or(image.absolute_z_um) {
            let key = (image.row, image.column, image.field, image.channel, image.timepoint);
            stacks.entry(key).or_default().insert(image.plane, z_um);
        }
    }
    stage::median_step(stacks.values())
}

/// A measurement without an index, by the names of its files.
fn read_names(folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
    let mut builder = PlateBuilder::default();
    let mut n_others = 0;
    let mut fast = 1;
    let mut named = Vec::new();
    for (file, path) in (0u32..).zip(folder.files()) {
        match name::parse(file_name(path)) {
            Some(name) => {
                fast = fast.max(name.fast);
                named.push((file, name));
            }
            None => n_others += usize::from(image_stem(path).is_some()),
        }
    }
    for (file, name) in named {
        // A fast series is a series of timepoints within each slow one.
        let t = (name.timepoint - 1).saturating_mul(fast).saturating_add(name.fast - 1);
        builder.push(RawPlane {
            well: name.well,
            acquisition: 0,
            field: name.field - 1,
            t,
            c: name.channel - 1,
            z: name.plane,
            source: Some(PlaneSource::whole(file)),
        })?;
    }
    if n_others > 0 {
        builder.note(format!(
            "{} {} not named as Harmony names them",
            count(n_others, "image file"),
            verb(n_others, "is", "are")
        ));
    }
    builder.build(folder, facts(folder.name()))
}

#[cfg(test)]
mod tests;
