//! Rectangles of planes and the chunks they lie in.

use std::ops::Range;

use super::{array::Array, metadata::Axes};
use crate::{Error, ErrorKind, PlaneIndex, Region, Result};

/// Most bytes that one request reads or writes.
const MAX_REQUEST_BYTES: u64 = 16 << 30;
/// Most chunks that one request touches.
const MAX_REQUEST_CHUNKS: u64 = 1 << 20;

/// How one array is cut along the axes of a plane.
#[derive(Clone, Debug)]
pub(super) struct Grid<'a> {
    pub(super) array: &'a Array,
    pub(super) axes: Axes,
}

/// One chunk of a plane: where it is in the grid, and what of the plane is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Its place in the grid of chunks.
    pub(super) place: Vec<u64>,
    /// The pixels of the plane that it holds (the plane's own, without padding).
    pub(super) region: Region,
}

impl<'a> Grid<'a> {
    pub(super) fn new(array: &'a Array, axes: Axes) -> Self {
        Self { array, axes }
    }

    /// All of a plane.
    pub(super) fn plane(&self) -> Region {
        let size = |dim: usize| u32::try_from(self.array.shape[dim]).unwrap_or(u32::MAX);
        Region::new(0, 0, size(self.axes.y), size(self.axes.x))
    }

    /// Height and width of a chunk.
    pub(super) fn tile_size(&self) -> (u32, u32) {
        let extent = |dim: usize| {
            u32::try_from(self.array.chunk_shape[dim].min(self.array.shape[dim]))
                .unwrap_or(u32::MAX)
        };
        (extent(self.axes.y), extent(self.axes.x))
    }

    /// Checks what a request needs, before memory is taken for it.
    ///
    /// # Errors
    /// `LimitExceeded` for too many bytes or chunks at once.
    pub(super) fn check_size(&self, region: Region) -> Result<()> {
        let n_bytes =
            region.shape().n_pixels().saturating_mul(self.array.data_type.size_bytes() as u64);
        let (height, width) = self.tile_size();
        let touched = |length: u32, extent: u32| u64::from(length.div_ceil(extent)) + 1;
        let n_chunks = touched(region.height, height) * touched(region.width, width);
        if n_bytes <= MAX_REQUEST_BYTES && n_chunks <= MAX_REQUEST_CHUNKS {
            return Ok(());
        }
        let message = format!("{n_bytes} bytes in {n_chunks} chunks are too much at once");
        Err(Error::new(ErrorKind::LimitExceeded, message).with_hint("read it in smaller regions"))
    }

    /// Whether every chunk holds pixels of one plane only.
    pub(super) fn is_one_plane_per_chunk(&self) -> bool {
        self.axes.plane_dims().all(|dim| self.array.chunk_shape[dim] == 1)
    }

    /// Whether every file holds pixels of one plane only.
    pub(super) fn is_one_plane_per_file(&self) -> bool {
        self.axes.plane_dims().all(|dim| self.array.file_shape[dim] == 1)
    }

    /// The place of the chunks of a plane, 0 along y and x.
    pub(super) fn place(&self, index: PlaneIndex) -> Vec<u64> {
        let mut place = self.axes.place(index);
        for (number, extent) in place.iter_mut().zip(&self.array.chunk_shape) {
            *number /= extent;
        }
        place
    }

    /// Where in a chunk, in pixels, the first pixel of a plane is.
    pub(super) fn offset(&self, index: PlaneIndex) -> usize {
        let strides = self.array.strides();
        let within = self.axes.place(index).into_iter().zip(&self.array.chunk_shape);
        within.zip(strides).map(|((at, extent), stride)| (at % extent) as usize * stride).sum()
    }

    /// The chunks that `region` of a plane touches, in rows from the top.
    pub(super) fn rows(&self, index: PlaneIndex, region: Region) -> Vec<Vec<Tile>> {
        let place = self.place(index);
        let (height, width) = self.tile_size();
        let (y, x) = (self.axes.y, self.axes.x);
        let columns = chunks_of(region.x, region.width, width);
        let tile = |row: u32, column: u32| {
            let mut place = place.clone();
            place[y] = u64::from(row);
            place[x] = u64::from(column);
            let (top, left) = (row * height, column * width);
            let below = (self.array.shape[y] - u64::from(top)).min(u64::from(height));
            let right = (self.array.shape[x] - u64::from(left)).min(u64::from(width));
            Tile { place, region: Region::new(top, left, below as u32, right as u32) }
        };
        chunks_of(region.y, region.height, height)
            .map(|row| columns.clone().map(|column| tile(row, column)).collect())
            .collect()
    }

    /// The place of the file that holds the chunk at `place`.
    pub(super) fn file_place(&self, place: &[u64]) -> Vec<u64> {
        let per_file = |(dim, number): (usize, &u64)| number / self.array.chunks_per_file(dim);
        place.iter().enumerate().map(per_file).collect()
    }

    /// The position of the chunk at `place` in its file.
    pub(super) fn position_in_file(&self, place: &[u64]) -> usize {
        let dims = place.iter().enumerate();
        dims.fold(0, |position, (dim, number)| {
            let per_file = self.array.chunks_per_file(dim);
            position * per_file as usize + (number % per_file) as usize
        })
    }
}

fn chunks_of(start: u32, length: u32, extent: u32) -> Range<u32> {
    start / extent..(start + length).div_ceil(extent)
}

/// Pixels of a chunk and where those of a plane are among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkPixels {
    /// Pixels before the plane's first.
    pub(super) offset: usize,
    /// Pixels from a row to the next.
    pub(super) row: usize,
    /// Pixels from a column to the next.
    pub(super) column: usize,
    /// Bytes of a pixel.
    pub(super) pixel_bytes: usize,
}

impl ChunkPixels {
    pub(super) fn of(grid: &Grid<'_>, index: PlaneIndex, pixel_bytes: usize) -> Self {
        let strides = grid.array.strides();
        Self {
            offset: grid.offset(index),
            row: strides[grid.axes.y],
            column: strides[grid.axes.x],
            pixel_bytes,
        }
    }

    /// Copies the pixels that the chunk and the target share: `tile` is what the chunk holds
    /// of the plane, `wanted` what the target holds.
    pub(super) fn gather(&self, chunk: &[u8], tile: Region, target: &mut [u8], wanted: Region) {
        let Some(shared) = intersection(tile, wanted) else { return };
        let size = self.pixel_bytes;
        for y in shared.y..shared.y + shared.height {
            let from = self.position(tile, y, shared.x);
            let to = position(wanted, y, shared.x) * size;
            let target = &mut target[to..to + shared.width as usize * size];
            if self.column == 1 {
                target.copy_from_slice(&chunk[from * size..from * size + target.len()]);
                continue;
            }
            for (column, pixel) in target.chunks_exact_mut(size).enumerate() {
                let at = (from + column * self.column) * size;
                pixel.copy_from_slice(&chunk[at..at + size]);
            }
        }
    }

    /// The other way: puts pixels of a plane, of which `source` holds `given`, into a chunk.
    pub(super) fn scatter(&self, source: &[u8], given: Region, chunk: &mut [u8], tile: Region) {
        let Some(shared) = intersection(tile, given) else { return };
        let size = self.pixel_bytes;
        for y in shared.y..shared.y + shared.height {
            let to = self.position(tile, y, shared.x);
            let from = position(given, y, shared.x) * size;
            let source = &source[from..from + shared.width as usize * size];
            if self.column == 1 {
                chunk[to * size..to * size + source.len()].copy_from_slice(source);
                continue;
            }
            for (column, pixel) in source.chunks_exact(size).enumerate() {
                let at = (to + column * self.column) * size;
                chunk[at..at + size].copy_from_slice(pixel);
            }
        }
    }

    fn position(&self, tile: Region, y: u32, x: u32) -> usize {
        self.offset + (y - tile.y) as usize * self.row + (x - tile.x) as usize * self.column
    }
}

fn position(region: Region, y: u32, x: u32) -> usize {
    (y - region.y) as usize * region.width as usize + (x - region.x) as usize
}

/// What two rectangles share.
pub(super) fn intersection(one: Region, other: Region) -> Option<Region> {
    let (y, x) = (one.y.max(other.y), one.x.max(other.x));
    let bottom = (one.y + one.height).min(other.y + other.height);
    let right = (one.x + one.width).min(other.x + other.width);
    (bottom > y && right > x).then(|| Region::new(y, x, bottom - y, right - x))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::zarr::array::Array;

    fn array(shape: &str, chunks: &str, order: &str) -> Array {
        let text = format!(
            r#"{{"zarr_format": 2, "shape": {shape}, "chunks": {chunks}, "dtype": "<u2",
            "compressor": null, "fill_value": 0, "order": "{order}", "filters": null}}"#
        );
        Array::parse(text.as_bytes(), crate::zarr::NgffVersion::V04).unwrap().unwrap()
    }

    #[test]
    fn edge_chunks_hold_what_is_left_of_the_plane() {
        let array = array("[1, 3, 1, 10, 7]", "[1, 2, 1, 4, 4]", "C");
        let grid = Grid::new(&array, Axes::ALL);
        assert!(!grid.is_one_plane_per_chunk());
        let rows = grid.rows(PlaneIndex::new(0, 2, 0), Region::new(5, 4, 5, 2));
        let tiles: Vec<_> =
            rows.concat().into_iter().map(|tile| (tile.place, tile.region)).collect();
        assert_eq!(
            tiles,
            [
                (vec![0, 1, 0, 1, 1], Region::new(4, 4, 4, 3)),
                (vec![0, 1, 0, 2, 1], Region::new(8, 4, 2, 3))
            ]
        );
        assert_eq!(grid.offset(PlaneIndex::new(0, 1, 0)), 16);
    }

    proptest! {
        /// Cutting a plane into chunks and putting it together again gives the same pixels,
        /// whatever the order of dimensions, the chunks and the region.
        #[test]
        fn gather_inverts_scatter(
            (height, width) in (1..12u32, 1..12u32),
            (chunk_y, chunk_x, chunk_c) in (1..6u64, 1..6u64, 1..3u64),
            (fortran, names) in (any::<bool>(), prop::sample::select(vec!["cyx", "xyc", "ycx"])),
            (at_y, at_x, part_y, part_x) in (0.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64),
            c in 0..3u32,
        ) {
            let extents = |y: u64, x: u64, c: u64| {
                let of = |axis| match axis { 'y' => y, 'x' => x, _ => c };
                format!("{:?}", names.chars().map(of).collect::<Vec<_>>())
            };
            let array = array(
                &extents(height.into(), width.into(), 3),
                &extents(chunk_y, chunk_x, chunk_c),
                if fortran { "F" } else { "C" },
            );
            let letters: Vec<String> = names.chars().map(String::from).collect();
            let grid = Grid::new(&array, Axes::from_names(&letters).unwrap());
            let index = PlaneIndex::new(0, c, 0);
            let pixels = ChunkPixels::of(&grid, index, 2);
            let full = Region::new(0, 0, height, width);
            let plane: Vec<u8> = (0..height * width * 2).map(|n| n as u8).collect();
            let (y, x) = ((at_y * f64::from(height)) as u32, (at_x * f64::from(width)) as u32);
            let wanted = Region::new(
                y, x,
                1 + (part_y * f64::from(height - y - 1)) as u32,
                1 + (part_x * f64::from(width - x - 1)) as u32,
            );
            let mut found = vec![0xee; (wanted.height * wanted.width * 2) as usize];
            for tile in grid.rows(index, wanted).concat() {
                let mut chunk = vec![0xdd; array.chunk_bytes()];
                pixels.scatter(&plane, full, &mut chunk, tile.region);
                pixels.gather(&chunk, tile.region, &mut found, wanted);
            }
            for row in 0..wanted.height {
                let from = position(full, wanted.y + row, wanted.x) * 2;
                let length = wanted.width as usize * 2;
                let at = row as usize * length;
                prop_assert_eq!(&found[at..at + length], &plane[from..from + length]);
            }
        }
    }
}
