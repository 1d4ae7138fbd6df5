//! Label images beside the images of a plate, which no list of the plate names.

use super::{ConvertFailure, ConvertReport, TargetLayout, Transfer};
use crate::{
    ErrorKind, PlaneRequest, Plate, Region, Result, VirtualBackend, VirtualBackendExt, VirtualPath,
    model::{ImageKind, ImageStructure, PlateStructure},
};

/// A label image that is to be in the target.
pub(super) struct Planned {
    /// Where it is in the source.
    pub(super) path: VirtualPath,
    /// Planes of it that the target has not.
    pub(super) n_to_write: u64,
}

/// Where a conversion goes.
pub(super) struct Goal<'a> {
    pub(super) target: &'a dyn VirtualBackend,
    /// Of the plate.
    pub(super) path: &'a VirtualPath,
    pub(super) structure: &'a PlateStructure,
    pub(super) layout: TargetLayout,
    pub(super) resume: bool,
}

/// Declares the label images of `source` beside the images of the goal, and adds their planes
/// to those to write, or to `kept` where the target has them. A layout that has no place for
/// labels gets none; the report names them. So it does those that cannot be read, and those
/// that the target does not take.
///
/// # Errors
/// As the target describes the images that the labels lie on.
pub(super) fn plan(
    source: &Plate,
    goal: &Goal<'_>,
    (to_write, kept): (&mut Vec<Transfer>, &mut Vec<Transfer>),
    report: &mut ConvertReport,
) -> Result<Vec<Planned>> {
    let mut planned = Vec::new();
    let pairs = source.structure().images().zip(goal.structure.images());
    for ((_, image), (_, declared)) in pairs {
        let mut fail = |label: &VirtualPath, error: &crate::Error, in_source| {
            let (image, error) = (label.to_string(), error.chain());
            let differs = false;
            report.failed.push(ConvertFailure { image, plane: None, error, in_source, differs });
        };
        let at = source.path().append(&image.path);
        let labels = match source.backend().labels(&at) {
            Ok(labels) => labels,
            Err(error) => {
                fail(&at.join("labels")?, &error, true);
                continue;
            }
        };
        for label in labels {
            if goal.layout != TargetLayout::Zarr {
                report.labels_left_out.push(label.to_string());
                continue;
            }
            let found = match source.backend().describe(&label) {
                Ok(found) => found,
                Err(error) => {
                    fail(&label, &error, true);
                    continue;
                }
            };
            let image = match declare(goal, declared, &label, found) {
                Ok(image) => image,
                Err(error) => {
                    fail(&label, &error, false);
                    continue;
                }
            };
            let n_before = to_write.len();
            for index in image.declared_indices() {
                let to = PlaneRequest::new(image.path.clone(), index);
                let corner = to.clone().with_region(Region::new(0, 0, 1, 1));
                let is_there = goal.resume && goal.target.read_plane(&corner).is_ok();
                let transfer = Transfer {
                    from: PlaneRequest::new(label.clone(), index),
                    to,
                    n_levels: image.n_levels,
                    kind: ImageKind::Labels,
                    n_bytes: image.plane_bytes(),
                    is_kept: is_there,
                    seen: None,
                };
                if is_there { &mut *kept } else { &mut *to_write }.push(transfer);
            }
            let n_to_write = (to_write.len() - n_before) as u64;
            planned.push(Planned { path: label, n_to_write });
        }
    }
    Ok(planned)
}

/// Declares a label image beside `image` of the target, with as many levels as the image has
/// there. One that was there and cannot be read makes room for it.
fn declare(
    goal: &Goal<'_>,
    image: &ImageStructure,
    label: &VirtualPath,
    found: ImageStructure,
) -> Result<ImageStructure> {
    let image = goal.path.append(&image.path);
    let path = image.join("labels")?.join(label.name().unwrap_or_default())?;
    let n_levels = goal.target.describe(&image)?.n_levels;
    let label = ImageStructure { path: path.clone(), kind: ImageKind::Labels, n_levels, ..found };
    let is_damaged = |path: &VirtualPath| {
        goal.target.stat(path).is_ok()
            && matches!(goal.target.describe(path), Err(error) if error.kind() == ErrorKind::InvalidData)
    };
    if goal.resume && is_damaged(&path) {
        goal.target.delete(&path, true)?;
    }
    goal.target.create_image(&path, &label)?;
    let n_levels = goal.target.describe(&path)?.n_levels;
    Ok(ImageStructure { n_levels, ..label })
}
