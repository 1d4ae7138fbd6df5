//! Label images: they stand below the image they belong to, which lists them.

use serde_json::{Map, Value, json};

use super::{
    NgffVersion, ZarrBackend,
    create::labels_group,
    metadata::{self, Node, attributes_file, open_node},
    store::{join, split},
};
use crate::{
    Error, ErrorKind, Result, VirtualPath, WriteMode,
    model::{ImageKind, ImageStructure},
    natural,
};

/// Most bytes of the attributes of a list of labels.
const MAX_LIST_BYTES: u64 = 16 << 20;

/// Where a label image stands.
#[derive(Debug)]
pub(super) struct LabelPlace {
    /// The directory of the image's labels.
    labels: String,
    /// The label image's name in it.
    name: String,
    /// The version that the image is written in; its labels are too.
    pub(super) version: NgffVersion,
    /// Levels of the image; NGFF wants its labels to have as many.
    n_levels: u32,
}

impl ZarrBackend {
    /// Where `path` stands among the labels of an image; `None` for other paths.
    pub(super) fn label_place(&self, path: &VirtualPath) -> Result<Option<LabelPlace>> {
        let (labels, name) = split(path.relative());
        let (above, folder) = split(labels);
        if folder != "labels" || name.is_empty() {
            return Ok(None);
        }
        let image = VirtualPath::parse(above)?;
        let located = match self.image_at(&image) {
            Ok(located) => located,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(located.filter(|image| image.structure.kind != ImageKind::Labels).map(|image| {
            let version = image.layout.version;
            let n_levels = image.structure.n_levels;
            LabelPlace { labels: labels.to_owned(), name: name.to_owned(), version, n_levels }
        }))
    }

    /// The label images of the image at `image`: those that are listed and those that are
    /// there. A list that cannot be read, or is lost, is among them, at its own path.
    pub(super) fn labels_of(&self, image: &VirtualPath) -> Result<Vec<VirtualPath>> {
        let folder = image.join("labels")?;
        let mut names: Vec<String> = Vec::new();
        let mut found = Vec::new();
        let list = match open_node(&self.store, folder.relative(), self.options.version) {
            Ok(Some(Node::Group(_, group))) => group.labels,
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                found.push(folder.clone());
                Some(Vec::new())
            }
            Err(error) => return Err(error),
        };
        let listed = self.store.list(folder.relative())?.unwrap_or_default();
        names.extend(listed.into_iter().filter(|entry| entry.is_directory).map(|entry| entry.name));
        // The list of labels that are there is lost.
        if list.is_none() && !names.is_empty() {
            found.push(folder.clone());
        }
        names.extend(list.unwrap_or_default());
        names.sort_by(|a, b| natural::compare(a, b));
        names.dedup();
        // Names that lead elsewhere are no label images of this one.
        found.extend(names.iter().filter_map(|name| folder.join(name).ok()));
        Ok(found)
    }

    /// Enters a label image into the list of its image.
    pub(super) fn register_label(&self, place: &LabelPlace) -> Result<()> {
        self.change_list(place, |names| {
            if !names.contains(&place.name) {
                names.push(place.name.clone());
            }
        })
    }

    /// Takes a label image off the list of its image.
    pub(super) fn unregister_label(&self, place: &LabelPlace) -> Result<()> {
        self.change_list(place, |names| names.retain(|name| *name != place.name))
    }

    /// Rewrites the list under a lock, so that no name is lost that another writer enters.
    /// Everything else in the file stays as it is.
    fn change_list(&self, place: &LabelPlace, change: impl FnOnce(&mut Vec<String>)) -> Result<()> {
        let directory = self.writer()?;
        let _lock = directory.lock(&place.labels)?;
        let mut touched = Vec::new();
        let mut put = |file: &str, content: &[u8]| {
            let staged = directory.stage(content, self.is_synced())?;
            staged.publish(&join(&place.labels, file), WriteMode::Overwrite, &mut touched)
        };
        let file = attributes_file(place.version);
        let path = join(&place.labels, file);
        match self.store.read(&path, MAX_LIST_BYTES)? {
            Some(json) => {
                let mut group: Value = serde_json::from_slice(&json).map_err(|error| {
                    Error::invalid_data("list of labels is malformed")
                        .with_path(path)
                        .with_source(error)
                })?;
                let slot = list_in(&mut group, place.version)?;
                let mut names: Vec<String> =
                    serde_json::from_value(slot.take()).unwrap_or_default();
                let before = names.clone();
                change(&mut names);
                let is_same = names == before;
                *slot = json!(names);
                if is_same {
                    return Ok(());
                }
                put(file, &metadata::to_json(&group))?;
            }
            None => {
                let mut names = Vec::new();
                change(&mut names);
                for (file, content) in labels_group(place.version, &names) {
                    put(file, &content)?;
                }
            }
        }
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }
}

/// The place of the list in a group's attributes, made if it is not there.
fn list_in(group: &mut Value, version: NgffVersion) -> Result<&mut Value> {
    let malformed = || Error::invalid_data("attributes of the labels are malformed");
    let below = |value: &'static str| {
        move |group: &mut Map<String, Value>| {
            group.entry(value).or_insert_with(|| Value::Object(Map::new()));
        }
    };
    let mut attributes = group.as_object_mut().ok_or_else(malformed)?;
    if version == NgffVersion::V05 {
        for key in ["attributes", "ome"] {
            below(key)(attributes);
            attributes =
                attributes.get_mut(key).and_then(Value::as_object_mut).ok_or_else(malformed)?;
        }
        attributes.entry("version").or_insert_with(|| json!(version.as_str()));
    }
    Ok(attributes.entry("labels").or_insert(Value::Null))
}

/// Makes a label image of what is declared below an image's labels, with as many levels as
/// the image has.
///
/// # Errors
/// `InvalidInput` for numbers with a point, which name no objects, and for another number of
/// levels than the image has.
pub(super) fn as_labels(image: &mut ImageStructure, place: &LabelPlace) -> Result<()> {
    if !image.pixel_type.is_integer() {
        return Err(Error::invalid_input(format!(
            "labels are whole numbers, but the image has {} pixels",
            image.pixel_type
        ))
        .with_path(&image.path)
        .with_hint("use uint32, which holds any number of objects"));
    }
    if ![1, place.n_levels].contains(&image.n_levels) {
        return Err(Error::invalid_input(format!(
            "labels have as many levels as their image, {}, not {}",
            place.n_levels, image.n_levels
        ))
        .with_path(&image.path)
        .with_hint("declare 1 level, which stands for as many as the image has"));
    }
    image.n_levels = place.n_levels;
    image.kind = ImageKind::Labels;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_changed_in_place() {
        let mut group = json!({ "attributes": { "other": 1 } });
        *list_in(&mut group, NgffVersion::V05).unwrap() = json!(["a"]);
        let expected = json!({
            "attributes": { "other": 1, "ome": { "version": "0.5", "labels": ["a"] } }
        });
        assert_eq!(group, expected);
        let mut group = json!({ "labels": ["a"] });
        assert_eq!(*list_in(&mut group, NgffVersion::V04).unwrap(), json!(["a"]));
        assert!(list_in(&mut json!([]), NgffVersion::V04).is_err());
        assert!(list_in(&mut json!({ "attributes": 5 }), NgffVersion::V05).is_err());
    }
}
