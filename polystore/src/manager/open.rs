//! Opens plates wherever they are.

use std::path::Path;

use super::{
    FileManager, Target,
    location::{self, Location},
};
use crate::{BackendSpec, Error, ErrorKind, Plate, Result, VirtualPath, open_spec, workspace};

/// How to open a plate.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The backend to use, whatever is found at the location.
    pub backend: Option<String>,
    /// The layout, by the name of its microscope reader; recognised when `None`.
    pub microscope: Option<String>,
    /// The layout by a regular expression; see [`Generic::from_pattern`](crate::microscope::Generic::from_pattern).
    pub pattern: Option<String>,
    /// The layout by a CSV; see [`Generic::from_csv`](crate::microscope::Generic::from_csv).
    pub csv: Option<std::path::PathBuf>,
    /// Memory-maps uncompressed planes; see [`DiskOptions::map`](crate::disk::DiskOptions::map).
    pub map: bool,
    /// Keeps the structure in the user's cache, and uses what is kept there.
    pub structure_cache: bool,
    /// Folders outside the plate's that links in it may lead to.
    pub links_to: Vec<std::path::PathBuf>,
    /// More settings of the backend, by the names of its spec.
    pub settings: std::collections::BTreeMap<String, String>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            backend: None,
            microscope: None,
            pattern: None,
            csv: None,
            map: false,
            structure_cache: true,
            links_to: Vec::new(),
            settings: std::collections::BTreeMap::new(),
        }
    }
}

impl OpenOptions {
    /// The spec with these options.
    pub(super) fn apply(&self, mut spec: BackendSpec) -> BackendSpec {
        if let Some(pattern) = self.pattern.as_ref().filter(|_| spec.scheme == "disk") {
            spec = spec.with_option("pattern", pattern);
        }
        if let Some(csv) = self.csv.as_ref().filter(|_| spec.scheme == "disk") {
            spec = spec.with_option("csv", csv.display().to_string());
        }
        if let Some(microscope) = self.microscope.as_ref().filter(|_| spec.scheme == "disk") {
            spec = spec.with_option("microscope", microscope);
        }
        if self.map && spec.scheme == "disk" {
            spec = spec.with_option("map", "true");
        }
        if !self.structure_cache && matches!(spec.scheme.as_str(), "disk" | "zarr") {
            spec = spec.with_option("cache", "");
        }
        if !self.links_to.is_empty() && spec.scheme == "disk" {
            let folders: Vec<_> =
                self.links_to.iter().map(|path| path.display().to_string()).collect();
            spec = spec.with_option("links_to", folders.join("\n"));
        }
        spec.options.extend(self.settings.clone());
        spec
    }
}

impl OpenOptions {
    /// Refuses a description of files for a place that has none.
    fn check_without_layout(&self, location: &str) -> Result<()> {
        if self.pattern.is_none() && self.csv.is_none() {
            return Ok(());
        }
        Err(Error::invalid_input("a pattern or a CSV describes files in a folder; this is none")
            .with_path(location)
            .with_hint("open it without them"))
    }

    /// Refuses a microscope for a place that says itself what layout it has, unless it is that.
    fn check_own_layout(&self, plate: &Plate, location: &str) -> Result<()> {
        let own = &plate.structure().microscope;
        match &self.microscope {
            Some(wanted) if wanted != own => Err(Error::invalid_input(format!(
                "a microscope says how to read files in a folder; this is none, and its layout is `{own}`"
            ))
            .with_path(location)
            .with_hint("open it without `--microscope`")),
            _ => Ok(()),
        }
    }
}

impl FileManager {
    /// Opens the plate at `location`.
    ///
    /// # Errors
    /// `NotFound`, `InvalidData` when what is there is not a plate; as the backend answers.
    pub fn open_plate(&self, location: &str) -> Result<Plate> {
        self.open_plate_with(location, &OpenOptions::default())
    }

    /// Opens the plate at `location` with settings.
    ///
    /// # Errors
    /// As [`FileManager::open_plate`].
    pub fn open_plate_with(&self, location: &str, options: &OpenOptions) -> Result<Plate> {
        let Target { backend, path } = match &options.backend {
            Some(scheme) => self.explicit(scheme, location, options)?,
            None => self.resolve_with(location, options)?,
        };
        if backend.spec().scheme != "disk" || backend.spec().location != "/" {
            options.check_without_layout(location)?;
            let plate =
                Plate::open(backend, path).map_err(|error| self.explain(error, location))?;
            options.check_own_layout(&plate, location)?;
            return Ok(plate);
        }
        // A plate on disk gets a backend of its own, so that links cannot leave it.
        let folder = location::absolute(path.as_str())?;
        if options.backend.is_none() && workspace::is_file(&folder) {
            let Target { backend, path } =
                location::resolve_workspace(&folder, Path::new(""), options)?;
            options.check_without_layout(location)?;
            let plate = Plate::open(backend, path)?;
            options.check_own_layout(&plate, location)?;
            return Ok(plate);
        }
        if folder.is_file() {
            return Err(not_a_folder(location));
        }
        let spec = options.apply(BackendSpec::new("disk", location::text(&folder)?));
        let backend = open_spec(&spec).map_err(|error| self.explain(error, location))?;
        Plate::open(backend, VirtualPath::root()).map_err(|error| self.explain(error, location))
    }

    /// Reads `location` with the backend called `scheme`, whatever is found there.
    fn explicit(&self, scheme: &str, location: &str, options: &OpenOptions) -> Result<Target> {
        let rest = location.strip_prefix(&format!("{scheme}:")).unwrap_or(location);
        self.resolve_with(&format!("{scheme}:{rest}"), options)
    }

    /// Says more about a plate that is not there.
    fn explain(&self, error: Error, location: &str) -> Error {
        let is_there = location::absolute(location).is_ok_and(|path| path.exists());
        if error.kind() == ErrorKind::NotFound && error.hint().is_none() && !is_there {
            let here = std::env::current_dir().unwrap_or_default();
            // In full: the backend's place may not be where relative paths start.
            let full = location.parse::<Location>().and_then(|at| location::absolute(&at.rest));
            let full = full.map_or_else(|_| location.to_owned(), |at| at.display().to_string());
            return error.with_outer_path(full).with_hint(format!(
                "check the spelling; relative paths start from {}",
                here.display()
            ));
        }
        error
    }
}

fn not_a_folder(location: &str) -> Error {
    Error::invalid_input("is a file; a plate is a folder, a zarr store or the file of a workspace")
        .with_path(location)
        .with_hint(
            "name the folder that the plate's files are in; a single image is copied, into \
             another kind of file too, by `polystore cp`",
        )
}
