//! Lists with patterns, endings and recursion, in natural order.

use std::{cmp::Ordering, collections::VecDeque, path::PathBuf, sync::Arc};

use globset::{GlobBuilder, GlobMatcher};

use super::{
    FileManager, Target,
    unlisted::{self, Unlisted},
};
use crate::{
    Entry, EntryKind, Error, PlaneIndex, Result, VirtualBackend, VirtualBackendExt, VirtualPath,
    model::{PlaneState, PlateIndex},
    natural,
};

/// Which entries of a folder to list.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// A glob for the name (`A01_*_w1.*`, case matters); all names when `None`.
    pub pattern: Option<String>,
    /// Endings without the dot, without case, double ones too (`roi.zip`); all when empty.
    pub extensions: Vec<String>,
    /// Looks into folders below.
    pub recursive: bool,
    /// What kinds of entries.
    pub kinds: EntryFilter,
}

/// Which kinds of entries to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryFilter {
    /// Files and images, no folders.
    #[default]
    Files,
    /// Folders only.
    Directories,
    /// Everything.
    All,
}

impl ListOptions {
    /// Entries whose name matches `pattern`.
    pub fn matching(pattern: impl Into<String>) -> Self {
        Self { pattern: Some(pattern.into()), ..Self::default() }
    }

    /// Entries with one of these endings.
    #[must_use]
    pub fn with_extensions(mut self, extensions: &[&str]) -> Self {
        self.extensions = extensions.iter().map(|&extension| extension.to_owned()).collect();
        self
    }

    /// The same in folders below as well.
    #[must_use]
    pub fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    fn matcher(&self) -> Result<Option<GlobMatcher>> {
        let Some(pattern) = &self.pattern else { return Ok(None) };
        let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| {
            Error::invalid_input(format!("pattern `{pattern}` is malformed"))
                .with_hint("it is a glob: * any text, ? one character, [abc] one of, {a,b} either")
                .with_source(error)
        })?;
        Ok(Some(glob.compile_matcher()))
    }

    fn accepts(&self, entry: &Entry, matcher: Option<&GlobMatcher>) -> bool {
        let is_folder = entry.kind == EntryKind::Directory;
        let kind = match self.kinds {
            EntryFilter::Files => !is_folder,
            EntryFilter::Directories => is_folder,
            EntryFilter::All => true,
        };
        kind && self.accepts_name(&entry.path, matcher)
    }

    fn accepts_unlisted(&self, found: &Unlisted, matcher: Option<&GlobMatcher>) -> bool {
        let kind = match self.kinds {
            EntryFilter::Files => !found.is_folder,
            EntryFilter::Directories => found.is_folder,
            EntryFilter::All => true,
        };
        let ending = |end: &String| {
            let stem = found.name.to_ascii_lowercase();
            stem.ends_with(&format!(".{}", end.trim_start_matches('.').to_ascii_lowercase()))
        };
        kind && (self.extensions.is_empty() || self.extensions.iter().any(ending))
            && matcher.is_none_or(|glob| glob.is_match(&found.name))
    }

    fn accepts_name(&self, path: &VirtualPath, matcher: Option<&GlobMatcher>) -> bool {
        let ending = self.extensions.is_empty()
            || self.extensions.iter().any(|extension| path.has_extension(extension));
        ending && matcher.is_none_or(|glob| glob.is_match(path.name().unwrap_or("")))
    }
}

/// All that is in a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// What [`FileManager::list`] lists, each folder before what is in it.
    pub entries: Vec<Entry>,
    /// What has no path that could be asked for.
    pub unlisted: Vec<Unlisted>,
    /// Why folders below could not be listed.
    pub failures: Vec<Error>,
}

impl FileManager {
    /// What is in the folder at `location`, in natural order; with recursion, each folder
    /// before what is in it.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when it is not a folder or the pattern is malformed.
    pub fn list(&self, location: &str, options: &ListOptions) -> Result<Vec<Entry>> {
        let matcher = options.matcher()?;
        let Target { backend, path } = self.resolve(location)?;
        let entries = if options.recursive { backend.walk(&path)? } else { backend.list(&path)? };
        Ok(entries.into_iter().filter(|entry| options.accepts(entry, matcher.as_ref())).collect())
    }

    /// [`FileManager::list`] with what it leaves out: names that are no paths, links that lead
    /// nowhere, and folders below that could not be listed.
    ///
    /// # Errors
    /// As [`FileManager::list`], for the folder at `location` itself.
    pub fn survey(&self, location: &str, options: &ListOptions) -> Result<Listing> {
        let matcher = options.matcher()?;
        let target = self.resolve(location)?;
        let mut listing = Listing::default();
        let mut pending = vec![target.path.clone()];
        while let Some(folder) = pending.pop() {
            let entries = match target.backend.list(&folder) {
                Ok(entries) => entries,
                Err(error) if folder == target.path => return Err(error),
                Err(error) => {
                    listing.failures.push(error);
                    continue;
                }
            };
            let at = Target { backend: Arc::clone(&target.backend), path: folder.clone() };
            let unlisted = folder_of(&at).map(|path| unlisted::look(&path)).unwrap_or_default();
            listing.unlisted.extend(
                unlisted
                    .into_iter()
                    .map(|found| Unlisted { folder: folder.clone(), ..found })
                    .filter(|found| options.accepts_unlisted(found, matcher.as_ref())),
            );
            if options.recursive {
                let folders = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
                pending.extend(folders.map(|entry| entry.path.clone()));
            }
            listing.entries.extend(
                entries.into_iter().filter(|entry| options.accepts(entry, matcher.as_ref())),
            );
        }
        listing.entries.sort_by(|a, b| by_folder(a.path.as_str(), b.path.as_str()));
        Ok(listing)
    }

    /// The image files and images in the folder at `location`, by their endings unless
    /// `options` names others.
    ///
    /// # Errors
    /// As [`FileManager::list`].
    pub fn list_images(&self, location: &str, options: &ListOptions) -> Result<Vec<Entry>> {
        let entries = self.list(location, options)?;
        let by_default = options.extensions.is_empty();
        let is_image = |entry: &Entry| {
            entry.kind == EntryKind::Image
                || crate::disk::image_extensions()
                    .iter()
                    .any(|extension| entry.path.has_extension(extension))
        };
        Ok(entries.into_iter().filter(|entry| !by_default || is_image(entry)).collect())
    }

    /// The present planes of the plate (or of the well or image in it) at `location`, named
    /// by the plate's own scheme with `extension`, in plate order. Each is readable as
    /// location and name say.
    ///
    /// # Errors
    /// `NotFound` with the nearest name for a well or image that the plate does not have;
    /// `InvalidData` when it is not a plate, or a folder that is no part of the one above; `InvalidInput` when the scheme cannot name a
    /// plane, or the pattern is malformed.
    pub fn list_planes(
        &self,
        location: &str,
        extension: &str,
        options: &ListOptions,
    ) -> Result<Vec<VirtualPath>> {
        let matcher = options.matcher()?;
        let Target { backend, path } = self.resolve(location)?;
        let (plate, below) = crate::plate::plate_above(&*backend, &path)?;
        let inventory = backend.inventory(&plate)?;
        let index = PlateIndex::new(backend.plate(&plate)?);
        let scheme = index.structure().naming_scheme()?;
        if !below.is_root()
            && !index.declares(&below)
            && index.resolve(&below, PlaneIndex::default()).is_none()
        {
            return Err(not_of_plate(&*backend, &path, &below, &index));
        }
        let mut names = Vec::new();
        for (ordinal, (well, image)) in index.structure().images().enumerate() {
            if !image.path.starts_with(&below) {
                continue;
            }
            let folder = plate.append(&image.path).parent().unwrap_or_else(VirtualPath::root);
            for plane in image.sizes.indices() {
                if inventory.state(ordinal, plane) != PlaneState::Present {
                    continue;
                }
                let name = index.structure().plane_name(well, image, plane);
                let name = scheme.generate(&name, extension).ok_or_else(|| {
                    Error::invalid_input(format!("{scheme:?} has no name for plane {plane}"))
                        .with_path(&image.path)
                })?;
                names.push(folder.join(&name)?);
            }
        }
        names.retain(|name| options.accepts_name(name, matcher.as_ref()));
        Ok(names)
    }

    /// The first file called `name` at or below the folder at `location`, nearest first.
    ///
    /// # Errors
    /// `NotFound` with the nearest name when there is none.
    pub fn find(&self, location: &str, name: &str) -> Result<Entry> {
        let Target { backend, path } = self.resolve(location)?;
        let mut pending = VecDeque::from([path.clone()]);
        let mut seen = Vec::new();
        while let Some(folder) = pending.pop_front() {
            for entry in backend.list(&folder)? {
                if entry.path.name() == Some(name) {
                    return Ok(entry);
                }
                match entry.kind {
                    EntryKind::Directory => pending.push_back(entry.path),
                    _ => seen.extend(entry.path.name().map(str::to_owned)),
                }
            }
        }
        let known: Vec<&str> = seen.iter().map(String::as_str).collect();
        let near = crate::suggest::nearest(name, &known);
        let error = Error::not_found(format!("no file below is called `{name}`")).with_path(path);
        Err(match near.first() {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// Folders and files below `location`, breadth first, each list in natural order.
    ///
    /// # Errors
    /// As [`FileManager::list`].
    pub fn collect(&self, location: &str) -> Result<(Vec<Entry>, Vec<Entry>)> {
        let options = ListOptions { kinds: EntryFilter::All, ..Default::default() }.recursive();
        let depth = |entry: &Entry| entry.path.parts().count();
        let mut entries = self.list(location, &options)?;
        entries.sort_by(|a, b| {
            depth(a).cmp(&depth(b)).then_with(|| natural::compare(a.path.as_str(), b.path.as_str()))
        });
        Ok(entries.into_iter().partition(|entry| entry.kind == EntryKind::Directory))
    }
}

/// The order of a listing: a folder before what is in it, names in natural order.
fn by_folder(a: &str, b: &str) -> Ordering {
    let (mut one, mut other) = (a.split('/'), b.split('/'));
    loop {
        return match (one.next(), other.next()) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => natural::compare(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
    }
}

/// Where a folder of a backend is in the local file system.
fn folder_of(target: &Target) -> Option<PathBuf> {
    let spec = target.backend.spec();
    let is_local = matches!(spec.scheme.as_str(), "disk" | "zarr") && spec.layers.is_empty();
    let folder = PathBuf::from(spec.location).join(target.path.relative());
    (is_local && folder.is_dir()).then_some(folder)
}

/// The error of a path `below` a plate that is nothing of the plate.
fn not_of_plate(
    backend: &dyn VirtualBackend,
    path: &VirtualPath,
    below: &VirtualPath,
    index: &PlateIndex,
) -> Error {
    if backend.stat(path).is_ok() {
        return Error::invalid_data("is no plate, and no part of the plate that it lies in")
            .with_path(path)
            .with_hint("`polystore ls` without --planes lists what is in it");
    }
    // The first part of the path that is not there, against what is in its place.
    let mut folder = VirtualPath::root();
    let mut wanted = "";
    for part in below.parts() {
        wanted = part;
        match folder.join(part) {
            Ok(next) if index.declares(&next) => folder = next,
            _ => break,
        }
    }
    let known = index.below(&folder).unwrap_or_default();
    let known: Vec<&str> = known.iter().filter_map(|below| below.path.name()).collect();
    Error::not_found("the plate has no such well, image or plane")
        .with_path(path)
        .with_hint(crate::suggest::hint(wanted, &known))
}
