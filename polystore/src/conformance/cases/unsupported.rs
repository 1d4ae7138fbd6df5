//! What a backend says that it cannot do is refused, and in the right words.

use bytes::Bytes;

use crate::{
    ErrorKind, Plane, PlaneIndex, PlaneRequest, PlaneShape, Region, WriteMode,
    conformance::{
        Case, CaseResult, Context, Need,
        context::small,
        expect::{fails_with, holds},
        fixture,
    },
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "unsupported/is_said", needs: &[], run: is_said },
    Case { name: "unsupported/nothing_is_changed", needs: &[Need::Plate], run: nothing_is_changed },
    Case { name: "unsupported/region_writes", needs: &[Need::CreateImages], run: region_writes },
];

const REFUSALS: [ErrorKind; 2] = [ErrorKind::Unsupported, ErrorKind::PermissionDenied];

fn plane() -> Plane {
    fixture::pixels(PixelType::U16, PlaneShape::new(4, 6), 1)
}

fn is_said(cx: &Context<'_>) -> CaseResult {
    let (backend, can) = (cx.backend(), cx.backend().capabilities());
    let path = cx.path("new")?;
    if !can.write {
        let request = PlaneRequest::new(cx.path("new.tif")?, PlaneIndex::default());
        refused("write", backend.write_planes(&[(request, plane())]))?;
        refused("write", backend.create_directory(&path))?;
        let text = Bytes::from_static(b"text");
        refused("write", backend.write_blob(&path, text, WriteMode::Overwrite))?;
    }
    if !can.create_plates {
        let structure = fixture::plate(cx.subject().layout())?;
        refused("create_plates", backend.create_plate(&path, &structure))?;
    }
    if !can.create_images {
        refused("create_images", backend.create_image(&path, &small()))?;
    }
    if !can.blobs {
        refused("blobs", backend.read_blob(&path, None).map(drop))?;
    }
    if !can.delete {
        refused("delete", backend.delete(&path, false))?;
    }
    if !can.rename {
        refused("rename", backend.rename(&path, &cx.path("newer")?))?;
    }
    Ok(())
}

/// What the flag says cannot be done is not done.
fn refused(flag: &str, answer: crate::Result<()>) -> CaseResult {
    fails_with(flag, answer, &REFUSALS)
}

fn nothing_is_changed(cx: &Context<'_>) -> CaseResult {
    if cx.backend().capabilities().write {
        return Ok(());
    }
    let plate = cx.plate()?;
    let (request, expected) = plate.first()?;
    let other = fixture::pixels(PixelType::U16, expected.shape(), 99);
    let answer = cx.backend().write_planes(&[(request.clone(), other)]);
    fails_with("writing a plane", answer, &REFUSALS)?;
    let answer = cx.backend().delete(&request.path, true);
    fails_with("deleting an image", answer, &REFUSALS)?;
    let found = crate::VirtualBackendExt::read_plane(cx.backend().as_ref(), &request)?;
    holds(found == expected, "the plane is as it was")
}

fn region_writes(cx: &Context<'_>) -> CaseResult {
    if cx.backend().capabilities().region_write {
        return Ok(());
    }
    let image = cx.image_of("image", &small())?;
    let patch = fixture::pixels(PixelType::U16, PlaneShape::new(2, 2), 1);
    let request = image.first().with_region(Region::new(0, 0, 2, 2));
    fails_with("a region", cx.backend().write_planes(&[(request, patch)]), &REFUSALS)
}
