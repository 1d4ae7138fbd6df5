//! Regions of interest as ImageJ archives beside their images: `A01_s001.roi.zip`.

use super::DiskBackend;
use crate::{
    Error, ErrorKind, Result, VirtualPath, WriteMode,
    backend::{Roi, RoiStore},
    roi,
};

impl RoiStore for DiskBackend {
    fn write_rois(&self, image: &VirtualPath, rois: &[Roi]) -> Result<()> {
        self.named(self.stat_path(image))?;
        let content = self.named(roi::write_archive(rois))?;
        let path = archive_of(image)?;
        self.named(self.write_file(&path, &content, WriteMode::Overwrite))
    }

    fn read_rois(&self, image: &VirtualPath) -> Result<Vec<Roi>> {
        self.named(self.stat_path(image))?;
        let path = archive_of(image)?;
        match self.read_file(&path, None) {
            Ok(content) => {
                self.named(roi::read_archive(&content).map_err(|error| error.with_path(&path)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => self.named(Err(error)),
        }
    }
}

fn archive_of(image: &VirtualPath) -> Result<VirtualPath> {
    let name = image
        .name()
        .ok_or_else(|| Error::invalid_input("the root is not an image").with_path(image))?;
    let stem = name.strip_suffix(".ome.tif").unwrap_or(name);
    let folder = image.parent().unwrap_or_else(VirtualPath::root);
    folder.join(&format!("{stem}.roi.zip"))
}
