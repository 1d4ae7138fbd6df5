//! What lies in a plate's folder and is not of the plate, and names that no plate has.

use std::fs;

use super::{
    Place, args,
    same_plane::{folder, told},
};

#[test]
fn a_stray_copy_leaves_the_plate_readable_and_is_counted() {
    for (stray, why) in [
        ("Copy of Pl_A01_s1_w1.TIF", "a copy of this one's"),
        ("Pl_A01_s1_w1 (1).TIF", "Pl_A01_s1_w1.TIF is used"),
        ("sub/Pl_A01_s1_w1.TIF", "in another folder"),
    ] {
        let place = Place::new();
        let names: Vec<String> = (1..=4)
            .flat_map(|site| [1, 2].map(|wave| format!("Pl_A01_s{site}_w{wave}.TIF")))
            .chain([stray.to_owned()])
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let folder = folder(&place, "plate", &names);
        let json = place.json(args!["check", folder]);
        assert_eq!((&json["counts"]["present"], &json["complete"]), (&8.into(), &false.into()));
        let (code, text) = told(&place, &args!["check", folder]);
        assert_eq!(code, Some(5), "{text}");
        for part in ["1 image file passed over", stray, why] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        fs::remove_file(folder.join(stray)).unwrap();
        assert!(place.run(args!["check", folder]).contains("The plate is complete."));
    }
}

#[test]
fn control_characters_of_names_do_not_reach_the_terminal() {
    let place = Place::new();
    let names = ["P_A01_s1_w1.TIF", "P_A01_s2_w1.TIF", "evil\n\u{1b}[31mname.tif"];
    let folder = folder(&place, "plate", &names);
    let text = place.run(args!["check", folder]);
    assert!(text.contains("evil\\n\\u{1b}[31mname.tif"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let errors = place.fail(3, args!["info", "no\n\u{1b}[2Jplate"]);
    assert!(errors.contains("no\\n\\u{1b}[2Jplate") && !errors.contains('\u{1b}'), "{errors}");
    // Programs get names as they are.
    let json = place.json(args!["check", folder]);
    assert!(json["notes"].to_string().contains("\\u001b[31m"), "{json}");
}

#[test]
fn wells_far_apart_make_no_huge_map_or_picture() {
    let place = Place::new();
    let folder = folder(&place, "plate", &["P_f1_ZZ01.tif", "P_f1_A999.tif"]);
    let pattern = "P_f1_(?<well>.+)[.]tif";
    let text = place.run(args!["info", folder, "--pattern", pattern]);
    assert!(text.contains("the map of 702 x 999 wells is left out"), "{text}");
    assert!(text.len() < 5000, "{}", text.len());
    let shown = args!["show", folder, "--pattern", pattern, "-o", "x.png"];
    let json = place.json(shown);
    assert!(json["width"].as_u64() < Some(1600) && json["height"].as_u64() < Some(1600), "{json}");
}
