//! ImageXpress and MetaXpress (Molecular Devices).
//!
//! One TIFF per plane, `PLATE_WELL_sN_wN.TIF`, in one folder or in `TimePoint_N` and
//! `ZStep_N` folders; an `.HTD` file that declares the plate in exports, none in what the
//! microscope stores. Projections stand beside the z-steps, or in `ZStep_0` in exports: they
//! become an acquisition of their own, called `projection`.

mod channels;
mod declare;
mod htd;
mod layout;
mod metaseries;
mod name;

pub(crate) use htd::Htd;
use layout::Layout;
pub use name::{IMAGEXPRESS_NAMING, ImageXpressNaming};

use super::{
    Detection, Microscope, PlateFolder,
    builder::{PlateBuilder, PlateFacts, RawPlane, Rule},
    names::{by_names, folder_number, split, strip_suffix_ignore_case},
};
use crate::{
    Result,
    model::{DeclaredPlate, NamingScheme, PlaneSource},
};

/// The reader of ImageXpress and MetaXpress plates.
#[derive(Clone, Copy, Debug)]
pub struct ImageXpress;

impl Microscope for ImageXpress {
    fn name(&self) -> &'static str {
        "imagexpress"
    }

    fn title(&self) -> &'static str {
        "Molecular Devices ImageXpress and MetaXpress: .HTD, TimePoint_N/ZStep_N, Plate_A01_s1_w1.TIF"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &IMAGEXPRESS_NAMING
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        if folder.others().any(is_htd) {
            return Detection::Metadata;
        }
        by_names(folder, |file| name::parse(file).is_some())
    }

    fn is_folder_of_plate(&self, name: &str) -> bool {
        ["TimePoint", "ZStep"].iter().any(|tag| folder_number(name, tag).is_some())
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let mut layout = layout::find(folder)?;
        let mut notes = std::mem::take(&mut layout.notes);
        let htd = find_htd(folder, &layout, &mut notes);
        let mut stacks = declare::Stacks::new(folder, &layout, htd.as_ref());
        let mut builder = PlateBuilder::default();
        if let Some(htd) = &htd {
            declare::declare(htd, &mut stacks, &layout, &mut builder)?;
        }
        let found = PlateBuilder::collect(layout.images.len(), |number| {
            let image = &layout.images[number];
            RawPlane {
                well: image.well,
                acquisition: stacks.acquisition(image),
                field: image.site - 1,
                t: stacks.t(image),
                c: image.wave - 1,
                z: stacks.z(image),
                source: Some(PlaneSource::whole(image.file)),
            }
        })?;
        builder.append(found)?;
        let facts = facts(folder, &layout, htd, &stacks);
        notes.extend(stacks.into_notes());
        notes.into_iter().for_each(|note| builder.note(note));
        builder.build(folder, facts)
    }
}

fn is_htd(file: &str) -> bool {
    strip_suffix_ignore_case(file, ".htd").is_some()
}

/// The plate's HTD file: in its folder before those of its timepoints, the one named like
/// the plate first. Exports keep copies; one that is damaged is told, and the next is read.
fn find_htd(folder: &PlateFolder<'_>, layout: &Layout<'_>, notes: &mut Vec<String>) -> Option<Htd> {
    let rank = |file: &str| {
        let (path, name) = split(file);
        let stem = strip_suffix_ignore_case(name, ".htd").unwrap_or(name);
        let depth = path.matches('/').count() + usize::from(!path.is_empty());
        (depth, stem != layout.prefix, file.to_owned())
    };
    let inside = |file: &&str| is_htd(file) && file.starts_with(layout.base);
    let mut files: Vec<&str> = folder.others().filter(inside).collect();
    files.sort_by_cached_key(|file| rank(file));
    for file in files.iter().take(MAX_HTDS) {
        match folder.read_text(file).and_then(|text| Htd::parse(&text)) {
            Ok(htd) => return Some(htd),
            Err(error) => folder.note_damaged(file, &error),
        }
    }
    if !files.is_empty() {
        notes.push(
            "no HTD file can be read; what is declared is taken from the file names".to_owned(),
        );
    }
    None
}

/// Most HTD files that are tried; every folder of an export has a copy.
const MAX_HTDS: usize = 16;

fn facts<'a>(
    folder: &PlateFolder<'_>,
    layout: &Layout<'_>,
    htd: Option<Htd>,
    stacks: &declare::Stacks,
) -> PlateFacts<'a> {
    let firsts = channels::Firsts::of(layout);
    let headers = channels::Headers::read(folder, layout, &firsts);
    let name = if layout.prefix.is_empty() { folder.name() } else { layout.prefix };
    let mut facts = PlateFacts::new(name, ImageXpress.name(), IMAGEXPRESS_NAMING.name());
    facts.rule = if htd.is_some() { Rule::Declared } else { Rule::Names };
    facts.channel_prefix = "w";
    facts.acquisitions = stacks.acquisitions();
    facts.physical_size = headers.physical_size(folder, layout, stacks, htd.as_ref());
    facts.channels = headers.into_channels(htd.as_ref());
    let offsets = channels::offsets(folder, layout, &firsts);
    facts.positions = Box::new(move |_, _, field| offsets.get(&field).copied());
    if let Some(htd) = htd {
        facts.n_rows = htd.n_rows.unwrap_or(0);
        facts.n_columns = htd.n_columns.unwrap_or(0);
        facts.id = htd.id;
    }
    facts
}

#[cfg(test)]
mod tests;
