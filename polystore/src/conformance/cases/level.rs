//! Pyramid levels.

use crate::{
    ErrorKind, Plane, PlaneIndex, Region, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need, TestImage,
        context::blank,
        expect::{fails, same},
        fixture,
    },
    model::{ImageKind, ImageStructure, Sizes},
    pixel_type::PixelType,
    pyramid,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "levels/follow_from_the_full_size",
        needs: &[Need::Images, Need::Levels],
        run: follow_from_the_full_size,
    },
    Case {
        name: "levels/labels_are_never_mixed",
        needs: &[Need::Images, Need::Levels],
        run: labels_are_never_mixed,
    },
    Case {
        name: "levels/regions_count_in_their_pixels",
        needs: &[Need::Images, Need::Levels],
        run: regions_count_in_their_pixels,
    },
    Case {
        name: "levels/beyond_are_invalid_input",
        needs: &[Need::Images, Need::Levels],
        run: beyond_are_invalid_input,
    },
    Case { name: "levels/without_a_pyramid", needs: &[Need::Plate], run: without_a_pyramid },
    Case {
        name: "levels/follow_a_write",
        needs: &[Need::CreateImages, Need::Levels],
        run: follow_a_write,
    },
    Case {
        name: "levels/follow_a_region_write",
        needs: &[Need::CreateImages, Need::Levels, Need::RegionWrite],
        run: follow_a_region_write,
    },
    Case {
        name: "levels/are_not_written",
        needs: &[Need::CreateImages, Need::Levels],
        run: are_not_written,
    },
    Case {
        name: "levels/of_a_missing_plane",
        needs: &[Need::CreateImages, Need::Levels],
        run: of_a_missing_plane,
    },
    Case { name: "levels/of_a_plate", needs: &[Need::CreatePlates, Need::Levels], run: of_a_plate },
];

const N_LEVELS: u32 = 3;

/// An image whose sides halve to odd numbers.
fn pyramid_of(pixel_type: PixelType) -> ImageStructure {
    ImageStructure { n_levels: N_LEVELS, ..blank(pixel_type, Sizes::new(1, 2, 1, 21, 34)) }
}

fn expected(plane: Plane, level: u32, kind: ImageKind) -> crate::Result<Plane> {
    (0..level).try_fold(plane, |plane, _| pyramid::downsample(&plane, kind))
}

fn check(cx: &Context<'_>, image: &TestImage, index: PlaneIndex, plane: &Plane) -> CaseResult {
    for level in 0..N_LEVELS {
        let found = cx.backend().read_plane(&image.request(index).with_level(level))?;
        let shape = image.structure.sizes.level_shape(level);
        same(&format!("shape of level {level}"), found.shape(), shape)?;
        let is_right = found == expected(plane.clone(), level, image.structure.kind)?;
        same(&format!("pixels of level {level} of {index} are right"), is_right, true)?;
    }
    Ok(())
}

fn follow_from_the_full_size(cx: &Context<'_>) -> CaseResult {
    for pixel_type in cx.subject().pixel_types() {
        let image = cx.image_of(pixel_type.as_str(), &pyramid_of(pixel_type))?;
        for index in image.structure.sizes.indices() {
            check(cx, &image, index, &image.plane(index))?;
        }
    }
    Ok(())
}

fn labels_are_never_mixed(cx: &Context<'_>) -> CaseResult {
    let labels = ImageStructure { kind: ImageKind::Labels, ..pyramid_of(PixelType::U32) };
    let image = cx.image_of("labels", &labels)?;
    same("kind", cx.backend().describe(image.path())?.kind, ImageKind::Labels)?;
    check(cx, &image, PlaneIndex::default(), &image.plane(PlaneIndex::default()))
}

fn regions_count_in_their_pixels(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &pyramid_of(PixelType::U16))?;
    let whole = expected(image.plane(PlaneIndex::default()), 1, ImageKind::Intensity)?;
    let half = image.first().with_level(1);
    for region in [Region::new(10, 16, 1, 1), Region::new(2, 3, 4, 5), Region::new(0, 0, 11, 17)] {
        let found = cx.backend().read_plane(&half.clone().with_region(region))?;
        same(&format!("{region} of level 1"), found == whole.crop(region)?, true)?;
    }
    let outside = half.with_region(Region::new(0, 0, 12, 1));
    let answer = cx.backend().read_plane(&outside);
    fails("a region that only level 0 has", answer, ErrorKind::InvalidInput)
}

fn beyond_are_invalid_input(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &pyramid_of(PixelType::U16))?;
    for level in [N_LEVELS, N_LEVELS + 1, 31, 32, u32::MAX] {
        let answer = cx.backend().read_plane(&image.first().with_level(level));
        fails(&format!("level {level}"), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn without_a_pyramid(cx: &Context<'_>) -> CaseResult {
    let (request, _) = cx.plate()?.first()?;
    let answer = cx.backend().read_plane(&request.with_level(1));
    fails("level 1 of an image with one", answer, ErrorKind::InvalidInput)
}

fn follow_a_write(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &pyramid_of(PixelType::U16))?;
    check(cx, &image, PlaneIndex::default(), &image.plane(PlaneIndex::default()))?;
    let other = image.pixels(99);
    cx.backend().write_plane(image.first(), other.clone())?;
    check(cx, &image, PlaneIndex::default(), &other)
}

fn follow_a_region_write(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &pyramid_of(PixelType::U16))?;
    check(cx, &image, PlaneIndex::default(), &image.plane(PlaneIndex::default()))?;
    let region = Region::new(3, 5, 7, 9);
    let patch = fixture::pixels(PixelType::U16, region.shape(), 77);
    cx.backend().write_plane(image.first().with_region(region), patch.clone())?;
    let mut whole = image.plane(PlaneIndex::default()).as_array::<u16>()?.to_owned();
    whole.slice_mut(ndarray::s![3..10, 5..14]).assign(&patch.as_array::<u16>()?);
    check(cx, &image, PlaneIndex::default(), &Plane::from_array(whole))
}

fn are_not_written(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &pyramid_of(PixelType::U16))?;
    let half = fixture::pixels(PixelType::U16, image.structure.sizes.level_shape(1), 5);
    let answer = cx.backend().write_plane(image.first().with_level(1), half);
    fails("writing level 1", answer, ErrorKind::InvalidInput)?;
    check(cx, &image, PlaneIndex::default(), &image.plane(PlaneIndex::default()))
}

fn of_a_missing_plane(cx: &Context<'_>) -> CaseResult {
    let image = cx.declare_image("image", &pyramid_of(PixelType::U16))?;
    cx.backend().write_plane(image.first(), image.pixels(1))?;
    let missing = image.request(PlaneIndex::new(0, 1, 0));
    for level in 0..N_LEVELS {
        let answer = cx.backend().read_plane(&missing.clone().with_level(level));
        fails(&format!("level {level}"), answer, ErrorKind::MissingPlane)?;
    }
    Ok(())
}

fn of_a_plate(cx: &Context<'_>) -> CaseResult {
    let mut structure = fixture::plate(cx.subject().layout())?;
    for well in &mut structure.wells {
        well.fields.iter_mut().for_each(|image| image.n_levels = 2);
    }
    let plate = cx.declare_plate(&structure)?;
    let (request, plane) = plate.first()?;
    cx.backend().write_plane(request.clone(), plane.clone())?;
    same("levels", cx.backend().describe(&request.path)?.n_levels, 2)?;
    let half = cx.backend().read_plane(&request.with_level(1))?;
    same("level 1", half, expected(plane, 1, ImageKind::Intensity)?)
}
