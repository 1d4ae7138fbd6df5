//! The OME-Zarr backend: plates and images of OME-NGFF 0.4 (zarr v2) and 0.5 (zarr v3).
//!
//! A plate is declared as a whole: the metadata of the plate, all rows and columns of its
//! grid, its wells and its images are written once, before any plane; then planes are
//! written in any order, from any number of processes. A plane that was not written is
//! missing, and reading it is an error: absent chunks are never taken for black ones unless
//! [`AbsentChunks::Fill`] says so. All chunks of a plane are stored, black ones too.

mod array;
mod cache;
mod chunks;
mod codec;
mod create;
mod entries;
mod extend;
mod image;
mod inventory;
mod labels;
mod locate;
mod metadata;
mod open;
mod openhcs;
mod options;
mod plate;
mod read;
mod replace;
mod resume;
mod store;
mod viewing;
mod window;
mod write;

use std::{
    fmt,
    ops::Range,
    path::Path,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
pub use codec::{BloscCompressor, BloscShuffle, Codec};
pub use options::{AbsentChunks, Durability, NgffVersion, Sharding, ZarrOptions};
pub(crate) use resume::check_settings;

use self::{
    locate::Images,
    options::MAX_LEVELS,
    plate::Plates,
    store::{Directory, Store},
};
use crate::{
    BackendSpec, Capabilities, Entry, Error, ErrorKind, Plane, PlaneRequest, PlaneSink, Result,
    VirtualBackend, VirtualPath, WriteMode,
    model::{ImageStructure, Inventory, PlateStructure},
};

/// A store of plates and images in OME-Zarr: a directory, or a zip archive that is only read.
///
/// Paths are those of the store: a plate at the root has its images at `/A/01/0`. Single
/// planes can be addressed by the names of the plate's naming scheme too.
///
/// ```
/// use polystore::{
///     PixelType, Plane, PlaneIndex, PlaneRequest, VirtualBackend, VirtualBackendExt,
///     VirtualPath, WellPosition,
///     model::{ImageStructure, PlateStructure, Sizes},
///     ndarray::Array2,
///     zarr::{ZarrBackend, ZarrOptions},
/// };
///
/// let folder = tempfile::tempdir()?;
/// let store = ZarrBackend::create(&folder.path().join("plate.zarr"), ZarrOptions::default())?;
///
/// let mut plate = PlateStructure::new("screen 1", 8, 12);
/// let path = VirtualPath::parse("/B/03/0")?;
/// let image = ImageStructure::new(path.clone(), PixelType::U16, Sizes::new(1, 2, 1, 64, 64));
/// plate.add_image(WellPosition::new(1, 2), image)?;
/// store.create_plate(&VirtualPath::root(), &plate)?;
///
/// let plane = Plane::from_array(Array2::from_elem((64, 64), 7u16));
/// let written = PlaneRequest::new(path.clone(), PlaneIndex::new(0, 1, 0));
/// store.write_plane(written.clone(), plane.clone())?;
/// assert_eq!(store.read_plane(&written)?, plane);
///
/// // The other channel is missing, and says so.
/// let missing = store.read_plane(&PlaneRequest::new(path, PlaneIndex::default()));
/// assert_eq!(missing.unwrap_err().kind(), polystore::ErrorKind::MissingPlane);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ZarrBackend {
    store: Store,
    options: ZarrOptions,
    plates: Plates,
    images: Images,
    /// Set at the first write, when leftovers of writers that are gone were removed.
    cleaned_up: OnceLock<()>,
}

impl ZarrBackend {
    /// Opens the store at `path`, a directory or a zip archive, with default settings.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when it is neither.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, ZarrOptions::default())
    }

    /// Opens the store at `path`.
    ///
    /// # Errors
    /// As [`ZarrBackend::open`]; `InvalidInput` for settings that do not go together.
    pub fn open_with(path: &Path, options: ZarrOptions) -> Result<Self> {
        options.check()?;
        let store = Store::open(path)?;
        let (plates, images) = (Plates::default(), Images::default());
        Ok(Self { store, options, plates, images, cleaned_up: OnceLock::new() })
    }

    /// Opens the directory at `path` as a store, and makes it first if it is not there.
    ///
    /// # Errors
    /// As [`ZarrBackend::open_with`], and as the file system answers.
    pub fn create(path: &Path, options: ZarrOptions) -> Result<Self> {
        options.check()?;
        std::fs::create_dir_all(path)
            .map_err(|error| Error::io(error, "create the directory", path.display()))?;
        Self::open_with(path, options)
    }

    /// Where the store is.
    pub fn location(&self) -> &Path {
        self.store.location()
    }

    /// The settings that it was opened with.
    pub fn options(&self) -> &ZarrOptions {
        &self.options
    }

    /// The directory to write into.
    fn writer(&self) -> Result<&Directory> {
        let directory = self.store.writable()?;
        self.cleaned_up.get_or_init(|| directory.clean_up());
        Ok(directory)
    }

    fn is_synced(&self) -> bool {
        self.options.durability == Durability::Synced
    }

    fn forget(&self, path: &VirtualPath) {
        self.plates.forget(path);
        self.images.forget(path);
    }

    /// Names this backend and `path` in an error that does not name any.
    fn told<T>(&self, path: impl fmt::Display, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with_path(path).with_backend(self.to_string()))
    }
}

/// Opens the backend of a `zarr:` spec.
pub(crate) fn open_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    let options = ZarrOptions::of_spec(spec)?;
    Ok(Arc::new(ZarrBackend::open_with(Path::new(&spec.location), options)?))
}

/// Makes the store of a `zarr:` spec where it is not there, and opens it.
/// A store that is there keeps its version.
pub(crate) fn create_from_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    let mut options = ZarrOptions::of_spec(spec)?;
    let path = Path::new(&spec.location);
    if let Some(there) = version_of(path) {
        if spec.options.contains_key("ngff") && options.version != there {
            let what = format!("holds a store of OME-Zarr {there}, not {}", options.version);
            return Err(Error::new(ErrorKind::AlreadyExists, what)
                .with_path(path.display())
                .with_hint("choose another place, or do not name a version"));
        }
        options.version = there;
    }
    Ok(Arc::new(ZarrBackend::create(path, options)?))
}

/// Gives every file of the store in the archive at `path` to `each`, by its name in the store.
///
/// # Errors
/// As [`ZarrBackend::open`] for an archive; the first error of `each`.
pub(crate) fn unpack(path: &Path, each: &mut dyn FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
    let store = Store::open(path)?;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for listed in store.list(&folder)?.unwrap_or_default() {
            let name = store::join(&folder, &listed.name);
            if listed.is_directory {
                folders.push(name);
            } else if let Some(content) = store.read(&name, u64::MAX)? {
                each(&name, &content)?;
            }
        }
    }
    Ok(())
}

/// Whether the file at `path` is a zip archive with a store in it.
pub(crate) fn is_zipped_store(path: &Path) -> bool {
    const METADATA: [&str; 4] = ["zarr.json", ".zgroup", ".zattrs", ".zarray"];
    let Ok(store @ Store::Archive(_)) = Store::open(path) else { return false };
    METADATA.iter().any(|file| matches!(store.look(file), Ok(Some(store::Found::File(_)))))
}

/// The version of the store in a folder, if one is there.
fn version_of(folder: &Path) -> Option<NgffVersion> {
    let has = |file: &str| folder.join(file).is_file();
    if has("zarr.json") {
        return Some(NgffVersion::V05);
    }
    (has(".zgroup") || has(".zattrs")).then_some(NgffVersion::V04)
}

impl VirtualBackend for ZarrBackend {
    fn capabilities(&self) -> Capabilities {
        let writable = self.store.writable().is_ok();
        Capabilities {
            write: writable,
            blobs: true,
            create_plates: writable,
            create_images: writable,
            region_read: true,
            levels: true,
            batch_read: true,
            delete: writable,
            rename: writable,
            ..Capabilities::default()
        }
    }

    fn spec(&self) -> BackendSpec {
        let location = self.location().display().to_string();
        self.options.clone().into_spec(BackendSpec::new("zarr", location))
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.told(path, self.stat_path(path))
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.told(dir, self.list_path(dir))
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        let plate = self.told(path, self.open_plate(path))?;
        Ok(Arc::clone(plate.structure()))
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        let plate = self.told(path, self.open_plate(path))?;
        self.told(path, self.take_inventory(path, &plate)).map(Arc::new)
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.told(path, self.describe_path(path))
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        self.read_batch(requests, sink);
    }

    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.told(path, self.declare_plate(path, structure))
    }

    fn extend_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.told(path, self.complete_plate(path, structure))
    }

    fn labels(&self, path: &VirtualPath) -> Result<Vec<VirtualPath>> {
        self.told(path, self.labels_of(path))
    }

    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        self.told(path, self.declare_image(path, image))
    }

    fn finish_plate(&self, path: &VirtualPath) -> Result<()> {
        self.told(path, self.write_windows(path))
    }

    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        let first = planes.first().map(|(request, _)| request.path.to_string());
        self.told(first.unwrap_or_default(), self.write_batch(planes))
    }

    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        self.told(path, self.read_file(path, range))
    }

    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        self.told(path, self.write_file(path, &data, mode))
    }

    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        self.told(path, self.make_directory(path))
    }

    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        self.told(path, self.delete_path(path, recursive))
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.told(from, self.rename_path(from, to))
    }

    fn invalidate(&self, path: &VirtualPath) {
        self.forget(path);
    }
}

impl Drop for ZarrBackend {
    fn drop(&mut self) {
        if let (Ok(directory), Some(())) = (self.store.writable(), self.cleaned_up.get()) {
            directory.leave_staging();
        }
    }
}

impl fmt::Display for ZarrBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zarr:{}", self.store)
    }
}

impl fmt::Debug for ZarrBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZarrBackend")
            .field("store", &self.location())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
