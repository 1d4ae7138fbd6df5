//! Median of a small neighbourhood; pixels beyond the edge repeat the edge pixel.
//!
//! Two ways, both exact and for every pixel type through its ranks. Up to 25 pixels: many
//! neighbourhoods side by side drop their smallest and largest value until the median is
//! left. More: a window slides over a tile whose pixels are replaced by their position in
//! the sorted tile, and keeps the positions inside it as bits.

use super::{
    footprint::Footprint,
    ordered::Ordered,
    raster::{Raster, View},
    separable::Edge,
};
use crate::Result;

/// Neighbourhoods of at most this many pixels are reduced side by side.
const MAX_REDUCED: usize = 25;

/// Neighbourhoods reduced at a time.
const LANES: usize = 16;

/// Rows and columns of a tile for the sliding window.
const TILE: usize = 64;

/// The median of each neighbourhood; NaN counts as larger than every number.
pub(crate) fn median<T: Ordered>(image: View<'_, T>, footprint: &Footprint) -> Result<Raster<T>> {
    let mut result = Raster::unset(image.shape)?;
    if image.pixels.is_empty() {
        return Ok(result);
    }
    if footprint.n_pixels() <= MAX_REDUCED {
        reduce_rows(image, footprint, &mut result);
    } else {
        slide_over_tiles(image, footprint, &mut result);
    }
    Ok(result)
}

/// Ranks of the pixels of a rectangle that may reach over the edge of the image.
fn ranks_around<T: Ordered>(
    image: View<'_, T>,
    rows: std::ops::Range<isize>,
    columns: std::ops::Range<isize>,
    ranks: &mut Vec<T::Rank>,
) {
    ranks.clear();
    for y in rows {
        let row = image.row(Edge::Nearest.resolve(y, image.height()));
        let rank = |x| row[Edge::Nearest.resolve(x, row.len())].rank();
        ranks.extend(columns.clone().map(rank));
    }
}

/// Ranks of `LANES` neighbourhoods, a pixel of each side by side.
type Lanes<R> = [R; LANES];

fn reduce_rows<T: Ordered>(image: View<'_, T>, footprint: &Footprint, result: &mut Raster<T>) {
    let radius = footprint.radius() as isize;
    let width = image.width().next_multiple_of(LANES) as isize;
    let stride = (width + 2 * radius) as usize;
    let mut ranks = Vec::new();
    let mut lanes = Vec::with_capacity(footprint.n_pixels());
    for (y, target) in result.rows_mut().enumerate() {
        let y = y as isize;
        ranks_around(image, y - radius..y + radius + 1, -radius..width + radius, &mut ranks);
        for (block, pixels) in target.chunks_mut(LANES).enumerate() {
            gather(&ranks, stride, footprint, block * LANES, &mut lanes);
            let medians = reduce(&mut lanes);
            for (pixel, rank) in pixels.iter_mut().zip(medians.into_iter().flatten()) {
                *pixel = T::from_rank(rank.into());
            }
        }
    }
}

fn gather<R: Copy>(
    ranks: &[R],
    stride: usize,
    footprint: &Footprint,
    x: usize,
    lanes: &mut Vec<Lanes<R>>,
) {
    let radius = footprint.radius();
    lanes.clear();
    for (row, (_, half_width)) in footprint.rows().enumerate() {
        let first = row * stride + x + radius - half_width;
        let starts = first..=first + 2 * half_width;
        lanes.extend(starts.filter_map(|start| ranks[start..].first_chunk::<LANES>()));
    }
}

/// The median of an odd number of values. Of one more than half of them, neither the
/// smallest nor the largest is the median: both go, the next value comes, until three are
/// left (forgetful selection).
fn reduce<R: Copy + Ord>(lanes: &mut [Lanes<R>]) -> Option<Lanes<R>> {
    if let [only] = lanes {
        return Some(*only);
    }
    let (open, later) = lanes.split_at_mut_checked(lanes.len() / 2 + 2)?;
    let last = open.len() - 1;
    for (first, next) in later.iter().enumerate() {
        bring_extremes_out(&mut open[first..]);
        open[last] = *next;
    }
    let rest = &mut open[later.len()..];
    bring_extremes_out(rest);
    rest.get(1).copied()
}

/// Moves the smallest value to the front and the largest to the back.
fn bring_extremes_out<R: Copy + Ord>(lanes: &mut [Lanes<R>]) {
    let last = lanes.len() - 1;
    for at in 0..lanes.len() / 2 {
        order(lanes, at, last - at);
    }
    for at in 1..=last / 2 {
        order(lanes, 0, at);
    }
    for at in lanes.len() / 2..last {
        order(lanes, at, last);
    }
}

#[inline(always)]
fn order<R: Copy + Ord>(lanes: &mut [Lanes<R>], low: usize, high: usize) {
    let (one, other) = (lanes[low], lanes[high]);
    lanes[low] = std::array::from_fn(|lane| one[lane].min(other[lane]));
    lanes[high] = std::array::from_fn(|lane| one[lane].max(other[lane]));
}

fn slide_over_tiles<T: Ordered>(image: View<'_, T>, footprint: &Footprint, result: &mut Raster<T>) {
    let mut tile = Tile::default();
    for top in (0..image.height()).step_by(TILE) {
        for left in (0..image.width()).step_by(TILE) {
            let height = TILE.min(image.height() - top);
            let width = TILE.min(image.width() - left);
            tile.load(image, (top, left), (height, width), footprint.radius());
            let mut window = Window::new(tile.positions.len());
            for y in 0..height {
                let target = &mut result.row_mut(top + y)[left..left + width];
                tile.slide(y, footprint, &mut window, target);
            }
        }
    }
}

/// A part of the image and what surrounds it, sorted.
struct Tile<T: Ordered> {
    /// Columns, with the surroundings.
    stride: usize,
    /// The place of each pixel in the sorted tile; equal pixels have places of their own.
    positions: Vec<u16>,
    /// The pixels, sorted, with where they stand.
    sorted: Vec<(T::Rank, u16)>,
    ranks: Vec<T::Rank>,
}

impl<T: Ordered> Default for Tile<T> {
    fn default() -> Self {
        Self { stride: 0, positions: Vec::new(), sorted: Vec::new(), ranks: Vec::new() }
    }
}

impl<T: Ordered> Tile<T> {
    fn load(
        &mut self,
        image: View<'_, T>,
        (top, left): (usize, usize),
        (height, width): (usize, usize),
        radius: usize,
    ) {
        let span = |start: usize, len: usize| {
            start as isize - radius as isize..(start + len + radius) as isize
        };
        self.stride = width + 2 * radius;
        ranks_around(image, span(top, height), span(left, width), &mut self.ranks);
        self.sorted.clear();
        self.sorted.extend(self.ranks.iter().copied().zip(0..));
        self.sorted.sort_unstable();
        self.positions.resize(self.sorted.len(), 0);
        for (position, &(_, at)) in self.sorted.iter().enumerate() {
            self.positions[usize::from(at)] = position as u16;
        }
    }

    /// The medians of row `y`, from left to right.
    fn slide(&self, y: usize, footprint: &Footprint, window: &mut Window, target: &mut [T]) {
        let (radius, middle) = (footprint.radius(), footprint.n_pixels() / 2);
        let middle_row = y + radius;
        let rows = || {
            let place = |(dy, half_width)| (middle_row.saturating_add_signed(dy), half_width);
            footprint.rows().map(place).map(|(row, half_width)| {
                (&self.positions[row * self.stride..][..self.stride], half_width)
            })
        };
        window.clear();
        for (row, half_width) in rows() {
            row[radius - half_width..=radius + half_width].iter().for_each(|&at| window.add(at));
        }
        for (x, pixel) in target.iter_mut().enumerate() {
            if x > 0 {
                for (row, half_width) in rows() {
                    window.remove(row[x - 1 + radius - half_width]);
                    window.add(row[x + radius + half_width]);
                }
            }
            *pixel = T::from_rank(self.sorted[window.select(middle)].0.into());
        }
    }
}

/// The positions inside a neighbourhood, one bit each. Finding the middle one goes on from
/// where the last search ended, which is near.
struct Window {
    words: Vec<u64>,
    /// The word where the last search ended.
    word: usize,
    /// How many positions lie in the words before it.
    n_before: usize,
}

impl Window {
    fn new(n_positions: usize) -> Self {
        Self { words: vec![0; n_positions.div_ceil(64)], word: 0, n_before: 0 }
    }

    fn clear(&mut self) {
        self.words.fill(0);
        self.n_before = 0;
    }

    #[inline]
    fn add(&mut self, position: u16) {
        let word = usize::from(position / 64);
        self.words[word] |= 1 << (position % 64);
        self.n_before += usize::from(word < self.word);
    }

    #[inline]
    fn remove(&mut self, position: u16) {
        let word = usize::from(position / 64);
        self.words[word] &= !(1 << (position % 64));
        self.n_before -= usize::from(word < self.word);
    }

    /// The position that has `rank` smaller ones.
    fn select(&mut self, rank: usize) -> usize {
        while self.n_before > rank {
            self.word -= 1;
            self.n_before -= self.words[self.word].count_ones() as usize;
        }
        loop {
            let n_here = self.words[self.word].count_ones() as usize;
            if self.n_before + n_here > rank {
                break;
            }
            self.n_before += n_here;
            self.word += 1;
        }
        let mut bits = self.words[self.word];
        for _ in self.n_before..rank {
            bits &= bits - 1;
        }
        self.word * 64 + bits.trailing_zeros() as usize
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;
    use proptest::prelude::*;

    use super::*;

    /// The definition: sort the neighbourhood.
    fn by_sorting<T: Ordered>(image: View<'_, T>, footprint: &Footprint) -> Vec<T> {
        let at = |y: isize, x: isize| {
            image.row(Edge::Nearest.resolve(y, image.height()))
                [Edge::Nearest.resolve(x, image.width())]
        };
        let places = (0..image.height() as isize)
            .flat_map(|y| (0..image.width() as isize).map(move |x| (y, x)));
        let median = |(y, x)| {
            let mut values = Vec::new();
            for (dy, half_width) in footprint.rows() {
                let half_width = half_width as isize;
                values.extend((-half_width..=half_width).map(|dx| at(y + dy, x + dx)));
            }
            values.sort_by_key(|value: &T| value.rank());
            values[values.len() / 2]
        };
        places.map(median).collect()
    }

    fn check<T: Ordered>(pixels: &[T], width: usize, footprint: &Footprint) {
        let shape = PlaneShape::new((pixels.len() / width) as u32, width as u32);
        let image = View { shape, pixels: &pixels[..pixels.len() / width * width] };
        let filtered = median(image, footprint).unwrap();
        assert_eq!(filtered.view().pixels, by_sorting(image, footprint));
    }

    proptest! {
        #[test]
        fn medians_agree_with_sorting(
            width in 1usize..40,
            radius in 0usize..6,
            is_disk: bool,
            seeds in prop::collection::vec(any::<i32>(), 40..200),
        ) {
            let footprint = if is_disk { Footprint::disk(radius) } else { Footprint::square(radius) };
            check(&seeds, width, &footprint);
            check(&seeds.iter().map(|&seed| seed as u8).collect::<Vec<_>>(), width, &footprint);
            check(&seeds.iter().map(|&seed| seed as i16).collect::<Vec<_>>(), width, &footprint);
            check(&seeds.iter().map(|&seed| f64::from(seed) / 7.0).collect::<Vec<_>>(), width, &footprint);
        }
    }

    #[test]
    fn tiles_meet_without_a_seam() {
        let pixels: Vec<u16> =
            (0..150u32 * 140).map(|at| (at.wrapping_mul(2_654_435_761) >> 16) as u16).collect();
        check(&pixels, 140, &Footprint::disk(4));
    }
}
