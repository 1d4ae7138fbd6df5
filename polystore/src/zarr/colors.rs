//! Colours of label images. NGFF recommends that `image-label` lists one for each label, and
//! viewers that find such a list show what is not in it as background: so it grows with the
//! labels that are written, and is left out where there are too many.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    NgffVersion, ZarrBackend,
    image::OpenImage,
    metadata::{attributes_file, to_json},
    store::join,
};
use crate::{
    Error, Plane, PlaneIndex, PlaneRequest, Result, WriteMode, dispatch, model::ImageKind,
};

/// Most labels that get a colour: the list is read with the image, every time.
const MAX_COLORS: usize = 1 << 14;
/// Most bytes of the attributes of a label image that are rewritten.
const MAX_JSON_BYTES: u64 = 64 << 20;

impl ZarrBackend {
    /// Gives the labels in planes of label images that were just written a colour, unless they
    /// have one.
    pub(super) fn color_labels(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        let mut images = BTreeMap::new();
        for (request, plane) in planes {
            let image = self.locate(&request.path, PlaneIndex::default())?.image;
            if image.structure.kind == ImageKind::Labels {
                let (_, planes) =
                    images.entry(image.name.clone()).or_insert_with(|| (image, Vec::new()));
                planes.push(plane);
            }
        }
        images.into_values().try_for_each(|(image, planes)| self.color(&image, &planes))
    }

    fn color(&self, image: &OpenImage, planes: &[&Plane]) -> Result<()> {
        let mut labels = BTreeSet::from([0]);
        for plane in planes {
            if !add_labels(&mut labels, plane)? {
                break;
            }
        }
        let directory = self.writer()?;
        let _lock = directory.lock(&image.name)?;
        let version = image.layout.version;
        let file = join(&image.name, attributes_file(version));
        let Some(text) = self.store.read(&file, MAX_JSON_BYTES)? else { return Ok(()) };
        let mut group: Value = serde_json::from_slice(&text).map_err(|error| {
            Error::invalid_data("metadata of the label image is malformed")
                .with_path(&file)
                .with_source(error)
        })?;
        let place = match version {
            NgffVersion::V04 => "/image-label",
            NgffVersion::V05 => "/attributes/ome/image-label",
        };
        let Some(label) = group.pointer_mut(place).and_then(Value::as_object_mut) else {
            return Ok(());
        };
        let listed = label.get("colors").and_then(Value::as_array).cloned().unwrap_or_default();
        let known: BTreeSet<i64> =
            listed.iter().filter_map(|color| color.get("label-value")?.as_i64()).collect();
        let more: Vec<i64> = labels.difference(&known).copied().collect();
        if more.is_empty() {
            return Ok(());
        }
        if listed.len() + more.len() > MAX_COLORS {
            if label.remove("colors").is_none() {
                return Ok(());
            }
        } else {
            let mut colors = listed;
            colors.extend(more.into_iter().map(color));
            label.insert("colors".to_owned(), json!(colors));
        }
        let mut touched = Vec::new();
        let staged = directory.stage(&to_json(&group), self.is_synced())?;
        staged.publish(&file, WriteMode::Overwrite, &mut touched)?;
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }
}

/// Adds the values of a plane; false when there are too many of them.
fn add_labels(labels: &mut BTreeSet<i64>, plane: &Plane) -> Result<bool> {
    if !plane.pixel_type().is_integer() {
        return Ok(true);
    }
    dispatch!(plane.pixel_type(), T => {
        // Neighbours are mostly of one object.
        let mut last = None;
        for &value in plane.as_slice::<T>()? {
            if last.replace(value) != Some(value) {
                labels.insert(value as i64);
                if labels.len() > MAX_COLORS {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    })
}

/// The entry of a label: background is transparent, and neighbouring numbers look different.
pub(super) fn color(label: i64) -> Value {
    let rgba = match label {
        0 => [0, 0, 0, 0],
        _ => {
            // Steps of the golden ratio around the circle of hues never meet again.
            let hue = (label as f64 * 0.618_033_988_75).rem_euclid(1.0) * 6.0;
            let value = |shift: f64| {
                let distance = ((hue + shift).rem_euclid(6.0) - 3.0).abs() - 1.0;
                // Never darker than a quarter, so that it is seen on black.
                (64.0 + 191.0 * distance.clamp(0.0, 1.0)) as u8
            };
            [value(0.0), value(4.0), value(2.0), 255]
        }
    };
    json!({ "label-value": label, "rgba": rgba })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType, VirtualBackend, VirtualBackendExt, VirtualPath,
        model::{ImageStructure, Sizes},
        ndarray::Array2,
        zarr::ZarrOptions,
    };

    #[test]
    fn labels_get_colors_as_they_are_written() {
        for version in [NgffVersion::V04, NgffVersion::V05] {
            let folder = tempfile::tempdir().unwrap();
            let options = ZarrOptions { version, ..ZarrOptions::default() };
            let store = ZarrBackend::create(folder.path(), options).unwrap();
            let path = VirtualPath::parse("/0").unwrap();
            let sizes = Sizes::new(1, 1, 1, 8, 8);
            let image = ImageStructure::new(path.clone(), PixelType::U16, sizes);
            store.create_image(&path, &image).unwrap();
            let label = VirtualPath::parse("/0/labels/n").unwrap();
            let image = ImageStructure::new(label.clone(), PixelType::U32, sizes);
            store.create_image(&label, &image).unwrap();
            let values = || -> Vec<i64> {
                let file = folder.path().join("0/labels/n").join(attributes_file(version));
                let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
                let label = json.pointer("/attributes/ome/image-label");
                let colors = label.unwrap_or(&json["image-label"])["colors"].as_array().unwrap();
                colors.iter().map(|color| color["label-value"].as_i64().unwrap()).collect()
            };
            assert_eq!(values(), [0]);
            for (top, expected) in
                [(2u32, vec![0, 1, 2]), (1, vec![0, 1, 2]), (3, vec![0, 1, 2, 3])]
            {
                let pixels = Array2::from_shape_fn((8, 8), |(y, _)| (y as u32).min(top));
                let request = PlaneRequest::new(label.clone(), PlaneIndex::default());
                store.write_plane(request, Plane::from_array(pixels)).unwrap();
                assert_eq!(values(), expected);
            }
            // The label image is still the one that was declared.
            store.create_image(&label, &image).unwrap();
        }
        assert_ne!(color(1), color(2));
    }
}
