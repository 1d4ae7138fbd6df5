//! What is written over a workspace.

use super::*;
use crate::{
    ErrorKind, Plane, PlaneShape, Region, VirtualBackendExt, WriteMode,
    model::{ImageStructure, PlaneState, PlateStructure, Sizes},
};

fn uniform(value: u16) -> Plane {
    Plane::from_vec(PlaneShape::new(5, 7), vec![value; 35]).unwrap()
}

#[test]
fn part_of_a_plane_is_written_over_a_copy_of_it() {
    let source = source();
    let workspace = mapped(&source).with_overlay(memory()).unwrap();
    let plane = request("/A01/A01_s001", 0, 1, 2);
    let before = workspace.read_plane(&plane).unwrap();
    let region = Region::new(1, 2, 2, 3);
    let patch = Plane::from_vec(PlaneShape::new(2, 3), vec![1u16; 6]).unwrap();
    workspace.write_plane(plane.clone().with_region(region), patch.clone()).unwrap();
    let after = workspace.read_plane(&plane).unwrap();
    assert_eq!(after.crop(region).unwrap(), patch);
    let below = Region::new(3, 0, 2, 7);
    assert_eq!(after.crop(below).unwrap(), before.crop(below).unwrap());
    let original = request("/plate/A01/A01_s001", 0, 1, 2);
    assert_eq!(source.read_plane(&original).unwrap(), before);
    // A plane without a source is there once its last part is written.
    let missing = request("/B03/B03_s002", 1, 1, 2);
    for y in 0..5 {
        let there = workspace.inventory(&VirtualPath::root()).unwrap().counts().missing;
        assert_eq!(there, 1);
        let line = Plane::from_vec(PlaneShape::new(1, 7), vec![y as u16; 7]).unwrap();
        workspace.write_plane(missing.clone().with_region(Region::new(y, 0, 1, 7)), line).unwrap();
    }
    assert!(workspace.inventory(&VirtualPath::root()).unwrap().is_complete());
}

#[test]
fn what_is_deleted_stays_hidden_and_is_told() {
    let (source, overlay) = (source(), memory());
    let open = || mapped(&source).with_overlay(Arc::clone(&overlay)).unwrap();
    let workspace = open();
    let name = path("/A01/A01_s001_z002_c001_t000.tif");
    workspace.write_plane(request("/A01/A01_s001", 0, 1, 2), uniform(3)).unwrap();
    workspace.delete(&name, false).unwrap();
    assert_eq!(workspace.delete(&name, false).unwrap_err().kind(), ErrorKind::NotFound);
    workspace.delete(&path("/A01/A01_s002"), false).unwrap();
    workspace.write_plane(request("/A01/A01_s002", 0, 0, 0), uniform(4)).unwrap();
    drop(workspace);

    let workspace = open();
    let gone = workspace.read_plane(&request("/A01/A01_s001", 0, 1, 2)).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::MissingPlane);
    assert!(gone.path().unwrap().contains("/A01/A01_s001"), "{gone}");
    assert_eq!(workspace.read_plane(&request("/A01/A01_s002", 0, 0, 0)).unwrap(), uniform(4));
    let inventory = workspace.inventory(&VirtualPath::root()).unwrap();
    assert_eq!(inventory.state(0, PlaneIndex::new(0, 1, 2)), PlaneState::Missing);
    assert_eq!(inventory.counts().present, 48 - 1 - 1 - 12 + 1);
    let notes = inventory.notes.join("\n");
    for part in ["/A01/A01_s001: 1 plane deleted", "/A01/A01_s002: 11 planes deleted"] {
        assert!(notes.contains(part), "{notes}");
    }
    let there = source.inventory(&path("/plate")).unwrap().counts().present;
    assert_eq!(there, 47);
}

#[test]
fn files_stand_beside_what_is_mapped() {
    let source = source();
    let workspace = mapped(&source).with_overlay(memory()).unwrap();
    workspace.write_text(&path("/A01/notes.txt"), "a hit").unwrap();
    let labels = ImageStructure::new(path("/x"), crate::PixelType::U16, Sizes::new(1, 1, 1, 5, 7));
    workspace.create_image(&path("/A01/A01_s001/labels/cells"), &labels).unwrap();
    workspace.write_plane(request("/A01/A01_s001/labels/cells", 0, 0, 0), uniform(1)).unwrap();
    let names = |dir: &str| -> Vec<_> {
        let entries = workspace.list(&path(dir)).unwrap();
        entries.iter().map(|entry| entry.path.to_string()).collect()
    };
    assert_eq!(names("/"), ["/A01", "/B03"]);
    assert_eq!(names("/A01"), ["/A01/A01_s001", "/A01/A01_s002", "/A01/notes.txt"]);
    let read = workspace.read_plane(&request("/A01/A01_s001/labels/cells", 0, 0, 0));
    assert_eq!(read.unwrap(), uniform(1));
    // What the plate has cannot be written over with something else.
    for taken in ["/A01", "/A01/A01_s001", "/A01/A01_s001_z000_c000_t000.tif", "/"] {
        let answer = workspace.write_blob(&path(taken), "x".into(), WriteMode::Overwrite);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::AlreadyExists, "{taken}");
    }
    let own = path("/.polystore-workspace/planes");
    assert_eq!(workspace.stat(&own).unwrap_err().kind(), ErrorKind::NotFound);
    let answer = workspace.write_text(&own, "x");
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn without_an_overlay_nothing_is_written() {
    let workspace = mapped(&source());
    let answers = [
        workspace.write_plane(request("/A01/A01_s001", 0, 0, 0), uniform(1)),
        workspace.write_text(&path("/a.txt"), "x"),
        workspace.delete(&path("/A01"), true),
        workspace.create_directory(&path("/a")),
        workspace.rename(&path("/A01"), &path("/a")),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("overlay"), "{error}");
    }
}

#[test]
fn an_overlay_belongs_to_one_plate() {
    let (source, overlay) = (source(), memory());
    let workspace = mapped(&source).with_overlay(Arc::clone(&overlay)).unwrap();
    workspace.write_plane(request("/A01/A01_s001", 0, 0, 0), uniform(1)).unwrap();
    let mut builder = WorkspaceBuilder::new("one well");
    let id = builder.source(&source);
    builder.add_plate(id, &path("/plate"), |at| (at.well.row == 0).then_some(at)).unwrap();
    let error = Workspace::new(builder.build().unwrap()).with_overlay(overlay).unwrap_err();
    assert!(error.to_string().contains("another plate"), "{error}");
}

#[test]
fn a_source_that_changed_is_told_with_both_paths() {
    let source = source();
    let workspace = mapped(&source);
    source.delete(&path("/plate"), true).unwrap();
    let plane = request("/A01/A01_s002", 0, 0, 0);
    let error = workspace.read_plane(&plane).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingPlane);
    assert!(error.chain().contains("/plate/A01/A01_s002"), "{}", error.chain());
    assert!(error.path().unwrap().starts_with("/A01/A01_s002"), "{error}");
    let inventory = workspace.inventory(&VirtualPath::root()).unwrap();
    assert_eq!(inventory.counts().present, 0);
    assert!(inventory.notes[0].contains("no plate"), "{:?}", inventory.notes);
    // Another plate in its place, whose planes have another size.
    let mut other = PlateStructure::new("other", 2, 3);
    for (well, image) in fixture::plate(TargetLayout::Planes).unwrap().images() {
        let sizes = Sizes { y: 2, ..image.sizes };
        other.add_image(well, ImageStructure { sizes, ..image.clone() }).unwrap();
    }
    source.create_plate(&path("/plate"), &other).unwrap();
    let small = Plane::from_vec(PlaneShape::new(2, 7), vec![1u16; 14]).unwrap();
    source.write_plane(request("/plate/A01/A01_s002", 0, 0, 0), small).unwrap();
    let error = workspace.read_plane(&plane).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("changed"), "{error}");
}
