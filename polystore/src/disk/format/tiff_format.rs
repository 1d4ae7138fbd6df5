//! TIFF, BigTIFF and OME-TIFF files.

use std::{fs::File, io::Write, path::Path, sync::Arc};

use super::{FileFormat, Header, Output, ReadRequest, WritePlane};
use crate::{
    Error, Plane, PlaneIndex, Result,
    disk::tiff::{self, Directory, FileIdentity, FileImage, PageRequest, WriteOptions},
    microscope::ImageFileInfo,
};

pub(super) struct Tiff;

struct TiffHeader {
    directory: Directory,
    image: FileImage,
    info: ImageFileInfo,
}

impl FileFormat for Tiff {
    fn extensions(&self) -> &'static [&'static str] {
        &["tif", "tiff", "stk", "flex"]
    }

    fn open(&self, file: &File, path: &Path) -> Result<Arc<dyn Header>> {
        let directory = Directory::read(file, path)?;
        let image = FileImage::of(&directory, path)?;
        let info = ImageFileInfo {
            image: image.image.clone(),
            n_pages: directory.pages.len() as u32,
            n_samples: directory.pages[0].full().n_samples,
            description: directory.description.clone(),
        };
        Ok(Arc::new(TiffHeader { directory, image, info }))
    }

    fn write(&self, out: &mut dyn Output, plane: &Plane, options: &WritePlane) -> Result<()> {
        let settings = WriteOptions {
            compression: options.compression,
            physical_size: options.physical_size,
            n_levels: options.n_levels,
            kind: options.kind,
            ..WriteOptions::default()
        };
        let mut out = std::io::BufWriter::new(out);
        tiff::write_pages(&mut out, &[plane], &settings)?;
        out.flush().map_err(|error| Error::from_io(error, "write"))
    }
}

impl Header for TiffHeader {
    fn identity(&self) -> FileIdentity {
        self.directory.identity
    }

    fn info(&self) -> &ImageFileInfo {
        &self.info
    }

    fn locate(&self, index: PlaneIndex) -> Option<(u32, u16)> {
        self.image.locate(index)
    }

    fn read(&self, file: &File, request: &ReadRequest) -> Result<Plane> {
        let entry = self.directory.pages.get(request.page as usize).ok_or_else(|| {
            Error::invalid_data(format!(
                "file has {}, and page {} (from 0) is asked for",
                crate::words::count(self.directory.pages.len(), "page"),
                request.page
            ))
        })?;
        let wanted = PageRequest {
            level: request.level,
            sample: request.sample,
            region: request.region,
            concurrency: request.concurrency,
        };
        tiff::read_page(file, &self.directory, entry, wanted)
    }

    fn mappable(&self, page: u32) -> Option<u64> {
        self.directory.mappable(page)
    }

    fn weight(&self) -> usize {
        self.directory.weight() + self.info.description.len()
    }
}
