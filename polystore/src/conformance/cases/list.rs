//! What is in a directory.

use std::collections::HashSet;

use crate::{
    Entry, EntryKind, Error, ErrorKind, VirtualBackendExt, VirtualPath,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, holds, same},
    },
    natural,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "list/natural_order", needs: &[Need::Blobs], run: natural_order },
    Case { name: "list/nothing_is_not_found", needs: &[], run: nothing_is_not_found },
    Case { name: "list/a_file_is_invalid_input", needs: &[Need::Blobs], run: a_file_is_invalid },
    Case {
        name: "list/an_image_is_invalid_input",
        needs: &[Need::Plate],
        run: an_image_is_invalid,
    },
    Case { name: "list/entries_are_complete", needs: &[Need::Blobs], run: entries_are_complete },
    Case {
        name: "list/entries_are_what_stat_says",
        needs: &[Need::Plate],
        run: entries_are_what_stat_says,
    },
    Case { name: "list/images_stand_in_their_wells", needs: &[Need::Plate], run: images_in_wells },
    Case {
        name: "list/planes_of_images_are_not_listed",
        needs: &[Need::Plate],
        run: planes_are_not_listed,
    },
    Case { name: "list/walk_reaches_every_image", needs: &[Need::Plate], run: walk_reaches_all },
    Case { name: "list/an_empty_directory", needs: &[Need::WriteBlobs], run: an_empty_directory },
];

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry.path.name()).collect()
}

fn natural_order(cx: &Context<'_>) -> CaseResult {
    for name in ["s10.txt", "s2.txt", "s1.txt", "s002.txt", "a.txt", "s2_b.txt", "s100.txt"] {
        cx.put_blob(&format!("folder/{name}"), name)?;
    }
    let entries = cx.backend().list(&cx.path("folder")?)?;
    let expected = vec!["a.txt", "s1.txt", "s002.txt", "s2.txt", "s2_b.txt", "s10.txt", "s100.txt"];
    same("order", names(&entries), expected)
}

fn nothing_is_not_found(cx: &Context<'_>) -> CaseResult {
    fails("list", cx.backend().list(&cx.path("nothing")?), ErrorKind::NotFound)?;
    fails("walk", cx.backend().walk(&cx.path("nothing/here")?), ErrorKind::NotFound)
}

fn a_file_is_invalid(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("file.txt", "text")?;
    fails("list a file", cx.backend().list(&file), ErrorKind::InvalidInput)
}

fn an_image_is_invalid(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let image = plate.path.append(&plate.first_image()?.path);
    fails("list an image", cx.backend().list(&image), ErrorKind::InvalidInput)
}

fn entries_are_complete(cx: &Context<'_>) -> CaseResult {
    for name in ["folder/a.txt", "folder/b/c.txt", "folder/b/d.txt", "other/e.txt"] {
        cx.put_blob(name, name)?;
    }
    let entries = cx.backend().list(&cx.path("folder")?)?;
    let kinds: Vec<_> = entries.iter().map(|entry| (entry.path.name(), entry.kind)).collect();
    let expected = vec![(Some("a.txt"), EntryKind::Blob), (Some("b"), EntryKind::Directory)];
    same("entries", kinds, expected)?;
    let walked = cx.backend().walk(&cx.path("")?)?;
    let expected = ["folder", "a.txt", "b", "c.txt", "d.txt", "other", "e.txt"].to_vec();
    same("walk", names(&walked), expected)
}

fn entries_are_what_stat_says(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let walked = cx.backend().walk(&plate.path)?;
    let paths: HashSet<_> = walked.iter().map(|entry| &entry.path).collect();
    same("paths that differ", paths.len(), walked.len())?;
    for entry in &walked {
        let alone = cx.backend().stat(&entry.path)?;
        same("kind of a listed entry", (&entry.path, entry.kind), (&alone.path, alone.kind))?;
        holds(entry.path.starts_with(&plate.path), format_args!("{} lies below", entry.path))?;
    }
    Ok(())
}

fn images_in_wells(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    for (_, image) in plate.structure.images() {
        let path = plate.path.append(&image.path);
        let above = parent(&path)?;
        let entries = cx.backend().list(&above)?;
        let found = entries.iter().find(|entry| entry.path == path);
        let kind = found.map(|entry| entry.kind);
        holds(
            matches!(kind, Some(EntryKind::Image | EntryKind::Blob)),
            format_args!("{path} is listed as {kind:?} in its well"),
        )?;
        let sorted =
            entries.is_sorted_by(|a, b| natural::compare(a.path.as_str(), b.path.as_str()).is_le());
        holds(sorted, format_args!("{above} is listed in natural order"))?;
        if above != plate.path {
            let wells = cx.backend().list(&parent(&above)?)?;
            let well = wells.iter().find(|entry| entry.path == above).map(|entry| entry.kind);
            same("kind of a well", well, Some(EntryKind::Directory))?;
        }
    }
    Ok(())
}

fn planes_are_not_listed(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let walked = cx.backend().walk(&plate.path)?;
    let n_images = walked.iter().filter(|entry| cx.backend().describe(&entry.path).is_ok()).count();
    same("images in the plate", n_images, plate.structure.n_images())
}

fn walk_reaches_all(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let walked: HashSet<_> =
        cx.backend().walk(&plate.path)?.into_iter().map(|entry| entry.path).collect();
    for (_, image) in plate.structure.images() {
        let path = plate.path.append(&image.path);
        holds(walked.contains(&path), format_args!("the walk reaches {path}"))?;
    }
    Ok(())
}

fn an_empty_directory(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("empty")?;
    cx.backend().create_directory(&path)?;
    same("entries", cx.backend().list(&path)?, Vec::new())
}

fn parent(path: &VirtualPath) -> crate::Result<VirtualPath> {
    path.parent().ok_or_else(|| Error::internal("an image is no root").with_path(path))
}
