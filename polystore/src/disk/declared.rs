//! Plates and images that this backend was told to hold: their declarations on disk.
//!
//! A plate is declared by `polystore-plate.json` in its folder, an image alone by
//! `NAME.polystore.json` beside it. Planes of an image `/A01/A01_s001` are the files
//! `/A01/A01_s001_z000_c000.tif`; an image whose name ends with `.tif` or `.tiff` is that
//! one file, an OME-TIFF. So what is there is known by name, and what is missing too.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualPath,
    model::{ImageStructure, PlateStructure},
};

/// Name of the file that declares the plate of its folder.
pub(super) const PLATE_FILE: &str = "polystore-plate.json";
/// Ends the name of a file that declares an image.
pub(super) const IMAGE_SUFFIX: &str = ".polystore.json";
/// Longest declaration that is read.
const MAX_BYTES: u64 = 1 << 30;
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Declaration<T> {
    polystore_version: u32,
    /// Of a plate: what its files are compressed by, so that one whose files are all lost can
    /// be gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compression: Option<String>,
    #[serde(flatten)]
    content: T,
}

/// The plate that `folder` declares, if it declares one.
///
/// # Errors
/// `InvalidData` naming the file when it is damaged.
pub(super) fn read_plate(folder: &Path) -> Result<Option<PlateStructure>> {
    Ok(read_plate_and_compression(folder)?.map(|(structure, _)| structure))
}

/// The plate that `folder` declares, and what it says its files are compressed by.
///
/// # Errors
/// As [`read_plate`].
pub(super) fn read_plate_and_compression(
    folder: &Path,
) -> Result<Option<(PlateStructure, Option<String>)>> {
    let declared: Option<Declaration<PlateStructure>> = read(&folder.join(PLATE_FILE))?;
    if let Some(declared) = &declared {
        let checked = declared.content.check();
        checked.map_err(|error| error.with_path(folder.join(PLATE_FILE).display()))?;
    }
    Ok(declared.map(|declared| (declared.content, declared.compression)))
}

/// The image that the file at `path` declares, if it is there.
///
/// # Errors
/// `InvalidData` naming the file when it is damaged.
pub(super) fn read_image(path: &Path) -> Result<Option<ImageStructure>> {
    let declared = read(path)?.map(|declared: Declaration<ImageStructure>| declared.content);
    if let Some(image) = &declared {
        image.check().map_err(|error| error.with_outer_path(path.display()))?;
    }
    Ok(declared)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<Declaration<T>>> {
    let fail = |error| Error::io(error, "read", path.display());
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            return Err(Error::new(ErrorKind::LimitExceeded, "declaration is too long")
                .with_path(path.display()));
        }
        Ok(_) => {}
        Err(error) if is_absent(&error) => return Ok(None),
        // What is asked of a file needs no permission of its own, but of the folder.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let folder = path.parent().unwrap_or(path);
            return Err(Error::io(error, "look into the folder", folder.display()));
        }
        Err(error) => return Err(fail(error)),
    }
    let text = std::fs::read(path).map_err(fail)?;
    let damaged = |error: serde_json::Error| {
        Error::invalid_data(format!(
            "declaration is damaged in line {}, column {}",
            error.line(),
            error.column()
        ))
        .with_path(path.display())
        .with_hint(
            "restore it from a copy, or go on with the conversion that made it (`--resume`); \
             the planes beside it are not affected",
        )
        .with_source(error)
    };
    let declared: Declaration<T> = serde_json::from_slice(&text).map_err(damaged)?;
    if declared.polystore_version != VERSION {
        return Err(Error::unsupported(format!(
            "declaration is of version {}, this program reads version {VERSION}",
            declared.polystore_version
        ))
        .with_path(path.display()));
    }
    Ok(Some(declared))
}

/// Whether an error says that there is no such file, a file in place of a folder included.
/// A name that is longer than the file system takes is nobody's.
pub(super) fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

/// The text that declares an image.
pub(super) fn image_text(image: &ImageStructure) -> Result<Bytes> {
    to_text(image, None)
}

/// The text that declares a plate whose files are compressed by `compression`.
pub(super) fn plate_text(structure: &PlateStructure, compression: &str) -> Result<Bytes> {
    to_text(structure, Some(compression.to_owned()))
}

fn to_text<T: Serialize>(content: &T, compression: Option<String>) -> Result<Bytes> {
    let declaration = Declaration { polystore_version: VERSION, compression, content };
    serde_json::to_vec_pretty(&declaration)
        .map(Bytes::from)
        .map_err(|error| Error::internal("declaration cannot be written").with_source(error))
}

/// Whether an image of this name is one file that holds all its planes.
pub(super) fn is_container(image: &VirtualPath) -> bool {
    image.has_extension("tif") || image.has_extension("tiff")
}

/// The file of a plane of an image that has one file per plane.
pub(super) fn plane_file(
    path: &VirtualPath,
    image: &ImageStructure,
    index: PlaneIndex,
) -> Result<VirtualPath> {
    let t = if image.sizes.t > 1 { format!("_t{:03}", index.t) } else { String::new() };
    let c = image.channel_number(index.c);
    let name = path.name().unwrap_or("image");
    let parent = path.parent().unwrap_or_else(VirtualPath::root);
    parent.join(&format!("{name}_z{:03}_c{c:03}{t}.tif", index.z))
}

/// The file that declares the image at `path`.
pub(super) fn image_file(path: &VirtualPath) -> Result<VirtualPath> {
    let name = path.name().ok_or_else(|| {
        Error::invalid_input("the root cannot be an image; give it a name").with_path(path)
    })?;
    let parent = path.parent().unwrap_or_else(VirtualPath::root);
    parent.join(&format!("{name}{IMAGE_SUFFIX}"))
}
