//! The names of a folder's files in one piece of memory.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Names of files, known by their position.
///
/// One text holds them all: a plate has a hundred thousand, and a piece of memory for each
/// costs more to make, to visit and to give back than the names are worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct FileNames {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<usize>,
}

/// What is stored of names, before it is checked.
#[derive(Deserialize)]
struct Parts {
    text: String,
    ends: Vec<usize>,
}

impl TryFrom<Parts> for FileNames {
    type Error = &'static str;

    fn try_from(Parts { text, ends }: Parts) -> Result<Self, Self::Error> {
        let is_whole = ends.last().copied().unwrap_or(0) == text.len()
            && ends.is_sorted()
            && ends.iter().all(|&end| text.is_char_boundary(end));
        if is_whole { Ok(Self { text, ends }) } else { Err("names of files do not fit their text") }
    }
}

impl FileNames {
    /// No names, with room for `n_names` of about `n_bytes` each.
    pub fn with_capacity(n_names: usize, n_bytes: usize) -> Self {
        let text = String::with_capacity(n_names.saturating_mul(n_bytes));
        Self { text, ends: Vec::with_capacity(n_names) }
    }

    /// Adds a name.
    pub fn push(&mut self, name: &str) {
        self.push_in("", name);
    }

    /// Adds `name` in the folder `prefix`, which ends with a slash or is empty.
    pub fn push_in(&mut self, prefix: &str, name: &str) {
        self.text.push_str(prefix);
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name at `position`.
    pub fn get(&self, position: usize) -> Option<&str> {
        let end = *self.ends.get(position)?;
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// All names, in the order in which they were added.
    pub fn iter(&self) -> FileNamesIter<'_> {
        FileNamesIter { names: self, left: 0..self.len() }
    }

    /// Whether `name` is one of them; looks at all.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|known| known == name)
    }
}

impl<S: AsRef<str>> FromIterator<S> for FileNames {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = Self::default();
        all.extend(names);
        all
    }
}

impl<S: AsRef<str>> Extend<S> for FileNames {
    fn extend<I: IntoIterator<Item = S>>(&mut self, names: I) {
        names.into_iter().for_each(|name| self.push(name.as_ref()));
    }
}

impl<'a> IntoIterator for &'a FileNames {
    type Item = &'a str;
    type IntoIter = FileNamesIter<'a>;

    fn into_iter(self) -> FileNamesIter<'a> {
        self.iter()
    }
}

/// The names of a [`FileNames`] in order.
#[derive(Clone, Debug)]
pub struct FileNamesIter<'a> {
    names: &'a FileNames,
    left: Range<usize>,
}

impl<'a> Iterator for FileNamesIter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.names.get(self.left.next()?)
    }

    fn nth(&mut self, n: usize) -> Option<&'a str> {
        self.names.get(self.left.nth(n)?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl ExactSizeIterator for FileNamesIter<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str, ends: &[usize]) -> Result<FileNames, serde_json::Error> {
        serde_json::from_value(serde_json::json!({ "text": text, "ends": ends }))
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert_eq!(decode("aµb", &[1, 3, 4]).unwrap().iter().collect::<Vec<_>>(), ["a", "µ", "b"]);
        for ends in [&[1][..], &[5], &[1, 2, 4], &[3, 1, 4], &[]] {
            assert!(decode("aµb", ends).is_err(), "{ends:?}");
        }
    }

    proptest! {
        #[test]
        fn names_come_back(names in prop::collection::vec("\\PC{0,8}", 0..20)) {
            let all: FileNames = names.iter().collect();
            prop_assert!(all.iter().eq(names.iter().map(String::as_str)));
            prop_assert_eq!(all.iter().len(), names.len());
            prop_assert_eq!(all.get(names.len()), None);
            let text = serde_json::to_string(&all).unwrap();
            prop_assert_eq!(serde_json::from_str::<FileNames>(&text).unwrap(), all);
        }
    }
}
