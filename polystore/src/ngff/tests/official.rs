//! The official cases of each version, valid and invalid, come out as they should.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::fixture::MapStore;
use crate::ngff::{Judge, Kind, Options, Report, Version, validate_attributes, validate_store};

/// One line of `data/ngff/*.jsonl`.
#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) form: String,
    pub(super) kind: String,
    pub(super) strict: bool,
    pub(super) valid: bool,
    pub(super) document: Value,
    /// Mutants only: the version to judge by.
    version: Option<String>,
}

impl Case {
    pub(super) fn kind(&self) -> Kind {
        match &*self.kind {
            "plate" => Kind::Plate,
            "well" => Kind::Well,
            "image" => Kind::Image,
            "label" => Kind::Label,
            "bf2raw" => Kind::Bioformats2Raw,
            "ome" => Kind::Series,
            "scene" => Kind::Scene,
            other => panic!("{}: unknown kind {other}", self.name),
        }
    }

    fn options(&self) -> Options {
        Options { judge: Judge::Schema, strict: self.strict, ..Options::default() }
    }

    /// As the schema suites mean it: against one schema of one version.
    fn judge_as_meant(&self, version: Version) -> Report {
        let options = Options { version: Some(version), kind: Some(self.kind()), ..self.options() };
        validate_attributes(&self.document, &options)
    }

    /// As the conformance runner does: version and kind are found out.
    fn judge_as_found(&self) -> Report {
        if self.form == "attributes" {
            return validate_attributes(&self.document, &self.options());
        }
        let text = match &self.document {
            Value::String(not_json) => not_json.clone(),
            document => document.to_string(),
        };
        let store = MapStore(BTreeMap::from([("zarr.json".to_owned(), text.into_bytes())]));
        validate_store(&store, &self.options())
    }
}

pub(super) fn cases(version: &str) -> Vec<Case> {
    read(&format!("cases-{version}.jsonl"))
}

fn read(file: &str) -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/ngff");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_verdict(case: &Case, report: &Report, how: &str) {
    let found = &report.findings;
    assert_eq!(report.valid, case.valid, "{} ({how}): {found:#?}", case.name);
}

fn run(version: Version) -> usize {
    let cases = cases(version.as_str());
    for case in &cases {
        let report = case.judge_as_meant(version);
        assert_verdict(case, &report, "as meant");
    }
    cases.len()
}

#[test]
fn cases_of_0_4() {
    assert_eq!(run(Version::V04), 102);
}

#[test]
fn cases_of_0_5() {
    assert_eq!(run(Version::V05), 95);
    for case in cases("0.5") {
        assert_verdict(&case, &case.judge_as_found(), "as found");
    }
}

/// Cases of hierarchies that are called valid, though their transformations name input and
/// output by bare strings, which the schema of 0.6rc0 refuses and for which
/// `tests/attributes/spec/invalid/image/invalid_multiscale_transform_input_output.json` is
/// called invalid. The official reference validator gets these ten wrong as well.
const CONTRADICTORY: [&str; 2] = ["tests/zarr/spec/valid/image/", "tests/zarr/strict/valid/image/"];

#[test]
fn cases_of_0_6rc0() {
    let mut contradictory = 0;
    for case in cases("0.6rc0") {
        if case.form == "attributes" {
            assert_verdict(&case, &case.judge_as_meant(Version::V06Rc0), "as meant");
        }
        if case.name.starts_with("examples/") {
            // The one of a label image is strict as a label only, not as an image.
            continue;
        }
        let report = case.judge_as_found();
        if CONTRADICTORY.iter().any(|prefix| case.name.starts_with(prefix)) {
            assert!(report.count("transformations/input-output") > 0, "{}", case.name);
            contradictory += 1;
        } else {
            assert_verdict(&case, &report, "as found");
        }
    }
    assert_eq!(contradictory, 10);
}

/// Random changes to the cases are judged as the official schemas judge them.
#[test]
fn mutants_of_the_cases() {
    let mutants = read("mutants.jsonl");
    assert_eq!(mutants.len(), 720);
    for case in mutants {
        let version = case.version.as_deref().and_then(Version::parse).unwrap();
        assert_verdict(&case, &case.judge_as_meant(version), "by the schemas");
    }
}
