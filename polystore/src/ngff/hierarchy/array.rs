//! The metadata of an array, as far as an image and its chunks speak of it.

use serde_json::Value;

use super::{
    shard::Shard,
    tally::Tally,
    walk::{Node, Walk, check_format, check_node_type, pointer},
};
use crate::ngff::{
    json::{as_integer, show},
    report::Location,
    rules,
};

/// Most dimensions of an array that are taken in.
const MAX_DIMENSIONS: usize = 32;

/// What an array says of itself.
#[derive(Clone, Debug)]
pub(super) struct ArrayInfo {
    pub(super) shape: Vec<u64>,
    /// Shape of a chunk.
    pub(super) chunks: Vec<u64>,
    /// How chunks share files, where they do.
    pub(super) shard: Option<Shard>,
    pub(super) data_type: String,
    pub(super) encoding: KeyEncoding,
    /// As they are written (v3).
    pub(super) dimension_names: Option<Value>,
    pub(super) fill_value: Value,
    /// The metadata file.
    pub(super) file: String,
}

/// How chunk positions become keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyEncoding {
    /// Whether keys start with `c`, as the default of v3 has it.
    pub(super) has_prefix: bool,
    pub(super) separator: char,
}

impl ArrayInfo {
    /// Reads the array in a folder that [`Node::has_array`]; what is wrong is reported.
    pub(super) fn read(walk: &Walk<'_>, node: &Node, tally: &Tally) -> Option<Self> {
        match walk.format_of(node, node.has_v2_array(), tally) {
            2 => Self::read_v2(walk, node, tally),
            _ => Self::read_v3(walk, node, tally),
        }
    }

    /// Whether `zarr.json` in a folder is that of an array.
    pub(super) fn is_at(walk: &Walk<'_>, node: &Node, tally: &Tally) -> bool {
        walk.read_json(&node.key("zarr.json"), tally)
            .is_some_and(|document| document.get("node_type").is_some_and(|kind| kind == "array"))
    }

    fn read_v2(walk: &Walk<'_>, node: &Node, tally: &Tally) -> Option<Self> {
        let file = node.key(".zarray");
        let document = walk.document(node, ".zarray", tally)?;
        check_format(&document, 2, &file, tally)?;
        let reader = Reader { document: &document, file: &file, tally };
        let separator = document.get("dimension_separator").unwrap_or(&Value::Null);
        let separator =
            if separator.is_null() { "." } else { reader.text("/dimension_separator")? };
        Self {
            shape: reader.sizes("/shape", 0)?,
            chunks: reader.sizes("/chunks", 1)?,
            shard: None,
            data_type: reader.data_type("/dtype")?,
            encoding: KeyEncoding { has_prefix: false, separator: reader.separator(separator)? },
            dimension_names: None,
            fill_value: document.get("fill_value").cloned().unwrap_or_default(),
            file: file.clone(),
        }
        .checked(&reader)
    }

    fn read_v3(walk: &Walk<'_>, node: &Node, tally: &Tally) -> Option<Self> {
        let file = node.key("zarr.json");
        let document = walk.document(node, "zarr.json", tally)?;
        check_format(&document, 3, &file, tally)?;
        check_node_type(&document, "array", &file, tally)?;
        let reader = Reader { document: &document, file: &file, tally };
        let grid = reader.text("/chunk_grid/name")?;
        if grid != "regular" {
            // A registered extension may be right; it is just not known here.
            reader.report("/chunk_grid/name", || format!("unknown chunk grid {grid:?}"));
            return None;
        }
        let files = reader.sizes("/chunk_grid/configuration/chunk_shape", 1)?;
        let (shard, chunks) = match Shard::of(reader.get("/codecs"), &files) {
            Some((shard, chunks)) => (Some(shard), chunks),
            None => (None, files),
        };
        Self {
            shape: reader.sizes("/shape", 0)?,
            chunks,
            shard,
            data_type: reader.data_type("/data_type")?,
            encoding: reader.encoding()?,
            dimension_names: document.get("dimension_names").cloned(),
            fill_value: document.get("fill_value").cloned().unwrap_or_default(),
            file: file.clone(),
        }
        .checked(&reader)
    }

    fn checked(self, reader: &Reader<'_>) -> Option<Self> {
        if self.shape.len() != self.chunks.len() {
            reader.report("/shape", || {
                format!("{} dimensions in chunks of {}", self.shape.len(), self.chunks.len())
            });
            return None;
        }
        Some(self)
    }

    pub(super) fn location(&self, place: &str) -> Location {
        pointer(&self.file, place)
    }

    /// Whether the data type is one of the eight integers.
    pub(super) fn is_integer(&self) -> bool {
        let v2 = self.data_type.trim_start_matches(['<', '>', '|', '=']);
        let v3 = |prefix: &str| self.data_type.strip_prefix(prefix).is_some_and(is_bits);
        let kind = v2.strip_prefix('u').or_else(|| v2.strip_prefix('i'));
        kind.is_some_and(|bytes| ["1", "2", "4", "8"].contains(&bytes)) || v3("uint") || v3("int")
    }

    /// Chunks along each dimension.
    pub(super) fn grid(&self) -> Vec<u64> {
        grid(&self.shape, &self.chunks)
    }

    /// Files along each dimension.
    pub(super) fn file_grid(&self) -> Vec<u64> {
        grid(&self.shape, self.shard.as_ref().map_or(&self.chunks, |shard| &shard.shape))
    }
}

fn grid(shape: &[u64], chunks: &[u64]) -> Vec<u64> {
    shape.iter().zip(chunks).map(|(size, chunk)| size.div_ceil(*chunk)).collect()
}

fn is_bits(bits: &str) -> bool {
    ["8", "16", "32", "64"].contains(&bits)
}

/// Access to the fields of an array document.
struct Reader<'a> {
    document: &'a Value,
    file: &'a str,
    tally: &'a Tally,
}

impl<'a> Reader<'a> {
    fn get(&self, place: &str) -> &'a Value {
        self.document.pointer(place).unwrap_or(&Value::Null)
    }

    fn report(&self, place: &str, message: impl FnOnce() -> String) {
        self.tally.report(rules::NODE_ARRAY_METADATA, || pointer(self.file, place), message);
    }

    fn expected(&self, place: &str, what: &str) {
        self.report(place, || format!("expected {what}, found {}", show(self.get(place))));
    }

    fn text(&self, place: &str) -> Option<&'a str> {
        let text = self.get(place).as_str();
        if text.is_none() {
            self.expected(place, "a string");
        }
        text
    }

    /// A list of sizes, none below `least` and not absurdly many.
    fn sizes(&self, place: &str, least: u64) -> Option<Vec<u64>> {
        let size = |value| as_integer(value).and_then(|size| u64::try_from(size).ok());
        let items = self.get(place).as_array();
        let sizes: Option<Vec<_>> = items.and_then(|items| items.iter().map(size).collect());
        let sizes = sizes.filter(|sizes| {
            sizes.len() <= MAX_DIMENSIONS && sizes.iter().all(|size| *size >= least)
        });
        if sizes.is_none() {
            let what = format!("at most {MAX_DIMENSIONS} integers from {least} up");
            self.expected(place, &what);
        }
        sizes
    }

    /// A data type: a name, or for structured types whatever it is, as text.
    fn data_type(&self, place: &str) -> Option<String> {
        match self.get(place) {
            Value::Null => {
                self.expected(place, "a data type");
                None
            }
            Value::String(name) => Some(name.clone()),
            other => Some(other.to_string()),
        }
    }

    fn separator(&self, text: &str) -> Option<char> {
        match text {
            "/" => Some('/'),
            "." => Some('.'),
            _ => {
                self.report("", || {
                    format!("expected the separator \"/\" or \".\", found {text:?}")
                });
                None
            }
        }
    }

    fn encoding(&self) -> Option<KeyEncoding> {
        let name = self.text("/chunk_key_encoding/name")?;
        let has_prefix = match name {
            "default" => true,
            "v2" => false,
            _ => {
                self.report("/chunk_key_encoding/name", || format!("unknown encoding {name:?}"));
                return None;
            }
        };
        let separator = match self.get("/chunk_key_encoding/configuration/separator") {
            Value::Null => {
                if has_prefix {
                    "/"
                } else {
                    "."
                }
            }
            _ => self.text("/chunk_key_encoding/configuration/separator")?,
        };
        Some(KeyEncoding { has_prefix, separator: self.separator(separator)? })
    }
}
