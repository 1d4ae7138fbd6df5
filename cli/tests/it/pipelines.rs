//! The demo, and pipelines over plates.

use std::path::{Path, PathBuf};

use super::{Place, args, plate};

pub(super) fn pipeline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nuclei.toml")
}

#[test]
fn the_demo_leaves_everything_that_it_promises() {
    let place = Place::new();
    let text = place.run(args!["demo"]);
    for part in ["Projection-Mix", "max_projection() over z", "E07", "nuclei_count", "report.html"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let out = place.path("polystore-demo");
    for name in [
        "report.html",
        "run.json",
        "results/plate.csv",
        "results/plate.json",
        "results/nuclei/E07.csv",
        "results/nuclei/E08.json",
        "plots/heatmap-nuclei_count.svg",
        "plots/heatmap-nuclei_count.png",
        "images/project.zarr/E/07/0/labels/nuclei/zarr.json",
    ] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let rows = std::fs::read_to_string(out.join("results/plate.csv")).unwrap();
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let json = place.json(args!["validate", out.join("images/project.zarr")]);
    assert_eq!((&json["valid"], &json["counts"]["labels"]), (&true.into(), &4.into()), "{json}");
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(!page.contains("http://") || !page.contains("<script src"), "no outside scripts");
    // Again: everything is there.
    assert!(place.run(args!["demo"]).contains("all of them done before"));
    // Labels go with the images into a store, and are spoken of where they cannot.
    let store = out.join("images/project.zarr");
    let text = place.run(args!["convert", store, "again.zarr", "--verify", "--ngff", "0.4"]);
    assert!(text.contains("4 label images with them"), "{text}");
    let json = place.json(args!["validate", "again.zarr"]);
    assert_eq!((&json["valid"], &json["counts"]["labels"]), (&true.into(), &4.into()), "{json}");
    let text = place.run(args!["convert", store, "files"]);
    assert!(text.contains("4 label images LEFT OUT"), "{text}");
    // They get as many levels as the images there have.
    for levels in ["1", "2"] {
        let name = format!("levels-{levels}.zarr");
        place.run(args!["convert", store, name, "--levels", levels, "--verify"]);
        let json = place.json(args!["validate", name]);
        assert_eq!((&json["valid"], &json["counts"]["labels"]), (&true.into(), &4.into()));
    }
    // One that cannot be read is no reason to say that all went well.
    std::fs::write(store.join("E/07/0/labels/nuclei/zarr.json"), "{").unwrap();
    let output = place.command().args(args!["convert", store, "less.zarr"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("E/07/0/labels/nuclei"), "{text}");
    // What is left of a run that cannot be read is named.
    std::fs::write(out.join("run.json"), "{").unwrap();
    let errors = place.fail(5, args!["demo"]);
    assert!(errors.contains("polystore-demo") && errors.contains("run.json"), "{errors}");
}

#[test]
fn results_are_not_put_over_files_of_somebody_s_own() {
    let place = Place::new();
    std::fs::create_dir(place.path("mine")).unwrap();
    std::fs::write(place.path("mine/report.html"), "mine").unwrap();
    for replace in [&[][..], &["--replace"]] {
        let mut arguments = args!["run", pipeline(), plate(), "-o", "mine"].to_vec();
        arguments.extend(replace.iter().map(Into::into));
        let errors = place.fail(4, arguments);
        assert!(errors.contains("`report.html` is here already"), "{errors}");
    }
    assert_eq!(std::fs::read_to_string(place.path("mine/report.html")).unwrap(), "mine");
}

#[test]
fn the_same_job_on_other_layouts_gives_the_same_table() {
    let place = Place::new();
    place.run(args!["convert", plate(), "plate.zarr"]);
    place.run(args!["convert", plate(), "fields", "--to", "ome-tiff"]);
    let mut tables = Vec::new();
    for (number, location) in
        [plate(), place.path("plate.zarr"), place.path("fields")].into_iter().enumerate()
    {
        let out = place.path(&format!("out{number}"));
        let json = place.json(args!["run", pipeline(), location, "-o", out]);
        assert_eq!(json["units"].as_array().unwrap().len(), 8, "{json}");
        tables.push(std::fs::read_to_string(out.join("results/plate.csv")).unwrap());
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0], tables[2]);
    // A row and a map for each acquisition of a well.
    assert!(tables[0].starts_with("well,row,column,acquisition,fields,"), "{}", tables[0]);
    for start in ["E07,5,7,1,2,", "E07,5,7,2,2,", "E08,5,8,1,2,", "E08,5,8,2,2,"] {
        assert!(tables[0].lines().any(|row| row.starts_with(start)), "{start}: {}", tables[0]);
    }
    for name in ["heatmap-nuclei_count-a001.svg", "heatmap-nuclei_count-a002.png"] {
        assert!(place.path("out0/plots").join(name).is_file(), "{name}");
    }
    let page = std::fs::read_to_string(place.path("out0/report.html")).unwrap();
    assert!(page.contains("data-well=\"E07 a2\"") && page.contains("acquisition 2"));
}

#[test]
fn a_damaged_field_does_not_stop_the_others() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let name = std::fs::read_dir(&copy)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.contains("E08_s2_w1") && !name.contains("thumb")
        })
        .unwrap();
    std::fs::write(&name, b"II*\0").unwrap();
    let run = args!["run", pipeline(), copy, "-o", "out"];
    let output = place.command().args(run).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    let file = name.file_name().unwrap().to_string_lossy().into_owned();
    assert!(text.contains("1 field FAILED:\n  well E08\n") && text.contains(&file), "{text}");
    let rows = std::fs::read_to_string(place.path("out/results/plate.csv")).unwrap();
    assert_eq!(rows.lines().count(), 5, "{rows}");
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains(&file), "the report names the damaged file");
}

#[test]
fn missing_planes_are_refused_or_left_out() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    for entry in std::fs::read_dir(&copy).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().contains("E08_s2_w1") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let errors = place.fail(5, args!["run", pipeline(), copy, "-o", "out"]);
    assert!(errors.contains("missing") && errors.contains("E08"), "{errors}");
    let output = place
        .command()
        .args(args!["run", pipeline(), copy, "-o", "out", "--missing", "skip"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("because planes are missing or corrupt"), "{text}");
    assert!(text.contains("the run is incomplete"), "{text}");
    assert!(text.contains("1/2 (1 in"), "{text}");
    let rows = std::fs::read_to_string(place.path("out/results/plate.csv")).unwrap();
    // Well, row, column, acquisition, fields, of them done and in part, complete.
    assert!(rows.lines().any(|row| row.starts_with("E08,5,8,2,2,1,1,false,")), "{rows}");
    let manifest = || std::fs::read_to_string(place.path("out/run.json")).unwrap();
    assert!(manifest().contains("\"state\": \"incomplete\""), "{}", manifest());
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("not done, or in part, because planes are missing or corrupt"));
    assert!(page.contains("1 of 2, 1 in part") && page.contains("7 done, 1 done in part"));
    assert!(page.contains("<figcaption>E08_a002_s002, incomplete</figcaption>"));
    let units: serde_json::Value = serde_json::from_str(&manifest()).unwrap();
    let units = units["units"].as_array().unwrap();
    let partial: Vec<_> = units.iter().filter(|unit| unit["state"] == "partial").collect();
    assert_eq!((units.len(), partial.len()), (8, 1));
    assert_eq!(partial[0]["name"], "E08_a002_s002");
    // A second time there is nothing to do, and nothing is written.
    let before = manifest();
    let again = args!["run", pipeline(), copy, "-o", "out", "--missing", "skip"];
    assert_eq!(place.command().args(again).output().unwrap().status.code(), Some(5));
    assert_eq!(manifest(), before);
}

#[test]
fn plans_are_told_without_reading_pixels() {
    let place = Place::new();
    let text = place.run(args!["plan", pipeline(), plate(), "--save", "plan.json"]);
    assert!(
        text.contains("8 units") && text.contains("gaussian(mode=\"nearest\", sigma=2)"),
        "{text}"
    );
    let plan = std::fs::read(place.path("plan.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&plan).unwrap().is_object());
    assert_eq!(place.json(args!["plan", pipeline(), plate()])["n_units"], 8);
}

#[test]
fn mistakes_in_a_pipeline_are_told_with_their_line() {
    let place = Place::new();
    let text = std::fs::read_to_string(pipeline()).unwrap();
    for (right, wrong, part) in [
        (
            "gaussian",
            "gausian",
            "bad.toml:19:18: there is no function `gausian`\n  hint: did you mean `gaussian`?",
        ),
        ("sigma", "sigm", "`gaussian` has no parameter `sigm`\n  hint: did you mean `sigma`?"),
        ("low = 1", "low = \"x\"", "parameter `low` cannot be \"x\": it is a number from 0 to 100"),
        ("name = \"nuclei\"\ninput", "name = \"nuclei\"\nimput", "imput"),
        (
            "description",
            "report = { heatmaps = [\"nuclei_cuont\"] }\ndescription",
            "bad.toml:4:24: no step makes a column `nuclei_cuont` to draw a heatmap of\n  hint: did you mean `nuclei_count`?",
        ),
    ] {
        std::fs::write(place.path("bad.toml"), text.replace(right, wrong)).unwrap();
        let errors = place.fail(2, args!["run", "bad.toml", plate(), "-o", "out"]);
        assert!(errors.contains(part), "{part} is not in:\n{errors}");
        assert!(!place.path("out").exists());
    }
    let errors = place.fail(3, args!["run", pipeline(), plate(), "-o", "out", "--wells", "A01"]);
    assert!(errors.contains("has no well A01"), "{errors}");
}
