//! Where results go.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use polystore::{
    ErrorKind, VirtualBackend, VirtualBackendExt, VirtualPath, WellPosition, WriteMode,
    atomic::Held,
    bytes::Bytes,
    convert::TargetLayout,
    disk::{DiskBackend, Writing},
    zarr::{ZarrBackend, ZarrOptions},
};

use crate::Result;

/// Where results go. Below the root:
///
/// | path | what |
/// | --- | --- |
/// | `report.html` | the results on one page, for people |
/// | `results/plate.csv`, `.json` | a row per well and acquisition |
/// | `results/TABLE/A01.csv`, `.json` | a row per object of one well |
/// | `images/NAME.zarr` | images and labels that steps save, as a plate |
/// | `rois/NAME/A01_s001.roi.zip` | outlines, for ImageJ |
/// | `plots/heatmap-COLUMN.svg`, `.png` | heatmaps of the plate; `-a001` and so on at the end, one for each acquisition, where there are several |
/// | `run.json` | what was done, from what, by what |
/// | `units/A01/A01_s001.json` | what was done for one field; what a rerun goes by |
///
/// Each file appears whole or not at all. Cloning is O(1).
#[derive(Clone)]
pub struct ResultStore {
    files: Arc<dyn VirtualBackend>,
    root: VirtualPath,
    images: Arc<OpenImages>,
    /// Where it is on this computer.
    folder: Option<PathBuf>,
}

/// Opens the place for images that are saved under a name, making it where it is not there.
type OpenImages = dyn Fn(&str) -> polystore::Result<ImagePlace> + Send + Sync;

/// Where a plate of images goes.
#[derive(Clone, Debug)]
pub struct ImagePlace {
    /// The backend.
    pub backend: Arc<dyn VirtualBackend>,
    /// The plate's path in it.
    pub path: VirtualPath,
    /// How images are named below it.
    pub layout: TargetLayout,
}

impl ResultStore {
    /// Everything below `root` of one backend, images one file or entry per plane.
    pub fn in_backend(backend: Arc<dyn VirtualBackend>, root: VirtualPath) -> Self {
        let (images, below) = (Arc::clone(&backend), root.clone());
        Self::new(backend, root).with_images(move |name| {
            let path = below.join("images")?.join(name)?;
            Ok(ImagePlace { backend: Arc::clone(&images), path, layout: TargetLayout::Planes })
        })
    }

    /// Everything in the folder at `path` of this computer, which is made if it is not there;
    /// images as OME-Zarr plates, `images/NAME.zarr`.
    ///
    /// # Errors
    /// As the file system answers; `PermissionDenied` inside a microscope's plate.
    pub fn on_disk(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        polystore::disk::refuse_source(path, Writing::Results)?;
        check_folder(path)?;
        std::fs::create_dir_all(path).map_err(|error| {
            polystore::Error::io(error, "create the folder for results", path.display())
        })?;
        let files = Arc::new(DiskBackend::open(path)?);
        let folder = path.join("images");
        let mut store = Self::new(files, VirtualPath::root()).with_images(move |name| {
            let place = folder.join(format!("{name}.zarr"));
            let backend = Arc::new(ZarrBackend::create(&place, ZarrOptions::default())?);
            Ok(ImagePlace { backend, path: VirtualPath::root(), layout: TargetLayout::Zarr })
        });
        store.folder = Some(path.to_owned());
        Ok(store)
    }

    /// Files below `root` of `files`; images have no place yet.
    fn new(files: Arc<dyn VirtualBackend>, root: VirtualPath) -> Self {
        let nowhere = |name: &str| {
            Err(polystore::Error::unsupported(format!("there is no place for the images `{name}`")))
        };
        Self { files, root, images: Arc::new(nowhere), folder: None }
    }

    /// The same with images where `open` says, by the name that they are saved under.
    #[must_use]
    pub fn with_images(
        mut self,
        open: impl Fn(&str) -> polystore::Result<ImagePlace> + Send + Sync + 'static,
    ) -> Self {
        self.images = Arc::new(open);
        self
    }

    /// Keeps other runs out as long as what is given lives.
    ///
    /// # Errors
    /// `Conflict` when another run is writing here.
    pub(crate) fn hold(&self) -> Result<Held> {
        match &self.folder {
            Some(folder) => Ok(Held::folder(folder, "run")?),
            None => Ok(Held::nothing()),
        }
    }

    /// The backend that files go to.
    pub fn files(&self) -> &Arc<dyn VirtualBackend> {
        &self.files
    }

    /// Where they go in it.
    pub fn root(&self) -> &VirtualPath {
        &self.root
    }

    /// The place of the images that are saved under `name`.
    ///
    /// # Errors
    /// As the backend is opened or made.
    pub fn image_place(&self, name: &str) -> Result<ImagePlace> {
        Ok((self.images)(name)?)
    }

    pub(crate) fn path(&self, below: &str) -> Result<VirtualPath> {
        Ok(self.root.join(below)?)
    }

    pub(crate) fn record_path(well: WellPosition, unit: &str) -> String {
        format!("units/{well}/{unit}.json")
    }

    /// The file at `below`, or `None` when it is not there.
    pub(crate) fn read(&self, below: &str) -> Result<Option<Bytes>> {
        match self.files.read_blob(&self.path(below)?, None) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the file at `below` in one step. Says whether that changed it.
    pub(crate) fn write(&self, below: &str, content: Vec<u8>) -> Result<bool> {
        if self.read(below)?.is_some_and(|old| old == content) {
            return Ok(false);
        }
        self.files.write_blob(&self.path(below)?, Bytes::from(content), WriteMode::Overwrite)?;
        Ok(true)
    }

    pub(crate) fn exists(&self, below: &str) -> Result<bool> {
        Ok(self.files.exists(&self.path(below)?)?)
    }

    /// Deletes what is at `below`, if it is there.
    pub(crate) fn remove(&self, below: &str) -> Result<()> {
        match self.files.delete(&self.path(below)?, true) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks that `path` is a folder, or can be made one.
fn check_folder(path: &Path) -> polystore::Result<()> {
    for above in path.ancestors().filter(|above| !above.as_os_str().is_empty()) {
        let message = match (std::fs::symlink_metadata(above), std::fs::metadata(above)) {
            (_, Ok(metadata)) if metadata.is_dir() => return Ok(()),
            (_, Ok(_)) => "is a file, and results go into a folder".to_owned(),
            (Ok(link), Err(_)) if link.is_symlink() => {
                let target = std::fs::read_link(above).unwrap_or_default();
                format!("is a link to {}, which is not there", target.display())
            }
            // What else is wrong is told when the folder is made.
            (Ok(_), Err(_)) => return Ok(()),
            (Err(_), Err(_)) => continue,
        };
        return Err(polystore::Error::new(ErrorKind::AlreadyExists, message)
            .with_path(above.display())
            .with_hint("name a folder for the results that is empty or not there yet (`-o`)"));
    }
    Ok(())
}

impl fmt::Debug for ResultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultStore")
            .field("files", &self.files.to_string())
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
