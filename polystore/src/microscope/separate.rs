//! Plates whose images are files of their own: each with its sizes, type and channels.

use std::collections::{BTreeMap, HashMap};

use super::{
    PlateFolder,
    builder::{MAX_PLANES, standard_grid},
};
use crate::{
    Error, ErrorKind, PlaneIndex, Result, WellPosition,
    model::{
        Acquisition, DeclaredPlate, FileNames, ImageInventory, ImageSources, ImageStructure,
        Inventory, PassedOverReason, PlaneSource, PlaneState, PlateStructure, Sizes, SourceMap,
    },
};

/// Most channels of all images of a plate together, each with a name and colours.
const MAX_CHANNELS: u64 = 2_000_000;

/// One image of a plate, with everything that is known about it.
#[derive(Debug)]
pub(super) struct FoundImage {
    pub(super) well: WellPosition,
    /// The image; its path is made anew.
    pub(super) image: ImageStructure,
    /// Where its planes are, by the file's position in the listing.
    pub(super) planes: Vec<(PlaneIndex, PlaneSource)>,
}

/// What is known about the plate as a whole.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) microscope: &'static str,
    /// Rows and columns of the grid, where they are known.
    pub(super) n_rows: Option<u32>,
    pub(super) n_columns: Option<u32>,
    pub(super) acquisitions: Vec<Acquisition>,
    pub(super) notes: Vec<String>,
}

/// Refuses images that together have more planes or channels than a plate may.
///
/// # Errors
/// `LimitExceeded`.
pub(super) fn check_total(sizes: impl IntoIterator<Item = Sizes>) -> Result<()> {
    let (mut planes, mut channels) = (0u64, 0u64);
    for sizes in sizes {
        let of_image = [sizes.t, sizes.c, sizes.z]
            .iter()
            .fold(1, |n: u64, &size| n.saturating_mul(size.into()));
        planes = planes.saturating_add(of_image);
        channels = channels.saturating_add(sizes.c.into());
    }
    if planes <= MAX_PLANES && channels <= MAX_CHANNELS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "the metadata declares {planes} planes and {channels} channels; at most {MAX_PLANES} and {MAX_CHANNELS} are read"
        ),
    ))
}

/// The plate of `images`: all their planes are declared, those with a source are present.
///
/// # Errors
/// `NotFound` without images; `InvalidData` when two images have one place.
pub(super) fn assemble(
    folder: &PlateFolder<'_>,
    mut whole: Whole,
    images: Vec<FoundImage>,
) -> Result<DeclaredPlate> {
    if images.is_empty() {
        return Err(Error::not_found("the plate has no image").with_path(folder.name()));
    }
    check_total(images.iter().map(|found| found.image.sizes))?;
    let (n_rows, n_columns) = grid(&whole, &images);
    let name = if whole.name.is_empty() { folder.name() } else { &whole.name };
    let mut structure = PlateStructure::new(name, n_rows, n_columns);
    structure.id = whole.id.take();
    structure.microscope = whole.microscope.to_owned();
    if !whole.acquisitions.is_empty() {
        structure.acquisitions = std::mem::take(&mut whole.acquisitions);
    }
    let several = structure.acquisitions.len() > 1;
    let mut planes: BTreeMap<(WellPosition, u32, u32), Vec<(PlaneIndex, PlaneSource)>> =
        BTreeMap::new();
    for found in images {
        let (well, mut image) = (found.well, found.image);
        let key = (well, image.acquisition, image.field);
        let run = several.then_some(image.acquisition);
        image.path = PlateStructure::canonical_image_path(well, run, image.field);
        structure.add_image(well, image).map_err(|error| {
            Error::invalid_data("two images have the same place in the plate").with_source(error)
        })?;
        planes.insert(key, found.planes);
    }
    let mut files =
        UsedFiles { listed: folder.files(), numbers: HashMap::new(), used: FileNames::default() };
    let mut inventory = Inventory { notes: whole.notes, ..Inventory::default() };
    let mut sources = Vec::new();
    for (well, image) in structure.images() {
        let mut of_image = ImageSources::empty(image.sizes);
        let key = (well, image.acquisition, image.field);
        for (index, source) in planes.remove(&key).unwrap_or_default() {
            let source = files.number(source);
            if let Some(other) = of_image.set(index, source).filter(|other| *other != source) {
                of_image.set(index, other);
                inventory.passed_over.push_told(PassedOverReason::SamePlane, || {
                    let detail = format!("{} is {index} of {}", files.name(other), image.path);
                    (files.name(source).to_owned(), detail)
                });
            }
        }
        inventory.images.push(ImageInventory::from_fn(image.sizes, |index| {
            if of_image.get(index).is_some() { PlaneState::Present } else { PlaneState::Missing }
        }));
        sources.push(of_image);
    }
    Ok(DeclaredPlate {
        structure,
        inventory,
        sources: SourceMap { files: files.used, images: sources },
    })
}

fn grid(whole: &Whole, images: &[FoundImage]) -> (u32, u32) {
    let rows = images.iter().map(|found| found.well.row + 1).max().unwrap_or(1);
    let columns = images.iter().map(|found| found.well.column + 1).max().unwrap_or(1);
    let sane = |n: u32| n > 0 && n <= WellPosition::MAX;
    match (whole.n_rows.filter(|&n| sane(n)), whole.n_columns.filter(|&n| sane(n))) {
        (Some(n_rows), Some(n_columns)) => (n_rows.max(rows), n_columns.max(columns)),
        _ => standard_grid(rows, columns),
    }
}

/// The files that are used, in the order of their use.
struct UsedFiles<'a> {
    listed: &'a FileNames,
    numbers: HashMap<u32, u32>,
    used: FileNames,
}

impl UsedFiles<'_> {
    fn number(&mut self, source: PlaneSource) -> PlaneSource {
        let next = self.used.len() as u32;
        let file = *self.numbers.entry(source.file).or_insert(next);
        if file == next {
            self.used.push(self.listed.get(source.file as usize).unwrap_or_default());
        }
        PlaneSource { file, ..source }
    }

    fn name(&self, numbered: PlaneSource) -> &str {
        self.used.get(numbered.file as usize).unwrap_or_default()
    }
}
