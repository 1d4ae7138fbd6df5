//! Tables, regions of interest and annotations of a workspace: the overlay's.

use super::{Workspace, locate::At, overlay::planes_root};
use crate::{
    Error, Result, VirtualPath,
    backend::{Annotation, AnnotationStore, Roi, RoiStore, Table, TableStore},
};

impl Workspace {
    /// Where the overlay keeps what belongs to `target`; what belongs to the mapped plate is
    /// in the overlay's own.
    fn target(&self, target: &VirtualPath, at: At) -> Result<VirtualPath> {
        let overlay = self.writable(target)?;
        match at {
            At::Internal => Err(self.nothing(target)),
            At::Plate => planes_root(),
            At::Folder => self.folder_target(target),
            At::Plane(ordinal, index) => overlay.plane_path(ordinal, index),
            at => Ok(self.overlaid(&at, target)?.1),
        }
    }

    /// The well of the overlay's plate that a well of the mapped plate is.
    fn folder_target(&self, folder: &VirtualPath) -> Result<VirtualPath> {
        let below = self.mapping.index.below(folder).unwrap_or_default();
        let ordinal = below.iter().find_map(|entry| entry.image);
        let overlay = self.writable(folder)?;
        let well = match ordinal {
            Some(ordinal) => overlay.image_path(ordinal)?.parent(),
            None => None,
        };
        well.ok_or_else(|| {
            Error::invalid_input("is neither a plate nor a well nor an image").with_path(folder)
        })
    }

    fn write_attached<S: ?Sized>(
        &self,
        target: &VirtualPath,
        store: Option<&S>,
        call: impl FnOnce(&S, &VirtualPath) -> Result<()>,
    ) -> Result<()> {
        let store = store.ok_or_else(|| self.read_only(target))?;
        let at = self.at(target);
        if !matches!(at, At::Other | At::Internal) {
            self.writable(target)?.declare()?;
        }
        let below = self.target(target, at)?;
        self.told(target, call(store, &below))
    }

    /// Reads what belongs to `target`; `None` for a part of the mapped plate as long as
    /// nothing was written over it.
    fn read_attached<T, S: ?Sized>(
        &self,
        target: &VirtualPath,
        store: Option<&S>,
        call: impl FnOnce(&S, &VirtualPath) -> Result<T>,
    ) -> Result<Option<T>> {
        let store = store.ok_or_else(|| self.nothing(target))?;
        let at = self.at(target);
        if !matches!(at, At::Other | At::Internal) && !self.writable(target)?.is_declared() {
            return Ok(None);
        }
        let below = self.target(target, at)?;
        self.told(target, call(store, &below)).map(Some)
    }

    pub(super) fn tables(&self) -> Option<&dyn TableStore> {
        self.overlay.as_ref()?.backend.as_tables()
    }

    pub(super) fn rois(&self) -> Option<&dyn RoiStore> {
        self.overlay.as_ref()?.backend.as_rois()
    }

    pub(super) fn notes(&self) -> Option<&dyn AnnotationStore> {
        self.overlay.as_ref()?.backend.as_annotations()
    }
}

impl TableStore for Workspace {
    fn write_table(&self, target: &VirtualPath, name: &str, table: &Table) -> Result<()> {
        self.write_attached(target, self.tables(), |store, at| store.write_table(at, name, table))
    }

    fn read_table(&self, target: &VirtualPath, name: &str) -> Result<Table> {
        let found =
            self.read_attached(target, self.tables(), |store, at| store.read_table(at, name))?;
        found.ok_or_else(|| {
            Error::not_found(format!("has no table `{name}`"))
                .with_backend(self.to_string())
                .with_path(target)
        })
    }

    fn list_tables(&self, target: &VirtualPath) -> Result<Vec<String>> {
        Ok(self.read_attached(target, self.tables(), TableStore::list_tables)?.unwrap_or_default())
    }
}

impl RoiStore for Workspace {
    fn write_rois(&self, image: &VirtualPath, rois: &[Roi]) -> Result<()> {
        self.write_attached(image, self.rois(), |store, at| store.write_rois(at, rois))
    }

    fn read_rois(&self, image: &VirtualPath) -> Result<Vec<Roi>> {
        Ok(self.read_attached(image, self.rois(), RoiStore::read_rois)?.unwrap_or_default())
    }
}

impl AnnotationStore for Workspace {
    fn annotate(&self, target: &VirtualPath, annotation: &Annotation) -> Result<()> {
        self.write_attached(target, self.notes(), |store, at| store.annotate(at, annotation))
    }

    fn annotations(&self, target: &VirtualPath) -> Result<Vec<Annotation>> {
        let found = self.read_attached(target, self.notes(), AnnotationStore::annotations)?;
        Ok(found.unwrap_or_default())
    }
}
