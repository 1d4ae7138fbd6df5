//! Declaring plates and images.

use crate::{
    ErrorKind, PlaneIndex, VirtualBackendExt, VirtualPath,
    conformance::{
        Case, CaseResult, Context, Need,
        context::small,
        expect::{fails, holds, same},
        fixture,
    },
    model::{ImageStructure, PlateStructure, Sizes},
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "plate/create_same_again_is_fine",
        needs: &[Need::CreatePlates],
        run: same_plate_again,
    },
    Case {
        name: "plate/other_is_conflict",
        needs: &[Need::CreatePlates],
        run: other_plate_is_conflict,
    },
    Case {
        name: "plate/over_a_file_is_conflict",
        needs: &[Need::CreatePlates, Need::WriteBlobs],
        run: plate_over_a_file,
    },
    Case {
        name: "plate/in_a_directory_with_files",
        needs: &[Need::CreatePlates, Need::WriteBlobs],
        run: plate_beside_files,
    },
    Case {
        name: "plate/bad_structure_is_invalid_input",
        needs: &[Need::CreatePlates],
        run: bad_structure,
    },
    Case { name: "plate/without_wells", needs: &[Need::CreatePlates], run: plate_without_wells },
    Case {
        name: "image/create_same_again_is_fine",
        needs: &[Need::CreateImages],
        run: same_image_again,
    },
    Case {
        name: "image/other_is_conflict",
        needs: &[Need::CreateImages],
        run: other_image_is_conflict,
    },
    Case {
        name: "image/over_a_directory_is_conflict",
        needs: &[Need::CreateImages, Need::WriteBlobs],
        run: image_over_a_directory,
    },
    Case {
        name: "image/bad_description_is_invalid_input",
        needs: &[Need::CreateImages],
        run: bad_description,
    },
    Case {
        name: "image/makes_directories_above",
        needs: &[Need::CreateImages],
        run: image_makes_directories,
    },
    Case { name: "image/its_own_path_is_ignored", needs: &[Need::CreateImages], run: path_ignored },
];

fn same_plate_again(cx: &Context<'_>) -> CaseResult {
    let structure = fixture::plate(cx.subject().layout())?;
    let path = cx.plate_path("plate")?;
    cx.backend().create_plate(&path, &structure)?;
    let image = structure.images().next().map(|(_, image)| image.path.clone());
    let image = path.append(&image.unwrap_or_else(VirtualPath::root));
    let request = crate::PlaneRequest::new(image, PlaneIndex::default());
    let plane = fixture::pixels(PixelType::U16, fixture::SIZES.plane_shape(), 5);
    cx.backend().write_plane(request.clone(), plane.clone())?;
    cx.backend().create_plate(&path, &structure)?;
    same("a plane written before", cx.backend().read_plane(&request)?, plane)?;
    let counts = cx.backend().inventory(&path)?.counts();
    same("present planes", counts.present, 1)
}

fn other_plate_is_conflict(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let mut other = plate.structure.clone();
    other.name = "another".to_owned();
    let answer = cx.backend().create_plate(&plate.path, &other);
    fails("another name", answer, ErrorKind::AlreadyExists)?;
    other = plate.structure.clone();
    if let Some(image) = other.wells.first_mut().and_then(|well| well.fields.first_mut()) {
        image.sizes.z += 1;
    }
    let answer = cx.backend().create_plate(&plate.path, &other);
    fails("other sizes", answer, ErrorKind::AlreadyExists)?;
    let found = cx.backend().plate(&plate.path)?;
    same("name afterwards", &found.name, &plate.structure.name)?;
    let (request, plane) = plate.first()?;
    same("a plane afterwards", cx.backend().read_plane(&request)?, plane)
}

fn plate_over_a_file(cx: &Context<'_>) -> CaseResult {
    let path = cx.plate_path("plate")?;
    cx.backend().write_text(&path, "in the way")?;
    let structure = fixture::plate(cx.subject().layout())?;
    let answer = cx.backend().create_plate(&path, &structure);
    fails("a plate over a file", answer, ErrorKind::AlreadyExists)?;
    same("the file", cx.backend().read_text(&path)?, "in the way".to_owned())
}

fn plate_beside_files(cx: &Context<'_>) -> CaseResult {
    let name = cx.subject().plate_name("plate");
    let notes = cx.put_blob(&format!("{name}/notes.txt"), "kept")?;
    let plate = cx.plate()?;
    let (request, plane) = plate.first()?;
    same("a plane", cx.backend().read_plane(&request)?, plane)?;
    same("a file beside it", cx.backend().read_text(&notes)?, "kept".to_owned())?;
    let below = cx.put_blob(&format!("{name}/results/table.csv"), "a,b")?;
    same("a file written later", cx.backend().read_text(&below)?, "a,b".to_owned())
}

fn bad_structure(cx: &Context<'_>) -> CaseResult {
    let good = fixture::plate(cx.subject().layout())?;
    let path = cx.plate_path("plate")?;
    let mut outside = good.clone();
    outside.n_columns = 2;
    let mut without_acquisition = good.clone();
    without_acquisition.acquisitions.clear();
    let mut twice = good.clone();
    if let [first, second] = &mut twice.wells[..] {
        second.fields[0].path = first.fields[0].path.clone();
    }
    let mut zero = good.clone();
    zero.wells[0].fields[0].sizes.x = 0;
    let cases = [
        ("a well outside the grid", outside),
        ("no acquisition", without_acquisition),
        ("one path twice", twice),
        ("a size of zero", zero),
    ];
    for (what, structure) in cases {
        let answer = cx.backend().create_plate(&path, &structure);
        fails(what, answer, ErrorKind::InvalidInput)?;
        fails(what, cx.backend().plate(&path), ErrorKind::NotFound)?;
    }
    Ok(cx.backend().create_plate(&path, &good)?)
}

fn plate_without_wells(cx: &Context<'_>) -> CaseResult {
    let plate = cx.declare_plate(&PlateStructure::new("empty", 8, 12))?;
    let found = cx.backend().plate(&plate.path)?;
    same("grid", (found.n_rows, found.n_columns, found.wells.len()), (8, 12, 0))?;
    let inventory = cx.backend().inventory(&plate.path)?;
    same("images", inventory.images.len(), 0)?;
    holds(inventory.is_complete(), "an empty plate lacks nothing")
}

fn same_image_again(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    cx.backend().create_image(image.path(), &image.structure)?;
    let plane = cx.backend().read_plane(&image.first())?;
    same("a plane written before", plane, image.plane(PlaneIndex::default()))
}

fn other_image_is_conflict(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let mut larger = image.structure.clone();
    larger.sizes.x += 1;
    let other_type = ImageStructure { pixel_type: PixelType::U8, ..image.structure.clone() };
    for (what, other) in [("other sizes", larger), ("another type", other_type)] {
        let answer = cx.backend().create_image(image.path(), &other);
        fails(what, answer, ErrorKind::AlreadyExists)?;
    }
    let plane = cx.backend().read_plane(&image.first())?;
    same("a plane afterwards", plane, image.plane(PlaneIndex::default()))
}

fn image_over_a_directory(cx: &Context<'_>) -> CaseResult {
    let name = cx.subject().image_name("image");
    let file = cx.put_blob(&format!("{name}/file.txt"), "in the way")?;
    let answer = cx.backend().create_image(&cx.path(&name)?, &small());
    fails("an image over a directory", answer, ErrorKind::AlreadyExists)?;
    same("the file", cx.backend().read_text(&file)?, "in the way".to_owned())
}

fn bad_description(cx: &Context<'_>) -> CaseResult {
    let path = cx.path(&cx.subject().image_name("image"))?;
    let no_channels = ImageStructure { channels: [].into(), ..small() };
    let no_levels = ImageStructure { n_levels: 0, ..small() };
    let no_planes = ImageStructure { sizes: Sizes::new(0, 2, 1, 4, 4), ..small() };
    let cases =
        [("no channels", no_channels), ("no levels", no_levels), ("no timepoints", no_planes)];
    for (what, image) in cases {
        let answer = cx.backend().create_image(&path, &image);
        fails(what, answer, ErrorKind::InvalidInput)?;
        fails(what, cx.backend().describe(&path), ErrorKind::NotFound)?;
    }
    let root = cx.backend().create_image(&VirtualPath::root(), &small());
    let kinds = [ErrorKind::InvalidInput, ErrorKind::AlreadyExists];
    crate::conformance::expect::fails_with("an image as the root", root, &kinds)
}

fn image_makes_directories(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("a/b c/image", &small())?;
    let plane = cx.backend().read_plane(&image.first())?;
    same("its plane", plane, image.plane(PlaneIndex::default()))?;
    let listed = cx.backend().list(&cx.path("a/b c")?)?;
    holds(listed.iter().any(|entry| entry.path == *image.path()), "it is listed")
}

fn path_ignored(cx: &Context<'_>) -> CaseResult {
    let path = cx.path(&cx.subject().image_name("image"))?;
    let elsewhere = VirtualPath::parse("/somewhere/else")?;
    let image = ImageStructure { path: elsewhere, ..small() };
    cx.backend().create_image(&path, &image)?;
    same("path", cx.backend().describe(&path)?.path, path)?;
    let other = cx.backend().stat(&VirtualPath::parse("/somewhere/else")?);
    fails("the path that the description names", other, ErrorKind::NotFound)
}
