//! Areas of convex hulls, as scikit-image's `area_convex` counts them: the pixel centres in
//! the hull of the midpoints of all pixel edges. All in whole numbers: coordinates are
//! doubled, so that midpoints are whole.

use super::objects::Objects;

/// Pixels in the convex hull of each object.
pub(crate) fn convex_areas(objects: &Objects) -> Vec<u64> {
    let mut hulls: Vec<Rows> = vec![Rows::default(); objects.len()];
    for run in &objects.runs {
        hulls[run.object as usize].add(run.y.into(), run.start.into(), (run.end - 1).into());
    }
    hulls.iter().map(Rows::convex_area).collect()
}

/// The leftmost and rightmost pixel of each row of an object, from top to bottom.
#[derive(Clone, Debug, Default)]
struct Rows(Vec<(i64, i64, i64)>);

impl Rows {
    fn add(&mut self, y: i64, left: i64, right: i64) {
        match self.0.last_mut() {
            Some((row, _, end)) if *row == y => *end = right,
            _ => self.0.push((y, left, right)),
        }
    }

    fn convex_area(&self) -> u64 {
        // The left boundary is the mirrored right boundary of the mirrored object.
        let right = Boundary::of(self.0.iter().map(|&(y, _, right)| (y, right)));
        let left = Boundary::of(self.0.iter().map(|&(y, left, _)| (y, -left)));
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return 0 };
        let (mut right, mut left) = (right.walk(), left.walk());
        (first.0..=last.0).map(|y| (right.reach(y) + left.reach(y) + 1).max(0) as u64).sum()
    }
}

/// The right boundary of a convex hull: corners `(2 y, 2 x)` from top to bottom.
struct Boundary(Vec<(i64, i64)>);

impl Boundary {
    /// The hull of the edge midpoints of the rightmost pixels `(y, x)` of rows.
    fn of(pixels: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut corners = Vec::new();
        for (y, x) in pixels {
            for corner in [(2 * y - 1, 2 * x), (2 * y, 2 * x + 1), (2 * y + 1, 2 * x)] {
                push_corner(&mut corners, corner);
            }
        }
        Self(corners)
    }

    fn walk(&self) -> Walk<'_> {
        Walk { corners: &self.0 }
    }
}

/// Adds a corner below, or level with, the ones before; drops those it leaves inside.
fn push_corner(corners: &mut Vec<(i64, i64)>, corner: (i64, i64)) {
    if let Some(&(y, x)) = corners.last()
        && y >= corner.0
    {
        // Two rows share the midpoint between them: the one farther out counts.
        if x >= corner.1 {
            return;
        }
        corners.pop();
    }
    while let [.., before, last] = corners.as_slice() {
        let turn = (last.0 - before.0) * (corner.1 - before.1)
            - (last.1 - before.1) * (corner.0 - before.0);
        if turn < 0 {
            break;
        }
        corners.pop();
    }
    corners.push(corner);
}

struct Walk<'a> {
    corners: &'a [(i64, i64)],
}

impl Walk<'_> {
    /// The last pixel column inside the boundary in row `y`; rows must not go up.
    fn reach(&mut self, y: i64) -> i64 {
        while let [_, next, ..] = self.corners
            && next.0 < 2 * y
        {
            self.corners = &self.corners[1..];
        }
        match self.corners {
            [(y0, x0), (y1, x1), ..] => {
                (x0 * (y1 - y0) + (x1 - x0) * (2 * y - y0)).div_euclid(2 * (y1 - y0))
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;
    use crate::image::raster::View;

    fn of(rows: &[&str]) -> Vec<u64> {
        let digit = |c: char| c.to_digit(10).unwrap();
        let pixels: Vec<u32> = rows.iter().flat_map(|row| row.chars().map(digit)).collect();
        let shape = PlaneShape::new(rows.len() as u32, rows[0].len() as u32);
        convex_areas(&Objects::of(View { shape, pixels: &pixels }))
    }

    #[test]
    fn convex_objects_are_their_own_hull() {
        assert_eq!(of(&["1"]), [1]);
        assert_eq!(of(&["0110", "1111", "0110"]), [8]);
        assert_eq!(of(&["111", "222"]), [3, 3]);
    }

    #[test]
    fn hulls_bridge_gaps() {
        assert_eq!(of(&["101", "000", "101"]), [9]);
        assert_eq!(of(&["100", "100", "111"]), [6]);
        assert_eq!(of(&["10001"]), [5]);
    }
}
