//! Neighbourhoods of filters: squares and disks.

use crate::{Result, function::Settings};

/// Which pixels around a pixel belong to its neighbourhood, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// How far the neighbourhood reaches sideways in the rows at distance 0, 1 .. radius.
    half_widths: Vec<usize>,
}

impl Footprint {
    /// The settings `radius` and `footprint` (`disk` or `square`) of a function.
    ///
    /// # Errors
    /// `Function` when the function has no such parameters.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self> {
        let radius = settings.integer("radius")? as usize;
        Ok(match settings.text("footprint")? {
            "disk" => Self::disk(radius),
            _ => Self::square(radius),
        })
    }

    /// `2 * radius + 1` pixels to a side.
    pub(crate) fn square(radius: usize) -> Self {
        Self { half_widths: vec![radius; radius + 1] }
    }

    /// All pixels within `radius` px.
    pub(crate) fn disk(radius: usize) -> Self {
        let half_width = |dy: usize| (radius * radius - dy * dy).isqrt();
        Self { half_widths: (0..=radius).map(half_width).collect() }
    }

    pub(crate) fn radius(&self) -> usize {
        self.half_widths.len() - 1
    }

    /// How far it reaches sideways in the row `dy` away.
    pub(crate) fn half_width(&self, dy: usize) -> usize {
        self.half_widths[dy]
    }

    pub(crate) fn is_square(&self) -> bool {
        self.half_widths.iter().all(|&half_width| half_width == self.radius())
    }

    /// The rows of the neighbourhood from top to bottom: `(dy, half width)`.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (isize, usize)> {
        let radius = self.radius() as isize;
        (-radius..=radius).map(|dy| (dy, self.half_widths[dy.unsigned_abs()]))
    }

    pub(crate) fn n_pixels(&self) -> usize {
        self.rows().map(|(_, half_width)| 2 * half_width + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_and_squares_have_the_pixels_of_scikit_image() {
        assert_eq!(Footprint::disk(1).n_pixels(), 5);
        assert_eq!(Footprint::disk(2).n_pixels(), 13);
        assert_eq!(Footprint::disk(5).n_pixels(), 81);
        assert_eq!(Footprint::square(2).n_pixels(), 25);
        assert!(Footprint::square(3).is_square() && !Footprint::disk(1).is_square());
    }
}
