//! Outlines of objects along the edges of their pixels.

use super::{
    components::{Components, Connectivity},
    raster::View,
};

/// A connected piece of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outline {
    /// The object's label.
    pub(crate) label: u32,
    /// The corners `(x, y)` of its outer border, clockwise in a picture whose rows grow
    /// downwards, from the top left corner of its first pixel. Pixel `(x, y)` covers the
    /// square from `(x, y)` to `(x + 1, y + 1)`.
    pub(crate) corners: Vec<(u32, u32)>,
}

/// The outer border of every connected piece (diagonals included), in raster order.
pub(crate) fn outlines(labels: View<'_, u32>) -> Vec<Outline> {
    let pieces = Components::of_objects(labels, Connectivity::Eight);
    let mut outlines: Vec<Outline> = Vec::with_capacity(pieces.len());
    for (y, run) in pieces.runs() {
        // The first run of a piece has its first pixel.
        if run.component as usize == outlines.len() {
            let corners = trace(labels, run.start as i64, y as i64, run.value);
            outlines.push(Outline { label: run.value, corners });
        }
    }
    outlines
}

/// Right, down, left, up.
const STEPS: [(i64, i64); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// Walks along pixel edges with the object on the right-hand side.
fn trace(labels: View<'_, u32>, x: i64, y: i64, label: u32) -> Vec<(u32, u32)> {
    let is_own = |x: i64, y: i64| {
        let inside =
            (0..labels.width() as i64).contains(&x) && (0..labels.height() as i64).contains(&y);
        inside && labels.row(y as usize)[x as usize] == label
    };
    let start = (x, y);
    let mut corners = vec![(x as u32, y as u32)];
    let (mut at, mut heading) = (start, 0);
    loop {
        let (dx, dy) = STEPS[heading];
        at = (at.0 + dx, at.1 + dy);
        if at == start {
            return corners;
        }
        // The two pixels ahead, left and right of the line that is walked.
        let ahead = |side: i64| {
            let (x, y) = (2 * at.0 + dx - side * dy, 2 * at.1 + dy + side * dx);
            is_own((x - 1) / 2, (y - 1) / 2)
        };
        let turn = if ahead(-1) {
            3
        } else if ahead(1) {
            0
        } else {
            1
        };
        if turn != 0 {
            corners.push((at.0 as u32, at.1 as u32));
        }
        heading = (heading + turn) % 4;
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;
    use proptest::prelude::*;

    use super::*;
    use crate::image::holes::fill_holes;

    fn area(corners: &[(u32, u32)]) -> i64 {
        let next = corners.iter().cycle().skip(1);
        let cross = |((x0, y0), (x1, y1)): (&(u32, u32), &(u32, u32))| {
            i64::from(*x0) * i64::from(*y1) - i64::from(*x1) * i64::from(*y0)
        };
        corners.iter().zip(next).map(cross).sum::<i64>() / 2
    }

    #[test]
    fn a_pixel_has_four_corners() {
        let labels = View { shape: PlaneShape::new(2, 2), pixels: &[0, 0, 0, 9] };
        let corners = vec![(1, 1), (2, 1), (2, 2), (1, 2)];
        assert_eq!(outlines(labels), [Outline { label: 9, corners }]);
    }

    #[test]
    fn diagonal_pixels_are_one_piece() {
        let labels = View { shape: PlaneShape::new(2, 2), pixels: &[1, 0, 0, 1] };
        assert_eq!(outlines(labels).len(), 1);
        assert_eq!(area(&outlines(labels)[0].corners), 2);
    }

    proptest! {
        #[test]
        fn outlines_enclose_the_pixels_of_filled_objects(
            height in 1usize..12,
            width in 1usize..12,
            pixels in prop::collection::vec(0u32..2, 12 * 12),
        ) {
            let shape = PlaneShape::new(height as u32, width as u32);
            let filled = fill_holes(View { shape, pixels: &pixels[..height * width] }, 0).unwrap();
            let enclosed: i64 = outlines(filled.view()).iter().map(|outline| area(&outline.corners)).sum();
            let n_pixels = filled.view().pixels.iter().filter(|&&label| label != 0).count();
            prop_assert_eq!(enclosed, n_pixels as i64);
        }
    }
}
