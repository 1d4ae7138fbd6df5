//! Each rule of the metadata, broken in one place of a plate that is otherwise right.

use serde_json::{Value, json};

use super::{Break, assert_breaks, fixture::Fixture};
use crate::ngff::{Judge, Options, Version, validate_attributes, validate_store};

/// The rules that are broken, and nothing else, by a change. Done to 0.4 and to 0.5.
pub(super) const BREAKS: &[Break] = &[
    ("plate/object", |f| f.edit("", |m| m["plate"] = json!([]))),
    ("plate/name", |f| plate(f, |p| p["name"] = json!(1))),
    ("plate/name-missing", |f| plate(f, |p| remove(p, "name"))),
    ("plate/field_count", |f| plate(f, |p| p["field_count"] = json!(0))),
    ("plate/field_count-mismatch", |f| plate(f, |p| p["field_count"] = json!(3))),
    ("plate/acquisitions well/images/acquisition-undeclared", |f| {
        plate(f, |p| p["acquisitions"] = json!({}));
    }),
    ("plate/acquisitions/id well/images/acquisition-unknown", |f| {
        plate(f, |p| p["acquisitions"][1]["id"] = json!("1"));
    }),
    ("plate/acquisitions/duplicate-id well/images/acquisition-unknown", |f| {
        plate(f, |p| p["acquisitions"][1]["id"] = json!(0));
    }),
    ("plate/acquisitions/maximumfieldcount", |f| {
        plate(f, |p| p["acquisitions"][0]["maximumfieldcount"] = json!(1.5));
    }),
    ("plate/acquisitions/maximumfieldcount-mismatch", |f| {
        plate(f, |p| p["acquisitions"][0]["maximumfieldcount"] = json!(9));
    }),
    ("plate/acquisitions/text", |f| {
        plate(f, |p| p["acquisitions"][0]["description"] = json!(["x"]));
    }),
    ("plate/acquisitions/time", |f| {
        plate(f, |p| p["acquisitions"][0]["starttime"] = json!(-5));
    }),
    ("plate/acquisitions/time-order", |f| {
        plate(f, |p| p["acquisitions"][0]["endtime"] = json!(1));
    }),
    ("plate/acquisitions/milliseconds", |f| {
        plate(f, |p| p["acquisitions"][0]["endtime"] = json!(1_700_000_000_000_i64));
    }),
    ("plate/acquisitions/recommended", |f| {
        plate(f, |p| remove(&mut p["acquisitions"][0], "name"));
    }),
    ("plate/rows", |f| plate(f, |p| p["rows"] = json!("AB"))),
    ("plate/rows/name", |f| plate(f, |p| p["rows"][1]["name"] = json!("B-"))),
    ("plate/rows/repeated", |f| plate(f, |p| push(&mut p["rows"], json!({"name": "B"})))),
    ("plate/rows/duplicate-name", |f| {
        plate(f, |p| push(&mut p["rows"], json!({"name": "B", "note": "again"})));
    }),
    ("plate/rows/case-collision", |f| plate(f, |p| push(&mut p["rows"], json!({"name": "b"})))),
    ("plate/columns", |f| plate(f, |p| p["columns"] = json!(3))),
    ("plate/columns/name", |f| plate(f, |p| p["columns"][2] = json!({}))),
    ("plate/columns/repeated", |f| plate(f, |p| push(&mut p["columns"], json!({"name": "3"})))),
    ("plate/columns/duplicate-name", |f| {
        plate(f, |p| push(&mut p["columns"], json!({"name": "3", "note": "again"})));
    }),
    ("plate/columns/case-collision", |f| {
        plate(f, |p| {
            push(&mut p["columns"], json!({"name": "Aa"}));
            push(&mut p["columns"], json!({"name": "aA"}));
        });
    }),
    ("plate/wells plate/wells/unlisted", |f| plate(f, |p| p["wells"] = json!([]))),
    ("plate/wells/path plate/wells/unlisted", |f| well_entry(f, |w| w["path"] = json!("A/2/0"))),
    ("plate/wells/index", |f| well_entry(f, |w| w["rowIndex"] = json!(-1))),
    ("plate/wells/repeated", |f| {
        plate(f, |p| {
            push(&mut p["wells"], json!({"path": "B/1", "rowIndex": 1, "columnIndex": 0}))
        });
    }),
    ("plate/wells/duplicate-path", |f| {
        plate(f, |p| {
            push(&mut p["wells"], json!({"path": "B/1", "rowIndex": 1, "columnIndex": 0, "n": 1}));
        });
    }),
    ("plate/wells/index-range", |f| well_entry(f, |w| w["columnIndex"] = json!(3))),
    ("plate/wells/index-mismatch", |f| well_entry(f, |w| w["columnIndex"] = json!(0))),
    (
        "plate/wells/unknown-name plate/wells/index-mismatch plate/rows/missing-group plate/wells/unlisted",
        |f| {
            well_entry(f, |w| w["path"] = json!("C/2"));
        },
    ),
    ("well/object", |f| f.edit("A/2", |m| m["well"] = json!(1))),
    ("well/images", |f| well(f, |w| w["images"] = json!({}))),
    ("well/images/path well/images/unlisted", |f| {
        well(f, |w| w["images"][1]["path"] = json!("field_1"));
    }),
    ("well/images/repeated", |f| well(f, |w| push(&mut w["images"], image_entry("1", 1)))),
    ("well/images/duplicate-path", |f| well(f, |w| push(&mut w["images"], image_entry("1", 0)))),
    ("well/images/acquisition well/images/acquisition-missing", |f| {
        well(f, |w| w["images"][0]["acquisition"] = json!("0"));
    }),
    ("well/images/acquisition-unknown", |f| well(f, |w| w["images"][0]["acquisition"] = json!(7))),
    ("well/images/acquisition-missing", |f| {
        well(f, |w| remove(&mut w["images"][0], "acquisition"));
    }),
    ("multiscales/list array/unlisted", |f| f.edit(IMAGE, |m| m["multiscales"] = json!([]))),
    ("multiscales/repeated", |f| {
        f.edit(IMAGE, |m| {
            let first = m["multiscales"][0].clone();
            push(&mut m["multiscales"], first);
        });
    }),
    ("multiscales/name", |f| image(f, |i| i["name"] = json!(0))),
    ("multiscales/recommended", |f| image(f, |i| remove(i, "metadata"))),
    ("axes/list", |f| image(f, |i| i["axes"] = json!(null))),
    ("axes/name axes/name", |f| image(f, |i| remove(&mut i["axes"][1], "name"))),
    ("axes/type axes/space-count", |f| image(f, |i| i["axes"][1]["type"] = json!(1))),
    (
        "axes/repeated axes/space-count datasets/dimensions omero/channels/count transformations/length",
        |f| {
            image(f, |i| i["axes"] = json!([axis("y"), axis("y"), axis("y"), axis("y")]));
        },
    ),
    ("axes/duplicate-name", |f| axes(f, |axes| axes[0]["name"] = json!("x"))),
    ("axes/other-count datasets/dimensions omero/channels/count transformations/length", |f| {
        image(f, |i| {
            i["axes"].as_array_mut().unwrap().insert(0, json!({"name": "a", "type": "angle"}))
        });
    }),
    ("axes/order omero/channels/count", |f| {
        axes(f, |axes| axes.as_array_mut().unwrap().swap(0, 1));
    }),
    ("axes/zyx omero/channels/count", |f| {
        axes(f, |axes| *axes = json!([axis("x"), axis("y"), axis("z")]));
    }),
    ("axes/untyped", |f| image(f, |i| remove(&mut i["axes"][0], "type"))),
    ("axes/unit", |f| image(f, |i| i["axes"][1]["unit"] = json!("micron"))),
    ("datasets/list array/unlisted", |f| image(f, |i| i["datasets"] = json!([]))),
    ("datasets/path array/unlisted", |f| image(f, |i| i["datasets"][1]["path"] = json!(1))),
    ("datasets/path-outside array/unlisted", |f| {
        image(f, |i| i["datasets"][1]["path"] = json!("../../../../1"));
    }),
    ("datasets/duplicate-path array/unlisted datasets/shape-against-scale", |f| {
        image(f, |i| i["datasets"][1]["path"] = json!("0"));
    }),
    ("transformations/list", |f| {
        image(f, |i| remove(&mut i["datasets"][1], "coordinateTransformations"));
    }),
    ("transformations/type transformations/one-scale", |f| {
        transformation(f, json!([{"type": "identity"}]));
    }),
    ("transformations/values transformations/one-scale", |f| {
        transformation(f, json!([{"type": "scale", "scale": [1, "2", 2]}]));
    }),
    ("transformations/one-scale", |f| {
        transformation(f, json!([scale(), scale()]));
    }),
    ("transformations/order", |f| transformation(f, json!([translation(), scale()]))),
    ("transformations/length", |f| {
        transformation(f, json!([scale(), {"type": "translation", "translation": [1, 2]}]));
    }),
    ("transformations/scale-not-positive datasets/shape-against-scale", |f| {
        transformation(f, json!([{"type": "scale", "scale": [1, -1, -1]}]));
    }),
    ("omero/object", |f| f.edit(IMAGE, |m| m["omero"] = json!("x"))),
    ("omero/channels", |f| f.edit(IMAGE, |m| m["omero"]["channels"] = json!({}))),
    ("omero/channels/field", |f| channel(f, |c| c["active"] = json!(1))),
    ("omero/channels/window", |f| channel(f, |c| remove(&mut c["window"], "max"))),
    ("omero/channels/color", |f| channel(f, |c| c["color"] = json!("#00FF00"))),
    ("omero/channels/count", |f| {
        f.edit(IMAGE, |m| drop(m["omero"]["channels"].as_array_mut().unwrap().pop()));
    }),
    ("image-label/object", |f| f.edit(LABEL, |m| m["image-label"] = json!([]))),
    ("image-label/recommended", |f| label(f, |l| remove(l, "colors"))),
    ("image-label/colors", |f| label(f, |l| l["colors"] = json!([]))),
    ("image-label/properties", |f| label(f, |l| l["properties"] = json!({}))),
    ("image-label/repeated", |f| {
        label(f, |l| push(&mut l["properties"], json!({"name": "cell", "label-value": 1.0})));
    }),
    ("image-label/label-value", |f| label(f, |l| remove(&mut l["properties"][0], "label-value"))),
    ("image-label/label-value-integer", |f| {
        label(f, |l| l["colors"][0]["label-value"] = json!(0.5))
    }),
    ("image-label/duplicate-value", |f| {
        label(f, |l| push(&mut l["properties"], json!({"label-value": 1, "name": "other"})));
    }),
    ("image-label/rgba", |f| label(f, |l| l["colors"][0]["rgba"][3] = json!(256))),
    ("image-label/source", |f| label(f, |l| l["source"]["image"] = json!(1))),
    ("image-label/source-missing", |f| label(f, |l| l["source"]["image"] = json!("../../../9"))),
    ("image-label/no-multiscales", |f| f.edit(LABEL, |m| remove(m, "multiscales"))),
    ("labels/list labels/unlisted", |f| f.edit(LABELS, |m| m["labels"] = json!("nuclei"))),
    ("labels/no-image-label", |f| f.edit(LABEL, |m| remove(m, "image-label"))),
    ("attributes/absolute-path", |f| {
        f.edit(IMAGE, |m| m["origin"] = json!({"/home/somebody/plate": ["C:\\data\\x.tif"]}));
    }),
    ("version/unsupported", |f| match f.version {
        Version::V04 => plate(f, |p| p["version"] = json!("0.3")),
        _ => f.edit("", |m| m["version"] = json!("0.7")),
    }),
];

/// A rule, and a document that breaks it.
type Document = (&'static str, fn() -> Value);

/// Rules that only documents of one version can break, with such documents.
pub(super) const DOCUMENTS: &[Document] = &[
    ("plate/version", || json!({"plate": {"version": 4}})),
    ("plate/version-missing", || json!({"plate": {}})),
    ("plate/version-in-text", || json!({"ome": {"version": "0.5", "plate": {}}})),
    ("well/version", || json!({"well": {"version": 0.4}})),
    ("well/version-missing", || json!({"well": {}})),
    ("multiscales/version", || json!({"multiscales": [{"version": null}]})),
    ("image-label/version", || json!({"image-label": {"version": []}})),
    ("omero/channels/required", || json!({"multiscales": [], "omero": {"channels": [{}]}})),
    (
        "omero/channels/expected",
        || json!({"ome": {"version": "0.5", "multiscales": [], "omero": {"channels": [{}]}}}),
    ),
    ("bioformats2raw/layout", || json!({"bioformats2raw.layout": 2})),
    ("series/list", || json!({"series": [0]})),
    ("version/missing", || json!({"ome": {"plate": {}}})),
    ("version/missing-in-labels", || json!({"ome": {"labels": []}})),
    ("attributes/object", || json!([])),
    ("attributes/none", || json!({"ome": {"version": "0.5"}})),
    ("scene/object", || json!({"ome": {"version": "0.6rc0", "scene": {}}})),
    ("systems/list", || systems(json!({"a": 1}))),
    ("systems/name", || systems(json!([{"name": ""}]))),
    ("systems/duplicate-name", || systems(json!([{"name": "a"}, {"name": "a", "axes": []}]))),
    ("systems/repeated", || {
        let scene = json!({"coordinateSystems": [{"name": "a"}, {"name": "a"}]});
        json!({"ome": {"version": "0.6rc0", "scene": scene}})
    }),
    ("transformations/unknown-system", || level_06(json!({"name": "elsewhere"}))),
    ("transformations/input-output", || level_06(json!("world"))),
];

fn systems(list: Value) -> Value {
    json!({"ome": {"version": "0.6rc0", "multiscales": [{"coordinateSystems": list}]}})
}

fn level_06(output: Value) -> Value {
    let transformation = json!({"type": "identity", "input": {"path": "0"}, "output": output});
    let dataset = json!({"path": "0", "coordinateTransformations": [transformation]});
    json!({"ome": {"version": "0.6rc0", "multiscales": [{"datasets": [dataset]}]}})
}

const IMAGE: &str = "A/1/1";
const LABELS: &str = "A/1/0/labels";
const LABEL: &str = "A/1/0/labels/nuclei";

fn plate(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    fixture.edit("", |metadata| change(&mut metadata["plate"]));
}

/// The entry of well `A/2`.
fn well_entry(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    plate(fixture, |plate| change(&mut plate["wells"][1]));
}

fn well(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    fixture.edit("A/1", |metadata| change(&mut metadata["well"]));
}

fn image(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    fixture.edit(IMAGE, |metadata| change(&mut metadata["multiscales"][0]));
}

/// Changes the axes, and with them the names that the arrays have for them.
fn axes(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    let mut names = Vec::new();
    image(fixture, |image| {
        change(&mut image["axes"]);
        names.extend(image["axes"].as_array().unwrap().iter().map(|axis| axis["name"].clone()));
    });
    if fixture.version != Version::V04 {
        for level in ["0", "1"] {
            let file = format!("{IMAGE}/{level}/zarr.json");
            fixture.edit_file(&file, |array| array["dimension_names"] = json!(names));
        }
    }
}

fn transformation(fixture: &mut Fixture, list: Value) {
    image(fixture, |image| image["datasets"][1]["coordinateTransformations"] = list);
}

fn channel(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    fixture.edit(IMAGE, |metadata| change(&mut metadata["omero"]["channels"][0]));
}

fn label(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    fixture.edit(LABEL, |metadata| change(&mut metadata["image-label"]));
}

fn remove(object: &mut Value, key: &str) {
    assert!(object.as_object_mut().unwrap().shift_remove(key).is_some(), "there is no {key}");
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

fn image_entry(path: &str, acquisition: u32) -> Value {
    json!({"path": path, "acquisition": acquisition})
}

fn axis(name: &str) -> Value {
    json!({"name": name, "type": "space", "unit": "micrometer"})
}

fn scale() -> Value {
    json!({"type": "scale", "scale": [1, 1, 1]})
}

fn translation() -> Value {
    json!({"type": "translation", "translation": [0, 0.25, 0.25]})
}

#[test]
fn a_plate_without_a_fault_has_no_finding() {
    for version in [Version::V04, Version::V05, Version::V06Rc0] {
        for consolidated in [false, true] {
            let mut fixture = Fixture::plate(version);
            if consolidated {
                fixture.consolidate();
            }
            let report = fixture.report();
            assert!(report.valid && report.findings.is_empty(), "{:#?}", report.findings);
            assert_eq!(report.version.as_deref(), Some(version.as_str()));
            let counts = report.counts;
            assert_eq!((counts.wells, counts.images, counts.labels, counts.arrays), (3, 6, 1, 14));
            assert_eq!((counts.chunks.expected, counts.chunks.present), (28, 28));
            let strict = Options { strict: true, ..Options::default() };
            assert!(validate_store(&fixture.store, &strict).valid);
        }
    }
}

#[test]
fn each_break_is_found_and_nothing_else() {
    assert_breaks(BREAKS);
}

#[test]
fn documents_break_the_rules_of_their_version() {
    for (rule, document) in DOCUMENTS {
        let report = validate_attributes(&document(), &Options::default());
        assert!(report.count(rule) > 0, "{rule}: {:#?}", report.findings);
    }
}

#[test]
fn findings_say_where_and_what_was_expected() {
    let mut fixture = Fixture::plate(Version::V05);
    well_entry(&mut fixture, |well| well["columnIndex"] = json!(2));
    let report = fixture.report();
    let finding = &report.findings[0];
    assert_eq!(finding.location.to_string(), "zarr.json#/attributes/ome/plate/wells/1");
    assert_eq!(
        finding.message,
        "columnIndex 2 is \"3\", the path says \"2\"; columnIndex of \"2\" is 1"
    );
    assert!(report.message.starts_with("not valid OME-Zarr 0.5 plate: 1 error; zarr.json#"));
}

#[test]
fn the_text_of_the_specification_decides_unless_the_schema_is_asked() {
    let mut fixture = Fixture::plate(Version::V04);
    well_entry(&mut fixture, |well| well["columnIndex"] = json!(2));
    assert!(!fixture.report().valid);
    let schema = Options { judge: Judge::Schema, ..Options::default() };
    let report = validate_store(&fixture.store, &schema);
    assert!(report.valid);
    assert_eq!(report.count("plate/wells/index-mismatch"), 1);
}

#[test]
fn what_strict_asks_for_is_an_error_only_then() {
    let mut fixture = Fixture::plate(Version::V04);
    plate(&mut fixture, |plate| remove(plate, "name"));
    assert!(fixture.report().valid);
    let strict = Options { strict: true, ..Options::default() };
    assert!(!validate_store(&fixture.store, &strict).valid);
}
