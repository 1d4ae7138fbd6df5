//! NGFF metadata, typed: read leniently in all versions, written strictly in 0.4 and 0.5.

mod axes;
mod extra;
mod labels;
mod multiscales;
mod omero;
mod plate;
mod units;
mod well;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

pub(super) use axes::Axes;
pub(super) use extra::{ChannelExtra, Extra, ImageExtra, PlateExtra};
pub(super) use labels::image_label;
pub(super) use multiscales::{Multiscale, MultiscaleJson, multiscales};
pub(super) use omero::{OmeroJson, omero, window_of};
pub(super) use plate::{Grid, PlateJson, WellEntry, column_name, plate};
pub(super) use well::{WellImage, WellJson, well};

use super::{
    NgffVersion,
    array::Array,
    store::{Store, join},
};
use crate::{Error, Result};

/// Most bytes of the metadata of a group; a plate of 1536 wells takes 100 KB.
const MAX_GROUP_JSON_BYTES: u64 = 64 << 20;
/// Name of the attribute that keeps what NGFF has no place for.
pub(super) const EXTRA: &str = "polystore";

/// A group's attributes: all of NGFF that is read, each part if it is there, and our own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Group {
    pub(super) plate: Option<PlateJson>,
    pub(super) well: Option<WellJson>,
    pub(super) multiscales: Option<Vec<MultiscaleJson>>,
    #[serde(default, deserialize_with = "or_none")]
    pub(super) omero: Option<OmeroJson>,
    #[serde(default, deserialize_with = "or_none")]
    pub(super) labels: Option<Vec<String>>,
    #[serde(rename = "image-label")]
    pub(super) image_label: Option<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "or_none", rename = "polystore")]
    pub(super) extra: Option<Extra>,
}

/// What a directory of a store is.
#[derive(Debug)]
pub(super) enum Node {
    Group(NgffVersion, Box<Group>),
    Array(Box<Array>),
}

#[derive(Deserialize)]
struct V3Json {
    node_type: String,
    #[serde(default)]
    attributes: Option<V3Attributes>,
}

/// Zarr v3 keeps NGFF's attributes one level down.
#[derive(Default, Deserialize)]
struct V3Attributes {
    ome: Option<Group>,
    #[serde(default, deserialize_with = "or_none", rename = "polystore")]
    extra: Option<Extra>,
}

/// A part of the metadata that may be left out: what does not have its form counts as absent.
fn or_none<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// What is in the directory `name`; `None` when it is no node of a zarr hierarchy.
/// `prefer` says which version's files are looked for first.
///
/// # Errors
/// `InvalidData` naming the file whose content is malformed.
pub(super) fn open_node(store: &Store, name: &str, prefer: NgffVersion) -> Result<Option<Node>> {
    let [first, second] = match prefer {
        NgffVersion::V04 => [open_v2, open_v3],
        NgffVersion::V05 => [open_v3, open_v2],
    };
    match first(store, name)? {
        Some(node) => Ok(Some(node)),
        None => second(store, name),
    }
}

fn open_v3(store: &Store, name: &str) -> Result<Option<Node>> {
    let path = join(name, "zarr.json");
    let Some(json) = store.read(&path, MAX_GROUP_JSON_BYTES)? else { return Ok(None) };
    parse_v3(&json).map(Some).map_err(|error| error.with_path(path))
}

/// Reads a `zarr.json`.
pub(super) fn parse_v3(json: &[u8]) -> Result<Node> {
    let parsed: V3Json = serde_json::from_slice(json).map_err(malformed)?;
    if parsed.node_type == "array" {
        let array = Array::parse(json, NgffVersion::V05)?;
        return array
            .map(|array| Node::Array(Box::new(array)))
            .ok_or_else(|| Error::internal("an array's description was taken for a group's"));
    }
    let V3Attributes { ome, extra } = parsed.attributes.unwrap_or_default();
    let group = Group { extra, ..ome.unwrap_or_default() };
    Ok(Node::Group(NgffVersion::V05, Box::new(group)))
}

fn open_v2(store: &Store, name: &str) -> Result<Option<Node>> {
    let path = join(name, ".zattrs");
    if let Some(json) = store.read(&path, MAX_GROUP_JSON_BYTES)? {
        let group = parse_v2(&json).map_err(|error| error.with_path(path))?;
        if !group.is_plain() {
            return Ok(Some(Node::Group(NgffVersion::V04, Box::new(group))));
        }
    }
    let path = join(name, ".zarray");
    if let Some(json) = store.read(&path, super::array::MAX_ARRAY_JSON_BYTES)? {
        let array = Array::parse(&json, NgffVersion::V04).map_err(|error| error.with_path(path))?;
        return Ok(array.map(|array| Node::Array(Box::new(array))));
    }
    let is_group = store.look(&join(name, ".zgroup"))?.is_some();
    Ok(is_group.then(|| Node::Group(NgffVersion::V04, Box::default())))
}

/// Reads the `.zattrs` of a group.
pub(super) fn parse_v2(json: &[u8]) -> Result<Group> {
    serde_json::from_slice(json).map_err(malformed)
}

fn malformed(error: serde_json::Error) -> Error {
    Error::invalid_data("metadata is not as NGFF has it").with_source(error)
}

impl Group {
    /// Whether it has nothing of NGFF.
    pub(super) fn is_plain(&self) -> bool {
        self.plate.is_none()
            && self.well.is_none()
            && self.multiscales.is_none()
            && self.labels.is_none()
    }

    /// Whether it is an image.
    pub(super) fn is_image(&self) -> bool {
        self.multiscales.as_ref().is_some_and(|images| !images.is_empty())
    }
}

/// The files that make a group of `version` with `ome` attributes and extra ones.
pub(super) fn group_files(
    version: NgffVersion,
    ome: Map<String, Value>,
    extra: &Extra,
) -> Vec<(&'static str, Vec<u8>)> {
    let extra = (!extra.is_empty()).then(|| json!(extra));
    match version {
        NgffVersion::V04 => {
            let mut files = vec![(".zgroup", to_json(&json!({ "zarr_format": 2 })))];
            let mut attributes = ome;
            attributes.extend(extra.map(|extra| (EXTRA.to_owned(), extra)));
            if !attributes.is_empty() {
                files.push((".zattrs", to_json(&Value::Object(attributes))));
            }
            files
        }
        NgffVersion::V05 => {
            let mut attributes = Map::new();
            if !ome.is_empty() {
                let mut versioned = Map::new();
                versioned.insert("version".to_owned(), json!(version.as_str()));
                versioned.extend(ome);
                attributes.insert("ome".to_owned(), Value::Object(versioned));
            }
            attributes.extend(extra.map(|extra| (EXTRA.to_owned(), extra)));
            let group = json!({ "zarr_format": 3, "node_type": "group", "attributes": attributes });
            vec![("zarr.json", to_json(&group))]
        }
    }
}

/// The file that holds the attributes of a group of `version`.
pub(super) fn attributes_file(version: NgffVersion) -> &'static str {
    match version {
        NgffVersion::V04 => ".zattrs",
        NgffVersion::V05 => "zarr.json",
    }
}

/// JSON as it is written: indented, for people.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Cannot fail: keys are text, and numbers that JSON does not have become null.
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

/// A map of the entries that have a value.
fn map<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_parts_that_are_malformed_count_as_absent() {
        let text = br#"{"multiscales": [{"datasets": [{"path": "0"}]}], "omero": 5, "labels": 1,
            "polystore": "x", "other": {"a": [1]}}"#;
        let group = parse_v2(text).unwrap();
        assert!(group.is_image() && group.omero.is_none() && group.labels.is_none());
        assert!(parse_v2(br#"{"plate": 5}"#).is_err());
        assert!(parse_v2(br#"{"multiscales": [{}]}"#).is_err());
        assert!(parse_v2(b"\xff").is_err());
    }

    #[test]
    fn deep_json_is_an_error_and_no_overflow() {
        for open in ["[", "{\"plate\":", "{\"a\":"] {
            let text = open.repeat(200_000);
            assert!(parse_v2(text.as_bytes()).is_err());
            assert!(parse_v3(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn groups_round_trip_in_both_versions() {
        let extra = Extra {
            plate: Some(PlateExtra { microscope: "m".into(), ..PlateExtra::default() }),
            ..Extra::default()
        };
        let ome = map([("labels", Some(json!(["a"]))), ("well", None)]);
        let v2 = group_files(NgffVersion::V04, ome.clone(), &extra);
        assert_eq!(v2.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [".zgroup", ".zattrs"]);
        let group = parse_v2(&v2[1].1).unwrap();
        assert_eq!(group.labels.unwrap(), ["a"]);
        assert_eq!(group.extra.as_ref(), Some(&extra));
        let v3 = group_files(NgffVersion::V05, ome, &extra);
        let Node::Group(NgffVersion::V05, group) = parse_v3(&v3[0].1).unwrap() else {
            panic!("not a group")
        };
        assert_eq!(group.labels.unwrap(), ["a"]);
        assert_eq!(group.extra.as_ref(), Some(&extra));
        assert_eq!(group_files(NgffVersion::V04, Map::new(), &Extra::default()).len(), 1);
    }
}
