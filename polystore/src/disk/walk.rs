//! Lists everything below a folder, in one pass and with bounds.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::FileType;

use super::{dir_entries, root::Root};
use crate::{
    Error, ErrorKind, Result, atomic,
    microscope::names::image_stem,
    model::{FileNames, PassedOver, PassedOverReason},
    words::count,
};

/// Deepest folders of a plate that are looked into.
const MAX_DEPTH: usize = 12;
/// Where file systems put what a repair finds; at the top of a disk.
const LOST_AND_FOUND: &str = "lost+found";
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
    /// What was passed over, and why, that is no image.
    pub(crate) notes: Vec<String>,
    /// Image files that were passed over, and folders that may hold some.
    pub(crate) passed_over: PassedOver,
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
                    listing.passed_over.push(prefix, PassedOverReason::TooDeep);
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
        let more = format!("... and {}", count(listing.n_unnoted, "more remark"));
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

    /// Counts a file that is named like an image, or a folder that may hold some; remarks
    /// upon others. What macOS leaves beside files and what is hidden is nobody's loss.
    fn pass_over(&mut self, prefix: &str, name: &str, is_folder: bool, reason: PassedOverReason) {
        match is_folder {
            true if is_plate_folder(name) => {
                self.passed_over.push(format!("{prefix}{name}/"), reason);
            }
            false if image_stem(name).is_some() && !name.starts_with('.') => {
                self.passed_over.push(format!("{prefix}{name}"), reason);
            }
            _ => self.note(format!("{prefix}{name}: {}", reason.as_str())),
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
        dir_entries::for_each(path, |name, kind| {
            let Ok(name) = str::from_utf8(name) else {
                let shown = String::from_utf8_lossy(name);
                let is_folder = match kind {
                    FileType::Symlink => path.join(OsStr::from_bytes(name)).is_dir(),
                    kind => kind == FileType::Directory,
                };
                self.pass_over(prefix, &shown, is_folder, PassedOverReason::NameNotUtf8);
                return Ok(());
            };
            match kind {
                FileType::RegularFile => self.add_file(prefix, name),
                // The file system's own, which only its owner may list; no part of any plate.
                FileType::Directory if prefix.is_empty() && name == LOST_AND_FOUND => {
                    self.note(format!("{name}/: the file system's own folder, not looked into"));
                    Ok(())
                }
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
            // A name without an ending may be that of a folder, on a disk that is not mounted.
            Err(_) => {
                self.pass_over(prefix, name, !name.contains('.'), PassedOverReason::DanglingLink);
                return Ok(());
            }
        };
        if !root.allows(&target) {
            let is_folder = target.is_dir();
            self.pass_over(prefix, name, is_folder, PassedOverReason::LinkLeavesPlate);
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
    fn links_loops_and_odd_names_are_told() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.tif"), "").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("TimePoint_1/ZStep_1")).unwrap();
        fs::create_dir_all(at("images.zarr/0")).unwrap();
        for name in ["lost+found", "TimePoint_1/lost+found"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("x.tif"), "").unwrap();
        }
        for name in ["a.tif", "._a.tif", "TimePoint_1/ZStep_1/b.tif", "images.zarr/0/c"] {
            fs::write(at(name), "").unwrap();
        }
        symlink(folder.path(), at("TimePoint_1/loop")).unwrap();
        symlink(outside.path().join("secret.tif"), at("leak.tif")).unwrap();
        symlink("a.tif", at("inside.tif")).unwrap();
        symlink("nowhere", at("dangling.tif")).unwrap();
        symlink("nowhere", at("TimePoint_2")).unwrap();
        symlink(outside.path().join("table.csv"), at("table.csv")).unwrap();
        symlink(outside.path(), at("away")).unwrap();
        let odd = std::ffi::OsString::from_vec(b"odd\xff.tif".to_vec());
        fs::write(folder.path().join(odd), "").unwrap();

        let root = Root::open(folder.path(), &[]).unwrap();
        let listing = walk(&root, root.folder()).unwrap();
        let mut files: Vec<_> = listing.files.iter().collect();
        files.sort_unstable();
        assert_eq!(
            files,
            ["TimePoint_1/ZStep_1/b.tif", "TimePoint_1/lost+found/x.tif", "a.tif", "inside.tif"]
        );
        let notes = listing.notes.join("\n");
        for expected in [
            "listed before",
            "lost+found/: the file system's own",
            "table.csv: link that leads nowhere",
        ] {
            assert!(notes.contains(expected), "{expected}: {notes}");
        }
        let mut passed: Vec<_> = listing.passed_over.files.iter().collect();
        passed.sort_by_key(|file| &file.path);
        let passed: Vec<_> = passed.iter().map(|file| (&*file.path, file.reason)).collect();
        use PassedOverReason::{DanglingLink, LinkLeavesPlate, NameNotUtf8};
        let expected = [
            ("TimePoint_2/", DanglingLink),
            ("away/", LinkLeavesPlate),
            ("dangling.tif", DanglingLink),
            ("leak.tif", LinkLeavesPlate),
            ("odd\u{fffd}.tif", NameNotUtf8),
        ];
        assert_eq!(passed, expected);
    }
}
