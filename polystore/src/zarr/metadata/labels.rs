//! `image-label`: what says that an image holds object numbers.

use serde_json::{Value, json};

use crate::zarr::{NgffVersion, colors::color};

/// The `image-label` of a label image; `source` is the way to the image it belongs to.
pub(in super::super) fn image_label(version: NgffVersion, source: Option<&str>) -> Value {
    let version = (version == NgffVersion::V04).then(|| json!(version.as_str()));
    let source = source.map(|image| json!({ "image": image }));
    let colors = Some(json!([color(0)]));
    Value::Object(super::map([("version", version), ("colors", colors), ("source", source)]))
}
