//! Planes by their names in the plate's own scheme.

use crate::{
    ErrorKind, PlaneIndex, PlaneRequest, Result, VirtualBackendExt, VirtualPath,
    conformance::{
        Case, CaseResult, Context, Need, TestPlate,
        expect::{fails, holds, same},
    },
    model::Sizes,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "naming/plane_by_name", needs: &[Need::Plate], run: plane_by_name },
    Case { name: "naming/describes_one_plane", needs: &[Need::Plate], run: describes_one_plane },
    Case { name: "naming/missing_plane_by_name", needs: &[Need::Plate], run: missing_by_name },
    Case { name: "naming/stands_in_its_own_well", needs: &[Need::Plate], run: in_its_own_well },
    Case { name: "naming/a_name_takes_no_index", needs: &[Need::Plate], run: takes_no_index },
    Case { name: "naming/write_by_name", needs: &[Need::CreatePlates], run: write_by_name },
];

/// The path of a plane by its name, in the folder of its image.
fn by_name(cx: &Context<'_>, plate: &TestPlate, request: &PlaneRequest) -> Result<VirtualPath> {
    let image = request.path.strip_prefix(&plate.path).unwrap_or_else(VirtualPath::root);
    let name = cx.backend().generate_filename(&plate.path, &image, request.index, "tif")?;
    request.path.parent().unwrap_or_else(VirtualPath::root).join(&name)
}

fn single(path: VirtualPath) -> PlaneRequest {
    PlaneRequest::new(path, PlaneIndex::default())
}

fn plane_by_name(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    for (request, expected) in plate.stored() {
        let path = by_name(cx, &plate, &request)?;
        let found = cx.backend().read_plane(&single(path.clone()))?;
        holds(found == expected, format_args!("{path} is {request}"))?;
        holds(cx.backend().exists(&path)?, format_args!("{path} exists"))?;
        let name = path.name().unwrap_or_default();
        let at_root = cx.backend().read_plane(&single(plate.path.join(name)?))?;
        holds(at_root == expected, format_args!("{name} in the plate's folder is {request}"))?;
    }
    Ok(())
}

fn describes_one_plane(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    for (request, plane) in plate.stored().into_iter().step_by(11) {
        let path = by_name(cx, &plate, &request)?;
        let image = cx.backend().describe(&path)?;
        let shape = plane.shape();
        same("sizes", image.sizes, Sizes::new(1, 1, 1, shape.height, shape.width))?;
        same("pixel type", image.pixel_type, plane.pixel_type())?;
        same("path", image.path, path)?;
        same("channels", image.channels.len(), 1)?;
    }
    Ok(())
}

fn missing_by_name(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let path = by_name(cx, &plate, &plate.missing()?)?;
    let answer = cx.backend().read_plane(&single(path.clone()));
    fails("reading it", answer, ErrorKind::MissingPlane)?;
    holds(!cx.backend().exists(&path)?, format_args!("{path} does not exist"))
}

fn in_its_own_well(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    for name in [
        "B03/A01_s001_z000_c000_t000.tif",
        "A01/A01_s003_z000_c000_t000.tif",
        "A01/A01_s001_z003_c000_t000.tif",
        "A01/A01_s001_z000_c002_t000.tif",
        "A02_s001_z000_c000_t000.tif",
    ] {
        let request = single(plate.path.join(name)?);
        fails(name, cx.backend().read_plane(&request), ErrorKind::NotFound)?;
        fails(name, cx.backend().stat(&request.path), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn takes_no_index(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let (request, _) = plate.first()?;
    let path = by_name(cx, &plate, &request)?;
    let answer = cx.backend().read_plane(&PlaneRequest::new(path, PlaneIndex::new(0, 1, 0)));
    let kinds = [ErrorKind::NotFound, ErrorKind::InvalidInput];
    crate::conformance::expect::fails_with("a name with an index", answer, &kinds)
}

fn write_by_name(cx: &Context<'_>) -> CaseResult {
    let plate = cx.declare_plate(&crate::conformance::fixture::plate(cx.subject().layout())?)?;
    let planes: Vec<_> = plate.stored().into_iter().step_by(7).collect();
    for (request, plane) in &planes {
        let path = by_name(cx, &plate, request)?;
        cx.backend().write_plane(single(path), plane.clone())?;
    }
    for (request, plane) in &planes {
        let found = cx.backend().read_plane(request)?;
        holds(found == *plane, format_args!("{request} was written by its name"))?;
    }
    let counts = cx.backend().inventory(&plate.path)?.counts();
    same("present planes", counts.present, planes.len() as u64)
}
