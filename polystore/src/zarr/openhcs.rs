//! Stores of PolyStore and OpenHCS: OME-Zarr 0.4 with attributes of their own on each array.
//!
//! The pixels are read like any other. Their attributes say what the numbers of NGFF do not:
//! which site an image is, and which channel of the microscope a channel is. With them the
//! planes have their OpenHCS names (`A01_s001_w1_z001_t001.tif`).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::store::{Store, join};
use crate::model::{Channel, ImageStructure, NamingScheme, OPENHCS_NAMING, PlateStructure};

/// Most bytes of an array's attributes.
const MAX_ATTRIBUTES_BYTES: u64 = 16 << 20;

/// The attributes of an array, in the names of today's and of older releases.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    #[serde(alias = "openhcs_filename_map")]
    polystore_filename_map: Value,
    #[serde(alias = "openhcs_dimensions")]
    polystore_dimensions: Value,
    #[serde(alias = "openhcs_image_coordinate")]
    polystore_image_coordinate: Value,
}

impl Attributes {
    fn read(store: &Store, array: &str) -> Option<Self> {
        let json = store.read(&join(array, ".zattrs"), MAX_ATTRIBUTES_BYTES).ok()??;
        let attributes: Self = serde_json::from_slice(&json).ok()?;
        attributes.polystore_filename_map.is_object().then_some(attributes)
    }

    /// The site that the image is, 0-based.
    fn field(&self) -> Option<u32> {
        let coordinates = self.polystore_image_coordinate.as_object()?;
        let site = ["field", "site", "f"].iter().find_map(|key| coordinates.get(*key));
        number(site.or_else(|| coordinates.values().next())?)?.checked_sub(1)
    }

    /// The microscope's numbers of the channels, from 1.
    fn channels(&self) -> Vec<Option<u32>> {
        let axis = self.polystore_dimensions.get("c").and_then(|axis| axis.get("values"));
        let values = axis.and_then(Value::as_array);
        values.map(|values| values.iter().map(number).collect()).unwrap_or_default()
    }
}

/// A number from 1, also as text.
fn number(value: &Value) -> Option<u32> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    number.filter(|&number| number > 0)
}

/// Adds what the attributes of a PolyStore plate say. Does nothing to other plates.
pub(super) fn refine(store: &Store, plate: &str, structure: &mut PlateStructure) {
    let folder = |image: &ImageStructure| join(&join(plate, image.path.relative()), "0");
    let Some((_, first)) = structure.images().next() else { return };
    if structure.microscope != "ngff-0.4" || Attributes::read(store, &folder(first)).is_none() {
        return;
    }
    structure.microscope = "openhcs".to_owned();
    structure.naming = OPENHCS_NAMING.name().to_owned();
    for well in &mut structure.wells {
        let found: Vec<_> =
            well.fields.iter().map(|image| Attributes::read(store, &folder(image))).collect();
        for (image, attributes) in well.fields.iter_mut().zip(&found) {
            let numbers = attributes.as_ref().map(Attributes::channels).unwrap_or_default();
            number_channels(image, &numbers);
        }
        let fields: Option<Vec<u32>> = found.iter().map(|found| found.as_ref()?.field()).collect();
        let Some(fields) = fields.filter(|fields| are_different(fields)) else { continue };
        for (image, field) in well.fields.iter_mut().zip(fields) {
            image.field = field;
        }
    }
}

fn number_channels(image: &mut ImageStructure, numbers: &[Option<u32>]) {
    if numbers.len() != image.channels.len() {
        return;
    }
    let expected = (1..).map(Some);
    if numbers.iter().copied().zip(expected).all(|(found, expected)| found == expected) {
        return;
    }
    let numbered = image.channels.iter().zip(numbers);
    let numbered = numbered.map(|(channel, number)| Channel { number: *number, ..channel.clone() });
    image.channels = numbered.collect::<Arc<[_]>>();
}

fn are_different(fields: &[u32]) -> bool {
    fields.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_both_names_are_read() {
        for prefix in ["polystore", "openhcs"] {
            let text = format!(
                r#"{{"{prefix}_filename_map": {{"a.tif": [0]}},
                "{prefix}_dimensions": {{"c": {{"size": 2, "values": ["1", "4"], "role": "array"}}}},
                "{prefix}_image_coordinate": {{"field": "3"}}}}"#
            );
            let attributes: Attributes = serde_json::from_str(&text).unwrap();
            assert_eq!(attributes.field(), Some(2));
            assert_eq!(attributes.channels(), [Some(1), Some(4)]);
        }
        let none: Attributes = serde_json::from_str("{}").unwrap();
        assert_eq!((none.field(), none.channels().len()), (None, 0));
    }
}
