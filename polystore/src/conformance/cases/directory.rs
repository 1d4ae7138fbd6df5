//! Directories.

use crate::{
    EntryKind, ErrorKind, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, same},
    },
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "directory/makes_those_above",
        needs: &[Need::WriteBlobs],
        run: makes_those_above,
    },
    Case { name: "directory/again_is_fine", needs: &[Need::WriteBlobs], run: again_is_fine },
    Case { name: "directory/over_a_file", needs: &[Need::WriteBlobs], run: over_a_file },
    Case { name: "directory/below_a_file", needs: &[Need::WriteBlobs], run: below_a_file },
];

fn makes_those_above(cx: &Context<'_>) -> CaseResult {
    cx.backend().create_directory(&cx.path("a/b/c")?)?;
    for name in ["a", "a/b", "a/b/c"] {
        same(name, cx.backend().stat(&cx.path(name)?)?.kind, EntryKind::Directory)?;
    }
    Ok(())
}

fn again_is_fine(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("folder/file.txt", "text")?;
    cx.backend().create_directory(&cx.path("folder")?)?;
    cx.backend().create_directory(&cx.path("")?)?;
    same("what is in it", cx.backend().read_text(&file)?, "text".to_owned())
}

fn over_a_file(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("file.txt", "text")?;
    let answer = cx.backend().create_directory(&file);
    fails("a directory over a file", answer, ErrorKind::AlreadyExists)?;
    same("the file", cx.backend().read_text(&file)?, "text".to_owned())
}

fn below_a_file(cx: &Context<'_>) -> CaseResult {
    let below = cx.put_blob("file.txt", "text")?.join("folder")?;
    let answer = cx.backend().create_directory(&below);
    fails("a directory below a file", answer, ErrorKind::AlreadyExists)?;
    fails("what is there", cx.backend().stat(&below), ErrorKind::NotFound)
}
