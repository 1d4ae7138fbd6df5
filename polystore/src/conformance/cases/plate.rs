//! Plates: what they declare, and what of it is there.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    ErrorKind, PlaneIndex, PlaneRequest, PlaneShape, VirtualBackendExt, WellPosition,
    conformance::{
        Case, CaseResult, Context, Need, TestPlate,
        expect::{fails, holds, same},
        fixture,
    },
    model::{Acquisition, ImageStructure, PlaneSet, PlaneState, PlateStructure, Sizes},
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "plate/structure_is_what_was_declared", needs: &[Need::Plate], run: structure },
    Case { name: "plate/is_loaded_once_and_shared", needs: &[Need::Plate], run: is_shared },
    Case { name: "plate/images_are_readable", needs: &[Need::Plate], run: images_are_readable },
    Case { name: "plate/inventory_is_right", needs: &[Need::Plate], run: inventory_is_right },
    Case {
        name: "plate/missing_plane_is_an_error",
        needs: &[Need::Plate],
        run: missing_plane_is_an_error,
    },
    Case { name: "plate/nothing_is_not_found", needs: &[], run: nothing_is_not_found },
    Case { name: "plate/a_directory_is_no_plate", needs: &[Need::Blobs], run: not_a_plate },
    Case { name: "plate/several_acquisitions", needs: &[Need::CreatePlates], run: acquisitions },
    Case { name: "plate/ragged_and_absent", needs: &[Need::CreatePlates], run: ragged },
    Case { name: "plate/absent_by_design", needs: &[Need::CreatePlates], run: absent },
    Case { name: "plate/1536_wells", needs: &[Need::CreatePlates], run: wells_1536 },
    Case { name: "plate/inventory_follows_writes", needs: &[Need::CreatePlates], run: follows },
];

fn structure(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let found = cx.backend().plate(&plate.path)?;
    let declared = &plate.structure;
    same("name", &found.name, &declared.name)?;
    same("grid", (found.n_rows, found.n_columns), (declared.n_rows, declared.n_columns))?;
    same("acquisitions", found.acquisitions.len(), declared.acquisitions.len())?;
    holds(found.check().is_ok(), "the structure holds together")?;
    same("images", summary(&found), summary(declared))
}

/// What must survive of every image.
fn summary(plate: &PlateStructure) -> Vec<String> {
    let line = |(well, image): (WellPosition, &ImageStructure)| {
        let ImageStructure { field, acquisition, path, pixel_type, sizes, .. } = image;
        format!("{well} field {field} of {acquisition} at {path}: {pixel_type} {sizes}")
    };
    plate.images().map(line).collect()
}

fn is_shared(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let (first, again) = (cx.backend().plate(&plate.path)?, cx.backend().plate(&plate.path)?);
    holds(Arc::ptr_eq(&first, &again), "the structure is loaded once and shared")
}

fn images_are_readable(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    for (well, image) in cx.backend().plate(&plate.path)?.images() {
        let request = plate.request(image, PlaneIndex::default());
        let expected = fixture::plane(well, image.field, PlaneIndex::default());
        same("first plane", Some(cx.backend().read_plane(&request)?), expected)?;
    }
    Ok(())
}

fn inventory_is_right(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let inventory = cx.backend().inventory(&plate.path)?;
    same("images in the inventory", inventory.images.len(), plate.structure.n_images())?;
    for (ordinal, (well, image)) in plate.structure.images().enumerate() {
        for index in image.sizes.indices() {
            let expected = match fixture::plane(well, image.field, index) {
                Some(_) => PlaneState::Present,
                None => PlaneState::Missing,
            };
            let found = inventory.state(ordinal, index);
            same("state", (well, image.field, index, found), (well, image.field, index, expected))?;
        }
    }
    holds(!inventory.is_complete(), "an inventory with a missing plane is not complete")
}

fn missing_plane_is_an_error(cx: &Context<'_>) -> CaseResult {
    let missing = cx.plate()?.missing()?;
    let answer = cx.backend().read_plane(&missing);
    let text = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
    fails("a plane that was never stored", answer, ErrorKind::MissingPlane)?;
    holds(
        text.contains(missing.path.name().unwrap_or_default()),
        format_args!("the error names the plane: {text}"),
    )?;
    let stack = cx.backend().read_stack(&missing.path, &[PlaneIndex::default(), missing.index]);
    fails("a stack with a missing plane", stack, ErrorKind::MissingPlane)?;
    let part = missing.with_region(crate::Region::new(0, 0, 2, 2));
    fails("a region of it", cx.backend().read_plane(&part), ErrorKind::MissingPlane)
}

fn nothing_is_not_found(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("nothing")?;
    fails("plate", cx.backend().plate(&path), ErrorKind::NotFound)?;
    fails("inventory", cx.backend().inventory(&path), ErrorKind::NotFound)
}

fn not_a_plate(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("folder/notes.txt", "text")?;
    fails("a file", cx.backend().plate(&file), ErrorKind::InvalidData)?;
    let folder = cx.path("folder")?;
    fails("a directory", cx.backend().plate(&folder), ErrorKind::InvalidData)?;
    fails("its inventory", cx.backend().inventory(&folder), ErrorKind::InvalidData)
}

/// A plate whose images have the sizes that `sizes_of` answers.
fn declared(
    cx: &Context<'_>,
    wells: impl IntoIterator<Item = WellPosition>,
    sizes_of: impl Fn(WellPosition) -> Sizes,
) -> crate::Result<TestPlate> {
    let mut structure = PlateStructure::new("plate", 1, 1);
    for well in wells {
        let path = PlateStructure::canonical_image_path(well, None, 0);
        let image = ImageStructure::new(path, PixelType::U8, sizes_of(well));
        structure.add_image(well, fixture::described(image))?;
    }
    cx.declare_plate(&structure)
}

fn acquisitions(cx: &Context<'_>) -> CaseResult {
    let mut structure = PlateStructure::new("plate", 1, 1);
    structure.acquisitions = ["day 1", "day 2"]
        .into_iter()
        .zip(0..)
        .map(|(name, id)| Acquisition { id, name: name.to_owned(), ..Acquisition::default() })
        .collect();
    let well = WellPosition::new(0, 0);
    for acquisition in 0..2 {
        let path = PlateStructure::canonical_image_path(well, Some(acquisition), 0);
        let image = ImageStructure::new(path, PixelType::U8, Sizes::new(1, 1, 1, 2, 2));
        structure.add_image(well, ImageStructure { acquisition, ..fixture::described(image) })?;
    }
    let plate = cx.declare_plate(&structure)?;
    let found = cx.backend().plate(&plate.path)?;
    let names: Vec<_> = found.acquisitions.iter().map(|run| run.name.as_str()).collect();
    same("acquisitions", names, vec!["day 1", "day 2"])?;
    let shape = PlaneShape::new(2, 2);
    for (_, image) in found.images() {
        let pixels = fixture::pixels(PixelType::U8, shape, image.acquisition.into());
        cx.backend().write_plane(plate.request(image, PlaneIndex::default()), pixels)?;
    }
    for (_, image) in found.images() {
        let pixels = fixture::pixels(PixelType::U8, shape, image.acquisition.into());
        let request = plate.request(image, PlaneIndex::default());
        same("plane of an acquisition", cx.backend().read_plane(&request)?, pixels)?;
    }
    Ok(())
}

fn ragged(cx: &Context<'_>) -> CaseResult {
    let wells = [WellPosition::new(0, 0), WellPosition::new(0, 1), WellPosition::new(1, 0)];
    let plate = declared(cx, wells, |well| match (well.row, well.column) {
        (0, 0) => Sizes::new(1, 2, 4, 3, 3),
        (0, 1) => Sizes::new(1, 2, 2, 3, 3),
        _ => Sizes::new(1, 1, 4, 3, 3),
    })?;
    let images: Vec<_> = plate.structure.images().map(|(_, image)| image.clone()).collect();
    for (number, image) in images.iter().enumerate() {
        let pixels = fixture::pixels(PixelType::U8, PlaneShape::new(3, 3), number as u64);
        for index in image.sizes.indices() {
            cx.backend().write_plane(plate.request(image, index), pixels.clone())?;
        }
    }
    let counts = cx.backend().inventory(&plate.path)?.counts();
    same("counts", (counts.present, counts.missing, counts.corrupt), (8 + 4 + 4, 0, 0))?;
    let beyond = [(1, PlaneIndex::new(0, 0, 2)), (2, PlaneIndex::new(0, 1, 0))];
    for (number, index) in beyond {
        let Some(image) = images.get(number) else { continue };
        let answer = cx.backend().read_plane(&plate.request(image, index));
        fails("a plane that its image does not have", answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn absent(cx: &Context<'_>) -> CaseResult {
    let mut structure = PlateStructure::new("ragged", 1, 1);
    let well = WellPosition::new(0, 0);
    let path = PlateStructure::canonical_image_path(well, None, 0);
    let sizes = Sizes::new(1, 2, 3, 3, 3);
    let absent = PlaneSet::from_fn(sizes, |index| index.c == 1 && index.z > 0);
    let image = ImageStructure { absent, ..ImageStructure::new(path, PixelType::U8, sizes) };
    structure.add_image(well, image)?;
    let plate = cx.declare_plate(&structure)?;
    let image = &plate.structure.wells[0].fields[0];
    let pixels = fixture::pixels(PixelType::U8, sizes.plane_shape(), 1);
    let present = PlaneIndex::new(0, 0, 1);
    cx.backend().write_plane(plate.request(image, present), pixels.clone())?;
    let counts = cx.backend().inventory(&plate.path)?.counts();
    same("counts", (counts.present, counts.missing, counts.absent_by_design), (1, 3, 2))?;
    let never = plate.request(image, PlaneIndex::new(0, 1, 2));
    let answer = cx.backend().read_plane(&never);
    fails("a plane that was never meant to be", answer, ErrorKind::MissingPlane)?;
    let answer = cx.backend().write_plane(never, pixels);
    fails("writing it", answer, ErrorKind::InvalidInput)?;
    let found = cx.backend().plate(&plate.path)?;
    let kept = found.images().map(|(_, image)| image.absent.clone()).collect::<Vec<_>>();
    same("what is absent by design", kept, vec![image.absent.clone()])
}

fn wells_1536(cx: &Context<'_>) -> CaseResult {
    let wells = (0..32).flat_map(|row| (0..48).map(move |column| WellPosition::new(row, column)));
    let plate = declared(cx, wells, |_| Sizes::new(1, 1, 1, 2, 2))?;
    let corners = [(0, 0), (0, 47), (25, 9), (26, 0), (31, 47)];
    let corners: BTreeSet<_> =
        corners.into_iter().map(|(row, column)| WellPosition::new(row, column)).collect();
    let pixels = |well: WellPosition| {
        let number = u64::from(well.row * 48 + well.column);
        fixture::pixels(PixelType::U8, PlaneShape::new(2, 2), number)
    };
    let request = |well, image| (plate.request(image, PlaneIndex::default()), pixels(well));
    let images = || plate.structure.images().filter(|(well, _)| corners.contains(well));
    let batch: Vec<_> = images().map(|(well, image)| request(well, image)).collect();
    cx.backend().write_planes(&batch)?;
    for (request, expected) in batch {
        same("plane of a corner well", cx.backend().read_plane(&request)?, expected)?;
    }
    let found = cx.backend().plate(&plate.path)?;
    same("grid", (found.n_rows, found.n_columns, found.wells.len()), (32, 48, 1536))?;
    let counts = cx.backend().inventory(&plate.path)?.counts();
    same("counts", (counts.present, counts.missing), (5, 1531))
}

fn follows(cx: &Context<'_>) -> CaseResult {
    let wells = [WellPosition::new(0, 0), WellPosition::new(0, 1)];
    let plate = declared(cx, wells, |_| Sizes::new(1, 2, 2, 2, 2))?;
    let present = |cx: &Context<'_>| -> crate::Result<u64> {
        Ok(cx.backend().inventory(&plate.path)?.counts().present)
    };
    same("present at first", present(cx)?, 0)?;
    let (_, image) =
        plate.structure.images().last().ok_or_else(|| crate::Error::internal("two images"))?;
    for (written, index) in (1..).zip(image.sizes.indices()) {
        let request: PlaneRequest = plate.request(image, index);
        let pixels = fixture::pixels(PixelType::U8, PlaneShape::new(2, 2), written);
        cx.backend().write_plane(request, pixels)?;
        same("present after a write", present(cx)?, written)?;
        same("state", cx.backend().inventory(&plate.path)?.state(1, index), PlaneState::Present)?;
    }
    Ok(())
}
