//! Random changes to a mapped plate, and to the same plate in memory: every answer is the same.

use proptest::prelude::*;

use super::*;
use crate::{
    Plane, PlaneShape, Region, Result, VirtualBackendExt,
    disk::{DiskBackend, DiskOptions},
};

const IMAGES: [&str; 4] = ["/A01/A01_s001", "/A01/A01_s002", "/B03/B03_s001", "/B03/B03_s002"];

#[derive(Clone, Debug)]
enum Change {
    Write { image: usize, index: PlaneIndex, value: u16 },
    WriteRegion { image: usize, index: PlaneIndex, region: Region, value: u16 },
    Read { image: usize, index: PlaneIndex, region: Option<Region> },
    DeleteImage(usize),
    DeletePlane { image: usize, index: PlaneIndex },
    DeleteWell(usize),
    WriteText { well: usize },
    List { well: usize },
    Stat { image: usize, index: PlaneIndex },
    Inventory,
}

fn index() -> impl Strategy<Value = PlaneIndex> {
    (0u32..2, 0u32..2, 0u32..3).prop_map(|(t, c, z)| PlaneIndex { t, c, z })
}

fn region() -> impl Strategy<Value = Region> {
    (0u32..4, 0u32..6, 1u32..3, 1u32..3)
        .prop_map(|(y, x, height, width)| Region::new(y, x, height, width))
}

fn change(with_regions: bool) -> impl Strategy<Value = Change> {
    let write = (0usize..4, index(), any::<u16>());
    let part = (0usize..4, index(), region(), any::<u16>());
    let read = (0usize..4, index(), proptest::option::of(region()));
    prop_oneof![
        4 => write.prop_map(|(image, index, value)| Change::Write { image, index, value }),
        3 => part.prop_map(move |(image, index, region, value)| match with_regions {
            true => Change::WriteRegion { image, index, region, value },
            false => Change::Write { image, index, value },
        }),
        5 => read.prop_map(|(image, index, region)| Change::Read { image, index, region }),
        1 => (0usize..4).prop_map(Change::DeleteImage),
        2 => (0usize..4, index()).prop_map(|(image, index)| Change::DeletePlane { image, index }),
        1 => (0usize..2).prop_map(Change::DeleteWell),
        1 => (0usize..2).prop_map(|well| Change::WriteText { well }),
        1 => (0usize..2).prop_map(|well| Change::List { well }),
        2 => (0usize..4, index()).prop_map(|(image, index)| Change::Stat { image, index }),
        2 => Just(Change::Inventory),
    ]
}

fn well(number: usize) -> VirtualPath {
    path(["/A01", "/B03"][number])
}

fn apply(backend: &dyn VirtualBackend, root: &str, change: &Change) -> String {
    answer(backend, &path(root), change).unwrap_or_else(|error| error.kind().to_string())
}

fn answer(backend: &dyn VirtualBackend, root: &VirtualPath, change: &Change) -> Result<String> {
    let at = |image: usize, index| PlaneRequest::new(root.append(&path(IMAGES[image])), index);
    let name = |image: usize, index| -> Result<VirtualPath> {
        let name = backend.generate_filename(root, &path(IMAGES[image]), index, "tif")?;
        root.append(&path(IMAGES[image])).parent().unwrap().join(&name)
    };
    let uniform = |shape: PlaneShape, value| {
        Plane::from_vec(shape, vec![value; shape.n_pixels() as usize]).unwrap()
    };
    match *change {
        Change::Write { image, index, value } => {
            backend.write_plane(at(image, index), uniform(PlaneShape::new(5, 7), value))?;
        }
        Change::WriteRegion { image, index, region, value } => {
            let request = at(image, index).with_region(region);
            backend.write_plane(request, uniform(region.shape(), value))?;
        }
        Change::Read { image, index, region } => {
            let plane = backend.read_plane(&PlaneRequest { region, ..at(image, index) })?;
            return Ok(format!("{:?}", plane.bytes()));
        }
        Change::DeleteImage(image) => {
            backend.delete(&at(image, PlaneIndex::default()).path, false)?;
        }
        Change::DeletePlane { image, index } => backend.delete(&name(image, index)?, false)?,
        Change::DeleteWell(number) => backend.delete(&root.append(&well(number)), true)?,
        Change::WriteText { well: number } => {
            backend.write_text(&root.append(&well(number)).join("a.txt")?, "text")?;
        }
        Change::List { well: number } => {
            let entries = backend.list(&root.append(&well(number)))?;
            return Ok(entries
                .iter()
                .map(|entry| format!("{} {:?}", entry.path.name().unwrap_or(""), entry.kind))
                .collect::<Vec<_>>()
                .join(", "));
        }
        Change::Stat { image, index } => {
            return Ok(format!("{:?}", backend.stat(&name(image, index)?)?.kind));
        }
        Change::Inventory => {
            return Ok(format!("{:?}", backend.inventory(root)?.images));
        }
    }
    Ok("done".to_owned())
}

/// Opens the workspace again halfway, so that what the overlay keeps is all there is.
fn compare(
    changes: &[Change],
    open: impl Fn() -> Workspace,
) -> std::result::Result<(), TestCaseError> {
    let oracle = source();
    let mut workspace = open();
    for (number, change) in changes.iter().enumerate() {
        if number == changes.len() / 2 {
            workspace = open();
        }
        let expected = apply(&*oracle, "/plate", change);
        prop_assert_eq!(expected, apply(&workspace, "/", change), "{} {:?}", number, change);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_mapped_plate_is_a_plate(changes in prop::collection::vec(change(true), 1..60)) {
        let (source, overlay) = (source(), memory());
        compare(&changes, || mapped(&source).with_overlay(Arc::clone(&overlay)).unwrap())?;
        let counts = source.inventory(&path("/plate")).unwrap().counts();
        prop_assert_eq!(counts.present, 47);
    }

    #[test]
    fn an_overlay_on_disk_is_the_same(changes in prop::collection::vec(change(false), 1..30)) {
        let folder = tempfile::tempdir().unwrap();
        let source = source();
        compare(&changes, || {
            let options = DiskOptions::default().without_cache();
            let disk = DiskBackend::open_with(folder.path(), options).unwrap();
            mapped(&source).with_overlay(Arc::new(disk)).unwrap()
        })?;
    }
}
