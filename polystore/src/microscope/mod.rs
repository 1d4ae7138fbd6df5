//! Microscope readers: from a folder of files to a declared plate. One file each.
//!
//! A reader sees a [`PlateFolder`]: names that were listed once, and a way to open the few
//! files whose content it needs. It answers with a [`DeclaredPlate`]: what the plate
//! declares, what of it is there, and which page of which file each plane is.

pub mod builder;
mod cellvoyager;
#[cfg(test)]
mod cut_metadata;
#[cfg(test)]
mod detection;
mod distinct;
mod folder;
mod generic;
mod harmony;
mod imagexpress;
mod lookup;
mod matrix_screener;
mod named;
pub(crate) mod names;
mod ome_tiff;
mod openhcs;
mod own;
mod pictures;
mod scanr;
mod separate;
pub mod stage;
#[cfg(test)]
pub(crate) mod testing;
mod time;
#[cfg(test)]
mod unreadable;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{OnceLock, PoisonError, RwLock},
};

use builder::Capped;
pub use cellvoyager::{CELLVOYAGER_NAMING, CellVoyager, CellVoyagerNaming};
pub use folder::{FolderFiles, ImageFileInfo, MAX_METADATA_BYTES, PlateFolder, decode_text};
use foldhash::fast::RandomState;
pub use generic::Generic;
pub use harmony::{HARMONY_NAMING, Harmony, HarmonyNaming};
pub use imagexpress::{IMAGEXPRESS_NAMING, ImageXpress, ImageXpressNaming};
pub use matrix_screener::MatrixScreener;
pub use ome_tiff::OmeTiff;
pub use openhcs::OpenHcs;
pub use own::OwnNames;
pub use scanr::ScanR;

use crate::{
    Error, Result,
    model::{DeclaredPlate, NamingScheme, PassedOverReason, PlaneSet, PlaneState},
    words::{count, verb},
};

/// How sure a reader is that a folder is of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detection {
    /// It is not.
    No,
    /// File names look like it.
    Names,
    /// The vendor's own metadata is there.
    Metadata,
}

/// A reader of one vendor's plate layout.
pub trait Microscope: fmt::Debug + Send + Sync + 'static {
    /// The name to ask for it by, such as `imagexpress`.
    fn name(&self) -> &'static str;

    /// One line for people: vendor, systems, what is recognised.
    fn title(&self) -> &'static str;

    /// The scheme of its plane names.
    fn naming(&self) -> &'static dyn NamingScheme;

    /// Whether `folder` looks like a plate of this kind. Cheap: looks at names, not into files.
    fn detect(&self, folder: &PlateFolder<'_>) -> Detection;

    /// Whether an image file called `file`, without its folder, is named as this layout names
    /// planes.
    fn names_planes(&self, file: &str) -> bool {
        self.naming().parse(file).is_some()
    }

    /// Whether this layout has folders called `name` inside of a plate, such as `TimePoint_3`:
    /// what is in them makes a plate of the folder above, which is not written into.
    fn is_folder_of_plate(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// Reads the plate's structure and inventory. Writes nothing, anywhere.
    ///
    /// # Errors
    /// `InvalidData` naming the file and what is wrong with it; `NotFound` when there is no
    /// image of this kind.
    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate>;
}

/// The readers of this crate; a new one is one file and one line here. Of readers that are
/// equally sure the first is taken, so those whose names could not be another's come first.
pub(crate) static BUILT_IN: &[&dyn Microscope] =
    &[&MatrixScreener, &ScanR, &OwnNames, &Harmony, &CellVoyager, &ImageXpress, &OpenHcs, &OmeTiff];

fn registered() -> &'static RwLock<Vec<&'static dyn Microscope>> {
    static REGISTERED: OnceLock<RwLock<Vec<&'static dyn Microscope>>> = OnceLock::new();
    REGISTERED.get_or_init(|| RwLock::new(BUILT_IN.to_vec()))
}

/// All readers registered in this process, the surest first.
pub fn microscopes() -> Vec<&'static dyn Microscope> {
    registered().read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Adds a reader to this process, asked before those that are there. Its naming scheme is
/// registered too.
pub fn register_microscope(microscope: &'static dyn Microscope) {
    crate::model::register_naming(microscope.naming());
    registered().write().unwrap_or_else(PoisonError::into_inner).insert(0, microscope);
}

/// The reader called `name`.
///
/// # Errors
/// `InvalidInput` with the nearest names when there is none.
pub fn microscope(name: &str) -> Result<&'static dyn Microscope> {
    let known = microscopes();
    known.iter().find(|candidate| candidate.name() == name).copied().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|candidate| candidate.name()).collect();
        Error::invalid_input(format!("no microscope reader is called `{name}`"))
            .with_hint(crate::suggest::hint(name, &names))
    })
}

/// Reads a folder with the reader called `name`, or with the surest that recognises it.
///
/// # Errors
/// As [`Microscope::read`]; `InvalidData` when no reader recognises the folder.
pub fn read_plate(folder: &PlateFolder<'_>, name: Option<&str>) -> Result<DeclaredPlate> {
    let reader = match name {
        Some(name) => microscope(name)?,
        None => detect(folder).ok_or_else(|| {
            if let Some(line) = folder.passed_over().summary() {
                return Error::invalid_data(format!(
                    "no microscope reader recognises this folder as a plate; {line}"
                ))
                .with_path(folder.name())
                .with_hint("rename the files, or allow the folder that links lead to (`--links-to FOLDER`)");
            }
            Error::invalid_data(format!(
                "no microscope reader recognises this folder of {} as a plate",
                count(folder.files().len(), "file")
            ))
            .with_path(folder.name())
            .with_hint(nearest_layout(folder).unwrap_or_else(|| {
                "name a layout (see `polystore microscopes`), or describe the file names by a pattern"
                    .to_owned()
            }))
        })?,
    };
    read_plate_with(folder, reader)
}

/// What to do with a folder of which too few names fit any layout: the layout that most fit.
fn nearest_layout(folder: &PlateFolder<'_>) -> Option<String> {
    let images: Vec<&str> =
        folder.files().iter().filter(|file| names::image_stem(file).is_some()).collect();
    let fits = |reader: &dyn Microscope, file: &str| reader.names_planes(names::file_name(file));
    let known = microscopes();
    let counted = known
        .iter()
        .map(|reader| (images.iter().filter(|file| fits(*reader, file)).count(), *reader));
    // Of equals the first, as in recognising.
    let (n_fitting, best) = counted.rev().max_by_key(|(n, _)| *n).filter(|(n, _)| *n > 0)?;
    let mut others = Capped::new(2);
    images
        .iter()
        .filter(|file| !fits(best, file))
        .for_each(|file| others.push(|| file.to_string()));
    let name = best.name();
    Some(format!(
        "{n_fitting} of {} named as `{name}` names planes; not so: {}. Read it with \
         `--microscope {name}`, or move the others out of the folder",
        count(images.len(), "image file") + verb(images.len(), " is", " are"),
        others.into_line()
    ))
}

/// A remark on a folder of which most images are not of the plate that was read from it.
fn other_plates(folder: &PlateFolder<'_>, plate: &DeclaredPlate) -> Option<String> {
    let n_used = plate.sources.files.len();
    if folder.files().len() <= n_used.saturating_mul(2) {
        return None;
    }
    let n_images = folder.files().iter().filter(|file| names::image_stem(file).is_some()).count();
    (n_images > n_used.saturating_mul(2)).then(|| {
        format!(
            "of {n_images} image files in the folder, {n_used} are of this plate; there may be \
             other plates in it, to be opened by their own folders"
        )
    })
}

/// Reads a folder with `reader`, registered or not.
///
/// # Errors
/// As [`Microscope::read`].
pub fn read_plate_with(folder: &PlateFolder<'_>, reader: &dyn Microscope) -> Result<DeclaredPlate> {
    let mut plate = reader.read(folder)?;
    plate.inventory.notes.extend_from_slice(folder.notes());
    plate.inventory.notes.extend(other_plates(folder, &plate));
    pass_over_copies(folder, &plate);
    plate.inventory.passed_over.extend_below("", &folder.strays());
    plate.inventory.passed_over.extend_below("", folder.passed_over());
    for (file, detail) in folder.damaged() {
        let reason = PassedOverReason::DamagedMetadata;
        plate.inventory.passed_over.push_with(file, reason, detail);
    }
    mark_unreadable(folder, &mut plate);
    declare_absent(&mut plate);
    plate.structure.check()?;
    Ok(plate)
}

/// Counts files that are named like copies of the plate's images and are none of its planes.
/// A layout that the user describes leaves out what it does not describe.
fn pass_over_copies(folder: &PlateFolder<'_>, plate: &DeclaredPlate) {
    if plate.structure.microscope == generic::NAME {
        return;
    }
    let copies: Vec<(&str, String)> = folder
        .files()
        .iter()
        // All marks of copies have a space, and most plates none.
        .filter(|path| path.contains(' '))
        .filter_map(|path| {
            let (above, name) = names::split(path);
            let original = names::copied_name(name)?;
            Some((path, if above.is_empty() { original } else { format!("{above}/{original}") }))
        })
        .collect();
    if copies.is_empty() {
        return;
    }
    let used: HashSet<&str> = plate.sources.files.iter().collect();
    let told = folder.strays();
    let is_told = |path: &str| told.files.iter().any(|file| file.path == path);
    for (path, original) in copies {
        if used.contains(&*original) && !used.contains(path) && !is_told(path) {
            folder.pass_over(path, PassedOverReason::Copy, format!("{original} is used"));
        }
    }
}

/// Most unreadable files that are told one by one.
const MAX_UNREADABLE: usize = 20;

/// Planes in files whose header was asked for in vain are not present, whichever reader it
/// was. They keep their source: reading one says what is wrong with the file.
fn mark_unreadable(folder: &PlateFolder<'_>, plate: &mut DeclaredPlate) {
    let unreadable = folder.unreadable();
    if unreadable.is_empty() {
        return;
    }
    let by_name: HashMap<&str, PlaneState, RandomState> =
        unreadable.iter().map(|(file, found)| (file.as_str(), found.state)).collect();
    let numbered = (0u32..).zip(&plate.sources.files);
    let states: HashMap<u32, PlaneState, RandomState> =
        numbered.filter_map(|(number, file)| Some((number, *by_name.get(file)?))).collect();
    for (sources, inventory) in plate.sources.images.iter().zip(&mut plate.inventory.images) {
        let marked: Vec<_> = inventory
            .iter()
            .filter(|(_, state)| *state == PlaneState::Present)
            .filter_map(|(index, _)| Some((index, *states.get(&sources.get(index)?.file)?)))
            .collect();
        marked.into_iter().for_each(|(index, state)| inventory.set(index, state));
    }
    let mut notes = Capped::new(MAX_UNREADABLE);
    for file in unreadable.values() {
        notes.push(|| format!("header not readable: {}", file.reason));
    }
    plate.inventory.notes.extend(notes.into_notes("headers not readable"));
}

/// Says in each image which planes are absent by design, so that what is made from the
/// structure (a conversion, a derived plate) knows it too. Equal sets are shared.
fn declare_absent(plate: &mut DeclaredPlate) {
    let mut last = PlaneSet::EMPTY;
    let images = plate.structure.wells.iter_mut().flat_map(|well| &mut well.fields);
    for (image, states) in images.zip(&plate.inventory.images) {
        if !states.has(PlaneState::AbsentByDesign) {
            continue;
        }
        let absent = PlaneSet::from_fn(image.sizes, |index| {
            states.state(index) == PlaneState::AbsentByDesign
        });
        if absent != last {
            last = absent;
        }
        image.absent = last.clone();
    }
}

/// The surest reader of `folder`; the first registered among equals.
pub fn detect(folder: &PlateFolder<'_>) -> Option<&'static dyn Microscope> {
    let mut best: Option<(Detection, &'static dyn Microscope)> = None;
    for candidate in microscopes() {
        let found = candidate.detect(folder);
        if found > best.map_or(Detection::No, |(sure, _)| sure) {
            best = Some((found, candidate));
        }
    }
    best.map(|(_, microscope)| microscope)
}
