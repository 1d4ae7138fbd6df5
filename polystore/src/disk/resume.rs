//! Whether a plate of files that is there was made with the settings that its next writer
//! asks for.

use std::{fs::File, path::Path};

use super::{
    TiffCompression, declared,
    tiff::{Directory, compression_of},
};
use crate::{BackendSpec, Error, ErrorKind, Result, model::PlateStructure};

/// `spec` with the compression of the planes that the plate at its location holds already.
///
/// # Errors
/// `AlreadyExists` naming what is there, what was asked for, and what to do, when `spec` names
/// another; as a damaged declaration of the plate is read.
pub(crate) fn settle(spec: BackendSpec) -> Result<BackendSpec> {
    let folder = Path::new(&spec.location);
    let Some(structure) = declared::read_plate(folder)? else { return Ok(spec) };
    let Some(directory) = first_directory(folder, &structure)? else { return Ok(spec) };
    let there = compression_of(&directory);
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
            let file =
                File::open(&path).map_err(|error| Error::io(error, "open", path.display()))?;
            match Directory::read(&file, &path) {
                Err(error) if error.kind() == ErrorKind::InvalidData => {}
                directory => return directory.map(Some),
            }
        }
    }
    Ok(None)
}
