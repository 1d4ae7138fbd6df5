//! Names on disk: what is listed, looked at, made, moved and deleted.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{
    DiskBackend, declared,
    locate::{Address, not_found},
    plates::OpenPlate,
    special::refuse_special,
};
use crate::{
    Entry, EntryKind, Error, ErrorKind, Result, VirtualPath, WriteMode, atomic, buffer::BufferPool,
    natural, read_at::read_exact_at,
};

impl DiskBackend {
    /// What is at `path`: a file, a folder, or an image or plane that a plate declares.
    pub(super) fn stat_path(&self, path: &VirtualPath) -> Result<Entry> {
        let found = match self.root.existing(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.stat_virtual(path),
            Err(error) => return Err(error),
        };
        let metadata = fs::metadata(&found).map_err(|error| Error::io(error, "look at", path))?;
        if metadata.is_dir() {
            return Ok(entry(path.clone(), EntryKind::Directory, None));
        }
        let is_image = declared::is_container(path)
            && self.declared_image(path, Default::default())?.is_some();
        let kind = if is_image { EntryKind::Image } else { EntryKind::Blob };
        Ok(entry(path.clone(), kind, (!is_image).then_some(metadata.len())))
    }

    /// Images, wells and planes of plates that have no file or folder of their own.
    fn stat_virtual(&self, path: &VirtualPath) -> Result<Entry> {
        if let Some(declared) = self.declared_image(path, Default::default())?
            && declared.path == *path
        {
            return Ok(entry(path.clone(), EntryKind::Image, None));
        }
        let Some((below, plate)) = self.plates.above(path) else { return Err(not_found(path)) };
        // A plane by its name is there when it is stored, an image when it is declared.
        if plate.index().ordinal(&below).is_some() || self.is_stored(path) {
            return Ok(entry(path.clone(), EntryKind::Image, None));
        }
        let is_folder = plate.index().below(&below).is_some();
        match is_folder {
            true => Ok(entry(path.clone(), EntryKind::Directory, None)),
            false => Err(not_found(path)),
        }
    }

    /// Whether the plane that `path` names is in its file.
    fn is_stored(&self, path: &VirtualPath) -> bool {
        let Ok(located) = self.locate(path, Default::default()) else { return false };
        match located.address {
            Address::Page { .. } => true,
            Address::Index(index) => self
                .headers
                .open(&located.file)
                .is_ok_and(|(_, header)| header.locate(index).is_some()),
        }
    }

    /// What is in `dir`: files and folders, and the images that plates of ours declare in
    /// it in place of their files.
    pub(super) fn list_path(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        let mut names: BTreeMap<String, Entry> = BTreeMap::new();
        let on_disk = self.list_files(dir, &mut names);
        if on_disk.is_err() && self.stat_path(dir).is_ok_and(|at| at.kind == EntryKind::Image) {
            return Err(Error::invalid_input("is an image, not a folder").with_path(dir));
        }
        let images = self.images_in(dir, on_disk.is_ok(), &mut names)?;
        if !images {
            on_disk?;
        }
        let mut entries: Vec<_> = names.into_values().collect();
        entries.sort_by(|a, b| natural::compare(a.path.as_str(), b.path.as_str()));
        Ok(entries)
    }

    fn list_files(&self, dir: &VirtualPath, names: &mut BTreeMap<String, Entry>) -> Result<()> {
        let folder = self.root.existing(dir)?;
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::NotADirectory => {
                Error::invalid_input("is a file, not a folder").with_path(dir)
            }
            _ => Error::io(error, "list", dir),
        };
        for found in fs::read_dir(folder).map_err(fail)? {
            let found = found.map_err(fail)?;
            // Names that are no virtual paths, and files being written, are not listed.
            let Some(name) = found.file_name().to_str().map(str::to_owned) else { continue };
            let Ok(path) = dir.join(&name) else { continue };
            if atomic::is_temporary(&name) || name.ends_with(declared::IMAGE_SUFFIX) {
                continue;
            }
            // A link that leads nowhere, or a file deleted just now.
            let Ok(metadata) = fs::metadata(found.path()) else { continue };
            if metadata.is_dir()
                && found.file_type().is_ok_and(|kind| kind.is_symlink())
                && self.leads_around(&found.path(), dir)
            {
                continue;
            }
            let kind = if metadata.is_dir() { EntryKind::Directory } else { EntryKind::Blob };
            let size = metadata.is_file().then_some(metadata.len());
            names.insert(name, entry(path, kind, size));
        }
        Ok(())
    }

    /// Whether a link in `dir` leads to `dir` or a folder that the way to it went through:
    /// what lists everything below a folder would never end.
    fn leads_around(&self, link: &Path, dir: &VirtualPath) -> bool {
        let Ok(target) = link.canonicalize() else { return false };
        dir.ancestors()
            .any(|above| self.root.join(&above).canonicalize().is_ok_and(|folder| folder == target))
    }

    /// Puts the declared images of `dir` in place of their files. Returns whether there are any.
    fn images_in(
        &self,
        dir: &VirtualPath,
        exists: bool,
        names: &mut BTreeMap<String, Entry>,
    ) -> Result<bool> {
        let mut found = false;
        if exists {
            for file in self.root.existing(dir).and_then(|folder| declarations(&folder, dir))? {
                found |= self.fold_image(&dir.join(&file)?, names)?;
            }
        }
        // A plate of ours at or above the folder; opening it costs one look per folder above.
        self.declared_image(&dir.join("_")?, Default::default())?;
        let Some((below, plate)) = self.plates.above(dir) else { return Ok(found) };
        let own = matches!(*plate, OpenPlate::Own { .. });
        if exists && !own {
            return Ok(found);
        }
        for listed in plate.index().below(&below).unwrap_or_default() {
            let path = dir.join(listed.path.name().unwrap_or(""))?;
            let name = path.name().unwrap_or("").to_owned();
            found = true;
            if listed.image.is_none() {
                names.entry(name).or_insert_with(|| entry(path, EntryKind::Directory, None));
            } else if own {
                self.fold_image(&path, names)?;
            } else {
                names.insert(name, entry(path, EntryKind::Image, None));
            }
        }
        Ok(found)
    }

    /// Replaces the files of the image at `path` by one entry.
    fn fold_image(&self, path: &VirtualPath, names: &mut BTreeMap<String, Entry>) -> Result<bool> {
        let Some(declared) = self.declared_image(path, Default::default())? else {
            return Ok(false);
        };
        if !declared::is_container(path) {
            for index in declared.image.sizes.indices() {
                let file = declared::plane_file(path, &declared.image, index)?;
                names.remove(file.name().unwrap_or(""));
            }
        }
        let name = path.name().unwrap_or("").to_owned();
        names.insert(name, entry(path.clone(), EntryKind::Image, None));
        Ok(true)
    }

    pub(super) fn read_file(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        let found = self.root.existing(path)?;
        let fail = |error| Error::io(error, "read", path);
        let metadata = fs::metadata(&found).map_err(fail)?;
        refuse_special(&metadata).map_err(|error| error.with_path(path))?;
        let file = File::open(&found).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            return Err(Error::invalid_input("is a folder, not a file").with_path(path));
        }
        if range.is_none() && !says_its_size(&file, &metadata) {
            let mut content = Vec::new();
            (&file).take(MAX_UNSIZED_BYTES).read_to_end(&mut content).map_err(fail)?;
            if content.len() as u64 >= MAX_UNSIZED_BYTES {
                return Err(
                    Error::new(ErrorKind::LimitExceeded, "file is too large").with_path(path)
                );
            }
            return Ok(content.into());
        }
        let range = range.unwrap_or(0..metadata.len());
        if range.start > range.end || range.end > metadata.len() {
            return Err(Error::invalid_input(format!(
                "bytes {}..{} reach outside the file of {} bytes",
                range.start,
                range.end,
                metadata.len()
            ))
            .with_path(path));
        }
        let length = usize::try_from(range.end - range.start).map_err(|_| {
            Error::new(ErrorKind::LimitExceeded, "file is too large").with_path(path)
        })?;
        let offset = (range.start % crate::buffer::ALIGNMENT as u64) as usize;
        let mut content = BufferPool::global().take(length, offset);
        read_exact_at(&file, &mut content, range.start, "the file")
            .map_err(|error| error.with_path(path))?;
        Ok(content.freeze())
    }

    pub(super) fn write_file(
        &self,
        path: &VirtualPath,
        data: &[u8],
        mode: WriteMode,
    ) -> Result<()> {
        if path.is_root() {
            return Err(Error::invalid_input("the root is a folder, not a file").with_path(path));
        }
        if path.name() == Some(declared::PLATE_FILE) {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "this file declares a plate and is written by declaring it",
            )
            .with_path(path));
        }
        let target = self.target(path)?;
        if target.is_dir() {
            return Err(taken("a folder", path));
        }
        if self.declared_image(path, Default::default())?.is_some_and(|found| found.path == *path) {
            return Err(taken("an image", path));
        }
        atomic::write_bytes(&target, data, mode).map_err(|error| error.with_outer_path(path))
    }

    pub(super) fn make_folder(&self, path: &VirtualPath) -> Result<()> {
        let target = self.target(path)?;
        if self.declared_image(path, Default::default())?.is_some_and(|found| found.path == *path) {
            return Err(taken("an image", path));
        }
        fs::create_dir_all(target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => taken("a file", path),
            _ => Error::io(error, "create the folder", path),
        })
    }

    pub(super) fn delete_path(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        if path.is_root() {
            return Err(Error::invalid_input("the root is never deleted").with_path(path));
        }
        let target = self.target(path)?;
        let fail = |error| Error::io(error, "delete", path);
        let metadata = match fs::symlink_metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if declared::is_absent(&error) => return self.delete_image(path),
            Err(error) => return Err(fail(error)),
        };
        if !metadata.is_dir() {
            fs::remove_file(&target).map_err(fail)?;
        } else if recursive {
            fs::remove_dir_all(&target).map_err(fail)?;
        } else {
            fs::remove_dir(&target).map_err(|error| match error.kind() {
                io::ErrorKind::DirectoryNotEmpty => Error::invalid_input("folder is not empty")
                    .with_path(path)
                    .with_hint("delete it recursively to delete what is in it"),
                _ => fail(error),
            })?;
        }
        let declaration = self.root.join(&declared::image_file(path)?);
        match fs::remove_file(declaration) {
            Err(error) if !declared::is_absent(&error) => return Err(fail(error)),
            _ => {}
        }
        self.forget(path);
        Ok(())
    }

    /// Deletes the planes and the declaration of an image that has one file per plane.
    fn delete_image(&self, path: &VirtualPath) -> Result<()> {
        let declared = self
            .declared_image(path, Default::default())?
            .filter(|declared| declared.path == *path)
            .ok_or_else(|| not_found(path))?;
        let planes = declared.image.sizes.indices();
        let planes = planes.map(|index| declared::plane_file(path, &declared.image, index));
        for file in planes.chain([declared::image_file(path)]) {
            match fs::remove_file(self.root.join(&file?)) {
                Err(error) if !declared::is_absent(&error) => {
                    return Err(Error::io(error, "delete", path));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn rename_path(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        if from.is_root() {
            return Err(Error::invalid_input("the root cannot be moved").with_path(from));
        }
        let source = self.target(from)?;
        if fs::symlink_metadata(&source).is_err() {
            return Err(not_found(from));
        }
        if to.is_root() || fs::symlink_metadata(self.root.join(to)).is_ok() {
            return Err(taken("something", to));
        }
        if to.starts_with(from) {
            return Err(Error::invalid_input(format!("cannot be moved into itself, to {to}"))
                .with_path(from));
        }
        let target = self.target(to)?;
        let fail = |error| Error::io(error, "move", from);
        let folder = |path: &Path| path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let (left, entered) = (folder(&source), folder(&target));
        fs::create_dir_all(&entered).map_err(fail)?;
        rename_new(&source, &target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken("something", to),
            _ => fail(error),
        })?;
        atomic::sync_folder(&entered)?;
        atomic::sync_folder(&left)?;
        self.forget(from);
        Ok(())
    }
}

/// Renames without replacing; where the file system cannot promise that, the name was free
/// a moment ago.
fn rename_new(source: &Path, target: &Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, source, CWD, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(source, target),
        result => Ok(result?),
    }
}

/// Most bytes that are read of a file that does not say how long it is.
const MAX_UNSIZED_BYTES: u64 = 1 << 30;

/// Whether a file is as long as it says: those that the kernel makes up are read to their end.
fn says_its_size(file: &File, metadata: &fs::Metadata) -> bool {
    const SYSFS: rustix::fs::FsWord = 0x6265_6572;
    metadata.len() > 0 && !rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == SYSFS)
}

fn entry(path: VirtualPath, kind: EntryKind, size_bytes: Option<u64>) -> Entry {
    Entry { path, kind, size_bytes }
}

/// The error of a name that something else has.
pub(super) fn taken(what: &str, path: &VirtualPath) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{what} has this name")).with_path(path)
}

/// Names of the images that files in `folder` declare.
fn declarations(folder: &Path, dir: &VirtualPath) -> Result<Vec<String>> {
    let fail = |error| Error::io(error, "list", dir);
    let mut names = Vec::new();
    for found in fs::read_dir(folder).map_err(fail)? {
        let name = found.map_err(fail)?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(declared::IMAGE_SUFFIX))
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
