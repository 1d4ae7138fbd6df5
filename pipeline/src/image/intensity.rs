//! Statistics of an image inside objects.

use super::{
    objects::Objects,
    ordered::Ordered,
    raster::{Pooled, View},
    sums,
};
use crate::Result;

/// Statistics of the finite pixels of an object; NaN (and a sum of 0) when it has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Intensity {
    pub(crate) mean: f64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Of the pixels themselves, not an estimate from a sample: divided by their number.
    pub(crate) standard_deviation: f64,
    pub(crate) median: f64,
}

/// The statistics of each object: its pixels are brought together, then looked at while
/// they are in the cache.
pub(crate) fn intensities<T: Ordered>(
    image: View<'_, T>,
    objects: &Objects,
) -> Result<Vec<Intensity>> {
    let mut ends = vec![0; objects.len()];
    objects.runs.iter().for_each(|run| ends[run.object as usize] += run.len() as usize);
    let mut total = 0;
    for end in &mut ends {
        // Each object starts where the one before ends; the end moves there as pixels come.
        total += std::mem::replace(end, total);
    }
    let mut together = Pooled::unset(total)?;
    let values = together.as_mut_slice();
    for run in &objects.runs {
        let end = &mut ends[run.object as usize];
        let pixels = &image.row(run.y as usize)[run.columns()];
        values[*end..*end + pixels.len()].copy_from_slice(pixels);
        *end += pixels.len();
    }
    let mut rest = values;
    let mut start = 0;
    let of_object = |end: usize| {
        let (own, later) = std::mem::take(&mut rest).split_at_mut(end - start);
        (rest, start) = (later, end);
        summarise(own)
    };
    Ok(ends.into_iter().map(of_object).collect())
}

fn summarise<T: Ordered>(values: &mut [T]) -> Intensity {
    let n_finite = finite_first(values);
    let values = &mut values[..n_finite];
    let n = n_finite as f64;
    let sum = sums::sum(values, T::to_f64);
    let mean = sum / n;
    let extremes = values.iter().fold((T::HIGHEST, T::LOWEST), |(low, high), &value| {
        (value.lesser(low), value.greater(high))
    });
    let squares = sums::sum(values, |value| (value.to_f64() - mean).powi(2));
    let or_nan = |value: f64| if n_finite == 0 { f64::NAN } else { value };
    Intensity {
        mean,
        sum,
        min: or_nan(extremes.0.to_f64()),
        max: or_nan(extremes.1.to_f64()),
        standard_deviation: (squares / n).sqrt(),
        median: median(values),
    }
}

/// Moves finite values to the front; returns how many there are.
fn finite_first<T: Ordered>(values: &mut [T]) -> usize {
    let mut n_finite = 0;
    for at in 0..values.len() {
        if values[at].is_finite() {
            values[n_finite] = values[at];
            n_finite += 1;
        }
    }
    n_finite
}

/// The middle value, or the mean of the two middle ones. Changes the order of the values.
fn median<T: Ordered>(values: &mut [T]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    let is_odd = values.len() % 2 == 1;
    let (lower, &mut upper, _) = values.select_nth_unstable_by_key(middle, |value| value.rank());
    let upper = upper.to_f64();
    if is_odd {
        return upper;
    }
    let below = lower.iter().copied().fold(T::LOWEST, |high, value| value.greater(high));
    f64::midpoint(below.to_f64(), upper)
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;

    #[test]
    fn statistics_of_known_values() {
        let labels = [2, 2, 1, 2, 2, 0];
        let shape = PlaneShape::new(2, 3);
        let objects = Objects::of(View { shape, pixels: &labels });
        let image = [4u16, 2, 9, 8, 2, 1000];
        let measured = intensities(View { shape, pixels: &image }, &objects).unwrap();
        let one = Intensity {
            mean: 9.0,
            sum: 9.0,
            min: 9.0,
            max: 9.0,
            standard_deviation: 0.0,
            median: 9.0,
        };
        let standard_deviation = 6.0f64.sqrt();
        let two =
            Intensity { mean: 4.0, sum: 16.0, min: 2.0, max: 8.0, standard_deviation, median: 3.0 };
        assert_eq!(measured, [one, two]);
    }

    #[test]
    fn only_finite_pixels_count() {
        let shape = PlaneShape::new(1, 4);
        let objects = Objects::of(View { shape, pixels: &[1, 1, 1, 2] });
        let image = [1.0f32, f32::INFINITY, 3.0, f32::NAN];
        let measured = intensities(View { shape, pixels: &image }, &objects).unwrap();
        assert_eq!((measured[0].mean, measured[0].max, measured[0].median), (2.0, 3.0, 2.0));
        assert!(
            measured[1].mean.is_nan() && measured[1].min.is_nan() && measured[1].median.is_nan()
        );
        assert_eq!(measured[1].sum, 0.0);
    }
}
