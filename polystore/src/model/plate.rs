//! Plates, wells and acquisitions.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, VirtualPath, WellPosition,
    model::{ImageStructure, NamingScheme, PassedOver, PlaneName, naming_scheme},
};

/// One run over the plate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquisition {
    /// Number that the source gives it.
    pub id: u32,
    /// Name for people; empty when there is none.
    pub name: String,
    /// Start in seconds since 1970-01-01 UTC.
    pub start_s: Option<i64>,
    /// End in seconds since 1970-01-01 UTC.
    pub end_s: Option<i64>,
}

/// Which field of which acquisition, both 0-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldKey {
    /// Index into the plate's acquisitions.
    pub acquisition: u32,
    /// Field of the well.
    pub field: u32,
}

/// One well with its images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WellStructure {
    /// Row and column.
    pub position: WellPosition,
    /// Images ordered by acquisition, then field.
    pub fields: Vec<ImageStructure>,
}

impl WellStructure {
    /// An empty well.
    pub fn new(position: WellPosition) -> Self {
        Self { position, fields: Vec::new() }
    }

    /// The image of `field` (0-based) in `acquisition`.
    pub fn field(&self, acquisition: u32, field: u32) -> Option<&ImageStructure> {
        let key = (acquisition, field);
        let at = self
            .fields
            .binary_search_by_key(&key, |image| (image.acquisition, image.field))
            .ok()?;
        self.fields.get(at)
    }
}

/// What a plate declares: its grid, wells, fields and acquisitions. Plain data, loaded once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateStructure {
    /// Name for people.
    pub name: String,
    /// Identifier in its source (an OMERO id, a barcode), when it has one.
    pub id: Option<String>,
    /// Rows of the grid, whether or not wells were imaged there.
    pub n_rows: u32,
    /// Columns of the grid.
    pub n_columns: u32,
    /// Runs over the plate; at least one.
    pub acquisitions: Vec<Acquisition>,
    /// Wells that are declared, ordered by row, then column.
    pub wells: Vec<WellStructure>,
    /// The microscope reader or format that made this structure (`imagexpress`, `ngff-0.5`).
    pub microscope: String,
    /// Name of the scheme that the plate's own plane names follow.
    pub naming: String,
    /// Image files and wells that nobody could read in the plate that this one was made of. How
    /// many planes they have is not known, so none are declared for them.
    #[serde(default)]
    pub passed_over: PassedOver,
}

impl PlateStructure {
    /// An empty plate of `n_rows` x `n_columns` with one acquisition and this crate's naming scheme.
    pub fn new(name: impl Into<String>, n_rows: u32, n_columns: u32) -> Self {
        Self {
            name: name.into(),
            id: None,
            n_rows,
            n_columns,
            acquisitions: vec![Acquisition::default()],
            wells: Vec::new(),
            microscope: "polystore".to_owned(),
            naming: "polystore".to_owned(),
            passed_over: PassedOver::default(),
        }
    }

    /// The well at `position`, if declared. O(log wells).
    pub fn well(&self, position: WellPosition) -> Option<&WellStructure> {
        let at = self.wells.binary_search_by_key(&position, |well| well.position).ok()?;
        self.wells.get(at)
    }

    /// The well at `position`, added empty if it was not declared.
    pub fn well_mut(&mut self, position: WellPosition) -> &mut WellStructure {
        let at = match self.wells.binary_search_by_key(&position, |well| well.position) {
            Ok(at) => at,
            Err(at) => {
                self.wells.insert(at, WellStructure::new(position));
                at
            }
        };
        &mut self.wells[at]
    }

    /// Adds an image to a well, keeping the order; the grid grows if the well is outside it.
    ///
    /// # Errors
    /// `AlreadyExists` when the well has an image for this field and acquisition.
    pub fn add_image(&mut self, position: WellPosition, image: ImageStructure) -> Result<()> {
        self.n_rows = self.n_rows.max(position.row + 1);
        self.n_columns = self.n_columns.max(position.column + 1);
        let well = self.well_mut(position);
        let key = (image.acquisition, image.field);
        match well.fields.binary_search_by_key(&key, |image| (image.acquisition, image.field)) {
            Ok(_) => Err(Error::new(
                crate::ErrorKind::AlreadyExists,
                format!("well {position} has field {} of acquisition {} already", key.1 + 1, key.0),
            )),
            Err(at) => {
                well.fields.insert(at, image);
                Ok(())
            }
        }
    }

    /// All images with their wells, in plate order: row, column, acquisition, field.
    pub fn images(&self) -> impl Iterator<Item = (WellPosition, &ImageStructure)> {
        self.wells
            .iter()
            .flat_map(|well| well.fields.iter().map(move |image| (well.position, image)))
    }

    /// Number of images.
    pub fn n_images(&self) -> usize {
        self.wells.iter().map(|well| well.fields.len()).sum()
    }

    /// Number of planes that the sizes of all images span.
    pub fn n_planes(&self) -> u64 {
        self.images().map(|(_, image)| image.sizes.n_planes()).sum()
    }

    /// The most fields that a well has.
    pub fn max_fields(&self) -> usize {
        self.wells.iter().map(|well| well.fields.len()).max().unwrap_or(0)
    }

    /// Position of every image in plate order, by path.
    pub fn image_ordinals(&self) -> HashMap<VirtualPath, usize> {
        self.images()
            .enumerate()
            .map(|(ordinal, (_, image))| (image.path.clone(), ordinal))
            .collect()
    }

    /// The acquisition that a user names: by its name (without case), or by its number from 1.
    ///
    /// # Errors
    /// `NotFound`, with a hint of what there is.
    pub fn find_acquisition(&self, wanted: &str) -> Result<u32> {
        let known = &self.acquisitions;
        let is_it = |acquisition: &Acquisition| {
            !acquisition.name.is_empty() && acquisition.name.eq_ignore_ascii_case(wanted)
        };
        let by_number =
            || wanted.parse::<usize>().ok()?.checked_sub(1).filter(|number| *number < known.len());
        let found = known.iter().position(is_it).or_else(by_number);
        found.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
            let label = |(number, acquisition): (usize, &Acquisition)| {
                format!("{} {}", number + 1, acquisition.name).trim_end().to_owned()
            };
            let all: Vec<_> = known.iter().enumerate().map(label).collect();
            let names: Vec<_> = known.iter().map(|acquisition| acquisition.name.as_str()).collect();
            let hint = match crate::suggest::nearest(wanted, &names).first() {
                Some(near) => format!("did you mean `{near}`? There are {}", all.join(", ")),
                None => format!("there are {}", all.join(", ")),
            };
            Error::not_found(format!("the plate has no acquisition `{wanted}`")).with_hint(hint)
        })
    }

    /// The plate's own naming scheme.
    ///
    /// # Errors
    /// `Unsupported` when the scheme is not registered in this process.
    pub fn naming_scheme(&self) -> Result<&'static dyn NamingScheme> {
        naming_scheme(&self.naming).ok_or_else(|| {
            Error::unsupported(format!("naming scheme `{}` is not registered", self.naming))
        })
    }

    /// What the plate's naming scheme needs to name a plane of `image`.
    pub fn plane_name(
        &self,
        position: WellPosition,
        image: &ImageStructure,
        index: crate::PlaneIndex,
    ) -> PlaneName {
        let acquisition = (self.acquisitions.len() > 1).then_some(image.acquisition);
        let t = (image.sizes.t > 1).then_some(index.t);
        PlaneName {
            well: position,
            field: Some(image.field),
            acquisition,
            t,
            c: Some(image.channel_number(index.c)),
            z: Some(index.z),
        }
    }

    /// The canonical path of an image below a plate: `/A01/A01_s001`, with the acquisition
    /// (`/A01/A01_a002_s001`) when the plate has several.
    pub fn canonical_image_path(
        position: WellPosition,
        acquisition: Option<u32>,
        field: u32,
    ) -> VirtualPath {
        let mut text = String::new();
        Self::write_canonical_image_path(&mut text, &position.to_string(), acquisition, field);
        VirtualPath::parse(&text).unwrap_or_else(|_| VirtualPath::root())
    }

    /// Adds [`Self::canonical_image_path`] to `text`, for a well that is in words already.
    pub(crate) fn write_canonical_image_path(
        text: &mut String,
        well: &str,
        acquisition: Option<u32>,
        field: u32,
    ) {
        text.extend(["/", well, "/", well]);
        let printed = |index: u32| u64::from(index) + 1;
        if let Some(acquisition) = acquisition {
            let _ = write!(text, "_a{:03}", printed(acquisition));
        }
        let _ = write!(text, "_s{:03}", printed(field));
    }

    /// Gives every image this many pyramid levels, but none that would be under 64 pixels.
    pub fn set_levels(&mut self, n_levels: u32) {
        for image in self.wells.iter_mut().flat_map(|well| &mut well.fields) {
            let side = image.sizes.y.max(image.sizes.x);
            let most = side.max(64).ilog2() - 64u32.ilog2() + 1;
            image.n_levels = n_levels.clamp(1, most);
        }
    }

    /// Checks that wells, acquisitions and images agree with one another.
    ///
    /// # Errors
    /// `InvalidInput` naming the well and what does not agree.
    pub fn check(&self) -> Result<()> {
        if self.acquisitions.is_empty() {
            return Err(Error::invalid_input("plate has no acquisition; declare at least one"));
        }
        // Most plates need no look at each path.
        let n_paths = if self.has_ordered_paths() { 0 } else { self.n_images() };
        let mut paths = HashSet::with_capacity_and_hasher(n_paths, RandomState::default());
        for well in &self.wells {
            self.check_well(well)?;
            for image in &well.fields {
                image.check()?;
                if image.path.is_root() {
                    return Err(Error::invalid_input(format!(
                        "an image of well {} has the path of the plate itself",
                        well.position
                    )));
                }
                if n_paths > 0 && !paths.insert(&image.path) {
                    return Err(Error::invalid_input(format!(
                        "two images share the path; well {}",
                        well.position
                    ))
                    .with_path(&image.path));
                }
            }
        }
        let ordered = self.wells.windows(2).all(|pair| pair[0].position < pair[1].position);
        if ordered {
            Ok(())
        } else {
            Err(Error::invalid_input("wells are not in order, or one is declared twice"))
        }
    }

    /// Whether each well has a folder of its own, in which the names of its images ascend: no
    /// two paths are the same then.
    fn has_ordered_paths(&self) -> bool {
        let mut folders =
            HashSet::with_capacity_and_hasher(self.wells.len(), RandomState::default());
        self.wells.iter().all(|well| {
            let mut names = well.fields.iter().map(|image| image.path.as_str().rsplit_once('/'));
            let Some(first) = names.next() else { return true };
            let Some((folder, mut last)) = first else { return false };
            folders.insert(folder)
                && names.all(|next| match next {
                    Some((other, name)) if other == folder && name > last => {
                        last = name;
                        true
                    }
                    _ => false,
                })
        })
    }

    fn check_well(&self, well: &WellStructure) -> Result<()> {
        let position = well.position;
        if position.row >= self.n_rows || position.column >= self.n_columns {
            return Err(Error::invalid_input(format!(
                "well {position} is outside the grid of {} x {}",
                self.n_rows, self.n_columns
            )));
        }
        let unknown =
            well.fields.iter().find(|image| image.acquisition as usize >= self.acquisitions.len());
        if let Some(image) = unknown {
            return Err(Error::invalid_input(format!(
                "well {position} names acquisition {} of {}",
                image.acquisition,
                self.acquisitions.len()
            )));
        }
        let key = |image: &ImageStructure| (image.acquisition, image.field);
        if !well.fields.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) {
            return Err(Error::invalid_input(format!(
                "fields of well {position} are not in order, or one is there twice"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelType, model::Sizes};

    fn image(field: u32) -> ImageStructure {
        let path = PlateStructure::canonical_image_path(WellPosition::new(31, 47), None, field);
        ImageStructure {
            field,
            ..ImageStructure::new(path, PixelType::U16, Sizes::new(1, 1, 1, 2, 2))
        }
    }

    #[test]
    fn wells_and_fields_stay_in_order() {
        let mut plate = PlateStructure::new("p", 1, 1);
        let last = WellPosition::new(31, 47);
        plate.add_image(last, image(1)).unwrap();
        plate.add_image(last, image(0)).unwrap();
        assert!(plate.add_image(last, image(0)).is_err());
        assert_eq!((plate.n_rows, plate.n_columns), (32, 48));
        assert_eq!(plate.well(last).unwrap().field(0, 1).unwrap().path.as_str(), "/AF48/AF48_s002");
        plate.check().unwrap();
        assert!(plate.well(WellPosition::new(0, 0)).is_none());
    }

    #[test]
    fn paths_that_two_images_share_are_found() {
        let at = |path: &str, field: u32| ImageStructure {
            path: VirtualPath::parse(path).unwrap(),
            ..image(field)
        };
        let plate = |images: &[(u32, &str)]| {
            let mut plate = PlateStructure::new("p", 1, 1);
            for (field, (column, path)) in (0..).zip(images) {
                plate.add_image(WellPosition::new(0, *column), at(path, field)).unwrap();
            }
            plate.check().map_err(|error| error.to_string())
        };
        for fine in [
            &[(0, "/a/1"), (0, "/a/2"), (1, "/b/1")][..],
            &[(0, "/a/2"), (0, "/a/1"), (1, "/b/1")],
            &[(0, "/a"), (1, "/b"), (2, "/a/b")],
            &[(0, "/a/1"), (1, "/a/2")],
        ] {
            assert_eq!(plate(fine), Ok(()), "{fine:?}");
        }
        for shared in [
            &[(0, "/a/1"), (0, "/a/1")][..],
            &[(0, "/a/2"), (0, "/a/1"), (0, "/a/2")],
            &[(0, "/a/1"), (1, "/a/1")],
            &[(0, "/a/1"), (0, "/b/1"), (1, "/b/1")],
        ] {
            assert!(plate(shared).unwrap_err().contains("share the path"), "{shared:?}");
        }
    }

    #[test]
    fn disagreement_is_found() {
        let mut plate = PlateStructure::new("p", 1, 1);
        plate
            .add_image(WellPosition::new(0, 0), ImageStructure { acquisition: 3, ..image(0) })
            .unwrap();
        assert!(plate.check().unwrap_err().to_string().contains("acquisition 3 of 1"));
    }
}
