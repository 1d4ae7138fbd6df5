//! Reading rectangles of planes.

use crate::{
    ErrorKind, PlaneShape, Region, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, same},
    },
    model::Sizes,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "region/every_rectangle", needs: &[Need::Plate], run: every_rectangle },
    Case { name: "region/the_whole_plane", needs: &[Need::Plate], run: the_whole_plane },
    Case { name: "region/out_of_bounds", needs: &[Need::Plate], run: out_of_bounds },
    Case { name: "region/empty_is_invalid_input", needs: &[Need::Plate], run: empty },
    Case { name: "region/huge_is_invalid_input", needs: &[Need::Plate], run: huge },
    Case { name: "region/of_a_larger_plane", needs: &[Need::Images], run: of_a_larger_plane },
];

fn every_rectangle(cx: &Context<'_>) -> CaseResult {
    let (request, plane) = cx.plate()?.first()?;
    let PlaneShape { height, width } = plane.shape();
    let mut requests = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        for (rows, columns) in [(1, 1), (2, 3), (height - y, width - x), (1, width - x)] {
            if y + rows <= height && x + columns <= width {
                let region = Region::new(y, x, rows, columns);
                requests.push(request.clone().with_region(region));
            }
        }
    }
    for (request, found) in requests.iter().zip(cx.backend().read_all(&requests)?) {
        let region = request.region.unwrap_or(plane.shape().full());
        same("shape", found.shape(), region.shape())?;
        let (found, expected) = (found.bytes().clone(), plane.crop(region)?.bytes().clone());
        same(&request.to_string(), found, expected)?;
    }
    Ok(())
}

fn the_whole_plane(cx: &Context<'_>) -> CaseResult {
    let (request, plane) = cx.plate()?.first()?;
    let whole = request.with_region(plane.shape().full());
    same("the plane as a region", cx.backend().read_plane(&whole)?, plane)
}

fn out_of_bounds(cx: &Context<'_>) -> CaseResult {
    let (request, plane) = cx.plate()?.first()?;
    let PlaneShape { height, width } = plane.shape();
    for region in [
        Region::new(0, 0, height + 1, 1),
        Region::new(0, 0, 1, width + 1),
        Region::new(height, 0, 1, 1),
        Region::new(0, width, 1, 1),
        Region::new(height - 1, width - 1, 2, 2),
    ] {
        let request = request.clone().with_region(region);
        let answer = cx.backend().read_plane(&request);
        fails(&request.to_string(), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn empty(cx: &Context<'_>) -> CaseResult {
    let (request, _) = cx.plate()?.first()?;
    for region in [Region::new(0, 0, 0, 0), Region::new(1, 1, 0, 2), Region::new(1, 1, 2, 0)] {
        let request = request.clone().with_region(region);
        let answer = cx.backend().read_plane(&request);
        fails(&request.to_string(), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn huge(cx: &Context<'_>) -> CaseResult {
    let (request, _) = cx.plate()?.first()?;
    let max = u32::MAX;
    for region in [
        Region::new(0, 0, max, max),
        Region::new(max, max, max, max),
        Region::new(max, 0, 1, 1),
        Region::new(1, 1, max, 1),
    ] {
        let request = request.clone().with_region(region);
        let answer = cx.backend().read_plane(&request);
        fails(&request.to_string(), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// A plane of several strips or tiles, wherever a backend may cut it.
fn of_a_larger_plane(cx: &Context<'_>) -> CaseResult {
    let image = cx.image("large", Sizes::new(1, 1, 1, 307, 1033))?;
    let plane = image.plane(image.first().index);
    for region in [
        Region::new(0, 0, 1, 1033),
        Region::new(306, 1032, 1, 1),
        Region::new(63, 255, 2, 2),
        Region::new(100, 500, 160, 533),
        Region::new(31, 0, 130, 1033),
        Region::new(0, 511, 307, 3),
    ] {
        let found = cx.backend().read_plane(&image.first().with_region(region))?;
        let is_right = found == plane.crop(region)?;
        same(&format!("pixels of {region}"), is_right, true)?;
    }
    Ok(())
}
