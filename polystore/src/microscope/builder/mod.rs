//! From planes as names or metadata give them to a declared plate: one set of rules for
//! all microscopes.
//!
//! * A plane is known by well, acquisition, field, timepoint, channel and z-section, each
//!   as the source numbers it, from 0. A field keeps its number: a missing field shifts no
//!   other. Timepoints and z-sections count from the smallest number of their acquisition.
//!   Channels close up, and remember their number where it is not their position.
//! * Where **metadata declares** the planes ([`Rule::Declared`]), those are declared, no
//!   more and no fewer: present with a file, missing without.
//! * Where only **names speak** ([`Rule::Names`]), a channel is declared in each field of a
//!   well at every (t, z) at which any field of the acquisition has it. A channel that a
//!   well lacks altogether is absent from it by design, and said to be. A field that more
//!   than half of the wells have is declared in all of them.
//! * Of two files that claim one plane the first by name is taken. The other is counted as
//!   passed over, so the plate is not complete: its pixels are nowhere else.
//!
//! The reasons are in `docs/design/002-microscope-readers.md`.

mod assemble;
mod extent;
mod fields;
mod grid;
mod grouped;
mod notes;
mod pixels;
mod shared;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::{Hash, Hasher},
};

use foldhash::fast::RandomState;
use grid::Grid;
pub use notes::{Capped, list_wells};

use super::PlateFolder;
use crate::{
    Error, ErrorKind, PlaneShape, Result, WellPosition,
    model::{Acquisition, Channel, DeclaredPlate, PhysicalSize, PlaneSource, StagePosition},
};

/// Most planes of a plate, declared ones and those that its sizes span. A 1536-well plate
/// of 16 fields, 5 channels and 20 z-sections has 2.5 million.
pub const MAX_PLANES: u64 = 20_000_000;

/// One plane as its source numbers it, everything from 0: the vendor's number minus 1 where
/// the vendor counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPlane {
    /// The well.
    pub well: WellPosition,
    /// Acquisition.
    pub acquisition: u32,
    /// Field of the well.
    pub field: u32,
    /// Timepoint.
    pub t: u32,
    /// Channel.
    pub c: u32,
    /// Z-section.
    pub z: u32,
    /// Where it comes from, with the file's position in [`PlateFolder::files`]; `None` when
    /// it is declared and not there.
    pub source: Option<PlaneSource>,
}

/// How it is decided which planes are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By the names of the files that are there.
    Names,
    /// By metadata: exactly the planes that were added.
    Declared,
}

/// Where the stage stood for a field, by well, acquisition and field.
pub type Positions<'a> = Box<dyn Fn(WellPosition, u32, u32) -> Option<StagePosition> + Sync + 'a>;

/// What is known about a plate besides its planes.
pub struct PlateFacts<'a> {
    /// Name for people.
    pub name: String,
    /// Identifier in its source, when it has one.
    pub id: Option<String>,
    /// Name of the reader.
    pub microscope: &'static str,
    /// Name of the naming scheme.
    pub naming: &'static str,
    /// Rows of the grid; 0 when unknown: then those of the smallest plate of 96, 384 or
    /// 1536 wells that holds all wells.
    pub n_rows: u32,
    /// Columns of the grid; 0 when unknown.
    pub n_columns: u32,
    /// Acquisitions by number; those without an entry get no name.
    pub acquisitions: BTreeMap<u32, Acquisition>,
    /// Channels by number; those without an entry are called after `channel_prefix`.
    pub channels: BTreeMap<u32, Channel>,
    /// What stands before the number of a channel without a name, such as `w`.
    pub channel_prefix: &'static str,
    /// Size of a voxel.
    pub physical_size: PhysicalSize,
    /// Whether the first file's own pixel size counts where `physical_size` says nothing.
    pub trust_file_size: bool,
    /// Rows and columns of pixels, for plates of which no file can be read.
    pub plane_shape: Option<PlaneShape>,
    /// Where the stage stood.
    pub positions: Positions<'a>,
    /// Which planes are declared.
    pub rule: Rule,
}

impl PlateFacts<'_> {
    /// A plate called `name` of which nothing else is known.
    pub fn new(name: impl Into<String>, microscope: &'static str, naming: &'static str) -> Self {
        Self {
            name: name.into(),
            id: None,
            microscope,
            naming,
            n_rows: 0,
            n_columns: 0,
            acquisitions: BTreeMap::new(),
            channels: BTreeMap::new(),
            channel_prefix: "channel ",
            physical_size: PhysicalSize::default(),
            trust_file_size: false,
            plane_shape: None,
            positions: Box::new(|_, _, _| None),
            rule: Rule::Names,
        }
    }
}

impl fmt::Debug for PlateFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlateFacts")
            .field("name", &self.name)
            .field("microscope", &self.microscope)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

impl RawPlane {
    fn key(&self) -> ImageKey {
        ImageKey { well: self.well, acquisition: self.acquisition, field: self.field }
    }
}

/// An image by well, acquisition and field, as the source numbers them; in plate order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ImageKey {
    well: WellPosition,
    acquisition: u32,
    field: u32,
}

impl ImageKey {
    /// Its numbers, those first that come first in plate order.
    fn parts(self) -> [u32; 4] {
        [self.well.row, self.well.column, self.acquisition, self.field]
    }
}

/// In two numbers instead of four: it is done for every file.
impl Hash for ImageKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        state.write_u64(pair(self.well.row, self.well.column));
        state.write_u64(pair(self.acquisition, self.field));
    }
}

/// A plane of one of the images.
#[derive(Clone, Copy, Debug)]
struct Entry {
    image: u32,
    t: u32,
    c: u32,
    z: u32,
    source: Option<PlaneSource>,
}

/// Collects planes in any order and makes the plate of them.
#[derive(Debug, Default)]
pub struct PlateBuilder {
    /// Numbers of the first of `keys`; the others are added when a number is asked for.
    ids: HashMap<ImageKey, u32, RandomState>,
    keys: Vec<ImageKey>,
    entries: Vec<Entry>,
    last: Option<(ImageKey, u32)>,
    notes: Vec<String>,
}

impl PlateBuilder {
    /// A builder with room for `n_planes`.
    pub fn with_capacity(n_planes: usize) -> Self {
        Self { entries: Vec::with_capacity(n_planes), ..Self::default() }
    }

    /// Whether no plane was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a plane: one that is there, or with [`Rule::Declared`] one that should be. The
    /// same plane may be added both ways.
    ///
    /// # Errors
    /// `LimitExceeded` past [`MAX_PLANES`].
    pub fn push(&mut self, plane: RawPlane) -> Result<()> {
        if self.entries.len() as u64 >= MAX_PLANES {
            return Err(too_many(MAX_PLANES + 1));
        }
        let image = self.image(plane.key());
        let RawPlane { t, c, z, source, .. } = plane;
        self.entries.push(Entry { image, t, c, z, source });
        Ok(())
    }

    /// The planes below `n_planes` that `plane` gives. Faster than [`PlateBuilder::push`] for
    /// each where most wells have the same fields: images are then found by counting.
    ///
    /// # Errors
    /// `LimitExceeded` past [`MAX_PLANES`].
    pub fn collect(n_planes: usize, plane: impl Fn(usize) -> RawPlane) -> Result<Self> {
        if n_planes as u64 > MAX_PLANES {
            return Err(too_many(n_planes as u64));
        }
        let planes = || (0..n_planes).map(&plane);
        let grid = Grid::of(planes().map(|plane| plane.key()), 4 * n_planes + 4096);
        let Some((grid, n_places)) = grid else {
            let mut builder = Self::with_capacity(n_planes);
            planes().try_for_each(|plane| builder.push(plane))?;
            return Ok(builder);
        };
        let mut numbers: Vec<Option<u32>> = vec![None; n_places];
        planes().for_each(|plane| numbers[grid.place(plane.key())] = Some(0));
        let mut keys = Vec::new();
        for (place, number) in numbers.iter_mut().enumerate().filter(|(_, it)| it.is_some()) {
            *number = Some(keys.len() as u32);
            keys.push(grid.key(place));
        }
        let entry = |plane: RawPlane| {
            let image = numbers[grid.place(plane.key())].unwrap_or_default();
            let RawPlane { t, c, z, source, .. } = plane;
            Entry { image, t, c, z, source }
        };
        let entries = planes().map(entry).collect();
        Ok(Self { keys, entries, ..Self::default() })
    }

    /// Adds all planes and remarks of another builder after those of this one.
    ///
    /// # Errors
    /// `LimitExceeded` past [`MAX_PLANES`].
    pub fn append(&mut self, other: Self) -> Result<()> {
        let n_planes = self.entries.len() as u64 + other.entries.len() as u64;
        if n_planes > MAX_PLANES {
            return Err(too_many(n_planes));
        }
        self.notes.extend(other.notes);
        if self.is_empty() {
            let notes = std::mem::take(&mut self.notes);
            *self = Self { notes, ..other };
            return Ok(());
        }
        let numbers: Vec<u32> = other.keys.iter().map(|&key| self.image(key)).collect();
        let entries = other.entries.into_iter();
        let renumbered = |entry: Entry| Entry { image: numbers[entry.image as usize], ..entry };
        self.entries.extend(entries.map(renumbered));
        Ok(())
    }

    /// Adds a remark for people.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The number of an image, a new one for a new image.
    fn image(&mut self, key: ImageKey) -> u32 {
        if let Some((known, image)) = self.last
            && known == key
        {
            return image;
        }
        if self.ids.len() < self.keys.len() {
            let new = (self.ids.len() as u32..).zip(&self.keys[self.ids.len()..]);
            self.ids.extend(new.map(|(image, key)| (*key, image)));
        }
        let next = self.keys.len() as u32;
        let image = *self.ids.entry(key).or_insert(next);
        if image == next {
            self.keys.push(key);
        }
        self.last = Some((key, image));
        image
    }

    /// The plate of all planes that were added.
    ///
    /// # Errors
    /// `NotFound` without any plane; `LimitExceeded` when numbers span too many planes; as
    /// [`PlateFolder::describe_any`] when no file can be read and the metadata does not say
    /// what images are like.
    pub fn build(self, folder: &PlateFolder<'_>, facts: PlateFacts<'_>) -> Result<DeclaredPlate> {
        if self.entries.is_empty() {
            return Err(
                Error::not_found("no image of this kind is in the folder").with_path(folder.name())
            );
        }
        assemble::assemble(self, folder, facts)
    }
}

/// Rows and columns of the smallest plate of 96, 384 or 1536 wells that has so many; as they
/// are when none has.
pub(super) fn standard_grid(rows: u32, columns: u32) -> (u32, u32) {
    [(8, 12), (16, 24), (32, 48)]
        .into_iter()
        .find(|&(n_rows, n_columns)| rows <= n_rows && columns <= n_columns)
        .unwrap_or((rows, columns))
}

fn too_many(n_planes: u64) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("plate of {n_planes} planes or more; at most {MAX_PLANES} are read"),
    )
    .with_hint("is it a plate? A number in a file name may not mean what its place suggests")
}

#[cfg(test)]
mod tests;
