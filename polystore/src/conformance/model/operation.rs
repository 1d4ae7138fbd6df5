//! Operations on a few names, so that they often meet.

use crate::{Capabilities, PlaneIndex, Region, WriteMode, conformance::model::random::Random};

/// One operation; names are relative to the place's root.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Stat(&'static str),
    List(&'static str),
    CreateDirectory(&'static str),
    WriteBlob { name: &'static str, n_bytes: u32, mode: WriteMode },
    ReadBlob { name: &'static str, start: u32, end: u32 },
    Delete { name: &'static str, recursive: bool },
    Rename { from: &'static str, to: &'static str },
    CreateImage { name: &'static str, variant: u32 },
    Describe(&'static str),
    WritePlane { name: &'static str, index: PlaneIndex, number: u32 },
    WriteRegion { name: &'static str, index: PlaneIndex, region: Region, number: u32 },
    ReadPlane { name: &'static str, index: PlaneIndex, region: Option<Region>, level: u32 },
    CreatePlate { variant: u32 },
    Inventory,
    WriteToPlate { image: u32, index: PlaneIndex, number: u32 },
    ReadFromPlate { image: u32, index: PlaneIndex },
    DeleteFromPlate { image: u32 },
}

pub(super) const DIRECTORIES: [&str; 4] = ["a", "b", "a/c", "b/d"];
pub(super) const FILES: [&str; 5] = ["x.txt", "a/x.txt", "a/c/y.txt", "b/z.json", "b/d/x.csv"];
pub(super) const IMAGES: [&str; 3] = ["image", "a/image", "b/d/image"];

/// Any operation that the backend is able to do.
pub(super) fn generate(random: &mut Random, can: &Capabilities) -> Operation {
    loop {
        if let Some(operation) = attempt(random, can) {
            return operation;
        }
    }
}

fn attempt(random: &mut Random, can: &Capabilities) -> Option<Operation> {
    let anything = |random: &mut Random| match random.below(3) {
        0 => random.pick(&DIRECTORIES),
        1 => random.pick(&FILES),
        _ => random.pick(&IMAGES),
    };
    let operation = match random.below(17) {
        0 => Operation::Stat(anything(random)),
        1 => Operation::List(if random.one_in(4) { "" } else { anything(random) }),
        2 if can.blobs => Operation::CreateDirectory(random.pick(&DIRECTORIES)),
        3 if can.blobs => Operation::WriteBlob {
            name: random.pick(&FILES),
            n_bytes: random.below(200),
            mode: random.pick(&[WriteMode::Overwrite, WriteMode::CreateNew]),
        },
        4 if can.blobs => Operation::ReadBlob {
            name: random.pick(&FILES),
            start: random.below(150),
            end: random.below(220),
        },
        5 if can.delete => {
            Operation::Delete { name: anything(random), recursive: random.one_in(2) }
        }
        6 if can.rename && can.blobs => match random.one_in(2) {
            true => Operation::Rename { from: random.pick(&FILES), to: random.pick(&FILES) },
            false => {
                Operation::Rename { from: random.pick(&DIRECTORIES), to: random.pick(&DIRECTORIES) }
            }
        },
        7 | 8 if can.create_images => {
            Operation::CreateImage { name: random.pick(&IMAGES), variant: random.below(4) }
        }
        9 => Operation::Describe(random.pick(&IMAGES)),
        10 | 11 if can.create_images => plane_operation(random, can),
        12 if can.create_plates => Operation::CreatePlate { variant: u32::from(random.one_in(5)) },
        13 if can.create_plates => Operation::Inventory,
        14 if can.create_plates => Operation::WriteToPlate {
            image: random.below(3),
            index: index(random),
            number: random.below(1000),
        },
        15 if can.create_plates => {
            Operation::ReadFromPlate { image: random.below(3), index: index(random) }
        }
        16 if can.create_plates && can.delete && random.one_in(4) => {
            Operation::DeleteFromPlate { image: random.below(3) }
        }
        _ => return None,
    };
    Some(operation)
}

fn plane_operation(random: &mut Random, can: &Capabilities) -> Operation {
    let (name, index, number) = (random.pick(&IMAGES), index(random), random.below(1000));
    match random.below(5) {
        0 | 1 => Operation::WritePlane { name, index, number },
        2 if can.region_write => {
            Operation::WriteRegion { name, index, region: region(random), number }
        }
        _ => Operation::ReadPlane {
            name,
            index,
            region: random.one_in(2).then(|| region(random)),
            level: if can.levels { random.below(3) } else { 0 },
        },
    }
}

/// An index that is inside most images, and sometimes not.
fn index(random: &mut Random) -> PlaneIndex {
    PlaneIndex::new(u32::from(random.one_in(20)), random.below(2), random.below(3))
}

/// A rectangle that is inside most planes, and sometimes not.
fn region(random: &mut Random) -> Region {
    let (y, x) = (random.below(6), random.below(8));
    Region::new(y, x, random.below(5), 1 + random.below(6))
}
