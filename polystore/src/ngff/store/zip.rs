//! A store inside a zip file.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufReader, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use zip::ZipArchive;

use super::{StoreEntry, StoreEntryKind, StoreReader, Unusable, check_key, directory::too_long};
use crate::{Error, Result};

/// Most entries of a zip file that are taken in.
const MAX_ENTRIES: usize = 20_000_000;

/// Longest name and deepest folder that are taken in: each folder of a name costs memory.
const MAX_NAME_BYTES: usize = 1024;
const MAX_DEPTH: usize = 64;

/// What lies in each folder.
type Folders = BTreeMap<String, BTreeMap<String, StoreEntryKind>>;

/// A store in a zip file. Its index is read once; listings cost no reading at all. When all
/// of it lies in one folder, that folder is the root.
pub struct ZipStore {
    archive: Mutex<ZipArchive<BufReader<File>>>,
    /// The folder that is the root: empty, or with a slash at its end.
    prefix: String,
    folders: Folders,
}

impl fmt::Debug for ZipStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipStore")
            .field("prefix", &self.prefix)
            .field("folders", &self.folders.len())
            .finish_non_exhaustive()
    }
}

impl ZipStore {
    /// Opens a zip file and reads its index.
    ///
    /// # Errors
    /// `NotFound` and others of opening; `InvalidInput` when it is not a zip file;
    /// `LimitExceeded` when it has too many entries.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(error, "open", path.display()))?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            Error::invalid_input("neither a folder nor a zip file")
                .with_path(path.display())
                .with_source(error)
        })?;
        if archive.len() > MAX_ENTRIES {
            return Err(too_long("the index", archive.len() as u64, MAX_ENTRIES as u64));
        }
        let folders = index(&archive)?;
        let prefix = only_folder(&folders).map_or_else(String::new, |name| format!("{name}/"));
        Ok(Self { archive: Mutex::new(archive), prefix, folders })
    }

    fn name(&self, key: &str) -> Result<String> {
        check_key(key)?;
        Ok(format!("{}{key}", self.prefix))
    }
}

/// All folders with what lies in them. Names that are not keys are left out.
fn index(archive: &ZipArchive<BufReader<File>>) -> Result<Folders> {
    let mut folders = Folders::from([(String::new(), BTreeMap::new())]);
    for at in 0..archive.len() {
        let entry = archive.by_index_data(at).map_err(|error| corrupt(&error))?;
        let name = entry.name().map_err(|error| corrupt(&error))?;
        let name = name.trim_end_matches('/');
        let is_key = !name.is_empty() && check_key(name).is_ok();
        if is_key && name.len() <= MAX_NAME_BYTES && name.split('/').count() <= MAX_DEPTH {
            let kind = match (entry.is_dir(), entry.is_symlink()) {
                (true, _) => StoreEntryKind::Directory,
                (_, true) => StoreEntryKind::Unusable(Unusable::Special),
                _ => StoreEntryKind::File { size: entry.size() },
            };
            insert(&mut folders, name, kind);
        }
    }
    Ok(folders)
}

/// Adds an entry and the folders above it, which a zip file need not list.
fn insert(folders: &mut Folders, path: &str, kind: StoreEntryKind) {
    if kind == StoreEntryKind::Directory {
        folders.entry(path.to_owned()).or_default();
    }
    let (mut path, mut kind) = (path, kind);
    loop {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let is_known_folder = folders.contains_key(folder);
        folders.entry(folder.to_owned()).or_default().insert(name.to_owned(), kind);
        if is_known_folder || folder.is_empty() {
            return;
        }
        (path, kind) = (folder, StoreEntryKind::Directory);
    }
}

fn only_folder(folders: &Folders) -> Option<&str> {
    let mut entries = folders.get("")?.iter();
    match (entries.next(), entries.next()) {
        (Some((name, StoreEntryKind::Directory)), None) => Some(name),
        _ => None,
    }
}

fn corrupt(error: &zip::result::ZipError) -> Error {
    Error::invalid_data(format!("the zip file is damaged: {error}"))
}

impl StoreReader for ZipStore {
    fn read(&self, key: &str, max_bytes: u64) -> Result<Bytes> {
        let name = self.name(key)?;
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = archive.by_name(&name).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => Error::not_found("no such entry"),
            other => corrupt(&other),
        });
        let entry = entry.map_err(|error| error.with_path(key))?;
        if entry.size() > max_bytes {
            return Err(too_long(key, entry.size(), max_bytes));
        }
        // The size in the index may lie.
        let mut bytes = Vec::new();
        entry
            .take(max_bytes + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(error, "unzip", key))?;
        if bytes.len() as u64 > max_bytes {
            return Err(too_long(key, bytes.len() as u64, max_bytes));
        }
        Ok(bytes.into())
    }

    fn list(&self, dir: &str) -> Result<Vec<StoreEntry>> {
        let name = self.name(dir)?;
        let folder = self.folders.get(name.trim_end_matches('/'));
        let folder = folder.ok_or_else(|| Error::not_found("no such folder").with_path(dir))?;
        let entry = |(name, kind): (&String, &StoreEntryKind)| StoreEntry {
            name: name.clone(),
            kind: *kind,
        };
        Ok(folder.iter().map(entry).collect())
    }
}
