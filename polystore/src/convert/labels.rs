//! Label images beside the images of a plate, which no list of the plate names.

use super::{ConvertFailure, ConvertReport, TargetLayout, Transfer};
use crate::{
    EntryKind, ErrorKind, PlaneRequest, Plate, Region, Result, VirtualBackend, VirtualBackendExt,
    VirtualPath,
    model::{ImageKind, ImageStructure, PlateStructure},
};

/// Where label images are, below the image that they belong to.
const LABELS: &str = "labels";

/// Declares the label images of `source` beside the images of `structure` in the target, and
/// adds their planes to those to write, or to `kept` where the target has them. A layout that
/// has no place for labels gets none; the report names them.
///
/// # Errors
/// As the source lists and describes them, and as the target declares them.
pub(super) fn plan(
    source: &Plate,
    target: &dyn VirtualBackend,
    target_path: &VirtualPath,
    (structure, layout): (&PlateStructure, TargetLayout),
    (to_write, kept): (&mut Vec<Transfer>, &mut Vec<Transfer>),
    resume: bool,
    report: &mut ConvertReport,
) -> Result<()> {
    // Of the backends only this one keeps labels beside images.
    if source.backend().spec().scheme != "zarr" {
        return Ok(());
    }
    for ((_, image), (_, declared)) in source.structure().images().zip(structure.images()) {
        let (labels, damaged) = listed(source, image)?;
        for label in damaged {
            let error = "its metadata are damaged or absent; it is not converted".to_owned();
            report.failed.push(ConvertFailure { plane: label.to_string(), error });
        }
        for label in labels {
            if layout != TargetLayout::Zarr {
                report.labels_left_out.push(label.to_string());
                continue;
            }
            let place = target_path.append(&declared.path).join(LABELS)?;
            let to = place.join(label.name().unwrap_or_default())?;
            let found = source.backend().describe(&label)?;
            // As many levels as the image that the labels lie on has there.
            let n_levels = target.describe(&target_path.append(&declared.path))?.n_levels;
            let image =
                ImageStructure { path: to.clone(), kind: ImageKind::Labels, n_levels, ..found };
            target.create_image(&to, &image)?;
            let n_levels = target.describe(&to)?.n_levels;
            for index in image.declared_indices() {
                let from = PlaneRequest::new(label.clone(), index);
                let to = PlaneRequest::new(to.clone(), index);
                let corner = to.clone().with_region(Region::new(0, 0, 1, 1));
                let is_there = resume && target.read_plane(&corner).is_ok();
                let transfer = Transfer {
                    from,
                    to,
                    n_levels,
                    kind: ImageKind::Labels,
                    n_bytes: image.plane_bytes(),
                };
                if is_there { &mut *kept } else { &mut *to_write }.push(transfer);
            }
            report.n_labels += 1;
        }
    }
    Ok(())
}

/// Label images beside an image, and folders among them that are none.
fn listed(source: &Plate, image: &ImageStructure) -> Result<(Vec<VirtualPath>, Vec<VirtualPath>)> {
    let folder = source.path().append(&image.path).join(LABELS)?;
    let entries = match source.backend().list(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Default::default()),
        entries => entries?,
    };
    let of_kind = |kind: EntryKind| {
        let entries = entries.iter().filter(move |entry| entry.kind == kind);
        entries.map(|entry| entry.path.clone()).collect()
    };
    Ok((of_kind(EntryKind::Image), of_kind(EntryKind::Directory)))
}
