//! A small plate without a fault, in memory, that tests break in one place each.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    ngff::{Options, Report, StoreEntry, StoreEntryKind, StoreReader, Version, validate_store},
};

/// A store of files by key.
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

/// A plate of three wells, `A/1`, `A/2` and `B/1`, with one image for each of two
/// acquisitions, two channels, two levels, and a label image `nuclei` in `A/1/0`.
#[derive(Clone, Debug)]
pub(super) struct Fixture {
    pub(super) version: Version,
    pub(super) store: MapStore,
}

impl Fixture {
    pub(super) fn plate(version: Version) -> Self {
        let mut fixture = Self { version, store: MapStore::default() };
        fixture.group("", json!({"plate": plate()}));
        for row in ["A", "B"] {
            fixture.group(row, json!({}));
        }
        for well in ["A/1", "A/2", "B/1"] {
            fixture.well(well);
        }
        fixture.labels("A/1/0");
        fixture
    }

    fn well(&mut self, well: &str) {
        let images = json!([{"path": "0", "acquisition": 0}, {"path": "1", "acquisition": 1}]);
        self.group(well, json!({"well": {"version": "0.4", "images": images}}));
        for image in ["0", "1"] {
            self.image(&format!("{well}/{image}"));
        }
    }

    pub(super) fn image(&mut self, image: &str) {
        self.group(image, json!({"multiscales": [multiscale(self.version)], "omero": omero()}));
        for (level, size) in [("0", 32), ("1", 16)] {
            self.array(&format!("{image}/{level}"), size, "<u2");
        }
    }

    pub(super) fn labels(&mut self, image: &str) {
        self.group(&format!("{image}/labels"), json!({"labels": ["nuclei"]}));
        self.label(&format!("{image}/labels/nuclei"));
    }

    pub(super) fn label(&mut self, label: &str) {
        let image_label = json!({
            "version": "0.4",
            "colors": [{"label-value": 1, "rgba": [255, 0, 0, 255]}],
            "properties": [{"label-value": 1, "name": "cell"}],
            "source": {"image": "../../"},
        });
        self.group(
            label,
            json!({"multiscales": [multiscale(self.version)], "image-label": image_label}),
        );
        for (level, size) in [("0", 32), ("1", 16)] {
            self.array(&format!("{label}/{level}"), size, "<u4");
        }
    }

    /// A group with OME metadata, in the layout of the version.
    pub(super) fn group(&mut self, dir: &str, mut metadata: Value) {
        let is_empty = metadata.as_object().is_some_and(serde_json::Map::is_empty);
        if self.version == Version::V04 {
            self.put_json(&key(dir, ".zgroup"), &json!({"zarr_format": 2}));
            self.store.0.remove(&key(dir, ".zattrs"));
            if !is_empty {
                self.put_json(&key(dir, ".zattrs"), &metadata);
            }
            return;
        }
        metadata["version"] = json!(self.version.as_str());
        let attributes = if is_empty { json!({}) } else { json!({"ome": metadata}) };
        let group = json!({"zarr_format": 3, "node_type": "group", "attributes": attributes});
        self.put_json(&key(dir, "zarr.json"), &group);
    }

    /// An array of two channels with a chunk for each, all written.
    fn array(&mut self, dir: &str, size: u64, data_type: &str) {
        let chunks = [1, size, size];
        let shape = [2, size, size];
        let (name, document, prefix) = if self.version == Version::V04 {
            let document = json!({
                "zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": data_type,
                "fill_value": 0, "order": "C", "compressor": null, "filters": null,
                "dimension_separator": "/",
            });
            (".zarray", document, "")
        } else {
            let data_type = if data_type == "<u2" { "uint16" } else { "uint32" };
            let document = json!({
                "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": data_type,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                "fill_value": 0, "dimension_names": ["c", "y", "x"],
            });
            ("zarr.json", document, "c/")
        };
        self.put_json(&key(dir, name), &document);
        for channel in 0..2 {
            self.put(&key(dir, &format!("{prefix}{channel}/0/0")), b"data");
        }
    }

    pub(super) fn put(&mut self, key: &str, bytes: &[u8]) {
        self.store.0.insert(key.to_owned(), bytes.to_vec());
    }

    fn put_json(&mut self, key: &str, value: &Value) {
        self.put(key, value.to_string().as_bytes());
    }

    /// Removes a file, or a folder with all that is in it.
    pub(super) fn remove(&mut self, name: &str) {
        let below = format!("{name}/");
        let before = self.store.0.len();
        self.store.0.retain(|key, _| key != name && !key.starts_with(&below));
        assert!(self.store.0.len() < before, "there is no {name}");
    }

    /// Changes the JSON of a file.
    pub(super) fn edit_file(&mut self, key: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&self.store.0[key]).unwrap();
        change(&mut value);
        self.put_json(key, &value);
    }

    /// Changes the OME metadata of a group.
    pub(super) fn edit(&mut self, dir: &str, change: impl FnOnce(&mut Value)) {
        match self.version {
            Version::V04 => self.edit_file(&key(dir, ".zattrs"), change),
            _ => self
                .edit_file(&key(dir, "zarr.json"), |node| change(&mut node["attributes"]["ome"])),
        }
    }

    /// Changes the metadata of an array, where `v2` and `v3` name the same field.
    pub(super) fn edit_array(&mut self, dir: &str, v2: &str, v3: &str, value: Value) {
        let (name, place) = match self.version {
            Version::V04 => (".zarray", v2),
            _ => ("zarr.json", v3),
        };
        self.edit_file(&key(dir, name), |node| *node.pointer_mut(place).unwrap() = value);
    }

    /// The key of a chunk of an array.
    pub(super) fn chunk(&self, dir: &str, position: &str) -> String {
        let prefix = if self.version == Version::V04 { "" } else { "c/" };
        key(dir, &format!("{prefix}{position}"))
    }

    /// Adds consolidated metadata that agree with everything there is.
    pub(super) fn consolidate(&mut self) {
        let document = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).unwrap();
        if self.version == Version::V04 {
            let is_metadata = |key: &str| key.rsplit('/').next().unwrap().starts_with(".z");
            let files = self.store.0.iter().filter(|(key, _)| is_metadata(key));
            let mut entries: serde_json::Map<_, _> =
                files.map(|(key, bytes)| (key.clone(), document(bytes))).collect();
            // As zarr-python 3 writes it.
            entries["A/.zgroup"]["consolidated_metadata"] = json!({"kind": "inline"});
            let value = json!({"zarr_consolidated_format": 1, "metadata": entries});
            return self.put_json(".zmetadata", &value);
        }
        let nodes = self.store.0.iter();
        let nodes = nodes.filter_map(|(key, bytes)| Some((key.strip_suffix("/zarr.json")?, bytes)));
        let entries: serde_json::Map<_, _> =
            nodes.map(|(dir, bytes)| (dir.to_owned(), document(bytes))).collect();
        let value = json!({"kind": "inline", "must_understand": false, "metadata": entries});
        self.edit_file("zarr.json", |root| root["consolidated_metadata"] = value);
    }

    pub(super) fn report(&self) -> Report {
        validate_store(&self.store, &Options::default())
    }
}

pub(super) fn key(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

fn plate() -> Value {
    let acquisition = |id| {
        json!({
            "id": id, "name": format!("run {id}"), "maximumfieldcount": 1,
            "starttime": 1_700_000_000, "endtime": 1_700_003_600,
        })
    };
    json!({
        "version": "0.4",
        "name": "test",
        "field_count": 2,
        "acquisitions": [acquisition(0), acquisition(1)],
        "rows": [{"name": "A"}, {"name": "B"}],
        "columns": [{"name": "1"}, {"name": "2"}, {"name": "3"}],
        "wells": [
            {"path": "A/1", "rowIndex": 0, "columnIndex": 0},
            {"path": "A/2", "rowIndex": 0, "columnIndex": 1},
            {"path": "B/1", "rowIndex": 1, "columnIndex": 0},
        ],
    })
}

fn multiscale(version: Version) -> Value {
    let axes = json!([
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]);
    let level = |path: &str, size: f64| {
        let mut scale = json!({"type": "scale", "scale": [1.0, size, size]});
        if version == Version::V06Rc0 {
            scale["input"] = json!({"path": path});
            scale["output"] = json!({"name": "physical"});
        }
        json!({"path": path, "coordinateTransformations": [scale]})
    };
    let mut multiscale = json!({
        "version": "0.4", "name": "image", "type": "mean", "metadata": {},
        "datasets": [level("0", 0.5), level("1", 1.0)],
    });
    match version {
        Version::V06Rc0 => {
            multiscale["coordinateSystems"] = json!([{"name": "physical", "axes": axes}]);
        }
        _ => multiscale["axes"] = axes,
    }
    multiscale
}

fn omero() -> Value {
    let channel = |label: &str| {
        json!({
            "label": label, "color": "00FF00", "active": true,
            "window": {"start": 0, "end": 255, "min": 0, "max": 65535},
        })
    };
    json!({"channels": [channel("DAPI"), channel("GFP")]})
}
