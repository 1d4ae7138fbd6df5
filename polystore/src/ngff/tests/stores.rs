//! Each rule of the hierarchy, broken in one place of a store that is otherwise right.

use serde_json::json;

use super::{
    Break, assert_breaks,
    fixture::{Fixture, key},
    rules_of,
};
use crate::ngff::{Kind, Options, Version, validate_store};

/// The rules that are broken, and nothing else, by a change. Done to 0.4 and to 0.5.
pub(super) const BREAKS: &[Break] = &[
    ("plate/rows/missing-group", |f| f.remove("B")),
    ("plate/rows/missing-group", |f| f.remove(&group_file(f, "B"))),
    ("plate/rows/empty-group", |f| {
        f.edit("", |m| m["plate"]["rows"].as_array_mut().unwrap().push(json!({"name": "C"})));
        f.group("C", json!({}));
    }),
    ("plate/wells/missing-group", |f| f.remove("A/2")),
    ("plate/wells/missing-group", |f| {
        f.remove("A/2");
        f.put("A/2/notes.txt", b"x");
    }),
    ("plate/wells/empty-group well/images/missing-group", |f| {
        f.remove("A/2/0");
        f.remove("A/2/1");
    }),
    ("plate/wells/empty-group", |f| f.group("A/3", json!({}))),
    ("plate/wells/unlisted", |f| {
        f.edit("", |m| drop(m["plate"]["wells"].as_array_mut().unwrap().remove(1)));
    }),
    ("plate/unlisted-group", |f| f.group("tables", json!({}))),
    ("well/metadata-missing", |f| f.group("A/2", json!({}))),
    ("well/images/missing-group", |f| f.remove("A/2/1")),
    ("well/images/unlisted", |f| f.image("A/2/2")),
    ("image/metadata-missing", |f| f.group("A/2/1", json!({}))),
    ("datasets/missing-array", |f| f.remove("A/2/1/1")),
    ("datasets/dimensions", |f| {
        f.edit("A/2/1", |m| {
            let image = &mut m["multiscales"][0];
            drop(image["axes"].as_array_mut().unwrap().remove(0));
            for level in image["datasets"].as_array_mut().unwrap() {
                level["coordinateTransformations"][0]["scale"] = json!([1, 1]);
            }
            m["omero"]["channels"].as_array_mut().unwrap().truncate(1);
        });
    }),
    ("datasets/order datasets/shape-against-scale", |f| {
        f.edit("A/2/1", |m| m["multiscales"][0]["datasets"].as_array_mut().unwrap().swap(0, 1));
        f.edit_array("A/2/1/1", "/shape", "/shape", json!([2, 13, 16]));
    }),
    ("datasets/data-type", |f| f.edit_array("A/2/1/1", "/dtype", "/data_type", json!("<f4"))),
    ("datasets/shape-against-scale", |f| {
        f.edit_array("A/2/1/1", "/shape", "/shape", json!([2, 10, 10]));
    }),
    ("labels/missing-image", |f| f.remove("A/1/0/labels/nuclei")),
    ("labels/missing-image labels/unlisted", |f| {
        f.edit("A/1/0/labels", |m| m["labels"] = json!(["/nuclei"]));
    }),
    ("labels/unlisted", |f| f.label("A/1/0/labels/cells")),
    ("labels/list", |f| {
        f.remove("A/1/0/labels/nuclei");
        f.group("A/1/0/labels", json!({}));
    }),
    ("labels/data-type", |f| {
        for level in ["0", "1"] {
            let dir = format!("A/1/0/labels/nuclei/{level}");
            f.edit_array(&dir, "/dtype", "/data_type", json!("|b1"));
        }
    }),
    ("labels/level-count array/unlisted", |f| {
        f.edit("A/1/0/labels/nuclei", |m| {
            m["multiscales"][0]["datasets"].as_array_mut().unwrap().truncate(1);
        });
    }),
    ("labels/shape datasets/shape-against-scale", |f| {
        f.edit_array("A/1/0/labels/nuclei/0", "/shape", "/shape", json!([2, 24, 32]));
    }),
    ("array/unlisted", |f| {
        f.edit("A/2/1", |m| {
            m["multiscales"][0]["datasets"].as_array_mut().unwrap().truncate(1);
        });
    }),
    ("array/stray-file", |f| f.put(&f.chunk("A/2/1/0", "0/0/0.tmp"), b"x")),
    ("chunks/absent", |f| f.remove(&f.chunk("A/2/1/0", "1"))),
    ("chunks/empty-file", |f| f.put(&f.chunk("A/2/1/0", "1/0/0"), b"")),
    ("chunks/outside", |f| f.put(&f.chunk("A/2/1/0", "0/1/0"), b"x")),
    ("node/array-metadata", |f| f.edit_array("A/2/1/1", "/shape", "/shape", json!([2, -16, 16]))),
    ("node/array-metadata", |f| {
        f.edit_array(
            "A/2/1/1",
            "/chunks",
            "/chunk_grid/configuration/chunk_shape",
            json!([0, 16, 16]),
        );
    }),
    ("node/format", |f| {
        let file = group_file(f, "A/2/1");
        f.edit_file(&file, |node| node["zarr_format"] = json!(7));
    }),
    ("node/both-formats", |f| {
        let (name, document) = match f.version {
            Version::V04 => ("zarr.json", json!({"zarr_format": 3, "node_type": "group"})),
            _ => (".zgroup", json!({"zarr_format": 2})),
        };
        f.put(&key("A/2", name), document.to_string().as_bytes());
    }),
    ("node/mixed-formats", |f| {
        let old = group_file(f, "B");
        f.remove(&old);
        let (name, document) = match f.version {
            Version::V04 => ("zarr.json", json!({"zarr_format": 3, "node_type": "group"})),
            _ => (".zgroup", json!({"zarr_format": 2})),
        };
        f.put(&key("B", name), document.to_string().as_bytes());
    }),
    ("consolidated/differs", |f| {
        f.consolidate();
        f.edit("A/2", |m| m["note"] = json!("changed later"));
    }),
    ("consolidated/stale datasets/missing-array", |f| {
        f.consolidate();
        f.remove("A/2/1/1");
    }),
    ("consolidated/incomplete", |f| {
        let labels: Vec<_> =
            f.store.0.iter().filter(|(key, _)| key.starts_with("A/1/0/labels")).map(pair).collect();
        f.remove("A/1/0/labels");
        f.consolidate();
        f.store.0.extend(labels);
    }),
    ("consolidated/format", |f| match f.version {
        Version::V04 => f.put(".zmetadata", b"{}"),
        _ => f.edit_file("zarr.json", |root| root["consolidated_metadata"] = json!({"a": 1})),
    }),
    ("store/no-zarr", |f| {
        let file = group_file(f, "");
        f.remove(&file);
        if f.version == Version::V04 {
            f.remove(".zattrs");
        }
    }),
    ("json/syntax", |f| {
        let file = group_file(f, "A/2");
        f.put(&file, b"{\"zarr_format\": 2,}");
    }),
];

fn pair((key, bytes): (&String, &Vec<u8>)) -> (String, Vec<u8>) {
    (key.clone(), bytes.clone())
}

/// The file that makes a folder a group.
fn group_file(fixture: &Fixture, dir: &str) -> String {
    key(dir, if fixture.version == Version::V04 { ".zgroup" } else { "zarr.json" })
}

#[test]
fn each_break_is_found_and_nothing_else() {
    assert_breaks(BREAKS);
}

/// A rule, a version, and a change to the fixture of that version that breaks it.
type BreakOfOne = (&'static str, Version, fn(&mut Fixture));

/// Rules that only stores of one version can break.
pub(super) const OF_ONE_VERSION: &[BreakOfOne] = &[
    ("version/layout", Version::V04, |f| {
        f.edit("A/2/1", |m| {
            *m = json!({"ome": {"version": "0.5", "multiscales": m["multiscales"]}})
        });
    }),
    ("chunks/shard-index", Version::V05, |f| {
        f.edit_file("A/2/1/0/zarr.json", |array| {
            let chunks = array["chunk_grid"]["configuration"]["chunk_shape"].clone();
            array["codecs"] = json!([{"name": "sharding_indexed", "configuration": {
                "chunk_shape": chunks, "codecs": [{"name": "bytes"}],
                "index_codecs": [{"name": "bytes"}, {"name": "crc32c"}],
            }}]);
        });
        f.put(&f.chunk("A/2/1/0", "1/0/0"), b"too short");
    }),
    ("version/layout", Version::V05, |f| {
        f.edit_file("A/2/1/zarr.json", |node| {
            node["attributes"] = node["attributes"]["ome"].take()
        });
    }),
    ("version/inconsistent", Version::V05, |f| {
        f.edit("A/2", |m| m["version"] = json!("0.6rc0"));
    }),
    ("labels/list", Version::V05, |f| f.remove("A/1/0/labels/zarr.json")),
    ("datasets/missing-array", Version::V04, |f| {
        f.remove("A/2/1/1");
        f.group("A/2/1/1", json!({}));
    }),
    ("node/format", Version::V05, |f| f.group("A/2/1/1", json!({}))),
    ("datasets/dimension-names", Version::V06Rc0, |f| {
        f.edit_file("A/2/1/0/zarr.json", |array| array["dimension_names"] = json!(["c", "x", "y"]));
    }),
    ("transformations/length", Version::V06Rc0, |f| {
        f.edit("A/2/1", |m| {
            let level = &mut m["multiscales"][0]["datasets"][0];
            level["coordinateTransformations"][0]["scale"] = json!([0.5, 0.5]);
        });
    }),
    ("datasets/shape-against-scale", Version::V06Rc0, |f| {
        f.edit_file("A/2/1/1/zarr.json", |array| array["shape"] = json!([2, 10, 10]));
    }),
    ("node/no-group-file", Version::V04, |f| f.remove("A/2/.zgroup")),
    ("array/dimension-separator", Version::V04, |f| {
        f.edit_file("A/2/1/0/.zarray", |array| array["dimension_separator"] = json!("."));
    }),
    ("datasets/dimension-names", Version::V05, |f| {
        f.edit_file("A/2/1/0/zarr.json", |array| array["dimension_names"] = json!(["c", "x", "y"]));
    }),
    ("bioformats2raw/no-ome-xml", Version::V04, series),
    ("bioformats2raw/missing-image", Version::V04, |f| {
        series(f);
        f.group("OME", json!({"series": ["0", "7"]}));
    }),
];

/// A series of one image, without OME-XML.
fn series(fixture: &mut Fixture) {
    fixture.store.0.clear();
    fixture.group("", json!({"bioformats2raw.layout": 3}));
    fixture.image("0");
}

#[test]
fn breaks_of_one_version_are_found() {
    for (rule, version, apply) in OF_ONE_VERSION {
        let mut fixture = Fixture::plate(*version);
        apply(&mut fixture);
        let report = fixture.report();
        assert!(report.count(rule) > 0, "{rule}: {:#?}", report.findings);
    }
}

#[test]
fn metadata_of_0_4_in_zarr_v3_is_refused_at_the_root() {
    let mut fixture = Fixture::plate(Version::V05);
    fixture.edit_file("zarr.json", |root| root["attributes"] = root["attributes"]["ome"].take());
    let report = fixture.report();
    assert!(!report.valid);
    assert_eq!(report.count("version/layout"), 1);
    assert_eq!((report.zarr_format, report.kind), (Some(3), Some(Kind::Plate)));
}

#[test]
fn groups_without_ome_metadata_have_no_version_to_disagree_in() {
    let mut fixture = Fixture::plate(Version::V05);
    fixture.edit_file("A/zarr.json", |row| row["attributes"] = json!({"note": "row A"}));
    let report = fixture.report();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn the_kind_of_the_root_can_be_demanded() {
    let fixture = Fixture::plate(Version::V04);
    let image = Options { kind: Some(Kind::Image), ..Options::default() };
    let report = validate_store(&fixture.store, &image);
    assert!(!report.valid && report.count("attributes/none") == 1);
    let well = Options { kind: Some(Kind::Well), ..Options::default() };
    assert_eq!(validate_store(&fixture.store, &well).count("attributes/kind"), 1);
}

#[test]
fn parts_of_a_plate_are_validated_on_their_own() {
    for version in [Version::V04, Version::V05] {
        let fixture = Fixture::plate(version);
        for (dir, kind) in [
            ("A/1", Kind::Well),
            ("A/1/0", Kind::Image),
            ("A/1/0/labels", Kind::Labels),
            ("A/1/0/labels/nuclei", Kind::Label),
        ] {
            let mut part = fixture.clone();
            part.store.0 = fixture.store.0.iter().filter_map(|file| below(file, dir)).collect();
            let report = part.report();
            assert!(report.findings.is_empty(), "{dir}: {:#?}", report.findings);
            assert_eq!(report.kind, Some(kind));
        }
    }
}

fn below((key, bytes): (&String, &Vec<u8>), dir: &str) -> Option<(String, Vec<u8>)> {
    let rest = key.strip_prefix(dir)?.strip_prefix('/')?;
    Some((rest.to_owned(), bytes.clone()))
}

#[test]
fn chunks_of_every_key_encoding_are_counted() {
    for (name, separator, first) in [
        ("default", "/", "c/0/0/0"),
        ("default", ".", "c.0.0.0"),
        ("v2", ".", "0.0.0"),
        ("v2", "/", "0/0/0"),
    ] {
        let mut fixture = Fixture::plate(Version::V05);
        fixture.remove("A/2/1/0/c");
        fixture.edit_file("A/2/1/0/zarr.json", |array| {
            array["chunk_key_encoding"] =
                json!({"name": name, "configuration": {"separator": separator}});
        });
        fixture.put(&format!("A/2/1/0/{first}"), b"data");
        let report = fixture.report();
        assert_eq!(rules_of(&report), ["chunks/absent"].into(), "{name} {separator}");
        assert_eq!(
            report.findings[0].message,
            "1 of 2 chunks are absent, the first at 1/0/0; they read as 0"
        );
        assert_eq!(report.counts.chunks.absent, 1);
        assert_eq!(report.counts.images_with_absent_chunks, 1);
    }
}

#[test]
fn chunks_of_planes_that_are_declared_absent_are_no_finding() {
    for version in [Version::V04, Version::V05] {
        let mut fixture = Fixture::plate(version);
        let gone = fixture.chunk("A/2/1/0", "1");
        fixture.remove(&gone);
        let declare = |fixture: &mut Fixture, planes: serde_json::Value| {
            let (file, pointer) = match version {
                Version::V04 => ("A/2/1/.zattrs", ""),
                _ => ("A/2/1/zarr.json", "/attributes"),
            };
            fixture.edit_file(file, |group| {
                let attributes = group.pointer_mut(pointer).unwrap();
                attributes["polystore"] = json!({"image": {"absent": planes}});
            });
        };
        declare(&mut fixture, json!([1]));
        let report = fixture.report();
        assert_eq!(report.count("chunks/absent"), 0, "{version}");
        let chunks = report.counts.chunks;
        assert_eq!((chunks.absent, chunks.absent_by_design), (1, 1), "{version}");
        assert_eq!(report.counts.images_with_absent_chunks, 0);
        // Another plane's declaration, or nonsense, excuses nothing.
        for other in [json!([0]), json!("all"), json!([-1, "x"])] {
            declare(&mut fixture, other);
            assert_eq!(fixture.report().count("chunks/absent"), 1, "{version}");
        }
    }
}

#[test]
fn what_is_listed_twice_is_looked_at_once() {
    let mut fixture = Fixture::plate(Version::V05);
    let counts = fixture.report().counts;
    fixture.edit("A/1/0/labels", |m| m["labels"] = json!(["nuclei", "nuclei"]));
    fixture.edit("A/2/1", |m| {
        let first = m["multiscales"][0].clone();
        m["multiscales"].as_array_mut().unwrap().push(first);
    });
    let again = fixture.report().counts;
    assert_eq!(
        (again.labels, again.arrays, again.chunks),
        (counts.labels, counts.arrays, counts.chunks)
    );
}

#[test]
fn absent_chunks_can_be_forbidden_and_chunks_left_alone() {
    let mut fixture = Fixture::plate(Version::V04);
    fixture.remove("A/2/1/0/1");
    assert!(fixture.report().valid);
    let required = Options { require_chunks: true, ..Options::default() };
    assert!(!validate_store(&fixture.store, &required).valid);
    let without = Options { chunks: false, ..Options::default() };
    assert_eq!(validate_store(&fixture.store, &without).counts.chunks.expected, 0);
}

#[test]
fn shapes_that_nothing_could_hold_cost_nothing() {
    let mut fixture = Fixture::plate(Version::V05);
    let huge = json!([2, u64::MAX, u64::MAX]);
    fixture.edit_file("A/2/1/0/zarr.json", |array| array["shape"] = huge);
    let report = fixture.report();
    assert_eq!(report.counts.chunks.expected, u64::MAX);
    assert_eq!(report.count("chunks/absent"), 1);
}

#[test]
fn a_report_does_not_depend_on_the_number_of_threads() {
    let mut fixture = Fixture::plate(Version::V04);
    for well in ["A/1", "A/2", "B/1"] {
        fixture.edit(well, |m| m["well"]["images"][0]["acquisition"] = json!(9));
        fixture.remove(&format!("{well}/1/0/0"));
    }
    let report = fixture.report();
    for n_threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(pool.install(|| fixture.report()), report);
    }
}

#[test]
fn findings_are_limited_by_rule_and_counted_all() {
    let mut fixture = Fixture::plate(Version::V04);
    for well in ["A/1", "A/2", "B/1"] {
        fixture.edit(well, |m| m["well"]["images"][0]["acquisition"] = json!(9));
    }
    fixture.edit("", |m| m["plate"]["rows"][1]["name"] = json!("b"));
    let options = Options { keep_per_rule: 2, ..Options::default() };
    let report = validate_store(&fixture.store, &options);
    let kept = |rule| report.findings.iter().filter(|finding| finding.rule == rule).count();
    assert_eq!(kept("well/images/acquisition-unknown"), 2);
    assert_eq!(report.count("well/images/acquisition-unknown"), 3);
    assert_eq!(kept("plate/wells/unknown-name"), 1);
}
