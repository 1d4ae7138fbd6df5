//! Read-only access to a store by key, as far as validation needs it.

mod directory;
mod zip;

use std::{fmt, fs, path::Path};

use bytes::Bytes;

use super::rules::{self, Rule};
use crate::{Error, ErrorKind, Result};

pub use directory::DirectoryStore;
pub use zip::ZipStore;

/// Largest file that is read whole where a part of it is wanted, and the store gives no parts.
const MAX_WHOLE_BYTES: u64 = 1 << 30;

fn cut_short(key: &str, offset: u64, n_bytes: usize) -> Error {
    Error::invalid_data(format!("ends before the {n_bytes} bytes at byte {offset}")).with_path(key)
}

/// A store of keys, `/`-separated and relative to its root (`A/1/.zattrs`); the root is the
/// empty key.
pub trait StoreReader: fmt::Debug + Send + Sync {
    /// The content of a file.
    ///
    /// # Errors
    /// `NotFound`; `LimitExceeded` when it is longer than `max_bytes`, before it is read;
    /// `PermissionDenied` and others of reading.
    fn read(&self, key: &str, max_bytes: u64) -> Result<Bytes>;

    /// A part of a file.
    ///
    /// # Errors
    /// `InvalidData` when the file ends before; as [`StoreReader::read`].
    fn read_range(&self, key: &str, offset: u64, n_bytes: usize) -> Result<Bytes> {
        let all = self.read(key, MAX_WHOLE_BYTES)?;
        let range = usize::try_from(offset).ok().and_then(|start| {
            let end = start.checked_add(n_bytes).filter(|end| *end <= all.len())?;
            Some(start..end)
        });
        range.map(|range| all.slice(range)).ok_or_else(|| cut_short(key, offset, n_bytes))
    }

    /// What lies directly in a folder, in any order.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied` and others of reading.
    fn list(&self, dir: &str) -> Result<Vec<StoreEntry>>;
}

/// One name in a folder of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreEntry {
    /// The name, without the folder. For [`Unusable::NotUtf8`] an approximation.
    pub name: String,
    /// What it is.
    pub kind: StoreEntryKind,
}

/// What a name in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreEntryKind {
    /// A folder.
    Directory,
    /// A file of `size` bytes.
    File {
        /// The length in bytes.
        size: u64,
    },
    /// Something that is not looked at.
    Unusable(Unusable),
}

/// Why an entry is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The name is not UTF-8, as zarr keys are.
    NotUtf8,
    /// A link to nothing, or one that runs in a circle.
    BrokenLink,
    /// A link that leaves the store.
    LinkOutside,
    /// A pipe, a socket or a device.
    Special,
}

/// Opens the store at `path`: a folder, or a zip file.
pub(super) fn open(path: &Path) -> Result<Box<dyn StoreReader>> {
    let metadata = fs::metadata(path).map_err(|error| Error::io(error, "open", path.display()))?;
    if metadata.is_dir() {
        return Ok(Box::new(DirectoryStore::open(path)?));
    }
    if metadata.is_file() {
        return Ok(Box::new(ZipStore::open(path)?));
    }
    Err(Error::invalid_input("neither a folder nor a file").with_path(path.display()))
}

/// The rule that a failure to open or read breaks.
pub(super) fn rule_of(error: &Error) -> &'static Rule {
    match error.kind() {
        ErrorKind::NotFound => rules::STORE_NOT_FOUND,
        ErrorKind::InvalidInput => rules::STORE_NO_ZARR,
        ErrorKind::LimitExceeded => rules::JSON_TOO_LARGE,
        _ => rules::STORE_UNREADABLE,
    }
}

/// Refuses a key that could leave the root.
fn check_key(key: &str) -> Result<()> {
    let is_bad = |part: &str| matches!(part, "" | "." | "..") || part.contains(['\0', '\\']);
    if !key.is_empty() && key.split('/').any(is_bad) {
        return Err(Error::invalid_input("not a key of a zarr store").with_path(key));
    }
    Ok(())
}
