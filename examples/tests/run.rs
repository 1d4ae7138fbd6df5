//! Runs every example as a user does, and looks at what it says.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::process::Command;

/// The real plate that comes with the repository.
const PLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/imagexpress-mix/plate");

fn output_with(example: &str, arguments: &[&str]) -> String {
    let output = Command::new(example).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example} failed:\n{text}\n{errors}");
    text
}

#[test]
fn own_backend() {
    let text = output_with(env!("CARGO_BIN_EXE_own_backend"), &[]);
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.contains("cases passed"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(": mean ")).count(), 47, "{text}");
}

#[test]
fn open_plate() {
    let text = output_with(env!("CARGO_BIN_EXE_open_plate"), &[PLATE]);
    assert_eq!(text.lines().count(), 40, "{text}");
}

#[test]
fn stack_view() {
    let text = output_with(env!("CARGO_BIN_EXE_stack_view"), &[PLATE, "E08"]);
    assert!(text.contains("(3, 512, 512) pixels"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("section ")).count(), 3, "{text}");
}

#[test]
fn write_zarr() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("plate.zarr");
    let text = output_with(env!("CARGO_BIN_EXE_write_zarr"), &[out.to_str().unwrap()]);
    assert!(text.contains("B03 written: 6 planes present, 0 missing"), "{text}");
    let report = polystore::ngff::validate(&out, &polystore::ngff::Options::default());
    assert!(report.valid, "{report:?}");
}

#[test]
fn pipeline_with_own_function() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let example = env!("CARGO_BIN_EXE_pipeline_with_own_function");
    let text = output_with(example, &[PLATE, out.to_str().unwrap()]);
    assert!(text.contains("E07 (acquisition 1): [(\"sharpness_count\", 6.0), "), "{text}");
    let rows = std::fs::read_to_string(out.join("results/sharpness/E08.csv")).unwrap();
    assert!(rows.lines().next().unwrap().contains("sharpness"), "{rows}");
    // Two fields and three channels in each of two acquisitions.
    assert_eq!(rows.lines().count(), 1 + 12, "{rows}");
    assert!(out.join("report.html").is_file());
}
