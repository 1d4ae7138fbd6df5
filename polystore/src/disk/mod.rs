//! The disk backend: plates as microscopes write them, image files, text and folders.
//!
//! Vendors' plates are only ever read. Plates of our own are declared
//! ([`VirtualBackend::create_plate`]) and written as one TIFF per plane or one OME-TIFF per
//! field, each file in one step.

mod companion;
mod declared;
mod dir_entries;
mod entries;
mod format;
mod headers;
mod inventory;
mod locate;
mod map;
mod options;
mod plates;
mod read;
mod resume;
mod rois;
mod root;
mod sources;
mod special;
mod stores;
mod tiff;
mod walk;
mod write;

use std::{
    collections::HashSet,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
pub use format::{encode_plane, image_extensions};
pub(crate) use format::{kind_of_content, kind_of_name};
pub use options::DiskOptions;
pub(crate) use resume::settle;
pub use sources::{Writing, refuse_source};
pub(crate) use sources::{is_own_plate, is_source_plate};
pub(crate) use special::refuse_special;
pub(crate) use stores::zarr_root;
pub use tiff::TiffCompression;

use self::{
    headers::HeaderCache,
    plates::{OpenPlate, Plates},
    root::Root,
    sources::Sources,
};
use crate::{
    BackendSpec, Capabilities, Entry, Error, ErrorKind, Plane, PlaneRequest, PlaneSink, Result,
    VirtualBackend, VirtualPath, WriteMode,
    backend::RoiStore,
    microscope::Generic,
    model::{ImageStructure, Inventory, PlateStructure, check_part},
    structure_cache::StructureCache,
};

/// A folder of the local file system.
///
/// Paths are relative to the folder that it was opened on. A vendor's plate is read with
/// the microscope readers of [`crate::microscope`]; its images have virtual paths such as
/// `/A01/A01_s001` below the plate's folder, whatever the vendor called the files.
///
/// ```no_run
/// use std::sync::Arc;
/// use polystore::{Plate, VirtualPath, disk::DiskBackend};
///
/// let backend = Arc::new(DiskBackend::open("/data/2023-02-21/1334")?);
/// let plate = Plate::open(backend, VirtualPath::root())?;
/// println!("{} wells", plate.structure().wells.len());
/// # Ok::<(), polystore::Error>(())
/// ```
pub struct DiskBackend {
    root: Root,
    options: DiskOptions,
    plates: Plates,
    headers: HeaderCache,
    sources: Sources,
    /// Held while a file with several planes is rewritten.
    containers: Mutex<()>,
    /// Folders that were rid of what killed writers left in them.
    swept: Mutex<HashSet<PathBuf>>,
}

impl DiskBackend {
    /// Serves `folder`, which must exist, with default settings.
    ///
    /// # Errors
    /// `NotFound`, or `InvalidInput` when it is not a folder.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(folder, DiskOptions::default())
    }

    /// Serves `folder`, which must exist.
    ///
    /// # Errors
    /// As [`DiskBackend::open`]; `InvalidInput` for a microscope that is not known, or for
    /// both a microscope and a layout.
    pub fn open_with(folder: impl AsRef<Path>, options: DiskOptions) -> Result<Self> {
        if let Some(name) = &options.microscope {
            crate::microscope::microscope(name)?;
            if options.layout.is_some() {
                return Err(Error::invalid_input(format!(
                    "the layout is both `{name}` and described; leave one out"
                )));
            }
        }
        let root = Root::open(folder.as_ref(), &options.links_to)?;
        Ok(Self {
            root,
            options,
            plates: Plates::default(),
            headers: HeaderCache::default(),
            sources: Sources::default(),
            containers: Mutex::new(()),
            swept: Mutex::default(),
        })
    }

    /// The folder that is served.
    pub fn folder(&self) -> &Path {
        self.root.folder()
    }

    fn open_plate(&self, path: &VirtualPath) -> Result<Arc<OpenPlate>> {
        self.plates
            .open(path, &self.root, &self.headers, &self.options)
            .map_err(|error| error.with_backend(self.to_string()))
    }

    fn forget(&self, path: &VirtualPath) {
        self.plates.forget(path);
        self.sources.forget(path);
    }

    /// Refuses to declare an image where a file or folder is that is not the image's own.
    fn check_free(&self, path: &VirtualPath) -> Result<()> {
        let own = self.declared_image(path, Default::default())?.is_some();
        match self.root.existing(path) {
            Ok(found) if !own => {
                let what = if found.is_dir() { "a folder" } else { "a file" };
                Err(entries::taken(what, path))
            }
            _ => Ok(()),
        }
    }

    fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with_backend(self.to_string()))
    }
}

/// Opens the backend of a `disk:` spec.
pub(crate) fn open_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    Ok(Arc::new(DiskBackend::open_with(&spec.location, options_of(spec)?)?))
}

fn options_of(spec: &BackendSpec) -> Result<DiskOptions> {
    let mut options = DiskOptions::default();
    options.microscope = spec.option("microscope")?;
    options.layout = layout_of(spec)?.map(Arc::new);
    options.map = spec.option("map")?.unwrap_or(options.map);
    options.compression = match spec.options.get("compression") {
        Some(name) => name.parse()?,
        None => options.compression,
    };
    options.io_concurrency = spec.option("io_concurrency")?.unwrap_or(options.io_concurrency);
    if let Some(folder) = spec.options.get("cache") {
        options.cache = (!folder.is_empty()).then(|| StructureCache::new(folder));
    }
    if let Some(folders) = spec.options.get("links_to") {
        options.links_to = folders.lines().map(PathBuf::from).collect();
    }
    Ok(options)
}

/// The layout that a spec describes, if it does.
fn layout_of(spec: &BackendSpec) -> Result<Option<Generic>> {
    match (spec.options.get("pattern"), spec.options.get("csv")) {
        (None, None) => Ok(None),
        (Some(pattern), None) => Generic::from_pattern(pattern).map(Some),
        (None, Some(csv)) => Generic::from_csv(csv).map(Some),
        (Some(_), Some(_)) => Err(Error::invalid_input(
            "the layout is described both by a pattern and by a CSV; leave one out",
        )),
    }
}

/// Makes the folder of a `disk:` spec and opens it.
pub(crate) fn create_from_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    // Nothing is made for a spec that is wrong.
    let options = options_of(spec)?;
    std::fs::create_dir_all(&spec.location)
        .map_err(|error| crate::Error::io(error, "create the folder", &spec.location))?;
    Ok(Arc::new(DiskBackend::open_with(&spec.location, options)?))
}

impl VirtualBackend for DiskBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            write: true,
            blobs: true,
            create_plates: true,
            create_images: true,
            region_read: true,
            levels: true,
            batch_read: true,
            zero_copy: self.options.map,
            delete: true,
            rename: true,
            ..Capabilities::default()
        }
    }

    fn spec(&self) -> BackendSpec {
        let defaults = DiskOptions::default();
        let options = &self.options;
        let mut spec = BackendSpec::new("disk", self.folder().display().to_string());
        if let Some(name) = &options.microscope {
            spec = spec.with_option("microscope", name);
        }
        if let Some(layout) = &options.layout {
            let (name, value) = layout.to_option();
            spec = spec.with_option(name, value);
        }
        if options.map {
            spec = spec.with_option("map", "true");
        }
        if options.compression != defaults.compression {
            spec = spec.with_option("compression", options.compression.as_str());
        }
        if !options.links_to.is_empty() {
            let folders: Vec<_> =
                options.links_to.iter().map(|path| path.display().to_string()).collect();
            spec = spec.with_option("links_to", folders.join("\n"));
        }
        match &options.cache {
            None => spec.with_option("cache", ""),
            Some(cache) => spec.with_option("cache", cache.folder().display().to_string()),
        }
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.named(self.stat_path(path))
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.named(self.list_path(dir))
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        Ok(Arc::clone(self.open_plate(path)?.structure()))
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        let plate = self.open_plate(path)?;
        match &*plate {
            OpenPlate::Source { inventory, .. } => Ok(Arc::clone(inventory)),
            OpenPlate::Own { index } => {
                self.named(self.own_inventory(path, index.structure())).map(Arc::new)
            }
        }
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.named(self.describe_path(path))
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        self.read_batch(requests, sink);
    }

    fn fingerprints(&self, requests: &[PlaneRequest]) -> Vec<Option<String>> {
        requests.iter().map(|request| self.fingerprint(request)).collect()
    }

    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        structure.check()?;
        let result = path.join(declared::PLATE_FILE).and_then(|file| {
            let target = self.target(&file)?;
            if self.declared_image(path, Default::default())?.is_some_and(|at| at.path == *path) {
                return Err(entries::taken("an image", path));
            }
            let folder = self.root.join(path);
            let same = || Ok(declared::read_plate(&folder)?.as_ref() == Some(structure));
            let text = declared::plate_text(structure, self.options.compression.as_str())?;
            write::declare(&target, &text, same)
        });
        self.forget(path);
        self.named(result)
    }

    fn extend_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        structure.check()?;
        let wanted = match declared::read_plate(&self.root.join(path)) {
            Ok(None) => return self.create_plate(path, structure),
            Ok(Some(there)) if there == *structure => return Ok(()),
            Ok(Some(there)) => check_part(&there, structure, |_| true).map(|()| structure.clone()),
            // The files that are there say what they are themselves.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.as_files_are(path, structure)
            }
            Err(error) => Err(error),
        };
        let result = wanted.and_then(|wanted| {
            let target = self.target(&path.join(declared::PLATE_FILE)?)?;
            let text = declared::plate_text(&wanted, self.options.compression.as_str())?;
            crate::atomic::write_bytes(&target, &text, WriteMode::Overwrite)
        });
        self.forget(path);
        self.named(result.map_err(|error| error.with_path(path)))
    }

    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        let image = ImageStructure { path: path.clone(), ..image.clone() };
        image.check()?;
        let result = declared::image_file(path).and_then(|file| {
            let target = self.target(&file)?;
            self.check_free(path)?;
            let same =
                || Ok(declared::read_image(&self.root.join(&file))?.as_ref() == Some(&image));
            write::declare(&target, &declared::image_text(&image)?, same)
        });
        self.named(result)
    }

    fn finish_plate(&self, path: &VirtualPath) -> Result<()> {
        self.named(self.write_companion(path))
    }

    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        self.named(self.write_batch(planes))
    }

    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        self.named(self.read_file(path, range))
    }

    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        self.named(self.write_file(path, &data, mode))
    }

    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        self.named(self.make_folder(path))
    }

    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        self.named(self.delete_path(path, recursive))
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.named(self.rename_path(from, to))
    }

    fn invalidate(&self, path: &VirtualPath) {
        self.forget(path);
    }

    fn as_rois(&self) -> Option<&dyn RoiStore> {
        Some(self)
    }
}

impl fmt::Display for DiskBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk:{}", self.folder().display())
    }
}

impl fmt::Debug for DiskBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskBackend")
            .field("folder", &self.folder())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
