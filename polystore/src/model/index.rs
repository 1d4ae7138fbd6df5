//! Finds images and planes of a plate by path in constant time.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use foldhash::fast::RandomState;

use crate::{
    PlaneIndex, VirtualPath, WellPosition,
    model::{ImageStructure, NamingScheme, PlateStructure},
};

/// A plate's structure with look-up by path: of images, and of single planes named by the
/// plate's own scheme. Built once per plate, when first asked; every look-up is O(1).
#[derive(Debug)]
pub struct PlateIndex {
    structure: Arc<PlateStructure>,
    images: Vec<(u32, u32)>,
    by_path: OnceLock<HashMap<VirtualPath, u32, RandomState>>,
    naming: Option<&'static dyn NamingScheme>,
    folders: OnceLock<HashMap<VirtualPath, Vec<Below>>>,
}

/// What is directly below a folder of a plate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// Relative to the plate.
    pub path: VirtualPath,
    /// The image that it is, by its position in plate order; `None` for a folder.
    pub image: Option<usize>,
}

impl PlateIndex {
    /// Indexes `structure`.
    pub fn new(structure: Arc<PlateStructure>) -> Self {
        let mut images = Vec::with_capacity(structure.n_images());
        for (well, found) in (0u32..).zip(&structure.wells) {
            images.extend((0..found.fields.len() as u32).map(|field| (well, field)));
        }
        let naming = structure.naming_scheme().ok();
        Self { structure, images, by_path: OnceLock::new(), naming, folders: OnceLock::new() }
    }

    /// The plate that is indexed.
    pub fn structure(&self) -> &Arc<PlateStructure> {
        &self.structure
    }

    /// Image number `ordinal` in plate order, with its well.
    pub fn image(&self, ordinal: usize) -> Option<(WellPosition, &ImageStructure)> {
        let &(well, field) = self.images.get(ordinal)?;
        let well = self.structure.wells.get(well as usize)?;
        Some((well.position, well.fields.get(field as usize)?))
    }

    /// The position in plate order of the image at `path` (relative to the plate). The first
    /// call looks at every image once.
    pub fn ordinal(&self, path: &VirtualPath) -> Option<usize> {
        let by_path = self.by_path.get_or_init(|| {
            let paths = self.structure.images().map(|(_, image)| image.path.clone());
            paths.zip(0u32..).collect()
        });
        by_path.get(path).map(|&ordinal| ordinal as usize)
    }

    /// Wells and images directly below `folder` (relative to the plate) in plate order;
    /// `None` when no image is below it. The first call looks at every image once.
    pub fn below(&self, folder: &VirtualPath) -> Option<&[Below]> {
        self.folders.get_or_init(|| self.list_folders()).get(folder).map(Vec::as_slice)
    }

    /// Whether `path` (relative to the plate) is an image of the plate or a folder of one.
    pub fn declares(&self, path: &VirtualPath) -> bool {
        self.ordinal(path).is_some() || self.below(path).is_some()
    }

    fn list_folders(&self) -> HashMap<VirtualPath, Vec<Below>> {
        let mut folders: HashMap<VirtualPath, Vec<Below>> = HashMap::new();
        for (ordinal, (_, image)) in self.structure.images().enumerate() {
            let (mut path, mut number) = (image.path.clone(), Some(ordinal));
            while let Some(folder) = path.parent() {
                let is_new = !folders.contains_key(&folder);
                let entry = Below { path, image: number };
                let listed = folders.entry(folder.clone()).or_default();
                listed.push(entry);
                if !is_new {
                    break;
                }
                (path, number) = (folder, None);
            }
        }
        folders
    }

    /// What `path` (relative to the plate) addresses: an image and the plane `index` of it,
    /// or a single plane by a name of the plate's scheme, for which `index` must be zero.
    ///
    /// A plane's name stands in the folder of its image or of its well, or at the root of
    /// the plate.
    pub fn resolve(&self, path: &VirtualPath, index: PlaneIndex) -> Option<(usize, PlaneIndex)> {
        if let Some(ordinal) = self.ordinal(path) {
            return Some((ordinal, index));
        }
        if index != PlaneIndex::default() {
            return None;
        }
        let name = self.naming?.parse(path.name()?)?;
        let well = self.structure.well(name.well)?;
        let image = well.field(name.acquisition.unwrap_or(0), name.field.unwrap_or(0))?;
        let folder = path.parent()?;
        let stands_there = folder.is_root()
            || image.path.parent() == Some(folder.clone())
            || folder.relative() == name.well.to_string();
        let index = PlaneIndex::new(
            name.t.unwrap_or(0),
            image.channel_by_number(name.c.unwrap_or(0))?,
            name.z.unwrap_or(0),
        );
        (stands_there && image.sizes.contains(index))
            .then(|| self.ordinal(&image.path).map(|ordinal| (ordinal, index)))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType,
        model::{Channel, Sizes},
    };

    fn path(text: &str) -> VirtualPath {
        VirtualPath::parse(text).unwrap()
    }

    fn index() -> PlateIndex {
        let mut plate = PlateStructure::new("p", 1, 2);
        for column in 0..2 {
            let well = WellPosition::new(0, column);
            let at = PlateStructure::canonical_image_path(well, None, 0);
            let mut image = ImageStructure::new(at, PixelType::U8, Sizes::new(1, 2, 3, 1, 1));
            image.channels =
                [Channel::default(), Channel { number: Some(4), ..Channel::default() }].into();
            plate.add_image(well, image).unwrap();
        }
        PlateIndex::new(Arc::new(plate))
    }

    #[test]
    fn folders_list_what_is_below_them() {
        let index = index();
        let root: Vec<_> = index.below(&VirtualPath::root()).unwrap().to_vec();
        let folder = |name| Below { path: path(name), image: None };
        assert_eq!(root, [folder("/A01"), folder("/A02")]);
        let well = index.below(&path("/A02")).unwrap();
        assert_eq!(well, [Below { path: path("/A02/A02_s001"), image: Some(1) }]);
        assert!(index.below(&path("/A02/A02_s001")).is_none());
        assert!(index.declares(&path("/A02")) && index.declares(&path("/A02/A02_s001")));
        assert!(!index.declares(&path("/A03")) && !index.declares(&path("/A02/A02_s002")));
    }

    #[test]
    fn images_and_plane_names_resolve() {
        let index = index();
        let wanted = PlaneIndex::new(0, 1, 2);
        assert_eq!(index.resolve(&path("/A02/A02_s001"), wanted), Some((1, wanted)));
        let zero = PlaneIndex::default();
        for name in ["/A02/A02_s001_z002_c003.tif", "/A02_s001_z002_c003.tif"] {
            assert_eq!(index.resolve(&path(name), zero), Some((1, wanted)), "{name}");
        }
        for name in ["/A01/A02_s001_z002_c003.tif", "/A02/A02_s001_z002_c001.tif", "/A02/x.tif"] {
            assert_eq!(index.resolve(&path(name), zero), None, "{name}");
        }
    }
}
