//! A store in a directory: names are resolved beneath its root, links included.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    sync::Mutex,
};

use rustix::{
    fs::{Dir, FileType, FlockOperation, Mode, OFlags},
    io::Errno,
};

use super::{Found, Listed, join, lease::Lease, split};
use crate::{Error, ErrorKind, Result, atomic, read_at::read_exact_at};

/// A directory that holds a store.
#[derive(Debug)]
pub(in super::super) struct Directory {
    path: PathBuf,
    root: OwnedFd,
    /// Made when the first file is written.
    pub(super) lease: Mutex<Option<Lease>>,
}

impl Directory {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when it is a file.
    pub(in super::super) fn open(path: &Path) -> Result<Self> {
        let fail = |error| Error::io(error, "open", path.display());
        let path = path.canonicalize().map_err(fail)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(|error| fail(io::Error::from(error)))?;
        Ok(Self { path, root, lease: Mutex::default() })
    }

    /// Its canonical path.
    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    /// What `name` is.
    pub(in super::super) fn look(&self, name: &str) -> Result<Option<Found>> {
        let Some(handle) = self.open_name(name, OFlags::PATH)? else { return Ok(None) };
        let stat = rustix::fs::fstat(&handle).map_err(|error| failure(error, "look at", name))?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Some(Found::Directory),
            FileType::RegularFile => Some(Found::File(u64::try_from(stat.st_size).unwrap_or(0))),
            _ => None,
        })
    }

    /// What tells a file from another that had or gets its name.
    pub(super) fn identity(&self, name: &str) -> Result<Option<Identity>> {
        let Some(handle) = self.open_name(name, OFlags::PATH)? else { return Ok(None) };
        let metadata = File::from(handle).metadata();
        let metadata = metadata.map_err(|error| Error::io(error, "look at", name))?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Ok(Some(Identity { inode: metadata.ino(), changed }))
    }

    /// The names in a directory.
    pub(in super::super) fn list(&self, name: &str) -> Result<Option<Vec<Listed>>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let Some(handle) = self.open_name(name, flags)? else { return Ok(None) };
        let fail = |error| failure(error, "list", name);
        let mut listed = Vec::new();
        for entry in Dir::new(handle).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let Ok(found) = entry.file_name().to_str() else { continue };
            if found == "." || found == ".." || atomic::is_temporary(found) {
                continue;
            }
            let is_directory = match entry.file_type() {
                FileType::Directory => true,
                FileType::RegularFile => false,
                _ => match self.look(&join(name, found)) {
                    Ok(Some(what)) => what == Found::Directory,
                    // A link that leads nowhere or outside, a pipe, or deleted just now.
                    _ => continue,
                },
            };
            listed.push(Listed { name: found.to_owned(), is_directory });
        }
        Ok(Some(listed))
    }

    /// Opens a file to read.
    pub(in super::super) fn file(&self, name: &str) -> Result<Option<DiskFile>> {
        // A pipe of this name must not stop us: it is opened without waiting, then refused.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let Some(handle) = self.open_name(name, flags)? else { return Ok(None) };
        let file = File::from(handle);
        let fail = |error| Error::io(error, "read", name);
        let metadata = file.metadata().map_err(fail)?;
        Ok(metadata.is_file().then(|| DiskFile { file, len: metadata.len() }))
    }

    /// Takes the advisory lock on a directory, which is made if it is not there. Waits for
    /// whoever holds it; a writer that was killed holds nothing.
    pub(in super::super) fn lock(&self, name: &str) -> Result<Lock> {
        self.make_directories(name)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let handle = self
            .open_name(name, flags)?
            .ok_or_else(|| Error::not_found("directory was deleted").with_path(name))?;
        loop {
            match rustix::fs::flock(&handle, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Lock(handle)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(failure(error, "lock", name)),
            }
        }
    }

    /// Makes the directory `name` and those above it.
    pub(in super::super) fn make_directories(&self, name: &str) -> Result<()> {
        if name.is_empty() || self.look(name)? == Some(Found::Directory) {
            return Ok(());
        }
        let (above, last) = split(name);
        self.make_directories(above)?;
        let above = self.directory(above)?;
        match rustix::fs::mkdirat(&above, last, Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) if self.look(name)? == Some(Found::Directory) => Ok(()),
            Err(error) => Err(failure(error, "create the directory", name)),
        }
    }

    /// Opens an existing directory to look names up in it.
    pub(super) fn directory(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        self.open_name(name, flags)?
            .ok_or_else(|| Error::not_found("there is no such directory").with_path(name))
    }

    /// The root's handle.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Opens `name` beneath the root; `None` when it is absent.
    fn open_name(&self, name: &str, flags: OFlags) -> Result<Option<OwnedFd>> {
        let relative = if name.is_empty() { "." } else { name };
        match open_beneath(&self.root, &self.path, relative, flags | OFlags::CLOEXEC) {
            Ok(handle) => Ok(Some(handle)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::XDEV | Errno::LOOP) => {
                let message = "a link in the store leads outside of it, or in a circle";
                Err(Error::new(ErrorKind::PermissionDenied, message)
                    .with_path(name)
                    .with_hint("open the place that the link leads to"))
            }
            Err(error) => Err(failure(error, "open", name)),
        }
    }
}

/// What tells a file from another of the same name: numbers of files are used again, times
/// are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Identity {
    inode: u64,
    changed: (i64, i64),
}

/// Opens a name without ever leaving `root`, whatever links say.
fn open_beneath(
    root: &OwnedFd,
    root_path: &Path,
    name: &str,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(root, name, flags, Mode::empty(), resolve) {
            // A kernel before 5.6, or a sandbox without this call.
            Err(Errno::NOSYS) => {}
            // The tree changed while a link was followed.
            Err(Errno::AGAIN) => return open_checked(root, root_path, name, flags),
            other => return other,
        }
    }
    open_checked(root, root_path, name, flags)
}

/// Opens a name after looking where its links lead.
fn open_checked(
    root: &OwnedFd,
    root_path: &Path,
    name: &str,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let canonical = root_path
        .join(name)
        .canonicalize()
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    if !canonical.starts_with(root_path) {
        return Err(Errno::XDEV);
    }
    rustix::fs::openat(root, name, flags, Mode::empty())
}

/// The error of a system call.
pub(super) fn failure(error: Errno, operation: &str, name: &str) -> Error {
    Error::io(io::Error::from(error), operation, if name.is_empty() { "/" } else { name })
}

/// An opened file of a directory store.
#[derive(Debug)]
pub(in super::super) struct DiskFile {
    file: File,
    len: u64,
}

impl DiskFile {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn read_at(&self, target: &mut [u8], offset: u64) -> Result<()> {
        read_exact_at(&self.file, target, offset, "the file")
    }
}

/// An advisory lock on a directory, given back when dropped.
#[derive(Debug)]
pub(in super::super) struct Lock(
    #[expect(dead_code, reason = "closing the handle gives the lock back")] OwnedFd,
);

/// Makes the names in a directory survive a power cut.
pub(super) fn sync(directory: impl AsFd, name: &str) -> Result<()> {
    rustix::fs::fsync(directory).map_err(|error| failure(error, "sync the directory", name))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn store() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        let directory = Directory::open(&folder.path().join("store")).unwrap();
        (folder, directory)
    }

    #[test]
    fn names_are_found_and_absence_is_no_error() {
        let (_folder, store) = store();
        fs::create_dir(store.path().join("a")).unwrap();
        fs::write(store.path().join("a/b"), b"12345").unwrap();
        assert_eq!(store.look("").unwrap(), Some(Found::Directory));
        assert_eq!(store.look("a/b").unwrap(), Some(Found::File(5)));
        assert_eq!(store.look("a/c").unwrap(), None);
        assert_eq!(store.look("a/b/c").unwrap(), None);
        assert!(store.file("a").unwrap().is_none());
        let mut bytes = [0; 2];
        store.file("a/b").unwrap().unwrap().read_at(&mut bytes, 2).unwrap();
        assert_eq!(&bytes, b"34");
        let error = store.file("a/b").unwrap().unwrap().read_at(&mut bytes, 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn links_out_of_the_store_are_refused_and_links_inside_followed() {
        let (folder, store) = store();
        fs::write(folder.path().join("secret"), b"s").unwrap();
        fs::write(store.path().join("real"), b"r").unwrap();
        symlink("../secret", store.path().join("out")).unwrap();
        symlink("real", store.path().join("inside")).unwrap();
        symlink("turn", store.path().join("turn")).unwrap();
        assert_eq!(store.look("inside").unwrap(), Some(Found::File(1)));
        for name in ["out", "turn"] {
            assert_eq!(store.look(name).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
        let mut names: Vec<_> =
            store.list("").unwrap().unwrap().into_iter().map(|listed| listed.name).collect();
        names.sort();
        assert_eq!(names, ["inside", "real"]);
        let checked = open_checked(&store.root, &store.path, "out", OFlags::RDONLY);
        assert_eq!(checked.unwrap_err(), Errno::XDEV);
    }

    #[test]
    fn names_that_are_not_utf8_are_passed_over() {
        use std::os::unix::ffi::OsStrExt;
        let (_folder, store) = store();
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        fs::write(store.path().join(name), b"").unwrap();
        assert_eq!(store.list("").unwrap().unwrap(), []);
    }

    #[test]
    fn directories_are_made_below_one_another() {
        let (_folder, store) = store();
        store.make_directories("a/b/c").unwrap();
        store.make_directories("a/b/c").unwrap();
        assert!(store.path().join("a/b/c").is_dir());
        fs::write(store.path().join("file"), b"").unwrap();
        assert!(store.make_directories("file/x").is_err());
        drop(store.lock("locked").unwrap());
        store.lock("locked").unwrap();
    }
}
