//! One writer at a time in a folder.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{Error, ErrorKind, Result};

/// The file that says that a folder is in use. By its name readers pass over it, and the next
/// writer removes what one that was killed left behind.
const NAME: &str = ".in-use.polystore-tmp";

/// A folder that other writers of its kind stay out of until this is dropped. The system lets
/// go of it when the process ends, however it ends.
#[derive(Debug)]
#[must_use = "others stay out as long as this is there"]
pub struct Held(Option<(PathBuf, File)>);

impl Held {
    /// A place that other processes cannot reach, or that needs no such care.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// The folder at `path`, which is there. One that may not be written, or whose file system
    /// has no locks, is taken without: whoever writes into it is told what is wrong.
    ///
    /// # Errors
    /// `Conflict` when another writer holds it; `what` says what that is, such as `run`.
    pub fn folder(path: &Path, what: &str) -> Result<Self> {
        let mark = path.join(NAME);
        loop {
            let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&mark);
            let Ok(file) = opened else { return Ok(Self::nothing()) };
            match file.try_lock() {
                // Whoever held it before may have removed it since it was opened.
                Ok(()) if file.metadata().is_ok_and(|metadata| metadata.nlink() == 0) => {}
                Ok(()) => return Ok(Self(Some((mark, file)))),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!("another {what} is writing here"),
                    )
                    .with_path(path.display())
                    .with_hint("wait until it is done, or choose another place"));
                }
                Err(TryLockError::Error(error)) => {
                    tracing::debug!("{}: no lock: {error}", mark.display());
                    return Ok(Self::nothing());
                }
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((mark, _file)) = self.0.take() {
            // What stays is removed by the next writer.
            let _ = fs::remove_file(mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_a_folder_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let held = Held::folder(folder.path(), "run").unwrap();
            let error = Held::folder(folder.path(), "run").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.to_string().contains("another run is writing here"), "{error}");
            // A writer that removes what is stale leaves it alone.
            crate::atomic::remove_stale(folder.path());
            assert!(folder.path().join(NAME).exists());
            drop(held);
            assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
        }
        // What a killed one left is taken over.
        fs::write(folder.path().join(NAME), "").unwrap();
        drop(Held::folder(folder.path(), "run").unwrap());
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
        drop(Held::folder(&folder.path().join("absent"), "run").unwrap());
    }

    /// Many at once: one at a time has it, and each in the end.
    #[test]
    fn nobody_is_with_another_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let n_inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let held = loop {
                            match Held::folder(folder.path(), "run") {
                                Ok(held) => break held,
                                Err(_) => std::thread::yield_now(),
                            }
                        };
                        use std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(n_inside.fetch_add(1, SeqCst), 0);
                        n_inside.fetch_sub(1, SeqCst);
                        drop(held);
                    }
                });
            }
        });
    }
}
