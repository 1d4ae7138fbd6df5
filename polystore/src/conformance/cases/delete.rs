//! Deleting.

use crate::{
    ErrorKind, PlaneIndex, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need,
        context::small,
        expect::{fails, holds, same},
    },
    model::PlaneState,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "delete/a_file", needs: &[Need::Delete, Need::WriteBlobs], run: a_file },
    Case { name: "delete/nothing_is_not_found", needs: &[Need::Delete], run: nothing },
    Case { name: "delete/the_root_is_invalid_input", needs: &[Need::Delete], run: the_root },
    Case {
        name: "delete/an_empty_directory",
        needs: &[Need::Delete, Need::WriteBlobs],
        run: an_empty_directory,
    },
    Case {
        name: "delete/a_full_directory_only_recursively",
        needs: &[Need::Delete, Need::WriteBlobs],
        run: a_full_directory,
    },
    Case { name: "delete/an_image", needs: &[Need::Delete, Need::CreateImages], run: an_image },
    Case {
        name: "delete/an_image_of_a_plate_stays_declared",
        needs: &[Need::Delete, Need::CreatePlates],
        run: an_image_of_a_plate,
    },
    Case {
        name: "delete/a_well_of_a_plate_stays_declared",
        needs: &[Need::Delete, Need::CreatePlates],
        run: a_well_of_a_plate,
    },
    Case { name: "delete/a_plate", needs: &[Need::Delete, Need::CreatePlates], run: a_plate },
];

fn a_file(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("folder/file.txt", "text")?;
    let other = cx.put_blob("folder/other.txt", "other")?;
    cx.backend().delete(&file, false)?;
    fails("the file", cx.backend().stat(&file), ErrorKind::NotFound)?;
    fails("its content", cx.backend().read_blob(&file, None), ErrorKind::NotFound)?;
    fails("deleting it again", cx.backend().delete(&file, false), ErrorKind::NotFound)?;
    same("the other file", cx.backend().read_text(&other)?, "other".to_owned())?;
    let again = cx.put_blob("folder/file.txt", "again")?;
    same("a new file of its name", cx.backend().read_text(&again)?, "again".to_owned())
}

fn nothing(cx: &Context<'_>) -> CaseResult {
    for name in ["nothing", "nothing/here"] {
        let path = cx.path(name)?;
        fails(name, cx.backend().delete(&path, false), ErrorKind::NotFound)?;
        fails(name, cx.backend().delete(&path, true), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn the_root(cx: &Context<'_>) -> CaseResult {
    let root = crate::VirtualPath::root();
    for recursive in [false, true] {
        let answer = cx.backend().delete(&root, recursive);
        fails("the root", answer, ErrorKind::InvalidInput)?;
    }
    holds(cx.backend().exists(&cx.path("")?)?, "the root is still there")
}

fn an_empty_directory(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("a/empty")?;
    cx.backend().create_directory(&path)?;
    cx.backend().delete(&path, false)?;
    fails("the directory", cx.backend().stat(&path), ErrorKind::NotFound)?;
    holds(cx.backend().exists(&cx.path("a")?)?, "the directory above is there")
}

fn a_full_directory(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("folder/a/b/file.txt", "text")?;
    let folder = cx.path("folder")?;
    let answer = cx.backend().delete(&folder, false);
    fails("a directory with something in it", answer, ErrorKind::InvalidInput)?;
    same("what is in it", cx.backend().read_text(&file)?, "text".to_owned())?;
    cx.backend().delete(&folder, true)?;
    for name in ["folder", "folder/a", "folder/a/b", "folder/a/b/file.txt"] {
        fails(name, cx.backend().stat(&cx.path(name)?), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn an_image(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let other = cx.image_of("other", &small())?;
    cx.backend().delete(image.path(), true)?;
    fails("the image", cx.backend().stat(image.path()), ErrorKind::NotFound)?;
    fails("its description", cx.backend().describe(image.path()), ErrorKind::NotFound)?;
    fails("its plane", cx.backend().read_plane(&image.first()), ErrorKind::NotFound)?;
    let plane = cx.backend().read_plane(&other.first())?;
    holds(plane == other.plane(PlaneIndex::default()), "the other image is as it was")?;
    cx.declare_image("image", &small())?;
    let answer = cx.backend().read_plane(&image.first());
    fails("a plane of a new image of its name", answer, ErrorKind::MissingPlane)
}

fn an_image_of_a_plate(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let (request, plane) = plate.first()?;
    cx.backend().delete(&request.path, true)?;
    let answer = cx.backend().read_plane(&request);
    fails("a plane of a deleted image", answer, ErrorKind::MissingPlane)?;
    let inventory = cx.backend().inventory(&plate.path)?;
    same("state", inventory.state(0, request.index), PlaneState::Missing)?;
    same("state of the next", inventory.state(1, request.index), PlaneState::Present)?;
    holds(cx.backend().exists(&request.path)?, "an image that a plate declares is there")?;
    let images = cx.backend().plate(&plate.path)?.n_images();
    same("images declared", images, plate.structure.n_images())?;
    cx.backend().write_plane(request.clone(), plane.clone())?;
    same("a plane written again", cx.backend().read_plane(&request)?, plane)?;
    let inventory = cx.backend().inventory(&plate.path)?;
    same("state", inventory.state(0, request.index), PlaneState::Present)
}

fn a_well_of_a_plate(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let (request, plane) = plate.first()?;
    let well = request.path.parent().unwrap_or_else(|| plate.path.clone());
    if well == plate.path {
        return Ok(());
    }
    fails(
        "without saying recursively",
        cx.backend().delete(&well, false),
        ErrorKind::InvalidInput,
    )?;
    cx.backend().delete(&well, true)?;
    let counts = cx.backend().inventory(&plate.path)?.counts();
    same("planes of the other well", counts.present, 23)?;
    fails("a plane of the well", cx.backend().read_plane(&request), ErrorKind::MissingPlane)?;
    cx.backend().write_plane(request.clone(), plane.clone())?;
    same("a plane written again", cx.backend().read_plane(&request)?, plane)
}

fn a_plate(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    if plate.path.is_root() {
        return Ok(());
    }
    let answer = cx.backend().delete(&plate.path, false);
    fails("a plate without saying recursively", answer, ErrorKind::InvalidInput)?;
    cx.backend().delete(&plate.path, true)?;
    fails("the plate", cx.backend().plate(&plate.path), ErrorKind::NotFound)?;
    let (request, _) = plate.first()?;
    fails("a plane", cx.backend().read_plane(&request), ErrorKind::NotFound)?;
    let mut other = plate.structure.clone();
    other.name = "another".to_owned();
    cx.backend().create_plate(&plate.path, &other)?;
    let counts = cx.backend().inventory(&plate.path)?.counts();
    same("planes of a new plate of its name", counts.present, 0)
}
