//! Structures on disk, so that a plate is read once: the only user of `bincode`.
//!
//! An entry is plain data: a format version, a checksum, what it depends on (files and
//! folders with size and time) and the value. It is valid while all of that is unchanged;
//! anything else, a damaged entry included, means that it is made again.

use std::{
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Result, WriteMode, atomic, fan_out, model::FileNames};

/// Changes whenever the layout of a cached value changes; part of every entry.
const FORMAT_VERSION: u8 = 7;
const MAGIC: &[u8; 7] = b"PSTRUCT";
/// Largest entry that is read.
const MAX_BYTES: u64 = 4 << 30;
/// A dependency that changed this recently may change again without its time showing it.
const SETTLED: Duration = Duration::from_millis(1500);

/// The files and folders that a cached structure was made from, and how they were then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependencies {
    /// What relative names start from: looking from there at thousands of files is faster
    /// than walking every whole path.
    root: PathBuf,
    names: FileNames,
    states: Vec<State>,
}

/// How a file or folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    inode: u64,
    n_bytes: u64,
    modified_ns: i64,
}

impl State {
    fn of(root: &OwnedFd, name: &str) -> std::result::Result<Self, Errno> {
        let name = if name.is_empty() { "." } else { name };
        let found = rustix::fs::statat(root, name, AtFlags::empty())?;
        // A folder's size says nothing that its time does not.
        let is_folder = FileType::from_raw_mode(found.st_mode).is_dir();
        let n_bytes = if is_folder { 0 } else { u64::try_from(found.st_size).unwrap_or(0) };
        let modified_ns =
            found.st_mtime.saturating_mul(1_000_000_000).saturating_add(found.st_mtime_nsec as i64);
        Ok(Self { inode: found.st_ino, n_bytes, modified_ns })
    }
}

impl Dependencies {
    /// The present state of `names`, which are relative to the folder `root`, or absolute; the
    /// empty name is the folder itself.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn of<'n>(root: &Path, names: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        let names: FileNames = names.into_iter().collect();
        let handle =
            open(root).map_err(|error| Error::io(error.into(), "look at", root.display()))?;
        let state = |name| {
            State::of(&handle, name)
                .map_err(|error| Error::io(error.into(), "look at", root.join(name).display()))
        };
        let states = names.iter().map(state).collect::<Result<_>>()?;
        Ok(Self { root: root.to_owned(), names, states })
    }

    /// Looks at all again, with a few threads when there are thousands.
    fn are_unchanged(&self) -> bool {
        let Ok(root) = open(&self.root) else { return false };
        if self.names.len() != self.states.len() {
            return false;
        }
        let parts = fan_out::map_ranges(self.states.len(), 4096, |range| {
            range.into_iter().all(|at| {
                let known = self.names.get(at).zip(self.states.get(at));
                known.is_some_and(|(name, state)| State::of(&root, name) == Ok(*state))
            })
        });
        parts.into_iter().all(|unchanged| unchanged)
    }

    fn are_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX);
        let settled = i128::try_from(SETTLED.as_nanos()).unwrap_or(0);
        self.states.iter().all(|state| now - i128::from(state.modified_ns) > settled)
    }
}

fn open(folder: &Path) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::empty())
}

/// A folder of cached structures.
#[derive(Clone, Debug)]
pub struct StructureCache {
    folder: PathBuf,
}

impl StructureCache {
    /// A cache in `folder`, which is made when the first entry is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The user's cache: `$POLYSTORE_CACHE_DIR`, else `polystore` in `$XDG_CACHE_HOME` or
    /// `~/.cache`. `None` when there is no home, or when the variable is set to nothing.
    pub fn of_user() -> Option<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(value) = std::env::var_os("POLYSTORE_CACHE_DIR") {
            return (!value.is_empty()).then(|| Self::new(value));
        }
        let base = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
        Some(Self::new(base.join("polystore").join("structures")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the entry for `key` is, whether or not it exists.
    pub fn entry_path(&self, key: &str) -> PathBuf {
        let digest = Sha256::digest(key.as_bytes());
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.bin"))
    }

    /// The value cached under `key`, if it is there, whole and still valid. A damaged entry
    /// is reported as a warning and counts as absent.
    pub fn load<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let path = self.entry_path(key);
        match read_entry(&path) {
            Ok(entry) => {
                let (dependencies, value) = split(&entry, key, &path)?;
                // Looking at thousands of files takes about as long as decoding.
                let (unchanged, value) =
                    fan_out::both(|| dependencies.are_unchanged(), || decode(value));
                if !unchanged {
                    return None;
                }
                value.map_err(|error| warn(&path, &error)).ok()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                warn(&path, &error);
                None
            }
        }
    }

    /// Caches `value` under `key` until one of `dependencies` changes. Does nothing when
    /// one of them changed just now, because its time cannot be trusted yet.
    ///
    /// # Errors
    /// As the file system answers; a cache that cannot be written is no reason to fail.
    pub fn store<T: Serialize>(
        &self,
        key: &str,
        dependencies: &Dependencies,
        value: &T,
    ) -> Result<()> {
        if !dependencies.are_settled() {
            return Ok(());
        }
        let head = encode(&(key, dependencies))?;
        let body = encode(value)?;
        let mut entry = Vec::with_capacity(head.len() + body.len() + 32);
        entry.extend_from_slice(MAGIC);
        entry.push(FORMAT_VERSION);
        entry.extend_from_slice(&(head.len() as u64).to_le_bytes());
        entry.extend_from_slice(&head);
        entry.extend_from_slice(&body);
        let checksum = crc32fast::hash(&entry);
        entry.extend_from_slice(&checksum.to_le_bytes());
        atomic::write_bytes(&self.entry_path(key), &entry, WriteMode::Overwrite)
    }
}

fn warn(path: &Path, error: &Error) {
    let (cache, error_text) = (path.display(), error.chain());
    match error.kind() {
        ErrorKind::InvalidData => {
            tracing::warn!(%cache, error = %error_text, "damaged structure cache is made again");
        }
        _ => tracing::warn!(
            %cache, error = %error_text,
            "structure cache cannot be read; the plate is read without it"
        ),
    }
}

fn read_entry(path: &Path) -> Result<Vec<u8>> {
    let fail = |error| Error::io(error, "read the cached structure", path.display());
    let n_bytes = fs::metadata(path).map_err(fail)?.len();
    if n_bytes > MAX_BYTES {
        return Err(Error::invalid_data("cached structure is too large").with_path(path.display()));
    }
    let entry = fs::read(path).map_err(fail)?;
    let bad = |what: &str| Error::invalid_data(what.to_owned()).with_path(path.display());
    let (body, checksum) =
        entry.split_last_chunk::<4>().ok_or_else(|| bad("entry is too short"))?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(bad("checksum differs"));
    }
    let mut entry = entry;
    entry.truncate(entry.len() - 4);
    Ok(entry)
}

/// Dependencies and encoded value of an entry of this version and key.
fn split<'e>(entry: &'e [u8], key: &str, path: &Path) -> Option<(Dependencies, &'e [u8])> {
    let rest = entry.strip_prefix(MAGIC)?;
    let (&version, rest) = rest.split_first()?;
    if version != FORMAT_VERSION {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let head = rest.get(..length)?;
    let (found, dependencies): (String, Dependencies) =
        decode(head).map_err(|error| warn(path, &error)).ok()?;
    (found == key).then_some((dependencies, &rest[length..]))
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<{ MAX_BYTES as usize }>()
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    bincode::serde::encode_to_vec(value, config())
        .map_err(|error| Error::internal("structure cannot be encoded").with_source(error))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config())
        .map_err(|error| Error::invalid_data("entry cannot be decoded").with_source(error))?;
    if used != bytes.len() {
        return Err(Error::invalid_data("entry has bytes left over"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        cache: StructureCache,
        source: PathBuf,
    }

    /// A cache with one entry that depends on one old file.
    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("Index.xml");
        fs::write(&source, "old").unwrap();
        let old = SystemTime::now() - Duration::from_secs(60);
        fs::File::open(&source).unwrap().set_modified(old).unwrap();
        let cache = StructureCache::new(folder.path().join("cache"));
        let dependencies = Dependencies::of(folder.path(), ["Index.xml"]).unwrap();
        cache.store("plate", &dependencies, &vec![1u32, 2, 3]).unwrap();
        Fixture { folder, cache, source }
    }

    #[test]
    fn an_unchanged_source_is_a_hit() {
        let fixture = fixture();
        assert_eq!(fixture.cache.load::<Vec<u32>>("plate"), Some(vec![1, 2, 3]));
        assert_eq!(fixture.cache.load::<Vec<u32>>("other"), None);
    }

    #[test]
    fn a_changed_or_deleted_source_is_a_miss() {
        let fixture = fixture();
        fs::write(&fixture.source, "new").unwrap();
        assert_eq!(fixture.cache.load::<Vec<u32>>("plate"), None);
        fs::remove_file(&fixture.source).unwrap();
        assert_eq!(fixture.cache.load::<Vec<u32>>("plate"), None);
    }

    #[test]
    fn a_source_that_changed_just_now_is_not_cached() {
        let fixture = fixture();
        let fresh = fixture.folder.path().join("fresh");
        fs::write(&fresh, "").unwrap();
        let dependencies = Dependencies::of(fixture.folder.path(), ["", "fresh"]).unwrap();
        fixture.cache.store("fresh", &dependencies, &1u8).unwrap();
        assert_eq!(fixture.cache.load::<u8>("fresh"), None);
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let fixture = fixture();
        let path = fixture.cache.entry_path("plate");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(fixture.cache.load::<Vec<u32>>("plate"), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(fixture.cache.load::<Vec<u32>>("plate"), None, "cut at {at}");
        }
    }
}
