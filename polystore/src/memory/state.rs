//! What a memory store holds, and how paths find it.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use crate::{
    Entry, EntryKind, Error, ErrorKind, PlaneIndex, PlaneRequest, Result, VirtualPath,
    memory::{
        planes::{Found, PlaneId, PlaneStore},
        tree::{Content, Image, Node},
    },
    model::{ImageInventory, ImageKind, ImageStructure, Inventory, PlateIndex},
};

/// Everything in a memory store.
pub(super) struct State {
    pub(super) root: Node,
    pub(super) planes: PlaneStore,
}

/// The image and the plane of it that a path addresses.
pub(super) struct Located<'a> {
    /// Where the image is.
    pub(super) image: VirtualPath,
    pub(super) structure: &'a ImageStructure,
    pub(super) planes: &'a HashMap<PlaneIndex, PlaneId>,
    pub(super) index: PlaneIndex,
}

impl Located<'_> {
    pub(super) fn id(&self) -> Option<PlaneId> {
        self.planes.get(&self.index).copied()
    }
}

/// A plane that was found, before levels and regions are made of it.
pub(super) struct StoredPlane {
    pub(super) id: PlaneId,
    pub(super) found: Found,
    pub(super) kind: ImageKind,
}

impl State {
    pub(super) fn new(planes: PlaneStore) -> Self {
        Self { root: Node::default(), planes }
    }

    /// The node at `path`.
    pub(super) fn node(&self, path: &VirtualPath) -> Result<&Node> {
        self.root.get(path).ok_or_else(|| nothing(path))
    }

    /// The node at `path`, to change it.
    pub(super) fn node_mut(&mut self, path: &VirtualPath) -> Result<&mut Node> {
        self.root.get_mut(path).ok_or_else(|| nothing(path))
    }

    pub(super) fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        if let Some(node) = self.root.get(path) {
            return Ok(node.entry(path.clone()));
        }
        let stored = self.locate(path, PlaneIndex::default()).ok();
        match stored.and_then(|located| located.id()) {
            Some(id) if self.planes.is_complete(id) => {
                Ok(Entry { path: path.clone(), kind: EntryKind::Image, size_bytes: None })
            }
            _ => Err(nothing(path)),
        }
    }

    pub(super) fn list(&self, path: &VirtualPath) -> Result<Vec<Entry>> {
        let node = self.node(path)?;
        if node.is_directory() {
            return node.entries(path);
        }
        Err(Error::invalid_input("is not a directory"))
    }

    pub(super) fn plate(&self, path: &VirtualPath) -> Result<&Arc<PlateIndex>> {
        match &self.node(path)?.content {
            Content::Plate(plate) => Ok(plate),
            _ => Err(Error::invalid_data("is not a plate; nothing was declared here")),
        }
    }

    pub(super) fn inventory(&self, path: &VirtualPath) -> Result<Inventory> {
        let plate = self.plate(path)?;
        let images = plate.structure().images();
        let states =
            images.map(|(_, image)| self.image_inventory(&path.append(&image.path), image));
        Ok(Inventory { images: states.collect(), ..Inventory::default() })
    }

    fn image_inventory(&self, path: &VirtualPath, declared: &ImageStructure) -> ImageInventory {
        let Some(Content::Image(image)) = self.root.get(path).map(|node| &node.content) else {
            return ImageInventory::of_image(declared, |_| false);
        };
        ImageInventory::of_image(declared, |index| {
            image.planes.get(&index).is_some_and(|&id| self.planes.is_complete(id))
        })
    }

    pub(super) fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        let located = self.locate(path, PlaneIndex::default())?;
        let mut image = ImageStructure { path: path.clone(), ..located.structure.clone() };
        if located.image != *path {
            image = image.single_plane(located.index);
        }
        Ok(image)
    }

    /// Finds the stored plane that `request` needs.
    pub(super) fn read(&self, request: &PlaneRequest) -> Result<StoredPlane> {
        let located = self.locate(&request.path, request.index)?;
        let resolved = PlaneRequest { index: located.index, ..request.clone() };
        resolved.check_read(located.structure)?;
        let missing = |message: &'static str| {
            Error::new(ErrorKind::MissingPlane, message)
                .with_path(request)
                .with_hint("write the plane first, or ask the inventory which planes are there")
        };
        let id = located.id().ok_or_else(|| missing("the plane was never stored"))?;
        let needed = request.region.filter(|_| request.level == 0);
        let found = self.planes.read(id, needed)?;
        let found = found.ok_or_else(|| missing("the plane was stored only in part"))?;
        Ok(StoredPlane { id, found, kind: located.structure.kind })
    }

    pub(super) fn read_blob(&self, path: &VirtualPath) -> Result<Bytes> {
        match &self.node(path)?.content {
            Content::Blob(data) => Ok(data.clone()),
            Content::Image(_) => {
                Err(Error::invalid_input("is an image, not a file; read its planes"))
            }
            _ => Err(Error::invalid_input("is a directory, not a file")),
        }
    }

    /// Finds what `path` addresses: an image, or a plane by its name in a declared plate.
    pub(super) fn locate(&self, path: &VirtualPath, index: PlaneIndex) -> Result<Located<'_>> {
        match self.root.get(path).map(|node| &node.content) {
            Some(Content::Image(image)) => Ok(located(path.clone(), image, index)),
            Some(_) => Err(Error::invalid_data("is not an image").with_path(path)),
            None => self.locate_by_name(path, index).ok_or_else(|| nothing(path)),
        }
    }

    fn locate_by_name(&self, path: &VirtualPath, index: PlaneIndex) -> Option<Located<'_>> {
        let (plate_path, plate, below) = self.root.plate_above(path)?;
        let (ordinal, index) = plate.resolve(&below, index)?;
        let (_, structure) = plate.image(ordinal)?;
        let at = plate_path.append(&structure.path);
        match &self.root.get(&at)?.content {
            Content::Image(image) => Some(located(at, image, index)),
            _ => None,
        }
    }
}

fn located(path: VirtualPath, image: &Image, index: PlaneIndex) -> Located<'_> {
    Located { image: path, structure: &image.structure, planes: &image.planes, index }
}

pub(super) fn nothing(path: &VirtualPath) -> Error {
    Error::not_found("nothing is here").with_path(path)
}
