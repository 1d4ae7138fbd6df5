//! An opened TIFF: its directories, read once and checked.

use std::{
    fs::File,
    io::{BufReader, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use tiff::{
    decoder::{Decoder, Limits},
    tags::{ByteOrder, IfdPointer, Tag},
};

use crate::{Error, ErrorKind, Result, disk::tiff::page::Page};

/// Largest value of a tag, such as an OME-XML description or a list of strips.
const MAX_TAG_BYTES: usize = 256 << 20;
/// Most directories of a file.
const MAX_PAGES: usize = 1 << 20;
/// Most reduced-resolution directories of a page.
const MAX_LEVELS: usize = 32;

/// What tells whether a file is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
    n_bytes: u64,
    modified_ns: i128,
}

impl FileIdentity {
    /// The identity of an opened file.
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            n_bytes: metadata.len(),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
        }
    }
}

/// The directories of a TIFF file; knows nothing of the open file itself.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) identity: FileIdentity,
    pub(super) byte_order: ByteOrder,
    /// Full-size pages in the order of the file.
    pub(crate) pages: Vec<PageEntry>,
    /// Text of the first page's ImageDescription.
    pub(crate) description: String,
    /// Size of a pixel in µm from the resolution tags, when their unit is a real one.
    pub(crate) resolution_um: Option<(f64, f64)>,
}

/// A page with its reduced levels, largest first; level 0 is the page itself.
#[derive(Debug)]
pub(crate) struct PageEntry {
    pub(super) levels: Vec<Page>,
    pub(super) jpeg_tables: Vec<u8>,
}

impl PageEntry {
    /// The page at full size.
    pub(crate) fn full(&self) -> &Page {
        &self.levels[0]
    }

    /// Number of levels, the full size included.
    pub(crate) fn n_levels(&self) -> u32 {
        self.levels.len() as u32
    }
}

impl Directory {
    /// Reads all directories of `file`. `path` is for messages.
    ///
    /// # Errors
    /// `InvalidData` or `Unsupported` naming the file and what is wrong with it.
    pub(crate) fn read(file: &File, path: &Path) -> Result<Self> {
        let metadata = file.metadata().map_err(|error| Error::io(error, "read", path.display()))?;
        let identity = FileIdentity::of(&metadata);
        check_magic(file, identity.n_bytes, path)?;
        super::first::check(file, identity.n_bytes)
            .map_err(|error| error.with_path(path.display()))?;
        read_directories(file, identity)
            .map_err(|error| where_it_ends(error, file, identity.n_bytes))
            .map_err(|error| error.with_path(path.display()))
    }
}

/// Says how long a file is that ends in the middle of a directory, or before it.
fn where_it_ends(error: Error, file: &File, n_bytes: u64) -> Error {
    let mut cause = std::error::Error::source(&error);
    let is_end = loop {
        let Some(found) = cause else { break false };
        if let Some(found) = found.downcast_ref::<std::io::Error>() {
            break found.kind() == std::io::ErrorKind::UnexpectedEof;
        }
        if let Some(tiff::TiffError::IoError(found)) = found.downcast_ref() {
            break found.kind() == std::io::ErrorKind::UnexpectedEof;
        }
        cause = found.source();
    };
    if !is_end {
        return error;
    }
    let what = match super::first::directory_at(file, n_bytes) {
        Some(at) if at >= n_bytes => format!("its directory was expected at byte {at}"),
        Some(_) => "more were expected: its directory leads past that".to_owned(),
        None => "8 were expected at the least".to_owned(),
    };
    Error::invalid_data(format!(
        "TIFF is damaged or truncated: the file ends after {n_bytes} bytes, {what}"
    ))
}

impl Directory {
    /// Where a page's pixels stand in the file, when they are stored as memory wants them.
    pub(crate) fn mappable(&self, page: u32) -> Option<u64> {
        let page = self.pages.get(page as usize)?.full();
        let native =
            page.pixel_type.size_bytes() == 1 || self.byte_order == super::read::native_order();
        page.contiguous().filter(|_| native)
    }

    /// Bytes that this takes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let of_page = |page: &Page| size_of::<Page>() + 16 * page.offsets.len();
        let levels = self.pages.iter().flat_map(|entry| &entry.levels);
        self.description.len() + levels.map(of_page).sum::<usize>()
    }
}

fn check_magic(file: &File, n_bytes: u64, path: &Path) -> Result<()> {
    let fail = |message: String| Err(Error::invalid_data(message).with_path(path.display()));
    if n_bytes == 0 {
        return fail("file is empty; it should be a TIFF".to_owned());
    }
    let mut magic = [0; 4];
    let magic = &mut magic[..n_bytes.min(4) as usize];
    match file.read_exact_at(magic, 0) {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            return Err(Error::io(error, "read", path.display()));
        }
        _ => {}
    }
    match &*magic {
        b"II\x2A\0" | b"MM\0\x2A" | b"II\x2B\0" | b"MM\0\x2B" => Ok(()),
        _ => fail(format!("file is not a TIFF: it starts with `{}`", magic.escape_ascii())),
    }
}

fn read_directories(file: &File, identity: FileIdentity) -> Result<Directory> {
    let mut handle = file.try_clone().map_err(|error| Error::from_io(error, "read"))?;
    handle.seek(SeekFrom::Start(0)).map_err(|error| Error::from_io(error, "read"))?;
    let mut limits = Limits::default();
    let n_bytes = usize::try_from(identity.n_bytes).unwrap_or(usize::MAX);
    limits.ifd_value_size = MAX_TAG_BYTES.min(n_bytes);
    // Of the lists of values: each takes at least a byte of the file, whatever its count says.
    let of_lists = n_bytes.saturating_mul(size_of::<tiff::decoder::ifd::Value>());
    limits.decoding_buffer_size = limits.decoding_buffer_size.min(of_lists);
    let decoder = Decoder::new(BufReader::with_capacity(8 << 10, handle)).map_err(bad_tiff)?;
    let mut decoder = decoder.with_limits(limits);
    let byte_order = decoder.byte_order();
    let (description, resolution_um) = first_page_texts(&mut decoder);
    let mut pages: Vec<PageEntry> = Vec::new();
    // Every strip has its own entry in the file, so there cannot be more of them than bytes;
    // pages that share one long list would take memory without end.
    let mut n_strips_left = identity.n_bytes;
    loop {
        let page = Page::read(&mut decoder.image_ifd(), identity.n_bytes)?;
        n_strips_left =
            n_strips_left.checked_sub(page.offsets.len() as u64).ok_or_else(shared_lists)?;
        let jpeg_tables = read_jpeg_tables(&mut decoder)?;
        match pages.last_mut() {
            // Reduced pages in the main chain belong to the full page before them.
            Some(full) if page.reduced && full.levels.len() < MAX_LEVELS => full.levels.push(page),
            _ => {
                let mut levels = vec![page];
                read_sub_directories(&mut decoder, &mut levels, identity.n_bytes)?;
                pages.push(PageEntry { levels, jpeg_tables });
            }
        }
        if !decoder.more_images() {
            break;
        }
        if pages.len() >= MAX_PAGES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("file has more than {MAX_PAGES} pages"),
            ));
        }
        decoder.next_image().map_err(bad_tiff)?;
    }
    Ok(Directory { identity, byte_order, pages, description, resolution_um })
}

fn shared_lists() -> Error {
    Error::invalid_data("pages have more strips together than the file has bytes")
        .with_hint("the file is damaged or hostile")
}

type Reader = Decoder<BufReader<File>>;

/// Appends the levels that the page's SubIFDs tag points to, as long as each halves the one before.
fn read_sub_directories(decoder: &mut Reader, levels: &mut Vec<Page>, n_bytes: u64) -> Result<()> {
    for offset in levels[0].sub_directories.clone().into_iter().take(MAX_LEVELS) {
        let directory = decoder.read_directory(IfdPointer(offset)).map_err(bad_tiff)?;
        let level = Page::read(&mut decoder.read_directory_tags(&directory), n_bytes)?;
        let above = &levels[levels.len() - 1];
        if level.shape.width <= above.shape.width && level.pixel_type == above.pixel_type {
            levels.push(level);
        }
    }
    Ok(())
}

fn read_jpeg_tables(decoder: &mut Reader) -> Result<Vec<u8>> {
    let tag = Tag::from_u16_exhaustive(347);
    let value = decoder.find_tag(tag).map_err(bad_tiff)?;
    value.map_or(Ok(Vec::new()), |value| value.into_u8_vec().map_err(bad_tiff))
}

fn first_page_texts(decoder: &mut Reader) -> (String, Option<(f64, f64)>) {
    let description = decoder.find_tag(Tag::ImageDescription).ok().flatten();
    let description = description.and_then(|value| value.into_string().ok()).unwrap_or_default();
    (description, resolution_um(decoder))
}

/// Pixel size from XResolution and YResolution in pixels per inch or centimetre.
fn resolution_um(decoder: &mut Reader) -> Option<(f64, f64)> {
    let unit_um = match decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok()?? {
        2 => 25_400.0,
        3 => 10_000.0,
        _ => return None,
    };
    let mut size = |tag| match decoder.find_tag(tag).ok()?? {
        tiff::decoder::ifd::Value::Rational(pixels, units) if pixels > 0 && units > 0 => {
            Some(unit_um * f64::from(units) / f64::from(pixels))
        }
        _ => None,
    };
    Some((size(Tag::XResolution)?, size(Tag::YResolution)?))
}

/// Errors of the TIFF crate in our terms.
pub(super) fn bad_tiff(error: tiff::TiffError) -> Error {
    use tiff::TiffError;
    let kind = match error {
        TiffError::UnsupportedError(_) => ErrorKind::Unsupported,
        TiffError::LimitsExceeded => ErrorKind::LimitExceeded,
        TiffError::IoError(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            return Error::from_io(cause, "read or write the TIFF");
        }
        _ => ErrorKind::InvalidData,
    };
    let message = match kind {
        ErrorKind::Unsupported => "TIFF of a kind that is not supported",
        _ => "TIFF is damaged or truncated",
    };
    Error::new(kind, message).with_source(error)
}
