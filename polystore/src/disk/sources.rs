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
    stores::zarr_root,
};
use crate::{
    Error, ErrorKind, Result, VirtualPath,
    microscope::{
        self, Detection, FolderFiles, ImageFileInfo, Microscope, OmeTiff, OwnNames, PlateFolder,
        names::{image_stem, is_tiff, split},
    },
    model::FileNames,
    plate::real,
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

/// What is to be written, which decides how much makes a folder a source plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Files, one by one: names of images alone, of any format, make a plate of their folder.
    Files,
    /// New images, one by one, as somebody does who gathers a part of a plate: only a vendor's
    /// metadata make a plate of their folder.
    Images,
    /// Results, pictures or a conversion: names alone do so for TIFF files only, since
    /// pictures of wells are called `B03.png` too. Folders of zarr stores are refused as well.
    Results,
}

/// Refuses to write to `place`, a file or folder of the local file system, there or not, when
/// it is in a plate that a microscope wrote, at any depth. Results are not written into a plate
/// of ours either: they are no part of it.
///
/// A plate is known by the vendor's metadata or by the names of its images, in its own folder
/// or in those that its layout has (`TimePoint_1`, `data`). The folder of `place` is a plate
/// with one image of such a name already; folders further up need two, so that a stray image
/// in a home directory closes nothing but its own folder. The cost is one listing per folder
/// above `place`, of at most 100 000 names each.
///
/// # Errors
/// `PermissionDenied` naming the plate.
pub fn refuse_source(place: &Path, what: Writing) -> Result<()> {
    let place = real(place);
    for (n_below, above) in place.ancestors().enumerate() {
        if above.join(declared::PLATE_FILE).is_file() {
            return match what {
                Writing::Files | Writing::Images => Ok(()),
                Writing::Results => Err(is_own(&place, above)),
            };
        }
        // The root of a file system is nobody's plate.
        let least = if n_below < NEAR { 1 } else { 2 };
        if above.parent().is_some() && is_source_folder(above, what, least) {
            return Err(is_source_at(place.display(), &above.display().to_string()));
        }
    }
    match zarr_root(&place) {
        Some(store) if what == Writing::Results => Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("{} is an OME-Zarr store by its name or content", store.display()),
        )
        .with_path(place.display())
        .with_hint("write beside it, into a folder of its own")),
        _ => Ok(()),
    }
}

/// Whether a microscope wrote the folder itself, or the one that it links to; see [`Writing`]
/// for what counts. One image by its name alone is no plate.
pub(crate) fn is_source_plate(folder: &Path, what: Writing) -> bool {
    is_source_folder(&real(folder), what, 2)
}

/// Whether the folder itself is a plate of files that polystore wrote.
pub(crate) fn is_own_plate(folder: &Path) -> bool {
    folder.join(declared::PLATE_FILE).is_file()
}

fn is_own(place: &Path, plate: &Path) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        format!(
            "{} is a plate that polystore wrote; results are not mixed into it",
            plate.display()
        ),
    )
    .with_path(place.display())
    .with_hint("write beside it, into a folder of its own")
}

/// How many folders, the place itself and the one it is in, are a plate with a single image.
const NEAR: usize = 2;

/// Whether a microscope wrote `folder`: the surest reader, each seeing the folders of its own
/// layout only, is one of a vendor and finds metadata or at least `least` images.
fn is_source_folder(folder: &Path, what: Writing, least: usize) -> bool {
    let listed = listed(folder);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut best = (Detection::No, false);
    for reader in microscope::microscopes() {
        let names: FileNames = names_for(reader, &listed, what).collect();
        let seen = PlateFolder::new(&name, &names, &[], &NamesOnly);
        let mut found = reader.detect(&seen);
        let n_images = || names.iter().filter(|name| image_stem(name).is_some()).count();
        if found == Detection::Names && (what == Writing::Images || n_images() < least) {
            found = Detection::No;
        }
        if found > best.0 {
            best = (found, [OwnNames.name(), OmeTiff.name()].contains(&reader.name()));
        }
    }
    best.0 > Detection::No && !best.1
}

/// What `reader` sees of a listing: files in the folder and in those of its own layout. For
/// results pictures do not count as images: those of wells are called `B03.png` too.
fn names_for<'a>(
    reader: &'a dyn Microscope,
    listed: &'a [String],
    what: Writing,
) -> impl Iterator<Item = &'a str> {
    listed.iter().map(String::as_str).filter(move |path| {
        let (folder, name) = split(path);
        let is_image = image_stem(name).is_some();
        let counts = !is_image || what == Writing::Files || is_tiff(name);
        counts
            && (folder.is_empty() || folder.split('/').all(|name| reader.is_folder_of_plate(name)))
    })
}

/// Most names of a folder that are looked at.
const MAX_NAMES: usize = 100_000;
/// How far folders of a plate lie within each other in vendors' layouts.
const MAX_DEPTH: usize = 4;

fn has_vendor_metadata(folder: &VirtualPath, root: &Root) -> bool {
    let listed = listed(&root.join(folder));
    microscope::microscopes().into_iter().any(|reader| {
        let names: FileNames = names_for(reader, &listed, Writing::Files).collect();
        let name = folder.name().unwrap_or("");
        let seen = PlateFolder::new(name, &names, &[], &NamesOnly);
        reader.detect(&seen) == Detection::Metadata
    })
}

/// Names in a folder, and in those folders in it that microscopes make in their plates; none
/// of a folder that cannot be read.
fn listed(folder: &Path) -> Vec<String> {
    let readers = microscope::microscopes();
    let mut names = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let n_free = MAX_NAMES.saturating_sub(names.len());
        for entry in entries.take(n_free).flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_of_plate = depth < MAX_DEPTH
                && readers.iter().any(|reader| reader.is_folder_of_plate(&name))
                && entry.file_type().is_ok_and(|kind| kind.is_dir());
            let path = format!("{prefix}{name}");
            match is_of_plate {
                true => folders.push((entry.path(), path + "/", depth + 1)),
                false => names.push(path),
            }
        }
    }
    names
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
