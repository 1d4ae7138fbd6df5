//! A place for each image that a plate may have, in plate order.

use super::ImageKey;
use crate::WellPosition;

/// How many rows, columns, acquisitions and fields there are, counted from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    n_columns: usize,
    n_acquisitions: usize,
    n_fields: usize,
}

impl Grid {
    /// The grid of images and how many places it has; `None` when these are more than `most`.
    pub(super) fn of(keys: impl Iterator<Item = ImageKey>, most: usize) -> Option<(Self, usize)> {
        let mut last = [0; 4];
        for key in keys {
            for (last, part) in last.iter_mut().zip(key.parts()) {
                *last = part.max(*last);
            }
        }
        let counts = last.map(|last| last as usize + 1);
        let n_places = counts.iter().try_fold(1, |n: usize, &count| n.checked_mul(count))?;
        let [_, n_columns, n_acquisitions, n_fields] = counts;
        (n_places <= most).then_some((Self { n_columns, n_acquisitions, n_fields }, n_places))
    }

    /// The place of an image of the grid.
    pub(super) fn place(&self, key: ImageKey) -> usize {
        let [row, column, acquisition, field] = key.parts().map(|part| part as usize);
        let well = row * self.n_columns + column;
        (well * self.n_acquisitions + acquisition) * self.n_fields + field
    }

    /// The image at a place.
    pub(super) fn key(&self, place: usize) -> ImageKey {
        let (rest, field) = (place / self.n_fields, place % self.n_fields);
        let (well, acquisition) = (rest / self.n_acquisitions, rest % self.n_acquisitions);
        let (row, column) = (well / self.n_columns, well % self.n_columns);
        ImageKey {
            well: WellPosition::new(row as u32, column as u32),
            acquisition: acquisition as u32,
            field: field as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_plate_order_and_come_back() {
        let of = |well, acquisition, field| ImageKey { well, acquisition, field };
        let last = of(WellPosition::new(2, 3), 1, 4);
        let (grid, n_places) = Grid::of([last].into_iter(), 120).unwrap();
        assert_eq!(n_places, 3 * 4 * 2 * 5);
        let keys: Vec<ImageKey> = (0..n_places).map(|place| grid.key(place)).collect();
        assert!(keys.is_sorted() && keys.last() == Some(&last));
        assert!(keys.iter().enumerate().all(|(place, key)| grid.place(*key) == place));
        assert!(Grid::of([last].into_iter(), 119).is_none());
        let far = of(WellPosition::new(u32::MAX, u32::MAX), u32::MAX, u32::MAX);
        assert!(Grid::of([far].into_iter(), usize::MAX).is_none());
    }
}
