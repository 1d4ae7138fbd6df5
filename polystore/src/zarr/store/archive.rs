//! A store in a zip archive, read where it lies: nothing is unpacked to disk.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use zip::{CompressionMethod, ZipArchive};

use super::{Found, Listed, split};
use crate::{Error, ErrorKind, Result, VirtualPath, read_at::read_exact_at};

/// Most entries of an archive.
const MAX_ENTRIES: usize = 50_000_000;
/// Largest entry that is inflated; stored entries are read in ranges, whatever their size.
const MAX_INFLATED_BYTES: u64 = 2 << 30;
/// Deflate cannot do better than this, so a larger claim is a lie.
const MAX_DEFLATE_RATIO: u64 = 1040;
/// Fixed part of the header before an entry's content.
const LOCAL_HEADER_BYTES: usize = 30;

/// A zip archive with a store in it.
#[derive(Debug)]
pub(in super::super) struct Archive {
    path: PathBuf,
    file: File,
    len: u64,
    entries: HashMap<Box<str>, Entry>,
    /// What is directly below each directory.
    directories: HashMap<Box<str>, BTreeSet<(Box<str>, bool)>>,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug)]
struct Entry {
    header_start: u64,
    stored_bytes: u64,
    n_bytes: u64,
    crc32: u32,
    deflated: bool,
}

impl Archive {
    /// Opens the archive at `path` and reads its list of entries.
    ///
    /// # Errors
    /// `InvalidInput` when it is no zip archive, `InvalidData` when it is one by its name or its
    /// list of entries is damaged, `Unsupported` for encryption or another compression than deflate.
    pub(in super::super) fn open(path: &Path) -> Result<Self> {
        let fail = |error| Error::io(error, "open", path.display());
        let file = File::open(path).map_err(fail)?;
        let len = file.metadata().map_err(fail)?.len();
        let reader = BufReader::new(file.try_clone().map_err(fail)?);
        let listing = ZipArchive::new(reader).map_err(|error| {
            let is_zip = path.extension().is_some_and(|end| end == "zip" || end == "ozx");
            let refused = match is_zip {
                true => Error::invalid_data("is no readable zip archive; it may be cut short"),
                false => Error::invalid_input("is neither a directory nor a zip archive"),
            };
            refused.with_path(path.display()).with_source(error)
        })?;
        let mut archive = Self {
            path: path.to_owned(),
            file,
            len,
            entries: HashMap::new(),
            directories: HashMap::new(),
        };
        archive.take_listing(&listing).map_err(|error| error.with_path(path.display()))?;
        Ok(archive)
    }

    fn take_listing<R: io::Read + io::Seek>(&mut self, listing: &ZipArchive<R>) -> Result<()> {
        if listing.len() > MAX_ENTRIES {
            return Err(Error::new(ErrorKind::LimitExceeded, "archive has too many entries"));
        }
        let mut files = Vec::with_capacity(listing.len());
        for number in 0..listing.len() {
            let entry = listing.by_index_data(number).map_err(damaged)?;
            if !entry.is_file() {
                continue;
            }
            let name = entry.name().map_err(damaged)?.into_owned();
            let deflated = match entry.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                other => {
                    return Err(Error::unsupported(format!("{name} is compressed by {other}")));
                }
            };
            if entry.encrypted() {
                return Err(Error::unsupported(format!("{name} is encrypted")));
            }
            let entry = Entry {
                header_start: entry.header_start(),
                stored_bytes: entry.compressed_size(),
                n_bytes: entry.size(),
                crc32: entry.crc32(),
                deflated,
            };
            // Names that are no paths of a store (`..`, backslashes) cannot be asked for.
            if let Ok(path) = VirtualPath::parse(&name) {
                files.push((path.relative().to_owned(), entry));
            }
        }
        let outer = outer_folder(&files);
        for (name, entry) in files {
            let name = name.get(outer..).unwrap_or_default();
            self.list_above(name);
            self.entries.insert(name.into(), entry);
        }
        Ok(())
    }

    /// Enters `name` into its directory, and that into the one above, up to a known one.
    fn list_above(&mut self, name: &str) {
        let (mut below, mut is_directory) = (name, false);
        while !below.is_empty() {
            let (above, leaf) = split(below);
            let known = self.directories.contains_key(above);
            let listed = self.directories.entry(above.into()).or_default();
            listed.insert((leaf.into(), is_directory));
            if known && is_directory {
                break;
            }
            (below, is_directory) = (above, true);
        }
    }

    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn look(&self, name: &str) -> Option<Found> {
        if let Some(entry) = self.entries.get(name) {
            return Some(Found::File(entry.n_bytes));
        }
        (name.is_empty() || self.directories.contains_key(name)).then_some(Found::Directory)
    }

    pub(super) fn list(&self, name: &str) -> Option<Vec<Listed>> {
        let entry = |(name, is_directory): &(Box<str>, bool)| Listed {
            name: name.to_string(),
            is_directory: *is_directory,
        };
        match self.directories.get(name) {
            Some(names) => Some(names.iter().map(entry).collect()),
            None => name.is_empty().then(Vec::new),
        }
    }

    pub(super) fn file(&self, name: &str) -> Result<Option<OpenEntry<'_>>> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let data_start = self.data_start(entry).map_err(|error| error.with_path(name))?;
        let inflated = OnceLock::new();
        Ok(Some(OpenEntry { archive: self, entry: *entry, data_start, inflated }))
    }

    /// Where the content of an entry begins: behind its own header, whose names may differ
    /// in length from those in the list.
    fn data_start(&self, entry: &Entry) -> Result<u64> {
        let mut header = [0u8; LOCAL_HEADER_BYTES];
        self.read_exact(&mut header, entry.header_start)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(Error::invalid_data("archive has no entry where its list says"));
        }
        let length = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let start =
            entry.header_start.saturating_add(LOCAL_HEADER_BYTES as u64 + length(26) + length(28));
        if start.saturating_add(entry.stored_bytes) > self.len {
            return Err(Error::invalid_data("entry reaches past the end of the archive"));
        }
        Ok(start)
    }

    fn read_exact(&self, target: &mut [u8], offset: u64) -> Result<()> {
        read_exact_at(&self.file, target, offset, "the archive")
    }
}

fn damaged(error: zip::result::ZipError) -> Error {
    Error::invalid_data("list of entries is damaged").with_source(error)
}

/// Bytes to take off every name: archives are often made of the store's folder, not of what
/// is in it.
fn outer_folder(files: &[(String, Entry)]) -> usize {
    const AT_THE_ROOT: [&str; 3] = ["zarr.json", ".zgroup", ".zattrs"];
    if files.iter().any(|(name, _)| AT_THE_ROOT.contains(&name.as_str())) {
        return 0;
    }
    let Some((folder, _)) = files.first().and_then(|(name, _)| name.split_once('/')) else {
        return 0;
    };
    let prefix = format!("{folder}/");
    if files.iter().all(|(name, _)| name.starts_with(&prefix)) { prefix.len() } else { 0 }
}

/// An entry to read from. A deflated one is inflated once, at the first read.
#[derive(Debug)]
pub(in super::super) struct OpenEntry<'a> {
    archive: &'a Archive,
    entry: Entry,
    data_start: u64,
    inflated: OnceLock<Vec<u8>>,
}

impl OpenEntry<'_> {
    pub(super) fn len(&self) -> u64 {
        self.entry.n_bytes
    }

    pub(super) fn read_at(&self, target: &mut [u8], offset: u64) -> Result<()> {
        let end = offset.saturating_add(target.len() as u64);
        if end > self.entry.n_bytes {
            return Err(Error::invalid_data(format!("file ends before byte {end}")));
        }
        if self.entry.deflated {
            let content = self.inflated()?;
            target.copy_from_slice(&content[offset as usize..end as usize]);
            return Ok(());
        }
        self.archive.read_exact(target, self.data_start.saturating_add(offset))?;
        let is_whole = target.len() as u64 == self.entry.n_bytes;
        if is_whole { self.check(target) } else { Ok(()) }
    }

    fn inflated(&self) -> Result<&[u8]> {
        if let Some(content) = self.inflated.get() {
            return Ok(content);
        }
        let content = self.inflate()?;
        Ok(self.inflated.get_or_init(|| content))
    }

    fn inflate(&self) -> Result<Vec<u8>> {
        let Entry { stored_bytes, n_bytes, .. } = self.entry;
        if n_bytes > MAX_INFLATED_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("entry of {n_bytes} bytes is longer than is inflated"),
            ));
        }
        if n_bytes > stored_bytes.saturating_mul(MAX_DEFLATE_RATIO) {
            return Err(Error::invalid_data(format!(
                "{stored_bytes} deflated bytes cannot hold the {n_bytes} that are claimed"
            )));
        }
        let mut deflated = vec![0; stored_bytes as usize];
        self.archive.read_exact(&mut deflated, self.data_start)?;
        let mut content = vec![0; n_bytes as usize];
        let written = libdeflater::Decompressor::new()
            .deflate_decompress(&deflated, &mut content)
            .map_err(|error| Error::invalid_data("entry does not inflate").with_source(error))?;
        if written != content.len() {
            return Err(Error::invalid_data(format!(
                "entry inflates to {written} bytes, not the {n_bytes} that are claimed"
            )));
        }
        self.check(&content)?;
        Ok(content)
    }

    fn check(&self, content: &[u8]) -> Result<()> {
        if crc32fast::hash(content) == self.entry.crc32 {
            return Ok(());
        }
        Err(Error::invalid_data("checksum of the archive's entry differs"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    const LEN: usize = 300;

    /// An archive with some names stored and others deflated.
    fn archive(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (number, name) in names.iter().enumerate() {
            let method = [CompressionMethod::Stored, CompressionMethod::Deflated][number % 2];
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(&vec![number as u8; LEN]).unwrap();
        }
        zip.finish().unwrap();
        (folder, path)
    }

    fn read(archive: &Archive, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut target = vec![0; len];
        archive.file(name)?.unwrap().read_at(&mut target, offset)?;
        Ok(target)
    }

    #[test]
    fn stored_and_deflated_entries_are_read_in_ranges() {
        let (_folder, path) = archive(&["zarr.json", "A/01/0/c/0", "A/01/0/c/1", "A/x"]);
        let archive = Archive::open(&path).unwrap();
        assert_eq!(read(&archive, "A/01/0/c/0", 290, 10).unwrap(), [1; 10]);
        assert_eq!(read(&archive, "A/01/0/c/1", 0, LEN).unwrap(), [2; LEN]);
        assert!(read(&archive, "A/x", 299, 2).is_err());
        assert_eq!(archive.look("A/01"), Some(Found::Directory));
        assert_eq!(archive.look("A/02"), None);
        let names: Vec<_> =
            archive.list("A").unwrap().into_iter().map(|l| (l.name, l.is_directory)).collect();
        assert_eq!(names, [("01".to_owned(), true), ("x".to_owned(), false)]);
    }

    #[test]
    fn a_folder_around_the_store_is_taken_off() {
        let (_folder, path) = archive(&["plate.zarr/zarr.json", "plate.zarr/A/zarr.json"]);
        let archive = Archive::open(&path).unwrap();
        assert_eq!(archive.look("zarr.json"), Some(Found::File(LEN as u64)));
        assert_eq!(archive.list("").unwrap().len(), 2);
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let (_folder, path) = archive(&["zarr.json", "b"]);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            std::fs::write(&path, &damaged).unwrap();
            let Ok(archive) = Archive::open(&path) else { continue };
            for (number, name) in ["zarr.json", "b"].into_iter().enumerate() {
                if archive.look(name).is_none() {
                    continue;
                }
                // Damage in a time or attribute changes nothing; any other is noticed.
                if let Ok(content) = read(&archive, name, 0, LEN) {
                    assert_eq!(content, vec![number as u8; LEN], "byte {at}");
                }
            }
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(Archive::open(&path).is_err(), "cut at {at}");
        }
    }
}
