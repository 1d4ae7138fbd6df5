//! Whether a plate of files that is there was made with the settings that its next writer
//! asks for.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    DiskBackend, TiffCompression, declared,
    tiff::{Directory, compression_of},
};
use crate::{
    BackendSpec, Error, ErrorKind, Result, VirtualPath, WellPosition,
    model::{ImageStructure, PlateStructure},
};

/// `spec` with the compression of the planes that the plate at its location holds already, or
/// was declared with when none of them can be read.
///
/// # Errors
/// `AlreadyExists` naming what is there, what was asked for, and what to do, when `spec` names
/// another; as the files are read.
pub(crate) fn settle(spec: BackendSpec) -> Result<BackendSpec> {
    let folder = Path::new(&spec.location);
    let found = match declared::read_plate_and_compression(folder) {
        Ok(None) => return Ok(spec),
        Ok(Some((structure, compression))) => match first_directory(folder, &structure)? {
            Some(directory) => Some(compression_of(&directory).map(str::to_owned)),
            None => compression.map(Some),
        },
        // The declaration is damaged; its files say what they are.
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            any_directory(folder)?.map(|directory| compression_of(&directory).map(str::to_owned))
        }
        Err(error) => return Err(error),
    };
    let Some(there) = found else { return Ok(spec) };
    let there = there.as_deref();
    let Some(asked) = spec.options.get("compression").map(|name| name.parse::<TiffCompression>())
    else {
        return Ok(match there {
            Some(there) => spec.with_option("compression", there),
            None => spec,
        });
    };
    let asked = asked?.as_str();
    if there == Some(asked) {
        return Ok(spec);
    }
    let there = there.unwrap_or("another program's method");
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!("holds files with the compression {there}; {asked} was asked for"),
    )
    .with_path(folder.display())
    .with_hint(format!("choose another place, or ask for the compression {there}")))
}

/// The directory of a TIFF file in one of the folders of wells that can be read.
fn any_directory(folder: &Path) -> Result<Option<Directory>> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>> {
        let fail = |error| Error::io(error, "list", folder.display());
        let entries = std::fs::read_dir(folder).map_err(fail)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(fail));
        let mut paths = paths.collect::<Result<Vec<_>>>()?;
        paths.sort_unstable();
        Ok(paths)
    };
    for well in list(folder)?.into_iter().filter(|path| path.is_dir()) {
        let is_tiff = |path: &PathBuf| path.extension().is_some_and(|end| end == "tif");
        for path in list(&well)?.into_iter().filter(is_tiff) {
            if let Some(directory) = read(&path)? {
                return Ok(Some(directory));
            }
        }
    }
    Ok(None)
}

/// The directory of a TIFF file; `None` when the file is damaged.
fn read(path: &Path) -> Result<Option<Directory>> {
    let file = File::open(path).map_err(|error| Error::io(error, "open", path.display()))?;
    match Directory::read(&file, path) {
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(None),
        directory => directory.map(Some),
    }
}

impl DiskBackend {
    /// The plate whose declaration at `plate` is damaged, as the files that are there are: with
    /// their number of levels.
    ///
    /// # Errors
    /// `AlreadyExists` naming a file that is of another shape or type than `structure` says, or
    /// a well that it has not.
    pub(super) fn as_files_are(
        &self,
        plate: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<PlateStructure> {
        let refuse = |what: String, path: &Path| {
            let message =
                format!("the plate's declaration is damaged, and cannot be made again: {what}");
            Error::new(ErrorKind::AlreadyExists, message)
                .with_path(path.display())
                .with_hint("restore the declaration from a copy, or convert into another place")
        };
        let folder = self.root.join(plate);
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| Error::io(error, "list", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let position = name.parse::<WellPosition>();
            if position.is_ok_and(|position| structure.well(position).is_none()) {
                return Err(refuse(format!("the source has no well {name}"), &path));
            }
        }
        let mut wanted = structure.clone();
        let mut n_levels = None;
        for image in wanted.wells.iter_mut().flat_map(|well| &mut well.fields) {
            let Some(path) = first_file(&folder, image)? else { continue };
            let Some(directory) = read(&path)? else { continue };
            let Some(page) = directory.pages.first() else { continue };
            let found = (page.full().shape, page.full().pixel_type);
            let expected = (image.sizes.plane_shape(), image.pixel_type);
            if found != expected {
                let what = format!(
                    "the file holds {} {}, the source has {} {}",
                    found.0, found.1, expected.0, expected.1
                );
                return Err(refuse(what, &path));
            }
            if image.n_levels == 1 {
                image.n_levels = page.n_levels();
            }
            n_levels = n_levels.or(Some(image.n_levels));
        }
        // Files that are lost had as many levels as the others.
        let asked = structure.images().map(|(_, image)| image.n_levels).max();
        if let (Some(n_levels), Some(1)) = (n_levels, asked) {
            wanted.set_levels(n_levels);
        }
        Ok(wanted)
    }
}

/// The first file of `image` that is there.
fn first_file(folder: &Path, image: &ImageStructure) -> Result<Option<PathBuf>> {
    let is_container = declared::is_container(&image.path);
    for index in image.declared_indices().take(if is_container { 1 } else { usize::MAX }) {
        let path = match is_container {
            true => image.path.clone(),
            false => declared::plane_file(&image.path, image, index)?,
        };
        let path = folder.join(path.relative());
        if path.is_file() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The directory of the first file of a plane that can be read: damaged ones are written again
/// by who goes on with the plate.
fn first_directory(folder: &Path, structure: &PlateStructure) -> Result<Option<Directory>> {
    for (_, image) in structure.images() {
        let is_container = declared::is_container(&image.path);
        let indices = image.declared_indices().take(if is_container { 1 } else { usize::MAX });
        for index in indices {
            let path = match is_container {
                true => image.path.clone(),
                false => declared::plane_file(&image.path, image, index)?,
            };
            let path = folder.join(path.relative());
            if !path.is_file() {
                continue;
            }
            if let Some(directory) = read(&path)? {
                return Ok(Some(directory));
            }
        }
    }
    Ok(None)
}
