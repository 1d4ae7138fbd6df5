//! Pictures of planes for people: contrast, colour, composites and montages in 8-bit RGB.

mod contrast;
mod gather;
mod marks;
mod montage;
mod palette;
mod sheet;
mod text;
mod views;
mod windows;

use std::borrow::Cow;

pub use contrast::{Contrast, ContrastSampler, DEFAULT_PERCENTILES};
pub use montage::{grid_layout, stage_layout};
pub use palette::{color_of, colors_of};
pub use views::{Gap, View, ViewOptions, ZView, drawn_grid, field, overview, well};

pub(crate) use windows::{Measured, measure};

use crate::{Error, PixelType, Plane, Result, dispatch, model::Color};

/// An 8-bit RGB picture, row-major, three bytes per pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Picture {
    /// Largest side of a picture.
    pub const MAX_SIDE: u32 = 1 << 15;

    /// A picture of one colour.
    ///
    /// # Errors
    /// `InvalidInput` when a side is 0 or longer than [`Picture::MAX_SIDE`].
    pub fn filled(height: u32, width: u32, color: Color) -> Result<Self> {
        let sides = 1..=Self::MAX_SIDE;
        if !sides.contains(&height) || !sides.contains(&width) {
            return Err(Error::invalid_input(format!(
                "a picture of {height} x {width} pixels cannot be made; sides are 1 to {}",
                Self::MAX_SIDE
            )));
        }
        let n_pixels = height as usize * width as usize;
        let pixels = [color.red, color.green, color.blue].repeat(n_pixels);
        Ok(Self { width, height, pixels })
    }

    /// A plane in shades of `color`.
    ///
    /// # Errors
    /// As [`Picture::filled`].
    pub fn of_plane(plane: &Plane, contrast: Contrast, color: Color) -> Result<Self> {
        let mut picture = Self::filled(plane.shape().height, plane.shape().width, Color::BLACK)?;
        picture.add_plane(plane, contrast, color)?;
        Ok(picture)
    }

    /// Adds a plane of the same size in shades of `color`, as light adds up.
    ///
    /// # Errors
    /// `InvalidInput` when the sizes differ.
    pub fn add_plane(&mut self, plane: &Plane, contrast: Contrast, color: Color) -> Result<()> {
        if (plane.shape().height, plane.shape().width) != (self.height, self.width) {
            return Err(Error::invalid_input(format!(
                "a plane of {} pixels cannot be added to a picture of {} x {}",
                plane.shape(),
                self.height,
                self.width
            )));
        }
        let shades = shades(plane, contrast)?;
        let weights = [color.red, color.green, color.blue].map(u32::from);
        for (pixel, shade) in self.pixels.chunks_exact_mut(3).zip(shades) {
            for (value, weight) in pixel.iter_mut().zip(weights) {
                let light = (u32::from(shade) * weight + 127) / 255;
                *value = value.saturating_add(light as u8);
            }
        }
        Ok(())
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, three bytes each, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Sets one pixel; a place outside is ignored.
    pub fn set(&mut self, y: u32, x: u32, color: Color) {
        if y < self.height && x < self.width {
            let at = (y as usize * self.width as usize + x as usize) * 3;
            self.pixels[at..at + 3].copy_from_slice(&[color.red, color.green, color.blue]);
        }
    }

    /// Covers one pixel by `color` in part (`cover` from 0 to 1); a place outside is ignored.
    fn blend(&mut self, y: u32, x: u32, color: Color, cover: f32) {
        if y < self.height && x < self.width {
            let at = (y as usize * self.width as usize + x as usize) * 3;
            let cover = cover.clamp(0.0, 1.0);
            let ink = [color.red, color.green, color.blue];
            for (value, ink) in self.pixels[at..at + 3].iter_mut().zip(ink) {
                *value = (f32::from(*value) * (1.0 - cover) + f32::from(ink) * cover).round() as u8;
            }
        }
    }

    /// Marks the picture of a field as incomplete, as [`field`](fn@field) does: its top right
    /// corner is striped in amber and black.
    pub fn mark_incomplete(&mut self) {
        let (height, width) = (self.height, self.width);
        marks::incomplete(self, marks::Tile { y: 0, x: 0, height, width });
    }

    /// Copies `other` with its top left corner at `(y, x)`; what reaches outside is cut off.
    pub fn paste(&mut self, other: &Self, y: u32, x: u32) {
        let n_columns = other.width.min(self.width.saturating_sub(x)) as usize * 3;
        let rows = other.pixels.chunks_exact(other.width as usize * 3);
        for (row, source) in (y..self.height).zip(rows) {
            let start = (row as usize * self.width as usize + x as usize) * 3;
            self.pixels[start..start + n_columns].copy_from_slice(&source[..n_columns]);
        }
    }

    /// The picture no larger than `max_side` on either side, averaged over whole blocks of
    /// pixels.
    #[must_use]
    pub fn shrunk(&self, max_side: u32) -> Cow<'_, Self> {
        let factor = self.width.max(self.height).div_ceil(max_side.max(1));
        if factor <= 1 {
            return Cow::Borrowed(self);
        }
        let (height, width) = (self.height.div_ceil(factor), self.width.div_ceil(factor));
        let mut pixels = Vec::with_capacity(height as usize * width as usize * 3);
        for y in 0..height {
            for x in 0..width {
                pixels.extend(self.block_mean(y * factor, x * factor, factor));
            }
        }
        Cow::Owned(Self { width, height, pixels })
    }

    fn block_mean(&self, top: u32, left: u32, size: u32) -> [u8; 3] {
        let (mut sums, mut n) = ([0u32; 3], 0);
        for y in top..(top + size).min(self.height) {
            let start = (y as usize * self.width as usize + left as usize) * 3;
            let n_columns = size.min(self.width - left);
            for pixel in self.pixels[start..start + n_columns as usize * 3].chunks_exact(3) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u32::from(value));
                n += 1;
            }
        }
        sums.map(|sum| ((sum + n / 2) / n.max(1)) as u8)
    }

    /// The picture as a PNG file.
    ///
    /// # Errors
    /// `Internal` when the encoder fails.
    #[cfg(feature = "disk")]
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let failed =
            |error: png::EncodingError| Error::internal("PNG encoder failed").with_source(error);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&self.pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(file)
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} x {})", self.height, self.width)
    }
}

/// The plane at `1 / 2^n` of its size, the smallest whose longer side is at least `side`.
///
/// # Errors
/// As [`downsample`](crate::pyramid::downsample).
pub fn thumbnail(plane: &Plane, side: u32, kind: crate::model::ImageKind) -> Result<Plane> {
    let mut plane = plane.clone();
    while plane.shape().height.max(plane.shape().width) >= side.max(1).saturating_mul(2) {
        plane = crate::pyramid::downsample(&plane, kind)?;
    }
    Ok(plane)
}

/// The smallest pyramid level of an image whose longer side is at least `side`, 0 if none is.
pub fn level_for(image: &crate::model::ImageStructure, side: u32) -> u32 {
    let fits = |level: &u32| {
        let shape = image.sizes.level_shape(*level);
        shape.height.max(shape.width) >= side
    };
    (0..image.n_levels).rev().find(fits).unwrap_or(0)
}

/// Each pixel from 0 at the contrast's low end to 255 at its high end.
fn shades(plane: &Plane, contrast: Contrast) -> Result<Vec<u8>> {
    // Few enough values for a table of all of them.
    if plane.pixel_type() == PixelType::U16 {
        let table: Vec<u8> = (0..=u16::MAX).map(|value| contrast.shade(f64::from(value))).collect();
        let pixels = plane.as_slice::<u16>()?;
        return Ok(pixels.iter().map(|&value| table[usize::from(value)]).collect());
    }
    dispatch!(plane.pixel_type(), T => {
        let pixels = plane.as_slice::<T>()?;
        Ok(pixels.iter().map(|&value| contrast.shade(crate::Element::to_f64(value))).collect())
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn channels_add_up_like_light() {
        let contrast = Contrast { low: 0.0, high: 100.0 };
        let plane = Plane::from_array(array![[0u16, 50, 100, 200]]);
        let mut picture = Picture::of_plane(&plane, contrast, Color::new(255, 0, 0)).unwrap();
        assert_eq!(picture.pixels(), [0, 0, 0, 128, 0, 0, 255, 0, 0, 255, 0, 0]);
        picture.add_plane(&plane, contrast, Color::WHITE).unwrap();
        assert_eq!(picture.pixels()[3..6], [255, 128, 128]);
        assert!(
            picture.add_plane(&Plane::from_array(array![[1u8]]), contrast, Color::WHITE).is_err()
        );
    }

    #[test]
    fn pasting_and_shrinking_stay_inside() {
        let mut picture = Picture::filled(3, 3, Color::BLACK).unwrap();
        picture.paste(&Picture::filled(2, 2, Color::WHITE).unwrap(), 2, 2);
        picture.paste(&Picture::filled(2, 2, Color::WHITE).unwrap(), 9, 9);
        assert_eq!(picture.pixels().iter().filter(|&&value| value == 255).count(), 3);
        let small = picture.shrunk(2);
        assert_eq!((small.height(), small.width()), (2, 2));
        assert_eq!(small.pixels()[9..], [255, 255, 255]);
    }

    #[test]
    fn thumbnails_keep_at_least_the_side_asked_for() {
        let plane = Plane::from_array(ndarray::Array2::<u8>::zeros((100, 60)));
        let small = thumbnail(&plane, 20, crate::model::ImageKind::Intensity).unwrap();
        assert_eq!(small.shape(), crate::PlaneShape::new(25, 15));
    }
}
