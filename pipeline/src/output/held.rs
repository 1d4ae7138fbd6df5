//! One run at a time in a place of results.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use polystore::ErrorKind;

use crate::Result;

/// A place that other runs stay out of until this is dropped. The system lets go of it when the
/// process ends, however it ends, so that nothing is left to clear away.
#[must_use = "others stay out as long as this is there"]
pub(crate) struct Held {
    _folder: Option<File>,
}

impl Held {
    /// A place that other processes cannot reach.
    pub(super) fn private() -> Self {
        Self { _folder: None }
    }

    /// The folder at `path`, which is there. File systems that lock no folders (NFS among them)
    /// are taken without: then nothing keeps two runs apart.
    ///
    /// # Errors
    /// `Conflict` when another run holds it.
    pub(super) fn folder(path: &Path) -> Result<Self> {
        // What is wrong with the folder is told by whoever writes into it.
        let Ok(folder) = File::open(path) else { return Ok(Self::private()) };
        match folder.try_lock() {
            Ok(()) => Ok(Self { _folder: Some(folder) }),
            Err(TryLockError::WouldBlock) => {
                let message = "another run is writing its results here";
                Err(polystore::Error::new(ErrorKind::Conflict, message)
                    .with_path(path.display())
                    .with_hint("wait until it is done, or choose another place (`-o`)")
                    .into())
            }
            Err(TryLockError::Error(error)) => {
                tracing::debug!("{}: no lock: {error}", path.display());
                Ok(Self::private())
            }
        }
    }
}
