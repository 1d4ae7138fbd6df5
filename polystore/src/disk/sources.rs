//! Keeps writes out of vendors' plates.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::{
    declared,
    plates::{OpenPlate, Plates},
    root::Root,
};
use crate::{
    Error, ErrorKind, Result, VirtualPath,
    microscope::{
        self, Detection, FolderFiles, ImageFileInfo, Microscope, OmeTiff, OwnNames, PlateFolder,
    },
    model::FileNames,
};

/// Folders that were looked at, and whether each is a source plate.
#[derive(Debug, Default)]
pub(crate) struct Sources(Mutex<HashMap<VirtualPath, bool>>);

impl Sources {
    /// Refuses to write `path` when it lies in a plate that a microscope wrote: one that was
    /// opened as such, or a folder with a vendor's own metadata.
    ///
    /// # Errors
    /// `PermissionDenied` naming the plate.
    pub(crate) fn refuse(&self, path: &VirtualPath, root: &Root, plates: &Plates) -> Result<()> {
        let opened = plates.above(path);
        if let Some((below, plate)) = opened {
            return match *plate {
                OpenPlate::Own { .. } => Ok(()),
                // Planes under our own names are nobody's source; what was listed of them
                // is out of date after the write.
                OpenPlate::Source { .. } if is_of_own_names(&plate) => {
                    plates.forget(path);
                    Ok(())
                }
                OpenPlate::Source { .. } => {
                    let folder = path.as_str().strip_suffix(below.as_str()).unwrap_or("");
                    Err(is_source(path, if folder.is_empty() { "/" } else { folder }))
                }
            };
        }
        for above in path.ancestors().skip(1) {
            if root.join(&above).join(declared::PLATE_FILE).is_file() {
                return Ok(());
            }
            if self.is_source(&above, root) {
                return Err(is_source(path, above.as_str()));
            }
        }
        Ok(())
    }

    fn is_source(&self, folder: &VirtualPath, root: &Root) -> bool {
        if let Some(&known) = self.lock().get(folder) {
            return known;
        }
        let found = has_vendor_metadata(folder, root);
        self.lock().insert(folder.clone(), found);
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<VirtualPath, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was found at and below `path`.
    pub(crate) fn forget(&self, path: &VirtualPath) {
        self.lock().retain(|folder, _| !folder.starts_with(path));
    }
}

fn is_of_own_names(plate: &OpenPlate) -> bool {
    plate.structure().microscope == OwnNames.name()
}

fn is_source(path: &VirtualPath, plate: &str) -> Error {
    is_source_at(path, plate)
}

fn is_source_at(path: impl std::fmt::Display, plate: &str) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        format!("{plate} is a source plate, which is never written into"),
    )
    .with_path(path)
    .with_hint("write beside it, into a folder of its own")
}

/// Refuses to write into `folder` of the local file system, there or not, when a microscope
/// wrote it or one above it, as sure as `least` or surer. What polystore wrote itself is no
/// microscope's.
///
/// With [`Detection::Names`] it is stricter than what the backend does of itself, for what a
/// user copies once. For results and pictures, and for files that are written one by one,
/// names alone must not count: pictures are called `B03.png` too.
///
/// # Errors
/// `PermissionDenied` naming the plate.
pub fn refuse_source(folder: &Path, least: Detection) -> Result<()> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    for above in folder.ancestors() {
        if above.join(declared::PLATE_FILE).is_file() {
            return Ok(());
        }
        let names = file_names(above);
        let name = above.file_name().unwrap_or_default().to_string_lossy();
        let seen = PlateFolder::new(&name, &names, &[], &NamesOnly);
        let ours = [OwnNames.name(), OmeTiff.name()];
        let is_source = |reader: &&dyn Microscope| {
            !ours.contains(&reader.name()) && reader.detect(&seen) >= least
        };
        if microscope::detect(&seen).as_ref().is_some_and(is_source) {
            return Err(is_source_at(folder.display(), &above.display().to_string()));
        }
    }
    Ok(())
}

/// Most names of a folder that are looked at.
const MAX_NAMES: usize = 10_000;

fn has_vendor_metadata(folder: &VirtualPath, root: &Root) -> bool {
    let files = file_names(&root.join(folder));
    let seen = PlateFolder::new(folder.name().unwrap_or(""), &files, &[], &NamesOnly);
    microscope::microscopes().iter().any(|reader| reader.detect(&seen) == Detection::Metadata)
}

/// Names in a folder; none of one that cannot be read.
fn file_names(folder: &Path) -> FileNames {
    let Ok(entries) = std::fs::read_dir(folder) else { return FileNames::default() };
    entries.take(MAX_NAMES).filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Detection looks at names; a reader that tries to open a file here finds none.
struct NamesOnly;

impl FolderFiles for NamesOnly {
    fn read(&self, file: &str, _max_bytes: u64) -> Result<Bytes> {
        Err(Error::not_found("files are not opened to recognise a folder").with_path(file))
    }

    fn describe(&self, file: &str) -> Result<ImageFileInfo> {
        Err(Error::not_found("files are not opened to recognise a folder").with_path(file))
    }
}
