//! Local maxima that keep a distance from each other, object by object.

use polystore::PlaneShape;

use super::{
    footprint::Footprint,
    morphology,
    ordered::Ordered,
    raster::{Raster, View},
};
use crate::Result;

/// Where an object lies and which number its pixels have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    pub(crate) number: u32,
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Object {
    /// Grows by the pixels from `start` to `end` of row `y`, which is not above it.
    pub(crate) fn include(&mut self, y: usize, start: usize, end: usize) {
        let right = end.max(self.left + self.width);
        self.left = self.left.min(start);
        self.width = right - self.left;
        self.height = y + 1 - self.top;
    }
}

/// The peaks of an object, highest first, as positions in the plane: pixels that nothing
/// within `min_distance` rows and columns exceeds, of the object alone; of two such pixels
/// nearer than that, the earlier one. An object of one height has a single peak.
pub(crate) fn find(
    heights: View<'_, f32>,
    numbers: View<'_, u32>,
    object: Object,
    min_distance: usize,
) -> Result<Vec<usize>> {
    let cut_out = cut_out(heights, numbers, object)?;
    let reach = min_distance.min(object.height.max(object.width));
    let highest = morphology::dilate(cut_out.view(), &Footprint::square(reach))?;
    let own = cut_out.view().pixels;
    let is_peak =
        |at: &usize| own[*at] > f32::NEG_INFINITY && own[*at] >= highest.view().pixels[*at];
    let mut candidates: Vec<usize> = (0..own.len()).filter(is_peak).collect();
    candidates.sort_by_key(|&at| std::cmp::Reverse(own[at].rank()));
    if candidates.len() == own.iter().filter(|&&height| height > f32::NEG_INFINITY).count() {
        candidates.truncate(1);
    }
    let spread = keep_distance(&candidates, object, min_distance);
    let in_plane = |at: usize| {
        (object.top + at / object.width) * heights.width() + object.left + at % object.width
    };
    Ok(spread.into_iter().map(in_plane).collect())
}

/// The object's heights, everything else endlessly low.
fn cut_out(heights: View<'_, f32>, numbers: View<'_, u32>, object: Object) -> Result<Raster<f32>> {
    let shape = PlaneShape::new(object.height as u32, object.width as u32);
    let mut cut_out = Raster::unset(shape)?;
    for (y, target) in cut_out.rows_mut().enumerate() {
        let columns = object.left..object.left + object.width;
        let row = &heights.row(object.top + y)[columns.clone()];
        let numbers = &numbers.row(object.top + y)[columns];
        for ((value, &height), &number) in target.iter_mut().zip(row).zip(numbers) {
            *value = if number == object.number { height } else { f32::NEG_INFINITY };
        }
    }
    Ok(cut_out)
}

/// Goes through the candidates in order and keeps those that are not nearer than
/// `min_distance` rows and columns to one kept before.
fn keep_distance(candidates: &[usize], object: Object, min_distance: usize) -> Vec<usize> {
    // Two peaks in a square of this size would be too near, so each holds one at most.
    let columns = object.width.div_ceil(min_distance);
    let rows = object.height.div_ceil(min_distance);
    let mut squares: Vec<Option<usize>> = vec![None; rows * columns];
    let mut kept = Vec::new();
    for &at in candidates {
        let (y, x) = (at / object.width, at % object.width);
        let (row, column) = (y / min_distance, x / min_distance);
        let mut around = (row.saturating_sub(1)..rows.min(row + 2)).flat_map(|row| {
            (column.saturating_sub(1)..columns.min(column + 2)).map(move |column| (row, column))
        });
        let is_near = |(row, column): (usize, usize)| {
            squares[row * columns + column].is_some_and(|other| {
                let (dy, dx) = (y.abs_diff(other / object.width), x.abs_diff(other % object.width));
                dy.max(dx) < min_distance
            })
        };
        if !around.any(is_near) {
            squares[row * columns + column] = Some(at);
            kept.push(at);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distances_agree_with_asking_all(
            candidates in prop::collection::vec(0usize..12 * 17, 0..60),
            min_distance in 1usize..9,
        ) {
            let object = Object { number: 1, top: 0, left: 0, height: 12, width: 17 };
            let mut expected: Vec<usize> = Vec::new();
            for &at in &candidates {
                let is_far = |&other: &usize| {
                    (at / 17).abs_diff(other / 17).max((at % 17).abs_diff(other % 17)) >= min_distance
                };
                if expected.iter().all(is_far) {
                    expected.push(at);
                }
            }
            prop_assert_eq!(keep_distance(&candidates, object, min_distance), expected);
        }
    }
}
