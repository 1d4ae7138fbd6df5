//! Plates that were opened: read once, shared, forgotten when told so.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use bytes::Bytes;

use super::{
    DiskOptions, declared,
    headers::HeaderCache,
    root::{self, Root},
    walk::{self, Listing},
};
use crate::{
    Error, ErrorKind, Result, VirtualPath,
    microscope::{self, FolderFiles, ImageFileInfo, PlateFolder},
    model::{DeclaredPlate, Inventory, PlateIndex, PlateStructure, SourceMap},
    structure_cache::Dependencies,
};

/// An opened plate.
#[derive(Debug)]
pub(crate) enum OpenPlate {
    /// A vendor's plate: files that are only ever read.
    Source { index: PlateIndex, inventory: Arc<Inventory>, sources: SourceMap },
    /// A plate of our own: declared in a file of its own, planes written by name.
    Own { index: PlateIndex },
}

impl OpenPlate {
    pub(crate) fn index(&self) -> &PlateIndex {
        match self {
            Self::Source { index, .. } | Self::Own { index } => index,
        }
    }

    pub(crate) fn structure(&self) -> &Arc<PlateStructure> {
        self.index().structure()
    }
}

/// The opened plates of a backend by path.
#[derive(Debug, Default)]
pub(crate) struct Plates(RwLock<HashMap<VirtualPath, Arc<OpenPlate>>>);

impl Plates {
    /// The plate at `path`, opened at the first call.
    pub(crate) fn open(
        &self,
        path: &VirtualPath,
        root: &Root,
        headers: &HeaderCache,
        options: &DiskOptions,
    ) -> Result<Arc<OpenPlate>> {
        if let Some(plate) = self.get(path) {
            return Ok(plate);
        }
        let plate = Arc::new(read(path, root, headers, options)?);
        let mut plates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(plates.entry(path.clone()).or_insert(plate)))
    }

    fn get(&self, path: &VirtualPath) -> Option<Arc<OpenPlate>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// The innermost opened plate at or above `path`, and `path` relative to it.
    pub(crate) fn above(&self, path: &VirtualPath) -> Option<(VirtualPath, Arc<OpenPlate>)> {
        let plates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if plates.is_empty() {
            return None;
        }
        path.ancestors().find_map(|above| {
            let plate = plates.get(&above)?;
            Some((path.strip_prefix(&above)?, Arc::clone(plate)))
        })
    }

    /// Forgets the plates at and below `path`, and those that it is part of.
    pub(crate) fn forget(&self, path: &VirtualPath) {
        let mut plates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        plates.retain(|plate, _| !plate.starts_with(path) && !path.starts_with(plate));
    }
}

/// Reads the plate at `path`: our own declaration, the cache, or the vendor's files.
fn read(
    path: &VirtualPath,
    root: &Root,
    headers: &HeaderCache,
    options: &DiskOptions,
) -> Result<OpenPlate> {
    let folder = root.existing(path)?;
    if !folder.is_dir() {
        return Err(Error::invalid_data("is a file, not the folder of a plate").with_path(path));
    }
    if let Some(structure) = declared::read_plate(&folder)? {
        return Ok(OpenPlate::Own { index: PlateIndex::new(Arc::new(structure)) });
    }
    let key = cache_key(&folder, root, options);
    let cached = options.cache.as_ref().and_then(|cache| cache.load::<DeclaredPlate>(&key));
    let plate = match cached {
        Some(plate) => plate,
        None => read_source(&folder, root, headers, options, &key).map_err(|error| {
            let inner = error.path().map(|file| folder.join(file)).filter(|file| file.exists());
            error.with_outer_path(inner.as_ref().unwrap_or(&folder).display())
        })?,
    };
    Ok(OpenPlate::Source {
        index: PlateIndex::new(Arc::new(plate.structure)),
        inventory: Arc::new(plate.inventory),
        sources: plate.sources,
    })
}

fn cache_key(folder: &Path, root: &Root, options: &DiskOptions) -> String {
    let described = options.layout.as_ref().map(|layout| layout.key());
    let layout = (options.microscope.as_deref(), described);
    // Quoted, so that no two settings make one key.
    format!("disk|{folder:?}|{layout:?}|{:?}", root.links_to())
}

fn read_source(
    folder: &Path,
    root: &Root,
    headers: &HeaderCache,
    options: &DiskOptions,
    key: &str,
) -> Result<DeclaredPlate> {
    let listing = walk::walk(root, folder)?;
    let name = root::folder_name(folder);
    let files = Files { folder, headers, used: Mutex::default() };
    let seen = PlateFolder::new(&name, &listing.files, &listing.notes, &files)
        .with_passed_over(&listing.passed_over);
    let plate = match &options.layout {
        Some(layout) => microscope::read_plate_with(&seen, &**layout)?,
        None => microscope::read_plate(&seen, options.microscope.as_deref())?,
    };
    if let Some(cache) = &options.cache {
        let stored = files
            .dependencies(&listing)
            .and_then(|dependencies| cache.store(key, &dependencies, &plate));
        if let Err(error) = stored {
            tracing::debug!(error = %error.chain(), "structure was not cached");
        }
    }
    Ok(plate)
}

/// The files of a folder, and which of them were looked into.
struct Files<'a> {
    folder: &'a Path,
    headers: &'a HeaderCache,
    used: Mutex<Vec<String>>,
}

impl Files<'_> {
    fn note_use(&self, file: &str) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(file.to_owned());
    }

    /// What the plate's structure was made from: the folders listed, the files opened.
    fn dependencies(&self, listing: &Listing) -> Result<Dependencies> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let relative = |folder: &'_ PathBuf| {
            let name = folder.strip_prefix(self.folder).unwrap_or(folder).to_str();
            name.map(str::to_owned).ok_or_else(|| {
                Error::unsupported("a folder's name is not UTF-8").with_path(folder.display())
            })
        };
        let folders = listing.folders.iter().map(relative).collect::<Result<Vec<_>>>()?;
        Dependencies::of(self.folder, folders.iter().chain(used.iter()).map(String::as_str))
    }
}

impl FolderFiles for Files<'_> {
    fn read(&self, file: &str, max_bytes: u64) -> Result<Bytes> {
        self.note_use(file);
        let path = self.folder.join(file);
        let n_bytes = std::fs::metadata(&path)
            .map_err(|error| Error::io(error, "read", path.display()))?
            .len();
        if n_bytes > max_bytes {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("metadata file of {n_bytes} bytes is longer than the {max_bytes} read"),
            )
            .with_path(path.display()));
        }
        let content =
            std::fs::read(&path).map_err(|error| Error::io(error, "read", path.display()))?;
        Ok(content.into())
    }

    fn describe(&self, file: &str) -> Result<ImageFileInfo> {
        self.note_use(file);
        let (_, header) = self.headers.open(&self.folder.join(file))?;
        Ok(header.info().clone())
    }
}
