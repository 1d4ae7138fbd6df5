//! Perimeters by the estimator of Benkrid and Crookes (Queen's University of Belfast), as
//! scikit-image's `perimeter` computes it: border pixels weighted by where their
//! neighbours on the border lie. One pass finds border pixels, a second visits only them.

use std::f64::consts::SQRT_2;

use super::{
    objects::{ObjectRun, Objects},
    raster::{Raster, View},
};
use crate::Result;

/// The length of the border of each object in px.
pub(crate) fn perimeters(labels: View<'_, u32>, objects: &Objects) -> Result<Vec<f64>> {
    let border = Border { labels, is_border: mark_border(labels)? };
    let mut steps = vec![Steps::default(); objects.len()];
    for run in &objects.runs {
        border.visit(run, &mut steps[run.object as usize]);
    }
    Ok(steps.iter().map(Steps::length).collect())
}

/// How many border pixels continue the border by each length.
#[derive(Clone, Copy, Default)]
struct Steps {
    n_straight: u32,
    n_diagonal: u32,
    n_mixed: u32,
}

impl Steps {
    /// Counts a pixel with so many border neighbours beside and diagonal to it.
    fn add(&mut self, n_beside: u32, n_diagonal: u32) {
        match 1 + 2 * n_beside + 10 * n_diagonal {
            5 | 7 | 15 | 17 | 25 | 27 => self.n_straight += 1,
            21 | 33 => self.n_diagonal += 1,
            13 | 23 => self.n_mixed += 1,
            _ => {}
        }
    }

    fn length(&self) -> f64 {
        let mixed = f64::midpoint(1.0, SQRT_2);
        f64::from(self.n_straight)
            + f64::from(self.n_diagonal) * SQRT_2
            + f64::from(self.n_mixed) * mixed
    }
}

struct Border<'a> {
    labels: View<'a, u32>,
    /// 1 for pixels of an object that have another value, or the edge, beside them.
    is_border: Raster<u8>,
}

impl Border<'_> {
    fn visit(&self, run: &ObjectRun, steps: &mut Steps) {
        let marks = self.is_border.view().row(run.y as usize);
        for x in run.columns() {
            if marks[x] != 0 {
                let count = |offsets: &[(isize, isize); 4]| self.count(run.y as usize, x, offsets);
                steps.add(
                    count(&[(-1, 0), (0, -1), (0, 1), (1, 0)]),
                    count(&[(-1, -1), (-1, 1), (1, -1), (1, 1)]),
                );
            }
        }
    }

    /// How many of the neighbours are border pixels of the same object.
    fn count(&self, y: usize, x: usize, offsets: &[(isize, isize); 4]) -> u32 {
        let (height, width) = (self.labels.height(), self.labels.width());
        let own = self.labels.pixels[y * width + x];
        let is_same = |&(dy, dx): &(isize, isize)| {
            let (y, x) = (y.wrapping_add_signed(dy), x.wrapping_add_signed(dx));
            let at = y.wrapping_mul(width).wrapping_add(x);
            y < height
                && x < width
                && self.labels.pixels[at] == own
                && self.is_border.view().pixels[at] != 0
        };
        offsets.iter().filter(|offset| is_same(offset)).count() as u32
    }
}

fn mark_border(labels: View<'_, u32>) -> Result<Raster<u8>> {
    let mut marks = Raster::unset(labels.shape)?;
    let last = labels.height().saturating_sub(1);
    for (y, target) in marks.rows_mut().enumerate() {
        let row = labels.row(y);
        if y == 0 || y == last || row.len() < 3 {
            mark_objects(row, target);
        } else {
            mark_row(labels.row(y - 1), row, labels.row(y + 1), target);
        }
    }
    Ok(marks)
}

/// Along the edge of the image every pixel of an object is on its border.
fn mark_objects(row: &[u32], target: &mut [u8]) {
    for (mark, &label) in target.iter_mut().zip(row) {
        *mark = u8::from(label != 0);
    }
}

fn mark_row(above: &[u32], row: &[u32], below: &[u32], target: &mut [u8]) {
    let last = row.len() - 1;
    mark_objects(row, target);
    let sides = row.iter().zip(&row[2..]);
    let vertical = above[1..last].iter().zip(&below[1..last]);
    let neighbours = sides.zip(vertical).zip(&row[1..last]);
    for (mark, (((&left, &right), (&above, &below)), &own)) in
        target[1..last].iter_mut().zip(neighbours)
    {
        let differences = (left ^ own) | (right ^ own) | (above ^ own) | (below ^ own);
        *mark &= u8::from(differences != 0);
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;

    fn of(width: u32, pixels: &[u32]) -> Vec<f64> {
        let labels = View { shape: PlaneShape::new(pixels.len() as u32 / width, width), pixels };
        perimeters(labels, &Objects::of(labels)).unwrap()
    }

    #[test]
    fn squares_have_sides_between_pixel_centres() {
        assert_eq!(of(3, &[1; 9]), [8.0]);
        assert_eq!(of(1, &[3]), [0.0]);
    }

    #[test]
    fn touching_objects_have_a_border_between_them() {
        assert_eq!(of(6, &[1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]), [8.0, 8.0]);
    }
}
