//! Renaming and moving.

use crate::{
    ErrorKind, VirtualBackendExt, VirtualPath,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, holds, same},
    },
};

pub(super) const CASES: &[Case] = &[
    Case { name: "rename/a_file", needs: &[Need::Rename, Need::WriteBlobs], run: a_file },
    Case {
        name: "rename/a_directory_with_all_in_it",
        needs: &[Need::Rename, Need::WriteBlobs],
        run: a_directory,
    },
    Case {
        name: "rename/makes_directories_above",
        needs: &[Need::Rename, Need::WriteBlobs],
        run: makes_directories_above,
    },
    Case { name: "rename/nothing_is_not_found", needs: &[Need::Rename], run: nothing },
    Case {
        name: "rename/never_replaces",
        needs: &[Need::Rename, Need::WriteBlobs],
        run: never_replaces,
    },
    Case { name: "rename/into_itself", needs: &[Need::Rename, Need::WriteBlobs], run: into_itself },
    Case {
        name: "rename/the_root_is_invalid_input",
        needs: &[Need::Rename, Need::WriteBlobs],
        run: the_root,
    },
    Case {
        name: "rename/below_a_file",
        needs: &[Need::Rename, Need::WriteBlobs],
        run: below_a_file,
    },
    Case { name: "rename/a_plate", needs: &[Need::Rename, Need::CreatePlates], run: a_plate },
];

fn a_file(cx: &Context<'_>) -> CaseResult {
    let (from, to) = (cx.put_blob("from.txt", "text")?, cx.path("to.txt")?);
    cx.backend().rename(&from, &to)?;
    fails("the old name", cx.backend().stat(&from), ErrorKind::NotFound)?;
    same("the new name", cx.backend().read_text(&to)?, "text".to_owned())
}

fn a_directory(cx: &Context<'_>) -> CaseResult {
    for name in ["a.txt", "b/c.txt", "b/d/e.txt"] {
        cx.put_blob(&format!("from/{name}"), name)?;
    }
    cx.backend().rename(&cx.path("from")?, &cx.path("to")?)?;
    fails("the old name", cx.backend().stat(&cx.path("from")?), ErrorKind::NotFound)?;
    let below = cx.path("from/b/c.txt")?;
    fails("what was below", cx.backend().stat(&below), ErrorKind::NotFound)?;
    for name in ["a.txt", "b/c.txt", "b/d/e.txt"] {
        let path = cx.path("to")?.join(name)?;
        same(name, cx.backend().read_text(&path)?, name.to_owned())?;
    }
    let paths = cx.backend().walk(&cx.path("to")?)?;
    holds(
        paths.iter().all(|entry| entry.path.as_str().contains("/to/")),
        "listed paths have the new name",
    )
}

fn makes_directories_above(cx: &Context<'_>) -> CaseResult {
    let (from, to) = (cx.put_blob("from.txt", "text")?, cx.path("a/b/to.txt")?);
    cx.backend().rename(&from, &to)?;
    same("the new name", cx.backend().read_text(&to)?, "text".to_owned())
}

fn nothing(cx: &Context<'_>) -> CaseResult {
    let answer = cx.backend().rename(&cx.path("nothing")?, &cx.path("to")?);
    fails("nothing", answer, ErrorKind::NotFound)?;
    fails("the target", cx.backend().stat(&cx.path("to")?), ErrorKind::NotFound)
}

fn never_replaces(cx: &Context<'_>) -> CaseResult {
    let from = cx.put_blob("from.txt", "from")?;
    cx.put_blob("folder/file.txt", "in the folder")?;
    let file = cx.put_blob("file.txt", "file")?;
    for to in ["file.txt", "folder", "folder/file.txt", "from.txt"] {
        let answer = cx.backend().rename(&from, &cx.path(to)?);
        fails(to, answer, ErrorKind::AlreadyExists)?;
    }
    let answer = cx.backend().rename(&cx.path("folder")?, &file);
    fails("a directory over a file", answer, ErrorKind::AlreadyExists)?;
    same("the source", cx.backend().read_text(&from)?, "from".to_owned())?;
    same("the target", cx.backend().read_text(&file)?, "file".to_owned())
}

fn into_itself(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("folder/file.txt", "text")?;
    let folder = cx.path("folder")?;
    for to in ["folder/a", "folder/a/b"] {
        let answer = cx.backend().rename(&folder, &cx.path(to)?);
        fails(to, answer, ErrorKind::InvalidInput)?;
    }
    same("what is in it", cx.backend().read_text(&file)?, "text".to_owned())?;
    same("entries", cx.backend().list(&folder)?.len(), 1)
}

fn the_root(cx: &Context<'_>) -> CaseResult {
    cx.put_blob("file.txt", "text")?;
    let answer = cx.backend().rename(&VirtualPath::root(), &cx.path("to")?);
    fails("the root", answer, ErrorKind::InvalidInput)?;
    holds(cx.backend().exists(&cx.path("file.txt")?)?, "what is in it is still there")
}

fn below_a_file(cx: &Context<'_>) -> CaseResult {
    let from = cx.put_blob("from.txt", "text")?;
    let to = cx.put_blob("file.txt", "file")?.join("below")?;
    let answer = cx.backend().rename(&from, &to);
    fails("to below a file", answer, ErrorKind::AlreadyExists)?;
    same("the source", cx.backend().read_text(&from)?, "text".to_owned())
}

fn a_plate(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    if plate.path.is_root() {
        return Ok(());
    }
    let to = cx.plate_path("moved")?;
    cx.backend().rename(&plate.path, &to)?;
    fails("the old place", cx.backend().plate(&plate.path), ErrorKind::NotFound)?;
    let found = cx.backend().plate(&to)?;
    same("images", found.n_images(), plate.structure.n_images())?;
    for (request, plane) in plate.stored().into_iter().step_by(9) {
        let below = request.path.strip_prefix(&plate.path).unwrap_or_else(VirtualPath::root);
        let moved = crate::PlaneRequest { path: to.append(&below), ..request };
        same(&moved.to_string(), cx.backend().read_plane(&moved)?, plane)?;
    }
    Ok(())
}
