//! Virtual workspaces: a plate made of planes of other backends.
//!
//! A [`Mapping`] says which plane of which backend every plane of the plate is: several
//! plates as acquisitions of one, channels of two plates in one image, some wells only,
//! another order of axes. Nothing is copied, and the sources are never changed: what is
//! written goes into an **overlay**, another backend that is looked into first. What is
//! deleted of the mapped plate is hidden, and the inventory says so.
//!
//! The root of a workspace is its plate. Files, images and plates that were written beside
//! what is mapped are the overlay's and stand under their own paths. A workspace is saved
//! as a JSON file ([`Workspace::save`]) and opened again from it, by name too:
//! `polystore info week7.workspace.json`.
//!
//! One process writes into an overlay at a time. Another that has it open sees planes that
//! were written meanwhile once it was told to look again
//! ([`invalidate`](crate::VirtualBackend::invalidate)).

mod attached;
mod backend;
mod builder;
mod change;
mod draft;
mod entries;
mod file;
mod inventory;
mod locate;
mod mapping;
mod overlay;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::{
    cell::Cell,
    collections::HashMap,
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

pub use builder::{Placement, SourceId, WorkspaceBuilder};
pub use mapping::Mapping;

use self::{inventory::Ordinals, overlay::Overlay};
use crate::{
    BackendSpec, Error, ErrorKind, Result, VirtualBackend, VirtualPath, WriteMode, atomic,
    create_spec, model::PlateStructure, open_spec,
};

/// The end of the names by which files of workspaces are recognised.
pub const FILE_SUFFIX: &str = ".workspace.json";

/// Longest file of a workspace that is read.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Workspaces of workspaces: more than this are a circle.
const MAX_DEPTH: u32 = 8;

/// A plate made of planes of other backends, see the [module](self).
pub struct Workspace {
    mapping: Arc<Mapping>,
    overlay: Option<Overlay>,
    /// Where images are in the plates of sources.
    ordinals: RwLock<HashMap<(u32, VirtualPath), Arc<Ordinals>>>,
    saved: Option<Saved>,
}

/// The file that a workspace was saved to or opened from.
#[derive(Debug)]
struct Saved {
    path: PathBuf,
    /// The overlay that the file names.
    overlay: Option<BackendSpec>,
}

impl Workspace {
    /// A workspace over `mapping` that is only read.
    pub fn new(mapping: Mapping) -> Self {
        Self { mapping: Arc::new(mapping), overlay: None, ordinals: RwLock::default(), saved: None }
    }

    /// The same with what is written going into `backend`, and what it holds already over
    /// the sources.
    ///
    /// # Errors
    /// `InvalidInput` when the overlay was written over another plate, `InvalidData` when
    /// what it says of hidden planes is damaged; as the backend answers.
    pub fn with_overlay(mut self, backend: Arc<dyn VirtualBackend>) -> Result<Self> {
        self.overlay = Some(Overlay::open(backend, self.mapping.structure())?);
        Ok(self)
    }

    /// Opens the workspace that was saved to `path`, with its overlay.
    ///
    /// # Errors
    /// `NotFound`; `InvalidData` naming the place in the file when it is damaged;
    /// `Unsupported` for another version; as sources and overlay answer.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_file(path.as_ref(), None, open_spec)
    }

    /// Writes the workspace to the file at `path`, in one step: its mapping, how its
    /// sources are opened, and its overlay. Memory does not travel to other processes.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let folder = whole_folder(path)?;
        let overlay = self.overlay_spec();
        let text = file::to_text(&self.mapping, overlay.clone(), Some(&folder))?;
        atomic::write_bytes(path, text.as_bytes(), WriteMode::Overwrite)?;
        let path = folder.join(path.file_name().unwrap_or_default());
        self.saved = Some(Saved { path, overlay });
        Ok(())
    }

    /// Which plane comes from where.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The backend that is written into, if there is one.
    pub fn overlay(&self) -> Option<&Arc<dyn VirtualBackend>> {
        self.overlay.as_ref().map(|overlay| &overlay.backend)
    }

    fn overlay_spec(&self) -> Option<BackendSpec> {
        self.overlay().map(|backend| backend.spec())
    }

    fn open_file(path: &Path, overlay: Option<&str>, open: Open) -> Result<Self> {
        let folder = whole_folder(path)?;
        let path = folder.join(path.file_name().unwrap_or_default());
        let text = read_file(&path)?;
        let read = deeper(|| file::parse(&text, &path.display().to_string(), Some(&folder)))
            .map_err(|error| error.with_path(path.display()))?;
        let spec = match overlay {
            Some(option) => parse_overlay(option)?,
            None => read.overlay.clone(),
        };
        let mut workspace = Self::new(read.mapping).laid_over(spec.as_ref(), open)?;
        workspace.saved = Some(Saved { path, overlay: read.overlay });
        Ok(workspace)
    }

    fn laid_over(self, spec: Option<&BackendSpec>, open: Open) -> Result<Self> {
        match spec {
            Some(spec) => {
                let overlay = open(spec).map_err(|error| {
                    Error::new(error.kind(), format!("the overlay {spec} cannot be opened"))
                        .with_hint("make it again, or open the workspace without an overlay")
                        .with_source(error)
                })?;
                self.with_overlay(overlay)
            }
            None => Ok(self),
        }
    }

    /// A recipe that opens the same workspace: by its file, or with the mapping in it.
    fn own_spec(&self) -> BackendSpec {
        let overlay = self.overlay_spec();
        let Some(saved) = &self.saved else {
            // Plain data always has a text.
            let text = file::to_text(&self.mapping, overlay, None).unwrap_or_default();
            return BackendSpec::new("workspace", "").with_option("mapping", text);
        };
        let spec = BackendSpec::new("workspace", saved.path.display().to_string());
        if saved.overlay == overlay {
            return spec;
        }
        let option = overlay.and_then(|overlay| serde_json::to_string(&overlay).ok());
        spec.with_option("overlay", option.unwrap_or_default())
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.saved {
            Some(saved) => write!(f, "workspace:{}", saved.path.display()),
            None => write!(f, "workspace:{}", self.mapping.structure().name),
        }
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.mapping.sources.iter().map(ToString::to_string).collect();
        f.debug_struct("Workspace")
            .field("name", &self.to_string())
            .field("n_images", &self.mapping.structure().n_images())
            .field("sources", &sources)
            .field("overlay", &self.overlay().map(ToString::to_string))
            .finish_non_exhaustive()
    }
}

/// How an overlay is opened: it must be there, or is made.
type Open = fn(&BackendSpec) -> Result<Arc<dyn VirtualBackend>>;

/// Opens a `workspace:` spec: a file, or the mapping that the spec holds. The option
/// `overlay` names another overlay than the file (`disk:/scratch`, or a spec as JSON), or
/// none when it is empty.
pub(crate) fn open_from_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    open_with(spec, open_spec)
}

/// The same, and makes the place of the overlay where it is not there yet.
pub(crate) fn create_from_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    open_with(spec, create_spec)
}

fn open_with(spec: &BackendSpec, open: Open) -> Result<Arc<dyn VirtualBackend>> {
    let overlay = spec.options.get("overlay").map(String::as_str);
    let Some(text) = spec.options.get("mapping") else {
        let workspace = Workspace::open_file(Path::new(&spec.location), overlay, open)?;
        return Ok(Arc::new(workspace));
    };
    let read = deeper(|| file::parse(text.as_bytes(), "the mapping of the spec", None))?;
    let overlay = match overlay {
        Some(option) => parse_overlay(option)?,
        None => read.overlay,
    };
    Ok(Arc::new(Workspace::new(read.mapping).laid_over(overlay.as_ref(), open)?))
}

/// An overlay as an option names it; none when it is empty.
fn parse_overlay(option: &str) -> Result<Option<BackendSpec>> {
    if option.is_empty() {
        return Ok(None);
    }
    if option.starts_with('{') {
        return serde_json::from_str(option).map(Some).map_err(|error| {
            Error::invalid_input("option `overlay` is not the spec of a backend").with_source(error)
        });
    }
    let (scheme, location) = option.split_once(':').unwrap_or(("disk", option));
    Ok(Some(BackendSpec::new(scheme, location)))
}

/// Whether the file at `path` is that of a workspace, by its name and its beginning.
pub fn is_file(path: &Path) -> bool {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    if !is_json || !path.is_file() {
        return false;
    }
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
    read.is_ok() && file::is_workspace(&beginning)
}

/// Opens the sources of a workspace, unless it is one of workspaces in a circle.
fn deeper<T>(open: impl FnOnce() -> Result<T>) -> Result<T> {
    thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
    let depth = DEPTH.get();
    if depth >= MAX_DEPTH {
        let message = format!("workspaces of workspaces, more than {MAX_DEPTH} deep");
        return Err(Error::new(ErrorKind::LimitExceeded, message)
            .with_hint("a workspace cannot be a source of itself"));
    }
    DEPTH.set(depth + 1);
    let answer = open();
    DEPTH.set(depth);
    answer
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let fail = |error| Error::io(error, "read the workspace", path.display());
    let mut text = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(fail)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        let message = format!("is longer than the {MAX_FILE_BYTES} bytes of a workspace");
        return Err(Error::new(ErrorKind::LimitExceeded, message).with_path(path.display()));
    }
    Ok(text)
}

/// The folder of `path` without links, made if need be by whoever writes there.
fn whole_folder(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)
        .map_err(|error| Error::io(error, "find the folder of", path.display()))?;
    let folder = path.parent().ok_or_else(|| {
        Error::invalid_input("the root is not the file of a workspace").with_path(path.display())
    })?;
    Ok(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()))
}

/// Checks that no image is where the overlay keeps what belongs to the workspace.
fn check_paths(structure: &PlateStructure) -> Result<()> {
    let taken =
        structure.images().find(|(_, image)| image.path.parts().next() == Some(overlay::INTERNAL));
    match taken {
        Some((_, image)) => Err(locate::internal(&image.path)),
        None => Ok(()),
    }
}
