//! What is at a path.

use crate::{
    EntryKind, ErrorKind, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need,
        context::small,
        expect::{fails, holds, same},
    },
};

pub(super) const CASES: &[Case] = &[
    Case { name: "stat/root_is_a_directory", needs: &[], run: root_is_a_directory },
    Case { name: "stat/nothing_is_not_found", needs: &[], run: nothing_is_not_found },
    Case { name: "stat/kinds_are_told", needs: &[Need::Blobs], run: kinds_are_told },
    Case {
        name: "stat/below_a_file_is_not_found",
        needs: &[Need::Blobs],
        run: below_a_file_is_not_found,
    },
    Case {
        name: "stat/plates_wells_and_images_are_there",
        needs: &[Need::Plate],
        run: plates_wells_and_images_are_there,
    },
    Case {
        name: "stat/declared_without_planes_is_there",
        needs: &[Need::CreateImages],
        run: declared_without_planes_is_there,
    },
    Case {
        name: "stat/answers_the_path_asked",
        needs: &[Need::Plate],
        run: answers_the_path_asked,
    },
];

fn root_is_a_directory(cx: &Context<'_>) -> CaseResult {
    let root = cx.path("")?;
    let entry = cx.backend().stat(&root)?;
    same("kind of the root", entry.kind, EntryKind::Directory)?;
    same("path of the root", entry.path, root)
}

fn nothing_is_not_found(cx: &Context<'_>) -> CaseResult {
    for name in ["nothing", "nothing/here", "nothing.tif", "nothing/A01_s001"] {
        let path = cx.path(name)?;
        fails(name, cx.backend().stat(&path), ErrorKind::NotFound)?;
        holds(!cx.backend().exists(&path)?, format_args!("{path} must not exist"))?;
    }
    Ok(())
}

fn kinds_are_told(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("folder/notes.txt", "twelve bytes")?;
    let entry = cx.backend().stat(&file)?;
    same("kind of a file", entry.kind, EntryKind::Blob)?;
    holds(
        entry.size_bytes.is_none_or(|size| size == 12),
        format_args!("size of a file of 12 bytes: {:?}", entry.size_bytes),
    )?;
    let folder = cx.backend().stat(&cx.path("folder")?)?;
    same("kind of a directory", folder.kind, EntryKind::Directory)
}

fn below_a_file_is_not_found(cx: &Context<'_>) -> CaseResult {
    let below = cx.put_blob("file.txt", "text")?.join("below")?;
    fails("stat below a file", cx.backend().stat(&below), ErrorKind::NotFound)?;
    holds(!cx.backend().exists(&below)?, "nothing exists below a file")?;
    fails("list below a file", cx.backend().list(&below), ErrorKind::NotFound)?;
    fails("describe below a file", cx.backend().describe(&below), ErrorKind::NotFound)?;
    fails("read a file below a file", cx.backend().read_blob(&below, None), ErrorKind::NotFound)
}

fn plates_wells_and_images_are_there(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    same("kind of a plate", cx.backend().stat(&plate.path)?.kind, EntryKind::Directory)?;
    for (_, image) in plate.structure.images() {
        let path = plate.path.append(&image.path);
        let kind = cx.backend().stat(&path)?.kind;
        holds(kind != EntryKind::Directory, format_args!("{path} is an image, not a directory"))?;
        let above = path.parent().ok_or_else(|| crate::Error::internal("an image is no root"))?;
        same("kind of a well", cx.backend().stat(&above)?.kind, EntryKind::Directory)?;
    }
    Ok(())
}

fn declared_without_planes_is_there(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("blank", &small())?;
    holds(cx.backend().exists(image.path())?, "an image is there once it is declared")
}

fn answers_the_path_asked(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let image = plate.path.append(&plate.first_image()?.path);
    for path in [&plate.path, &image] {
        same("path of the entry", &cx.backend().stat(path)?.path, path)?;
    }
    Ok(())
}
