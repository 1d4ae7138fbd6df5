//! Which values are shown dark and which bright.

use crate::{Element, Plane, Result, dispatch};

/// Percentiles that a picture's contrast is stretched to unless told otherwise.
pub const DEFAULT_PERCENTILES: (f64, f64) = (0.5, 99.8);

/// Values from black to full brightness; others are clipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// Shown black.
    pub low: f64,
    /// Shown at full brightness.
    pub high: f64,
}

/// More pixels than this are sampled, evenly.
const MAX_SAMPLES: usize = 1 << 18;

impl Contrast {
    /// From the `low` to the `high` percentile (0 to 100) of all pixels of `planes`; of an
    /// even sample of them where there are many.
    ///
    /// # Errors
    /// `Internal` never in practice.
    pub fn of_percentiles<'a>(
        planes: impl IntoIterator<Item = &'a Plane>,
        (low, high): (f64, f64),
    ) -> Result<Self> {
        let planes: Vec<_> = planes.into_iter().collect();
        let per_plane = MAX_SAMPLES / planes.len().max(1);
        let mut samples = Vec::new();
        for plane in planes {
            dispatch!(plane.pixel_type(), T => {
                let pixels = plane.as_slice::<T>()?;
                let step = (pixels.len() / per_plane.max(1)).max(1);
                samples.extend(pixels.iter().step_by(step).map(|&pixel| pixel.to_f64()));
            });
        }
        samples.retain(|sample| sample.is_finite());
        if samples.is_empty() {
            return Ok(Self { low: 0.0, high: 1.0 });
        }
        let mut at = |percent: f64| {
            let rank = percent.clamp(0.0, 100.0) / 100.0 * (samples.len() - 1) as f64;
            *samples.select_nth_unstable_by(rank.round() as usize, f64::total_cmp).1
        };
        let (low, high) = (at(low), at(high));
        // A flat image is shown dark, not as noise at full contrast.
        Ok(Self { low, high: if high > low { high } else { low + 1.0 } })
    }

    /// The shade of `value`: 0 at the low end, 255 at the high end.
    pub fn shade(self, value: f64) -> u8 {
        let scaled = (value - self.low) / (self.high - self.low) * 255.0;
        // `as` saturates, and takes NaN to 0.
        scaled.round() as u8
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn percentiles_cut_off_the_tails() {
        let plane =
            Plane::from_array(Array2::from_shape_fn((10, 10), |(y, x)| (10 * y + x) as u16));
        let contrast = Contrast::of_percentiles([&plane], (10.0, 90.0)).unwrap();
        assert_eq!((contrast.low, contrast.high), (10.0, 89.0));
        assert_eq!(
            [0.0, 49.5, 500.0, f64::NAN].map(|value| contrast.shade(value)),
            [0, 128, 255, 0]
        );
    }

    #[test]
    fn flat_and_empty_images_do_not_divide_by_zero() {
        let flat = Plane::from_array(Array2::from_elem((4, 4), 7u8));
        let contrast = Contrast::of_percentiles([&flat], DEFAULT_PERCENTILES).unwrap();
        assert_eq!(contrast.shade(7.0), 0);
        assert_eq!(Contrast::of_percentiles([], DEFAULT_PERCENTILES).unwrap().shade(0.0), 0);
    }
}
