//! OME-TIFF: the planes of a file by its OME-XML, which may stand in a file beside it.

use std::path::Path;

use super::{FileImage, file::Directory};
use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualPath,
    model::ImageStructure,
    ome_xml::{Image, Ome, OmeFile},
};

/// Longest file of metadata that is read.
const MAX_METADATA_BYTES: u64 = 256 << 20;

/// Whether a description is OME-XML.
pub(super) fn is_ome(description: &str) -> bool {
    let start = description.get(..4096.min(description.len())).unwrap_or(description);
    start.trim_start().starts_with('<') && (start.contains("<OME") || start.contains(":OME"))
}

/// The first image that the metadata say has planes in this file.
pub(super) fn image_of(directory: &Directory, path: &Path) -> Result<FileImage> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let own = Ome::parse(&directory.description, &name)?;
    let uuid = own.uuid.clone();
    let metadata = match &own.binary_only {
        Some(elsewhere) => read_companion(path, &elsewhere.metadata_file)?,
        None => own,
    };
    let here = Here { name: &name, uuid: uuid.as_deref(), directory };
    let found = metadata.images.iter().find_map(|image| here.locate(image).transpose());
    found.unwrap_or_else(|| {
        Err(Error::invalid_data("OME-XML names no image with planes in this file"))
    })
}

/// The metadata in a file beside `path`.
fn read_companion(path: &Path, name: &str) -> Result<Ome> {
    let is_plain = Path::new(name).components().count() == 1 && !name.starts_with("..");
    let companion = path.with_file_name(name);
    if !is_plain {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "metadata file is not beside its images",
        )
        .with_path(companion.display()));
    }
    let fail = |error| Error::io(error, "read the metadata", companion.display());
    if std::fs::metadata(&companion).map_err(fail)?.len() > MAX_METADATA_BYTES {
        return Err(Error::new(ErrorKind::LimitExceeded, "metadata file is too long")
            .with_path(companion.display()));
    }
    let text = std::fs::read(&companion).map_err(fail)?;
    Ome::parse(&crate::microscope::decode_text(&text), name)
}

/// The file whose planes are looked for.
struct Here<'a> {
    name: &'a str,
    uuid: Option<&'a str>,
    directory: &'a Directory,
}

impl Here<'_> {
    /// The image with those of its planes that this file has; `None` when it has none.
    fn locate(&self, image: &Image) -> Result<Option<FileImage>> {
        let n_pages = self.directory.pages.len() as u32;
        let pixels = &image.pixels;
        let locations = pixels.locate(|number| self.has(image, number).then_some(n_pages))?;
        let is_here = |location: &crate::ome_xml::Location| {
            location.ifd < n_pages
                && location.tiff_data.is_none_or(|number| self.has(image, number))
        };
        let place = |index: PlaneIndex| {
            let location = locations.get(index).filter(is_here)?;
            Some((location.ifd, location.sample))
        };
        let Some((ifd, _)) = pixels.sizes().indices().find_map(place) else { return Ok(None) };
        let entry = &self.directory.pages[ifd as usize];
        let page = entry.full();
        let sizes = pixels.sizes();
        if (page.shape, page.pixel_type) != (sizes.plane_shape(), pixels.pixel_type) {
            return Err(Error::invalid_data(format!(
                "OME-XML says {} {}, the pages have {} {}",
                sizes.plane_shape(),
                pixels.pixel_type,
                page.shape,
                page.pixel_type
            )));
        }
        let structure = ImageStructure {
            n_levels: entry.n_levels(),
            ..image.to_structure(VirtualPath::root())
        };
        structure.check()?;
        Ok(Some(FileImage::new(structure, place)))
    }

    /// Whether `TiffData` number `number` speaks of this file.
    fn has(&self, image: &Image, number: u32) -> bool {
        let Some(data) = image.pixels.tiff_data.get(number as usize) else { return false };
        match (&data.file_name, &data.uuid) {
            (Some(file), _) if file.rsplit('/').next() == Some(self.name) => true,
            (_, Some(uuid)) => Some(uuid.as_str()) == self.uuid,
            (Some(_), None) => false,
            (None, None) => true,
        }
    }
}

/// The description of a file called `name` whose pages are the planes `indices`, in order.
pub(in crate::disk) fn describe(
    image: &ImageStructure,
    name: &str,
    indices: &[PlaneIndex],
) -> String {
    Ome::of_image(image, &OmeFile::new(name, indices.iter().copied())).to_xml()
}
