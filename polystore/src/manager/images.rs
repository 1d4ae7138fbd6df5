//! Copies of images: as their bytes into a file of the same kind, plane by plane into any
//! other file or store.

use std::{io::Read, path::Path};

use super::{FileManager, Target, create, transfer::Transfer};
use crate::{
    Entry, EntryKind, Error, ErrorKind, PlaneIndex, PlaneRequest, Result, VirtualBackend,
    VirtualBackendExt, VirtualPath, WellPosition,
    disk::{image_extensions, kind_of_content, kind_of_name},
    model::{ImageStructure, PlateStructure},
};

/// What a copy goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file of this name.
    File(String),
    /// A name in a zarr store.
    Store(String),
    /// Somewhere in another backend.
    Other,
}

impl FileManager {
    /// What `to` is the place of, whether or not it is there.
    pub(super) fn place(&self, to: &str) -> Result<Place> {
        let scheme = match self.resolve(to) {
            Ok(target) => target.backend.spec().scheme,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                match create::new_store(&to.parse()?)? {
                    Some(_) => "zarr".to_owned(),
                    None => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        let name = Path::new(to).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(match scheme.as_str() {
            "disk" => Place::File(name),
            "zarr" => Place::Store(name),
            _ => Place::Other,
        })
    }
}

/// Whether what is at `from` is copied plane by plane: an image without a file of its own, or
/// one whose file is of another kind than the place is for.
///
/// # Errors
/// `InvalidInput` when no image can be made there; as the reader answers.
pub(super) fn is_by_plane(from: &Target, entry: &Entry, place: &Place) -> Result<bool> {
    match entry.kind {
        EntryKind::Directory => return Ok(false),
        EntryKind::Image => {
            if let Place::File(name) = place {
                check_ending(name)?;
            }
            return Ok(true);
        }
        EntryKind::Blob => {}
    }
    let source = from.path.name().unwrap_or("");
    let (name, in_store) = match place {
        Place::File(name) => (name, false),
        Place::Store(name) => (name, true),
        Place::Other => return Ok(false),
    };
    let wanted = kind_of_name(name);
    let Some(kind) = kind_of_name(source) else {
        return match (content_kind(from)?, wanted) {
            (Some(kind), wanted) if wanted != Some(kind) && (in_store || wanted.is_some()) => {
                Err(Error::invalid_input(format!("holds a .{kind} image, which its name hides"))
                    .with_path(&from.path)
                    .with_hint(format!("copy it to {source}.{kind} first, and that to {name}")))
            }
            _ => Ok(false),
        };
    };
    let gets_ome = is_ome(name) && !is_ome(source) && !in_store;
    match wanted {
        Some(_) if in_store => {
            Err(Error::invalid_input("an image in a store is no file, and its name has no ending")
                .with_path(name)
                .with_hint("name it by a number or a word, such as 0"))
        }
        Some(wanted) if wanted == kind && !gets_ome => Ok(false),
        Some(_) => from.backend.describe(&from.path).map(|_| true),
        None if in_store => from.backend.describe(&from.path).map(|_| true),
        // A file that no reader takes is no image, whatever it is called.
        None if from.backend.describe(&from.path).is_err() => Ok(false),
        None => check_ending(name).map(|()| true),
    }
}

fn is_ome(name: &str) -> bool {
    name.to_ascii_lowercase().contains(".ome.")
}

/// Which kind of image the first bytes of a file on disk say that it is.
fn content_kind(from: &Target) -> Result<Option<&'static str>> {
    if from.backend.spec().scheme != "disk" {
        return Ok(None);
    }
    let Some(path) = create::local_path(from) else { return Ok(None) };
    // What is no file is refused when it is copied.
    if !path.is_file() {
        return Ok(None);
    }
    let fail = |error| Error::io(error, "read", path.display());
    let mut first = Vec::new();
    let file = std::fs::File::open(&path).map_err(fail)?;
    file.take(8).read_to_end(&mut first).map_err(fail)?;
    Ok(kind_of_content(&first))
}

/// Refuses to write an image into a file that would not be found to be one.
fn check_ending(name: &str) -> Result<()> {
    if kind_of_name(name).is_some() {
        return Ok(());
    }
    let what = match name.contains('.') {
        true => "no image file is written under this name",
        false => "an image file needs an ending that says its kind",
    };
    Err(Error::invalid_input(what).with_path(name).with_hint(format!(
        "name it `.ome.tif`, or `.{}` for single planes; NAME.zarr/0 is an image in a store",
        image_extensions().join("`, `.")
    )))
}

/// Copies the planes that are there; those that are missing stay missing.
pub(super) fn copy_image(from: &Target, to: &Target, transfer: &mut Transfer<'_>) -> Result<()> {
    let (from, from_path) = (&*from.backend, &from.path);
    let (to, to_path) = (&*to.backend, &to.path);
    let image = from.describe(from_path)?;
    let is_ome_tiff = to_path.name().is_some_and(is_ome);
    let is_image_file = to_path.name().is_some_and(|name| kind_of_name(name).is_some());
    if image.sizes.n_planes() == 1 && is_image_file && !is_ome_tiff {
        let plane =
            from.read_plane(&PlaneRequest::new(from_path.clone(), PlaneIndex::default()))?;
        transfer.report.n_bytes += plane.n_bytes() as u64;
        return to.write_plane(PlaneRequest::new(to_path.clone(), PlaneIndex::default()), plane);
    }
    if is_image_file && !to_path.has_extension("tif") && !to_path.has_extension("tiff") {
        return Err(Error::invalid_input(format!(
            "the file would hold one plane, and the image has {}",
            image.declared_indices().count()
        ))
        .with_path(to_path)
        .with_hint("name it `.ome.tif`, or name a plane of the image"));
    }
    let has_extension = to_path.name().is_some_and(|name| name.contains('.'));
    if to.spec().scheme == "disk" && has_extension && !is_image_file {
        return check_ending(to_path.name().unwrap_or(""))
            .map_err(|error| error.with_outer_path(to_path));
    }
    let plate = declare(to, to_path, &image)?;
    for index in image.sizes.indices() {
        transfer.check(Path::new(&to_path.to_string()))?;
        match from.read_plane(&PlaneRequest::new(from_path.clone(), index)) {
            Ok(plane) => {
                transfer.report.n_bytes += plane.n_bytes() as u64;
                to.write_plane(PlaneRequest::new(to_path.clone(), index), plane)?;
            }
            Err(error) if error.kind() == ErrorKind::MissingPlane => {}
            Err(error) => return Err(error),
        }
    }
    plate.map_or(Ok(()), |plate| to.finish_plate(&plate))
}

/// Declares `image` at `path`: in a store, where images of plates are, with the plate and the
/// well that readers find it by. Returns the plate that was declared for it.
fn declare(
    to: &dyn VirtualBackend,
    path: &VirtualPath,
    image: &ImageStructure,
) -> Result<Option<VirtualPath>> {
    let in_plate = if to.spec().scheme == "zarr" { place_in_plate(path) } else { None };
    let Some((root, below, position)) = in_plate else {
        return to.create_image(path, image).map(|()| None);
    };
    // Its place in the plate that it came from is nothing to this one.
    let image = ImageStructure {
        field: 0,
        acquisition: 0,
        n_levels: 1,
        path: below.clone(),
        ..image.clone()
    };
    match to.plate(&root) {
        Ok(there) if there.well(position).is_some() => to.create_image(path, &image).map(|()| None),
        Ok(there) => {
            let mut wanted = (*there).clone();
            wanted.add_image(position, image)?;
            to.extend_plate(&root, &wanted).map(|()| Some(root))
        }
        Err(_) => {
            let name = root.name().map_or_else(|| store_name(to), str::to_owned);
            let mut plate = PlateStructure::new(name, 0, 0);
            plate.add_image(position, image)?;
            to.create_plate(&root, &plate).map(|()| Some(root))
        }
    }
}

fn store_name(store: &dyn VirtualBackend) -> String {
    let spec = store.spec();
    let name = Path::new(&spec.location).file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The plate, the way from it and the well that a path in a store has by its form,
/// `A/01/NAME`, as OME-Zarr has it.
fn place_in_plate(path: &VirtualPath) -> Option<(VirtualPath, VirtualPath, WellPosition)> {
    let well = path.parent()?;
    let (row, column) = (well.parent()?.name()?.to_owned(), well.name()?);
    let position: WellPosition = format!("{row}{column}").parse().ok()?;
    let is_canonical = position.row_name() == row
        && format!("{:02}", u64::from(position.column) + 1) == column
        && path.name()?.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let root = well.parent()?.parent()?;
    let below = path.strip_prefix(&root)?;
    is_canonical.then_some((root, below, position))
}
