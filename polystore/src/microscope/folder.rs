//! A folder as microscope readers see it: listed once, files opened only when asked for.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;

use super::names::image_stem;
use crate::{
    Error, ErrorKind, Result, fan_out,
    model::{FileNames, ImageStructure, PassedOver, PassedOverReason, PlaneState},
};

/// What the header of an image file says; no pixel is decoded for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFileInfo {
    /// The file as one image on its own: sizes, type, channels, physical sizes.
    pub image: ImageStructure,
    /// Pages of the file: directories of a TIFF, planes of an `.npy` stack.
    pub n_pages: u32,
    /// Interleaved samples of a page: 3 for RGB.
    pub n_samples: u16,
    /// The text that the file carries (TIFF `ImageDescription` of the first page): OME-XML,
    /// MetaXpress XML, ImageJ's settings. Empty when there is none.
    pub description: String,
}

/// Opens files of a folder for a microscope reader. Paths are relative, `/`-separated.
pub trait FolderFiles: Sync {
    /// The whole content of a metadata file.
    ///
    /// # Errors
    /// `NotFound`; `LimitExceeded` when it is longer than `max_bytes`.
    fn read(&self, file: &str, max_bytes: u64) -> Result<Bytes>;

    /// The header of an image file.
    ///
    /// # Errors
    /// `NotFound`; `InvalidData` naming what is wrong with the file; `Unsupported`.
    fn describe(&self, file: &str) -> Result<ImageFileInfo>;
}

/// A folder that may hold a plate: its listing, taken in one pass, and a way into its files.
pub struct PlateFolder<'a> {
    name: &'a str,
    files: &'a FileNames,
    notes: &'a [String],
    passed_over: Option<&'a PassedOver>,
    reader: &'a dyn FolderFiles,
    others: OnceLock<Vec<u32>>,
    unreadable: Mutex<BTreeMap<String, Unreadable>>,
    damaged: Mutex<BTreeMap<String, String>>,
    strays: Mutex<PassedOver>,
    n_vain: AtomicU32,
}

/// An image file that was asked for its header in vain.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    /// What the planes in it are.
    pub(super) state: PlaneState,
    /// Why, with all causes.
    pub(super) reason: String,
}

/// Most bytes of a metadata file that are read.
pub const MAX_METADATA_BYTES: u64 = 1 << 30;

impl<'a> PlateFolder<'a> {
    /// A folder called `name` with `files` below it, relative and `/`-separated, in the
    /// order of the listing (any order). `notes` says what the listing passed over.
    pub fn new(
        name: &'a str,
        files: &'a FileNames,
        notes: &'a [String],
        reader: &'a dyn FolderFiles,
    ) -> Self {
        Self {
            name,
            files,
            notes,
            passed_over: None,
            reader,
            others: OnceLock::new(),
            unreadable: Mutex::default(),
            damaged: Mutex::default(),
            strays: Mutex::default(),
            n_vain: AtomicU32::new(0),
        }
    }

    /// With the image files that the listing could not use.
    #[must_use]
    pub fn with_passed_over(self, files: &'a PassedOver) -> Self {
        Self { passed_over: Some(files), ..self }
    }

    /// The folder's own name, often the plate's.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// All files below the folder, in no particular order. A file is known by its position
    /// here ([`PlaneSource::file`](crate::model::PlaneSource::file)).
    pub fn files(&self) -> &'a FileNames {
        self.files
    }

    /// The files that are not images, by name: metadata, tables, texts. The first call looks
    /// at all names.
    pub fn others(&self) -> impl Iterator<Item = &'a str> + '_ {
        let others = self.others.get_or_init(|| {
            let is_other = |&number: &u32| {
                self.files.get(number as usize).is_some_and(|file| image_stem(file).is_none())
            };
            let found = fan_out::map_ranges(self.files.len(), 4096, |range| {
                (range.start as u32..range.end as u32).filter(is_other).collect::<Vec<_>>()
            });
            let mut others = found.concat();
            others.sort_unstable_by_key(|&number| self.files.get(number as usize));
            others
        });
        others.iter().filter_map(|&number| self.files.get(number as usize))
    }

    /// What the listing passed over and why; belongs into the inventory's notes.
    pub fn notes(&self) -> &'a [String] {
        self.notes
    }

    /// Image files that the listing could not use; belong into the inventory.
    pub fn passed_over(&self) -> &'a PassedOver {
        const NONE: &PassedOver = &PassedOver { n: 0, files: Vec::new() };
        self.passed_over.unwrap_or(NONE)
    }

    /// The first file, by name, whose path satisfies `wanted`.
    pub fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<&'a str> {
        self.files.iter().filter(|file| wanted(file)).min()
    }

    /// The content of a metadata file.
    ///
    /// # Errors
    /// As [`FolderFiles::read`], with at most [`MAX_METADATA_BYTES`].
    pub fn read(&self, file: &str) -> Result<Bytes> {
        self.reader.read(file, MAX_METADATA_BYTES)
    }

    /// The content of a text file: UTF-8, else UTF-16 with a byte-order mark, else Latin-1,
    /// which vendors' software still writes.
    ///
    /// # Errors
    /// As [`PlateFolder::read`].
    pub fn read_text(&self, file: &str) -> Result<String> {
        Ok(decode_text(&self.read(file)?))
    }

    /// Remembers that a metadata file is cut or damaged, and why. Without what it says planes
    /// may be missing unseen, so the plate is not complete, whatever the reader makes of it.
    pub fn note_damaged(&self, file: &str, error: &Error) {
        let mut known = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(file.to_owned(), error.chain());
    }

    /// Counts an image file that may be the plate's own and that the reader makes no plane of.
    /// The plate is not complete then; what is no image of the plate is a remark at most.
    pub fn pass_over(&self, file: &str, reason: PassedOverReason, detail: impl Into<String>) {
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        strays.push_with(file, reason, detail);
    }

    /// The image files that the reader passed over.
    pub(super) fn strays(&self) -> PassedOver {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The metadata files that are damaged, by name, and what is wrong with each.
    pub(super) fn damaged(&self) -> BTreeMap<String, String> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The header of an image file. One that cannot be read is remembered: whatever the
    /// reader makes of it, the planes in that file are corrupt in the plate's inventory.
    ///
    /// # Errors
    /// As [`FolderFiles::describe`].
    pub fn describe(&self, file: &str) -> Result<ImageFileInfo> {
        self.reader.describe(file).inspect_err(|error| {
            let Some(state) = PlaneState::of_failure(error) else { return };
            let unreadable = Unreadable { state, reason: error.chain() };
            let mut known = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(file.to_owned(), unreadable);
        })
    }

    /// The first of `files` whose header can be read, and that header: what all of them are
    /// taken to be like. After eight that cannot, each step is twice as long as the one before,
    /// so that few are opened however many are damaged, and those of a whole well may be.
    ///
    /// # Errors
    /// The last error when none can be read; `NotFound` without files.
    pub fn describe_any<'f>(
        &self,
        files: impl IntoIterator<Item = &'f str>,
    ) -> Result<(&'f str, ImageFileInfo)> {
        const NEIGHBOURS: u32 = 8;
        let mut last =
            Error::new(ErrorKind::NotFound, "the folder has no image files").with_path(self.name);
        let mut files = files.into_iter();
        for n_tried in 0u32.. {
            let n_passed = 1usize.checked_shl(n_tried.saturating_sub(NEIGHBOURS - 1));
            let Some(file) = files.nth(n_passed.unwrap_or(usize::MAX) - 1) else { break };
            match self.describe(file) {
                Ok(info) => return Ok((file, info)),
                Err(error) => last = error,
            }
        }
        self.n_vain.fetch_add(1, Ordering::Relaxed);
        Err(last)
    }

    /// Whether [`PlateFolder::describe_any`] has found nothing so often that it is not worth
    /// asking again: where most files are damaged, looking for others takes the time.
    pub(super) fn is_hopeless(&self) -> bool {
        const MAX_VAIN: u32 = 2;
        self.n_vain.load(Ordering::Relaxed) >= MAX_VAIN
    }

    /// The image files that were asked for their headers in vain, by name.
    pub(super) fn unreadable(&self) -> BTreeMap<String, Unreadable> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for PlateFolder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlateFolder")
            .field("name", &self.name)
            .field("n_files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// Text in UTF-8, in UTF-16 with a byte-order mark, or in Latin-1; never fails.
pub fn decode_text(bytes: &[u8]) -> String {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, ..] => return utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => return utf16(u16::from_be_bytes),
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(_) => {
            let latin = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            latin.iter().map(|&byte| char::from(byte)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_encodings_decode() {
        assert_eq!(decode_text(b"\xef\xbb\xbfab"), "ab");
        assert_eq!(decode_text(b"\xff\xfea\0\xb5\0"), "aµ");
        assert_eq!(decode_text(b"\xfe\xff\0a"), "a");
        assert_eq!(decode_text(b"\xb5m"), "µm");
        assert_eq!(decode_text(b"\xef\xbb\xbf\xb5m"), "µm");
    }
}
