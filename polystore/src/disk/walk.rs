//! Lists everything below a folder, in one pass and with bounds.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::FileType;

use super::{entries_of as entries, root::Root};
use crate::{Error, ErrorKind, Result, atomic, model::FileNames};

/// Deepest folders of a plate that are looked into.
const MAX_DEPTH: usize = 12;
/// Most files of a plate.
const MAX_FILES: usize = 20_000_000;
/// Most remarks; more are counted.
const MAX_NOTES: usize = 100;

/// What is below a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files, relative, `/`-separated, in the order of the directories.
    pub(crate) files: FileNames,
    /// Folders that were read, the top one first.
    pub(crate) folders: Vec<PathBuf>,
    /// What was passed over, and why.
    pub(crate) notes: Vec<String>,
    n_unnoted: usize,
    seen: HashSet<(u64, u64)>,
}

/// Lists `folder`, which is inside `root`.
///
/// # Errors
/// As the file system answers: planes in a folder that cannot be read would be taken for
/// planes that were never acquired.
pub(crate) fn walk(root: &Root, folder: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut pending = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((path, prefix, depth)) = pending.pop() {
        match listing.read_folder(root, &path, &prefix) {
            Ok(below) if depth < MAX_DEPTH => {
                let names = below.into_iter().rev();
                pending.extend(names.map(|(path, prefix)| (path, prefix, depth + 1)));
            }
            Ok(below) => {
                for (_, prefix) in below {
                    listing.note(format!("{prefix}: folders this deep are not looked into"));
                }
            }
            // Deleted while the folder above was read.
            Err(error) if depth > 0 && error.kind() == ErrorKind::NotFound => {
                listing.note(format!("{prefix}: {}", error.chain()));
            }
            Err(error) if depth > 0 && error.kind() == ErrorKind::PermissionDenied => {
                let name = prefix.trim_end_matches('/');
                return Err(Error::new(
                    ErrorKind::PermissionDenied,
                    format!("the folder `{name}` in it may not be listed, and its planes would be taken for absent"),
                )
                .with_path(folder.display())
                .with_hint("make it readable, or move it out of the plate")
                .with_source(error));
            }
            Err(error) => return Err(error),
        }
    }
    if listing.n_unnoted > 0 {
        let more = format!("... and {} more remarks", listing.n_unnoted);
        listing.notes.push(more);
    }
    Ok(listing)
}

impl Listing {
    fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(text);
        } else {
            self.n_unnoted += 1;
        }
    }

    /// Adds the files of one folder and returns the folders in it.
    fn read_folder(
        &mut self,
        root: &Root,
        path: &Path,
        prefix: &str,
    ) -> Result<Vec<(PathBuf, String)>> {
        let fail = |error| Error::io(error, "list the folder", path.display());
        let metadata = fs::metadata(path).map_err(fail)?;
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            self.note(format!("{prefix}: this folder was listed before, under another name"));
            return Ok(Vec::new());
        }
        let mut below = Vec::new();
        entries::for_each(path, |name, kind| {
            let Ok(name) = str::from_utf8(name) else {
                let shown = String::from_utf8_lossy(name);
                self.note(format!("{prefix}{shown}: name is not UTF-8; rename it to use it"));
                return Ok(());
            };
            match kind {
                FileType::RegularFile => self.add_file(prefix, name),
                FileType::Directory => {
                    if is_plate_folder(name) {
                        below.push((path.join(name), format!("{prefix}{name}/")));
                    }
                    Ok(())
                }
                FileType::Symlink => self.follow(root, &path.join(name), prefix, name, &mut below),
                _ => Ok(()),
            }
        })?;
        self.folders.push(path.to_owned());
        Ok(below)
    }

    fn add_file(&mut self, prefix: &str, name: &str) -> Result<()> {
        if name.starts_with("._") || atomic::is_temporary(name) {
            return Ok(());
        }
        if self.files.len() >= MAX_FILES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("folder has more than {MAX_FILES} files; is it a plate?"),
            ));
        }
        self.files.push_in(prefix, name);
        Ok(())
    }

    fn follow(
        &mut self,
        root: &Root,
        path: &Path,
        prefix: &str,
        name: &str,
        below: &mut Vec<(PathBuf, String)>,
    ) -> Result<()> {
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(error) => {
                self.note(format!("{prefix}{name}: link that leads nowhere: {error}"));
                return Ok(());
            }
        };
        if !root.allows(&target) {
            self.note(format!(
                "{prefix}{name}: link to {} leaves the plate and was not followed",
                target.display()
            ));
            return Ok(());
        }
        if target.is_dir() {
            below.push((target, format!("{prefix}{name}/")));
            return Ok(());
        }
        self.add_file(prefix, name)
    }
}

/// Whether a folder may hold files of the plate it is in: not hidden, not a store of its own.
fn is_plate_folder(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with(".zarr")
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStringExt, fs::symlink};

    use super::*;

    #[test]
    fn links_loops_and_odd_names_are_notes() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.tif"), "").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("TimePoint_1/ZStep_1")).unwrap();
        fs::create_dir_all(at("images.zarr/0")).unwrap();
        for name in ["a.tif", "._a.tif", "TimePoint_1/ZStep_1/b.tif", "images.zarr/0/c"] {
            fs::write(at(name), "").unwrap();
        }
        symlink(folder.path(), at("TimePoint_1/loop")).unwrap();
        symlink(outside.path().join("secret.tif"), at("leak.tif")).unwrap();
        symlink("a.tif", at("inside.tif")).unwrap();
        symlink("nowhere", at("dangling.tif")).unwrap();
        let odd = std::ffi::OsString::from_vec(b"odd\xff.tif".to_vec());
        fs::write(folder.path().join(odd), "").unwrap();

        let root = Root::open(folder.path(), &[]).unwrap();
        let listing = walk(&root, root.folder()).unwrap();
        let mut files: Vec<_> = listing.files.iter().collect();
        files.sort_unstable();
        assert_eq!(files, ["TimePoint_1/ZStep_1/b.tif", "a.tif", "inside.tif"]);
        let notes = listing.notes.join("\n");
        for expected in ["listed before", "leaves the plate", "leads nowhere", "not UTF-8"] {
            assert!(notes.contains(expected), "{expected}: {notes}");
        }
    }
}
