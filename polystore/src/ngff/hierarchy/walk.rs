//! Folders, groups and their documents, read once each.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{absent, consolidated::Consolidated, tally::Tally};
use crate::{
    ErrorKind, natural,
    ngff::{
        Kind, Options, StoreEntryKind, StoreReader, Unusable, Version,
        attributes::{self, Described},
        cursor::Cursor,
        json::{self, quote, show},
        report::Location,
        rules, store,
        version::Metadata,
    },
};

/// A folder of the store and what lies in it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The key of the folder; empty for the root.
    pub(super) dir: String,
    entries: BTreeMap<String, StoreEntryKind>,
}

impl Node {
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Whether there is metadata of a group, complete or not.
    pub(super) fn has_group(&self) -> bool {
        [".zgroup", ".zattrs", "zarr.json"].iter().any(|name| self.has(name))
            && !self.has_v2_array()
    }

    pub(super) fn has_array(&self) -> bool {
        self.has_v2_array() || self.has("zarr.json")
    }

    pub(super) fn has_v2_array(&self) -> bool {
        self.has(".zarray")
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, StoreEntryKind)> {
        self.entries.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// The folders in it, in natural order.
    pub(super) fn folders(&self) -> Vec<&str> {
        let is_folder = |(name, kind)| (kind == StoreEntryKind::Directory).then_some(name);
        let mut folders: Vec<&str> = self.entries().filter_map(is_folder).collect();
        folders.sort_by(|a, b| natural::compare(a, b));
        folders
    }

    /// The key of `name` in this folder.
    pub(super) fn key(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    /// A name that differs from `name` by case only. Not looked for in very large folders.
    fn alike(&self, name: &str) -> Option<&str> {
        const MANY: usize = 2000;
        self.entries()
            .take(MANY)
            .map(|(other, _)| other)
            .find(|other| other.eq_ignore_ascii_case(name))
    }
}

/// What a path below a folder leads to.
#[derive(Debug)]
pub(super) enum Child {
    Node(Node),
    /// Nothing; the text says what was found instead.
    Missing(String),
    /// Something that cannot be looked at, which was reported.
    Failed,
}

/// A group: its attributes and where they stand.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) attributes: Value,
    pub(super) file: String,
    pub(super) pointer: &'static str,
    pub(super) format: u8,
    /// The consolidated metadata that stand beside the attributes (v3).
    consolidated: Option<Value>,
}

/// What all parts of the walk share.
#[derive(Debug)]
pub(super) struct Walk<'s> {
    store: &'s dyn StoreReader,
    pub(super) options: Options,
    /// Format and version of the root.
    format: Option<u8>,
    version: Option<Version>,
    consolidated: Option<Consolidated>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(store: &'s dyn StoreReader, options: Options) -> Self {
        Self { store, options, format: None, version: None, consolidated: None }
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.version
    }

    pub(super) fn format(&self) -> Option<u8> {
        self.format
    }

    pub(super) fn root(&self, tally: &Tally) -> Option<Node> {
        self.list(String::new(), tally)
    }

    /// Takes format and consolidated metadata from the root.
    pub(super) fn start(&mut self, root: &Node, group: &mut Group, tally: &Tally) {
        self.format = Some(group.format);
        let copy = match group.format {
            2 if root.has(".zmetadata") => self.read_json(".zmetadata", tally),
            _ => group.consolidated.take(),
        };
        self.consolidated = copy.and_then(|copy| Consolidated::take(copy, group.format, tally));
        if let (Some(consolidated), 2) = (&self.consolidated, group.format) {
            consolidated.compare(".zattrs", &group.attributes, tally);
        }
    }

    /// Lists a folder; reports what lies in it that cannot be looked at.
    pub(super) fn list(&self, dir: String, tally: &Tally) -> Option<Node> {
        let entries = match self.store.list(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                tally.report_file(store::rule_of(&error), &dir, || error.to_string());
                return None;
            }
        };
        let entries = entries.into_iter().map(|entry| (entry.name, entry.kind)).collect();
        let node = Node { dir, entries };
        for (name, kind) in node.entries() {
            if let StoreEntryKind::Unusable(why) = kind {
                report_unusable(&node.key(name), why, tally);
            }
        }
        Some(node)
    }

    /// The folder at `path`, one or more names below `node`.
    pub(super) fn child(&self, node: &Node, path: &str, tally: &Tally) -> Child {
        let (name, rest) = match path.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let found = match node.entries.get(name) {
            Some(StoreEntryKind::Directory) => self.list(node.key(name), tally),
            Some(StoreEntryKind::File { .. }) => {
                return Child::Missing(format!("{} is a file", quote(&node.key(name))));
            }
            Some(StoreEntryKind::Unusable(_)) => return Child::Failed,
            None => return Child::Missing(missing(node, name)),
        };
        match (found, rest) {
            (Some(child), Some(rest)) => self.child(&child, rest, tally),
            (Some(child), None) => Child::Node(child),
            (None, _) => Child::Failed,
        }
    }

    /// The folder at `path`, relative to `node`; it may go up, but not out of the store.
    pub(super) fn relative(&self, node: &Node, path: &str, tally: &Tally) -> Option<Child> {
        let target = resolve(&node.dir, path)?;
        let below = if node.dir.is_empty() {
            Some(target.as_str())
        } else {
            target.strip_prefix(&node.dir).and_then(|rest| rest.strip_prefix('/'))
        };
        Some(match below {
            Some("") | None if target.is_empty() => {
                self.root(tally).map_or(Child::Failed, Child::Node)
            }
            Some(below) => self.child(node, below, tally),
            None => match self.root(tally) {
                Some(root) => self.child(&root, &target, tally),
                None => Child::Failed,
            },
        })
    }

    /// Reads and parses a file; whatever keeps it from being read is reported.
    pub(super) fn read_range(
        &self,
        key: &str,
        offset: u64,
        n_bytes: usize,
    ) -> crate::Result<bytes::Bytes> {
        self.store.read_range(key, offset, n_bytes)
    }

    pub(super) fn read_json(&self, key: &str, tally: &Tally) -> Option<Value> {
        let refusal = match self.store.read(key, json::MAX_JSON_BYTES) {
            Ok(bytes) => match json::parse(&bytes) {
                Ok(value) => return Some(value),
                Err(refusal) => refusal,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (rules::STORE_UNREADABLE, "it is listed, but cannot be opened".to_owned())
            }
            Err(error) => (store::rule_of(&error), error.to_string()),
        };
        tally.report_file(refusal.0, key, || refusal.1);
        None
    }

    /// Reads a metadata document and compares it with its consolidated copy.
    pub(super) fn document(&self, node: &Node, name: &str, tally: &Tally) -> Option<Value> {
        let key = node.key(name);
        let document = self.read_json(&key, tally)?;
        if let Some(consolidated) = &self.consolidated {
            consolidated.compare(&key, &document, tally);
        }
        Some(document)
    }

    /// The group in a folder that [`Node::has_group`].
    pub(super) fn group(&self, node: &Node, tally: &Tally) -> Option<Group> {
        match self.format_of(node, node.has(".zgroup") || node.has(".zattrs"), tally) {
            2 => self.group_v2(node, tally),
            _ => self.group_v3(node, tally),
        }
    }

    /// The zarr format to read a folder by, when both may be there.
    pub(super) fn format_of(&self, node: &Node, has_v2: bool, tally: &Tally) -> u8 {
        let has_v3 = node.has("zarr.json");
        if has_v2 && has_v3 {
            tally.report_file(rules::NODE_BOTH_FORMATS, &node.dir, || {
                "metadata of zarr v2 and of zarr v3 side by side".to_owned()
            });
        }
        let found = match (has_v2, has_v3) {
            (true, true) => self.format.unwrap_or(3),
            (true, false) => 2,
            _ => 3,
        };
        if let Some(root) = self.format
            && root != found
        {
            tally.report_file(rules::NODE_MIXED_FORMATS, &node.dir, || {
                format!("zarr v{found} in a hierarchy of zarr v{root}")
            });
        }
        found
    }

    fn group_v2(&self, node: &Node, tally: &Tally) -> Option<Group> {
        if node.has(".zgroup") {
            let document = self.document(node, ".zgroup", tally)?;
            check_format(&document, 2, &node.key(".zgroup"), tally)?;
        } else {
            tally.report_file(rules::NODE_NO_GROUP_FILE, &node.dir, || {
                "`.zattrs` without `.zgroup`".to_owned()
            });
        }
        let attributes = match node.has(".zattrs") {
            true => self.document(node, ".zattrs", tally)?,
            false => Value::Object(Map::new()),
        };
        Some(Group {
            attributes,
            file: node.key(".zattrs"),
            pointer: "",
            format: 2,
            consolidated: None,
        })
    }

    fn group_v3(&self, node: &Node, tally: &Tally) -> Option<Group> {
        let file = node.key("zarr.json");
        let mut document = self.document(node, "zarr.json", tally)?;
        check_format(&document, 3, &file, tally)?;
        check_node_type(&document, "group", &file, tally)?;
        let attributes = document.get_mut("attributes").map(Value::take);
        let attributes = attributes.unwrap_or_else(|| Value::Object(Map::new()));
        let consolidated = document
            .get_mut("consolidated_metadata")
            .map(Value::take)
            .filter(|copy| !copy.is_null());
        Some(Group { attributes, file, pointer: "/attributes", format: 3, consolidated })
    }

    /// Checks the attributes of the root, which decide what is walked.
    pub(super) fn describe_root(&mut self, group: &Group, tally: &Tally) -> Option<Described> {
        let cursor = Cursor::new(&group.attributes, &group.file, group.pointer, tally.findings());
        attributes::check_paths(&cursor);
        let metadata = Metadata::find(&cursor)?;
        check_layout(&metadata, group, tally);
        self.version = Some(metadata.version);
        Some(with_absent(attributes::describe(&metadata, self.options.kind), group))
    }

    /// Checks the attributes of a group below the root, whatever kind it is.
    pub(super) fn describe(&self, group: &Group, tally: &Tally) -> Described {
        let cursor = Cursor::new(&group.attributes, &group.file, group.pointer, tally.findings());
        attributes::check_paths(&cursor);
        let has_metadata = |value| Kind::of(value).next().is_some();
        let ome = group.attributes.get("ome");
        if !has_metadata(&group.attributes) && !ome.is_some_and(has_metadata) {
            return Described::default();
        }
        let Some(metadata) = Metadata::find(&cursor) else { return Described::default() };
        check_layout(&metadata, group, tally);
        if let Some(root) = self.version
            && root != metadata.version
        {
            metadata.cursor.report(rules::VERSION_INCONSISTENT, || {
                format!("{} in a hierarchy of {root}", metadata.version)
            });
        }
        with_absent(attributes::describe_found(&metadata), group)
    }

    /// Reports what the consolidated metadata names and the store has not.
    pub(super) fn check_stale(&self, tally: &Tally) {
        if let Some(consolidated) = &self.consolidated {
            consolidated.check_stale(self.store, tally);
        }
    }
}

/// Adds which planes of an image are declared absent, which stands beside the OME metadata.
fn with_absent(mut described: Described, group: &Group) -> Described {
    if let Some(image) = &mut described.image {
        image.absent = absent::declared(&group.attributes);
    }
    described
}

fn check_layout(metadata: &Metadata<'_>, group: &Group, tally: &Tally) {
    if metadata.version.zarr_format() != group.format
        && Kind::of(metadata.cursor.value()).next().is_some()
    {
        tally.report_file(rules::VERSION_LAYOUT, &group.file, || {
            format!("metadata as of OME-Zarr {} in zarr v{}", metadata.version, group.format)
        });
    }
}

/// Checks `zarr_format` of a document.
pub(super) fn check_format(document: &Value, format: u8, file: &str, tally: &Tally) -> Option<()> {
    let found = document.get("zarr_format").unwrap_or(&Value::Null);
    if json::as_integer(found) == Some(format.into()) {
        return Some(());
    }
    tally.report(
        rules::NODE_FORMAT,
        || pointer(file, "/zarr_format"),
        || format!("expected zarr_format {format}, found {}", show(found)),
    );
    None
}

/// Checks `node_type` of a document of zarr v3.
pub(super) fn check_node_type(
    document: &Value,
    wanted: &str,
    file: &str,
    tally: &Tally,
) -> Option<()> {
    let found = document.get("node_type").unwrap_or(&Value::Null);
    if found == wanted {
        return Some(());
    }
    tally.report(
        rules::NODE_FORMAT,
        || pointer(file, "/node_type"),
        || format!("expected node_type {}, found {}", quote(wanted), show(found)),
    );
    None
}

pub(super) fn pointer(file: &str, pointer: &str) -> Location {
    Location { file: file.to_owned(), pointer: pointer.to_owned() }
}

fn report_unusable(key: &str, why: Unusable, tally: &Tally) {
    let (rule, message) = match why {
        Unusable::NotUtf8 => (rules::STORE_NAME_NOT_UTF8, "a name that is not UTF-8"),
        Unusable::BrokenLink => (rules::STORE_BROKEN_LINK, "a link to nothing, or in a circle"),
        Unusable::LinkOutside => (rules::STORE_LINK_OUTSIDE, "a link that leaves the store"),
        Unusable::Special => (rules::STORE_SPECIAL_FILE, "a pipe, socket or device"),
    };
    tally.report_file(rule, key, || message.to_owned());
}

fn missing(node: &Node, name: &str) -> String {
    match node.alike(name) {
        Some(other) => format!(
            "{} is not there, but {}, which differs by case",
            quote(&node.key(name)),
            quote(other)
        ),
        None => format!("{} is not there", quote(&node.key(name))),
    }
}

/// The key that `path` leads to from the folder `base`; `None` when it leaves the store.
pub(super) fn resolve(base: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
