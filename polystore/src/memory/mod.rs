//! Plates in memory: for tests, for intermediate results, and the oracle that every other
//! backend is compared with.

mod attached;
mod backend;
mod changes;
mod coverage;
mod names;
mod planes;
mod spill;
mod state;
mod tree;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    BackendSpec, Result, VirtualBackend,
    memory::{planes::PlaneStore, spill::SpillFile, state::State},
};

/// How much a [`MemoryBackend`] may hold, and what happens beyond.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryOptions {
    /// Most bytes of pixels and blobs in memory; `None` for no limit.
    pub budget_bytes: Option<u64>,
    /// A folder for a temporary file that planes go to when the budget is met, the longest
    /// unused first; they are read back when asked for. The file has no name and is gone
    /// with the backend. Without it, a write beyond the budget is `LimitExceeded`.
    pub spill: Option<PathBuf>,
}

/// A backend in the memory of this process. Cloning is O(1) and shares the content.
///
/// Planes are stored and handed out without a copy. An image that is declared with several
/// levels answers them from its full size, so they are always up to date. A whole plane can
/// also be written without declaring an image, to a name that ends in `.tif`, `.tiff`,
/// `.png` or `.npy`, as the disk backend does; it is kept as pixels, not as a file.
///
/// ```
/// use polystore::{
///     MemoryBackend, PixelType, Plane, PlaneIndex, PlaneRequest, VirtualBackend,
///     VirtualBackendExt, VirtualPath,
///     model::{ImageStructure, Sizes},
///     ndarray::array,
/// };
///
/// let backend = MemoryBackend::new();
/// let path = VirtualPath::parse("/A01_s001")?;
/// let image = ImageStructure::new(path.clone(), PixelType::U16, Sizes::new(1, 1, 2, 2, 3));
/// backend.create_image(&path, &image)?;
///
/// let first = PlaneRequest::new(path.clone(), PlaneIndex::new(0, 0, 0));
/// backend.write_plane(first.clone(), Plane::from_array(array![[1u16, 2, 3], [4, 5, 6]]))?;
/// assert_eq!(backend.read_plane(&first)?.as_array::<u16>()?[[1, 2]], 6);
///
/// // The second z-section was never written: an error, not black pixels.
/// let second = PlaneRequest::new(path, PlaneIndex::new(0, 0, 1));
/// let error = backend.read_plane(&second).unwrap_err();
/// assert_eq!(error.kind(), polystore::ErrorKind::MissingPlane);
/// # Ok::<(), polystore::Error>(())
/// ```
#[derive(Clone)]
pub struct MemoryBackend(Arc<Store>);

struct Store {
    name: String,
    state: RwLock<State>,
}

impl MemoryBackend {
    /// An empty store without limits, under a name of its own.
    pub fn new() -> Self {
        loop {
            let store = Store::new(names::unused(), PlaneStore::new(None, None));
            if names::enter(&store).is_ok() {
                return Self(store);
            }
        }
    }

    /// An empty store called `name`, which [`MemoryBackend::open`] finds as long as a
    /// backend for it lives.
    ///
    /// # Errors
    /// `AlreadyExists` when this process has a store of that name, `InvalidInput` for a
    /// name that is empty or has a slash, and what opening the spill file answers.
    pub fn create(name: &str, options: &MemoryOptions) -> Result<Self> {
        names::check(name)?;
        let spill = options.spill.as_deref().map(SpillFile::create).transpose()?;
        let store = Store::new(name.to_owned(), PlaneStore::new(options.budget_bytes, spill));
        names::enter(&store)?;
        Ok(Self(store))
    }

    /// The store called `name` of this process.
    ///
    /// # Errors
    /// `NotFound` when there is none: memory does not travel to other processes.
    pub fn open(name: &str) -> Result<Self> {
        names::find(name).map(Self)
    }

    /// The name, as in `memory:name`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes of pixels and blobs that the store holds in memory. Planes that were handed
    /// out and then replaced or deleted are their holders' affair.
    pub fn used_bytes(&self) -> u64 {
        self.state().planes.used_bytes()
    }

    /// Bytes of planes that are in the spill file only.
    pub fn spilled_bytes(&self) -> u64 {
        self.state().planes.spilled_bytes()
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `operation` and has its error say which backend and path it concerns.
    fn told<T>(&self, path: impl fmt::Display, operation: impl FnOnce() -> Result<T>) -> Result<T> {
        operation().map_err(|error| error.with_backend(self.to_string()).with_path(path))
    }
}

impl Store {
    fn new(name: String, planes: PlaneStore) -> Arc<Self> {
        Arc::new(Self { name, state: RwLock::new(State::new(planes)) })
    }
}

/// Opens `memory:name`.
pub(crate) fn open(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    Ok(Arc::new(MemoryBackend::open(&spec.location)?))
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory:{}", self.0.name)
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend")
            .field("name", &self.0.name)
            .field("used_bytes", &self.used_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorKind, PixelType, Plane, PlaneIndex, PlaneRequest, PlaneShape, VirtualBackendExt,
        VirtualPath, WellPosition,
        model::{ImageStructure, PlateStructure, Sizes},
        open_spec,
    };

    fn request(n: u32) -> PlaneRequest {
        let path = VirtualPath::parse(&format!("/{n}.tif")).unwrap();
        PlaneRequest::new(path, PlaneIndex::default())
    }

    fn plane(n: u32) -> Plane {
        Plane::from_vec(PlaneShape::new(8, 8), vec![n as u16; 64]).unwrap()
    }

    #[test]
    fn a_spec_finds_a_live_store_and_nothing_else() {
        let backend = MemoryBackend::create("spec test", &MemoryOptions::default()).unwrap();
        let error = MemoryBackend::create("spec test", &MemoryOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        backend.write_plane(request(1), plane(1)).unwrap();
        let spec = backend.spec();
        let again = open_spec(&spec).unwrap();
        drop(backend);
        assert_eq!(again.read_plane(&request(1)).unwrap(), plane(1));
        drop(again);
        let error = open_spec(&spec).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("does not travel"), "{error}");
        assert!(MemoryBackend::create("a/b", &MemoryOptions::default()).is_err());
    }

    #[test]
    fn the_budget_holds_for_planes_and_blobs_together() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Some(folder.path().to_owned());
        let options = MemoryOptions { budget_bytes: Some(300), spill };
        let backend = MemoryBackend::create("spill test", &options).unwrap();
        for n in 0..10 {
            backend.write_plane(request(n), plane(n)).unwrap();
            assert!(backend.used_bytes() <= 300);
        }
        let text = VirtualPath::parse("/notes.txt").unwrap();
        backend.write_text(&text, "x".repeat(200)).unwrap();
        assert_eq!((backend.used_bytes(), backend.spilled_bytes()), (200, 1280));
        for n in 0..10 {
            assert_eq!(backend.read_plane(&request(n)).unwrap(), plane(n));
        }
        let error = backend.write_text(&text, "x".repeat(301)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(backend.read_text(&text).unwrap().len(), 200);
        for n in 0..10 {
            backend.delete(&request(n).path, false).unwrap();
        }
        assert_eq!((backend.used_bytes(), backend.spilled_bytes()), (200, 0));
    }

    #[test]
    fn what_is_below_a_deleted_well_gives_its_bytes_back() {
        let backend = MemoryBackend::new();
        let path = VirtualPath::parse("/plate").unwrap();
        let mut structure = PlateStructure::new("p", 1, 1);
        let at = VirtualPath::parse("/A01/A01_s001").unwrap();
        let image = ImageStructure::new(at.clone(), PixelType::U8, Sizes::new(1, 1, 2, 8, 8));
        structure.add_image(WellPosition::new(0, 0), image.clone()).unwrap();
        backend.create_plate(&path, &structure).unwrap();
        let image_path = path.append(&at);
        let labels = image_path.join("labels/cells").unwrap();
        backend.create_image(&labels, &image).unwrap();
        let pixels = Plane::from_vec(PlaneShape::new(8, 8), vec![1u8; 64]).unwrap();
        for target in [&image_path, &labels] {
            let request = PlaneRequest::new(target.clone(), PlaneIndex::default());
            backend.write_plane(request, pixels.clone()).unwrap();
        }
        backend.write_text(&path.join("A01/notes.txt").unwrap(), "12345").unwrap();
        assert_eq!(backend.used_bytes(), 64 + 64 + 5);
        assert_eq!(backend.list(&path.join("A01").unwrap()).unwrap().len(), 2);
        backend.delete(&path.join("A01").unwrap(), true).unwrap();
        assert_eq!(backend.used_bytes(), 0);
        assert!(backend.exists(&image_path).unwrap());
        assert!(!backend.exists(&labels).unwrap());
        let error = backend.rename(&image_path, &path.join("x").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
