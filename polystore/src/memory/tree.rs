//! The names of a memory backend: a tree of directories, plates, blobs and images.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    Entry, EntryKind, Error, ErrorKind, PlaneIndex, Result, VirtualPath,
    backend::{Annotation, Roi, Table},
    memory::planes::PlaneId,
    model::{ImageStructure, PlateIndex},
    natural,
};

/// One name with what is behind it and below it.
#[derive(Default)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) children: HashMap<Box<str>, Node>,
    pub(super) attached: Attached,
}

/// What is behind a name.
#[derive(Default)]
pub(super) enum Content {
    #[default]
    Directory,
    /// A directory that was declared a plate.
    Plate(Arc<PlateIndex>),
    Blob(Bytes),
    Image(Box<Image>),
}

/// An image and the planes of it that were written.
pub(super) struct Image {
    pub(super) structure: ImageStructure,
    pub(super) planes: HashMap<PlaneIndex, PlaneId>,
    /// It was declared; otherwise it is a single plane that may be replaced by any other.
    pub(super) declared: bool,
}

/// Tables, regions and annotations on a name.
#[derive(Default)]
pub(super) struct Attached {
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) rois: Vec<Roi>,
    pub(super) annotations: Vec<Annotation>,
}

impl Image {
    /// A declared image without planes.
    pub(super) fn declared(structure: ImageStructure) -> Self {
        Self { structure, planes: HashMap::new(), declared: true }
    }

    /// A place for one plane of any shape and type.
    pub(super) fn undeclared(structure: ImageStructure) -> Self {
        Self { declared: false, ..Self::declared(structure) }
    }
}

impl Node {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.content, Content::Directory | Content::Plate(_))
    }

    pub(super) fn get(&self, path: &VirtualPath) -> Option<&Self> {
        path.parts().try_fold(self, |node, part| node.children.get(part))
    }

    pub(super) fn get_mut(&mut self, path: &VirtualPath) -> Option<&mut Self> {
        path.parts().try_fold(self, |node, part| node.children.get_mut(part))
    }

    /// The node at `path`, which is made a directory where nothing is. Directories may
    /// stand below a declared image (labels belong to it), never below a file.
    pub(super) fn make_directories(&mut self, path: &VirtualPath) -> Result<&mut Self> {
        path.parts().try_fold(self, |node, part| {
            node.check_has_room()?;
            Ok(node.children.entry(part.into()).or_default())
        })
    }

    /// Makes the directories above `path`, so that something can be put there.
    pub(super) fn make_room(&mut self, path: &VirtualPath) -> Result<&mut Self> {
        let above = path.parent().ok_or_else(|| {
            Error::invalid_input("the root is always a directory").with_path(path)
        })?;
        let node = self.make_directories(&above)?;
        node.check_has_room()?;
        Ok(node)
    }

    fn check_has_room(&self) -> Result<()> {
        let is_file = match &self.content {
            Content::Blob(_) => true,
            Content::Image(image) => !image.declared,
            _ => false,
        };
        match is_file {
            true => Err(Error::new(
                ErrorKind::AlreadyExists,
                "a file stands where a directory is needed",
            )),
            false => Ok(()),
        }
    }

    /// Puts `content` at `path` in place of what was there, and makes the directories above.
    pub(super) fn put(&mut self, path: &VirtualPath, content: Content) -> Result<()> {
        let name = path.name().unwrap_or_default();
        self.make_room(path)?.children.entry(name.into()).or_default().content = content;
        Ok(())
    }

    /// Takes the node at `path` out of the tree.
    pub(super) fn take(&mut self, path: &VirtualPath) -> Option<Self> {
        self.get_mut(&path.parent()?)?.children.remove(path.name()?)
    }

    /// Checks that nothing is at `path` and that something could be put there.
    pub(super) fn check_is_free(&self, path: &VirtualPath) -> Result<()> {
        let mut node = self;
        for part in path.parts() {
            node.check_has_room()?;
            match node.children.get(part) {
                Some(child) => node = child,
                None => return Ok(()),
            }
        }
        let message = format!("something else is at {path}");
        Err(Error::new(ErrorKind::AlreadyExists, message))
    }

    /// Takes everything out of this node but what `plate` declares; `path` is the way from
    /// the plate to it. Planes come out as images of their own.
    pub(super) fn strip(&mut self, plate: &PlateIndex, path: &VirtualPath, taken: &mut Vec<Self>) {
        self.attached = Attached::default();
        if let Content::Image(image) = &mut self.content {
            let mut stripped = Image::declared(image.structure.clone());
            std::mem::swap(&mut stripped, image);
            taken.push(Self { content: Content::Image(stripped.into()), ..Self::default() });
        }
        for (name, mut child) in std::mem::take(&mut self.children) {
            match path.join(&name) {
                Ok(below) if plate.declares(&below) => {
                    child.strip(plate, &below, taken);
                    self.children.insert(name, child);
                }
                _ => taken.push(child),
            }
        }
    }

    /// Visits this node and all below.
    pub(super) fn visit(&self, visitor: &mut impl FnMut(&Self)) {
        visitor(self);
        self.children.values().for_each(|child| child.visit(visitor));
    }

    /// The nearest plate that `path` lies in, with its place and the way from it to `path`.
    pub(super) fn plate_above(
        &self,
        path: &VirtualPath,
    ) -> Option<(VirtualPath, &Arc<PlateIndex>, VirtualPath)> {
        path.ancestors().find_map(|above| match &self.get(&above)?.content {
            Content::Plate(plate) => {
                let below = path.strip_prefix(&above)?;
                Some((above, plate, below))
            }
            _ => None,
        })
    }

    /// This node as a listing shows it.
    pub(super) fn entry(&self, path: VirtualPath) -> Entry {
        let (kind, size_bytes) = match &self.content {
            Content::Directory | Content::Plate(_) => (EntryKind::Directory, None),
            Content::Blob(data) => (EntryKind::Blob, Some(data.len() as u64)),
            Content::Image(_) => (EntryKind::Image, None),
        };
        Entry { path, kind, size_bytes }
    }

    /// What is directly below, in natural order.
    pub(super) fn entries(&self, path: &VirtualPath) -> Result<Vec<Entry>> {
        let mut children: Vec<_> = self.children.iter().collect();
        children.sort_by(|(a, _), (b, _)| natural::compare(a, b));
        children.into_iter().map(|(name, child)| Ok(child.entry(path.join(name)?))).collect()
    }
}
