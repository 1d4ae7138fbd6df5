use proptest::prelude::*;

use super::*;
use crate::{
    PlaneIndex,
    microscope::testing::{TestFolder, counts, images, info, plane},
    model::{PlaneState, PlateStructure, Sizes},
};

fn raw(well: &str, field: u32, c: u32, (t, z): (u32, u32), file: Option<u32>) -> RawPlane {
    RawPlane {
        well: well.parse().unwrap(),
        acquisition: 0,
        field,
        t,
        c,
        z,
        source: file.map(PlaneSource::whole),
    }
}

fn facts(rule: Rule) -> PlateFacts<'static> {
    PlateFacts { rule, channel_prefix: "w", ..PlateFacts::new("p", "test", "polystore") }
}

fn build(files: &[&str], planes: &[RawPlane], rule: Rule) -> Result<DeclaredPlate> {
    build_in(&TestFolder::new(files.iter().copied()), planes, rule)
}

fn build_in(folder: &TestFolder, planes: &[RawPlane], rule: Rule) -> Result<DeclaredPlate> {
    let mut builder = PlateBuilder::with_capacity(planes.len());
    for plane in planes {
        builder.push(*plane)?;
    }
    let plate = builder.build(&folder.folder(), facts(rule))?;
    plate.structure.check()?;
    Ok(plate)
}

#[test]
fn builders_put_together_are_one() {
    let planes = [
        raw("A01", 0, 0, (0, 0), Some(0)),
        raw("A01", 1, 0, (0, 0), Some(1)),
        raw("B02", 0, 1, (0, 2), Some(2)),
        raw("A01", 0, 1, (0, 0), Some(3)),
    ];
    let folder = TestFolder::new(["a.tif", "b.tif", "c.tif", "d.tif"]);
    let whole = build_in(&folder, &planes, Rule::Names).unwrap();
    for at in 0..=planes.len() {
        let mut parts = [PlateBuilder::default(), PlateBuilder::default()];
        for (number, plane) in planes.iter().enumerate() {
            parts[usize::from(number >= at)].push(*plane).unwrap();
        }
        let [mut all, rest] = parts;
        all.append(rest).unwrap();
        assert_eq!(all.build(&folder.folder(), facts(Rule::Names)).unwrap(), whole, "{at}");
    }
}

/// In no order of wells, each plane of two files; with fields near one another, or far apart.
#[test]
fn planes_collected_are_those_pushed() {
    for between in [1, 100_000] {
        let plane = |number: usize| {
            let at = (number as u32).wrapping_mul(7919) % 10_000;
            RawPlane {
                well: WellPosition::new(at % 16, at / 16 % 24),
                acquisition: 0,
                field: at / 384 % 3 * between,
                t: 0,
                c: at / 1152 % 9,
                z: 0,
                source: Some(PlaneSource::whole(number as u32)),
            }
        };
        let names: Vec<String> = (0..20_000).map(|number| format!("{number}.tif")).collect();
        let folder = TestFolder::new(names.iter().map(String::as_str));
        let planes: Vec<RawPlane> = (0..20_000).map(plane).collect();
        let pushed = build_in(&folder, &planes, Rule::Names).unwrap();
        let collected = PlateBuilder::collect(planes.len(), plane).unwrap();
        let collected = collected.build(&folder.folder(), facts(Rule::Names)).unwrap();
        assert_eq!(collected, pushed);
    }
}

#[test]
fn planes_collected_may_be_added_to() {
    let planes = [
        raw("A01", 0, 0, (0, 0), Some(0)),
        raw("B02", 1, 0, (0, 0), Some(1)),
        raw("A01", 0, 1, (0, 0), Some(2)),
        raw("B02", 1, 1, (0, 0), Some(3)),
    ];
    let folder = TestFolder::new(["a.tif", "b.tif", "c.tif", "d.tif"]);
    let whole = build_in(&folder, &planes, Rule::Names).unwrap();
    let mut builder = PlateBuilder::collect(2, |number| planes[number]).unwrap();
    builder.push(planes[2]).unwrap();
    let mut other = PlateBuilder::default();
    other.push(planes[3]).unwrap();
    builder.append(other).unwrap();
    assert_eq!(builder.build(&folder.folder(), facts(Rule::Names)).unwrap(), whole);
}

#[test]
fn names_declare_what_any_field_has_and_gaps_stay_gaps() {
    // Channel 0 has z 3 to 5, channel 7 only z 3; field 4 of B02 lacks a z of channel 0.
    let mut planes = Vec::new();
    for (well, field) in [("B02", 0), ("B02", 4), ("B03", 0), ("B03", 4)] {
        for z in 3..6 {
            planes.push(raw(well, field, 0, (0, z), Some(planes.len() as u32)));
        }
        planes.push(raw(well, field, 7, (0, 3), Some(planes.len() as u32)));
    }
    planes.remove(5);
    let names: Vec<String> = (0..16).map(|n| format!("{n:02}.tif")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plate = build(&names, &planes, Rule::Names).unwrap();
    assert_eq!(images(&plate), ["B02/0/0", "B02/0/4", "B03/0/0", "B03/0/4"]);
    assert_eq!(counts(&plate), (15, 8, 1));
    assert_eq!(plane(&plate, "B02", (0, 4), (0, 0, 1)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "B02", (0, 4), (0, 0, 2)), Ok("06.tif".to_owned()));
    assert_eq!(plane(&plate, "B02", (0, 4), (0, 1, 1)), Err(PlaneState::AbsentByDesign));
    let image = &plate.structure.wells[0].fields[0];
    assert_eq!(image.sizes, Sizes::new(1, 2, 3, 4, 6));
    assert_eq!((&*image.channels[1].name, image.channels[1].number), ("w8", Some(8)));
    assert_eq!((&*image.channels[0].name, image.channels[0].number), ("w1", None));
    assert_eq!((plate.structure.n_rows, plate.structure.n_columns), (8, 12));
}

#[test]
fn a_channel_that_a_well_lacks_is_absent_by_design_and_told() {
    let planes = [
        raw("A01", 0, 0, (0, 0), Some(0)),
        raw("A01", 0, 1, (0, 0), Some(1)),
        raw("A02", 0, 0, (0, 0), Some(2)),
    ];
    let plate = build(&["a", "b", "c"], &planes, Rule::Names).unwrap();
    assert_eq!(counts(&plate), (3, 1, 0));
    assert_eq!(plate.inventory.notes, ["channel 2 is absent from A02, by design"]);
}

#[test]
fn a_field_of_most_wells_is_missing_from_the_others() {
    let mut planes = Vec::new();
    for (n, well) in (0..).zip(["A01", "A02", "A03"]) {
        planes.push(raw(well, 0, 0, (0, 0), Some(n)));
        if well != "A02" {
            planes.push(raw(well, 1, 0, (0, 0), Some(n + 3)));
        }
    }
    planes.push(raw("A03", 9, 0, (0, 0), Some(6)));
    let plate = build(&["0", "1", "2", "3", "4", "5", "6"], &planes, Rule::Names).unwrap();
    assert_eq!(plane(&plate, "A02", (0, 1), (0, 0, 0)), Err(PlaneState::Missing));
    assert_eq!(counts(&plate), (6, 0, 1));
    assert_eq!(plate.inventory.notes, ["field 2 is missing from A02; 2 of 3 wells have it"]);
}

#[test]
fn a_gap_among_the_fields_of_a_well_is_remarked_upon() {
    let a: Vec<_> = [0, 1, 3].map(|field| raw("A01", field, 0, (0, 0), Some(field))).into();
    let b = (0..4).map(|field| raw("A02", field, 0, (0, 0), Some(4 + field)));
    let planes: Vec<_> = a.into_iter().chain(b).collect();
    let files = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let plate = build(&files, &planes, Rule::Names).unwrap();
    assert_eq!(counts(&plate), (7, 0, 0));
    let note = "field 3 of A01 may be missing: later fields are there, and other wells have it";
    assert_eq!(plate.inventory.notes, [note]);
    // What comes after the last field of a well is no gap of it.
    let plate = build(&files, &planes[..6], Rule::Names).unwrap();
    assert_eq!(plate.inventory.notes, [note]);
}

#[test]
fn metadata_declares_exactly() {
    let planes = [
        raw("A01", 0, 0, (0, 0), Some(0)),
        raw("A01", 0, 0, (0, 0), None),
        raw("A01", 0, 0, (0, 1), None),
        raw("A01", 1, 1, (0, 0), None),
    ];
    let plate = build(&["a"], &planes, Rule::Declared).unwrap();
    assert_eq!(counts(&plate), (1, 5, 2));
    assert_eq!(plane(&plate, "A01", (0, 0), (0, 0, 1)), Err(PlaneState::Missing));
    assert_eq!(plane(&plate, "A01", (0, 1), (0, 0, 0)), Err(PlaneState::AbsentByDesign));
}

#[test]
fn of_two_files_for_one_plane_the_first_by_name_is_taken() {
    for order in [[0, 1], [1, 0]] {
        let planes = order.map(|file| raw("A01", 2, 0, (0, 0), Some(file)));
        let plate = build(&["b.tif", "a.tif"], &planes, Rule::Names).unwrap();
        assert_eq!(plane(&plate, "A01", (0, 2), (0, 0, 0)), Ok("a.tif".to_owned()));
        let passed_over = plate.inventory.passed_over;
        assert_eq!((passed_over.n, &*passed_over.files[0].path), (1, "b.tif"));
        let why = passed_over.files[0].why();
        assert!(why.starts_with("another file stands for the same plane; rename one"), "{why}");
        assert!(why.ends_with(": a.tif is t=0 c=0 z=0 of well A01, field 3"), "{why}");
    }
    let planes = [raw("A01", 0, 0, (0, 0), Some(0)); 2];
    assert!(build(&["a"], &planes, Rule::Names).unwrap().inventory.passed_over.is_empty());
    // Of three, two are passed over, both for the first; pages are told apart.
    let planes = [2, 1, 0].map(|file| raw("A01", 0, 0, (0, 0), Some(file)));
    let plate = build(&["a", "b", "c"], &planes, Rule::Names).unwrap();
    let told = plate.inventory.passed_over;
    assert_eq!(told.n, 2);
    assert!(told.files.iter().all(|file| file.detail.starts_with("a is")), "{told:?}");
    let page = |page| {
        let plane = raw("A01", 0, 0, (0, 0), None);
        RawPlane { source: Some(PlaneSource::page(0, page)), ..plane }
    };
    let plate = build(&["a"], &[page(1), page(0)], Rule::Declared).unwrap();
    assert_eq!(plate.inventory.passed_over.files[0].path, "a page 2");
}

#[test]
fn acquisitions_have_sizes_of_their_own() {
    let stack = [raw("A01", 0, 0, (0, 5), Some(0)), raw("A01", 0, 0, (0, 6), Some(1))];
    let other = RawPlane { acquisition: 3, z: 0, c: 1, ..raw("A01", 0, 0, (9, 0), Some(2)) };
    let plate = build(&["a", "b", "c"], &[stack[0], stack[1], other], Rule::Names).unwrap();
    assert_eq!(images(&plate), ["A01/0/0", "A01/1/0"]);
    let sizes: Vec<Sizes> = plate.structure.images().map(|(_, image)| image.sizes).collect();
    assert_eq!(sizes, [Sizes::new(1, 2, 2, 4, 6), Sizes::new(1, 2, 1, 4, 6)]);
    assert_eq!(plane(&plate, "A01", (1, 0), (0, 1, 0)), Ok("c".to_owned()));
    assert_eq!(plate.structure.acquisitions.len(), 2);
    assert_eq!(plate.structure.acquisitions[1].id, 3);
}

#[test]
fn colour_pixels_become_channels() {
    let mut rgb = info(Sizes::new(1, 3, 1, 4, 6), "");
    (rgb.n_samples, rgb.n_pages) = (3, 1);
    let folder = TestFolder::new(["a", "b"]).with_info("a", rgb);
    let planes = [raw("A01", 0, 0, (0, 0), Some(0)), raw("A01", 0, 1, (0, 0), Some(1))];
    let plate = build_in(&folder, &planes, Rule::Names).unwrap();
    let image = &plate.structure.wells[0].fields[0];
    assert_eq!(image.sizes.c, 6);
    assert_eq!(image.channels[4].name, "w2 green");
    let source = plate.sources.images[0].get(PlaneIndex::new(0, 4, 0)).unwrap();
    assert_eq!(source, PlaneSource { sample: 1, ..PlaneSource::whole(1) });
    assert_eq!(counts(&plate), (6, 0, 0));
}

#[test]
fn unreadable_files_are_told_and_the_next_is_asked() {
    let planes = [raw("A01", 0, 0, (0, 0), Some(0)), raw("A01", 1, 0, (0, 0), Some(1))];
    let folder = TestFolder::new(["a", "b"]).with_broken("a");
    assert_eq!(counts(&build_in(&folder, &planes, Rule::Names).unwrap()), (2, 0, 0));
    assert_eq!(folder.opened(), ["a", "b"]);
    let seen = folder.folder();
    let mut builder = PlateBuilder::default();
    planes.into_iter().for_each(|plane| builder.push(plane).unwrap());
    builder.build(&seen, facts(Rule::Names)).unwrap();
    let unreadable = seen.unreadable();
    assert!(unreadable["a"].reason.contains("a: is not a TIFF file") && unreadable.len() == 1);
    let folder = folder.with_broken("b");
    let plate = build_in(&folder, &planes, Rule::Names).unwrap();
    let sizes = plate.structure.wells[0].fields[0].sizes;
    assert_eq!((sizes.y, sizes.x), (1, 1), "there is a plate, of which nothing can be read");
    assert!(plate.inventory.notes.iter().any(|note| note.contains("no image could be read")));
    let mut builder = PlateBuilder::default();
    builder.push(planes[0]).unwrap();
    let facts = PlateFacts { plane_shape: Some(PlaneShape::new(2, 3)), ..facts(Rule::Names) };
    let plate = builder.build(&folder.folder(), facts).unwrap();
    assert_eq!(plate.structure.wells[0].fields[0].sizes, Sizes::new(1, 1, 1, 2, 3));
}

#[test]
fn numbers_that_span_too_much_are_refused() {
    let planes =
        [raw("A01", 0, 0, (0, 0), Some(0)), raw("A01", 0, 0, (u32::MAX, u32::MAX), Some(1))];
    let error = build(&["a", "b"], &planes, Rule::Names).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(build(&[], &[], Rule::Names).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn image_paths_are_canonical() {
    let planes = [
        raw("AF48", 1233, 0, (0, 0), Some(0)),
        RawPlane { acquisition: 1, ..raw("AF48", 0, 0, (0, 0), Some(0)) },
    ];
    for n in 1..=2 {
        let plate = build(&["a"], &planes[..n], Rule::Names).unwrap();
        for (well, image) in plate.structure.images() {
            let acquisition = (n > 1).then_some(image.acquisition);
            let path = PlateStructure::canonical_image_path(well, acquisition, image.field);
            assert_eq!(image.path, path);
            assert_eq!(Some(&*image.name), path.name());
        }
    }
}

proptest! {
    /// Whatever is added: every plane with a file is present, every declared one is counted.
    #[test]
    fn every_added_plane_is_found_again(
        planes in proptest::collection::vec(
            (0u32..3, 0u32..3, 0u32..2, 0u32..4, 0u32..3, 0u32..2, 0u32..3, any::<bool>()), 1..60),
        declared in any::<bool>(),
    ) {
        let names: Vec<String> = (0..planes.len()).map(|n| format!("{n:03}")).collect();
        let raws: Vec<RawPlane> = (0u32..).zip(&planes).map(|(n, &(row, column, acquisition, field, c, t, z, there))| {
            let source = (there || !declared).then(|| PlaneSource::whole(n));
            let well = WellPosition::new(row, column);
            RawPlane { well, acquisition, field, t, c, z, source }
        }).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let folder = TestFolder::new(names.iter().copied());
        let rule = if declared { Rule::Declared } else { Rule::Names };
        let mut builder = PlateBuilder::default();
        for plane in &raws {
            builder.push(*plane).unwrap();
        }
        let facts = PlateFacts { plane_shape: Some(PlaneShape::new(1, 1)), ..facts(rule) };
        let plate = builder.build(&folder.folder(), facts).unwrap();
        plate.structure.check().unwrap();
        let distinct: std::collections::BTreeSet<_> = raws.iter()
            .filter(|plane| plane.source.is_some())
            .map(|plane| (plane.well, plane.acquisition, plane.field, plane.t, plane.c, plane.z))
            .collect();
        prop_assert_eq!(plate.inventory.counts().present, distinct.len() as u64);
        let sourced: usize = plate.sources.images.iter().map(|image| image.iter().count()).sum();
        prop_assert_eq!(sourced, distinct.len());
        prop_assert_eq!(plate.inventory.images.len(), plate.structure.n_images());
        for plane in &raws {
            prop_assert!(plate.structure.well(plane.well).unwrap().fields.iter().any(|image| image.field == plane.field));
        }
    }
}
