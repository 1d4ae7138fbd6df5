//! Files.

use bytes::Bytes;

use crate::{
    ErrorKind, VirtualBackendExt, WriteMode,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, holds, same},
    },
};

pub(super) const CASES: &[Case] = &[
    Case { name: "blob/round_trip", needs: &[Need::Blobs], run: round_trip },
    Case { name: "blob/empty", needs: &[Need::Blobs], run: empty },
    Case { name: "blob/ranges", needs: &[Need::Blobs], run: ranges },
    Case { name: "blob/range_past_end", needs: &[Need::Blobs], run: range_past_end },
    Case { name: "blob/range_backwards", needs: &[Need::Blobs], run: range_backwards },
    Case { name: "blob/nothing_is_not_found", needs: &[Need::Blobs], run: nothing_is_not_found },
    Case { name: "blob/a_directory_is_invalid_input", needs: &[Need::Blobs], run: a_directory },
    Case { name: "blob/text_must_be_utf8", needs: &[Need::WriteBlobs], run: text_must_be_utf8 },
    Case { name: "blob/overwrite_replaces", needs: &[Need::WriteBlobs], run: overwrite },
    Case { name: "blob/create_new_never_replaces", needs: &[Need::WriteBlobs], run: create_new },
    Case { name: "blob/makes_directories_above", needs: &[Need::WriteBlobs], run: makes_above },
    Case { name: "blob/over_a_directory", needs: &[Need::WriteBlobs], run: over_a_directory },
    Case { name: "blob/below_a_file", needs: &[Need::WriteBlobs], run: below_a_file },
    Case { name: "blob/unusual_names", needs: &[Need::WriteBlobs], run: unusual_names },
    Case {
        name: "blob/over_a_declared_image",
        needs: &[Need::WriteBlobs, Need::CreateImages],
        run: over_a_declared_image,
    },
];

fn bytes(n: usize) -> Bytes {
    (0..n).map(|at| (at * 31 % 251) as u8).collect()
}

fn round_trip(cx: &Context<'_>) -> CaseResult {
    for n in [1, 100, 100_000] {
        let path = cx.path(&format!("file_{n}.bin"))?;
        cx.writer()?.write_blob(&path, bytes(n), WriteMode::Overwrite)?;
        let found = cx.backend().read_blob(&path, None)?;
        holds(found == bytes(n), format_args!("a file of {n} bytes comes back"))?;
    }
    Ok(())
}

fn empty(cx: &Context<'_>) -> CaseResult {
    let path = cx.put_blob("empty.txt", "")?;
    same("content", cx.backend().read_blob(&path, None)?, Bytes::new())?;
    same("range", cx.backend().read_blob(&path, Some(0..0))?, Bytes::new())?;
    holds(cx.backend().exists(&path)?, "an empty file exists")
}

fn ranges(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("file.bin")?;
    cx.writer()?.write_blob(&path, bytes(1000), WriteMode::Overwrite)?;
    for range in [0..1000, 0..1, 999..1000, 100..300, 500..500, 1000..1000] {
        let found = cx.backend().read_blob(&path, Some(range.clone()))?;
        let expected = bytes(1000).slice(range.start as usize..range.end as usize);
        holds(found == expected, format_args!("bytes {range:?} are right"))?;
    }
    Ok(())
}

fn range_past_end(cx: &Context<'_>) -> CaseResult {
    let path = cx.put_blob("file.txt", "0123456789")?;
    for range in [0..11, 10..11, 5..u64::MAX, 11..11, u64::MAX..u64::MAX] {
        let answer = cx.backend().read_blob(&path, Some(range.clone()));
        fails(&format!("bytes {range:?} of 10"), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

#[expect(clippy::reversed_empty_ranges, reason = "that is what the case is about")]
fn range_backwards(cx: &Context<'_>) -> CaseResult {
    let path = cx.put_blob("file.txt", "0123456789")?;
    for range in [5..4, 10..0, u64::MAX..0] {
        let answer = cx.backend().read_blob(&path, Some(range.clone()));
        fails(&format!("bytes {range:?}"), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn nothing_is_not_found(cx: &Context<'_>) -> CaseResult {
    for name in ["nothing", "nothing/here.txt"] {
        let path = cx.path(name)?;
        fails(name, cx.backend().read_blob(&path, None), ErrorKind::NotFound)?;
        fails(name, cx.backend().read_blob(&path, Some(0..1)), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn a_directory(cx: &Context<'_>) -> CaseResult {
    cx.put_blob("folder/file.txt", "text")?;
    let folder = cx.path("folder")?;
    fails("a directory", cx.backend().read_blob(&folder, None), ErrorKind::InvalidInput)?;
    fails("the root", cx.backend().read_blob(&cx.path("")?, None), ErrorKind::InvalidInput)
}

fn text_must_be_utf8(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("file.txt")?;
    cx.backend().write_text(&path, "µm, ångström, 細胞")?;
    same("text", cx.backend().read_text(&path)?, "µm, ångström, 細胞".to_owned())?;
    let broken = Bytes::from_static(b"abc\xFFdef");
    cx.backend().write_blob(&path, broken, WriteMode::Overwrite)?;
    fails("a text that is none", cx.backend().read_text(&path), ErrorKind::InvalidData)
}

fn overwrite(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("file.bin")?;
    for n in [500, 10, 0, 2000] {
        cx.backend().write_blob(&path, bytes(n), WriteMode::Overwrite)?;
        let found = cx.backend().read_blob(&path, None)?;
        holds(found == bytes(n), format_args!("{n} bytes replace what was there"))?;
        let size = cx.backend().stat(&path)?.size_bytes;
        holds(size.is_none_or(|size| size == n as u64), format_args!("size of {n}: {size:?}"))?;
    }
    same("entries", cx.backend().list(&cx.path("")?)?.len(), 1)
}

fn create_new(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("file.txt")?;
    cx.backend().write_blob(&path, bytes(3), WriteMode::CreateNew)?;
    let answer = cx.backend().write_blob(&path, bytes(9), WriteMode::CreateNew);
    fails("a file that exists", answer, ErrorKind::AlreadyExists)?;
    same("content", cx.backend().read_blob(&path, None)?, bytes(3))?;
    cx.put_blob("folder/x.txt", "x")?;
    let answer = cx.backend().write_blob(&cx.path("folder")?, bytes(9), WriteMode::CreateNew);
    fails("a directory that exists", answer, ErrorKind::AlreadyExists)
}

fn makes_above(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("a/b/c/file.txt")?;
    cx.backend().write_text(&path, "deep")?;
    same("text", cx.backend().read_text(&path)?, "deep".to_owned())?;
    for above in ["a", "a/b", "a/b/c"] {
        same(above, cx.backend().list(&cx.path(above)?)?.len(), 1)?;
    }
    Ok(())
}

fn over_a_directory(cx: &Context<'_>) -> CaseResult {
    cx.put_blob("folder/file.txt", "text")?;
    for mode in [WriteMode::Overwrite, WriteMode::CreateNew] {
        let answer = cx.backend().write_blob(&cx.path("folder")?, bytes(3), mode);
        fails("a file over a directory", answer, ErrorKind::AlreadyExists)?;
    }
    let text = cx.backend().read_text(&cx.path("folder/file.txt")?)?;
    same("what was in it", text, "text".to_owned())
}

fn below_a_file(cx: &Context<'_>) -> CaseResult {
    let file = cx.put_blob("file.txt", "text")?;
    for name in ["below.txt", "a/b/below.txt"] {
        let answer = cx.backend().write_text(&file.join(name)?, "x");
        fails("a file below a file", answer, ErrorKind::AlreadyExists)?;
    }
    same("the file", cx.backend().read_text(&file)?, "text".to_owned())
}

fn unusual_names(cx: &Context<'_>) -> CaseResult {
    let names = [
        "with space.txt",
        "ümläut.txt",
        "細胞.txt",
        "a+b&c=d%20.txt",
        "#hash?.txt",
        "'quotes\".txt",
        ".hidden",
        "no_extension",
        "dots.in.name.ome.tif.txt",
        "-dash.txt",
        "~tilde*.txt",
    ];
    for name in names {
        cx.backend().write_text(&cx.path("folder")?.join(name)?, name)?;
    }
    for name in names {
        let path = cx.path("folder")?.join(name)?;
        same(name, cx.backend().read_text(&path)?, name.to_owned())?;
    }
    same("names listed", cx.backend().list(&cx.path("folder")?)?.len(), names.len())
}

fn over_a_declared_image(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &crate::conformance::context::small())?;
    let answer = cx.backend().write_text(image.path(), "text");
    fails("a file over an image", answer, ErrorKind::AlreadyExists)?;
    let found = cx.backend().read_plane(&image.first())?;
    holds(found == image.plane(image.first().index), "the image is as it was")
}
