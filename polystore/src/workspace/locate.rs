//! What a path of a workspace is: part of the mapped plate, or something of the overlay.

use super::{Workspace, overlay};
use crate::{Error, ErrorKind, PlaneIndex, Result, VirtualPath, model::ImageStructure};

/// What a path is. Images are told by their position in plate order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The root: the mapped plate.
    Plate,
    /// A well, or another folder of the mapped plate.
    Folder,
    /// An image of the mapped plate.
    Image(usize),
    /// A single plane of the mapped plate, by its name.
    Plane(usize, PlaneIndex),
    /// Below an image of the mapped plate, such as its labels, and the way from it.
    Below(usize, VirtualPath),
    /// Where the overlay keeps what belongs to the workspace itself.
    Internal,
    /// Anything else: the overlay's.
    Other,
}

impl Workspace {
    pub(super) fn at(&self, path: &VirtualPath) -> At {
        let index = &self.mapping.index;
        if path.is_root() {
            return At::Plate;
        }
        if path.parts().next() == Some(overlay::INTERNAL) {
            return At::Internal;
        }
        if let Some(ordinal) = index.ordinal(path) {
            return At::Image(ordinal);
        }
        if index.below(path).is_some() {
            return At::Folder;
        }
        if let Some((ordinal, plane)) = index.resolve(path, PlaneIndex::default()) {
            return At::Plane(ordinal, plane);
        }
        path.ancestors()
            .skip(1)
            .find_map(|above| {
                let ordinal = index.ordinal(&above)?;
                Some(At::Below(ordinal, path.strip_prefix(&above)?))
            })
            .unwrap_or(At::Other)
    }

    /// The image number `ordinal` as the workspace declares it.
    pub(super) fn image(&self, ordinal: usize) -> Result<&ImageStructure> {
        let (_, image) =
            self.mapping.index.image(ordinal).ok_or_else(|| {
                Error::internal("a workspace looked for an image it does not have")
            })?;
        Ok(image)
    }

    /// Refuses to put something new at `path` where the mapped plate has something, or
    /// below one of its planes.
    pub(super) fn check_free(&self, path: &VirtualPath) -> Result<()> {
        let taken = |what: &str| {
            Err(Error::new(ErrorKind::AlreadyExists, format!("{what} of the workspace is here"))
                .with_path(path))
        };
        match self.at(path) {
            At::Plate => return taken("the plate"),
            At::Folder => return taken("a well or folder"),
            At::Image(_) => return taken("an image"),
            At::Plane(..) => return taken("a plane"),
            At::Internal => return Err(internal(path)),
            At::Below(..) | At::Other => {}
        }
        let index = &self.mapping.index;
        let plane = path.ancestors().skip(1).find(|above| {
            !index.declares(above) && index.resolve(above, PlaneIndex::default()).is_some()
        });
        match plane {
            Some(plane) => taken(&format!("the plane {plane}")),
            None => Ok(()),
        }
    }

    pub(super) fn nothing(&self, path: &VirtualPath) -> Error {
        Error::not_found("nothing is here").with_backend(self.to_string()).with_path(path)
    }
}

/// The error of a change to what the workspace keeps for itself.
pub(super) fn internal(path: &VirtualPath) -> Error {
    Error::new(ErrorKind::PermissionDenied, "the workspace keeps its own files here")
        .with_path(path)
        .with_hint("choose another name")
}
