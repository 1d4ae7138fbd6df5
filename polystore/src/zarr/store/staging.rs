//! Files on their way into a directory store.
//!
//! A file is written in a folder at the store's root, synced, and renamed to its place in one
//! step. So a writer that is killed leaves nothing among the chunks, and what it leaves is
//! found in one listing.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::OwnedFd,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{
    directory::{Directory, failure, sync},
    split,
};
use crate::{Error, ErrorKind, Result, WriteMode, atomic};

/// The folder of unfinished files; readers pass over it because of its name.
pub(super) const STAGING: &str = atomic::TEMPORARY_SUFFIX;

/// A file that is written but has no name in the store yet; removed unless it is published.
#[derive(Debug)]
pub(in super::super) struct Staged<'a> {
    directory: &'a Directory,
    /// Open until it is synced; large planes have more files than a process may have open.
    file: Option<File>,
    name: String,
    published: bool,
}

impl Directory {
    /// Writes a file that [`Staged::publish`] gives its name; with `synced`, waits until it
    /// is on the disk.
    ///
    /// # Errors
    /// As [`Directory::write_staged`].
    pub(in super::super) fn stage(&self, content: &[u8], synced: bool) -> Result<Staged<'_>> {
        let mut staged = self.write_staged(content)?;
        if synced {
            staged.sync()?;
        }
        staged.file = None;
        Ok(staged)
    }

    /// Writes a file that is to be synced, with others, before it gets its name.
    ///
    /// # Errors
    /// As the file system answers, without a path: the caller knows what the file is to be.
    /// A full disk is `LimitExceeded`.
    pub(in super::super) fn write_staged(&self, content: &[u8]) -> Result<Staged<'_>> {
        let (name, mut file) = self.create_staged()?;
        let mut staged = Staged { directory: self, file: None, name, published: false };
        file.write_all(content).map_err(|error| Error::from_io(error, "write"))?;
        staged.file = Some(file);
        Ok(staged)
    }

    fn create_staged(&self) -> Result<(String, File)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            let above = self.unfinished_folder()?;
            let name = format!("{above}/{}", unique());
            match rustix::fs::openat(self.root(), &name, flags, Mode::from_raw_mode(0o666)) {
                Ok(handle) => return Ok((name, File::from(handle))),
                Err(Errno::EXIST) => {}
                Err(Errno::NOENT) => self.lost_unfinished_folder(&above),
                Err(error) => return Err(Error::from_io(error.into(), "create a file")),
            }
        }
    }

    /// Makes the folder of unfinished files.
    pub(super) fn make_staging(&self) -> Result<()> {
        match rustix::fs::mkdirat(self.root(), STAGING, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(Error::from_io(error.into(), "create a directory")),
        }
    }

    /// The directory that `name` is to be in, made if it is not there. The directories that
    /// must be synced for it to last are added to `touched`.
    pub(super) fn parent(&self, name: &str, touched: &mut Vec<String>) -> Result<OwnedFd> {
        let (above, _) = split(name);
        touched.push(above.to_owned());
        match self.directory(above) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => return other,
        }
        let mut missing = above;
        while !missing.is_empty() && self.look(missing)?.is_none() {
            missing = split(missing).0;
            touched.push(missing.to_owned());
        }
        self.make_directories(above)?;
        self.directory(above)
    }

    /// Removes a file; fine when it is not there.
    pub(in super::super) fn remove_file(&self, name: &str) -> Result<()> {
        let (above, leaf) = split(name);
        let parent = match self.directory(above) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        match rustix::fs::unlinkat(&parent, leaf, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failure(error, "delete", name)),
        }
    }

    /// Removes a directory with everything below, in one step for readers; fine when it is
    /// not there.
    pub(in super::super) fn remove_directory(&self, name: &str) -> Result<()> {
        let (above, leaf) = split(name);
        let parent = match self.directory(above) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let aside = loop {
            let above = self.unfinished_folder()?;
            let aside = format!("{above}/{}", unique());
            match rustix::fs::renameat(&parent, leaf, self.root(), &aside) {
                Ok(()) => break aside,
                Err(Errno::NOENT) if self.look(name)?.is_some() => {
                    self.lost_unfinished_folder(&above);
                }
                Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(failure(error, "delete", name)),
            }
        };
        remove(&self.path().join(aside));
        self.leave_staging();
        Ok(())
    }

    /// Removes a directory that is empty.
    ///
    /// # Errors
    /// `InvalidInput` when it is not.
    pub(in super::super) fn remove_empty(&self, name: &str) -> Result<()> {
        let (above, leaf) = split(name);
        match rustix::fs::unlinkat(self.directory(above)?, leaf, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Error::invalid_input("is not empty")
                .with_hint("delete recursively to delete what is in it too")),
            Err(error) => Err(failure(error, "delete", name)),
        }
    }

    /// Moves a file or directory to a name that must be free.
    ///
    /// # Errors
    /// `AlreadyExists` when it is not.
    pub(in super::super) fn rename(
        &self,
        from: &str,
        to: &str,
        touched: &mut Vec<String>,
    ) -> Result<()> {
        let old = self.parent(from, touched)?;
        let new = self.parent(to, touched)?;
        match rename_new(&old, split(from).1, &new, split(to).1) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                Err(Error::new(ErrorKind::AlreadyExists, "something is there already")
                    .with_path(to))
            }
            Err(error) => Err(failure(error, "move", from)),
        }
    }

    /// Syncs directories, each once.
    pub(in super::super) fn sync_all(&self, mut touched: Vec<String>) -> Result<()> {
        touched.sort_unstable();
        touched.dedup();
        touched.iter().try_for_each(|name| sync(self.directory(name)?, name))
    }
}

impl Staged<'_> {
    /// Waits until the file is on the disk, if it was not waited for before.
    ///
    /// # Errors
    /// As [`Directory::write_staged`].
    pub(in super::super) fn sync(&self) -> Result<()> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_data);
        synced.map_err(|error| Error::from_io(error, "write"))
    }

    /// Gives the file its name in one step. The directories to sync afterwards are added to
    /// `touched`.
    ///
    /// # Errors
    /// `AlreadyExists` with [`WriteMode::CreateNew`].
    pub(in super::super) fn publish(
        mut self,
        name: &str,
        mode: WriteMode,
        touched: &mut Vec<String>,
    ) -> Result<()> {
        let parent = self.directory.parent(name, touched)?;
        let from = self.directory.root();
        let (_, leaf) = split(name);
        let renamed = match mode {
            WriteMode::Overwrite => rustix::fs::renameat(from, &self.name, &parent, leaf),
            WriteMode::CreateNew => rename_new(from, &self.name, &parent, leaf),
        };
        match renamed {
            Ok(()) => {
                self.published = true;
                Ok(())
            }
            Err(Errno::EXIST) => {
                Err(Error::new(ErrorKind::AlreadyExists, "a file of this name exists")
                    .with_path(name))
            }
            Err(error) => Err(failure(error, "write", name)),
        }
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.published {
            let root = self.directory.root();
            let _ = rustix::fs::unlinkat(root, &self.name, AtFlags::empty());
        }
    }
}

/// Renames unless the target exists, in one step.
pub(super) fn rename_new(from: &OwnedFd, old: &str, to: &OwnedFd, new: &str) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        // A file system without this kind of rename: a hard link fails when the name exists.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(from, old, to, new, AtFlags::empty())?;
            let _ = rustix::fs::unlinkat(from, old, AtFlags::empty());
            Ok(())
        }
        other => other,
    }
}

/// A name that no other writer uses: by counter within the process, by process and time
/// between processes.
pub(super) fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let nanos =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    format!("{:x}-{count:x}-{:x}", std::process::id(), nanos & 0xffff_ffff_ffff)
}

/// Removes a file, or a directory with everything below.
pub(super) fn remove(path: &std::path::Path) {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(path = %path.display(), %error, "unfinished file was not removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        (folder, directory)
    }

    #[test]
    fn files_appear_whole_and_unpublished_ones_vanish() {
        let (folder, store) = store();
        let mut touched = Vec::new();
        let staged = store.stage(b"new", true).unwrap();
        assert!(!folder.path().join("a/b/c").exists());
        staged.publish("a/b/c", WriteMode::CreateNew, &mut touched).unwrap();
        assert_eq!(fs::read(folder.path().join("a/b/c")).unwrap(), b"new");
        touched.sort();
        assert_eq!(touched, ["", "a", "a/b"]);
        store.sync_all(touched).unwrap();
        let again = store.stage(b"newer", false).unwrap();
        let error = again.publish("a/b/c", WriteMode::CreateNew, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        store.leave_staging();
        assert!(!folder.path().join(STAGING).exists());
    }
}
