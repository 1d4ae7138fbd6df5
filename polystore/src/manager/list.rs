//! Lists with patterns, endings and recursion, in natural order.

use std::collections::VecDeque;

use globset::{GlobBuilder, GlobMatcher};

use super::{FileManager, Target};
use crate::{
    Entry, EntryKind, Error, Result, VirtualBackendExt, VirtualPath,
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

    fn accepts_name(&self, path: &VirtualPath, matcher: Option<&GlobMatcher>) -> bool {
        let ending = self.extensions.is_empty()
            || self.extensions.iter().any(|extension| path.has_extension(extension));
        ending && matcher.is_none_or(|glob| glob.is_match(path.name().unwrap_or("")))
    }
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
    /// `InvalidData` when it is not a plate; `InvalidInput` when the scheme cannot name a
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
