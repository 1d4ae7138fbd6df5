//! Label images beside the images of a plate, which no list of the plate names.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{ConvertFailure, ConvertReport};
use crate::{
    EntryKind, Error, ErrorKind, PlaneRequest, Plate, Result, VirtualBackend, VirtualBackendExt,
    VirtualPath,
    model::{ImageKind, ImageStructure, PlateStructure},
};

/// Where label images are, below the image that they belong to.
const LABELS: &str = "labels";

/// Copies the label images of `source` into the store that holds `structure`, its images
/// under their new names; the report counts them. With `keeps` false they are only named.
///
/// # Errors
/// As the source lists them. A label image that fails is in the report instead.
pub(super) fn convert(
    source: &Plate,
    target: &dyn VirtualBackend,
    target_path: &VirtualPath,
    structure: &PlateStructure,
    keeps: bool,
    cancel: &AtomicBool,
    report: &mut ConvertReport,
) -> Result<()> {
    // Of the backends only this one keeps labels beside images.
    if source.backend().spec().scheme != "zarr" {
        return Ok(());
    }
    for ((_, image), (_, declared)) in source.structure().images().zip(structure.images()) {
        for label in listed(source, image)? {
            if cancel.load(Ordering::Relaxed) {
                return Ok(());
            }
            if !keeps {
                report.labels_left_out.push(label.to_string());
                continue;
            }
            let place = target_path.append(&declared.path).join(LABELS)?;
            let to = place.join(label.name().unwrap_or_default())?;
            match copy(source.backend().as_ref(), &label, target, &to, report.verified) {
                Ok(()) => report.n_labels += 1,
                Err(error) => report
                    .failed
                    .push(ConvertFailure { plane: label.to_string(), error: error.chain() }),
            }
        }
    }
    Ok(())
}

fn listed(source: &Plate, image: &ImageStructure) -> Result<Vec<VirtualPath>> {
    let folder = source.path().append(&image.path).join(LABELS)?;
    let entries = match source.backend().list(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let images = entries.into_iter().filter(|entry| entry.kind == EntryKind::Image);
    Ok(images.map(|entry| entry.path).collect())
}

fn copy(
    from: &dyn VirtualBackend,
    label: &VirtualPath,
    target: &dyn VirtualBackend,
    to: &VirtualPath,
    verify: bool,
) -> Result<()> {
    let image = from.describe(label)?;
    let image = ImageStructure { path: to.clone(), kind: ImageKind::Labels, ..image };
    target.create_image(to, &image)?;
    for index in image.sizes.indices() {
        let plane = match from.read_plane(&PlaneRequest::new(label.clone(), index)) {
            Err(error) if error.kind() == ErrorKind::MissingPlane => continue,
            plane => plane?,
        };
        let request = PlaneRequest::new(to.clone(), index);
        target.write_plane(request.clone(), plane.clone())?;
        if verify && target.read_plane(&request)? != plane {
            return Err(Error::invalid_data("labels read back otherwise than they are")
                .with_path(request)
                .with_hint("delete them and convert again"));
        }
    }
    Ok(())
}
