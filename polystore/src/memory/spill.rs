//! The temporary file that planes go to when memory is short.

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    buffer::{BufferPool, PooledBuffer},
};

/// A place in a [`SpillFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    offset: u64,
    len: usize,
}

/// A file without a name: it is unlinked as soon as it is open, so that nothing stays
/// behind when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: File,
    folder: PathBuf,
    end: u64,
    free: HashMap<usize, Vec<u64>>,
}

impl SpillFile {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let path = folder.join(format!(".polystore-spill-{}", uuid::Uuid::now_v7()));
        let opened = File::options().read(true).write(true).create_new(true).open(&path);
        let file = opened.map_err(|error| Error::io(error, "create", path.display()))?;
        std::fs::remove_file(&path).map_err(|error| Error::io(error, "unlink", path.display()))?;
        Ok(Self { file, folder: folder.to_owned(), end: 0, free: HashMap::new() })
    }

    /// Stores `bytes` in a free place of their length, or at the end of the file.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<Extent> {
        let reused = self.free.get_mut(&bytes.len()).and_then(Vec::pop);
        let offset = reused.unwrap_or(self.end);
        let extent = Extent { offset, len: bytes.len() };
        if let Err(error) = self.file.write_all_at(bytes, offset) {
            if reused.is_some() {
                self.free(extent);
            }
            return Err(self.failed(error, "spill a plane to"));
        }
        self.end = self.end.max(offset + bytes.len() as u64);
        Ok(extent)
    }

    pub(super) fn read(&self, extent: Extent) -> Result<PooledBuffer> {
        let mut buffer = BufferPool::global().take(extent.len, 0);
        self.file
            .read_exact_at(&mut buffer, extent.offset)
            .map_err(|error| self.failed(error, "read a spilled plane back from"))?;
        Ok(buffer)
    }

    /// Gives a place back for the next plane of its length.
    pub(super) fn free(&mut self, extent: Extent) {
        self.free.entry(extent.len).or_default().push(extent.offset);
    }

    fn failed(&self, error: std::io::Error, operation: &str) -> Error {
        Error::io(error, operation, self.folder.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_reused_and_nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = SpillFile::create(folder.path()).unwrap();
        let first = spill.write(&[1; 100]).unwrap();
        let second = spill.write(&[2; 100]).unwrap();
        spill.free(first);
        let third = spill.write(&[3; 100]).unwrap();
        assert_eq!((first, spill.end), (third, 200));
        assert_eq!(&*spill.read(second).unwrap(), &[2; 100]);
        assert_eq!(&*spill.read(third).unwrap(), &[3; 100]);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = SpillFile::create(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
