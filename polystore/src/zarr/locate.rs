//! From paths to images and planes.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    NgffVersion, ZarrBackend,
    image::OpenImage,
    metadata::{Node, open_node},
    plate::OpenPlate,
    store::Found,
};
use crate::{Error, PlaneIndex, Result, VirtualPath, model::ImageStructure};

/// An image and the plane of it that a path addresses.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) image: Arc<OpenImage>,
    pub(super) index: PlaneIndex,
    /// The path is a plane's name, not the image's.
    pub(super) is_plane: bool,
}

/// Images outside of opened plates, by path.
#[derive(Debug, Default)]
pub(super) struct Images(RwLock<HashMap<VirtualPath, Arc<OpenImage>>>);

/// Most images that are kept open.
const MAX_KEPT: usize = 1 << 16;

impl Images {
    fn get(&self, path: &VirtualPath) -> Option<Arc<OpenImage>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn keep(&self, path: &VirtualPath, image: OpenImage) -> Arc<OpenImage> {
        let image = Arc::new(image);
        let mut images = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if images.len() >= MAX_KEPT {
            images.clear();
        }
        images.insert(path.clone(), Arc::clone(&image));
        image
    }

    /// Forgets the images at and below `path`.
    pub(super) fn forget(&self, path: &VirtualPath) {
        let mut images = self.0.write().unwrap_or_else(PoisonError::into_inner);
        images.retain(|image, _| !image.starts_with(path));
    }
}

impl ZarrBackend {
    /// Finds the plane `index` of `path`: of an image, or a single plane by its name in a
    /// plate. A plate is opened only where a name needs it.
    ///
    /// # Errors
    /// `NotFound` when nothing is there, `InvalidData` when it is no image.
    pub(super) fn locate(&self, path: &VirtualPath, index: PlaneIndex) -> Result<Located> {
        if let Some(located) = self.locate_in_opened(path, index)? {
            return Ok(located);
        }
        if let Some(image) = self.image_at(path)? {
            return Ok(Located { image, index, is_plane: false });
        }
        if self.open_plate_above(path)?
            && let Some(located) = self.locate_in_opened(path, index)?
        {
            return Ok(located);
        }
        Err(match self.store.look(path.relative())? {
            Some(Found::Directory) => Error::invalid_data("is a directory, no image"),
            Some(Found::File(_)) => Error::invalid_data("is a file, no image"),
            None => nothing(),
        })
    }

    fn locate_in_opened(&self, path: &VirtualPath, index: PlaneIndex) -> Result<Option<Located>> {
        let Some((at, below, plate)) = self.plates.above(path) else { return Ok(None) };
        let Some((ordinal, resolved)) = plate.index.resolve(&below, index) else {
            return Ok(None);
        };
        let Some((_, structure)) = plate.index.image(ordinal) else { return Ok(None) };
        let image = self.image_of(&at, &plate, ordinal)?;
        Ok(Some(Located { image, index: resolved, is_plane: below != structure.path }))
    }

    /// The image at `path` by itself.
    pub(super) fn image_at(&self, path: &VirtualPath) -> Result<Option<Arc<OpenImage>>> {
        if let Some(image) = self.images.get(path) {
            return Ok(Some(image));
        }
        let version = self.options.version;
        let opened = OpenImage::open(&self.store, path.relative(), path.clone(), version)?;
        Ok(opened.map(|image| self.images.keep(path, image)))
    }

    /// Opens the plate that `path` lies in, if there is one that is not open yet.
    pub(super) fn open_plate_above(&self, path: &VirtualPath) -> Result<bool> {
        if self.plates.above(path).is_some() {
            return Ok(false);
        }
        for above in path.ancestors().skip(1) {
            if self.is_plate(&above) {
                self.open_plate(&above)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a plate was declared at `path`.
    pub(super) fn is_plate(&self, path: &VirtualPath) -> bool {
        let node = open_node(&self.store, path.relative(), NgffVersion::default());
        matches!(node, Ok(Some(Node::Group(_, group))) if group.plate.is_some())
    }

    /// The plate at or above `path` with its place, opened if need be.
    pub(super) fn plate_above(
        &self,
        path: &VirtualPath,
    ) -> Result<Option<(VirtualPath, VirtualPath, Arc<OpenPlate>)>> {
        self.open_plate_above(path)?;
        Ok(self.plates.above(path))
    }

    /// The image or single plane at `path` as the model has it.
    pub(super) fn describe_path(&self, path: &VirtualPath) -> Result<ImageStructure> {
        // What a plate says of an image (its field, its acquisition) belongs to it.
        self.open_plate_above(path)?;
        if let Some(declared) = self.declared(path) {
            return Ok(declared);
        }
        let Located { image, index, is_plane } = self.locate(path, PlaneIndex::default())?;
        let mut structure = ImageStructure { path: path.clone(), ..image.structure.clone() };
        if is_plane {
            structure = structure.single_plane(index);
        }
        Ok(structure)
    }

    /// What an opened plate declares at `path`, whether or not it is stored.
    fn declared(&self, path: &VirtualPath) -> Option<ImageStructure> {
        let (_, below, plate) = self.plates.above(path)?;
        let (ordinal, index) = plate.index.resolve(&below, PlaneIndex::default())?;
        let (_, image) = plate.index.image(ordinal)?;
        let mut structure = ImageStructure { path: path.clone(), ..image.clone() };
        if below != image.path {
            structure = structure.single_plane(index);
        }
        Some(structure)
    }
}

pub(super) fn nothing() -> Error {
    Error::not_found("nothing is here")
}
