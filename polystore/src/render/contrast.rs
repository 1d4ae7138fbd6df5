//! Which values are shown dark and which bright.

use crate::{Element, PixelType, Plane, Result, dispatch};

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

/// The contrast spans at least this many standard deviations of the noise. The percentiles of
/// an image of noise alone are about 5 apart: it is shown dim, not as structure.
const MIN_SPAN_NOISE: f64 = 15.0;

/// The contrast of integers spans at least this much of 8-bit and of wider types.
const MIN_SPAN_8_BIT: f64 = 8.0;
const MIN_SPAN_WIDE: f64 = 32.0;

impl Contrast {
    /// From the `low` to the `high` percentile (0 to 100) of all pixels of `planes`; of an
    /// even sample of them where there are many. The span is never so small that noise alone
    /// would fill it: a flat image is shown dark.
    ///
    /// The noise is estimated from the median difference of neighbours in a row, which edges of
    /// objects hardly move.
    ///
    /// # Errors
    /// `Internal` never in practice.
    pub fn of_percentiles<'a>(
        planes: impl IntoIterator<Item = &'a Plane>,
        (low, high): (f64, f64),
    ) -> Result<Self> {
        let planes: Vec<_> = planes.into_iter().collect();
        let mut sampler = ContrastSampler::new(planes.len());
        for plane in planes {
            sampler.add(plane)?;
        }
        Ok(sampler.finish((low, high)).unwrap_or(Self { low: 0.0, high: 1.0 }))
    }

    /// The shade of `value`: 0 at the low end, 255 at the high end.
    pub fn shade(self, value: f64) -> u8 {
        let scaled = (value - self.low) / (self.high - self.low) * 255.0;
        // `as` saturates, and takes NaN to 0.
        scaled.round() as u8
    }
}

/// Finds a contrast from planes that come one by one; keeps a sample of their pixels only.
#[derive(Clone, Debug)]
pub struct ContrastSampler {
    per_plane: usize,
    samples: Vec<f64>,
    /// Differences of neighbours.
    steps: Vec<f64>,
    min_span: f64,
}

impl ContrastSampler {
    /// For about `n_planes`.
    pub fn new(n_planes: usize) -> Self {
        let per_plane = (MAX_SAMPLES / n_planes.max(1)).max(1);
        Self { per_plane, samples: Vec::new(), steps: Vec::new(), min_span: 0.0 }
    }

    /// Takes in an even sample of a plane's pixels.
    ///
    /// # Errors
    /// `Internal` never in practice.
    pub fn add(&mut self, plane: &Plane) -> Result<()> {
        self.min_span = self.min_span.max(min_span_of(plane.pixel_type()));
        dispatch!(plane.pixel_type(), T => {
            let pixels = plane.as_slice::<T>()?;
            let step = (pixels.len() / self.per_plane).max(1);
            let samples = pixels.iter().step_by(step).map(|&pixel| pixel.to_f64());
            self.samples.extend(samples.filter(|sample| sample.is_finite()));
            let pairs = pixels.windows(2).step_by(step);
            let steps = pairs.map(|pair| (pair[0].to_f64() - pair[1].to_f64()).abs());
            self.steps.extend(steps.filter(|step| step.is_finite()));
        });
        Ok(())
    }

    /// The contrast from the `low` to the `high` percentile, as [`Contrast::of_percentiles`];
    /// `None` when there were no pixels.
    pub fn finish(mut self, (low, high): (f64, f64)) -> Option<Contrast> {
        if self.samples.is_empty() {
            return None;
        }
        let (low, high) = (percentile(&mut self.samples, low), percentile(&mut self.samples, high));
        // The difference of two normal values has sqrt(2) times their deviation, and half of
        // all differences are within 0.6745 of its own.
        let noise = percentile(&mut self.steps, 50.0) / (0.6745 * std::f64::consts::SQRT_2);
        let span = (high - low).max(self.min_span).max(MIN_SPAN_NOISE * noise);
        Some(Contrast { low, high: low + if span > 0.0 { span } else { 1.0 } })
    }
}

/// The value that `percent` of `values` are below, 0 for none; their order changes.
fn percentile(values: &mut [f64], percent: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = percent.clamp(0.0, 100.0) / 100.0 * (values.len() - 1) as f64;
    *values.select_nth_unstable_by(rank.round() as usize, f64::total_cmp).1
}

fn min_span_of(pixel_type: PixelType) -> f64 {
    match pixel_type {
        PixelType::F32 | PixelType::F64 => 0.0,
        PixelType::U8 | PixelType::I8 => MIN_SPAN_8_BIT,
        _ => MIN_SPAN_WIDE,
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
    fn noise_alone_is_dim_and_weak_objects_are_not() {
        // A sum of bytes of a fixed sequence: mean 510, deviation about 148.
        let mut state = 1_u32;
        let mut noise = move || {
            (0..4)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 24
                })
                .sum::<u32>() as u16
                / 20
        };
        let flat = ndarray::Array2::from_shape_simple_fn((64, 64), &mut noise);
        let contrast =
            Contrast::of_percentiles([&Plane::from_array(flat.clone())], DEFAULT_PERCENTILES);
        let contrast = contrast.unwrap();
        let mean = flat.iter().map(|&value| f64::from(value)).sum::<f64>() / 4096.0;
        assert!(contrast.shade(mean) < 64, "{contrast:?}");
        // Weak objects over the same noise reach full brightness.
        let mut objects = flat;
        objects.slice_mut(ndarray::s![20..30, 20..30]).mapv_inplace(|value| value + 150);
        let contrast = Contrast::of_percentiles([&Plane::from_array(objects)], DEFAULT_PERCENTILES);
        assert!(contrast.unwrap().shade(mean + 150.0) > 200);
    }

    #[test]
    fn flat_and_empty_images_do_not_divide_by_zero() {
        let flat = Plane::from_array(Array2::from_elem((4, 4), 7u8));
        let contrast = Contrast::of_percentiles([&flat], DEFAULT_PERCENTILES).unwrap();
        assert_eq!(contrast.shade(7.0), 0);
        assert_eq!(Contrast::of_percentiles([], DEFAULT_PERCENTILES).unwrap().shade(0.0), 0);
    }
}
