//! Watershed by flooding from markers, highest pixels first.
//!
//! The order is that of scikit-image's `watershed`: by height, then by the time at which a
//! pixel was reached, so that plateaus are shared fairly (Soille and Ansoult, Signal
//! Processing 20, 1990). Bound by the priority queue, so only objects that have several
//! markers are flooded.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    ordered::Ordered,
    raster::{Raster, View},
};

/// The neighbours of a pixel in the order in which water reaches them: `(rows, columns)`.
const NEIGHBOURS: [(isize, isize); 8] =
    [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)];

/// A pixel that water has reached; the highest is left first, the earliest among equals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    height: u32,
    age: Reverse<u32>,
    at: Reverse<u32>,
}

/// Floods objects from the pixels of `basins` that are not zero. Water runs downhill from
/// pixel to neighbour (diagonals too) and stays inside the object that it starts in.
pub(crate) fn flood(
    heights: View<'_, f32>,
    objects: View<'_, u32>,
    markers: &[usize],
    basins: &mut Raster<u32>,
) {
    let basins = basins.pixels_mut();
    let mut age = 0;
    let start = |&at: &usize| Reached {
        height: heights.pixels[at].rank(),
        age: Reverse(0),
        at: Reverse(at as u32),
    };
    let mut waiting: BinaryHeap<Reached> = markers.iter().map(start).collect();
    while let Some(lowest) = waiting.pop() {
        let at = lowest.at.0 as usize;
        let basin = basins[at];
        for other in neighbours(at, heights) {
            if objects.pixels[other] != objects.pixels[at] || basins[other] != 0 {
                continue;
            }
            basins[other] = basin;
            age += 1;
            // Water that has gone down does not rise again.
            let height = heights.pixels[other].rank().min(lowest.height);
            waiting.push(Reached { height, age: Reverse(age), at: Reverse(other as u32) });
        }
    }
}

fn neighbours(at: usize, image: View<'_, f32>) -> impl Iterator<Item = usize> {
    let (height, width) = (image.height(), image.width());
    let (y, x) = (at / width, at % width);
    NEIGHBOURS.into_iter().filter_map(move |(dy, dx)| {
        let y = y.checked_add_signed(dy).filter(|&y| y < height)?;
        let x = x.checked_add_signed(dx).filter(|&x| x < width)?;
        Some(y * width + x)
    })
}
