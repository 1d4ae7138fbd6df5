//! Finds files of a folder by the names that metadata gives them.

use std::collections::{HashMap, HashSet};

use super::names::{file_name, split};
use crate::model::FileNames;

/// The files of a folder by path; remembers which were asked for.
pub(crate) struct FileLookup<'a> {
    files: &'a FileNames,
    by_path: HashMap<&'a str, u32>,
    used: Vec<bool>,
    path: String,
}

impl<'a> FileLookup<'a> {
    /// All of `files`, by their position.
    pub(crate) fn new(files: &'a FileNames) -> Self {
        let by_path = (0u32..).zip(files).map(|(number, file)| (file, number)).collect();
        Self { files, by_path, used: vec![false; files.len()], path: String::new() }
    }

    /// The file that metadata calls `name`, in the first of `folders` that has it: by the
    /// path as it stands, else (Windows paths, URLs) by its last part.
    pub(crate) fn find(&mut self, folders: &[&str], name: &str) -> Option<u32> {
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        let found = self.find_in(folders, name).or_else(|| {
            if name.contains('\\') {
                let slashed = name.replace('\\', "/");
                return self
                    .find_in(folders, &slashed)
                    .or_else(|| self.find_in(folders, split(&slashed).1));
            }
            name.contains('/').then(|| self.find_in(folders, split(name).1))?
        })?;
        if let Some(used) = self.used.get_mut(found as usize) {
            *used = true;
        }
        Some(found)
    }

    fn find_in(&mut self, folders: &[&str], name: &str) -> Option<u32> {
        folders.iter().find_map(|folder| {
            self.path.clear();
            if !folder.is_empty() {
                self.path.push_str(folder);
                self.path.push('/');
            }
            self.path.push_str(name);
            self.by_path.get(self.path.as_str()).copied()
        })
    }

    fn all(&self) -> impl Iterator<Item = (&'a str, bool)> + '_ {
        self.files.iter().zip(self.used.iter().copied())
    }

    /// The files that no metadata named, with what `parse` makes of them.
    pub(crate) fn unnamed<N>(&self, parse: impl Fn(&'a str) -> Option<N>) -> Vec<(&'a str, N)> {
        let unnamed = self.all().filter(|(_, used)| !used);
        unnamed.filter_map(|(path, _)| Some((path, parse(path)?))).collect()
    }

    /// The names, without their folders, of the files that were found.
    pub(crate) fn names_found(&self) -> HashSet<&'a str> {
        self.all().filter_map(|(path, used)| used.then_some(file_name(path))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_all_kinds() {
        let files = FileNames::from_iter(["Images/a.tif", "b.tif", "x/y/c.tif"]);
        let mut lookup = FileLookup::new(&files);
        assert_eq!(lookup.find(&["", "Images"], "a.tif"), Some(0));
        assert_eq!(lookup.find(&[""], " x\\y\\c.tif "), Some(2));
        assert_eq!(lookup.find(&["", "x/y"], "C:\\data\\c.tif"), Some(2));
        assert_eq!(lookup.find(&[""], "file:///far/b.tif"), Some(1));
        assert_eq!(lookup.find(&[""], "a.tif"), None);
        assert_eq!(lookup.find(&[""], ""), None);
        assert_eq!(lookup.names_found(), HashSet::from(["a.tif", "b.tif", "c.tif"]));
        assert!(lookup.unnamed(Some).is_empty());
        assert_eq!(FileLookup::new(&files).unnamed(|path| path.strip_prefix("x/")).len(), 1);
    }
}
