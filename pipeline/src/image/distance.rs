//! The exact Euclidean distance to the background.
//!
//! Squared distances are whole numbers: columns first, then the lower envelope of parabolas
//! along each row (Meijster, Roerdink and Hesselink, 2000). Two passes over the image.

use super::raster::{Pooled, Raster, View};
use crate::Result;

/// The distance in px from each pixel that is not zero to the nearest that is zero; pixels
/// beyond the edge of the image count as nothing. Without any background the distance is
/// that to a point farther away than the image is large.
pub(crate) fn to_background(labels: View<'_, u32>) -> Result<Raster<f32>> {
    let mut distances = Raster::unset(labels.shape)?;
    let columns = along_columns(labels)?;
    let mut envelope = Envelope::default();
    for (heights, target) in columns.view().rows().zip(distances.rows_mut()) {
        envelope.build(heights);
        envelope.measure(heights, target);
    }
    Ok(distances)
}

/// The distance to the nearest background pixel of the same column.
fn along_columns(labels: View<'_, u32>) -> Result<Raster<u32>> {
    let mut heights = Raster::unset(labels.shape)?;
    let far = labels.shape.height.saturating_add(labels.shape.width);
    let mut nearest = Pooled::filled(labels.width(), far)?;
    let nearest = nearest.as_mut_slice();
    for (row, target) in labels.rows().zip(heights.rows_mut()) {
        for ((near, &label), height) in nearest.iter_mut().zip(row).zip(target) {
            *near = if label == 0 { 0 } else { near.saturating_add(1) };
            *height = *near;
        }
    }
    for target in heights.rows_mut().rev() {
        for (near, height) in nearest.iter_mut().zip(target) {
            *near = near.saturating_add(1).min(*height);
            *height = *near;
        }
    }
    Ok(heights)
}

/// The lower envelope of the parabolas `(x - at)^2 + heights[at]^2` of one row.
#[derive(Default)]
struct Envelope {
    /// The parabolas of the envelope from left to right.
    parabolas: Vec<Parabola>,
}

#[derive(Clone, Copy)]
struct Parabola {
    /// Its lowest point.
    at: i64,
    /// The first column where it is the lowest of all.
    from: i64,
}

impl Envelope {
    fn build(&mut self, heights: &[u32]) {
        self.parabolas.clear();
        for at in 0..heights.len() {
            let mut from = 0;
            while let Some(last) = self.parabolas.last() {
                from = overtaken(heights, last.at, at as i64);
                if from > last.from {
                    break;
                }
                self.parabolas.pop();
                from = 0;
            }
            if from < heights.len() as i64 {
                self.parabolas.push(Parabola { at: at as i64, from });
            }
        }
    }

    fn measure(&self, heights: &[u32], target: &mut [f32]) {
        let ends = self.parabolas.iter().skip(1).map(|next| next.from);
        let ends = ends.chain([target.len() as i64]);
        for (parabola, end) in self.parabolas.iter().zip(ends) {
            let height = i64::from(heights[parabola.at as usize]);
            for x in parabola.from..end {
                let squared = (x - parabola.at).pow(2) + height.pow(2);
                target[x as usize] = (squared as f64).sqrt() as f32;
            }
        }
    }
}

/// The first column where the parabola at `right` is lower than the one at `left`.
fn overtaken(heights: &[u32], left: i64, right: i64) -> i64 {
    let square = |at: i64| i64::from(heights[at as usize]).pow(2) + at.pow(2);
    (square(right) - square(left)).div_euclid(2 * (right - left)) + 1
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distances_agree_with_trying_all(
            height in 1usize..12,
            width in 1usize..12,
            pixels in prop::collection::vec(prop::bool::weighted(0.9), 12 * 12),
        ) {
            let mut pixels: Vec<u32> = pixels.iter().take(height * width).map(|&on| u32::from(on)).collect();
            pixels[height * width / 2] = 0;
            let shape = PlaneShape::new(height as u32, width as u32);
            let distances = to_background(View { shape, pixels: &pixels }).unwrap();
            for at in 0..pixels.len() {
                let squared = |other: usize| {
                    let dy = (at / width).abs_diff(other / width);
                    let dx = (at % width).abs_diff(other % width);
                    dy * dy + dx * dx
                };
                let nearest = (0..pixels.len()).filter(|&other| pixels[other] == 0).map(squared).min();
                let expected = (nearest.unwrap() as f64).sqrt() as f32;
                prop_assert_eq!(distances.view().pixels[at], expected);
            }
        }
    }

    #[test]
    fn without_background_all_is_far_away() {
        let shape = PlaneShape::new(2, 3);
        let distances = to_background(View { shape, pixels: &[1; 6] }).unwrap();
        assert!(distances.view().pixels.iter().all(|&distance| distance >= 5.0));
    }
}
