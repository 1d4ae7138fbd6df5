//! `scene` of 0.6: how the coordinate systems of several images relate.

use super::{systems, transforms};
use crate::ngff::{cursor::Cursor, rules};

pub(super) fn check(scene: &Cursor<'_>) {
    if scene.object(rules::SCENE).is_none() {
        return;
    }
    if let Some(list) = scene.get("coordinateSystems") {
        systems::check(&list, 0, rules::SYSTEM_REPEATED);
    }
    if let Some(list) = scene.required("coordinateTransformations", rules::SCENE) {
        transforms::check_list(&list, transforms::scene_ends);
    }
}
