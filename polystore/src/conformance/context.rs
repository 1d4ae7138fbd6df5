//! What a case works with: the backend, a root, and things put there to be read.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Error, PixelType, Plane, PlaneIndex, PlaneRequest, Result, VirtualBackend, VirtualPath,
    WriteMode,
    conformance::{Place, Subject, fixture},
    convert::retarget,
    model::{ImageStructure, PlateStructure, Sizes},
};

/// The backend under test and a fresh place for one case.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    subject: &'a dyn Subject,
    place: &'a Place,
}

/// A plate that was declared for a case.
#[derive(Clone, Debug)]
pub struct TestPlate {
    /// Where it is.
    pub path: VirtualPath,
    /// What it declares.
    pub structure: PlateStructure,
}

/// An image that was declared for a case.
#[derive(Clone, Debug)]
pub struct TestImage {
    /// What it declares, at its path in the backend.
    pub structure: ImageStructure,
}

impl<'a> Context<'a> {
    pub(super) fn new(subject: &'a dyn Subject, place: &'a Place) -> Self {
        Self { subject, place }
    }

    /// The backend under test.
    pub fn backend(&self) -> &'a Arc<dyn VirtualBackend> {
        &self.place.backend
    }

    /// The backend's subject.
    pub fn subject(&self) -> &'a dyn Subject {
        self.subject
    }

    /// What puts things into the place.
    pub(super) fn writer(&self) -> Result<&'a dyn VirtualBackend> {
        let writer = self.place.writer.as_deref();
        writer.ok_or_else(|| Error::internal("a case writes where nothing can be written"))
    }

    /// `relative` below the place's root; `""` for the root itself.
    pub(super) fn path(&self, relative: &str) -> Result<VirtualPath> {
        self.place.root.join(relative)
    }

    /// Puts a file there.
    pub(super) fn put_blob(&self, relative: &str, content: &str) -> Result<VirtualPath> {
        let path = self.path(relative)?;
        let content = Bytes::copy_from_slice(content.as_bytes());
        self.writer()?.write_blob(&path, content, WriteMode::Overwrite)?;
        Ok(path)
    }

    /// Where a plate called `name` goes.
    pub(super) fn plate_path(&self, name: &str) -> Result<VirtualPath> {
        self.path(&self.subject.plate_name(name))
    }

    /// `structure` with the image paths of the subject's layout.
    pub(super) fn laid_out(&self, structure: &PlateStructure) -> Result<PlateStructure> {
        let mut target = retarget(structure, self.subject.layout())?;
        let levels = structure.images().map(|(_, image)| image.n_levels);
        let images = target.wells.iter_mut().flat_map(|well| &mut well.fields);
        images.zip(levels).for_each(|(image, n_levels)| image.n_levels = n_levels);
        Ok(target)
    }

    /// Declares a plate, laid out as the subject wants it, with no plane in it.
    pub(super) fn declare_plate(&self, structure: &PlateStructure) -> Result<TestPlate> {
        let structure = self.laid_out(structure)?;
        let path = self.plate_path("plate")?;
        self.writer()?.create_plate(&path, &structure)?;
        Ok(TestPlate { path, structure })
    }

    /// The fixture plate with its planes, which is given or made.
    pub(super) fn plate(&self) -> Result<TestPlate> {
        let structure = fixture::plate(self.subject.layout())?;
        if let Some(path) = &self.place.plate {
            return Ok(TestPlate { path: path.clone(), structure });
        }
        let plate = self.declare_plate(&structure)?;
        let stored = plate.planes().filter_map(|(request, plane)| Some((request, plane?)));
        self.writer()?.write_planes(&stored.collect::<Vec<_>>())?;
        Ok(plate)
    }

    /// Declares an image, with no plane in it.
    pub(super) fn declare_image(&self, name: &str, image: &ImageStructure) -> Result<TestImage> {
        let path = self.path(&self.subject.image_name(name))?;
        let structure = ImageStructure { path: path.clone(), ..image.clone() };
        self.writer()?.create_image(&path, &structure)?;
        Ok(TestImage { structure })
    }

    /// An image of 16 bit with all its planes.
    pub(super) fn image(&self, name: &str, sizes: Sizes) -> Result<TestImage> {
        self.image_of(name, &blank(PixelType::U16, sizes))
    }

    /// An image like `image` with all its planes.
    pub(super) fn image_of(&self, name: &str, image: &ImageStructure) -> Result<TestImage> {
        let image = self.declare_image(name, image)?;
        let planes: Vec<_> = image
            .structure
            .sizes
            .indices()
            .map(|index| (image.request(index), image.plane(index)))
            .collect();
        self.writer()?.write_planes(&planes)?;
        Ok(image)
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({}, {:?})", self.subject.name(), self.place)
    }
}

/// An image of `sizes` of which nothing else is known.
pub(super) fn blank(pixel_type: PixelType, sizes: Sizes) -> ImageStructure {
    fixture::described(ImageStructure::new(VirtualPath::root(), pixel_type, sizes))
}

/// A small image with two channels and two z-sections.
pub(super) fn small() -> ImageStructure {
    blank(PixelType::U16, Sizes::new(1, 2, 2, 4, 6))
}

impl TestPlate {
    /// Every plane of the fixture with its request, in plate order; `None` for the one that
    /// was never stored.
    pub fn planes(&self) -> impl Iterator<Item = (PlaneRequest, Option<Plane>)> + '_ {
        self.structure.images().flat_map(move |(well, image)| {
            image.sizes.indices().map(move |index| {
                (self.request(image, index), fixture::plane(well, image.field, index))
            })
        })
    }

    /// The request for a plane of an image of the plate.
    pub fn request(&self, image: &ImageStructure, index: PlaneIndex) -> PlaneRequest {
        PlaneRequest::new(self.path.append(&image.path), index)
    }

    /// Planes that are stored, with their requests.
    pub(super) fn stored(&self) -> Vec<(PlaneRequest, Plane)> {
        self.planes().filter_map(|(request, plane)| Some((request, plane?))).collect()
    }

    /// The first stored plane and its request.
    pub(super) fn first(&self) -> Result<(PlaneRequest, Plane)> {
        self.stored().into_iter().next().ok_or_else(empty)
    }

    /// The plane that is declared but was never stored.
    pub(super) fn missing(&self) -> Result<PlaneRequest> {
        let missing = self.planes().find_map(|(request, plane)| plane.is_none().then_some(request));
        missing.ok_or_else(empty)
    }

    /// The image of the first field.
    pub(super) fn first_image(&self) -> Result<&ImageStructure> {
        self.structure.images().next().map(|(_, image)| image).ok_or_else(empty)
    }
}

fn empty() -> Error {
    Error::internal("the fixture has no such plane")
}

impl TestImage {
    /// Where it is.
    pub fn path(&self) -> &VirtualPath {
        &self.structure.path
    }

    /// The request for one of its planes.
    pub fn request(&self, index: PlaneIndex) -> PlaneRequest {
        PlaneRequest::new(self.path().clone(), index)
    }

    /// The request for its first plane.
    pub fn first(&self) -> PlaneRequest {
        self.request(PlaneIndex::default())
    }

    /// The pixels that the plane `index` has when the image is filled.
    pub fn plane(&self, index: PlaneIndex) -> Plane {
        let ordinal = self.structure.sizes.ordinal(index).unwrap_or_default() as u64;
        self.pixels(ordinal)
    }

    /// Other pixels that fit the image, by number.
    pub fn pixels(&self, number: u64) -> Plane {
        let shape = self.structure.sizes.plane_shape();
        fixture::pixels(self.structure.pixel_type, shape, number)
    }
}
