//! Makes new places: stores and plates, with the backend that their name or their user asks for.

use std::path::{Path, PathBuf};

use super::{
    FileManager, OpenOptions, Target,
    location::{self, Location},
};
use crate::{
    BackendSpec, ErrorKind, Plate, Result, VirtualBackend, create_spec,
    disk::{Writing, refuse_source, zarr_root},
    model::PlateStructure,
};

impl FileManager {
    /// The backend that is to hold `location`, and the path in it. As
    /// [`FileManager::resolve`], but a zarr store that is not there yet is made.
    ///
    /// # Errors
    /// `PermissionDenied` for a new store in a plate that a microscope or polystore wrote; as
    /// [`FileManager::resolve`]; as the file system answers.
    pub fn resolve_for_writing(&self, location: &str) -> Result<Target> {
        let missing = match self.resolve(location) {
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            answer => return answer,
        };
        let Some((store, below)) = new_store(&location.parse()?)? else { return Err(missing) };
        refuse_new_store(&store)?;
        let spec = BackendSpec::new("zarr", location::text(&store)?);
        let path = crate::VirtualPath::parse(&location::text(&below)?)?;
        Ok(Target { backend: create_spec(&spec)?, path })
    }

    /// Declares a plate at `location`, with the backend that `options` names, or that the
    /// location does: `NAME.zarr` is a store, everything else files on disk. Its images can
    /// then be written in any order.
    ///
    /// ```
    /// use polystore::{
    ///     FileManager, OpenOptions, PixelType, WellPosition,
    ///     convert::{TargetLayout, retarget},
    ///     model::{ImageStructure, PlateStructure, Sizes},
    /// };
    ///
    /// let mut structure = PlateStructure::new("screen 1", 8, 12);
    /// let well = WellPosition::new(1, 2);
    /// let path = PlateStructure::canonical_image_path(well, None, 0);
    /// structure.add_image(well, ImageStructure::new(path, PixelType::U16, Sizes::new(1, 1, 1, 8, 8)))?;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let location = folder.path().join("plate.zarr").display().to_string();
    /// let structure = retarget(&structure, TargetLayout::Zarr)?;
    /// let plate = FileManager::new().create_plate(&location, &structure, &OpenOptions::default())?;
    /// assert_eq!(plate.inventory()?.counts().missing, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` when another plate is there, `InvalidInput` for image paths that the
    /// backend does not take (see [`retarget`](crate::convert::retarget)).
    pub fn create_plate(
        &self,
        location: &str,
        structure: &PlateStructure,
        options: &OpenOptions,
    ) -> Result<Plate> {
        let named = match &options.backend {
            Some(scheme) if !location.starts_with(&format!("{scheme}:")) => {
                format!("{scheme}:{location}")
            }
            _ => location.to_owned(),
        };
        let mut target = self.resolve_for_writing(&named)?;
        let spec = target.backend.spec();
        if spec.scheme == "disk" && spec.location == "/" {
            // A plate on disk gets a backend of its own, as when it is opened.
            let folder = location::absolute(target.path.as_str())?;
            let spec = options.apply(BackendSpec::new("disk", location::text(&folder)?));
            target = Target { backend: create_spec(&spec)?, path: crate::VirtualPath::root() };
        }
        target.backend.create_plate(&target.path, structure)?;
        Plate::open(target.backend, target.path)
    }

    pub(super) fn is_mounted(&self, location: &str) -> bool {
        crate::VirtualPath::parse(location).is_ok_and(|path| self.mounted(&path).is_some())
    }
}

/// Refuses a new store where a conversion is refused: in a plate, which it would be no part of.
///
/// # Errors
/// `PermissionDenied` naming the plate.
pub(super) fn refuse_new_store(store: &Path) -> Result<()> {
    store.parent().map_or(Ok(()), |folder| refuse_source(folder, Writing::Results))
}

/// The zarr store that a location names and that is not there, and the path below it.
pub(super) fn new_store(location: &Location) -> Result<Option<(PathBuf, PathBuf)>> {
    let path = match location.scheme.as_deref() {
        None | Some("zarr" | "file") => location::absolute(&location.rest)?,
        _ => return Ok(None),
    };
    let store = zarr_root(&path)
        .or_else(|| (location.scheme.as_deref() == Some("zarr")).then(|| path.clone()));
    let Some(store) = store.filter(|store| !store.exists()) else { return Ok(None) };
    let below = path.strip_prefix(&store).unwrap_or(Path::new("")).to_owned();
    Ok(Some((store, below)))
}

/// Where a target is in the local file system, as a file or folder of its own: on disk, or
/// the whole of a zarr store.
pub(super) fn local_path(target: &Target) -> Option<PathBuf> {
    let spec: BackendSpec = VirtualBackend::spec(&*target.backend);
    let is_whole = match spec.scheme.as_str() {
        "disk" => true,
        "zarr" => target.path.is_root(),
        _ => false,
    };
    let place = PathBuf::from(spec.location);
    // Nothing is joined to the root: a slash behind a zip file's name would make it a folder.
    (is_whole && spec.layers.is_empty()).then(|| match target.path.is_root() {
        true => place,
        false => place.join(target.path.relative()),
    })
}
