//! The `.companion.ome` of a plate of OME-TIFF files: its wells, fields and acquisitions as
//! other programs read them.
//!
//! Every file describes its own image already, and reads alone. The companion stands beside
//! them and says what they are together. It is written when the planes are, because it names
//! the identity of each file and the plane of each of its pages.

use super::{DiskBackend, declared};
use crate::{
    Error, Result, VirtualPath, WriteMode, atomic,
    model::{ImageStructure, PlateStructure},
    ome_xml::{Ome, OmeFile},
};

/// Name of the companion in the plate's folder.
const COMPANION: &str = "plate.companion.ome";

impl DiskBackend {
    /// Writes the companion of the plate that is declared at `path`, anew where there is one.
    /// A plate without OME-TIFF images has none.
    pub(super) fn write_companion(&self, path: &VirtualPath) -> Result<()> {
        let Some(structure) = declared::read_plate(&self.root.join(path))? else {
            return Err(Error::not_found("no plate is declared here").with_path(path));
        };
        if !structure.images().any(|(_, image)| declared::is_container(&image.path)) {
            return Ok(());
        }
        let files = structure
            .images()
            .map(|(_, image)| Ok(self.file_of(path, image)?.into_iter().collect()))
            .collect::<Result<Vec<_>>>()?;
        let uuid = format!("urn:uuid:{}", uuid::Uuid::now_v7());
        let text = Ome::of_plate(&named_by_files(structure), uuid, &files).to_xml();
        let target = self.target(&path.join(COMPANION)?)?;
        atomic::write_bytes(&target, text.as_bytes(), WriteMode::Overwrite)
    }

    /// The file of an image with the planes of its pages; `None` when it was never written, or
    /// is not one that this backend wrote.
    fn file_of(&self, plate: &VirtualPath, image: &ImageStructure) -> Result<Option<OmeFile>> {
        let file = self.root.join(&plate.append(&image.path));
        if !declared::is_container(&image.path) || !file.exists() {
            return Ok(None);
        }
        let (_, header) = self.headers.open(&file)?;
        let name = image.path.relative();
        let mut pages: Vec<_> = image
            .sizes
            .indices()
            .filter_map(|index| Some((header.locate(index)?.0, index)))
            .collect();
        pages.sort_unstable();
        if !(0..).zip(&pages).all(|(expected, (page, _))| *page == expected) {
            return Ok(None);
        }
        let own = Ome::parse(&header.info().description, name)?;
        let mut described = OmeFile::new(name, pages.into_iter().map(|(_, index)| index));
        described.uuid = own.uuid.unwrap_or(described.uuid);
        Ok(Some(described))
    }
}

/// The plate with its images named as their files, `A01_s005`: OME-XML has no other place for
/// the number of a field.
fn named_by_files(mut structure: PlateStructure) -> PlateStructure {
    for image in structure.wells.iter_mut().flat_map(|well| &mut well.fields) {
        let name = image.path.name().unwrap_or_default();
        if let Some((stem, _)) = name.split_once('.').filter(|(stem, _)| !stem.is_empty()) {
            image.name = stem.to_owned();
        }
    }
    structure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType, Plane, PlaneIndex, PlaneRequest, VirtualBackend, VirtualBackendExt,
        WellPosition, model::Sizes, ndarray::Array2,
    };

    #[test]
    fn the_companion_names_the_files_and_only_the_planes_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let disk = DiskBackend::open(folder.path()).unwrap();
        let mut plate = PlateStructure::new("p", 8, 12);
        for (field, name) in [(0, "one"), (4, "five")] {
            let well = WellPosition::new(1, 2);
            let at = PlateStructure::canonical_image_path(well, None, field);
            let at = VirtualPath::parse(&format!("{at}.ome.tif")).unwrap();
            let image = ImageStructure::new(at, PixelType::U8, Sizes::new(1, 2, 1, 3, 3));
            plate.add_image(well, ImageStructure { field, name: name.into(), ..image }).unwrap();
        }
        let root = VirtualPath::root();
        disk.create_plate(&root, &plate).unwrap();
        let first = &plate.wells[0].fields[0].path;
        let request = PlaneRequest::new(first.clone(), PlaneIndex::new(0, 1, 0));
        disk.write_plane(request, Plane::from_array(Array2::<u8>::ones((3, 3)))).unwrap();
        // Once more is fine, and says the same of the files.
        disk.finish_plate(&root).unwrap();
        disk.finish_plate(&root).unwrap();
        let text = std::fs::read_to_string(folder.path().join(COMPANION)).unwrap();
        let ome = Ome::parse(&text, COMPANION).unwrap();
        let names: Vec<_> = ome.images.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(names, ["B03_s001", "B03_s005"]);
        let places: Vec<_> =
            ome.images.iter().map(|image| image.pixels.tiff_data.as_slice()).collect();
        let [[only], []] = places[..] else { panic!("{places:?}") };
        assert_eq!((only.first_c, only.ifd), (1, Some(0)));
        assert_eq!(only.file_name.as_deref(), Some("B03/B03_s001.ome.tif"));
        let file = folder.path().join("B03/B03_s001.ome.tif");
        let (_, header) = disk.headers.open(&file).unwrap();
        let own = Ome::parse(&header.info().description, "").unwrap();
        assert_eq!(only.uuid, own.uuid);
        assert_eq!(ome.plates[0].wells[0].samples.len(), 2);
    }
}
