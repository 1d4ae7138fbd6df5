//! Opens plates: every well and image is read once, in parallel.

mod build;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    ops::ControlFlow,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use build::Building;

use super::{
    NgffVersion,
    image::{Arrays, Described, Layout, OpenImage, describe},
    metadata::{Group, Node, WellEntry, WellImage, open_node},
    store::{Store, join, split},
};
use crate::{
    Error, ErrorKind, Result, VirtualPath, fan_out,
    model::{ImageStructure, PassedOver, PlateIndex, PlateStructure},
    words::count,
};

/// An opened plate.
#[derive(Debug)]
pub(super) struct OpenPlate {
    pub(super) index: PlateIndex,
    /// The plate's directory in the store.
    name: String,
    pub(super) version: NgffVersion,
    images: Vec<ImageSlot>,
    /// Remarks for people, found when it was opened.
    pub(super) notes: Vec<String>,
    /// Wells of which nobody can say which images they have.
    pub(super) passed_over: PassedOver,
}

/// How an image of a plate is reached.
#[derive(Debug)]
struct ImageSlot {
    /// `None`: it is not known yet. An error: its metadata cannot be read.
    layout: Option<Result<Arc<Layout>>>,
    opened: OnceLock<Arc<OpenImage>>,
}

/// What a plate is made of, while it is read.
struct FoundImage {
    path: VirtualPath,
    acquisition: Option<u32>,
    described: Result<Described>,
}

impl OpenPlate {
    /// Opens the plate in the directory `name`.
    ///
    /// # Errors
    /// `NotFound` when nothing is there, `InvalidData` when it is no plate or does not hold
    /// together.
    pub(super) fn open(store: &Store, name: &str, threads: NonZeroUsize) -> Result<Self> {
        let node = open_node(store, name, NgffVersion::default())
            .map_err(|error| error.with_backend(format!("zarr:{}", store.location().display())))?;
        let (version, group) = match node {
            Some(Node::Group(version, group)) => (version, *group),
            Some(Node::Array(_)) => return Err(no_plate("is an array, no plate")),
            None if store.look(name)?.is_none() => return Err(Error::not_found("nothing is here")),
            None => return Err(no_plate("is no plate; it has no NGFF metadata")),
        };
        let Some(plate) = group.plate else { return Err(what_it_is(store, name, &group)) };
        let grid = plate.check()?;
        let extra = group.extra.and_then(|extra| extra.plate);
        let wells = read_wells(store, name, version, &grid.wells, threads);
        let mut building = Building::new(store, name, version, grid, extra);
        for (entry, images) in wells {
            building.add_well(&entry, images);
        }
        building.finish()
    }

    /// A plate whose structure is known; its images are read when they are needed.
    pub(super) fn of_structure(
        name: String,
        version: NgffVersion,
        structure: Arc<PlateStructure>,
        notes: Vec<String>,
        passed_over: PassedOver,
    ) -> Self {
        let n_images = structure.n_images();
        let slot = || ImageSlot { layout: None, opened: OnceLock::new() };
        let images = std::iter::repeat_with(slot).take(n_images).collect();
        Self { index: PlateIndex::new(structure), name, version, images, notes, passed_over }
    }

    pub(super) fn structure(&self) -> &Arc<PlateStructure> {
        self.index.structure()
    }

    /// Whether the metadata of image number `ordinal` were read.
    pub(super) fn is_described(&self, ordinal: usize) -> bool {
        self.images.get(ordinal).is_some_and(|slot| matches!(slot.layout, Some(Ok(_))))
    }

    /// The image number `ordinal` of the plate, which is at `path` in the backend.
    ///
    /// # Errors
    /// `InvalidData` when its metadata are damaged; `MissingPlane` when they are absent;
    /// `Conflict` when it is another than the structure says, which was cached.
    pub(super) fn image(
        &self,
        store: &Store,
        path: &VirtualPath,
        ordinal: usize,
    ) -> Result<Arc<OpenImage>> {
        let unknown = || Error::internal("image is not of this plate").with_path(path);
        let slot = self.images.get(ordinal).ok_or_else(unknown)?;
        if let Some(opened) = slot.opened.get() {
            return Ok(Arc::clone(opened));
        }
        let (_, structure) = self.index.image(ordinal).ok_or_else(unknown)?;
        let name = join(&self.name, structure.path.relative());
        let path = path.append(&structure.path);
        let layout = match &slot.layout {
            Some(Ok(layout)) => Arc::clone(layout),
            Some(Err(error)) => return Err(error.duplicate()),
            None => self.layout_now(store, &name, structure)?,
        };
        let structure = ImageStructure { path, ..structure.clone() };
        let opened = Arc::new(OpenImage::new(name, structure, layout));
        Ok(Arc::clone(slot.opened.get_or_init(|| opened)))
    }

    /// The layout of an image that is known from the cache only.
    fn layout_now(
        &self,
        store: &Store,
        name: &str,
        expected: &ImageStructure,
    ) -> Result<Arc<Layout>> {
        let there = OpenImage::open(store, name, expected.path.clone(), self.version)?;
        let there = there.ok_or_else(|| without_metadata(store, name))?;
        let found = &there.structure;
        let key = |image: &ImageStructure| (image.sizes, image.pixel_type, image.n_levels);
        if key(found) == key(expected) {
            return Ok(there.layout);
        }
        Err(Error::new(ErrorKind::Conflict, "image is another than was cached").with_path(name))
    }
}

/// Says what a group is that is no plate, and which plate may have been meant.
fn what_it_is(store: &Store, name: &str, group: &Group) -> Error {
    let mut above = name;
    let plate = loop {
        if above.is_empty() {
            break None;
        }
        above = split(above).0;
        let node = open_node(store, above, NgffVersion::default());
        if matches!(node, Ok(Some(Node::Group(_, group))) if group.plate.is_some()) {
            break Some(store.location().join(above).display().to_string());
        }
    };
    let (what, advice) = match (&group.labels, &plate) {
        _ if group.well.is_some() => ("is a well of a plate, no plate", None),
        _ if group.is_image() => (
            "is an image, no plate",
            Some("`polystore info` and `polystore cp` take single images".to_owned()),
        ),
        (Some(labels), _) => {
            let first = labels.first().map(|label| format!(": open one, such as {name}/{label}"));
            let advice = format!("it holds {}", count(labels.len(), "label image"));
            (
                "lists the labels of an image, and is no plate",
                Some(advice + &first.unwrap_or_default()),
            )
        }
        (None, Some(_)) => ("is a row of a plate, or another part of it, no plate", None),
        (None, None) => ("is no plate; its NGFF metadata describe something else", None),
    };
    let error = no_plate(what);
    match (plate.map(|plate| format!("open the plate, {plate}")), advice) {
        (Some(plate), Some(advice)) => error.with_hint(format!("{plate}; {advice}")),
        (Some(advice), None) | (None, Some(advice)) => error.with_hint(advice),
        (None, None) => error,
    }
}

fn no_plate(message: &'static str) -> Error {
    Error::invalid_data(message)
}

fn absent(name: &str) -> Error {
    Error::new(ErrorKind::MissingPlane, "image is declared by its well, but it was never stored")
        .with_path(name)
}

/// Why an image without metadata cannot be read: it was lost, or never stored; or its
/// metadata alone were.
fn without_metadata(store: &Store, name: &str) -> Error {
    // What a writer that was killed leaves has a name with a point before it.
    let listed = store.list(name).ok().flatten().unwrap_or_default();
    match listed.iter().any(|entry| !entry.name.starts_with('.')) {
        true => Error::invalid_data("the folder of an image has no NGFF metadata").with_path(name),
        false => absent(name),
    }
}

type FoundWell = (WellEntry, Result<Vec<FoundImage>>);

fn read_wells(
    store: &Store,
    plate: &str,
    version: NgffVersion,
    entries: &[WellEntry],
    threads: NonZeroUsize,
) -> Vec<FoundWell> {
    let arrays = Arrays::default();
    let slots: Vec<OnceLock<Result<Vec<FoundImage>>>> =
        entries.iter().map(|_| OnceLock::new()).collect();
    fan_out::for_each(threads, entries.len(), |number| {
        let name = join(plate, entries[number].path.relative());
        let _ = slots[number].set(read_well(store, &name, version, &arrays));
        ControlFlow::Continue(())
    });
    let unread = || Err(Error::internal("well was not read"));
    let wells = entries.iter().cloned();
    wells.zip(slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(unread))).collect()
}

fn read_well(
    store: &Store,
    name: &str,
    version: NgffVersion,
    arrays: &Arrays,
) -> Result<Vec<FoundImage>> {
    let images = match open_node(store, name, version)? {
        Some(Node::Group(_, group)) => match group.well {
            Some(well) => well.check(),
            None => Err(Error::invalid_data("the group of a well has no list of images")),
        },
        Some(Node::Array(_)) => Err(Error::invalid_data("is an array, no well")),
        None => Err(Error::not_found("well is listed by the plate, but it is not there")),
    };
    let images = images.map_err(|error| error.with_path(name))?;
    Ok(images.into_iter().map(|image| read_image(store, name, image, version, arrays)).collect())
}

fn read_image(
    store: &Store,
    well: &str,
    image: WellImage,
    version: NgffVersion,
    arrays: &Arrays,
) -> FoundImage {
    let name = join(well, image.path.relative());
    let described = match open_node(store, &name, version) {
        Ok(Some(Node::Group(version, group))) => describe(store, &name, version, *group, arrays),
        Ok(Some(Node::Array(_))) => Err(Error::invalid_data("is an array, no image")),
        Ok(None) => Err(without_metadata(store, &name)),
        Err(error) => Err(error),
    };
    let described = described.map_err(|error| error.with_path(name));
    FoundImage { path: image.path, acquisition: image.acquisition, described }
}

/// The opened plates of a backend by path.
#[derive(Debug, Default)]
pub(super) struct Plates(Mutex<HashMap<VirtualPath, Arc<OpenPlate>>>);

impl Plates {
    pub(super) fn get(&self, path: &VirtualPath) -> Option<Arc<OpenPlate>> {
        self.lock().get(path).cloned()
    }

    /// Keeps an opened plate; the one that was there first wins.
    pub(super) fn keep(&self, path: &VirtualPath, plate: OpenPlate) -> Arc<OpenPlate> {
        Arc::clone(self.lock().entry(path.clone()).or_insert_with(|| Arc::new(plate)))
    }

    /// The innermost opened plate at or above `path`, where it is, and `path` relative to it.
    pub(super) fn above(
        &self,
        path: &VirtualPath,
    ) -> Option<(VirtualPath, VirtualPath, Arc<OpenPlate>)> {
        let plates = self.lock();
        if plates.is_empty() {
            return None;
        }
        path.ancestors().find_map(|above| {
            let plate = plates.get(&above)?;
            Some((above.clone(), path.strip_prefix(&above)?, Arc::clone(plate)))
        })
    }

    /// Forgets the plates at, below and above `path`.
    pub(super) fn forget(&self, path: &VirtualPath) {
        self.lock().retain(|plate, _| !plate.starts_with(path) && !path.starts_with(plate));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<VirtualPath, Arc<OpenPlate>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ZarrBackend, ZarrOptions};
    use crate::{
        PixelType, Plate, VirtualBackend, VirtualPath,
        model::{ImageStructure, InventoryCounts, PlateStructure, Sizes},
    };

    /// A store with fields 1, 2 and 3 of one well, each with as many sections as its number.
    fn store(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let well = "B02".parse().unwrap();
        let mut structure = PlateStructure::new("p", 8, 12);
        for field in 1..=3 {
            let path = VirtualPath::parse(&format!("/B/02/{}", field - 1)).unwrap();
            let image = ImageStructure::new(path, PixelType::U8, Sizes::new(1, 1, field, 4, 4));
            structure.add_image(well, ImageStructure { field, ..image }).unwrap();
        }
        let store = ZarrBackend::create(folder, ZarrOptions::default()).unwrap();
        store.create_plate(&VirtualPath::root(), &structure).unwrap();
        (0..3).map(|at| folder.join(format!("B/02/{at}"))).collect()
    }

    fn open(folder: &std::path::Path) -> (Vec<(u32, u32)>, InventoryCounts) {
        let store = std::sync::Arc::new(ZarrBackend::open(folder).unwrap());
        let plate = Plate::open(store, VirtualPath::root()).unwrap();
        let fields = plate.structure().images().map(|(_, image)| (image.field, image.sizes.z));
        (fields.collect(), plate.inventory().unwrap().counts())
    }

    #[test]
    fn an_image_that_cannot_be_read_shifts_no_field_and_is_like_another() {
        let folder = tempfile::tempdir().unwrap();
        let images = store(folder.path());
        assert_eq!(open(folder.path()).0, [(1, 1), (2, 2), (3, 3)]);
        std::fs::write(images[1].join("zarr.json"), "{").unwrap();
        let (fields, counts) = open(folder.path());
        assert_eq!(fields, [(1, 1), (2, 1), (3, 3)]);
        assert_eq!((counts.corrupt, counts.missing), (1, 4));
        std::fs::remove_file(images[1].join("zarr.json")).unwrap();
        assert_eq!(open(folder.path()).1.corrupt, 1);
        std::fs::remove_dir_all(&images[1]).unwrap();
        let (fields, counts) = open(folder.path());
        assert_eq!((fields[1], counts.corrupt, counts.missing), ((2, 1), 0, 5));
    }
}
