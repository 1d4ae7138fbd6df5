//! Consolidated metadata: a copy of all documents in one place, which must not disagree.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::tally::Tally;
use crate::ngff::{StoreReader, json, rules};

/// The copy: documents by key (v2), nodes by path (v3).
#[derive(Debug)]
pub(super) struct Consolidated {
    format: u8,
    file: &'static str,
    entries: Map<String, Value>,
}

/// What nodes are compared by; writers add fields of their own to the copies, and spell out
/// defaults. Attributes of v2 have a file of their own and are compared whole.
const COMPARED: [&str; 13] = [
    "zarr_format",
    "node_type",
    "attributes",
    "shape",
    "chunks",
    "dtype",
    "order",
    "dimension_separator",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "dimension_names",
];

impl Consolidated {
    /// Takes the content of `.zmetadata` (v2) or of `consolidated_metadata` in the root's
    /// `zarr.json` (v3).
    pub(super) fn take(mut copy: Value, format: u8, tally: &Tally) -> Option<Self> {
        let file = if format == 2 { ".zmetadata" } else { "zarr.json" };
        match copy.get_mut("metadata").map(Value::take) {
            Some(Value::Object(entries)) => Some(Self { format, file, entries }),
            _ => {
                tally.report_file(rules::CONSOLIDATED_FORMAT, file, || {
                    "consolidated metadata without an object `metadata`".to_owned()
                });
                None
            }
        }
    }

    /// Compares the document at `key` with its copy.
    pub(super) fn compare(&self, key: &str, document: &Value, tally: &Tally) {
        let entry = match self.format {
            2 => key,
            _ => key.strip_suffix("zarr.json").unwrap_or(key).trim_end_matches('/'),
        };
        if entry.is_empty() {
            return;
        }
        tally.see(entry);
        match self.entries.get(entry) {
            None => tally.report_file(rules::CONSOLIDATED_INCOMPLETE, key, || {
                format!("not in the consolidated metadata of {}", self.file)
            }),
            Some(copy) if !agrees(entry, copy, document) => {
                tally.report_file(rules::CONSOLIDATED_DIFFERS, key, || {
                    format!("differs from its copy in {}", self.file)
                });
            }
            Some(_) => {}
        }
    }

    /// Reports entries that the walk did not meet and the store does not have.
    pub(super) fn check_stale(&self, store: &dyn StoreReader, tally: &Tally) {
        let unmet = self.entries.keys().filter(|entry| !tally.has_seen(entry));
        let mut by_folder: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for entry in unmet {
            let (folder, name) = match self.format {
                2 => entry.rsplit_once('/').unwrap_or(("", entry)),
                _ => (entry.as_str(), "zarr.json"),
            };
            by_folder.entry(folder).or_default().push((name, entry));
        }
        for (folder, expected) in by_folder {
            let listed = store.list(folder).unwrap_or_default();
            let listed: HashSet<_> = listed.into_iter().map(|found| found.name).collect();
            for (name, entry) in expected {
                if !listed.contains(name) {
                    tally.report_file(rules::CONSOLIDATED_STALE, self.file, || {
                        format!("{} is not in the store", json::quote(entry))
                    });
                }
            }
        }
    }
}

fn agrees(entry: &str, copy: &Value, document: &Value) -> bool {
    if entry.ends_with(".zattrs") {
        return same(copy, document);
    }
    COMPARED.iter().all(|key| same(member(copy, key), member(document, key)))
}

/// A member, where one that is missing counts as an empty one.
fn member<'a>(document: &'a Value, key: &str) -> &'a Value {
    match document.get(key) {
        Some(Value::Object(members)) if members.is_empty() => &Value::Null,
        Some(value) => value,
        None => &Value::Null,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || json::canonical(a) == json::canonical(b)
}
