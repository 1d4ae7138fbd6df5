//! Names in a store: what is listed, looked at, read, written, moved and deleted.

use std::ops::Range;

use bytes::Bytes;

use super::{
    ZarrBackend,
    locate::nothing,
    metadata::{Node, open_node},
    store::{Found, join, split},
    window::Grid,
};
use crate::{
    Entry, EntryKind, Error, ErrorKind, PlaneIndex, Result, VirtualPath, WriteMode, atomic, natural,
};

/// Files that make the hierarchy; they are written by declaring plates and images.
const METADATA_FILES: [&str; 5] = ["zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"];

impl ZarrBackend {
    pub(super) fn stat_path(&self, path: &VirtualPath) -> Result<Entry> {
        let kind = match self.store.look(path.relative())? {
            Some(Found::File(n_bytes)) => {
                return Ok(entry(path.clone(), EntryKind::Blob, Some(n_bytes)));
            }
            Some(Found::Directory) => self.kind_of(path),
            None if self.is_stored_plane(path)? => EntryKind::Image,
            None => return Err(nothing()),
        };
        Ok(entry(path.clone(), kind, None))
    }

    /// Whether a directory is an image. One whose metadata are damaged is a directory.
    fn kind_of(&self, path: &VirtualPath) -> EntryKind {
        let node = open_node(&self.store, path.relative(), self.options.version);
        match node {
            Ok(Some(Node::Array(_))) => EntryKind::Image,
            Ok(Some(Node::Group(_, group))) if group.is_image() => EntryKind::Image,
            _ => EntryKind::Directory,
        }
    }

    fn is_stored_plane(&self, path: &VirtualPath) -> Result<bool> {
        match self.locate(path, PlaneIndex::default()) {
            Ok(located) if located.is_plane => self.is_plane_stored(&located.image, located.index),
            _ => Ok(false),
        }
    }

    /// Whether `path` names a plane of an image that a plate declares.
    pub(super) fn declared_plane(&self, path: &VirtualPath) -> Result<bool> {
        match self.locate(path, PlaneIndex::default()) {
            Ok(located) => Ok(located.is_plane),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn list_path(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        match self.store.look(dir.relative())? {
            None => return Err(nothing()),
            Some(Found::File(_)) => return Err(Error::invalid_input("is a file, no directory")),
            Some(Found::Directory) if self.kind_of(dir) == EntryKind::Image => {
                return Err(Error::invalid_input("is an image; its planes are not listed"));
            }
            Some(Found::Directory) => {}
        }
        let mut entries = Vec::new();
        for listed in self.store.list(dir.relative())?.unwrap_or_default() {
            if METADATA_FILES.contains(&listed.name.as_str()) {
                continue;
            }
            // Names that are no virtual paths are not listed.
            let Ok(path) = dir.join(&listed.name) else { continue };
            entries.push(match listed.is_directory {
                true => entry(path.clone(), self.kind_of(&path), None),
                false => match self.store.look(path.relative())? {
                    Some(Found::File(n_bytes)) => entry(path, EntryKind::Blob, Some(n_bytes)),
                    _ => continue,
                },
            });
        }
        entries.sort_by(|a, b| natural::compare(a.path.as_str(), b.path.as_str()));
        Ok(entries)
    }

    pub(super) fn read_file(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        let Some(file) = self.store.file(path.relative())? else {
            return Err(match self.store.look(path.relative())? {
                Some(_) if self.kind_of(path) == EntryKind::Image => {
                    Error::invalid_input("is an image, no file; read its planes")
                }
                Some(_) => Error::invalid_input("is a directory, no file"),
                None => nothing(),
            });
        };
        let range = range.unwrap_or(0..file.len());
        if range.start > range.end || range.end > file.len() {
            return Err(Error::invalid_input(format!(
                "bytes {} to {} are not inside the file of {} bytes",
                range.start,
                range.end,
                file.len()
            )));
        }
        let length = usize::try_from(range.end - range.start)
            .map_err(|_| Error::new(ErrorKind::LimitExceeded, "file is too large"))?;
        Ok(file.read_range(range.start, length)?.freeze())
    }

    pub(super) fn write_file(
        &self,
        path: &VirtualPath,
        data: &[u8],
        mode: WriteMode,
    ) -> Result<()> {
        let directory = self.writer()?;
        let there = self.store.look(path.relative())?;
        if mode == WriteMode::CreateNew && (there.is_some() || self.is_stored_plane(path)?) {
            return Err(Error::new(ErrorKind::AlreadyExists, "something is there already"));
        }
        if there == Some(Found::Directory) {
            return Err(match self.kind_of(path) {
                EntryKind::Image => Error::invalid_input("is a declared image"),
                _ => Error::invalid_input("is a directory"),
            });
        }
        refuse_metadata(path)?;
        self.check_above(path)?;
        let mut touched = Vec::new();
        let staged = directory.stage(data, self.is_synced())?;
        staged.publish(path.relative(), mode, &mut touched)?;
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }

    pub(super) fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        let directory = self.writer()?;
        match self.store.look(path.relative())? {
            Some(Found::Directory) if self.kind_of(path) == EntryKind::Directory => return Ok(()),
            Some(_) => {
                let message = "a file or image has this name";
                return Err(Error::new(ErrorKind::AlreadyExists, message));
            }
            None => {}
        }
        refuse_metadata(path)?;
        self.check_above(path)?;
        directory.make_directories(path.relative())
    }

    /// Deletes what is at `path`. What a plate declares stays declared: of its images only
    /// the pixels go.
    pub(super) fn delete_path(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        if path.is_root() {
            return Err(Error::invalid_input("the root cannot be deleted"));
        }
        let directory = self.writer()?;
        let name = path.relative();
        match self.store.look(name)? {
            None => return self.delete_plane(path),
            Some(Found::File(_)) => {
                refuse_metadata(path)?;
                return directory.remove_file(name);
            }
            Some(Found::Directory) => {}
        }
        let is_image = self.kind_of(path) == EntryKind::Image;
        if let Some((at, below, plate)) = self.plate_above(path)?
            && !below.is_root()
        {
            if let Some(ordinal) = plate.index.ordinal(&below) {
                return self.clear_image(&at, &plate, ordinal);
            }
            if plate.index.below(&below).is_some() {
                return self.clear_folder(path, &at, &plate, recursive);
            }
        }
        let label = self.label_place(path)?;
        if let Some(place) = &label {
            self.unregister_label(place)?;
        }
        match is_image || recursive {
            true => directory.remove_directory(name)?,
            false => match self.is_plate(path) {
                true => return Err(not_empty()),
                false => directory.remove_empty(name)?,
            },
        }
        self.forget(path);
        Ok(())
    }

    /// Deletes all pixels and labels of an image that a plate declares.
    fn clear_image(
        &self,
        plate_path: &VirtualPath,
        plate: &super::plate::OpenPlate,
        ordinal: usize,
    ) -> Result<()> {
        let Some((_, structure)) = plate.index.image(ordinal) else { return Err(nothing()) };
        let directory = self.writer()?;
        let path = plate_path.append(&structure.path);
        let image = self.image_of(plate_path, plate, ordinal)?;
        for level in 0..image.structure.n_levels {
            let folder = image.folder(level);
            for listed in self.store.list(&folder)?.unwrap_or_default() {
                let name = join(&folder, &listed.name);
                match listed.is_directory {
                    true => directory.remove_directory(&name)?,
                    false if METADATA_FILES.contains(&listed.name.as_str()) => {}
                    false => directory.remove_file(&name)?,
                }
            }
        }
        directory.remove_directory(&join(path.relative(), "labels"))?;
        self.images.forget(&path);
        Ok(())
    }

    /// Deletes the pixels of all images of a row or well, and what else is there.
    fn clear_folder(
        &self,
        path: &VirtualPath,
        plate_path: &VirtualPath,
        plate: &super::plate::OpenPlate,
        recursive: bool,
    ) -> Result<()> {
        if !recursive {
            return Err(not_empty());
        }
        for listed in self.list_path(path)? {
            let Some(inner) = listed.path.strip_prefix(plate_path) else { continue };
            if let Some(ordinal) = plate.index.ordinal(&inner) {
                self.clear_image(plate_path, plate, ordinal)?;
            } else if plate.index.below(&inner).is_some() {
                self.clear_folder(&listed.path, plate_path, plate, true)?;
            } else {
                self.delete_path(&listed.path, true)?;
            }
        }
        Ok(())
    }

    /// Deletes one plane of a declared image by its name.
    fn delete_plane(&self, path: &VirtualPath) -> Result<()> {
        if !self.is_stored_plane(path)? {
            return Err(nothing());
        }
        let located = self.locate(path, PlaneIndex::default())?;
        let (image, directory) = (located.image, self.writer()?);
        for level in (0..image.structure.n_levels).rev() {
            let array = image.array(&self.store, level)?;
            let grid: Grid<'_> = image.grid(array);
            if !grid.is_one_plane_per_file() {
                return Err(Error::unsupported("the file of this plane holds others too")
                    .with_hint("delete the image"));
            }
            let folder = image.folder(level);
            let full = image.structure.sizes.level_shape(level).full();
            for tile in grid.rows(located.index, full).concat().iter().rev() {
                let place = grid.file_place(&tile.place);
                directory.remove_file(&join(&folder, &array.keys.name(&place)))?;
            }
        }
        Ok(())
    }

    pub(super) fn rename_path(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        if from.is_root() {
            return Err(Error::invalid_input("the root cannot be moved"));
        }
        let directory = self.writer()?;
        if self.store.look(from.relative())?.is_none() {
            return Err(nothing());
        }
        if self.store.look(to.relative())?.is_some() || self.is_stored_plane(to)? {
            return Err(
                Error::new(ErrorKind::AlreadyExists, "something is there already").with_path(to)
            );
        }
        if to.starts_with(from) {
            return Err(Error::invalid_input(format!("cannot be moved into itself, to {to}")));
        }
        refuse_metadata(from)?;
        refuse_metadata(to)?;
        self.check_above(to)?;
        if let Some((_, below, plate)) = self.plate_above(from)?
            && !below.is_root()
            && (plate.index.ordinal(&below).is_some() || plate.index.below(&below).is_some())
        {
            return Err(Error::unsupported("a plate declares its wells and images where they are"));
        }
        if self.label_place(from)?.is_some() {
            return Err(Error::unsupported("labels stay with the image that lists them")
                .with_hint("write them under another name"));
        }
        let mut touched = Vec::new();
        directory.rename(from.relative(), to.relative(), &mut touched)?;
        self.forget(from);
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }
}

fn entry(path: VirtualPath, kind: EntryKind, size_bytes: Option<u64>) -> Entry {
    Entry { path, kind, size_bytes }
}

fn not_empty() -> Error {
    Error::invalid_input("is not empty").with_hint("delete recursively to delete what is in it too")
}

/// Refuses names that make the hierarchy, and those of files being written.
fn refuse_metadata(path: &VirtualPath) -> Result<()> {
    let (_, name) = split(path.relative());
    if METADATA_FILES.contains(&name) {
        let message = "this file declares a part of the store and is written by declaring it";
        return Err(Error::new(ErrorKind::PermissionDenied, message).with_path(path));
    }
    if path.parts().any(atomic::is_temporary) {
        return Err(
            Error::invalid_input("this name is kept for files being written").with_path(path)
        );
    }
    Ok(())
}
