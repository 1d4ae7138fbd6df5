//! The files of a store: a directory, or a zip archive that is only read.
//!
//! Names are relative to the store's root, `/`-separated, without a leading `/`; the root
//! itself is the empty name. They come from a [`VirtualPath`](crate::VirtualPath) or from
//! parts that were checked like one, so none of them has a `..`.

mod archive;
mod directory;
mod lease;
mod publish;
mod staging;

use std::{fmt, path::Path};

pub(super) use archive::Archive;
pub(super) use directory::{Directory, Identity};
pub(super) use publish::Tree;
pub(super) use staging::Staged;

use crate::{
    Error, ErrorKind, Result,
    buffer::{BufferPool, PooledBuffer},
    disk::refuse_special,
};

/// Where the files of a store are.
#[derive(Debug)]
pub(super) enum Store {
    /// A directory of the local file system.
    Directory(Directory),
    /// A zip archive, such as `.zarr.zip` or `.ozx`.
    Archive(Archive),
}

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It may have names below it.
    Directory,
    /// A file of this many bytes.
    File(u64),
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) is_directory: bool,
}

/// An opened file.
#[derive(Debug)]
pub(super) enum OpenFile<'a> {
    File(directory::DiskFile),
    Entry(archive::OpenEntry<'a>),
}

impl Store {
    /// Opens what is at `path`: a directory, or a zip archive by its content.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when it is neither.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let metadata =
            std::fs::metadata(path).map_err(|error| Error::io(error, "open", path.display()))?;
        refuse_special(&metadata).map_err(|error| error.with_path(path.display()))?;
        if metadata.is_dir() {
            Directory::open(path).map(Self::Directory)
        } else {
            Archive::open(path).map(Self::Archive)
        }
    }

    /// Where it is on this machine.
    pub(super) fn location(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory.path(),
            Self::Archive(archive) => archive.path(),
        }
    }

    /// The directory, to write into.
    ///
    /// # Errors
    /// `PermissionDenied` for an archive.
    pub(super) fn writable(&self) -> Result<&Directory> {
        match self {
            Self::Directory(directory) => Ok(directory),
            Self::Archive(_) => {
                Err(Error::new(ErrorKind::PermissionDenied, "a zipped store is only read")
                    .with_hint("unzip it, or write into another store"))
            }
        }
    }

    /// What `name` is; `None` when nothing has this name.
    pub(super) fn look(&self, name: &str) -> Result<Option<Found>> {
        match self {
            Self::Directory(directory) => directory.look(name),
            Self::Archive(archive) => Ok(archive.look(name)),
        }
    }

    /// The names in a directory, in no order; `None` when there is no such directory. Names
    /// that are not UTF-8 and files that are being written are left out.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<Listed>>> {
        match self {
            Self::Directory(directory) => directory.list(name),
            Self::Archive(archive) => Ok(archive.list(name)),
        }
    }

    /// Opens a file; `None` when there is none of this name.
    pub(super) fn file(&self, name: &str) -> Result<Option<OpenFile<'_>>> {
        match self {
            Self::Directory(directory) => Ok(directory.file(name)?.map(OpenFile::File)),
            Self::Archive(archive) => Ok(archive.file(name)?.map(OpenFile::Entry)),
        }
    }

    /// What tells the file called `name` from another of its name; `None` when it is absent.
    pub(super) fn identity(&self, name: &str) -> Result<Option<Identity>> {
        match self {
            Self::Directory(directory) => directory.identity(name),
            Self::Archive(archive) => {
                let found = archive.look(name);
                Ok(found.map(|_| Identity::default()))
            }
        }
    }

    /// The whole content of a metadata file of at most `max_bytes`; `None` when it is absent.
    pub(super) fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.file(name)? else { return Ok(None) };
        if file.len() > max_bytes {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "file of {} bytes is longer than the {max_bytes} that are read",
                    file.len()
                ),
            )
            .with_path(name));
        }
        let mut content = vec![0; usize::try_from(file.len()).unwrap_or(usize::MAX)];
        file.read_at(&mut content, 0).map_err(|error| error.with_path(name))?;
        Ok(Some(content))
    }
}

impl OpenFile<'_> {
    /// Bytes of content.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len(),
            Self::Entry(entry) => entry.len(),
        }
    }

    /// Fills `target` with the content from `offset` on.
    ///
    /// # Errors
    /// `InvalidData` when the file ends before.
    pub(super) fn read_at(&self, target: &mut [u8], offset: u64) -> Result<()> {
        match self {
            Self::File(file) => file.read_at(target, offset),
            Self::Entry(entry) => entry.read_at(target, offset),
        }
    }

    /// `len` bytes from `offset` on, in memory that suits the read.
    ///
    /// # Errors
    /// As [`OpenFile::read_at`].
    pub(super) fn read_range(&self, offset: u64, len: usize) -> Result<PooledBuffer> {
        let alignment = (offset % crate::buffer::ALIGNMENT as u64) as usize;
        let mut buffer = BufferPool::global().take(len, alignment);
        self.read_at(&mut buffer, offset)?;
        Ok(buffer)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location().display())
    }
}

/// The name of `below` in the directory `above`.
pub(super) fn join(above: &str, below: &str) -> String {
    match (above, below) {
        ("", _) => below.to_owned(),
        (_, "") => above.to_owned(),
        _ => format!("{above}/{below}"),
    }
}

/// The directory that `name` is in, and its last part.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}
