//! `image-label`: what says that an image holds object numbers.

use serde_json::{Value, json};

use crate::zarr::NgffVersion;

/// The `image-label` of a label image; `source` is the way to the image it belongs to.
///
/// It lists no `colors`, though NGFF recommends them: viewers show labels that such a list
/// lacks as background, so it would have to be rewritten with each plane, and with thousands
/// of objects in a field it is larger than the pixels. Without a list viewers choose colours.
pub(in super::super) fn image_label(version: NgffVersion, source: Option<&str>) -> Value {
    let version = (version == NgffVersion::V04).then(|| json!(version.as_str()));
    let source = source.map(|image| json!({ "image": image }));
    Value::Object(super::map([("version", version), ("source", source)]))
}
