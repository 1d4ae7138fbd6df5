//! What is where in a workspace.

use super::{
    Workspace,
    locate::{At, internal},
    overlay,
};
use crate::{
    Entry, EntryKind, Error, ErrorKind, Result, VirtualPath, model::ImageStructure, natural,
};

impl Workspace {
    pub(super) fn stat_path(&self, path: &VirtualPath) -> Result<Entry> {
        let entry = |kind| Ok(Entry { path: path.clone(), kind, size_bytes: None });
        match self.at(path) {
            At::Plate | At::Folder => entry(EntryKind::Directory),
            At::Image(_) => entry(EntryKind::Image),
            At::Plane(ordinal, index) if self.is_stored(ordinal, index)? => entry(EntryKind::Image),
            At::Plane(..) | At::Internal => Err(self.nothing(path)),
            at @ (At::Below(..) | At::Other) => {
                let (overlay, below) = self.overlaid(&at, path)?;
                let found = self.told(path, overlay.backend.stat(&below))?;
                Ok(Entry { path: path.clone(), ..found })
            }
        }
    }

    pub(super) fn list_path(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        match self.at(dir) {
            At::Plate | At::Folder => self.list_mapped(dir),
            At::Image(_) => {
                Err(Error::invalid_input("is an image, not a directory").with_path(dir))
            }
            At::Plane(ordinal, index) if self.is_stored(ordinal, index)? => {
                Err(Error::invalid_input("is a plane, not a directory").with_path(dir))
            }
            At::Plane(..) | At::Internal => Err(self.nothing(dir)),
            at @ (At::Below(..) | At::Other) => {
                let (overlay, below) = self.overlaid(&at, dir)?;
                let entries = self.told(dir, overlay.backend.list(&below))?;
                entries.into_iter().map(|entry| renamed(entry, dir)).collect()
            }
        }
    }

    /// A directory of the mapped plate: what the plate declares, and what the overlay has.
    fn list_mapped(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        let mapped = self.mapping.index.below(dir).unwrap_or_default();
        let mut entries: Vec<_> = mapped
            .iter()
            .map(|below| Entry {
                path: below.path.clone(),
                kind: if below.image.is_some() { EntryKind::Image } else { EntryKind::Directory },
                size_bytes: None,
            })
            .collect();
        if let Some(overlay) = &self.overlay {
            let found = match overlay.backend.list(dir) {
                Ok(found) => found,
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                Err(error) => return self.told(dir, Err(error)),
            };
            let is_hidden = |entry: &Entry| {
                let is_internal = dir.is_root() && entry.path.name() == Some(overlay::INTERNAL);
                is_internal || self.mapping.index.declares(&entry.path)
            };
            let found = found.into_iter().filter(|entry| !is_hidden(entry));
            entries.extend(found);
        }
        entries.sort_by(|a, b| natural::compare(a.path.as_str(), b.path.as_str()));
        Ok(entries)
    }

    pub(super) fn describe_path(&self, path: &VirtualPath) -> Result<ImageStructure> {
        let described = match self.at(path) {
            At::Plate | At::Folder => {
                return Err(Error::invalid_data("is a directory, no image").with_path(path));
            }
            At::Image(ordinal) => self.image(ordinal)?.clone(),
            At::Plane(ordinal, index) => self.image(ordinal)?.single_plane(index),
            At::Internal => return Err(self.nothing(path)),
            at @ (At::Below(..) | At::Other) => {
                let (overlay, below) = self.overlaid(&at, path)?;
                self.told(path, overlay.backend.describe(&below))?
            }
        };
        Ok(ImageStructure { path: path.clone(), ..described })
    }

    /// The overlay and the path in it of what is not the mapped plate's, to be read.
    ///
    /// # Errors
    /// `NotFound` without an overlay.
    pub(super) fn overlaid(
        &self,
        at: &At,
        path: &VirtualPath,
    ) -> Result<(&overlay::Overlay, VirtualPath)> {
        let overlay = self.overlay.as_ref().ok_or_else(|| self.nothing(path))?;
        let below = match at {
            At::Below(ordinal, rest) => overlay.image_path(*ordinal)?.append(rest),
            At::Image(ordinal) => overlay.image_path(*ordinal)?.clone(),
            At::Internal => return Err(internal(path)),
            _ => path.clone(),
        };
        Ok((overlay, below))
    }

    /// An answer of the overlay, whose errors name the path that was asked for.
    pub(super) fn told<T>(&self, path: &VirtualPath, answer: Result<T>) -> Result<T> {
        answer.map_err(|error| {
            let error = match error.path() {
                Some(told) if told.contains(overlay::INTERNAL) => error.with_outer_path(path),
                _ => error.with_path(path),
            };
            error.with_backend(self.to_string())
        })
    }
}

/// An entry of the overlay in the directory `dir` of the workspace.
fn renamed(entry: Entry, dir: &VirtualPath) -> Result<Entry> {
    let path = dir.join(entry.path.name().unwrap_or_default())?;
    Ok(Entry { path, ..entry })
}
