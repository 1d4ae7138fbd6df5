//! Changes to what a memory store holds. Each happens whole or not at all.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Result, VirtualPath, WriteMode,
    memory::{
        state::{State, nothing},
        tree::{Content, Image, Node},
    },
    model::{ImageStructure, PlateIndex, PlateStructure, Sizes, check_part},
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
        match self.root.get(path).map(|node| &node.content) {
            None | Some(Content::Directory) => {}
            Some(Content::Plate(there)) if **there.structure() == *structure => return Ok(()),
            Some(Content::Plate(_)) => return Err(exists("another plate is there")),
            Some(_) => return Err(exists("a file or image is there")),
        }
        for (_, image) in structure.images() {
            self.root.check_is_free(&path.append(&image.path))?;
        }
        let plate = self.root.make_directories(path)?;
        for (_, image) in structure.images() {
            plate.put(&image.path, Content::Image(Image::declared(image.clone()).into()))?;
        }
        plate.content = Content::Plate(Arc::new(PlateIndex::new(Arc::new(structure.clone()))));
        Ok(())
    }

    pub(super) fn extend_plate(
        &mut self,
        path: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<()> {
        structure.check()?;
        let there = match self.root.get(path).map(|node| &node.content) {
            Some(Content::Plate(there)) => Arc::clone(there.structure()),
            _ => return self.create_plate(path, structure),
        };
        check_part(&there, structure, |_| true)?;
        let known = there.image_ordinals();
        let more: Vec<&ImageStructure> = structure
            .images()
            .map(|(_, image)| image)
            .filter(|image| !known.contains_key(&image.path))
            .collect();
        for image in &more {
            self.root.check_is_free(&path.append(&image.path))?;
        }
        let plate = self.root.make_directories(path)?;
        for image in more {
            plate.put(&image.path, Content::Image(Image::declared(image.clone()).into()))?;
        }
        plate.content = Content::Plate(Arc::new(PlateIndex::new(Arc::new(structure.clone()))));
        Ok(())
    }

    pub(super) fn create_image(
        &mut self,
        path: &VirtualPath,
        image: &ImageStructure,
    ) -> Result<()> {
        image.check()?;
        let image = ImageStructure { path: path.clone(), ..image.clone() };
        if let Some(Content::Image(there)) = self.root.get(path).map(|node| &node.content) {
            let declared = ImageStructure { path: path.clone(), ..there.structure.clone() };
            return match there.declared && declared == image {
                true => Ok(()),
                false => Err(exists("another image is there")),
            };
        }
        self.root.check_is_free(path)?;
        if self.locate(path, PlaneIndex::default()).is_ok() {
            return Err(exists("a plane of a declared image has this name"));
        }
        self.root.put(path, Content::Image(Image::declared(image).into()))
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
        self.planes.release_blob(old_bytes);
        self.root.put(path, Content::Image(image.into()))
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
        let Some(node) = self.root.get(path) else { return self.delete_plane(path) };
        if node.is_directory() && !node.children.is_empty() && !recursive {
            return Err(Error::invalid_input("is not empty")
                .with_hint("delete recursively to delete what is in it too"));
        }
        let mut taken = Vec::new();
        match self.declaring_plate(path) {
            Some((plate, below)) => self.node_mut(path)?.strip(&plate, &below, &mut taken),
            None => taken.extend(self.root.take(path)),
        }
        taken.iter().for_each(|node| self.release(node));
        Ok(())
    }

    /// The plate that declares `path` as a well or an image, and the way from it to `path`.
    fn declaring_plate(&self, path: &VirtualPath) -> Option<(Arc<PlateIndex>, VirtualPath)> {
        let (_, plate, below) = self.root.plate_above(path)?;
        (!below.is_root() && plate.declares(&below)).then(|| (Arc::clone(plate), below))
    }

    /// Gives back the bytes of everything at and below a node that was taken out.
    fn release(&mut self, taken: &Node) {
        let mut planes = Vec::new();
        let mut blob_bytes = 0;
        taken.visit(&mut |node| match &node.content {
            Content::Image(image) => planes.extend(image.planes.values().copied()),
            Content::Blob(data) => blob_bytes += data.len() as u64,
            _ => {}
        });
        planes.into_iter().for_each(|id| self.planes.remove(id));
        self.planes.release_blob(blob_bytes);
    }

    /// Deletes one plane of a declared image by its name.
    fn delete_plane(&mut self, path: &VirtualPath) -> Result<()> {
        let located = self.locate(path, PlaneIndex::default())?;
        let (image, index) = (located.image.clone(), located.index);
        let id = located.id().ok_or_else(|| nothing(path))?;
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
        if self.declaring_plate(from).is_some() {
            return Err(Error::unsupported("a plate declares its wells and images where they are"));
        }
        self.root.make_room(to).map_err(|error| error.with_path(to))?;
        let taken = self.root.take(from).ok_or_else(|| nothing(from))?;
        let name = to.name().unwrap_or_default();
        self.root.make_room(to)?.children.insert(name.into(), taken);
        Ok(())
    }
}

fn exists(message: &'static str) -> Error {
    Error::new(ErrorKind::AlreadyExists, message)
}
