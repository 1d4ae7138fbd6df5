//! `well`: the images of its fields.

use std::collections::HashMap;

use super::{check_version_04, is_alphanumeric};
use crate::ngff::{
    Version,
    cursor::Cursor,
    json::{canonical, quote},
    report::Location,
    rules,
};

/// The images of a well.
#[derive(Clone, Debug, Default)]
pub(in crate::ngff) struct WellModel {
    pub(in crate::ngff) images: Vec<FieldModel>,
}

/// An image as its well lists it.
#[derive(Clone, Debug)]
pub(in crate::ngff) struct FieldModel {
    pub(in crate::ngff) path: String,
    pub(in crate::ngff) acquisition: Option<i128>,
    pub(in crate::ngff) location: Location,
}

pub(super) fn check(well: &Cursor<'_>, version: Version) -> Option<WellModel> {
    well.object(rules::WELL)?;
    check_version_04(well, version, rules::WELL_VERSION, Some(rules::WELL_VERSION_RECOMMENDED));
    let list = well.required("images", rules::WELL_IMAGES)?;
    let items = list.items_from(1, rules::WELL_IMAGES)?;
    list.distinct(&items, rules::WELL_IMAGE_REPEATED);
    Some(WellModel { images: check_images(&items, version) })
}

fn check_images(items: &[Cursor<'_>], version: Version) -> Vec<FieldModel> {
    let mut seen = HashMap::new();
    let mut images = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(image) = check_image(item, version) else { continue };
        let first = *seen.entry(image.path.clone()).or_insert(index);
        if first == index {
            images.push(image);
        } else if canonical(item.value()) != canonical(items[first].value()) {
            item.report(rules::WELL_IMAGE_DUPLICATE, || {
                format!("{} is also item {first}", quote(&image.path))
            });
        }
    }
    images
}

fn check_image(item: &Cursor<'_>, version: Version) -> Option<FieldModel> {
    item.object(rules::WELL_IMAGES)?;
    let acquisition =
        item.get("acquisition").and_then(|id| id.integer(rules::WELL_IMAGE_ACQUISITION));
    let path = item.required("path", rules::WELL_IMAGE_PATH)?;
    let text = match version {
        Version::V06Rc0 => path.text_like(rules::WELL_IMAGE_PATH, WIDE, is_wide_name)?,
        _ => path.text_like(rules::WELL_IMAGE_PATH, "letters and digits only", is_alphanumeric)?,
    };
    Some(FieldModel { path: text.to_owned(), acquisition, location: item.location() })
}

const WIDE: &str = "letters, digits, `_`, `.` and `-`, not dots only and not starting with `__`";

/// Whether 0.6 takes a name for an image.
fn is_wide_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty()
        && text.bytes().all(allowed)
        && text.bytes().any(|byte| byte != b'.')
        && !text.starts_with("__")
}
