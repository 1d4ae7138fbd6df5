//! Perimeters by the estimator of Benkrid and Crookes (Queen's University of Belfast), as
//! scikit-image's `perimeter` computes it: border pixels weighted by where their
//! neighbours on the border lie. One pass with three rows at hand.

use std::f64::consts::SQRT_2;

use super::{
    objects::{ObjectRun, Objects},
    raster::View,
};

/// The length of the border of each object in px.
pub(crate) fn perimeters(labels: View<'_, u32>, objects: &Objects) -> Vec<f64> {
    let mut steps = vec![Steps::default(); objects.len()];
    let mut border = Border::new(labels);
    let mut runs = objects.runs.as_slice();
    for y in 0..labels.height() {
        border.advance_to(y);
        let n_runs = runs.iter().take_while(|run| run.y as usize == y).count();
        let (here, below) = runs.split_at(n_runs);
        here.iter().for_each(|run| border.visit(run, &mut steps[run.object as usize]));
        runs = below;
    }
    steps.iter().map(Steps::length).collect()
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

/// The labels of border pixels, 0 for all others, of a row and the rows above and below.
struct Border<'a> {
    labels: View<'a, u32>,
    /// With a column of 0 at either end.
    rows: [Vec<u32>; 3],
}

impl<'a> Border<'a> {
    fn new(labels: View<'a, u32>) -> Self {
        let empty = || vec![0; labels.width() + 2];
        let mut border = Self { labels, rows: [empty(), empty(), empty()] };
        border.mark_below(0);
        border
    }

    fn advance_to(&mut self, y: usize) {
        self.rows.rotate_left(1);
        self.mark_below(y + 1);
    }

    /// Puts the border pixels of row `y` into the last of the three rows.
    fn mark_below(&mut self, y: usize) {
        let labels = self.labels;
        let target = &mut self.rows[2];
        target.fill(0);
        if y < labels.height() {
            let inner = &mut target[1..=labels.width()];
            inner.copy_from_slice(labels.row(y));
            if y > 0 && y + 1 < labels.height() && inner.len() > 2 {
                clear_inside(labels.row(y - 1), labels.row(y), labels.row(y + 1), inner);
            }
        }
    }

    fn visit(&self, run: &ObjectRun, steps: &mut Steps) {
        let columns = run.start as usize..run.end as usize + 2;
        let [above, row, below] = self.rows.each_ref().map(|row| row[columns.clone()].windows(3));
        for ((above, row), below) in above.zip(row).zip(below) {
            if row[1] != 0 {
                let count =
                    |others: [u32; 4]| others.map(|other| u32::from(other == row[1])).iter().sum();
                let n_beside = count([above[1], row[0], row[2], below[1]]);
                steps.add(n_beside, count([above[0], above[2], below[0], below[2]]));
            }
        }
    }
}

/// Sets pixels to 0 that have the same label on all four sides; not those of the first and
/// last column, which are always on the border.
fn clear_inside(above: &[u32], row: &[u32], below: &[u32], target: &mut [u32]) {
    let last = row.len() - 1;
    let sides = row.iter().zip(&row[2..]);
    let vertical = above[1..last].iter().zip(&below[1..last]);
    let neighbours = sides.zip(vertical);
    for (own, ((&left, &right), (&above, &below))) in target[1..last].iter_mut().zip(neighbours) {
        let differences = (left ^ *own) | (right ^ *own) | (above ^ *own) | (below ^ *own);
        *own = if differences == 0 { 0 } else { *own };
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;

    fn of(width: u32, pixels: &[u32]) -> Vec<f64> {
        let labels = View { shape: PlaneShape::new(pixels.len() as u32 / width, width), pixels };
        perimeters(labels, &Objects::of(labels))
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
