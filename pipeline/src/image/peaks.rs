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
    let highest = morphology::dilate(cut_out.view(), &Footprint::square(min_distance))?;
    let own = cut_out.view().pixels;
    let is_peak =
        |at: &usize| own[*at] > f32::NEG_INFINITY && own[*at] >= highest.view().pixels[*at];
    let mut candidates: Vec<usize> = (0..own.len()).filter(is_peak).collect();
    candidates.sort_by_key(|&at| std::cmp::Reverse(own[at].rank()));
    if candidates.len() == own.iter().filter(|&&height| height > f32::NEG_INFINITY).count() {
        candidates.truncate(1);
    }
    let spread = keep_distance(&candidates, object.width, min_distance);
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
fn keep_distance(candidates: &[usize], width: usize, min_distance: usize) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    for &at in candidates {
        let is_near = |&other: &usize| {
            let rows = (at / width).abs_diff(other / width);
            rows.max((at % width).abs_diff(other % width)) < min_distance
        };
        if !kept.iter().any(is_near) {
            kept.push(at);
        }
    }
    kept
}
