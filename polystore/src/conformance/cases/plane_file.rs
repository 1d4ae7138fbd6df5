//! Single planes that are written without a declaration, as files of their own.

use crate::{
    EntryKind, ErrorKind, Plane, PlaneIndex, PlaneRequest, PlaneShape, Result, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, fails_with, holds, same},
        fixture,
    },
    model::Sizes,
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "file/plane_without_declaration", needs: &[Need::PlaneFiles], run: undeclared },
    Case {
        name: "file/replaced_by_another_shape",
        needs: &[Need::PlaneFiles],
        run: replaced_by_another_shape,
    },
    Case {
        name: "file/is_listed_and_deleted",
        needs: &[Need::PlaneFiles, Need::Delete],
        run: listed,
    },
    Case { name: "file/has_one_plane", needs: &[Need::PlaneFiles], run: has_one_plane },
    Case {
        name: "file/replaces_a_text",
        needs: &[Need::PlaneFiles, Need::WriteBlobs],
        run: replaces_a_text,
    },
];

fn request(cx: &Context<'_>, name: &str) -> Result<PlaneRequest> {
    Ok(PlaneRequest::new(cx.path(name)?, PlaneIndex::default()))
}

fn pixels(height: u32, width: u32) -> Plane {
    fixture::pixels(PixelType::U16, PlaneShape::new(height, width), 8)
}

fn undeclared(cx: &Context<'_>) -> CaseResult {
    for extension in cx.subject().plane_extensions() {
        let request = request(cx, &format!("a/b/plane.{extension}"))?;
        cx.backend().write_plane(request.clone(), pixels(5, 7))?;
        same(extension, cx.backend().read_plane(&request)?, pixels(5, 7))?;
        let image = cx.backend().describe(&request.path)?;
        same("sizes", image.sizes, Sizes::new(1, 1, 1, 5, 7))?;
        same("pixel type", image.pixel_type, PixelType::U16)?;
        same("levels", image.n_levels, 1)?;
        let part = request.with_region(crate::Region::new(1, 2, 3, 4));
        let expected = pixels(5, 7).crop(crate::Region::new(1, 2, 3, 4))?;
        same("a region", cx.backend().read_plane(&part)?, expected)?;
    }
    Ok(())
}

fn replaced_by_another_shape(cx: &Context<'_>) -> CaseResult {
    for extension in cx.subject().plane_extensions() {
        let request = request(cx, &format!("plane.{extension}"))?;
        cx.backend().write_plane(request.clone(), pixels(5, 7))?;
        let other = fixture::pixels(PixelType::U8, PlaneShape::new(3, 9), 1);
        cx.backend().write_plane(request.clone(), other.clone())?;
        same(extension, cx.backend().read_plane(&request)?, other)?;
        let image = cx.backend().describe(&request.path)?;
        same("sizes", image.sizes, Sizes::new(1, 1, 1, 3, 9))?;
    }
    Ok(())
}

fn listed(cx: &Context<'_>) -> CaseResult {
    for extension in cx.subject().plane_extensions() {
        let request = request(cx, &format!("folder/plane.{extension}"))?;
        cx.backend().write_plane(request.clone(), pixels(2, 2))?;
        let listed = cx.backend().list(&cx.path("folder")?)?;
        same("entries", listed.len(), 1)?;
        let kind = cx.backend().stat(&request.path)?.kind;
        holds(kind != EntryKind::Directory, "a plane is no directory")?;
        cx.backend().delete(&request.path, false)?;
        same("entries afterwards", cx.backend().list(&cx.path("folder")?)?.len(), 0)?;
        fails("the plane", cx.backend().read_plane(&request), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn has_one_plane(cx: &Context<'_>) -> CaseResult {
    for extension in cx.subject().plane_extensions() {
        let first = request(cx, &format!("plane.{extension}"))?;
        let second = PlaneRequest { index: PlaneIndex::new(0, 0, 1), ..first.clone() };
        let kinds = [ErrorKind::NotFound, ErrorKind::InvalidInput];
        let answer = cx.backend().write_plane(second.clone(), pixels(2, 2));
        fails_with("the second plane of nothing", answer, &kinds)?;
        cx.backend().write_plane(first, pixels(2, 2))?;
        let answer = cx.backend().write_plane(second.clone(), pixels(2, 2));
        fails("writing a second plane", answer, ErrorKind::InvalidInput)?;
        let answer = cx.backend().read_plane(&second);
        fails("reading a second plane", answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn replaces_a_text(cx: &Context<'_>) -> CaseResult {
    for extension in cx.subject().plane_extensions() {
        let request = request(cx, &format!("file.{extension}"))?;
        cx.backend().write_text(&request.path, "no image")?;
        fails("a text", cx.backend().read_plane(&request), ErrorKind::InvalidData)?;
        cx.backend().write_plane(request.clone(), pixels(2, 3))?;
        same("the plane", cx.backend().read_plane(&request)?, pixels(2, 3))?;
        cx.backend().write_text(&request.path, "text again")?;
        same("the text", cx.backend().read_text(&request.path)?, "text again".to_owned())?;
        fails("the plane", cx.backend().read_plane(&request), ErrorKind::InvalidData)?;
    }
    Ok(())
}
