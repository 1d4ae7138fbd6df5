//! From virtual paths to files below the backend's root, links included.

use std::path::{Component, Path, PathBuf};

use crate::{Error, ErrorKind, Result, VirtualPath};

/// The folder that a backend serves, and the folders that links may lead to.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    folder: PathBuf,
    /// Canonical; links must end in the root or in one of these.
    allowed: Vec<PathBuf>,
}

impl Root {
    /// Serves `folder`, which must exist.
    ///
    /// # Errors
    /// `NotFound`, or `InvalidInput` when it is not a folder or not UTF-8.
    pub(crate) fn open(folder: &Path, links_to: &[PathBuf]) -> Result<Self> {
        let canonical = |path: &Path| {
            path.canonicalize().map_err(|error| Error::io(error, "open", path.display()))
        };
        let folder = canonical(folder)?;
        if !folder.is_dir() {
            return Err(Error::invalid_input("is not a folder").with_path(folder.display()));
        }
        let mut allowed = vec![folder.clone()];
        for path in links_to {
            allowed.push(canonical(path)?);
        }
        Ok(Self { folder, allowed })
    }

    /// The folder itself, canonical.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folders outside the root that links may lead to.
    pub(crate) fn links_to(&self) -> &[PathBuf] {
        &self.allowed[1..]
    }

    /// Where `path` is, links not followed. Only for messages and for names that
    /// [`Root::existing`] or [`Root::writable`] has checked.
    pub(crate) fn join(&self, path: &VirtualPath) -> PathBuf {
        self.folder.join(path.relative())
    }

    /// The existing file or folder at `path`, links followed.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied` when a link leads outside.
    pub(crate) fn existing(&self, path: &VirtualPath) -> Result<PathBuf> {
        let joined = self.join(path);
        // Nothing above the root can be escaped to.
        if self.folder == Path::new("/") {
            return match std::fs::metadata(&joined) {
                Ok(_) => Ok(joined),
                Err(error) => Err(cannot_open(error, path)),
            };
        }
        let canonical = joined.canonicalize().map_err(|error| cannot_open(error, path))?;
        self.check(path, &canonical)?;
        Ok(canonical)
    }

    /// Where a file may be written as `path`: its nearest existing folder lies inside.
    ///
    /// # Errors
    /// `PermissionDenied` when a link leads outside the root; a link is never written through
    /// to a place outside, even an allowed one.
    pub(crate) fn writable(&self, path: &VirtualPath) -> Result<PathBuf> {
        let joined = self.join(path);
        let parent = path.parent().unwrap_or_else(VirtualPath::root);
        for above in parent.ancestors() {
            match self.join(&above).canonicalize() {
                Ok(canonical) if canonical.starts_with(&self.folder) => break,
                Ok(canonical) => return Err(leaves(path, &canonical, &self.folder)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                    return Err(in_the_way(path));
                }
                Err(error) => return Err(Error::io(error, "open", path)),
            }
        }
        if parent_is_file(&self.join(&parent)) {
            return Err(in_the_way(path));
        }
        Ok(joined)
    }

    fn check(&self, path: &VirtualPath, canonical: &Path) -> Result<()> {
        if self.allowed.iter().any(|folder| canonical.starts_with(folder)) {
            return Ok(());
        }
        Err(leaves(path, canonical, &self.folder))
    }

    /// Whether a canonical path is inside the root or an allowed folder.
    pub(crate) fn allows(&self, canonical: &Path) -> bool {
        self.allowed.iter().any(|folder| canonical.starts_with(folder))
    }
}

/// A path below a file names nothing, as any other that is not there.
fn cannot_open(error: std::io::Error, path: &VirtualPath) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotADirectory => {
            Error::not_found("a file is in the way").with_path(path).with_source(error)
        }
        _ => Error::io(error, "open", path),
    }
}

fn in_the_way(path: &VirtualPath) -> Error {
    Error::new(ErrorKind::AlreadyExists, "a file is in the way of a folder").with_path(path)
}

fn parent_is_file(parent: &Path) -> bool {
    std::fs::metadata(parent).is_ok_and(|metadata| !metadata.is_dir())
}

fn leaves(path: &VirtualPath, target: &Path, folder: &Path) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        format!("link leads to {}, outside {}", target.display(), folder.display()),
    )
    .with_path(path)
    .with_hint("allow the folder that links lead to, or open the target itself")
}

/// The folder's own name; `plate` for the root of the file system.
pub(crate) fn folder_name(folder: &Path) -> String {
    let last = folder.components().next_back();
    match last {
        Some(Component::Normal(name)) => name.to_string_lossy().into_owned(),
        _ => "plate".to_owned(),
    }
}
