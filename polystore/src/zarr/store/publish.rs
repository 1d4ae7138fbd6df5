//! Declarations: many small files that appear together.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::{
    Found,
    directory::{Directory, failure},
    join, split,
    staging::{remove, rename_new},
};
use crate::{Error, ErrorKind, Result};

/// From this many files on, one sync of the whole file system costs less than one each.
const MANY_FILES: usize = 64;

/// Files that are to be made together below one name.
#[derive(Debug, Default)]
pub(in super::super) struct Tree {
    files: Vec<(String, Vec<u8>)>,
}

impl Tree {
    /// Adds a file by its name below the tree's.
    pub(in super::super) fn add(&mut self, name: String, content: Vec<u8>) {
        self.files.push((name, content));
    }
}

/// A directory of unfinished files, removed when dropped.
struct StagedTree(PathBuf);

impl Drop for StagedTree {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

impl Directory {
    /// Makes the files of `tree` below `name`: whole directories appear in one step each,
    /// the metadata of `name` itself last. Files that are there already stay if they hold
    /// the same JSON.
    ///
    /// # Errors
    /// `AlreadyExists` when a file with other content is there.
    pub(in super::super) fn make_tree(&self, name: &str, tree: &Tree, synced: bool) -> Result<()> {
        let staged = self.write_tree(tree, synced)?;
        let mut touched = Vec::new();
        let merged = match name {
            "" => self.merge_below(&staged.0, name, &mut touched),
            _ => self.merge(&staged.0, name, &mut touched),
        };
        drop(staged);
        self.leave_staging();
        merged?;
        if synced { self.sync_all(touched) } else { Ok(()) }
    }

    fn write_tree(&self, tree: &Tree, synced: bool) -> Result<StagedTree> {
        let staged = StagedTree(self.make_unfinished_directory()?);
        let mut made = None;
        for (name, content) in &tree.files {
            let path = staged.0.join(name);
            let folder = path.parent().unwrap_or(&staged.0).to_owned();
            let fail = |error| Error::io(error, "write", name);
            if made.as_ref() != Some(&folder) {
                fs::create_dir_all(&folder).map_err(fail)?;
                made = Some(folder);
            }
            fs::write(&path, content).map_err(fail)?;
            if synced && tree.files.len() < MANY_FILES {
                let file = fs::File::open(&path).map_err(fail)?;
                file.sync_data().map_err(fail)?;
            }
        }
        if synced && tree.files.len() >= MANY_FILES {
            self.sync_file_system()?;
        }
        Ok(staged)
    }

    fn sync_file_system(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        return rustix::fs::syncfs(self.root()).map_err(|error| failure(error, "sync", ""));
        #[cfg(not(target_os = "linux"))]
        return Ok(rustix::fs::sync());
    }

    /// Moves a staged file or directory to `name`, or into the directory that is there.
    fn merge(&self, staged: &Path, name: &str, touched: &mut Vec<String>) -> Result<()> {
        let parent = self.parent(name, touched)?;
        let relative = staged.strip_prefix(self.path()).unwrap_or(staged).to_string_lossy();
        match rename_new(self.root(), &relative, &parent, split(name).1) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST | Errno::PERM) if staged.is_dir() => match self.look(name)? {
                Some(Found::Directory) => self.merge_below(staged, name, touched),
                _ => Err(exists(name)),
            },
            Err(Errno::EXIST) => self.check_same(staged, name),
            Err(error) => Err(failure(error, "write", name)),
        }
    }

    /// Moves what is in a staged directory into the directory `name`: directories first,
    /// the metadata that declares `name` last.
    fn merge_below(&self, staged: &Path, name: &str, touched: &mut Vec<String>) -> Result<()> {
        let fail = |error| Error::io(error, "write", name);
        let mut children = Vec::new();
        for entry in fs::read_dir(staged).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let child = entry.file_name().to_string_lossy().into_owned();
            let rank = match child.as_str() {
                _ if entry.path().is_dir() => 0,
                ".zattrs" | "zarr.json" => 2,
                _ => 1,
            };
            children.push((rank, child));
        }
        children.sort();
        children
            .iter()
            .try_for_each(|(_, child)| self.merge(&staged.join(child), &join(name, child), touched))
    }

    fn check_same(&self, staged: &Path, name: &str) -> Result<()> {
        let ours = fs::read(staged).map_err(|error| Error::io(error, "read", name))?;
        let limit = (ours.len() as u64).saturating_mul(4).max(1 << 20);
        let file = self.file(name)?.filter(|file| file.len() <= limit);
        let Some(file) = file else { return Err(exists(name)) };
        let mut theirs = vec![0; file.len() as usize];
        file.read_at(&mut theirs, 0)?;
        let parse = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
        if ours == theirs || parse(&ours).is_some_and(|ours| parse(&theirs) == Some(ours)) {
            return Ok(());
        }
        Err(exists(name))
    }
}

fn exists(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, "something else is there already").with_path(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (name, content) in files {
            tree.add((*name).to_owned(), content.as_bytes().to_vec());
        }
        tree
    }

    #[test]
    fn the_same_tree_again_is_fine_and_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Directory::open(folder.path()).unwrap();
        let first = tree(&[("A/zarr.json", "{\"a\": 1}"), ("zarr.json", "{}")]);
        for name in ["", "deep/down"] {
            store.make_tree(name, &first, true).unwrap();
            store.make_tree(name, &first, false).unwrap();
            let more = tree(&[("A/zarr.json", "{\"a\":1}"), ("B/zarr.json", "{}")]);
            store.make_tree(name, &more, false).unwrap();
            assert!(folder.path().join(name).join("B/zarr.json").is_file());
            let other = tree(&[("A/zarr.json", "{\"a\": 2}")]);
            let error = store.make_tree(name, &other, false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert_eq!(error.path(), Some(join(name, "A/zarr.json").as_str()));
        }
        assert!(!folder.path().join(crate::atomic::TEMPORARY_SUFFIX).exists());
    }
}
