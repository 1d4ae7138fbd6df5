//! Damaged metadata of a vendor: what it no longer declares is not taken for complete.

use std::fs;

use super::{Place, args, pipelines::pipeline};

#[test]
fn a_cut_htd_makes_the_plate_incomplete_for_every_command() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/imagexpress-htd/9987_Plate_3434");
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", source, copy]);
    let htd = "TimePoint_1/9987.HTD";
    let whole = fs::read(copy.join(htd)).unwrap();
    for name in [
        "9987.HTD",
        "TimePoint_1/ZStep_0/9987.HTD",
        "TimePoint_1/ZStep_1/9987.HTD",
        "TimePoint_1/ZStep_2/9987.HTD",
    ] {
        fs::remove_file(copy.join(name)).unwrap();
    }
    let missing = place.json(args!["check", copy])["counts"]["missing"].clone();
    assert_eq!(missing, 42);
    for content in [&whole[..200], &whole[..whole.len() / 2], b"", b"\x89random\0\xff"] {
        fs::write(copy.join(htd), content).unwrap();
        let output = place.command().args(args!["check", copy]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(5), "{text}");
        for part in ["1 metadata file passed over", htd, "copy it again", "NOT complete"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert_eq!(place.json(args!["check", copy])["passed_over"]["files"][0]["path"], htd);
    }
    let output = place.command().args(args!["convert", copy, "out.zarr"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("1 metadata file of the plate was passed over"), "{text}");
    // What is there can be worked on; the run is incomplete all the same.
    let run = args!["run", pipeline(), copy, "-o", "results"];
    let output = place.command().args(run).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("1 part of the plate"), "{text}");
}
