//! Whether a plate of files that is there was made with the settings that its next writer
//! asks for.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    TiffCompression, declared,
    tiff::{Directory, compression_of},
};
use crate::{BackendSpec, Error, ErrorKind, Result, model::PlateStructure};

/// `spec` with the compression of the planes that the plate at its location holds already.
///
/// # Errors
/// `AlreadyExists` naming what is there, what was asked for, and what to do, when `spec` names
/// another; as a damaged file is read.
pub(crate) fn settle(spec: BackendSpec) -> Result<BackendSpec> {
    let folder = Path::new(&spec.location);
    let Some(structure) = declared::read_plate(folder)? else { return Ok(spec) };
    let Some(path) = first_file(folder, &structure)? else { return Ok(spec) };
    let file = File::open(&path).map_err(|error| Error::io(error, "open", path.display()))?;
    let there = compression_of(&Directory::read(&file, &path)?);
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

/// The first file of a plane that is there.
fn first_file(folder: &Path, structure: &PlateStructure) -> Result<Option<PathBuf>> {
    for (_, image) in structure.images() {
        let is_container = declared::is_container(&image.path);
        let indices = image.declared_indices().take(if is_container { 1 } else { usize::MAX });
        for index in indices {
            let path = match is_container {
                true => image.path.clone(),
                false => declared::plane_file(&image.path, image, index)?,
            };
            let file = folder.join(path.relative());
            if file.is_file() {
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}
