//! Image file formats: one file each; a new one is one file and one line in [`FORMATS`].

mod npy;
mod png;
mod tiff_format;

use std::{
    fs::File,
    io::{Cursor, Seek, Write},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
};

use crate::{
    Error, Plane, PlaneIndex, Region, Result,
    disk::{
        special::refuse_special,
        tiff::{FileIdentity, TiffCompression},
    },
    microscope::ImageFileInfo,
    model::{ImageKind, ImageStructure, PhysicalSize},
};

/// A format of image files.
pub(crate) trait FileFormat: Sync {
    /// Endings of its files, lower case, without the dot.
    fn extensions(&self) -> &'static [&'static str];

    /// Reads and checks the header of an opened file.
    fn open(&self, file: &File, path: &Path) -> Result<Arc<dyn Header>>;

    /// Writes a file of one plane.
    fn write(&self, out: &mut dyn Output, plane: &Plane, options: &WritePlane) -> Result<()>;
}

/// Where a file is written: a file, or memory.
pub(crate) trait Output: Write + Seek {}

impl<W: Write + Seek> Output for W {}

/// What is written beside a single plane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WritePlane {
    pub(crate) compression: TiffCompression,
    pub(crate) physical_size: PhysicalSize,
    /// Levels of the pyramid, the full size included, where the format has them.
    pub(crate) n_levels: u32,
    pub(crate) kind: ImageKind,
}

/// The checked header of one file; holds no file open.
pub(crate) trait Header: Send + Sync {
    /// Which file it was read from.
    fn identity(&self) -> FileIdentity;

    /// The file as one image.
    fn info(&self) -> &ImageFileInfo;

    /// Page and sample of a plane of that image.
    fn locate(&self, index: PlaneIndex) -> Option<(u32, u16)>;

    /// Reads pixels of the same file, opened again.
    fn read(&self, file: &File, request: &ReadRequest) -> Result<Plane>;

    /// Where the pixels of a page stand in the file, when they are stored as memory wants them.
    fn mappable(&self, page: u32) -> Option<u64>;

    /// Bytes that this header takes in memory, about.
    fn weight(&self) -> usize;
}

/// What to read of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadRequest {
    pub(crate) page: u32,
    pub(crate) sample: u16,
    pub(crate) level: u32,
    pub(crate) region: Option<Region>,
    /// Threads that may decode this one plane.
    pub(crate) concurrency: NonZeroUsize,
}

static FORMATS: &[&dyn FileFormat] = &[&tiff_format::Tiff, &png::Png, &npy::Npy];

/// The format of a file by its name.
pub(crate) fn format_of(name: &str) -> Option<&'static dyn FileFormat> {
    let (_, extension) = name.rsplit_once('.')?;
    let matches = |format: &&&dyn FileFormat| {
        format.extensions().iter().any(|known| known.eq_ignore_ascii_case(extension))
    };
    FORMATS.iter().find(matches).copied()
}

/// What kind of image a file called `name` is, by the first ending of its format.
pub(crate) fn kind_of_name(name: &str) -> Option<&'static str> {
    format_of(name).and_then(|format| format.extensions().first()).copied()
}

/// What kind of image a file is by its first bytes.
pub(crate) fn kind_of_content(first: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 6] = [
        (b"II*\0", "a.tif"),
        (b"MM\0*", "a.tif"),
        (b"II+\0", "a.tif"),
        (b"MM\0+", "a.tif"),
        (b"\x89PNG\r\n\x1a\n", "a.png"),
        (b"\x93NUMPY", "a.npy"),
    ];
    let found = MAGIC.iter().find(|(magic, _)| first.starts_with(magic));
    found.and_then(|(_, name)| kind_of_name(name))
}

/// Endings of all image files, for filters.
pub fn image_extensions() -> Vec<&'static str> {
    FORMATS.iter().flat_map(|format| format.extensions()).copied().collect()
}

/// The content of a file called `name` that holds `plane`, in the format of its ending.
///
/// # Errors
/// `Unsupported` for a name without an image's ending, or a pixel type that the format lacks.
pub fn encode_plane(plane: &Plane, name: &str) -> Result<Vec<u8>> {
    let format = format_of(name).ok_or_else(|| not_an_image(Path::new(name)))?;
    let mut content = Cursor::new(Vec::new());
    format.write(&mut content, plane, &WritePlane::default())?;
    Ok(content.into_inner())
}

fn not_an_image(path: &Path) -> Error {
    Error::unsupported("is not an image file by its name")
        .with_path(path.display())
        .with_hint(format!("image files end with .{}", image_extensions().join(", .")))
}

/// Opens an image file and reads its header.
///
/// # Errors
/// `NotFound`; `Unsupported` for a name without an image's ending; as the format answers.
pub(crate) fn open_image(path: &Path) -> Result<(File, Arc<dyn Header>)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let format = format_of(&name).ok_or_else(|| not_an_image(path))?;
    // Opening a pipe would wait for a writer.
    std::fs::metadata(path)
        .map_err(|error| Error::io(error, "open", path.display()))
        .and_then(|metadata| refuse_special(&metadata))
        .map_err(|error| error.with_path(path.display()))?;
    let file = File::open(path).map_err(|error| Error::io(error, "open", path.display()))?;
    let metadata = file.metadata().map_err(|error| Error::io(error, "open", path.display()))?;
    if !metadata.is_file() {
        return Err(Error::invalid_input("is not a file").with_path(path.display()));
    }
    let header = format.open(&file, path).map_err(|error| error.with_path(path.display()))?;
    Ok((file, header))
}

/// A page of `info` must exist and have the sample, the level and the region asked for.
fn check_single_page(image: &ImageStructure, request: &ReadRequest) -> Result<Region> {
    if request.level > 0 {
        return Err(Error::invalid_input(format!(
            "there is no level {}; the file has full size only",
            request.level
        )));
    }
    let shape = image.sizes.plane_shape();
    request.region.unwrap_or(shape.full()).checked(shape)
}
