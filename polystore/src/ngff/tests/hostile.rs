//! Input that nobody means well by: never a panic, always a finding.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{fixture::Fixture, official::cases};
use crate::ngff::{
    Judge, Kind, Options, Version, validate_attribute_bytes, validate_attributes, validate_store,
};

/// The rules that are broken here, and in the tests of the parser.
pub(super) const RULES: &[&str] = &[
    "json/too-large",
    "json/too-deep",
    "json/too-many-values",
    "json/not-utf8",
    "attributes/kind",
];

fn document() -> impl Strategy<Value = Value> {
    let all = ["0.4", "0.5", "0.6rc0"].map(cases).into_iter().flatten();
    let documents: Vec<_> = all.map(|case| case.document).collect();
    proptest::sample::select(documents)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("../../../etc")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1, 2], [3]])),
    ]
}

/// The places of a document, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), out);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(member, &format!("{at}/{key}"), out);
            }
        }
        _ => {}
    }
}

fn mutate(document: &mut Value, change: &(prop::sample::Index, Option<Value>)) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let place = change.0.get(&all);
    match &change.1 {
        Some(value) => *document.pointer_mut(place).unwrap() = value.clone(),
        None => remove(document, place),
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.shift_remove(&name)),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        _ => unreachable!("a parent has members"),
    }
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Option<Value>)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), proptest::option::of(leaf())), 1..4)
}

proptest! {
    #[test]
    fn mutated_documents_are_judged(mut document in document(), changes in changes()) {
        for change in &changes {
            mutate(&mut document, change);
        }
        for version in [None, Some(Version::V04), Some(Version::V05), Some(Version::V06Rc0)] {
            for kind in Kind::ALL.map(Some).into_iter().chain([None]) {
                let options = Options { version, kind, strict: true, ..Options::default() };
                let report = validate_attributes(&document, &options);
                prop_assert_eq!(report.valid, report.counts.errors == 0);
                prop_assert!(report.valid || report.errors().next().is_some());
            }
        }
    }

    /// Whatever the schemas refuse is refused by the whole specification too.
    #[test]
    fn the_specification_is_stricter_than_its_schemas(
        mut document in document(),
        changes in changes(),
    ) {
        for change in &changes {
            mutate(&mut document, change);
        }
        let schema = Options { judge: Judge::Schema, ..Options::default() };
        if validate_attributes(&document, &Options::default()).valid {
            prop_assert!(validate_attributes(&document, &schema).valid);
        }
    }

    #[test]
    fn mutated_stores_are_judged(
        at in any::<prop::sample::Index>(),
        changes in changes(),
        is_new in any::<bool>(),
    ) {
        let version = if is_new { Version::V05 } else { Version::V04 };
        let mut fixture = Fixture::plate(version);
        fixture.consolidate();
        let files: Vec<_> = fixture.store.0.keys().cloned().collect();
        let metadata: Vec<_> = files.into_iter().filter(|key| !key.ends_with("/0")).collect();
        fixture.edit_file(at.get::<String>(&metadata), |document| {
            for change in &changes {
                mutate(document, change);
            }
        });
        let report = validate_store(&fixture.store, &Options::default());
        prop_assert_eq!(report.valid, report.counts.errors == 0);
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let report = validate_attribute_bytes(&bytes, &Options::default());
        prop_assert!(!report.valid);
    }
}

/// Without any of these the document is refused, whatever else is in it.
#[test]
fn documents_without_what_they_need_are_refused() {
    for (key, version) in [("rows", "0.4"), ("columns", "0.5"), ("wells", "0.6rc0")] {
        for case in cases(version) {
            let mut document = case.document;
            let place = if version == "0.4" { "/plate" } else { "/ome/plate" };
            let Some(plate) = document.pointer_mut(place).and_then(Value::as_object_mut) else {
                continue;
            };
            plate.shift_remove(key);
            let report = validate_attributes(&document, &Options::default());
            assert!(!report.valid, "{} without {key}", case.name);
        }
    }
}
