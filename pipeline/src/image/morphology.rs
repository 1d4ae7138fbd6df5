//! Grey erosion and dilation with flat neighbourhoods.
//!
//! Pixels beyond the edge count as nothing, which for squares and disks is the same as
//! mirroring the image there. NaN counts as nothing too. Squares take a number of passes
//! that grows with the logarithm of their size, disks about `4 * radius` operations a
//! pixel; both work on whole rows side by side and are bound by the comparisons.

use polystore::Element;

use super::{
    footprint::Footprint,
    ordered::Ordered,
    raster::{Pooled, Raster, View},
};
use crate::Result;

/// The smallest value of each neighbourhood.
pub(crate) fn erode<T: Ordered>(image: View<'_, T>, footprint: &Footprint) -> Result<Raster<T>> {
    extremum(image, footprint, Choice { neutral: T::HIGHEST, pick: T::lesser })
}

/// The largest value of each neighbourhood.
pub(crate) fn dilate<T: Ordered>(image: View<'_, T>, footprint: &Footprint) -> Result<Raster<T>> {
    extremum(image, footprint, Choice { neutral: T::LOWEST, pick: T::greater })
}

/// Erosion, then dilation: the image without bright details that the neighbourhood does
/// not fit into.
pub(crate) fn open<T: Ordered>(image: View<'_, T>, footprint: &Footprint) -> Result<Raster<T>> {
    let eroded = erode(image, footprint)?;
    dilate(eroded.view(), footprint)
}

/// How to choose among two values, and the value that is never chosen.
#[derive(Clone, Copy)]
struct Choice<T, F> {
    neutral: T,
    pick: F,
}

impl<T: Element, F: Fn(T, T) -> T + Copy> Choice<T, F> {
    /// The choice of each value and the one at the same place of `others`.
    #[inline]
    fn merge(self, values: &mut [T], others: &[T]) {
        for (value, &other) in values.iter_mut().zip(others) {
            *value = (self.pick)(*value, other);
        }
    }

    /// Fills the start of `line` with `row`, NaN replaced by the neutral value.
    fn load(self, row: &[T], line: &mut [T]) {
        for (value, &pixel) in line.iter_mut().zip(row) {
            *value = (self.pick)(pixel, self.neutral);
        }
    }

    /// Replaces each value by the choice among the `window` values from it on, `stride`
    /// apart. Doubles the reach with each pass; `spare` is as long as `values`.
    fn slide(self, values: &mut Pooled<T>, spare: &mut Pooled<T>, window: usize, stride: usize) {
        let mut reach = 1;
        while reach < window {
            let step = reach.min(window - reach);
            let source = values.as_slice();
            let n_kept = source.len().saturating_sub(step * stride);
            let shifted = &source[source.len() - n_kept..];
            let target = spare.as_mut_slice();
            for ((value, &own), &other) in target.iter_mut().zip(source).zip(shifted) {
                *value = (self.pick)(own, other);
            }
            target[n_kept..].copy_from_slice(&source[n_kept..]);
            std::mem::swap(values, spare);
            reach += step;
        }
    }
}

fn extremum<T: Ordered>(
    image: View<'_, T>,
    footprint: &Footprint,
    choice: Choice<T, impl Fn(T, T) -> T + Copy>,
) -> Result<Raster<T>> {
    if footprint.is_square() {
        over_squares(image, footprint.radius(), choice)
    } else {
        over_rows(image, footprint, choice)
    }
}

/// Squares: along the rows, then down the columns.
fn over_squares<T: Ordered>(
    image: View<'_, T>,
    radius: usize,
    choice: Choice<T, impl Fn(T, T) -> T + Copy>,
) -> Result<Raster<T>> {
    let (width, window) = (image.width(), 2 * radius + 1);
    let mut columns = Pooled::filled((image.height() + 2 * radius) * width, choice.neutral)?;
    let mut spare = Pooled::unset(columns.as_slice().len())?;
    let mut line = Pooled::filled(width + 2 * radius, choice.neutral)?;
    let mut spare_line = Pooled::filled(width + 2 * radius, choice.neutral)?;
    for (y, row) in image.rows().enumerate() {
        line.as_mut_slice().fill(choice.neutral);
        choice.load(row, &mut line.as_mut_slice()[radius..radius + width]);
        choice.slide(&mut line, &mut spare_line, window, 1);
        let target = &mut columns.as_mut_slice()[(y + radius) * width..][..width];
        target.copy_from_slice(&line.as_slice()[..width]);
    }
    choice.slide(&mut columns, &mut spare, window, width);
    let mut result = Raster::unset(image.shape)?;
    let n_pixels = image.pixels.len();
    result.pixels_mut().copy_from_slice(&columns.as_slice()[..n_pixels]);
    Ok(result)
}

/// Any neighbourhood that narrows away from its middle row: a window along each row widens
/// step by step, and goes into the rows of the result where it has the right width.
fn over_rows<T: Ordered>(
    image: View<'_, T>,
    footprint: &Footprint,
    choice: Choice<T, impl Fn(T, T) -> T + Copy>,
) -> Result<Raster<T>> {
    let (width, radius) = (image.width(), footprint.radius());
    let mut result = Raster::filled(image.shape, choice.neutral)?;
    let mut line = Pooled::filled(width + 2 * radius, choice.neutral)?;
    let mut window = Pooled::unset(width)?;
    for (y, row) in image.rows().enumerate() {
        choice.load(row, &mut line.as_mut_slice()[radius..radius + width]);
        let (line, window) = (line.as_slice(), window.as_mut_slice());
        window.copy_from_slice(&line[radius..radius + width]);
        let mut reach = 0;
        for dy in (0..=radius).rev() {
            while reach < footprint.half_width(dy) {
                reach += 1;
                choice.merge(window, &line[radius - reach..][..width]);
                choice.merge(window, &line[radius + reach..][..width]);
            }
            for target in targets(y, dy, image.height()) {
                choice.merge(result.row_mut(target), window);
            }
        }
    }
    Ok(result)
}

/// The rows `dy` above and below `y` that exist, each once.
fn targets(y: usize, dy: usize, height: usize) -> impl Iterator<Item = usize> {
    let above = y.checked_sub(dy);
    let below = Some(y + dy).filter(|&below| dy > 0 && below < height);
    above.into_iter().chain(below)
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;
    use proptest::prelude::*;

    use super::*;

    /// The definition: the extreme of all pixels in the neighbourhood.
    fn by_definition(image: View<'_, i16>, footprint: &Footprint, largest: bool) -> Vec<i16> {
        let (height, width) = (image.height() as isize, image.width() as isize);
        let at = |y: isize, x: isize| {
            let inside = (0..height).contains(&y) && (0..width).contains(&x);
            inside.then(|| image.pixels[(y * width + x) as usize])
        };
        let neighbours = |y: isize, x: isize| {
            let rows = footprint.rows().flat_map(move |(dy, half_width)| {
                let half_width = half_width as isize;
                (-half_width..=half_width).map(move |dx| (y + dy, x + dx))
            });
            rows.filter_map(move |(y, x)| at(y, x))
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        let extreme = |(y, x)| {
            let values = neighbours(y, x);
            if largest { values.max() } else { values.min() }.unwrap()
        };
        places.map(extreme).collect()
    }

    proptest! {
        #[test]
        fn erosion_and_dilation_follow_the_definition(
            height in 1usize..10,
            width in 1usize..24,
            radius in 0usize..7,
            is_disk: bool,
            pixels in prop::collection::vec(any::<i16>(), 10 * 24),
        ) {
            let shape = PlaneShape::new(height as u32, width as u32);
            let image = View { shape, pixels: &pixels[..height * width] };
            let footprint = if is_disk { Footprint::disk(radius) } else { Footprint::square(radius) };
            let eroded = erode(image, &footprint).unwrap();
            prop_assert_eq!(eroded.view().pixels, by_definition(image, &footprint, false));
            let dilated = dilate(image, &footprint).unwrap();
            prop_assert_eq!(dilated.view().pixels, by_definition(image, &footprint, true));
        }
    }

    #[test]
    fn nan_counts_as_nothing() {
        let pixels = [3.0f32, f32::NAN, 5.0];
        let image = View { shape: PlaneShape::new(1, 3), pixels: &pixels };
        for footprint in [Footprint::disk(1), Footprint::square(1)] {
            assert_eq!(erode(image, &footprint).unwrap().view().pixels, [3.0, 3.0, 5.0]);
            assert_eq!(dilate(image, &footprint).unwrap().view().pixels, [3.0, 5.0, 5.0]);
        }
    }
}
