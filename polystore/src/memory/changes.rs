//! Changes to what a memory store holds. Each happens whole or not at all.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Result, VirtualPath, WriteMode,
    memory::{
        state::{State, nothing},
        tree::{Content, Image, Node},
    },
    model::{ImageStructure, PlateIndex, PlateStructure, Sizes},
};

/// Names under which one plane can be written without declaring an image.
const PLANE_EXTENSIONS: [&str; 4] = ["tif", "tiff", "png", "npy"];

impl State {
    pub(super) fn create_plate(
        &mut self,
        path: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<()> {
        structure.check()?;
        if let Some(node) = self.root.get(path) {
            match &node.content {
                Content::Plate(there) if **there.structure() == *structure => return Ok(()),
                Content::Plate(_) => return Err(exists("another plate is there")),
                Content::Directory if node.children.is_empty() => {}
                _ => return Err(exists("something else is there")),
            }
        }
        let mut plate = Node::default();
        for (_, image) in structure.images() {
            plate.put(&image.path, Content::Image(Image::declared(image.clone())))?;
        }
        let node = self.root.make_directories(path)?;
        node.content = Content::Plate(Arc::new(PlateIndex::new(Arc::new(structure.clone()))));
        node.children = plate.children;
        Ok(())
    }

    pub(super) fn create_image(
        &mut self,
        path: &VirtualPath,
        image: &ImageStructure,
    ) -> Result<()> {
        image.check()?;
        let image = ImageStructure { path: path.clone(), ..image.clone() };
        match self.locate(path, PlaneIndex::default()) {
            Ok(located) if located.image != *path => {
                return Err(exists("a plane of a declared image has this name"));
            }
            Ok(located) => {
                let there = ImageStructure { path: path.clone(), ..located.structure.clone() };
                let is_gone = located.planes.is_none();
                if there != image || self.is_undeclared(path) {
                    return Err(exists("another image is there"));
                } else if !is_gone {
                    return Ok(());
                }
            }
            Err(_) if self.root.get(path).is_some() => {
                return Err(exists("something else is there"));
            }
            Err(_) => {}
        }
        self.root.put(path, Content::Image(Image::declared(image)))
    }

    /// Stores one plane or part of one.
    pub(super) fn write(&mut self, request: &PlaneRequest, plane: &Plane) -> Result<()> {
        if self.is_file_of_its_own(request) {
            return self.write_file(&request.path, plane);
        }
        let located = self.locate(&request.path, request.index).map_err(|error| {
            error.with_hint(
                "declare the image first, or write index 0 to a name that ends in \
                 .tif, .tiff, .png or .npy",
            )
        })?;
        let resolved = PlaneRequest { index: located.index, ..request.clone() };
        let region = resolved.check_write(located.structure, plane)?;
        let (path, index, old) = (located.image.clone(), located.index, located.id());
        let shape = located.structure.sizes.plane_shape();
        if located.planes.is_none() {
            let again = Image::declared(located.structure.clone());
            self.root.put(&path, Content::Image(again))?;
        }
        let id = match (old, region == shape.full()) {
            (old, true) => self.planes.store(old, plane)?,
            (Some(id), false) => self.planes.write_region(id, region, plane)?,
            (None, false) => self.planes.store_region(shape, region, plane)?,
        };
        if let Content::Image(image) = &mut self.node_mut(&path)?.content {
            image.planes.insert(index, id);
        }
        Ok(())
    }

    /// Whether a whole plane may be written at a path where no image is declared.
    fn is_file_of_its_own(&self, request: &PlaneRequest) -> bool {
        let whole = PlaneRequest::new(request.path.clone(), PlaneIndex::default());
        let is_free = match self.root.get(&request.path).map(|node| &node.content) {
            None => self.locate(&request.path, request.index).is_err(),
            Some(Content::Blob(_)) => true,
            Some(Content::Image(image)) => !image.declared,
            Some(_) => false,
        };
        *request == whole
            && is_free
            && PLANE_EXTENSIONS.iter().any(|extension| request.path.has_extension(extension))
    }

    fn write_file(&mut self, path: &VirtualPath, plane: &Plane) -> Result<()> {
        let (old_plane, old_bytes) = match self.root.get(path).map(|node| &node.content) {
            Some(Content::Image(image)) => (image.planes.values().next().copied(), 0),
            Some(Content::Blob(data)) => (None, data.len() as u64),
            _ => (None, 0),
        };
        self.root.make_room(path)?;
        let shape = plane.shape();
        let sizes = Sizes::new(1, 1, 1, shape.height, shape.width);
        let structure = ImageStructure::new(path.clone(), plane.pixel_type(), sizes);
        structure.check()?;
        let mut image = Image::undeclared(structure);
        let id = self.planes.store(old_plane, plane)?;
        image.planes.insert(PlaneIndex::default(), id);
        self.planes.count_blob(old_bytes, 0)?;
        self.root.put(path, Content::Image(image))
    }

    pub(super) fn write_blob(
        &mut self,
        path: &VirtualPath,
        data: Bytes,
        mode: WriteMode,
    ) -> Result<()> {
        let there = self.root.get(path);
        if mode == WriteMode::CreateNew && there.is_some() {
            return Err(exists("something is there already"));
        }
        let (old_plane, old_bytes) = match there.map(|node| &node.content) {
            None => (None, 0),
            Some(Content::Blob(old)) => (None, old.len() as u64),
            Some(Content::Image(image)) if !image.declared => {
                (image.planes.values().next().copied(), 0)
            }
            Some(Content::Image(_)) => return Err(exists("a declared image has this name")),
            Some(_) => return Err(exists("a directory has this name")),
        };
        self.root.make_room(path)?;
        self.planes.count_blob(old_bytes, data.len() as u64)?;
        if let Some(id) = old_plane {
            self.planes.remove(id);
        }
        self.root.put(path, Content::Blob(data))
    }

    pub(super) fn create_directory(&mut self, path: &VirtualPath) -> Result<()> {
        match self.root.get(path) {
            Some(node) if node.is_directory() => Ok(()),
            Some(_) => Err(exists("a file or image has this name")),
            None => self.root.make_directories(path).map(|_| ()),
        }
    }

    pub(super) fn delete(&mut self, path: &VirtualPath, recursive: bool) -> Result<()> {
        if path.is_root() {
            return Err(Error::invalid_input("the root cannot be deleted"));
        }
        match self.root.get(path) {
            Some(node) if !node.children.is_empty() && !recursive => {
                return Err(Error::invalid_input("is not empty")
                    .with_hint("delete recursively to delete what is in it too"));
            }
            Some(_) => {}
            None => return self.delete_plane(path),
        }
        let taken = self.root.take(path).ok_or_else(|| nothing(path))?;
        let mut planes = Vec::new();
        let mut blob_bytes = 0;
        taken.visit(&mut |node| match &node.content {
            Content::Image(image) => planes.extend(image.planes.values().copied()),
            Content::Blob(data) => blob_bytes += data.len() as u64,
            _ => {}
        });
        planes.into_iter().for_each(|id| self.planes.remove(id));
        self.planes.count_blob(blob_bytes, 0)
    }

    /// Deletes one plane of a declared image by its name.
    fn delete_plane(&mut self, path: &VirtualPath) -> Result<()> {
        let located = self.locate(path, PlaneIndex::default())?;
        let (image, index) = (located.image.clone(), located.index);
        let id = located.id().filter(|_| image != *path).ok_or_else(|| nothing(path))?;
        self.planes.remove(id);
        if let Content::Image(image) = &mut self.node_mut(&image)?.content {
            image.planes.remove(&index);
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        if from.is_root() {
            return Err(Error::invalid_input("the root cannot be moved"));
        }
        self.node(from)?;
        if self.stat(to).is_ok() {
            return Err(exists("something is there already").with_path(to));
        }
        if to.starts_with(from) {
            return Err(Error::invalid_input(format!("cannot be moved into itself, to {to}")));
        }
        self.root.make_room(to).map_err(|error| error.with_path(to))?;
        let taken = self.root.take(from).ok_or_else(|| nothing(from))?;
        let name = to.name().unwrap_or_default();
        self.root.make_room(to)?.children.insert(name.into(), taken);
        Ok(())
    }

    fn is_undeclared(&self, path: &VirtualPath) -> bool {
        let content = self.root.get(path).map(|node| &node.content);
        matches!(content, Some(Content::Image(image)) if !image.declared)
    }
}

fn exists(message: &'static str) -> Error {
    Error::new(ErrorKind::AlreadyExists, message)
}
