//! A store that is a folder of the file system.

use std::{
    fs::{self, DirEntry, File},
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{StoreEntry, StoreEntryKind, StoreReader, Unusable, check_key, cut_short};
use crate::{Error, ErrorKind, Result};

/// A store on disk. Links inside it are followed, links that leave it are not.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    root: PathBuf,
}

impl DirectoryStore {
    /// The store whose root is the folder `path`, which may itself be reached by a link.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied`.
    pub fn open(path: &Path) -> Result<Self> {
        let root = path
            .canonicalize()
            .map_err(|error| Error::io(error, "open the folder", path.display()))?;
        Ok(Self { root })
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        check_key(key)?;
        Ok(if key.is_empty() { self.root.clone() } else { self.root.join(key) })
    }

    fn entry(&self, entry: &DirEntry) -> StoreEntry {
        let name = entry.file_name();
        let (name, kind) = match name.to_str() {
            Some(name) => (name.to_owned(), self.kind(entry)),
            None => {
                let name = name.to_string_lossy().into_owned();
                (name, StoreEntryKind::Unusable(Unusable::NotUtf8))
            }
        };
        StoreEntry { name, kind }
    }

    /// Folders cost no system call of their own, files one for their size.
    fn kind(&self, entry: &DirEntry) -> StoreEntryKind {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => StoreEntryKind::Directory,
            Ok(kind) if kind.is_symlink() => self.link_kind(&entry.path()),
            _ => match entry.metadata() {
                Ok(metadata) => kind_of(&metadata),
                // It went away between listing and looking.
                Err(_) => StoreEntryKind::Unusable(Unusable::BrokenLink),
            },
        }
    }

    fn link_kind(&self, link: &Path) -> StoreEntryKind {
        let Ok(target) = link.canonicalize() else {
            return StoreEntryKind::Unusable(Unusable::BrokenLink);
        };
        if !target.starts_with(&self.root) {
            return StoreEntryKind::Unusable(Unusable::LinkOutside);
        }
        match fs::metadata(&target) {
            Ok(metadata) => kind_of(&metadata),
            Err(_) => StoreEntryKind::Unusable(Unusable::BrokenLink),
        }
    }
}

fn kind_of(metadata: &fs::Metadata) -> StoreEntryKind {
    if metadata.is_dir() {
        StoreEntryKind::Directory
    } else if metadata.is_file() {
        StoreEntryKind::File { size: metadata.len() }
    } else {
        StoreEntryKind::Unusable(Unusable::Special)
    }
}

impl StoreReader for DirectoryStore {
    fn read(&self, key: &str, max_bytes: u64) -> Result<Bytes> {
        let path = self.path(key)?;
        let failed = |error| Error::io(error, "read", key);
        // Opening a pipe would wait for somebody to write into it.
        let metadata = fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::invalid_data("not a file").with_path(key));
        }
        if metadata.len() > max_bytes {
            return Err(too_long(key, metadata.len(), max_bytes));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        let file = File::open(&path).map_err(failed)?;
        file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > max_bytes {
            return Err(too_long(key, bytes.len() as u64, max_bytes));
        }
        Ok(bytes.into())
    }

    fn read_range(&self, key: &str, offset: u64, n_bytes: usize) -> Result<Bytes> {
        let path = self.path(key)?;
        let failed = |error| Error::io(error, "read", key);
        if !fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(Error::invalid_data("not a file").with_path(key));
        }
        let file = File::open(&path).map_err(failed)?;
        let mut bytes = vec![0; n_bytes];
        file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => cut_short(key, offset, n_bytes),
            _ => failed(error),
        })?;
        Ok(bytes.into())
    }

    fn list(&self, dir: &str) -> Result<Vec<StoreEntry>> {
        let failed = |error| Error::io(error, "list", dir);
        let entries = fs::read_dir(self.path(dir)?).map_err(failed)?;
        entries.map(|entry| entry.map(|entry| self.entry(&entry)).map_err(failed)).collect()
    }
}

pub(super) fn too_long(key: &str, found: u64, max_bytes: u64) -> Error {
    let message = format!("{found} bytes, at most {max_bytes} are accepted");
    Error::new(ErrorKind::LimitExceeded, message).with_path(key)
}
