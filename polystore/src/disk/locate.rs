//! From a path and a plane index to a page of a file.

use std::path::PathBuf;

use super::{DiskBackend, declared, plates::OpenPlate, special::refuse_special};
use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualPath,
    model::{ImageStructure, PlaneState},
};

/// Where a plane is stored.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) file: PathBuf,
    pub(super) address: Address,
    /// What the plate declares the plane to be.
    pub(super) expected: Option<Expected>,
}

/// Which plane of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Address {
    /// A page and sample, known from the plate.
    Page { page: u32, sample: u16 },
    /// A plane of the file as an image of its own.
    Index(PlaneIndex),
}

/// Type and size that a plane was declared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) pixel_type: crate::PixelType,
    pub(super) shape: crate::PlaneShape,
    pub(super) n_levels: u32,
    /// Samples of the file's only page, where the file stands for one plane.
    pub(super) n_samples: Option<u16>,
}

impl Expected {
    fn of(image: &ImageStructure) -> Self {
        Self {
            pixel_type: image.pixel_type,
            shape: image.sizes.plane_shape(),
            n_levels: image.n_levels,
            n_samples: None,
        }
    }
}

/// An image that was declared to this backend, in a plate or alone.
#[derive(Debug)]
pub(super) struct DeclaredImage {
    pub(super) image: ImageStructure,
    /// The plane asked for; differs from the request's where a plane was named.
    pub(super) index: PlaneIndex,
    /// The image's path in the backend.
    pub(super) path: VirtualPath,
}

impl DiskBackend {
    /// Finds the plane `index` of `path`: of an opened plate, of a file, or of a plate that
    /// is opened for it.
    pub(super) fn locate(&self, path: &VirtualPath, index: PlaneIndex) -> Result<Located> {
        if let Some(located) = self.locate_in_opened(path, index)? {
            return Ok(located);
        }
        let is_folder = match self.root.existing(path) {
            Ok(file) if file.is_file() => {
                return Ok(Located { file, address: Address::Index(index), expected: None });
            }
            // An image may have a folder of its name: its labels and tables are in it.
            Ok(found) => {
                std::fs::metadata(&found)
                    .map_err(|error| Error::io(error, "look at", path))
                    .and_then(|metadata| refuse_special(&metadata))
                    .map_err(|error| error.with_path(path))?;
                true
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(_) => false,
        };
        if let Some(declared) = self.declared_image(path, index)? {
            return self.locate_declared(&declared);
        }
        let found = match self.open_plate_above(path) {
            Ok(()) => self.locate_in_opened(path, index)?,
            Err(error) if is_folder && error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        found.ok_or_else(|| match is_folder {
            true => Error::invalid_data("is a folder, not an image").with_path(path),
            false => not_found(path),
        })
    }

    fn locate_in_opened(&self, path: &VirtualPath, index: PlaneIndex) -> Result<Option<Located>> {
        let Some((below, plate)) = self.plates.above(path) else { return Ok(None) };
        let Some((ordinal, index)) = plate.index().resolve(&below, index) else {
            return Ok(None);
        };
        match &*plate {
            OpenPlate::Source { .. } => {
                self.locate_source(path, &below, &plate, ordinal, index).map(Some)
            }
            OpenPlate::Own { .. } => {
                let Some(declared) = own_image(path, &below, &plate, ordinal, index) else {
                    return Ok(None);
                };
                self.locate_declared(&declared).map(Some)
            }
        }
    }

    fn locate_source(
        &self,
        path: &VirtualPath,
        below: &VirtualPath,
        plate: &OpenPlate,
        ordinal: usize,
        index: PlaneIndex,
    ) -> Result<Located> {
        let OpenPlate::Source { index: images, inventory, sources } = plate else {
            return Err(not_found(path));
        };
        let (_, image) = images.image(ordinal).ok_or_else(|| not_found(path))?;
        check_index(path, image, index)?;
        let planes = sources.images.get(ordinal);
        let Some((planes, source)) = planes.and_then(|planes| Some((planes, planes.get(index)?)))
        else {
            return Err(missing(path, index, inventory.state(ordinal, index)));
        };
        let n_samples = source.whole.then(|| planes.n_samples(index));
        let name = sources.files.get(source.file as usize).ok_or_else(|| {
            Error::internal("plate names a file that it does not list").with_path(path)
        })?;
        let root = path.as_str().strip_suffix(below.as_str()).unwrap_or("");
        let file = VirtualPath::parse(&format!("{root}/{name}"))?;
        let file = self.root.existing(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(path, index, PlaneState::Missing)
                .with_hint(format!("{name} was there when the plate was opened")),
            _ => error,
        })?;
        Ok(Located {
            file,
            address: Address::Page { page: source.page, sample: source.sample },
            expected: Some(Expected { n_samples, ..Expected::of(image) }),
        })
    }

    /// Where a plane of a declared image is; its file must be there.
    pub(super) fn locate_declared(&self, declared: &DeclaredImage) -> Result<Located> {
        let DeclaredImage { image, index, path } = declared;
        check_index(path, image, *index)?;
        if !image.declares(*index) {
            return Err(missing(path, *index, PlaneState::AbsentByDesign));
        }
        let container = declared::is_container(path);
        let (file, address) = match container {
            true => (path.clone(), Address::Index(*index)),
            false => {
                (declared::plane_file(path, image, *index)?, Address::Page { page: 0, sample: 0 })
            }
        };
        let file = self.root.existing(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(path, *index, PlaneState::Missing),
            _ => error,
        })?;
        let n_samples = (!container).then_some(1);
        Ok(Located { file, address, expected: Some(Expected { n_samples, ..Expected::of(image) }) })
    }

    /// The image at `path` that was declared to this backend: alone, or in a plate of ours.
    pub(super) fn declared_image(
        &self,
        path: &VirtualPath,
        index: PlaneIndex,
    ) -> Result<Option<DeclaredImage>> {
        if path.is_root() {
            return Ok(None);
        }
        let file = self.root.join(&declared::image_file(path)?);
        if let Some(mut image) = declared::read_image(&file)? {
            image.path = path.clone();
            return Ok(Some(DeclaredImage { image, index, path: path.clone() }));
        }
        let opened = match self.plates.above(path) {
            Some(opened) => Some(opened),
            None => {
                self.open_own_plate_above(path)?;
                self.plates.above(path)
            }
        };
        let Some((below, plate)) = opened else { return Ok(None) };
        if !matches!(*plate, OpenPlate::Own { .. }) {
            return Ok(None);
        }
        let resolved = plate.index().resolve(&below, index);
        Ok(resolved.and_then(|(ordinal, index)| own_image(path, &below, &plate, ordinal, index)))
    }

    /// Opens the innermost plate of ours above `path`, if there is one.
    fn open_own_plate_above(&self, path: &VirtualPath) -> Result<()> {
        for above in path.ancestors().skip(1) {
            if self.root.join(&above).join(declared::PLATE_FILE).is_file() {
                self.open_plate(&above)?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens the plate that the nearest existing folder above `path` is, or is in.
    fn open_plate_above(&self, path: &VirtualPath) -> Result<()> {
        // Opening a folder as a plate lists everything below it, so names must look like it.
        if !path.name().is_some_and(crate::plate::is_of_plate) {
            return Ok(());
        }
        let exists = |above: &VirtualPath| self.root.join(above).is_dir();
        let Some(folder) = path.ancestors().skip(1).find(exists) else { return Ok(()) };
        self.open_plate(&folder).map(|_| ()).map_err(|error| not_found(path).with_source(error))
    }
}

/// An image of an opened plate of ours, with its path in the backend.
fn own_image(
    path: &VirtualPath,
    below: &VirtualPath,
    plate: &OpenPlate,
    ordinal: usize,
    index: PlaneIndex,
) -> Option<DeclaredImage> {
    let (_, image) = plate.index().image(ordinal)?;
    let root = path.as_str().strip_suffix(below.as_str()).unwrap_or("");
    let at = VirtualPath::parse(&format!("{root}{}", image.path)).ok()?;
    Some(DeclaredImage { image: image.clone(), index, path: at })
}

fn check_index(path: &VirtualPath, image: &ImageStructure, index: PlaneIndex) -> Result<()> {
    if image.sizes.contains(index) {
        return Ok(());
    }
    Err(Error::invalid_input(format!("there is no plane {index}; the image has {}", image.sizes))
        .with_path(path))
}

/// The answer for a plane that is not there.
pub(super) fn missing(path: &VirtualPath, index: PlaneIndex, state: PlaneState) -> Error {
    let message = match state {
        PlaneState::AbsentByDesign => format!("plane {index} was never meant to be acquired"),
        _ => format!("plane {index} is declared but missing"),
    };
    Error::new(ErrorKind::MissingPlane, message).with_path(path)
}

pub(super) fn not_found(path: &VirtualPath) -> Error {
    Error::not_found("there is no such file, image or plane").with_path(path)
}
