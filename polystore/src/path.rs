//! Virtual paths: validated, `/`-separated names inside a backend.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// Longest accepted path in bytes.
const MAX_LENGTH: usize = 4096;

/// An absolute path inside a backend, such as `/plate_123/A01/A01_s001_z000_c000.tif`.
///
/// Invariants, checked on construction: it starts with `/`, no part is empty, `.` or
/// `..`, there is no NUL or backslash, and it has at most 4096 bytes. The root is `/`.
/// It is never a [`std::path::Path`]: converting to one is the disk backend's business.
/// Cloning is O(1).
///
/// ```
/// use polystore::VirtualPath;
///
/// let path = VirtualPath::parse("/plate/A01/image.tif")?;
/// assert_eq!(path.name(), Some("image.tif"));
/// assert_eq!(path.parent(), Some(VirtualPath::parse("/plate/A01")?));
/// assert!(VirtualPath::parse("/plate/../secret").is_err());
/// # Ok::<(), polystore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VirtualPath(Arc<str>);

impl VirtualPath {
    /// The root, `/`.
    pub fn root() -> Self {
        Self(Arc::from("/"))
    }

    /// Checks and takes `text`. One trailing `/` is dropped, a missing leading one is added.
    ///
    /// # Errors
    /// `InvalidInput` naming the offending part.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.strip_prefix('/').unwrap_or(text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Ok(Self::root());
        }
        if trimmed.len() > MAX_LENGTH {
            return Err(Error::invalid_input(format!(
                "path of {} bytes is longer than the {MAX_LENGTH} accepted",
                trimmed.len()
            )));
        }
        for part in trimmed.split('/') {
            check_part(part).map_err(|error| error.with_path(text))?;
        }
        Ok(Self(match text.strip_prefix('/') {
            Some(_) => Arc::from(&text[..=trimmed.len()]),
            None => Arc::from(format!("/{trimmed}")),
        }))
    }

    /// This path with `relative` (one or more parts) below it.
    ///
    /// # Errors
    /// `InvalidInput` as for [`VirtualPath::parse`].
    pub fn join(&self, relative: &str) -> Result<Self> {
        if self.is_root() {
            return Self::parse(relative);
        }
        let relative = relative.strip_prefix('/').unwrap_or(relative);
        if relative.is_empty() {
            return Ok(self.clone());
        }
        Self::parse(&format!("{self}/{relative}"))
    }

    /// This path with all parts of `below` appended; both are valid, so this cannot fail.
    #[must_use]
    pub fn append(&self, below: &Self) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self(Arc::from([&*self.0, &*below.0].concat())),
        }
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The text, starting with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without its leading `/`; empty for the root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// The parts from the root down; none for the root.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.relative().split('/').filter(|part| !part.is_empty())
    }

    /// The last part, or `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.0.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The path above, or `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        match self.0.rfind('/') {
            Some(0) | None => Some(Self::root()),
            Some(at) => Some(Self(Arc::from(&self.0[..at]))),
        }
    }

    /// This path, its parent, and so on up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// Whether this path is `prefix` or lies below it (by whole parts).
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.strip_prefix(prefix).is_some()
    }

    /// What is below `prefix`, as a path of its own; the root when they are equal.
    pub fn strip_prefix(&self, prefix: &Self) -> Option<Self> {
        if prefix.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&*prefix.0)? {
            "" => Some(Self::root()),
            rest if rest.starts_with('/') => Some(Self(Arc::from(rest))),
            _ => None,
        }
    }

    /// Whether the name ends with `.extension`, compared without case. `extension` may hold dots (`roi.zip`).
    pub fn has_extension(&self, extension: &str) -> bool {
        let extension = extension.strip_prefix('.').unwrap_or(extension);
        self.name().is_some_and(|name| {
            let Some(at) = name.len().checked_sub(extension.len() + 1) else { return false };
            at > 0
                && name.as_bytes()[at] == b'.'
                && name.as_bytes()[at + 1..].eq_ignore_ascii_case(extension.as_bytes())
        })
    }
}

fn check_part(part: &str) -> Result<()> {
    match part {
        "" => Err(Error::invalid_input("path has an empty part; write it with single slashes")),
        "." | ".." => {
            Err(Error::invalid_input("path has a `.` or `..` part; write it out in full"))
        }
        _ if part.contains(['\0', '\\']) => {
            Err(Error::invalid_input("path has a NUL or a backslash; parts are separated by `/`"))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for VirtualPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for VirtualPath {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl Serialize for VirtualPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for VirtualPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl serde::de::Visitor<'_> for Text {
            type Value = VirtualPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a virtual path")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<VirtualPath, E> {
                VirtualPath::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::parse(text).unwrap()
    }

    #[test]
    fn rejects_what_could_escape_or_confuse() {
        for bad in ["/a//b", "/a/./b", "/a/../b", "..", "/a\\b", "/a\0b"] {
            assert!(VirtualPath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(VirtualPath::parse(&"x".repeat(5000)).is_err());
    }

    #[test]
    fn prefixes_go_by_whole_parts() {
        assert_eq!(path("/a/b").strip_prefix(&path("/a")), Some(path("/b")));
        assert_eq!(path("/ab").strip_prefix(&path("/a")), None);
        assert_eq!(path("/a").strip_prefix(&path("/a")), Some(VirtualPath::root()));
        assert!(path("/a").starts_with(&VirtualPath::root()));
    }

    #[test]
    fn extensions_ignore_case_and_may_be_double() {
        assert!(path("/x/a.ROI.zip").has_extension("roi.zip"));
        assert!(path("/x/a.TIF").has_extension(".tif"));
        assert!(!path("/x/.tif").has_extension("tif"));
        assert!(!path("/x/tif").has_extension("tif"));
    }

    proptest! {
        #[test]
        fn parse_never_panics_and_is_stable(text in "\\PC{0,40}") {
            if let Ok(parsed) = VirtualPath::parse(&text) {
                prop_assert_eq!(VirtualPath::parse(parsed.as_str()).unwrap(), parsed.clone());
                if let Some(parent) = parsed.parent() {
                    prop_assert_eq!(parent.join(parsed.name().unwrap()).unwrap(), parsed);
                }
            }
        }
    }
}
