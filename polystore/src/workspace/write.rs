//! Writes planes, always into the overlay.

use super::{
    Workspace,
    locate::{At, internal},
    overlay::Overlay,
};
use crate::{Error, Plane, PlaneIndex, PlaneRequest, Result, VirtualBackendExt, VirtualPath};

/// Planes on their way into the overlay, and which planes of the mapped plate they are.
#[derive(Default)]
struct Batch {
    planes: Vec<(PlaneRequest, Plane)>,
    mapped: Vec<(usize, PlaneIndex)>,
    /// Planes of which only a part is written.
    parts: Vec<(usize, PlaneIndex)>,
}

impl Workspace {
    /// The overlay, to write into.
    ///
    /// # Errors
    /// `PermissionDenied` when there is none.
    pub(super) fn writable(&self, path: &VirtualPath) -> Result<&Overlay> {
        self.overlay.as_ref().ok_or_else(|| self.read_only(path))
    }

    pub(super) fn write_batch(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        let Some((first, _)) = planes.first() else { return Ok(()) };
        let overlay = self.writable(&first.path)?;
        let mut batch = Batch::default();
        // What stands before a plane that does not fit is written all the same.
        let refused = planes
            .iter()
            .try_for_each(|(request, plane)| self.route_write(overlay, request, plane, &mut batch))
            .err();
        self.write_routed(overlay, batch)?;
        refused.map_or(Ok(()), Err)
    }

    fn write_routed(&self, overlay: &Overlay, batch: Batch) -> Result<()> {
        if batch.planes.is_empty() {
            return Ok(());
        }
        overlay.while_writing(|| match overlay.backend.write_planes(&batch.planes) {
            Ok(()) => {
                overlay.note_written(batch.mapped);
                // A plane of which the last part was written is there now.
                note_stored(overlay, batch.parts);
                Ok(())
            }
            Err(error) => {
                note_stored(overlay, batch.mapped);
                Err(error.with_backend(self.to_string()))
            }
        })
    }

    fn route_write(
        &self,
        overlay: &Overlay,
        request: &PlaneRequest,
        plane: &Plane,
        batch: &mut Batch,
    ) -> Result<()> {
        let named = |error: Error| error.with_backend(self.to_string()).with_path(request);
        if let Some((ordinal, index)) = self.mapping.index.resolve(&request.path, request.index) {
            let image = self.image(ordinal)?;
            let resolved = PlaneRequest { index, ..request.clone() };
            let region = resolved.check_write(image, plane).map_err(named)?;
            let is_part = region != image.sizes.plane_shape().full();
            if request.region.is_some() && !overlay.backend.capabilities().region_write {
                return Err(named(Error::unsupported(format!(
                    "the overlay {} takes whole planes only",
                    overlay.backend
                ))));
            }
            overlay.declare().map_err(named)?;
            if is_part {
                self.copy_up(overlay, ordinal, index).map_err(named)?;
                batch.parts.push((ordinal, index));
            } else {
                batch.mapped.push((ordinal, index));
            }
            let path = overlay.image_path(ordinal)?.clone();
            batch.planes.push((PlaneRequest { path, ..resolved }, plane.clone()));
            return Ok(());
        }
        let path = match self.at(&request.path) {
            At::Plate | At::Folder => {
                return Err(named(Error::invalid_data("is a directory, no image")));
            }
            At::Plane(..) | At::Image(_) => {
                return Err(named(Error::invalid_input(
                    "a plane by its name is written with index 0",
                )));
            }
            At::Internal => return Err(named(internal(&request.path))),
            At::Below(ordinal, rest) => {
                overlay.declare().map_err(named)?;
                overlay.image_path(ordinal)?.append(&rest)
            }
            At::Other => request.path.clone(),
        };
        batch.planes.push((PlaneRequest { path, ..request.clone() }, plane.clone()));
        Ok(())
    }

    /// Copies a plane from its source into the overlay, so that part of it can be written.
    fn copy_up(&self, overlay: &Overlay, ordinal: usize, index: PlaneIndex) -> Result<()> {
        overlay.while_copying(|| {
            if overlay.has(ordinal, index) || overlay.hides(ordinal, index) {
                return Ok(());
            }
            let Some(origin) = self.mapping.origin(ordinal, index) else { return Ok(()) };
            let backend = self.mapping.backend(origin.part)?;
            let request = PlaneRequest::new(origin.part.image.clone(), origin.index);
            let plane = match backend.read_plane(&request) {
                Ok(plane) => plane,
                Err(error) if error.kind() == crate::ErrorKind::MissingPlane => return Ok(()),
                Err(error) => return Err(error),
            };
            let path = overlay.image_path(ordinal)?.clone();
            overlay.backend.write_plane(PlaneRequest::new(path, index), plane)?;
            overlay.note_written([(ordinal, index)]);
            Ok(())
        })
    }
}

/// Takes note of those of `planes` that the overlay has now.
fn note_stored(overlay: &Overlay, planes: Vec<(usize, PlaneIndex)>) {
    let stored = planes.into_iter().filter(|&(ordinal, index)| {
        !overlay.has(ordinal, index)
            && overlay
                .plane_path(ordinal, index)
                .is_ok_and(|path| overlay.backend.exists(&path).unwrap_or(false))
    });
    overlay.note_written(stored.collect::<Vec<_>>());
}
