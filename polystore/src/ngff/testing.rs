//! A store in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{StoreEntry, StoreEntryKind, StoreReader};
use crate::{Error, Result};

/// Files by key.
#[derive(Clone, Debug, Default)]
pub(super) struct MapStore(pub(super) BTreeMap<String, Vec<u8>>);

impl StoreReader for MapStore {
    fn read(&self, key: &str, _max_bytes: u64) -> Result<Bytes> {
        let bytes = self.0.get(key).ok_or_else(|| Error::not_found("no such file"))?;
        Ok(Bytes::copy_from_slice(bytes))
    }

    fn list(&self, dir: &str) -> Result<Vec<StoreEntry>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let mut folders = BTreeSet::new();
        let mut entries = Vec::new();
        for (key, bytes) in self.0.range(prefix.clone()..) {
            let Some(rest) = key.strip_prefix(&prefix) else { break };
            match rest.split_once('/') {
                Some((folder, _)) => drop(folders.insert(folder.to_owned())),
                None => entries.push(StoreEntry {
                    name: rest.to_owned(),
                    kind: StoreEntryKind::File { size: bytes.len() as u64 },
                }),
            }
        }
        let folder = |name| StoreEntry { name, kind: StoreEntryKind::Directory };
        entries.extend(folders.into_iter().map(folder));
        match entries.is_empty() {
            true => Err(Error::not_found("no such folder").with_path(dir)),
            false => Ok(entries),
        }
    }
}
