//! Histograms for thresholds, with the bins that scikit-image chooses: one per value of an
//! integer image, 256 of equal width for a float image.

use std::ops::{Add, Div, Mul, Sub};

use polystore::PixelType;

use super::ordered::Ordered;

/// Bins of a float image, and of integer images too wide for a bin per value.
const N_FLOAT_BINS: usize = 256;

/// Pixels looked at side by side.
const LANES: usize = 16;

/// Tables that take turns in counting.
const N_TABLES: usize = 4;

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
    /// The smallest and the largest finite pixel; `None` without one.
    fn range(pixels: &[Self]) -> Option<(Self, Self)>;

    /// The histogram of `pixels`; `None` without finite pixels.
    fn histogram(pixels: &[Self]) -> Option<Histogram>;
}

macro_rules! binned_integer {
    ($($type:ty)*) => {$(
        impl Binned for $type {
            fn range(pixels: &[Self]) -> Option<(Self, Self)> {
                let &first = pixels.first()?;
                let extend = |(low, high): (Self, Self), &pixel: &Self| (low.min(pixel), high.max(pixel));
                Some(pixels.iter().fold((first, first), extend))
            }

            fn histogram(pixels: &[Self]) -> Option<Histogram> {
                let (first, last) = Self::range(pixels)?;
                let n_values = u64::from(first.abs_diff(last)) + 1;
                if n_values > MAX_INTEGER_BINS {
                    let values: Vec<f64> = pixels.iter().map(|&pixel| f64::from(pixel)).collect();
                    return Some(equal_bins(&values, f64::from(first), f64::from(last)));
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
    fn range(pixels: &[Self]) -> Option<(Self, Self)> {
        finite_range(pixels)
    }

    fn histogram(pixels: &[Self]) -> Option<Histogram> {
        let (first, last) = Self::range(pixels)?;
        Some(equal_bins(pixels, first, last))
    }
}

impl Binned for f64 {
    fn range(pixels: &[Self]) -> Option<(Self, Self)> {
        finite_range(pixels)
    }

    fn histogram(pixels: &[Self]) -> Option<Histogram> {
        let (first, last) = Self::range(pixels)?;
        Some(equal_bins(pixels, first, last))
    }
}

/// The smallest and the largest finite number, over several lanes.
fn finite_range<R: Real>(values: &[R]) -> Option<(R, R)> {
    let (mut smallest, mut largest) = ([R::HIGHEST; LANES], [R::LOWEST; LANES]);
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut extend = |lane: usize, value: R| {
        let (small, large) = (smallest[lane], largest[lane]);
        smallest[lane] = if value.is_finite() { value.lesser(small) } else { small };
        largest[lane] = if value.is_finite() { value.greater(large) } else { large };
    };
    for block in blocks {
        (0..LANES).for_each(|lane| extend(lane, block[lane]));
    }
    rest.iter().for_each(|&value| extend(0, value));
    let first = smallest.into_iter().fold(R::HIGHEST, R::lesser);
    let last = largest.into_iter().fold(R::LOWEST, R::greater);
    (first.is_finite() && last.is_finite()).then_some((first, last))
}

/// Numbers that bins are computed in.
trait Real:
    Ordered + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Towards zero; saturates.
    fn truncate(self) -> i32;

    /// The number nearest to a whole one.
    fn whole(value: i32) -> Self;
}

impl Real for f32 {
    #[inline]
    fn truncate(self) -> i32 {
        self as i32
    }

    #[inline]
    fn whole(value: i32) -> Self {
        value as Self
    }
}

impl Real for f64 {
    #[inline]
    fn truncate(self) -> i32 {
        self as i32
    }

    #[inline]
    fn whole(value: i32) -> Self {
        value as Self
    }
}

/// Bins of equal width from `first` to `last`: each holds its left edge, the last one both.
struct EqualBins<R> {
    first: R,
    last: R,
    /// Bins per unit.
    scale: R,
    /// Left edges.
    edges: [R; N_FLOAT_BINS],
}

impl<R: Real> EqualBins<R> {
    fn new(first: R, last: R) -> Self {
        let step = (last - first) / R::from_f64(N_FLOAT_BINS as f64);
        let edges = std::array::from_fn(|bin| R::from_f64(bin as f64) * step + first);
        let scale = R::from_f64(N_FLOAT_BINS as f64) / (last - first);
        Self { first, last, scale, edges }
    }

    fn center(&self, bin: usize) -> R {
        let right = self.edges.get(bin + 1).copied().unwrap_or(self.last);
        (self.edges[bin] + right) / R::from_f64(2.0)
    }

    /// Counts values by where they lie between `first` and `last`. Increments of one bin
    /// wait for each other, so tables take turns.
    fn count(&self, values: &[R]) -> Vec<u32> {
        let mut tables = [[0; N_FLOAT_BINS]; N_TABLES];
        let (blocks, rest) = values.as_chunks::<LANES>();
        let margin = self.margin();
        for block in blocks {
            match self.clear_bins(block, margin) {
                Some(bins) => bins.into_iter().enumerate().for_each(|(lane, bin)| {
                    tables[lane % N_TABLES][(bin as usize).min(N_FLOAT_BINS - 1)] += 1;
                }),
                None => self.count_by_edges(block, &mut tables[0]),
            }
        }
        self.count_by_edges(rest, &mut tables[0]);
        (0..N_FLOAT_BINS).map(|bin| tables.iter().map(|table| table[bin]).sum()).collect()
    }

    /// The bins of a block, unless a value is outside or so near to an edge that rounding
    /// might put it on the wrong side.
    #[inline(always)]
    fn clear_bins(&self, block: &[R; LANES], margin: R) -> Option<[i32; LANES]> {
        let n_bins = R::from_f64(N_FLOAT_BINS as f64);
        let far_edge = R::from_f64(1.0) - margin;
        let places: [R; LANES] = block.map(|value| self.place(value));
        let bins = places.map(R::truncate);
        let mut is_clear = true;
        for (&place, &bin) in places.iter().zip(&bins) {
            let inside = place - R::whole(bin);
            is_clear &=
                (inside > margin) & (inside < far_edge) & (place > margin) & (place < n_bins);
        }
        is_clear.then_some(bins)
    }

    /// Counts the values inside by a guess that is at most one bin off, and the edges.
    fn count_by_edges(&self, values: &[R], table: &mut [u32; N_FLOAT_BINS]) {
        for &value in values.iter().filter(|value| (self.first..=self.last).contains(value)) {
            let guess = (self.place(value).truncate() as usize).min(N_FLOAT_BINS - 1);
            let is_right = self.edges.get(guess + 1).is_some_and(|&edge| value >= edge);
            table[guess - usize::from(value < self.edges[guess]) + usize::from(is_right)] += 1;
        }
    }

    /// Where a value lies, in bins from the first edge.
    #[inline(always)]
    fn place(&self, value: R) -> R {
        (value - self.first) * self.scale
    }

    /// How near to an edge, in bins, rounding can make a difference: a few units in the last
    /// place of a position in bins, and of an edge.
    fn margin(&self) -> R {
        let largest = self.first.to_f64().abs().max(self.last.to_f64().abs());
        let bin = (self.last.to_f64() - self.first.to_f64()) / N_FLOAT_BINS as f64;
        let precision =
            if R::PIXEL_TYPE == PixelType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        R::from_f64(4.0 * precision * (N_FLOAT_BINS as f64 + largest / bin))
    }
}

/// A single bin when all values are one.
fn equal_bins<R: Real>(values: &[R], first: R, last: R) -> Histogram {
    let is_single = R::PIXEL_TYPE == PixelType::F32;
    if first == last {
        let counts = vec![values.iter().filter(|&&value| value == first).count() as u32];
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
