//! Does operations and tells the answers in words that can be compared.

use bytes::Bytes;

use crate::{
    Entry, EntryKind, PlaneIndex, PlaneRequest, Result, VirtualBackendExt, VirtualPath,
    conformance::{
        Context, Failure, Place, Subject, TestPlate,
        context::blank,
        expect::holds,
        fixture,
        model::operation::{IMAGES, Operation},
    },
    model::{ImageStructure, Sizes},
    pixel_type::PixelType,
};

/// Does operations on one place.
pub(super) struct Player<'a> {
    cx: Context<'a>,
}

/// The answer that was found is the one expected.
pub(super) fn differ(expected: String, found: String) -> Result<(), Failure> {
    holds(expected == found, format_args!("memory answers {expected}\nbut the backend {found}"))
}

impl<'a> Player<'a> {
    pub(super) fn new(subject: &'a dyn Subject, place: &'a Place) -> Self {
        Self { cx: Context::new(subject, place) }
    }

    /// Whether the contract says what `operation` answers. Regions are only written into
    /// planes that are there, for how finely a backend knows what is missing is its own
    /// affair; and of two faults of one call, any may be told.
    pub(super) fn makes_sense(&self, operation: &Operation) -> bool {
        match operation {
            Operation::WriteRegion { name, index, .. } => self.is_stored(name, *index),
            Operation::ReadPlane { name, index, region, level } => {
                region.is_none() && *level == 0 || self.is_stored(name, *index)
            }
            Operation::Rename { from, to } => {
                self.exists(from) || !self.exists(to) && !to.starts_with(from)
            }
            _ => true,
        }
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).and_then(|path| self.cx.backend().exists(&path)).unwrap_or(false)
    }

    fn is_stored(&self, name: &str, index: PlaneIndex) -> bool {
        let plane = self.request(name).map(|request| PlaneRequest { index, ..request });
        plane.and_then(|request| self.cx.backend().read_plane(&request)).is_ok()
    }

    pub(super) fn apply(&self, operation: &Operation) -> String {
        match self.answer(operation) {
            Ok(answer) => answer,
            Err(error) => error.kind().to_string(),
        }
    }

    fn answer(&self, operation: &Operation) -> Result<String> {
        let backend = self.cx.backend();
        match operation {
            Operation::Stat(name) => Ok(self.entry(&backend.stat(&self.path(name)?)?)),
            Operation::List(name) => {
                let entries = backend.list(&self.path(name)?)?;
                Ok(entries.iter().map(|entry| self.entry(entry)).collect::<Vec<_>>().join(", "))
            }
            Operation::CreateDirectory(name) => done(backend.create_directory(&self.path(name)?)),
            Operation::WriteBlob { name, n_bytes, mode } => {
                done(backend.write_blob(&self.path(name)?, blob(name, *n_bytes), *mode))
            }
            Operation::ReadBlob { name, start, end } => {
                let range = u64::from(*start)..u64::from(*end);
                Ok(format!("{:?}", backend.read_blob(&self.path(name)?, Some(range))?))
            }
            Operation::Delete { name, recursive } => {
                done(backend.delete(&self.path(name)?, *recursive))
            }
            Operation::Rename { from, to } => {
                done(backend.rename(&self.path(from)?, &self.path(to)?))
            }
            Operation::Inventory => self.inventory(),
            _ => self.answer_on_images(operation),
        }
    }

    fn answer_on_images(&self, operation: &Operation) -> Result<String> {
        let backend = self.cx.backend();
        match *operation {
            Operation::CreateImage { name, variant } => {
                done(backend.create_image(&self.path(name)?, &image(variant)))
            }
            Operation::Describe(name) => {
                let image = backend.describe(&self.path(name)?)?;
                Ok(format!("{} {} {}", image.pixel_type, image.sizes, image.n_levels))
            }
            Operation::WritePlane { name, index, number } => {
                self.write(PlaneRequest { index, ..self.request(name)? }, number)
            }
            Operation::WriteRegion { name, index, region, number } => {
                let request = self.request(name)?.with_region(region);
                self.write(PlaneRequest { index, ..request }, number)
            }
            Operation::ReadPlane { name, index, region, level } => {
                self.read(&PlaneRequest { index, region, level, ..self.request(name)? })
            }
            Operation::CreatePlate { variant } => {
                let plate = self.plate(variant)?;
                done(backend.create_plate(&plate.path, &plate.structure))
            }
            Operation::WriteToPlate { image, index, number } => {
                self.write(PlaneRequest { index, ..self.in_plate(image)? }, number)
            }
            Operation::ReadFromPlate { image, index } => {
                self.read(&PlaneRequest { index, ..self.in_plate(image)? })
            }
            Operation::DeleteFromPlate { image } => {
                done(backend.delete(&self.in_plate(image)?.path, true))
            }
            _ => self.answer(operation),
        }
    }

    fn read(&self, request: &PlaneRequest) -> Result<String> {
        let plane = self.cx.backend().read_plane(request)?;
        Ok(format!("{plane:?} {:?}", plane.bytes()))
    }

    /// Writes pixels that fit what is declared, or that fit nothing.
    fn write(&self, request: PlaneRequest, number: u32) -> Result<String> {
        let declared = self.cx.backend().describe(&request.path);
        let (pixel_type, shape) = declared
            .map(|image| (image.pixel_type, image.sizes.plane_shape()))
            .unwrap_or((PixelType::U8, crate::PlaneShape::new(1, 1)));
        let shape = request.region.map_or(shape, crate::Region::shape);
        done(
            self.cx
                .backend()
                .write_plane(request, fixture::pixels(pixel_type, shape, number.into())),
        )
    }

    fn inventory(&self) -> Result<String> {
        let plate = self.plate(0)?;
        let inventory = self.cx.backend().inventory(&plate.path)?;
        let images = inventory.images.iter().map(|image| {
            image.iter().map(|(_, state)| state.as_str()).collect::<Vec<_>>().join(" ")
        });
        Ok(images.collect::<Vec<_>>().join("; "))
    }

    fn plate(&self, variant: u32) -> Result<TestPlate> {
        let mut structure = fixture::plate(self.cx.subject().layout())?;
        structure.wells.truncate(2 - variant as usize);
        for (number, image) in
            (1..).zip(structure.wells.iter_mut().flat_map(|well| &mut well.fields))
        {
            image.sizes.z = number;
        }
        Ok(TestPlate { path: self.cx.plate_path("plate")?, structure })
    }

    /// The request for the first plane of an image of the plate, if it is declared.
    fn in_plate(&self, image: u32) -> Result<PlaneRequest> {
        let plate = self.plate(0)?;
        let path =
            plate.structure.images().nth(image as usize).map(|(_, image)| image.path.clone());
        let path = plate.path.append(&path.unwrap_or_else(VirtualPath::root));
        Ok(PlaneRequest::new(path, PlaneIndex::default()))
    }

    fn request(&self, name: &str) -> Result<PlaneRequest> {
        Ok(PlaneRequest::new(self.path(name)?, PlaneIndex::default()))
    }

    /// The path of `name`, as the subject names images.
    fn path(&self, name: &str) -> Result<VirtualPath> {
        match IMAGES.contains(&name) {
            true => self.cx.path(&self.cx.subject().image_name(name)),
            false => self.cx.path(name),
        }
    }

    /// An entry without what backends may answer differently: whether an image is a file.
    fn entry(&self, entry: &Entry) -> String {
        let root = self.cx.path("").unwrap_or_else(|_| VirtualPath::root());
        let path = entry.path.strip_prefix(&root).unwrap_or_else(VirtualPath::root);
        let kind = match entry.kind {
            EntryKind::Directory => "directory",
            _ => "entry",
        };
        format!("{path} {kind}")
    }
}

fn done(answer: Result<()>) -> Result<String> {
    answer.map(|()| "done".to_owned())
}

fn blob(name: &str, n_bytes: u32) -> Bytes {
    name.bytes().cycle().take(n_bytes as usize).collect()
}

/// Images that differ in type, sizes or levels.
fn image(variant: u32) -> ImageStructure {
    let sizes = Sizes::new(1, 2, 2, 5, 7);
    match variant {
        0 | 1 => ImageStructure { n_levels: 2, ..blank(PixelType::U16, sizes) },
        2 => blank(PixelType::U8, sizes),
        _ => blank(PixelType::U16, Sizes::new(1, 2, 3, 6, 7)),
    }
}
