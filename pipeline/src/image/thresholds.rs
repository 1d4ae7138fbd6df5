//! Automatic thresholds, by the definitions and the arithmetic of scikit-image.

use super::histogram::Histogram;

/// Otsu's threshold: the value that splits pixels into two classes with the largest
/// variance between them (IEEE Trans. Systems, Man and Cybernetics 9, 1979). Brighter
/// pixels are foreground.
pub(crate) fn otsu(histogram: &Histogram) -> f64 {
    let centers = &histogram.centers;
    if let [only] = centers.as_slice() {
        return *only;
    }
    let round = rounding(histogram);
    let below = classes(histogram, 0..centers.len());
    let mut above = classes(histogram, (0..centers.len()).rev());
    above.reverse();
    let mut best = (0, f64::NEG_INFINITY);
    for (bin, (low, high)) in below.iter().zip(&above[1..]).enumerate() {
        let gap = round(low.mean - high.mean);
        let pixels = single(low.n_pixels * high.n_pixels);
        let variance = round(pixels * round(gap * gap));
        if variance > best.1 {
            best = (bin, variance);
        }
    }
    centers[best.0]
}

/// The pixels up to a bin: how many, and their mean.
#[derive(Clone, Copy)]
struct Class {
    n_pixels: f64,
    mean: f64,
}

/// Classes that grow bin by bin. Counts are summed in single precision, and so are the
/// values of single-precision images: ties are broken by rounding, so it must be the same.
fn classes(histogram: &Histogram, bins: impl Iterator<Item = usize>) -> Vec<Class> {
    let round = rounding(histogram);
    let mut total = 0.0;
    let mut class = Class { n_pixels: 0.0, mean: 0.0 };
    let grow = bins.map(|bin| {
        let count = single(f64::from(histogram.counts[bin]));
        if count > 0.0 {
            total = round(total + round(count * histogram.centers[bin]));
            class.n_pixels = single(class.n_pixels + count);
            class.mean = round(total / class.n_pixels);
        }
        class
    });
    grow.collect()
}

fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// Rounding of results to the precision of the histogram's values. An operation on two
/// single-precision numbers done in double and rounded once is the single-precision one.
fn rounding(histogram: &Histogram) -> fn(f64) -> f64 {
    if histogram.is_single { single } else { |value| value }
}

/// The triangle threshold: the bin farthest below the line from the peak of the histogram
/// to the end of its longer tail (Zack, Rogers and Latt, J. Histochem. Cytochem. 25, 1977).
pub(crate) fn triangle(histogram: &Histogram) -> f64 {
    let (counts, centers) = (&histogram.counts, &histogram.centers);
    let n_bins = counts.len();
    let mut peak = 0;
    for (bin, &count) in counts.iter().enumerate() {
        peak = if count > counts[peak] { bin } else { peak };
    }
    let last = n_bins - 1 - counts.iter().rev().take_while(|&&count| count == 0).count();
    let first = counts.iter().take_while(|&&count| count == 0).count();
    if first == last {
        return centers[first];
    }
    // The tail is walked from its end towards the peak, to the left or to the right.
    let is_right = peak - first < last - peak;
    let width = if is_right { last - peak } else { peak - first };
    let bin = |step: usize| if is_right { last - step } else { first + step };
    let height = f64::from(counts[peak]);
    let norm = (height * height + (width * width) as f64).sqrt();
    let mut best = (0, f64::NEG_INFINITY);
    for step in 0..width {
        let count = f64::from(counts[bin(step)]);
        let distance = height / norm * step as f64 - width as f64 / norm * count;
        if distance > best.1 {
            best = (step, distance);
        }
    }
    centers[bin(best.0)]
}

/// Values summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) n: f64,
    pub(crate) sum: f64,
}

impl Tally {
    fn mean(self) -> f64 {
        self.sum / self.n
    }
}

/// Li's minimum cross-entropy threshold by the iteration of Li and Tam (Pattern Recognition
/// Letters 19, 1998) from the mean on, until it moves by at most `tolerance`. `all` are
/// values of which the smallest is 0, and `up_to` tells of those that are at most so large.
pub(crate) fn li(all: Tally, up_to: impl Fn(f64) -> Tally, tolerance: f64) -> f64 {
    let mut next = all.mean();
    let mut current = f64::NEG_INFINITY;
    while (next - current).abs() > tolerance {
        current = next;
        let below = up_to(current);
        let above = Tally { n: all.n - below.n, sum: all.sum - below.sum };
        if below.sum <= 0.0 || above.n <= 0.0 {
            break;
        }
        let (below, above) = (below.mean(), above.mean());
        next = (below - above) / (below.ln() - above.ln());
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::histogram::Binned;

    const TWO_GROUPS: [u8; 8] = [10, 11, 12, 11, 200, 201, 199, 200];

    #[test]
    fn thresholds_lie_between_two_groups() {
        let histogram = u8::histogram(&TWO_GROUPS).unwrap();
        let up_to = |limit: f64| {
            let values = TWO_GROUPS.iter().map(|&value| f64::from(value) - 10.0);
            let below = values.filter(|&value| value <= limit);
            below.fold(Tally::default(), |tally, value| Tally {
                n: tally.n + 1.0,
                sum: tally.sum + value,
            })
        };
        let li = li(up_to(f64::INFINITY), up_to, 0.5) + 10.0;
        for threshold in [otsu(&histogram), li] {
            assert!((12.0..199.0).contains(&threshold), "{threshold}");
        }
    }

    #[test]
    fn a_single_value_is_its_own_threshold() {
        let histogram = u16::histogram(&[5, 5]).unwrap();
        assert_eq!(otsu(&histogram), 5.0);
        assert_eq!(triangle(&histogram), 5.0);
    }
}
