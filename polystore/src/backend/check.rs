//! Checks of a request against the image that it addresses; the same for every backend.

use crate::{
    Error, ErrorKind, Plane, PlaneRequest, PlaneShape, Region, Result, model::ImageStructure,
};

impl PlaneRequest {
    /// Checks index, level and region against `image` and returns the shape of the answer.
    ///
    /// For backends, once the image is found. A single plane that was addressed by its name
    /// is checked with the index that the name says.
    ///
    /// # Errors
    /// `InvalidInput` naming what does not fit; `MissingPlane` for a plane that is absent by
    /// design.
    pub fn check_read(&self, image: &ImageStructure) -> Result<PlaneShape> {
        self.check_index(image)?;
        if !image.declares(self.index) {
            let message = format!("plane {} was never meant to be acquired", self.index);
            return Err(Error::new(ErrorKind::MissingPlane, message).with_path(&self.path));
        }
        if self.level >= image.n_levels {
            let message = format!("level {} of an image with {}", self.level, image.n_levels);
            return Err(Error::invalid_input(message).with_path(self));
        }
        let shape = image.sizes.level_shape(self.level);
        match self.region {
            Some(region) => Ok(self.checked_region(region, shape)?.shape()),
            None => Ok(shape),
        }
    }

    /// Checks index, level, region and `plane` against `image` and returns the rectangle
    /// that `plane` fills.
    ///
    /// # Errors
    /// `InvalidInput` naming what does not fit. Levels above 0 are never written: they
    /// follow from the full size.
    pub fn check_write(&self, image: &ImageStructure, plane: &Plane) -> Result<Region> {
        self.check_index(image)?;
        let refuse = |message: String| Err(Error::invalid_input(message).with_path(self));
        if self.level != 0 {
            return refuse(format!("level {} cannot be written, only level 0", self.level));
        }
        if !image.declares(self.index) {
            return refuse(format!(
                "plane {} is absent by design and cannot be written",
                self.index
            ));
        }
        let shape = image.sizes.plane_shape();
        let region = self.checked_region(self.region.unwrap_or(shape.full()), shape)?;
        if plane.shape() != region.shape() {
            return refuse(format!(
                "{} pixels are to be written, but the plane has {}",
                region.shape(),
                plane.shape()
            ));
        }
        if plane.pixel_type() != image.pixel_type {
            return refuse(format!(
                "the image has {} pixels, but the plane has {}",
                image.pixel_type,
                plane.pixel_type()
            ));
        }
        Ok(region)
    }

    fn check_index(&self, image: &ImageStructure) -> Result<()> {
        if image.sizes.contains(self.index) {
            return Ok(());
        }
        let message = format!("plane {} is outside the image of {}", self.index, image.sizes);
        Err(Error::invalid_input(message).with_path(self))
    }

    fn checked_region(&self, region: Region, shape: PlaneShape) -> Result<Region> {
        region.checked(shape).map_err(|error| error.with_path(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelType, PlaneIndex, VirtualPath, model::Sizes};

    fn image() -> ImageStructure {
        let sizes = Sizes::new(1, 2, 1, 5, 6);
        ImageStructure {
            n_levels: 2,
            ..ImageStructure::new(VirtualPath::root(), PixelType::U8, sizes)
        }
    }

    fn request(c: u32) -> PlaneRequest {
        PlaneRequest::new(VirtualPath::root(), PlaneIndex::new(0, c, 0))
    }

    #[test]
    fn reads_are_checked_in_pixels_of_their_level() {
        assert_eq!(request(1).check_read(&image()).unwrap(), PlaneShape::new(5, 6));
        let half = request(1).with_level(1);
        assert_eq!(half.check_read(&image()).unwrap(), PlaneShape::new(3, 3));
        assert!(half.with_region(Region::new(0, 0, 4, 1)).check_read(&image()).is_err());
        assert!(request(2).check_read(&image()).is_err());
        assert!(request(0).with_level(2).check_read(&image()).is_err());
    }

    #[test]
    fn writes_must_fit_exactly() {
        let plane = Plane::from_vec(PlaneShape::new(2, 2), vec![0u8; 4]).unwrap();
        let region = Region::new(3, 4, 2, 2);
        let fits = request(0).with_region(region);
        assert_eq!(fits.check_write(&image(), &plane).unwrap(), region);
        assert!(request(0).check_write(&image(), &plane).is_err());
        assert!(fits.clone().with_level(1).check_write(&image(), &plane).is_err());
        assert!(fits.check_write(&image(), &plane.convert(PixelType::U16)).is_err());
    }
}
