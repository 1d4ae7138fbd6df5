//! What a location says, and which backend answers for it.

use std::{
    path::{Component, Path, PathBuf},
    str::FromStr,
    sync::{Arc, OnceLock},
};

use super::{FileManager, OpenOptions};
use crate::{
    BackendSpec, Error, Result, VirtualBackend, VirtualPath, disk::zarr_root, open_spec, workspace,
};

/// A location as it was written: the backend it names, if it names one, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// `memory`, `disk`, `zarr`, ...; `None` when the backend is to be found out.
    pub scheme: Option<String>,
    /// What follows the scheme.
    pub rest: String,
}

impl FromStr for Location {
    type Err = Error;

    /// `scheme:rest` when the part before the colon is a word of at least two letters, so
    /// that Windows drives and file names with colons stay paths.
    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid_input("the location is empty"));
        }
        let named = text.split_once(':').filter(|(scheme, _)| {
            scheme.len() >= 2
                && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if let Some((scheme, "")) = named
            && scheme != "memory"
        {
            return Err(Error::invalid_input(format!("`{scheme}:` names no place"))
                .with_hint(format!("say where: {scheme}:/data/plate, or `{scheme}:.` for here")));
        }
        Ok(match named {
            Some((scheme, rest)) => Self { scheme: Some(scheme.to_owned()), rest: rest.to_owned() },
            None => Self { scheme: None, rest: text.to_owned() },
        })
    }
}

/// A backend and a path in it.
#[derive(Clone, Debug)]
pub struct Target {
    /// What answers.
    pub backend: Arc<dyn VirtualBackend>,
    /// Where in it.
    pub path: VirtualPath,
}

impl FileManager {
    /// The backend that answers for `location`, and the path in it.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed location, `Unsupported` for a backend that is not
    /// known; as the backend answers when it is opened.
    pub fn resolve(&self, location: &str) -> Result<Target> {
        self.resolve_with(location, &OpenOptions::default())
    }

    pub(super) fn resolve_with(&self, location: &str, options: &OpenOptions) -> Result<Target> {
        let parsed: Location = location.parse()?;
        match parsed.scheme.as_deref() {
            None => self.resolve_path(&parsed.rest, options),
            Some("memory") => resolve_memory(&parsed.rest),
            Some("disk") => resolve_disk(&absolute(&parsed.rest)?),
            Some("file") => {
                let path = parsed.rest.strip_prefix("//").unwrap_or(&parsed.rest);
                self.resolve_path(path, options)
            }
            Some("workspace") => {
                let path = absolute(&parsed.rest)?;
                let (file, below) =
                    workspace_file(&path, Path::is_file).unwrap_or((path, PathBuf::new()));
                resolve_workspace(&file, &below, options)
            }
            Some(scheme) => {
                let path = absolute(&parsed.rest)?;
                let (store, below) = split_store(&path);
                let spec = BackendSpec::new(scheme, text(&store)?);
                Ok(Target { backend: open_spec(&options.apply(spec))?, path: below })
            }
        }
    }

    fn resolve_path(&self, path: &str, options: &OpenOptions) -> Result<Target> {
        if let Ok(virtual_path) = VirtualPath::parse(path)
            && path.starts_with('/')
            && let Some(target) = self.mounted(&virtual_path)
        {
            return Ok(target);
        }
        let path = absolute(path)?;
        // The file of a workspace itself stays a file, that can be shown and copied.
        if let Some((file, below)) = workspace_file(&path, is_named_workspace)
            && !below.as_os_str().is_empty()
        {
            return resolve_workspace(&file, &below, options);
        }
        match zarr_root(&path) {
            Some(store) => {
                let below = path.strip_prefix(&store).unwrap_or(Path::new(""));
                let spec = options.apply(BackendSpec::new("zarr", text(&store)?));
                let path = VirtualPath::parse(&text(below)?)?;
                Ok(Target { backend: open_spec(&spec)?, path })
            }
            None => resolve_disk(&path),
        }
    }
}

/// `NAME/path` in the named store of this process.
fn resolve_memory(rest: &str) -> Result<Target> {
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let backend = open_spec(&BackendSpec::new("memory", name))?;
    Ok(Target { backend, path: VirtualPath::parse(path)? })
}

/// The innermost workspace at or above `path` that `is_file` recognises, and the way from it.
fn workspace_file(path: &Path, is_file: fn(&Path) -> bool) -> Option<(PathBuf, PathBuf)> {
    let file = path.ancestors().find(|above| is_file(above))?;
    Some((file.to_owned(), path.strip_prefix(file).ok()?.to_owned()))
}

fn is_named_workspace(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(workspace::FILE_SUFFIX) && path.is_file()
}

/// A path in the workspace that is saved in `file`.
pub(super) fn resolve_workspace(
    file: &Path,
    below: &Path,
    options: &OpenOptions,
) -> Result<Target> {
    let spec = options.apply(BackendSpec::new("workspace", text(file)?));
    let path = VirtualPath::parse(&text(below)?)?;
    Ok(Target { backend: open_spec(&spec)?, path })
}

/// The whole local file system, opened once per process.
fn resolve_disk(path: &Path) -> Result<Target> {
    static DISK: OnceLock<Arc<dyn VirtualBackend>> = OnceLock::new();
    let backend = match DISK.get() {
        Some(backend) => Arc::clone(backend),
        None => {
            let opened = open_spec(&BackendSpec::new("disk", "/"))?;
            Arc::clone(DISK.get_or_init(|| opened))
        }
    };
    Ok(Target { backend, path: VirtualPath::parse(&text(path)?)? })
}

/// `path` made absolute, with `.` and `..` taken out by name.
pub(super) fn absolute(path: &str) -> Result<PathBuf> {
    // As the shell does, which leaves a `~` in quotes or behind `zarr:` alone.
    let below = if path == "~" { Some("") } else { path.strip_prefix("~/") };
    let path = match below.zip(std::env::var_os("HOME")) {
        Some((below, home)) => PathBuf::from(home).join(below),
        None => PathBuf::from(path),
    };
    let absolute = std::path::absolute(&path)
        .map_err(|error| Error::io(error, "find the current folder for", path.display()))?;
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Ok(plain)
}

pub(super) fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::invalid_input("name is not UTF-8")
            .with_path(path.display())
            .with_hint("rename it, or go through a link with a plain name")
    })
}

/// The store that a path names, and the path below it: the zarr root, else the path itself.
fn split_store(path: &Path) -> (PathBuf, VirtualPath) {
    let store = zarr_root(path).unwrap_or_else(|| path.to_owned());
    let below = path.strip_prefix(&store).unwrap_or(Path::new(""));
    let below = below.to_str().and_then(|below| VirtualPath::parse(below).ok());
    match below {
        Some(below) => (store, below),
        None => (path.to_owned(), VirtualPath::root()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_from_paths() {
        let scheme = |text: &str| text.parse::<Location>().unwrap().scheme;
        assert_eq!(scheme("memory:a/b").as_deref(), Some("memory"));
        assert_eq!(scheme("zarr:/data/a").as_deref(), Some("zarr"));
        for path in ["/data/a:b", "plate", "./a:b", "C:/x", "Plate 3: redo/A01"] {
            assert_eq!(scheme(path), None, "{path}");
        }
        assert!("".parse::<Location>().is_err());
    }

    #[test]
    fn dots_are_taken_out() {
        assert_eq!(absolute("/a/./b/../c").unwrap(), Path::new("/a/c"));
        assert_eq!(absolute("/../a").unwrap(), Path::new("/a"));
        assert!(absolute("x").unwrap().is_absolute());
    }
}
