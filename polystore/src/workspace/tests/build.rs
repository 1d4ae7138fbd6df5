//! Putting workspaces together.

use super::*;
use crate::{
    ErrorKind, PixelType, Plane, PlaneShape, Plate, VirtualBackendExt, WellPosition,
    disk::{DiskBackend, DiskOptions},
    microscope::testing::data,
    model::{ImageStructure, PlateStructure, Sizes},
    wrap::{self, Operation},
};

/// Every file of the real plate with its size and time of change.
fn files() -> Vec<(String, u64, std::time::SystemTime)> {
    let root = data("imagexpress-mix/plate");
    let folders = [root.clone(), root.join("ZStep_1"), root.join("ZStep_2"), root.join("ZStep_3")];
    let mut files = Vec::new();
    for entry in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let modified = metadata.modified().unwrap();
        files.push((entry.path().display().to_string(), metadata.len(), modified));
    }
    files.sort();
    files
}

#[test]
fn two_acquisitions_of_a_real_plate_are_merged() {
    let before = files();
    let options = DiskOptions::default().without_cache();
    let disk = DiskBackend::open_with(data("imagexpress-mix/plate"), options).unwrap();
    let disk: Arc<dyn VirtualBackend> = Arc::new(disk);
    // The plate has stacks and their projections; the projection becomes a fourth section.
    let mut builder = WorkspaceBuilder::new("stacks with projections");
    let counted = Arc::new(wrap::count(Arc::clone(&disk)));
    let source = builder.source(&(Arc::clone(&counted) as Arc<dyn VirtualBackend>));
    builder
        .add_plate(source, &VirtualPath::root(), |at| match at.acquisition {
            0 => Some(at),
            _ => {
                let index = PlaneIndex { z: 3, ..at.index };
                Some(Placement { acquisition: 0, index, ..at })
            }
        })
        .unwrap();
    let workspace = Workspace::new(builder.build().unwrap()).with_overlay(memory()).unwrap();
    let workspace: Arc<dyn VirtualBackend> = Arc::new(workspace);
    let plate = Plate::open(Arc::clone(&workspace), VirtualPath::root()).unwrap();
    let structure = plate.structure();
    assert_eq!((structure.n_rows, structure.n_columns, structure.n_images()), (8, 12, 4));
    let image = plate.image("E08".parse().unwrap(), 1).unwrap().clone();
    assert_eq!(image.sizes, Sizes::new(1, 4, 4, 512, 512));
    let counts = plate.inventory().unwrap().counts();
    assert_eq!((counts.present, counts.absent_by_design, counts.missing), (40, 24, 0));

    // One batch to the source, whatever is asked for.
    counted.reset();
    let wanted: Vec<_> = image
        .declared_indices()
        .map(|index| PlaneRequest::new(image.path.clone(), index))
        .collect();
    let planes = workspace.read_all(&wanted).unwrap();
    assert_eq!((planes.len(), counted.counts().of(Operation::ReadPlanes)), (10, 1));
    assert_eq!(counted.counts().total(), 1);

    // Each is the plane of its acquisition.
    let original = Plate::open(disk, VirtualPath::root()).unwrap();
    let well = original.structure().well("E08".parse().unwrap()).unwrap();
    for (request, plane) in wanted.iter().zip(&planes) {
        let (acquisition, z) = if request.index.z == 3 { (1, 0) } else { (0, request.index.z) };
        let from = well.field(acquisition, 1).unwrap();
        let index = PlaneIndex { z, ..request.index };
        assert_eq!(*plane, original.read(from, index).unwrap(), "{request}");
    }

    // What is written and deleted stays in the overlay.
    let black = Plane::from_vec(PlaneShape::new(512, 512), vec![0u16; 512 * 512]).unwrap();
    workspace.write_plane(wanted[0].clone(), black.clone()).unwrap();
    assert_eq!(workspace.read_plane(&wanted[0]).unwrap(), black);
    workspace.delete(&path("/E07"), true).unwrap();
    let counts = workspace.inventory(&VirtualPath::root()).unwrap().counts();
    assert_eq!((counts.present, counts.missing), (20, 20));
    assert_eq!(files(), before);
}

#[test]
fn a_collision_names_both_sources() {
    let (first, second) = (source(), source());
    let mut builder = WorkspaceBuilder::new("both");
    let id = builder.source(&first);
    assert_eq!(builder.source(&first), id);
    builder.add_plate(id, &path("/plate"), Some).unwrap();
    // The same plane again is no collision, another is.
    builder.add_plate(id, &path("/plate"), Some).unwrap();
    let other = builder.source(&second);
    let error = builder.add_plate(other, &path("/plate"), Some).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let text = error.to_string();
    for part in [&first.to_string(), &second.to_string(), "A01", "/plate/A01/A01_s001 ("] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_one_source_lacks_another_may_give() {
    let (first, second) = (source(), memory());
    fill(&*second, "/retake");
    let last = request("/retake/B03/B03_s002", 1, 1, 2);
    let plane = Plane::from_vec(PlaneShape::new(5, 7), vec![9u16; 35]).unwrap();
    second.write_plane(last.clone(), plane.clone()).unwrap();
    let mut builder = WorkspaceBuilder::new("mended");
    let (id, retake) = (builder.source(&first), builder.source(&second));
    builder.add_plate(id, &path("/plate"), Some).unwrap();
    builder
        .add_plate(retake, &path("/retake"), |at| {
            let missing = (WellPosition::new(1, 2), 1, PlaneIndex::new(1, 1, 2));
            ((at.well, at.field, at.index) == missing).then_some(at)
        })
        .unwrap();
    let workspace = Workspace::new(builder.build().unwrap());
    assert!(workspace.inventory(&VirtualPath::root()).unwrap().is_complete());
    assert_eq!(workspace.read_plane(&request("/B03/B03_s002", 1, 1, 2)).unwrap(), plane);
    let (backend, from) =
        workspace.mapping().source_of(&path("/B03/B03_s002"), last.index).unwrap();
    assert_eq!((backend.to_string(), from), (second.to_string(), last));
}

#[test]
fn axes_are_transposed_and_channels_merged() {
    let source = source();
    let mut builder = WorkspaceBuilder::new("transposed");
    let id = builder.source(&source);
    // Timepoints become sections and the other way round; field 2 becomes channels of field 1.
    builder
        .add_plate(id, &path("/plate"), |at| {
            let PlaneIndex { t, c, z } = at.index;
            let index = PlaneIndex { t: z, c: c + 2 * at.field, z: t };
            Some(Placement { field: 0, index, ..at })
        })
        .unwrap();
    let workspace = Workspace::new(builder.build().unwrap());
    let image = workspace.describe(&path("/A01/A01_s001")).unwrap();
    assert_eq!(image.sizes, Sizes::new(3, 4, 2, 5, 7));
    let names: Vec<_> = image.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names.len(), 4);
    let found = workspace.read_plane(&request("/A01/A01_s001", 2, 3, 1)).unwrap();
    assert_eq!(Some(found), fixture::plane(fixture::WELLS[0], 1, PlaneIndex::new(1, 1, 2)));
}

#[test]
fn planes_must_fit_their_image_and_be_there() {
    let backend = memory();
    let at = |index| Placement { well: WellPosition::new(0, 0), acquisition: 0, field: 0, index };
    for (name, pixel_type, side) in
        [("/a", PixelType::U8, 4), ("/b", PixelType::U16, 4), ("/c", PixelType::U8, 5)]
    {
        let image = ImageStructure::new(path(name), pixel_type, Sizes::new(1, 1, 3, side, 4));
        backend.create_image(&path(name), &image).unwrap();
    }
    let mut builder = WorkspaceBuilder::new("by plane");
    let id = builder.source(&backend);
    builder.add_page(at(PlaneIndex::default()), id, &path("/a"), 2).unwrap();
    for name in ["/b", "/c"] {
        let to = at(PlaneIndex::new(0, 1, 0));
        let error = builder.add_plane(to, id, &path(name), PlaneIndex::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(name), "{error}");
    }
    let beyond = builder.add_page(at(PlaneIndex::new(0, 0, 1)), id, &path("/a"), 3);
    assert_eq!(beyond.unwrap_err().kind(), ErrorKind::InvalidInput);
    let to = at(PlaneIndex::new(0, 0, 1));
    let nothing = builder.add_plane(to, id, &path("/nothing"), PlaneIndex::default());
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::NotFound);
    let mapping = builder.build().unwrap();
    let (_, from) = mapping.source_of(&path("/A01/A01_s001"), PlaneIndex::default()).unwrap();
    assert_eq!(from, request("/a", 0, 0, 2));
    assert!(WorkspaceBuilder::new("empty").build().is_err());
}

#[test]
fn nothing_lies_outside_a_declared_structure() {
    let source = source();
    let mut declared = PlateStructure::new("one well", 1, 1);
    let fixture = fixture::plate(TargetLayout::Planes).unwrap();
    let image = ImageStructure { path: path("/x/y"), ..fixture.wells[0].fields[0].clone() };
    declared.add_image(WellPosition::new(0, 0), image).unwrap();
    let mut builder = WorkspaceBuilder::declaring(&declared).unwrap();
    let id = builder.source(&source);
    let error = builder.add_plate(id, &path("/plate"), Some).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut builder = WorkspaceBuilder::declaring(&declared).unwrap();
    let id = builder.source(&source);
    let inside = |at: Placement| (at.well.row == 0 && at.field == 0).then_some(at);
    builder.add_plate(id, &path("/plate"), inside).unwrap();
    let workspace = Workspace::new(builder.build().unwrap());
    assert_eq!(**workspace.mapping().structure(), declared);
    assert!(workspace.read_plane(&request("/x/y", 0, 0, 0)).is_ok());
}
