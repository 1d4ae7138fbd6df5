//! Changes to a workspace other than of planes: all of them happen in the overlay.

use bytes::Bytes;

use super::{
    Workspace,
    locate::{At, internal},
    overlay::Overlay,
};
use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualPath, WriteMode,
    model::{ImageStructure, PlateStructure},
};

impl Workspace {
    pub(super) fn read_only(&self, path: &VirtualPath) -> Error {
        Error::new(ErrorKind::PermissionDenied, "the workspace has no overlay to write into")
            .with_backend(self.to_string())
            .with_path(path)
            .with_hint("open it with an overlay, or write to another place")
    }

    pub(super) fn create_plate_at(
        &self,
        path: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<()> {
        self.writable(path)?;
        if path.is_root() {
            structure.check()?;
            return match structure == &**self.mapping.structure() {
                true => Ok(()),
                false => Err(Error::new(ErrorKind::AlreadyExists, "the workspace is a plate")
                    .with_path(path)),
            };
        }
        let (overlay, below) = self.place_for_new(path)?;
        self.told(path, overlay.backend.create_plate(&below, structure))
    }

    pub(super) fn create_image_at(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        self.writable(path)?;
        image.check()?;
        if let At::Image(ordinal) = self.at(path) {
            let declared = ImageStructure { path: path.clone(), ..self.image(ordinal)?.clone() };
            if declared == (ImageStructure { path: path.clone(), ..image.clone() }) {
                return Ok(());
            }
        }
        let (overlay, below) = self.place_for_new(path)?;
        self.told(path, overlay.backend.create_image(&below, image))
    }

    pub(super) fn write_blob_at(
        &self,
        path: &VirtualPath,
        data: Bytes,
        mode: WriteMode,
    ) -> Result<()> {
        let (overlay, below) = self.place_for_new(path)?;
        self.told(path, overlay.backend.write_blob(&below, data, mode))
    }

    pub(super) fn create_directory_at(&self, path: &VirtualPath) -> Result<()> {
        self.writable(path)?;
        if matches!(self.at(path), At::Plate | At::Folder) {
            return Ok(());
        }
        let (overlay, below) = self.place_for_new(path)?;
        self.told(path, overlay.backend.create_directory(&below))
    }

    /// The overlay, and where in it something new goes that is to be at `path`.
    fn place_for_new(&self, path: &VirtualPath) -> Result<(&Overlay, VirtualPath)> {
        let overlay = self.writable(path)?;
        self.check_free(path).map_err(|error| error.with_backend(self.to_string()))?;
        let at = self.at(path);
        if matches!(at, At::Below(..)) {
            overlay.declare()?;
        }
        self.overlaid(&at, path)
    }

    pub(super) fn delete_at(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        let overlay = self.writable(path)?;
        match self.at(path) {
            At::Plate => Err(Error::invalid_input("the root of a workspace cannot be deleted")),
            At::Internal => Err(internal(path)),
            At::Folder if !recursive => Err(Error::invalid_input("is not empty")
                .with_hint("delete recursively to delete what is in it too")),
            At::Folder => self.delete_folder(overlay, path),
            At::Image(ordinal) => self.delete_image(overlay, ordinal),
            At::Plane(ordinal, index) => self.delete_plane(overlay, path, ordinal, index),
            at @ (At::Below(..) | At::Other) => {
                let (_, below) = self.overlaid(&at, path)?;
                self.told(path, overlay.backend.delete(&below, recursive))
            }
        }
        .map_err(|error| error.with_backend(self.to_string()).with_path(path))
    }

    /// Deletes what is in a well or folder; the images stay declared.
    fn delete_folder(&self, overlay: &Overlay, folder: &VirtualPath) -> Result<()> {
        for (ordinal, (_, image)) in self.mapping.structure().images().enumerate() {
            if image.path.starts_with(folder) {
                self.delete_image(overlay, ordinal)?;
            }
        }
        or_nothing(overlay.backend.delete(folder, true))
    }

    fn delete_image(&self, overlay: &Overlay, ordinal: usize) -> Result<()> {
        let path = &self.image(ordinal)?.path;
        overlay.while_copying(|| {
            // Hidden first: a crash in between never shows an older plane again.
            overlay.hide(ordinal, path, None)?;
            if overlay.is_declared() {
                or_nothing(overlay.backend.delete(overlay.image_path(ordinal)?, true))?;
            }
            overlay.note_deleted(ordinal, None);
            Ok(())
        })
    }

    fn delete_plane(
        &self,
        overlay: &Overlay,
        path: &VirtualPath,
        ordinal: usize,
        index: PlaneIndex,
    ) -> Result<()> {
        if !self.is_stored(ordinal, index)? {
            if !overlay.is_declared() {
                return Err(self.nothing(path));
            }
            // A part of it may be there.
            let below = overlay.plane_path(ordinal, index)?;
            return self.told(path, overlay.backend.delete(&below, false));
        }
        overlay.while_copying(|| {
            overlay.hide(ordinal, &self.image(ordinal)?.path, Some(index))?;
            if overlay.has(ordinal, index) {
                or_nothing(overlay.backend.delete(&overlay.plane_path(ordinal, index)?, false))?;
            }
            overlay.note_deleted(ordinal, Some(index));
            Ok(())
        })
    }

    pub(super) fn rename_at(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let overlay = self.writable(from)?;
        let at = self.at(from);
        match at {
            At::Plate => {
                return Err(Error::invalid_input("the root of a workspace cannot be moved"));
            }
            At::Internal => return Err(internal(from)),
            At::Folder | At::Image(_) | At::Plane(..) => {
                self.stat_path(from)?;
                self.check_free(to)?;
                return Err(Error::unsupported(
                    "a workspace maps its wells, images and planes to where they are",
                )
                .with_path(from)
                .with_hint("copy it, or make another workspace with other places"));
            }
            At::Below(..) | At::Other => {}
        }
        let (_, below) = self.overlaid(&at, from)?;
        self.told(from, overlay.backend.stat(&below).map(drop))?;
        self.check_free(to).map_err(|error| error.with_backend(self.to_string()))?;
        let target = self.at(to);
        if matches!(target, At::Below(..)) {
            overlay.declare()?;
        }
        let (_, target) = self.overlaid(&target, to)?;
        self.told(from, overlay.backend.rename(&below, &target))
    }
}

/// What was to be deleted may not be in the overlay at all.
fn or_nothing(answer: Result<()>) -> Result<()> {
    match answer {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}
