//! Writing planes and regions.

use crate::{
    Element, ErrorKind, Plane, PlaneIndex, PlaneRequest, PlaneShape, Region, Result,
    VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need, TestImage,
        context::{blank, small},
        expect::{fails, holds, same},
        fixture,
    },
    dispatch,
    model::Sizes,
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "write/every_pixel_type", needs: &[Need::CreateImages], run: every_pixel_type },
    Case { name: "write/extreme_values", needs: &[Need::CreateImages], run: extreme_values },
    Case { name: "write/sizes_of_one", needs: &[Need::CreateImages], run: sizes_of_one },
    Case { name: "write/in_any_order", needs: &[Need::CreateImages], run: in_any_order },
    Case { name: "write/overwrite_replaces", needs: &[Need::CreateImages], run: overwrite },
    Case { name: "write/an_empty_batch", needs: &[Need::Write], run: an_empty_batch },
    Case { name: "write/one_plane_twice_in_a_batch", needs: &[Need::CreateImages], run: twice },
    Case { name: "write/undeclared_is_not_found", needs: &[Need::Write], run: undeclared },
    Case { name: "write/index_outside", needs: &[Need::CreateImages], run: index_outside },
    Case { name: "write/wrong_shape", needs: &[Need::CreateImages], run: wrong_shape },
    Case { name: "write/wrong_pixel_type", needs: &[Need::CreateImages], run: wrong_pixel_type },
    Case { name: "write/a_failure_is_told", needs: &[Need::CreateImages], run: failure_is_told },
    Case { name: "write/plate_in_any_order", needs: &[Need::CreatePlates], run: a_plate },
    Case {
        name: "write/region_keeps_the_rest",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: region_keeps_the_rest,
    },
    Case {
        name: "write/regions_make_a_plane",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: regions_make_a_plane,
    },
    Case {
        name: "write/part_of_a_plane_is_not_the_plane",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: part_of_a_plane,
    },
    Case {
        name: "write/region_outside",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: region_outside,
    },
    Case {
        name: "write/region_of_another_shape",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: region_of_another_shape,
    },
    Case {
        name: "plane/handed_out_never_changes",
        needs: &[Need::CreateImages],
        run: handed_out_never_changes,
    },
    Case {
        name: "plane/region_write_leaves_it_alone",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: region_write_leaves_it_alone,
    },
];

fn every_pixel_type(cx: &Context<'_>) -> CaseResult {
    for pixel_type in cx.subject().pixel_types() {
        let image = cx.declare_image(pixel_type.as_str(), &blank(pixel_type, SIZES))?;
        cx.backend().write_plane(image.first(), image.pixels(3))?;
        let found = cx.backend().read_plane(&image.first())?;
        same("pixel type", found.pixel_type(), pixel_type)?;
        holds(found == image.pixels(3), format_args!("{pixel_type} comes back as written"))?;
    }
    Ok(())
}

const SIZES: Sizes = Sizes::new(1, 1, 2, 5, 7);

fn extreme_values(cx: &Context<'_>) -> CaseResult {
    for pixel_type in cx.subject().pixel_types() {
        let sizes = Sizes::new(1, 1, 1, 1, 6);
        let image = cx.declare_image(pixel_type.as_str(), &blank(pixel_type, sizes))?;
        let plane = dispatch!(pixel_type, T => extremes::<T>()?);
        cx.backend().write_plane(image.first(), plane.clone())?;
        let found = cx.backend().read_plane(&image.first())?;
        holds(found == plane, format_args!("extreme values of {pixel_type} come back"))?;
    }
    Ok(())
}

/// The smallest and largest values; for floating point also what is no number.
fn extremes<T: Element>() -> Result<Plane> {
    let mut values = [f64::MIN, f64::MAX, 0.0, 1.0, -0.0, 0.0];
    if !T::PIXEL_TYPE.is_integer() {
        values = [f64::NEG_INFINITY, f64::INFINITY, f64::NAN, 1e-30, -0.0, 1.5];
    }
    Plane::from_vec(PlaneShape::new(1, 6), values.map(T::from_f64).to_vec())
}

fn sizes_of_one(cx: &Context<'_>) -> CaseResult {
    for (y, x) in [(1, 1), (1, 300), (300, 1), (2, 1)] {
        let image = blank(PixelType::U16, Sizes::new(1, 1, 1, y, x));
        let image = cx.declare_image(&format!("image_{y}_{x}"), &image)?;
        cx.backend().write_plane(image.first(), image.pixels(1))?;
        let found = cx.backend().read_plane(&image.first())?;
        holds(found == image.pixels(1), format_args!("a plane of {y} x {x} comes back"))?;
    }
    Ok(())
}

fn in_any_order(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &blank(PixelType::U16, Sizes::new(2, 3, 4, 3, 5)))?;
    let indices: Vec<_> = image.structure.sizes.indices().collect();
    // A walk through all planes in an order that is neither forward nor backward.
    for step in 0..indices.len() {
        let index = indices[(step * 7 + 5) % indices.len()];
        cx.backend().write_plane(image.request(index), image.plane(index))?;
    }
    for index in indices {
        let found = cx.backend().read_plane(&image.request(index))?;
        holds(found == image.plane(index), format_args!("{index} is itself"))?;
    }
    Ok(())
}

fn overwrite(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let index = PlaneIndex::new(0, 1, 0);
    for number in 50..53 {
        cx.backend().write_plane(image.request(index), image.pixels(number))?;
        let found = cx.backend().read_plane(&image.request(index))?;
        holds(found == image.pixels(number), "the new pixels are there")?;
    }
    for other in image.structure.sizes.indices().filter(|&other| other != index) {
        let found = cx.backend().read_plane(&image.request(other))?;
        holds(found == image.plane(other), format_args!("{other} is as it was"))?;
    }
    Ok(())
}

fn an_empty_batch(cx: &Context<'_>) -> CaseResult {
    Ok(cx.backend().write_planes(&[])?)
}

fn twice(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &small())?;
    let batch = [(image.first(), image.pixels(1)), (image.first(), image.pixels(2))];
    cx.backend().write_planes(&batch)?;
    let found = cx.backend().read_plane(&image.first())?;
    holds(
        found == image.pixels(1) || found == image.pixels(2),
        "a plane that is written twice in a batch has one of both contents",
    )
}

fn undeclared(cx: &Context<'_>) -> CaseResult {
    let plane = fixture::pixels(PixelType::U16, PlaneShape::new(2, 2), 1);
    for name in ["nothing", "nothing/here", "nothing.dat"] {
        let request = PlaneRequest::new(cx.path(name)?, PlaneIndex::default());
        let answer = cx.backend().write_plane(request.clone(), plane.clone());
        fails(name, answer, ErrorKind::NotFound)?;
        fails(name, cx.backend().stat(&request.path), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn index_outside(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &small())?;
    for (t, c, z) in [(1, 0, 0), (0, 2, 0), (0, 0, 2), (u32::MAX, 0, 0)] {
        let request = image.request(PlaneIndex::new(t, c, z));
        let answer = cx.backend().write_plane(request.clone(), image.pixels(1));
        fails(&request.to_string(), answer, ErrorKind::InvalidInput)?;
    }
    is_untouched(cx, &image)
}

/// Nothing was stored of an image that was only declared.
fn is_untouched(cx: &Context<'_>, image: &TestImage) -> CaseResult {
    for index in image.structure.sizes.indices() {
        let answer = cx.backend().read_plane(&image.request(index));
        fails("a plane after a refused write", answer, ErrorKind::MissingPlane)?;
    }
    Ok(())
}

fn wrong_shape(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &small())?;
    for shape in [PlaneShape::new(4, 5), PlaneShape::new(6, 4), PlaneShape::new(8, 6)] {
        let plane = fixture::pixels(PixelType::U16, shape, 1);
        let answer = cx.backend().write_plane(image.first(), plane);
        fails(&format!("a plane of {shape}"), answer, ErrorKind::InvalidInput)?;
    }
    is_untouched(cx, &image)
}

fn wrong_pixel_type(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &small())?;
    for pixel_type in [PixelType::U8, PixelType::I16, PixelType::F32] {
        let plane = fixture::pixels(pixel_type, image.structure.sizes.plane_shape(), 1);
        let answer = cx.backend().write_plane(image.first(), plane);
        fails(&format!("a plane of {pixel_type}"), answer, ErrorKind::InvalidInput)?;
    }
    is_untouched(cx, &image)
}

fn failure_is_told(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &small())?;
    let indices: Vec<_> = image.structure.sizes.indices().collect();
    let mut batch: Vec<_> =
        indices.iter().map(|&index| (image.request(index), image.plane(index))).collect();
    batch.insert(2, (image.request(PlaneIndex::new(5, 5, 5)), image.pixels(0)));
    let answer = cx.backend().write_planes(&batch);
    fails("a batch with a bad plane", answer, ErrorKind::InvalidInput)?;
    for &index in &indices {
        match cx.backend().read_plane(&image.request(index)) {
            Ok(found) => holds(found == image.plane(index), "what was written is whole")?,
            Err(error) => same("what was not written", error.kind(), ErrorKind::MissingPlane)?,
        }
    }
    Ok(())
}

fn a_plate(cx: &Context<'_>) -> CaseResult {
    let plate = cx.declare_plate(&fixture::plate(cx.subject().layout())?)?;
    let mut stored = plate.stored();
    stored.reverse();
    for (request, plane) in &stored {
        cx.backend().write_plane(request.clone(), plane.clone())?;
    }
    for (request, plane) in &stored {
        let found = cx.backend().read_plane(request)?;
        holds(found == *plane, format_args!("{request} is itself"))?;
    }
    fails("the other", cx.backend().read_plane(&plate.missing()?), ErrorKind::MissingPlane)
}

/// `plane` with `patch` in place of `region`.
fn patched(plane: &Plane, region: Region, patch: &Plane) -> Result<Plane> {
    let mut pixels = plane.as_array::<u16>()?.to_owned();
    let (y, x) = (region.y as usize, region.x as usize);
    let (bottom, right) = (y + region.height as usize, x + region.width as usize);
    pixels.slice_mut(ndarray::s![y..bottom, x..right]).assign(&patch.as_array::<u16>()?);
    Ok(Plane::from_array(pixels))
}

fn region_keeps_the_rest(cx: &Context<'_>) -> CaseResult {
    let image = cx.image("image", Sizes::new(1, 1, 2, 70, 90))?;
    let mut expected = image.plane(PlaneIndex::default());
    let regions = [
        Region::new(0, 0, 1, 1),
        Region::new(69, 89, 1, 1),
        Region::new(10, 20, 30, 40),
        Region::new(5, 0, 3, 90),
        Region::new(0, 63, 70, 2),
    ];
    for (number, region) in (100..).zip(regions) {
        let patch = fixture::pixels(PixelType::U16, region.shape(), number);
        cx.backend().write_plane(image.first().with_region(region), patch.clone())?;
        expected = patched(&expected, region, &patch)?;
        let found = cx.backend().read_plane(&image.first())?;
        holds(found == expected, format_args!("{region} changed and nothing else"))?;
    }
    let other = PlaneIndex::new(0, 0, 1);
    let found = cx.backend().read_plane(&image.request(other))?;
    holds(found == image.plane(other), "the other plane is as it was")
}

fn regions_make_a_plane(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &blank(PixelType::U16, Sizes::new(1, 1, 1, 50, 40)))?;
    let whole = image.pixels(1);
    for (y, height) in [(0, 20), (20, 20), (40, 10)] {
        for (x, width) in [(25, 15), (0, 25)] {
            let region = Region::new(y, x, height, width);
            cx.backend().write_plane(image.first().with_region(region), whole.crop(region)?)?;
        }
    }
    let found = cx.backend().read_plane(&image.first())?;
    holds(found == whole, "a plane that was written in regions is whole")
}

fn part_of_a_plane(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &blank(PixelType::U16, Sizes::new(1, 1, 1, 600, 520)))?;
    let whole = image.pixels(1);
    let upper = Region::new(0, 0, 300, 520);
    cx.backend().write_plane(image.first().with_region(upper), whole.crop(upper)?)?;
    let answer = cx.backend().read_plane(&image.first());
    fails("a plane of which half was written", answer, ErrorKind::MissingPlane)?;
    let found = cx.backend().read_plane(&image.first().with_region(upper))?;
    holds(found == whole.crop(upper)?, "the half that was written can be read")?;
    let lower = Region::new(300, 0, 300, 520);
    cx.backend().write_plane(image.first().with_region(lower), whole.crop(lower)?)?;
    holds(cx.backend().read_plane(&image.first())? == whole, "both halves make the plane")
}

fn region_outside(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let max = u32::MAX;
    for region in [
        Region::new(0, 0, 5, 6),
        Region::new(3, 5, 2, 2),
        Region::new(max, max, max, max),
        Region::new(0, 0, 0, 0),
    ] {
        let shape = PlaneShape::new(region.height.min(8), region.width.min(8));
        let plane = fixture::pixels(PixelType::U16, shape, 1);
        let answer = cx.backend().write_plane(image.first().with_region(region), plane);
        fails(&region.to_string(), answer, ErrorKind::InvalidInput)?;
    }
    let found = cx.backend().read_plane(&image.first())?;
    holds(found == image.plane(PlaneIndex::default()), "the plane is as it was")
}

fn region_of_another_shape(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let region = Region::new(0, 0, 2, 3);
    let transposed = fixture::pixels(PixelType::U16, PlaneShape::new(3, 2), 1);
    let answer = cx.backend().write_plane(image.first().with_region(region), transposed);
    fails("3 x 2 pixels into 2 x 3", answer, ErrorKind::InvalidInput)
}

fn handed_out_never_changes(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let index = PlaneIndex::default();
    let held = cx.backend().read_plane(&image.first())?;
    let part = held.crop(Region::new(1, 0, 2, 6))?;
    let copy = image.plane(index);
    cx.backend().write_plane(image.first(), image.pixels(9))?;
    holds(held == copy, "a plane that is held survives an overwrite")?;
    if cx.backend().capabilities().delete {
        cx.backend().delete(image.path(), true)?;
        holds(held == copy, "a plane that is held survives the deletion of its image")?;
    }
    holds(part == copy.crop(Region::new(1, 0, 2, 6))?, "so does a part of it")
}

fn region_write_leaves_it_alone(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?;
    let region = Region::new(1, 1, 2, 2);
    let mut held = Vec::new();
    for number in 0..4 {
        let plane = cx.backend().read_plane(&image.first())?;
        held.push((plane.clone(), plane.bytes().to_vec()));
        let patch = fixture::pixels(PixelType::U16, region.shape(), 40 + number);
        cx.backend().write_plane(image.first().with_region(region), patch)?;
    }
    for (plane, bytes) in held {
        holds(plane.bytes()[..] == bytes[..], "a plane that is held survives region writes")?;
    }
    Ok(())
}
