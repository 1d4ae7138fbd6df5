//! Opens plates once, from the structure cache where it is valid.

use std::sync::Arc;

use super::{ZarrBackend, image::OpenImage, plate::OpenPlate};
use crate::{Error, ErrorKind, Result, VirtualPath};

impl ZarrBackend {
    /// The plate at `path`, opened at the first call.
    pub(super) fn open_plate(&self, path: &VirtualPath) -> Result<Arc<OpenPlate>> {
        if let Some(plate) = self.plates.get(path) {
            return Ok(plate);
        }
        if let Some(plate) = self.cached_plate(path) {
            return Ok(self.plates.keep(path, plate));
        }
        let threads = self.options.io_concurrency;
        let plate = OpenPlate::open(&self.store, path.relative(), threads)?;
        self.cache_plate(path, &plate);
        Ok(self.plates.keep(path, plate))
    }

    /// Image number `ordinal` of the plate at `path`. When it turns out to be another than
    /// the cached structure says, the plate is read anew.
    pub(super) fn image_of(
        &self,
        path: &VirtualPath,
        plate: &OpenPlate,
        ordinal: usize,
    ) -> Result<Arc<OpenImage>> {
        match plate.image(&self.store, path, ordinal) {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            other => return other,
        }
        let place = self.location().join(path.relative());
        tracing::warn!(plate = %place.display(), "cached structure of a plate that changed is made again");
        self.uncache_plate(path);
        self.plates.forget(path);
        let again = self.open_plate(path)?;
        let is_same = again.structure().n_images() == plate.structure().n_images();
        match is_same {
            true => again.image(&self.store, path, ordinal),
            false => Err(Error::new(ErrorKind::Conflict, "plate changed while it was open")
                .with_path(path)
                .with_hint("open it again")),
        }
    }
}
