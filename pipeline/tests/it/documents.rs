//! Pipeline documents: what is understood, and how faults are told.

use polystore_pipeline::{Axis, Pipeline, Source, Step, ValueKind};

const NUCLEI: &str = r#"
name = "nuclei"

[input]
wells = ["A01:B02", "row C"]
fields = [1, "3-4"]

[[steps]]
name = "project"
function = "max_projection"
over = "z"

[[steps]]
name = "nuclei"
input = { channels = ["DAPI"] }
chain = [{ function = "gaussian", sigma = 2 }, "otsu", "label"]
save = true

[[steps]]
name = "measure"
function = "measure"
input = { intensity = { from = "project", over = "channel" } }
save = "cells"
"#;

fn fault(text: &str) -> String {
    Pipeline::from_toml(text, "p.toml").unwrap_err().to_string()
}

/// The fault of a document with one step, from its lines.
fn step_fault(lines: &str) -> String {
    fault(&format!("name = \"p\"\n[[steps]]\n{lines}"))
}

#[test]
fn a_document_and_the_same_in_rust_are_the_same_pipeline() {
    let read = Pipeline::from_toml(NUCLEI, "nuclei.toml").unwrap();
    let built = Pipeline::builder("nuclei")
        .wells("A01:B02")
        .wells("C")
        .fields("1, 3-4")
        .step(Step::new("project").call("max_projection").over([Axis::Z]))
        .step(
            Step::new("nuclei")
                .input(Source::step("project").channel("DAPI"))
                .call("gaussian")
                .with("sigma", 2.0)
                .with("mode", "nearest")
                .call("otsu")
                .call("label")
                .save(),
        )
        .step(
            Step::new("measure")
                .call("measure")
                .named_input("intensity", Source::step("project").over([Axis::Channel]))
                .save_as("cells"),
        )
        .build()
        .unwrap();
    assert_eq!(read.steps(), built.steps());
    assert_eq!(read.input(), built.input());
    assert_eq!(read.hash(), built.hash());
    assert_eq!(read.step("measure").unwrap().output(), ValueKind::Table);
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&json).unwrap().hash(), built.hash());
}

#[test]
fn another_parameter_is_another_pipeline_and_a_description_is_not() {
    let hash = |text: &str| Pipeline::from_toml(text, "p.toml").unwrap().hash();
    let first = hash(NUCLEI);
    assert_ne!(hash(&NUCLEI.replace("sigma = 2", "sigma = 2.5")), first);
    assert_ne!(hash(&NUCLEI.replace("row C", "row D")), first);
    let described = format!(
        "description = \"finds nuclei\"{}",
        NUCLEI.replace("nuclei\"\n\n[input", "n\"\n\n[input")
    );
    assert_eq!(hash(&described), first);
}

#[test]
fn faults_name_line_column_and_the_nearest_name() {
    for (text, place, what) in [
        ("name = ", "p.toml:1:", "not TOML"),
        ("steps = []", "p.toml:1:1", "`name` is missing"),
        ("name = \"p\"", "p.toml", "at least one step"),
        ("name = \"p\"\n[inputs]\nx = 1", "p.toml:2:2", "did you mean `input`?"),
        ("name = 3", "p.toml:1:8", "expected text in quotes, found the number 3"),
        ("name = \"p\"\n[input]\nwells = [\"A01\", \"A1:3\"]", "p.toml:3:17", "two of a kind"),
        (
            "name = \"p\"\n[input]\nfields = 0\n[[steps]]\nname=\"a\"\nfunction=\"otsu\"\nsave=true",
            "p.toml:3:10",
            "counting starts at 1",
        ),
        ("name = \"p\"\n[input]\nmissing = \"skipp\"", "p.toml:3:11", "did you mean `skip`?"),
    ] {
        let fault = fault(text);
        assert!(fault.starts_with(place) && fault.contains(what), "{text:?}: {fault}");
    }
}

#[test]
fn faults_of_steps_name_line_column_and_the_nearest_name() {
    for (lines, place, what) in [
        ("function = \"otsu\"", "p.toml:2:1", "`name` is missing"),
        ("name = \"a b\"\nfunction = \"otsu\"", "p.toml:3:8", "cannot be `a b`"),
        ("name = \"a\"\nfunction = \"gausian\"", "p.toml:4:12", "did you mean `gaussian`?"),
        ("name = \"a\"\nfunction = \"gaussian\"\nsigam = 1", "p.toml:5:1", "did you mean `sigma`?"),
        (
            "name = \"a\"\nfunction = \"gaussian\"\novr = \"z\"",
            "p.toml:5:1",
            "did you mean `over`?",
        ),
        (
            "name = \"a\"\nfunction = \"gaussian\"\nsigma = -1",
            "p.toml:5:9",
            "from 0 to 250 (default 1)",
        ),
        (
            "name = \"a\"\nfunction = \"gaussian\"\nsigma = [1]",
            "p.toml:5:9",
            "expected a number, text, true or false, found a list",
        ),
        (
            "name = \"a\"\nfunction = \"percentile_normalize\"\nlow = 50\nhigh = 10",
            "p.toml:4:12",
            "`low` must be less",
        ),
        (
            "name = \"a\"\nfunction = \"otsu\"\nover = \"zz\"\nsave = true",
            "p.toml:5:8",
            "there is no axis `zz`",
        ),
        (
            "name = \"a\"\nfunction = \"otsu\"\nover = [\"z\"]\nsave = true",
            "p.toml:5:8",
            "no function of this step works along z",
        ),
        (
            "name = \"a\"\nfunction = \"max_projection\"\nsave = true",
            "p.toml:4:12",
            "over = [\"z\"]",
        ),
        (
            "name = \"a\"\nfunction = \"label\"\nsave = true",
            "p.toml:4:12",
            "works on labels, but is given image",
        ),
        ("name = \"a\"\nfunction = \"otsu\"", "p.toml:2:1", "neither saved nor used"),
        ("name = \"a\"\nfunction = \"otsu\"\ninput = \"b\"", "p.toml:5:9", "there is no step `b`"),
        ("name = \"a\"\nsave = true", "p.toml:2:1", "calls no function"),
        (
            "name = \"a\"\nchain = [\"otsu\", \"measure\"]\nover = \"z\"\nsave = true",
            "p.toml:4:18",
            "works on one plane, not on a stack",
        ),
        ("name = \"a\"\nfunction = \"otsu\"\ngroup_by = \"z\"", "p.toml:5:12", "one of channel"),
        ("name = \"a\"\nfunction = \"otsu\"\nsave = \"../x\"", "p.toml:5:8", "cannot be `../x`"),
        ("name = \"a\"\nchain = []\nsave = true", "p.toml:4:9", "calls no function"),
    ] {
        let fault = step_fault(lines);
        assert!(fault.starts_with(place) && fault.contains(what), "{lines:?}: {fault}");
    }
}

#[test]
fn faults_between_steps_are_found() {
    let two = |second: &str| {
        step_fault(&format!(
            "name = \"project\"\nfunction = \"max_projection\"\nover = \"z\"\nsave = true\n[[steps]]\n{second}"
        ))
    };
    for (second, place, what) in [
        (
            "name = \"b\"\nfunction = \"max_projection\"\nover = \"z\"\nsave = true",
            "p.toml:10:8",
            "there is no axis z to work along any more",
        ),
        ("name = \"project\"\nfunction = \"otsu\"", "p.toml:8:8", "two steps are called `project`"),
        (
            "name = \"b\"\nfunction = \"otsu\"\nsave = \"Project\"",
            "p.toml:10:8",
            "saves under `Project` already",
        ),
        (
            "name = \"b\"\nfunction = \"otsu\"\ninput = \"projct\"",
            "p.toml:10:9",
            "did you mean `project`?",
        ),
        (
            "name = \"b\"\nchain = [\"otsu\", \"measure\"]\ninput = { intensity = \"plate\" }\nsave = true",
            "p.toml:10:23",
            "separate planes along z",
        ),
        (
            "name = \"b\"\nchain = [\"otsu\", \"measure\"]\ninput = { intensty = \"plate\" }\nsave = true",
            "p.toml:10:11",
            "did you mean `intensity`?",
        ),
        (
            "name = \"b\"\nfunction = \"otsu\"\n[steps.input]\nchannels = [1]\nfrom = \"projct\"",
            "p.toml:12:8",
            "did you mean `project`?",
        ),
        (
            "name = \"b\"\nfunction = \"watershed_split\"\ninput = \"c\"\n[[steps]]\nname=\"c\"\nfunction=\"otsu\"",
            "p.toml:10:9",
            "stands below the step that takes from it",
        ),
    ] {
        let fault = two(second);
        assert!(fault.starts_with(place) && fault.contains(what), "{second:?}: {fault}");
    }
}

#[test]
fn chains_by_channel_are_read() {
    let text = r#"
name = "p"
[[steps]]
name = "clean"
group_by = "channel"
save = true
[steps.chains]
DAPI = [{ function = "gaussian", sigma = 1.5 }]
"*" = ["median"]
"#;
    let pipeline = Pipeline::from_toml(text, "p.toml").unwrap();
    let chains = pipeline.steps()[0].work().chains();
    let names: Vec<_> =
        chains.iter().map(|(channel, chain)| (*channel, chain[0].function.as_str())).collect();
    assert_eq!(names, [("*", "median"), ("DAPI", "gaussian")]);
    let without = text.replace("group_by = \"channel\"\n", "");
    assert!(fault(&without).contains("add group_by"));
}

#[test]
fn files_are_named_in_messages() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    let missing = Pipeline::open(&file).unwrap_err().to_string();
    assert!(missing.contains("x.toml"), "{missing}");
    std::fs::write(&file, "name = ''").unwrap();
    assert!(Pipeline::open(&file).unwrap_err().to_string().contains("needs a `name`"));
}
