//! Exact percentiles without sorting: order statistics by the digits of ranks.
//!
//! One pass counts pixels by the top 16 bits of their rank, which is the whole answer for
//! 8 and 16-bit pixels; wider types look once more at the pixels of the bin that holds the
//! wanted position. The pass is bound by the increments of the counters (about one a
//! cycle), not by memory.

use super::ordered::Ordered;
use crate::{Result, image::raster::Pooled};

/// Bins of one digit.
const BINS: usize = 1 << 16;

/// The values that lie `percents` (0 to 100) of the way through the sorted finite pixels,
/// interpolated linearly between neighbours as numpy's default method does (type 7 of
/// Hyndman and Fan, The American Statistician 50, 1996). `None` without finite pixels.
pub(crate) fn percentiles<T: Ordered, const N: usize>(
    pixels: &[T],
    percents: [f64; N],
) -> Result<Option<[f64; N]>> {
    let sorted = Sorted::new(pixels)?;
    if sorted.n_pixels == 0 {
        return Ok(None);
    }
    let mut values = [0.0; N];
    for (value, percent) in values.iter_mut().zip(percents) {
        *value = sorted.percentile(percent)?;
    }
    Ok(Some(values))
}

/// The finite pixels as if sorted.
struct Sorted<'a, T> {
    pixels: &'a [T],
    n_pixels: u64,
    first_digit: Pooled<u32>,
}

impl<'a, T: Ordered> Sorted<'a, T> {
    fn new(pixels: &'a [T]) -> Result<Self> {
        let first_digit = count_first_digit(pixels)?;
        let n_pixels = first_digit.as_slice().iter().map(|&count| u64::from(count)).sum();
        Ok(Self { pixels, n_pixels, first_digit })
    }

    fn percentile(&self, percent: f64) -> Result<f64> {
        let last = self.n_pixels - 1;
        let position = last as f64 * (percent / 100.0);
        let below = (position as u64).min(last);
        let mut cache = None;
        let low = self.at(below, &mut cache)?.to_f64();
        let high = self.at((below + 1).min(last), &mut cache)?.to_f64();
        Ok(interpolate(low, high, position - below as f64))
    }

    /// The value at `position` of the sorted pixels. Neighbours mostly share all digits but
    /// the last, so the counts of the last digit are kept.
    fn at(&self, position: u64, cache: &mut Option<Digit>) -> Result<T> {
        let (digit, mut rest) = bin_of(self.first_digit.as_slice(), position);
        let mut prefix = digit as u64;
        for level in (0..T::DIGITS - 1).rev() {
            let known = cache.take().filter(|digit| (digit.prefix, digit.level) == (prefix, level));
            let digit = known.map_or_else(|| self.count_next_digit(prefix, level), Ok)?;
            let (bin, within) = bin_of(digit.counts.as_slice(), rest);
            prefix = prefix << 16 | bin as u64;
            rest = within;
            *cache = Some(digit);
        }
        Ok(T::from_rank(prefix))
    }

    /// Counts the digit of `level` of the pixels whose digits above it are `prefix`.
    fn count_next_digit(&self, prefix: u64, level: u32) -> Result<Digit> {
        let shift = 16 * level;
        let mut counts = Pooled::filled(BINS, 0u32)?;
        let bins = counts.as_mut_slice();
        for &pixel in self.pixels {
            let rank: u64 = pixel.rank().into();
            if rank >> (shift + 16) == prefix && pixel.is_finite() {
                bins[(rank >> shift) as u16 as usize] += 1;
            }
        }
        Ok(Digit { prefix, level, counts })
    }
}

/// Counts of one digit, 0 being the last, of the ranks that start with `prefix`.
struct Digit {
    prefix: u64,
    level: u32,
    counts: Pooled<u32>,
}

/// Counts finite pixels by the top 16 bits of their rank. Neighbours are often equal and an
/// increment waits for the one before it in the same bin, so two tables take turns.
fn count_first_digit<T: Ordered>(pixels: &[T]) -> Result<Pooled<u32>> {
    let shift = 16 * (T::DIGITS - 1);
    let digit = |pixel: T| (pixel.rank().into() >> shift) as u16 as usize;
    let mut counts = Pooled::filled(BINS, 0u32)?;
    let mut others = Pooled::filled(BINS, 0u32)?;
    let (even, odd) = (counts.as_mut_slice(), others.as_mut_slice());
    let pairs = pixels.chunks_exact(2);
    for &last in pairs.remainder() {
        even[digit(last)] += u32::from(last.is_finite());
    }
    for pair in pairs {
        even[digit(pair[0])] += u32::from(pair[0].is_finite());
        odd[digit(pair[1])] += u32::from(pair[1].is_finite());
    }
    for (count, &other) in even.iter_mut().zip(odd.iter()) {
        *count += other;
    }
    Ok(counts)
}

/// The bin that holds `position`, and the position inside it.
fn bin_of(counts: &[u32], position: u64) -> (usize, u64) {
    let mut rest = position;
    for (bin, &count) in counts.iter().enumerate() {
        if rest < u64::from(count) {
            return (bin, rest);
        }
        rest -= u64::from(count);
    }
    (counts.len() - 1, 0)
}

/// Between `low` and `high`, from the nearer end: exact at both ends and monotone.
fn interpolate(low: f64, high: f64, fraction: f64) -> f64 {
    let gap = high - low;
    if fraction >= 0.5 { high - gap * (1.0 - fraction) } else { low + gap * fraction }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: sort, then interpolate.
    fn by_sorting<T: Ordered>(pixels: &[T], percent: f64) -> f64 {
        let mut sorted: Vec<f64> = pixels.iter().map(|pixel| pixel.to_f64()).collect();
        sorted.sort_by(f64::total_cmp);
        let position = (sorted.len() - 1) as f64 * (percent / 100.0);
        let below = position.floor() as usize;
        let above = (below + 1).min(sorted.len() - 1);
        interpolate(sorted[below], sorted[above], position - below as f64)
    }

    fn check<T: Ordered>(pixels: &[T], percent: f64) {
        let [value] = percentiles(pixels, [percent]).unwrap().unwrap();
        assert_eq!(value, by_sorting(pixels, percent), "{percent} % of {pixels:?}");
    }

    proptest! {
        #[test]
        fn every_type_agrees_with_sorting(
            seeds in prop::collection::vec(any::<i32>(), 1..60),
            percent in 0.0f64..=100.0,
        ) {
            check(&seeds, percent);
            check(&seeds.iter().map(|&seed| seed as u8).collect::<Vec<_>>(), percent);
            check(&seeds.iter().map(|&seed| seed as i8).collect::<Vec<_>>(), percent);
            check(&seeds.iter().map(|&seed| seed as u16).collect::<Vec<_>>(), percent);
            check(&seeds.iter().map(|&seed| seed as i16).collect::<Vec<_>>(), percent);
            check(&seeds.iter().map(|&seed| seed as u32).collect::<Vec<_>>(), percent);
            check(&seeds.iter().map(|&seed| seed as f32 / 977.0).collect::<Vec<_>>(), percent);
            check(&seeds.iter().map(|&seed| f64::from(seed) / 977.0).collect::<Vec<_>>(), percent);
        }
    }

    #[test]
    fn only_finite_pixels_count() {
        let pixels = [f32::NAN, 3.0, f32::INFINITY, 1.0, f32::NEG_INFINITY];
        assert_eq!(percentiles(&pixels, [0.0, 50.0, 100.0]).unwrap(), Some([1.0, 2.0, 3.0]));
        assert_eq!(percentiles(&[f64::NAN], [50.0]).unwrap(), None);
        assert_eq!(percentiles::<u8, 1>(&[], [50.0]).unwrap(), None);
    }
}
