//! Arguments that nobody sane would give.

use crate::{
    ErrorKind, PlaneIndex, PlaneRequest, VirtualBackendExt, VirtualPath,
    conformance::{
        Case, CaseResult, Context, Need,
        context::{blank, small},
        expect::{fails_with, holds, same},
    },
    model::{ImageStructure, Sizes},
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "hostile/long_names", needs: &[], run: long_names },
    Case { name: "hostile/deep_paths", needs: &[], run: deep_paths },
    Case { name: "hostile/huge_planes", needs: &[Need::CreateImages], run: huge_planes },
    Case { name: "hostile/countless_planes", needs: &[Need::CreateImages], run: countless_planes },
    Case {
        name: "hostile/many_levels",
        needs: &[Need::CreateImages, Need::Levels],
        run: many_levels,
    },
    Case { name: "hostile/invalidate_anything", needs: &[Need::Plate], run: invalidate_anything },
    Case { name: "spec/unknown_is_unsupported", needs: &[], run: unknown_scheme },
];

/// Nothing is there, whatever the place below says of such a name.
const NOTHING: [ErrorKind; 2] = [ErrorKind::NotFound, ErrorKind::InvalidInput];

fn long_names(cx: &Context<'_>) -> CaseResult {
    for n in [255, 256, 2000, 4000] {
        let path = cx.path(&"n".repeat(n))?;
        let what = format!("a name of {n} bytes");
        fails_with(&what, cx.backend().stat(&path), &NOTHING)?;
        fails_with(&what, cx.backend().list(&path), &NOTHING)?;
        let request = PlaneRequest::new(path, PlaneIndex::default());
        fails_with(&what, cx.backend().read_plane(&request), &NOTHING)?;
    }
    Ok(())
}

fn deep_paths(cx: &Context<'_>) -> CaseResult {
    let path = cx.path(&["d"; 1000].join("/"))?;
    fails_with("1000 directories deep", cx.backend().stat(&path), &NOTHING)?;
    fails_with("1000 directories deep", cx.backend().describe(&path), &NOTHING)?;
    fails_with("1000 directories deep", cx.backend().plate(&path), &NOTHING)
}

/// Declares an image that no machine holds: refused, or declared without taking memory.
fn declared(cx: &Context<'_>, name: &str, image: &ImageStructure) -> CaseResult {
    let path = cx.path(&cx.subject().image_name(name))?;
    let refusals = [ErrorKind::InvalidInput, ErrorKind::LimitExceeded, ErrorKind::Unsupported];
    if let Err(error) = cx.backend().create_image(&path, image) {
        return holds(
            refusals.contains(&error.kind()),
            format_args!("{name}: {} is no refusal: {error}", error.kind()),
        );
    }
    let request = PlaneRequest::new(path, PlaneIndex::default());
    fails_with(name, cx.backend().read_plane(&request), &[ErrorKind::MissingPlane])
}

fn huge_planes(cx: &Context<'_>) -> CaseResult {
    for (n, (y, x)) in [(u32::MAX, u32::MAX), (u32::MAX, 1), (1 << 20, 1 << 20)].iter().enumerate()
    {
        let image = blank(PixelType::F64, Sizes::new(1, 1, 1, *y, *x));
        declared(cx, &format!("huge_{n}"), &image)?;
    }
    Ok(())
}

fn countless_planes(cx: &Context<'_>) -> CaseResult {
    for (n, (t, z)) in [(u32::MAX, u32::MAX), (u32::MAX, 1), (100_000, 1000)].iter().enumerate() {
        let image = blank(PixelType::U8, Sizes::new(*t, 1, *z, 1, 1));
        declared(cx, &format!("countless_{n}"), &image)?;
    }
    Ok(())
}

fn many_levels(cx: &Context<'_>) -> CaseResult {
    for n_levels in [40, u32::MAX] {
        let image = ImageStructure { n_levels, ..small() };
        let path = cx.path(&cx.subject().image_name(&format!("levels_{n_levels}")))?;
        if cx.backend().create_image(&path, &image).is_err() {
            continue;
        }
        let request = PlaneRequest::new(path, PlaneIndex::default());
        let plane =
            crate::conformance::fixture::pixels(PixelType::U16, image.sizes.plane_shape(), 1);
        cx.backend().write_plane(request.clone(), plane)?;
        let last = cx.backend().read_plane(&request.with_level(39))?;
        same("pixels of level 39", last.shape().n_pixels(), 1)?;
    }
    Ok(())
}

fn invalidate_anything(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let (request, plane) = plate.first()?;
    for path in [VirtualPath::root(), plate.path.clone(), cx.path("nothing/here")?] {
        cx.backend().invalidate(&path);
        holds(cx.backend().read_plane(&request)? == plane, "planes are read anew")?;
        let n_images = cx.backend().plate(&plate.path)?.n_images();
        same("images", n_images, plate.structure.n_images())?;
    }
    Ok(())
}

fn unknown_scheme(cx: &Context<'_>) -> CaseResult {
    let mut spec = cx.backend().spec();
    spec.layers.push(crate::SpecLayer::new("no such decorator"));
    fails_with("an unknown layer", crate::open_spec(&spec), &[ErrorKind::Unsupported])?;
    spec.scheme = "no such scheme".to_owned();
    fails_with("an unknown scheme", crate::open_spec(&spec), &[ErrorKind::Unsupported])
}
