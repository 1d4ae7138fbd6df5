//! Histograms for thresholds, with the bins that scikit-image chooses: one per value of an
//! integer image, 256 of equal width for a float image.

use std::ops::{Add, Div, Mul, Sub};

use polystore::PixelType;

use super::ordered::Ordered;

/// Bins of a float image, and of integer images too wide for a bin per value.
const N_FLOAT_BINS: usize = 256;

/// Integer images that span more values than this are binned like floats.
const MAX_INTEGER_BINS: u64 = 1 << 20;

/// Counts of pixels by value, from the smallest value to the largest. NaN and infinite
/// pixels are not counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) counts: Vec<u32>,
    /// The value that each bin stands for.
    pub(crate) centers: Vec<f64>,
    /// Whether `centers` are single-precision numbers.
    pub(crate) is_single: bool,
}

/// Pixel types that can be counted.
pub(crate) trait Binned: Ordered {
    /// The histogram of `pixels`; `None` without finite pixels.
    fn histogram(pixels: &[Self]) -> Option<Histogram>;
}

macro_rules! binned_integer {
    ($($type:ty)*) => {$(
        impl Binned for $type {
            fn histogram(pixels: &[Self]) -> Option<Histogram> {
                let (first, last) = range(pixels)?;
                let n_values = u64::from(first.abs_diff(last)) + 1;
                if n_values > MAX_INTEGER_BINS {
                    let values = pixels.iter().map(|&pixel| f64::from(pixel));
                    return Some(equal_bins(values, f64::from(first), f64::from(last)));
                }
                let mut counts = vec![0; n_values as usize];
                for &pixel in pixels {
                    counts[first.abs_diff(pixel) as usize] += 1;
                }
                let centers = (0..counts.len()).map(|bin| f64::from(first) + bin as f64).collect();
                Some(Histogram { counts, centers, is_single: false })
            }
        }
    )*};
}

binned_integer!(u8 u16 u32 i8 i16 i32);

impl Binned for f32 {
    fn histogram(pixels: &[Self]) -> Option<Histogram> {
        let (first, last) = range(pixels)?;
        Some(equal_bins(pixels.iter().copied(), first, last))
    }
}

impl Binned for f64 {
    fn histogram(pixels: &[Self]) -> Option<Histogram> {
        let (first, last) = range(pixels)?;
        Some(equal_bins(pixels.iter().copied(), first, last))
    }
}

/// The smallest and the largest finite pixel.
pub(crate) fn range<T: Ordered>(pixels: &[T]) -> Option<(T, T)> {
    let (mut first, mut last) = (T::HIGHEST, T::LOWEST);
    for &pixel in pixels {
        first = if pixel.is_finite() { pixel.lesser(first) } else { first };
        last = if pixel.is_finite() { pixel.greater(last) } else { last };
    }
    let any = first <= last && first.is_finite() && last.is_finite();
    any.then_some((first, last))
}

/// Numbers that bins are computed in.
trait Real:
    Ordered + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Towards zero; saturates.
    fn truncate(self) -> i32;
}

impl Real for f32 {
    #[inline]
    fn truncate(self) -> i32 {
        self as i32
    }
}

impl Real for f64 {
    #[inline]
    fn truncate(self) -> i32 {
        self as i32
    }
}

/// Bins of equal width from `first` to `last`: each holds its left edge, the last one both.
struct EqualBins<R> {
    first: R,
    last: R,
    edges: [R; N_FLOAT_BINS],
}

impl<R: Real> EqualBins<R> {
    fn new(first: R, last: R) -> Self {
        let step = (last - first) / R::from_f64(N_FLOAT_BINS as f64);
        let edges = std::array::from_fn(|bin| R::from_f64(bin as f64) * step + first);
        Self { first, last, edges }
    }

    fn right_edge(&self, bin: usize) -> R {
        self.edges.get(bin + 1).copied().unwrap_or(self.last)
    }

    fn center(&self, bin: usize) -> R {
        (self.edges[bin] + self.right_edge(bin)) / R::from_f64(2.0)
    }

    /// The division may land one bin off at an edge, so the edges have the last word.
    fn count(&self, values: impl Iterator<Item = R>) -> Vec<u32> {
        let mut counts = vec![0; N_FLOAT_BINS];
        let scale = R::from_f64(N_FLOAT_BINS as f64);
        let span = self.last - self.first;
        for value in values.filter(|value| (self.first..=self.last).contains(value)) {
            let guess = ((value - self.first) / span * scale).truncate();
            let mut bin = (guess as usize).min(N_FLOAT_BINS - 1);
            if value < self.edges[bin] {
                bin -= 1;
            } else if bin + 1 < N_FLOAT_BINS && value >= self.edges[bin + 1] {
                bin += 1;
            }
            counts[bin] += 1;
        }
        counts
    }
}

/// A single bin when all values are one.
fn equal_bins<R: Real>(values: impl Iterator<Item = R>, first: R, last: R) -> Histogram {
    let is_single = R::PIXEL_TYPE == PixelType::F32;
    if first == last {
        let counts = vec![values.filter(|&value| value == first).count() as u32];
        return Histogram { counts, centers: vec![first.to_f64()], is_single };
    }
    let bins = EqualBins::new(first, last);
    let centers = (0..N_FLOAT_BINS).map(|bin| bins.center(bin).to_f64()).collect();
    Histogram { counts: bins.count(values), centers, is_single }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_a_bin_per_value() {
        let histogram = i16::histogram(&[-2, 1, 1]).unwrap();
        assert_eq!(histogram.counts, [1, 0, 0, 2]);
        assert_eq!(histogram.centers, [-2.0, -1.0, 0.0, 1.0]);
        assert_eq!(i32::histogram(&[i32::MIN, 0, i32::MAX]).unwrap().counts.len(), N_FLOAT_BINS);
    }

    #[test]
    fn floats_have_256_bins_and_only_finite_ones_count() {
        let pixels = [0.0f32, 1.0, 0.5, 0.499_999, f32::NAN, f32::INFINITY];
        let histogram = f32::histogram(&pixels).unwrap();
        assert_eq!(histogram.counts.iter().sum::<u32>(), 4);
        assert_eq!((histogram.counts[0], histogram.counts[255]), (1, 1));
        assert_eq!((histogram.counts[127], histogram.counts[128]), (1, 1));
        assert!(f32::histogram(&[f32::NAN]).is_none());
        assert!(u8::histogram(&[]).is_none());
    }

    #[test]
    fn one_value_has_one_bin() {
        assert_eq!(f64::histogram(&[0.25; 3]).unwrap().counts, [3]);
        assert_eq!(u16::histogram(&[7; 3]).unwrap().centers, [7.0]);
    }
}
