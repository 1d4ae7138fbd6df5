//! Marks for what is not there, so that it is not taken for a dark image.

use super::Picture;
use crate::model::Color;

/// Around and between fields.
pub(super) const BACKGROUND: Color = Color::new(24, 24, 28);
/// A place of the grid where no well or field is declared.
const EMPTY: Color = Color::new(34, 34, 39);
/// A field that was not to be acquired.
const ABSENT: Color = Color::new(62, 62, 66);
const STRIPE: Color = Color::new(150, 150, 150);
const BETWEEN_STRIPES: Color = Color::new(72, 72, 72);
const WARNING: Color = Color::new(255, 176, 0);

/// A rectangle of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub(super) y: u32,
    pub(super) x: u32,
    pub(super) height: u32,
    pub(super) width: u32,
}

impl Tile {
    fn places(self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.height).flat_map(move |y| (0..self.width).map(move |x| (y, x)))
    }

    /// Width of a stripe: a few on small tiles too.
    fn stripe(self) -> u32 {
        (self.height.min(self.width) / 16).clamp(2, 12)
    }
}

/// Diagonal grey stripes: a field that should be there and is not.
pub(super) fn missing(picture: &mut Picture, tile: Tile) {
    let stripe = tile.stripe();
    for (y, x) in tile.places() {
        let color = if ((x + y) / stripe).is_multiple_of(2) { STRIPE } else { BETWEEN_STRIPES };
        picture.set(tile.y + y, tile.x + x, color);
    }
}

/// Plain dark grey: a field that is absent by design.
pub(super) fn absent(picture: &mut Picture, tile: Tile) {
    fill(picture, tile, ABSENT);
}

/// Hardly brighter than the background: a place where nothing is declared.
pub(super) fn empty(picture: &mut Picture, tile: Tile) {
    fill(picture, tile, EMPTY);
}

fn fill(picture: &mut Picture, tile: Tile, color: Color) {
    for (y, x) in tile.places() {
        picture.set(tile.y + y, tile.x + x, color);
    }
}

/// A corner, top right, in stripes of amber and black: some planes of the field are missing.
pub(super) fn incomplete(picture: &mut Picture, tile: Tile) {
    let side = (tile.height.min(tile.width) / 5).clamp(4, 96);
    let stripe = (side / 6).clamp(1, 12);
    for (y, x) in tile.places() {
        let from_corner = y + (tile.width - 1 - x);
        if from_corner < side {
            let color =
                if (from_corner / stripe).is_multiple_of(2) { WARNING } else { Color::BLACK };
            picture.set(tile.y + y, tile.x + x, color);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn missing_absent_and_incomplete_look_different_from_one_another_and_from_black() {
        let tile = Tile { y: 0, x: 0, height: 32, width: 32 };
        let colors = |mark: fn(&mut Picture, Tile)| {
            let mut picture = Picture::filled(32, 32, Color::BLACK).unwrap();
            mark(&mut picture, tile);
            let pixels = picture.pixels().chunks_exact(3);
            pixels.map(<[u8]>::to_vec).collect::<BTreeSet<_>>()
        };
        assert_eq!(colors(missing), BTreeSet::from([vec![150; 3], vec![72; 3]]));
        assert_eq!(colors(absent), BTreeSet::from([vec![62, 62, 66]]));
        assert_eq!(colors(empty), BTreeSet::from([vec![34, 34, 39]]));
        assert_eq!(colors(incomplete), BTreeSet::from([vec![255, 176, 0], vec![0; 3]]));
    }
}
