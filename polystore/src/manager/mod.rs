//! One name space over all backends: mounts, and the choice of a backend by location.

mod content;
mod create;
mod images;
mod list;
mod location;
mod open;
mod other_plate;
mod transfer;
mod tree;
mod unlisted;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

pub use list::{EntryFilter, ListOptions, Listing};
pub use location::{Location, Target};
pub use open::OpenOptions;
pub use transfer::{MirrorMode, TransferReport};
pub use unlisted::{Unlisted, UnlistedReason};

use crate::{Error, ErrorKind, Result, VirtualBackend, VirtualPath};

/// The filesystem as callers see it: locations in, planes, text and plates out.
///
/// A location is a path of the local file system (`/data/plate`, `plate.zarr/A/01/0`), a
/// path below a mount (`/omero/plate_123`), or names its backend (`memory:scratch/a.txt`,
/// `disk:/data`, `zarr:/data/store`). Without a name the backend is chosen by what is there:
/// a zarr store is read as one, everything else is files on disk. A plate is opened from the
/// file of a workspace too, and `week7.workspace.json/A01/A01_s001` is an image in one.
/// Cloning shares the mounts.
///
/// ```
/// use std::sync::Arc;
/// use polystore::{FileManager, memory::MemoryBackend};
///
/// let files = FileManager::new();
/// files.mount("/scratch", Arc::new(MemoryBackend::new()))?;
/// files.write_text("/scratch/notes/a.txt", "hello")?;
/// assert_eq!(files.read_text("/scratch/notes/a.txt")?, "hello");
/// assert!(!files.exists("/scratch/notes/b.txt")?);
/// # Ok::<(), polystore::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct FileManager {
    mounts: Arc<RwLock<Vec<Mount>>>,
}

#[derive(Clone)]
struct Mount {
    at: VirtualPath,
    backend: Arc<dyn VirtualBackend>,
}

impl FileManager {
    /// A manager of the local file system, without mounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `backend` answer for `at` and everything below it, before the local file system
    /// does. Of nested mounts the innermost answers.
    ///
    /// # Errors
    /// `InvalidInput` for a bad path or the root; `AlreadyExists` when another backend is
    /// mounted there.
    pub fn mount(&self, at: &str, backend: Arc<dyn VirtualBackend>) -> Result<()> {
        let at = VirtualPath::parse(at)?;
        if at.is_root() {
            return Err(Error::invalid_input("the root cannot be mounted over; mount below it"));
        }
        let mut mounts = self.mounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = mounts.iter().find(|mount| mount.at == at) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is mounted here", other.backend),
            )
            .with_path(at)
            .with_hint("unmount it first"));
        }
        mounts.push(Mount { at, backend });
        // Longest first, so that the innermost mount is found first.
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.at.as_str().len()));
        Ok(())
    }

    /// Takes the mount at `at` away and returns its backend.
    ///
    /// # Errors
    /// `NotFound` when nothing is mounted there.
    pub fn unmount(&self, at: &str) -> Result<Arc<dyn VirtualBackend>> {
        let at = VirtualPath::parse(at)?;
        let mut mounts = self.mounts.write().unwrap_or_else(PoisonError::into_inner);
        match mounts.iter().position(|mount| mount.at == at) {
            Some(found) => Ok(mounts.remove(found).backend),
            None => Err(Error::not_found("nothing is mounted here").with_path(at)),
        }
    }

    /// The mounts with their backends, innermost first.
    pub fn mounts(&self) -> Vec<(VirtualPath, Arc<dyn VirtualBackend>)> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        mounts.iter().map(|mount| (mount.at.clone(), Arc::clone(&mount.backend))).collect()
    }

    /// The mount that answers for `path`, and the path below it.
    fn mounted(&self, path: &VirtualPath) -> Option<Target> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        mounts.iter().find_map(|mount| {
            let below = path.strip_prefix(&mount.at)?;
            Some(Target { backend: Arc::clone(&mount.backend), path: below })
        })
    }
}

impl fmt::Debug for FileManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mounts = self.mounts();
        f.debug_map().entries(mounts.iter().map(|(at, backend)| (at, backend.to_string()))).finish()
    }
}
