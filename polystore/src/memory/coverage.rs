//! Which pixels of a plane were written.

use crate::{PlaneShape, Region};

/// The written part of a plane, as rectangles that do not overlap.
///
/// Pixels that were never written are missing, not zero, so a plane that is written tile
/// by tile remembers its tiles until they cover it.
#[derive(Clone, Debug)]
pub(super) enum Coverage {
    /// Every pixel was written.
    Full,
    /// Only these rectangles were.
    Parts(Vec<Region>),
}

impl Coverage {
    /// Nothing but `region` of a plane of `shape` is written.
    pub(super) fn of(region: Region, shape: PlaneShape) -> Self {
        let mut coverage = Self::Parts(Vec::new());
        coverage.add(region, shape);
        coverage
    }

    /// Adds `region`, which lies inside the plane of `shape`.
    pub(super) fn add(&mut self, region: Region, shape: PlaneShape) {
        let Self::Parts(parts) = self else { return };
        let mut fresh = vec![region];
        for &part in parts.iter() {
            fresh = fresh.into_iter().flat_map(|piece| without(piece, part)).collect();
        }
        parts.append(&mut fresh);
        if parts.iter().map(|&part| area(part)).sum::<u64>() == shape.n_pixels() {
            *self = Self::Full;
        }
    }

    /// Whether every pixel was written.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }

    /// Whether every pixel of `region` was written.
    pub(super) fn covers(&self, region: Region) -> bool {
        match self {
            Self::Full => true,
            Self::Parts(parts) => {
                let written = parts.iter().filter_map(|&part| overlap(region, part));
                written.map(area).sum::<u64>() == area(region)
            }
        }
    }
}

fn area(region: Region) -> u64 {
    region.shape().n_pixels()
}

fn bottom(region: Region) -> u32 {
    region.y + region.height
}

fn right(region: Region) -> u32 {
    region.x + region.width
}

/// The rectangle from (`top`, `left`) to (`bottom`, `right`), unless it is empty.
fn rectangle(top: u32, left: u32, bottom: u32, right: u32) -> Option<Region> {
    (top < bottom && left < right).then(|| Region::new(top, left, bottom - top, right - left))
}

fn overlap(a: Region, b: Region) -> Option<Region> {
    let (top, left) = (a.y.max(b.y), a.x.max(b.x));
    rectangle(top, left, bottom(a).min(bottom(b)), right(a).min(right(b)))
}

/// The up to four rectangles of `piece` that lie outside `hole`.
fn without(piece: Region, hole: Region) -> Vec<Region> {
    let Some(cut) = overlap(piece, hole) else { return vec![piece] };
    let bands = [
        rectangle(piece.y, piece.x, cut.y, right(piece)),
        rectangle(bottom(cut), piece.x, bottom(piece), right(piece)),
        rectangle(cut.y, piece.x, bottom(cut), cut.x),
        rectangle(cut.y, right(cut), bottom(cut), right(piece)),
    ];
    bands.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPE: PlaneShape = PlaneShape::new(6, 7);

    fn region() -> impl Strategy<Value = Region> {
        (0..6u32, 0..7u32).prop_flat_map(|(y, x)| {
            (1..=6 - y, 1..=7 - x).prop_map(move |(height, width)| Region::new(y, x, height, width))
        })
    }

    fn paint(mask: &mut [bool], region: Region) {
        for y in region.y..bottom(region) {
            for x in region.x..right(region) {
                mask[(y * SHAPE.width + x) as usize] = true;
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_mask_of_pixels(
            writes in prop::collection::vec(region(), 1..12),
            asked in region(),
        ) {
            let mut mask = vec![false; SHAPE.n_pixels() as usize];
            let mut coverage = Coverage::Parts(Vec::new());
            for write in writes {
                paint(&mut mask, write);
                coverage.add(write, SHAPE);
            }
            let mut wanted = mask.clone();
            paint(&mut wanted, asked);
            prop_assert_eq!(coverage.covers(asked), wanted == mask);
            prop_assert_eq!(coverage.is_full(), mask.iter().all(|&written| written));
        }
    }
}
