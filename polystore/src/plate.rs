//! An opened plate: its structure, its inventory and the backend that reads it.

use std::{
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use crate::{
    BackendSpec, Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Result, VirtualBackend,
    VirtualBackendExt, VirtualPath, WellPosition,
    model::{ImageStructure, Inventory, PlateStructure},
    plane::Stack,
};

/// An opened plate. Cloning is O(1).
#[derive(Clone)]
pub struct Plate {
    backend: Arc<dyn VirtualBackend>,
    path: VirtualPath,
    structure: Arc<PlateStructure>,
    inventory: Arc<OnceLock<Arc<Inventory>>>,
}

impl Plate {
    /// Opens the plate at `path` of `backend`.
    ///
    /// # Errors
    /// As [`VirtualBackend::plate`].
    pub fn open(backend: Arc<dyn VirtualBackend>, path: VirtualPath) -> Result<Self> {
        let structure = backend.plate(&path)?;
        Ok(Self { backend, path, structure, inventory: Arc::default() })
    }

    /// The backend that reads it.
    pub fn backend(&self) -> &Arc<dyn VirtualBackend> {
        &self.backend
    }

    /// Where it is in its backend.
    pub fn path(&self) -> &VirtualPath {
        &self.path
    }

    /// What it declares.
    pub fn structure(&self) -> &Arc<PlateStructure> {
        &self.structure
    }

    /// What is there, and what could not be used, also of the plate that this one was made of;
    /// asked of the backend at the first call, then kept.
    ///
    /// # Errors
    /// As [`VirtualBackend::inventory`].
    pub fn inventory(&self) -> Result<&Arc<Inventory>> {
        if let Some(inventory) = self.inventory.get() {
            return Ok(inventory);
        }
        let mut inventory = self.backend.inventory(&self.path)?;
        let of_source = &self.structure.passed_over;
        if !of_source.is_empty() {
            Arc::make_mut(&mut inventory).passed_over.extend_below("", of_source);
        }
        Ok(self.inventory.get_or_init(|| inventory))
    }

    /// The image of `field` (0-based) of a well, in the first acquisition that has it.
    ///
    /// # Errors
    /// `NotFound` naming the well or field, and what there is.
    pub fn image(&self, well: WellPosition, field: u32) -> Result<&ImageStructure> {
        let found = self.structure.well(well).ok_or_else(|| {
            let known: Vec<_> =
                self.structure.wells.iter().map(|w| w.position.to_string()).collect();
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            Error::not_found(format!("the plate has no well {well}"))
                .with_path(&self.path)
                .with_backend(self.backend.to_string())
                .with_hint(crate::suggest::hint(&well.to_string(), &known))
        })?;
        let mut fields = found.fields.iter();
        fields.find(|image| image.field == field).ok_or_else(|| {
            let mut known: Vec<u32> = found.fields.iter().map(|image| image.field).collect();
            known.sort_unstable();
            known.dedup();
            let known: Vec<_> =
                known.iter().map(|field| (u64::from(*field) + 1).to_string()).collect();
            Error::not_found(format!(
                "well {well} has no field {}; it has {}",
                u64::from(field) + 1,
                known.join(", ")
            ))
            .with_path(&self.path)
            .with_backend(self.backend.to_string())
        })
    }

    /// Refuses a place for results (`path` in a backend of `target`) that lies inside the plate's own folder: a plate is only
    /// read.
    ///
    /// # Errors
    /// `PermissionDenied` naming the place and the plate.
    pub fn check_target(&self, target: &BackendSpec, path: &VirtualPath) -> Result<()> {
        let local = |spec: &BackendSpec, path: &VirtualPath| {
            let is_local = matches!(spec.scheme.as_str(), "disk" | "zarr");
            is_local.then(|| real(&Path::new(&spec.location).join(path.relative())))
        };
        let (folder, place) = (local(&self.backend.spec(), &self.path), local(target, path));
        let (Some(folder), Some(place)) = (folder, place) else { return Ok(()) };
        if !place.starts_with(&folder) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("is inside the plate {}, which is never written into", folder.display()),
        )
        .with_path(place.display())
        .with_hint("write beside it, into a folder of its own"))
    }

    /// The request for a plane of `image`, as its backend understands it.
    pub fn request(&self, image: &ImageStructure, index: PlaneIndex) -> PlaneRequest {
        PlaneRequest::new(self.path.append(&image.path), index)
    }

    /// Reads one plane of `image`.
    ///
    /// # Errors
    /// `MissingPlane` when it was declared and never stored; otherwise as the backend answers.
    pub fn read(&self, image: &ImageStructure, index: PlaneIndex) -> Result<Plane> {
        self.backend.read_plane(&self.request(image, index))
    }

    /// Reads the z-stack of one channel and timepoint as `[z, y, x]`.
    ///
    /// # Errors
    /// As [`Plate::read`]; a stack with a missing section is an error.
    pub fn read_z_stack(&self, image: &ImageStructure, t: u32, c: u32) -> Result<Stack> {
        let indices: Vec<_> = (0..image.sizes.z).map(|z| PlaneIndex::new(t, c, z)).collect();
        self.backend.read_stack(&self.path.append(&image.path), &indices)
    }

    /// Streams every present plane of the plate to `visit`, from several threads at once,
    /// in any order. `visit` gets the well, the image, the plane's index and its pixels.
    ///
    /// # Errors
    /// The first error, of a read or of `visit`; it stops the stream.
    pub fn for_each_plane(
        &self,
        visit: impl Fn(WellPosition, &ImageStructure, PlaneIndex, Plane) -> Result<()> + Sync,
    ) -> Result<()> {
        let inventory = self.inventory()?;
        let (targets, requests): (Vec<_>, Vec<_>) = self
            .structure
            .images()
            .zip(&inventory.images)
            .flat_map(|((well, image), inventory)| {
                let present = inventory
                    .iter()
                    .filter(|(_, state)| *state == crate::model::PlaneState::Present);
                present.map(move |(index, _)| ((well, image, index), self.request(image, index)))
            })
            .unzip();
        let failure = std::sync::OnceLock::new();
        self.backend.read_planes(&requests, &|position, answer| {
            let (well, image, index) = targets[position];
            match answer.and_then(|plane| visit(well, image, index, plane)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    let _ = failure.set(error);
                    ControlFlow::Break(())
                }
            }
        });
        failure.into_inner().map_or(Ok(()), Err)
    }
}

/// The plate at or above `path` in `backend`, and `path` relative to it.
///
/// # Errors
/// As [`VirtualBackend::plate`] for `path` itself, when no folder above is a plate either.
pub(crate) fn plate_above(
    backend: &dyn VirtualBackend,
    path: &VirtualPath,
) -> Result<(VirtualPath, VirtualPath)> {
    let mut first = None;
    let mut child_is_of_plate = true;
    for above in path.ancestors() {
        // Opening a folder as a plate lists it: only go up from what plates have in them.
        if !child_is_of_plate {
            break;
        }
        child_is_of_plate = above.name().is_some_and(is_of_plate);
        match backend.plate(&above) {
            Ok(_) => {
                let below = path.strip_prefix(&above).unwrap_or_else(VirtualPath::root);
                return Ok((above, below));
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::not_found("there is no plate here").with_path(path)))
}

/// Whether `name` may be that of a well, a field or a plane of a plate: `A01`, `A01_s001`,
/// `A01_s001_z000_c000.tif`, and the `A`, `01` and `0` of zarr.
pub(crate) fn is_of_plate(name: &str) -> bool {
    WellPosition::parse_prefix(name).is_some()
        || crate::parse_row_name(name).is_some()
        || name.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Debug for Plate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plate")
            .field("backend", &self.backend.to_string())
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// An absolute path without links, as far as it exists.
pub(crate) fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in path.ancestors() {
        if let Ok(found) = above.canonicalize() {
            return match path.strip_prefix(above) {
                Ok(below) if below.as_os_str().is_empty() => found,
                Ok(below) => found.join(below),
                Err(_) => found,
            };
        }
    }
    path
}
