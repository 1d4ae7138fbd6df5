//! Commands that look at plates.

use super::{Place, args, plate};

#[test]
fn info_says_what_a_plate_is() {
    let place = Place::new();
    let text = place.run(args!["info", plate()]);
    for part in ["Projection-Mix", "imagexpress", "40 present, 24 absent by design", "1.3668 µm"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let json = place.json(args!["info", plate()]);
    assert_eq!(json["wells"], 2);
    assert_eq!(json["planes"]["present"], 40);
    assert_eq!(json["first_image"]["sizes"]["c"], 4);
}

#[test]
fn tree_and_ls_name_wells_and_planes() {
    let place = Place::new();
    let tree = place.run(args!["tree", plate()]);
    assert!(tree.contains("E07  4 fields") && tree.contains("E08_a002_s002"), "{tree}");
    let planes = place.run(args!["ls", plate(), "--planes"]);
    assert_eq!(planes.lines().count(), 40, "{planes}");
    let files = place.run(args!["ls", plate()]);
    assert!(files.contains("thumb") && files.contains("ZStep_1/"), "{files}");
}

#[test]
fn listings_end_where_links_lead_around() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("loop/below")).unwrap();
    std::os::unix::fs::symlink(".", place.path("loop/self")).unwrap();
    std::os::unix::fs::symlink("../../loop", place.path("loop/below/up")).unwrap();
    std::fs::write(place.path("loop/below/a.txt"), "a").unwrap();
    assert!(place.run(args!["ls", "-r", "loop"]).contains("below/a.txt"));
}

#[test]
fn check_finds_what_is_missing_and_what_is_damaged() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    assert!(place.run(args!["check", copy, "--depth", "pixels"]).contains("complete"));
    let files = place.run(args!["ls", copy]);
    let mut planes =
        files.lines().filter(|name| name.contains("E07_s1_w1") && !name.contains("thumb"));
    let damaged = planes.next().unwrap().trim();
    let content = std::fs::read(copy.join(damaged)).unwrap();
    std::fs::write(copy.join(damaged), &content[..content.len() / 2]).unwrap();
    let errors = place.fail(5, args!["check", copy, "--depth", "pixels"]);
    assert!(errors.is_empty(), "{errors}");
    let json = place.json(args!["check", copy, "--depth", "pixels"]);
    assert_eq!(json["counts"]["corrupt"], 1, "{json}");
    assert!(json["problems"][0].to_string().contains(damaged), "{json}");
    std::fs::remove_file(copy.join(damaged)).unwrap();
    let json = place.json(args!["check", copy]);
    assert_eq!((&json["counts"]["missing"], &json["complete"]), (&1.into(), &false.into()));
}

#[test]
fn cat_gives_a_plane_in_another_format() {
    let place = Place::new();
    let names = place.run(args!["ls", plate(), "--planes"]);
    let name = names.lines().next().unwrap();
    let png = place.command().args(args!["cat", name, "--as", "png"]).output().unwrap();
    assert!(png.stdout.starts_with(b"\x89PNG"), "{}", String::from_utf8_lossy(&png.stderr));
    let npy = place.command().args(args!["cat", name, "--as", "npy"]).output().unwrap();
    assert!(npy.stdout.starts_with(b"\x93NUMPY"));
    assert!(npy.stdout.len() > 512 * 512 * 2);
    // Of an image with several planes, one is chosen and the others are spoken of.
    place.run(args!["convert", plate(), "p.zarr"]);
    let plane = |c: &str| {
        let arguments = args!["cat", "p.zarr/E/07/0", "--as", "npy", "--c", c];
        place.command().args(arguments).output().unwrap()
    };
    let (first, second) = (plane("0"), plane("1"));
    assert!(first.status.success() && first.stdout != second.stdout);
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(told.contains("plane t=0 c=1 z=0 of"), "{told}");
}

#[test]
fn show_draws_plate_well_and_field() {
    let place = Place::new();
    place.run(args!["show", plate(), "-o", "plate.png"]);
    place.run(args!["show", plate(), "--well", "E08", "-o", "well.png"]);
    place.run(args![
        "show",
        plate(),
        "--well",
        "E08",
        "--field",
        "2",
        "--z",
        "middle",
        "-o",
        "field.png"
    ]);
    let size = |name: &str| {
        let content = std::fs::read(place.path(name)).unwrap();
        let side = |at: usize| u32::from_be_bytes(content[at..at + 4].try_into().unwrap());
        (side(16), side(20))
    };
    assert_eq!(size("field.png"), (512, 512));
    assert!(size("well.png").0 > 1000 && size("plate.png").0 > 500);
    place.run(args!["show", plate(), "--all-wells", "-o", "all.png"]);
    assert!(size("all.png").0 > 1400 && size("all.png").1 > 1000);
    let errors = place.fail(4, args!["show", plate(), "-o", "plate.png"]);
    assert!(errors.contains("plate.png: a file of this name exists"), "{errors}");
}

#[test]
fn show_chooses_acquisitions_and_says_which_there_are() {
    let place = Place::new();
    let field = ["--well", "E08", "--field", "1", "--channels", "1", "--z", "0"];
    for (name, file) in [("stack", "a.png"), ("1", "b.png"), ("Projection", "c.png")] {
        let mut arguments = args!["show", plate(), "--acquisition", name, "-o", file].to_vec();
        arguments.extend(field.map(Into::into));
        place.run(arguments);
    }
    let content = |file: &str| std::fs::read(place.path(file)).unwrap();
    assert_eq!(content("a.png"), content("b.png"));
    assert_ne!(content("a.png"), content("c.png"));
    let wrong =
        |name: &str| place.fail(3, args!["show", plate(), "--acquisition", name, "-o", "d.png"]);
    assert!(wrong("projektion").contains("did you mean `projection`?"), "{}", wrong("projektion"));
    assert!(wrong("3").contains("there are 1 stack, 2 projection"), "{}", wrong("3"));
}

#[test]
fn show_tells_which_section_of_a_projection_is_missing() {
    let place = Place::new();
    let copy = place.path("copy");
    place.run(args!["cp", plate(), copy]);
    let files = place.run(args!["ls", copy, "-r"]);
    let is_section = |name: &&str| name.contains("ZStep_2/") && name.contains("E07_s1_w1");
    let gone =
        files.lines().map(str::trim).find(|name| is_section(name) && !name.contains("thumb"));
    std::fs::remove_file(copy.join(gone.unwrap())).unwrap();
    let errors = place.fail(5, args!["show", copy, "-o", "plate.png"]);
    assert_eq!(errors, "not shown: E07/E07_a001_s001 t=0 c=0 z=1: missing\n");
    let json = place.json(args!["show", copy, "--well", "E07", "-o", "well.png"]);
    assert_eq!(json["gaps"][0]["z"], 1, "{json}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let command = format!(
        "{} ls {} --planes | head -1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_polystore"),
        plate().display()
    );
    let output = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}

#[test]
fn bench_microscopes_and_completions_answer() {
    let place = Place::new();
    let names = place.run(args!["microscopes"]);
    for name in ["imagexpress", "harmony", "cellvoyager", "ome-tiff"] {
        assert!(names.contains(name), "{names}");
    }
    let json = place.json(args!["bench", plate(), "--rounds", "1"]);
    assert!(json.is_object(), "{json}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.run(args!["completions", shell]).contains("polystore"), "{shell}");
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let place = Place::new();
    let help = place.run(args!["--help"]);
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let mut n_commands = 0;
    for line in commands.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        if name == "help" {
            continue;
        }
        n_commands += 1;
        let text = place.run(args![name, "--help"]);
        assert!(text.contains("Example"), "{name} has no example:\n{text}");
    }
    assert!(n_commands >= 15, "{help}");
}
