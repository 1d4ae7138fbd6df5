//! Reads a region of a page: only the strips or tiles that it needs.

use std::{fs::File, num::NonZeroUsize, ops::ControlFlow, sync::Mutex};

use tiff::tags::ByteOrder;

use super::{
    codec,
    file::{Directory, PageEntry},
    page::{Page, Predictor},
    predictor,
};
use crate::{
    Error, Plane, Region, Result,
    buffer::{BufferPool, PooledBuffer},
    fan_out,
    read_at::read_exact_at,
};

/// Decoding less than this is not worth a second thread.
const PARALLEL_BYTES: usize = 1 << 20;

/// Reads `region` (of the level's own pixels; all of it when `None`) of one sample of a page.
///
/// # Errors
/// `InvalidInput` for a level, sample or region that is not there; `InvalidData` for
/// damaged pixels.
pub(crate) fn read_page(
    file: &File,
    directory: &Directory,
    entry: &PageEntry,
    request: PageRequest,
) -> Result<Plane> {
    let page = entry.levels.get(request.level as usize).ok_or_else(|| {
        Error::invalid_input(format!(
            "there is no level {}; the page has {}",
            request.level,
            entry.levels.len()
        ))
    })?;
    if request.sample >= page.n_samples {
        return Err(Error::invalid_input(format!(
            "there is no sample {}; the page has {}",
            request.sample, page.n_samples
        )));
    }
    let region = request.region.unwrap_or(page.shape.full()).checked(page.shape)?;
    let swapped = page.pixel_type.size_bytes() > 1 && directory.byte_order != native_order();
    let job =
        Job { file, page, tables: &entry.jpeg_tables, region, sample: request.sample, swapped };
    let pixels = match page.contiguous() {
        Some(offset) if region.width == page.shape.width => job.read_rows(offset)?,
        _ => job.read_chunks(request.concurrency)?,
    };
    Plane::new(page.pixel_type, region.shape(), pixels.freeze())
}

/// What to read of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest {
    pub(crate) level: u32,
    pub(crate) sample: u16,
    pub(crate) region: Option<Region>,
    /// Threads that may decode strips of this one page.
    pub(crate) concurrency: NonZeroUsize,
}

/// What a failed read did not give.
const PIXELS: &str = "the pixels";

/// The byte order of this machine.
pub(super) fn native_order() -> ByteOrder {
    if cfg!(target_endian = "little") { ByteOrder::LittleEndian } else { ByteOrder::BigEndian }
}

struct Job<'a> {
    file: &'a File,
    page: &'a Page,
    tables: &'a [u8],
    region: Region,
    sample: u16,
    swapped: bool,
}

/// Rows of the result that one row of the chunk grid fills.
struct Band<'a> {
    grid_row: u32,
    target: Mutex<&'a mut [u8]>,
}

impl Job<'_> {
    fn row_bytes(&self) -> usize {
        self.region.width as usize * self.page.pixel_type.size_bytes()
    }

    /// Whole rows of a page that is stored as memory wants it: one read, straight into place.
    fn read_rows(&self, offset: u64) -> Result<PooledBuffer> {
        let row_bytes = self.row_bytes();
        let from = offset + u64::from(self.region.y) * row_bytes as u64;
        let mut pixels = take(row_bytes * self.region.height as usize, from);
        read_exact_at(self.file, &mut pixels, from, PIXELS)?;
        if self.swapped {
            predictor::swap_bytes(&mut pixels, self.page.pixel_type.size_bytes());
        }
        Ok(pixels)
    }

    fn read_chunks(&self, concurrency: NonZeroUsize) -> Result<PooledBuffer> {
        let row_bytes = self.row_bytes();
        let mut pixels = take(row_bytes * self.region.height as usize, 0);
        let bands = self.bands(&mut pixels, row_bytes);
        let parallel = !self.page.is_uncompressed()
            && row_bytes * self.region.height as usize >= PARALLEL_BYTES;
        let concurrency = if parallel { concurrency } else { NonZeroUsize::MIN };
        let failure = Mutex::new(None);
        fan_out::for_each(concurrency, bands.len(), |number| {
            match self.read_band(&bands[number]) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    *lock(&failure) = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        drop(bands);
        match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(pixels),
        }
    }

    /// Cuts the result into the rows that each row of the chunk grid fills.
    fn bands<'p>(&self, pixels: &'p mut [u8], row_bytes: usize) -> Vec<Band<'p>> {
        let height = self.page.chunk.height;
        let first = self.region.y / height;
        let last = (self.region.y + self.region.height - 1) / height;
        let mut rest = pixels;
        let mut bands = Vec::with_capacity((last - first + 1) as usize);
        for grid_row in first..=last {
            let (from, to) = self.band_rows(grid_row);
            let (band, after) = rest.split_at_mut((to - from) as usize * row_bytes);
            bands.push(Band { grid_row, target: Mutex::new(band) });
            rest = after;
        }
        bands
    }

    /// First and last-but-one row of the page that the region takes from a row of the grid.
    fn band_rows(&self, grid_row: u32) -> (u32, u32) {
        let top = grid_row * self.page.chunk.height;
        let bottom = u64::from(top) + u64::from(self.page.chunk.height);
        let end = self.region.y + self.region.height;
        (top.max(self.region.y), u32::try_from(bottom).map_or(end, |bottom| bottom.min(end)))
    }

    fn read_band(&self, band: &Band<'_>) -> Result<()> {
        let mut target = lock(&band.target);
        let width = self.page.chunk.width;
        let first = self.region.x / width;
        let last = (self.region.x + self.region.width - 1) / width;
        for grid_column in first..=last {
            self.read_chunk(band.grid_row, grid_column, &mut target)?;
        }
        Ok(())
    }

    /// Decodes one strip or tile and puts the part of it that the region wants in place.
    fn read_chunk(&self, grid_row: u32, grid_column: u32, target: &mut [u8]) -> Result<()> {
        let page = self.page;
        let number = page.chunk_number(grid_row, grid_column, self.sample);
        if page.lengths[number] == 0 {
            let what = if page.tiled { "tile" } else { "strip" };
            return Err(Error::invalid_data(format!("{what} {number} has no bytes")));
        }
        let stored = self.read_stored(number)?;
        let decoded_len = page.decoded_len(grid_row);
        let fills_target = page.interleaved() == 1
            && target.len() == decoded_len
            && self.region.width == page.chunk.width;
        if fills_target {
            return self.decode(number, &stored, target);
        }
        let mut decoded = BufferPool::global().take(decoded_len, 0);
        self.decode(number, &stored, &mut decoded)?;
        self.place(grid_row, grid_column, &decoded, target);
        Ok(())
    }

    fn read_stored(&self, number: usize) -> Result<PooledBuffer> {
        let (offset, length) = (self.page.offsets[number], self.page.lengths[number]);
        let mut stored = take(usize::try_from(length).unwrap_or(usize::MAX), offset);
        read_exact_at(self.file, &mut stored, offset, PIXELS)?;
        Ok(stored)
    }

    fn decode(&self, number: usize, stored: &[u8], output: &mut [u8]) -> Result<()> {
        let page = self.page;
        codec::decode(page, self.tables, stored, output).map_err(|error| {
            let what = if page.tiled { "tile" } else { "strip" };
            let message = format!("{what} {number}: {}", error.message());
            Error::new(error.kind(), message).with_source(error)
        })?;
        if self.swapped || page.predictor != Predictor::None {
            let sample_bytes = page.pixel_type.size_bytes();
            let row_bytes = page.chunk.width as usize * page.interleaved() * sample_bytes;
            predictor::undo(
                page.predictor,
                output,
                row_bytes,
                sample_bytes,
                page.interleaved(),
                self.swapped,
            );
        }
        Ok(())
    }

    /// Copies the rows and columns that the region wants from a decoded chunk.
    fn place(&self, grid_row: u32, grid_column: u32, decoded: &[u8], target: &mut [u8]) {
        let page = self.page;
        let sample_bytes = page.pixel_type.size_bytes();
        let pixel_bytes = sample_bytes * page.interleaved();
        let chunk_row = page.chunk.width as usize * pixel_bytes;
        let (from_row, to_row) = self.band_rows(grid_row);
        let left = grid_column * page.chunk.width;
        let from = left.max(self.region.x);
        let to = (left + page.chunk.width.min(page.shape.width - left))
            .min(self.region.x + self.region.width);
        let offset = if page.planar { 0 } else { usize::from(self.sample) * sample_bytes };
        for row in from_row..to_row {
            let chunk_y = (row - grid_row * page.chunk.height) as usize;
            let source = &decoded[chunk_y * chunk_row..][..chunk_row];
            let source = &source[(from - left) as usize * pixel_bytes..]
                [..(to - from) as usize * pixel_bytes];
            let start = (row - from_row) as usize * self.row_bytes()
                + (from - self.region.x) as usize * sample_bytes;
            let line = &mut target[start..][..(to - from) as usize * sample_bytes];
            if page.interleaved() == 1 {
                line.copy_from_slice(source);
            } else {
                let pixels = source.chunks_exact(pixel_bytes);
                for (pixel, sample) in pixels.zip(line.chunks_exact_mut(sample_bytes)) {
                    sample.copy_from_slice(&pixel[offset..offset + sample_bytes]);
                }
            }
        }
    }
}

/// A buffer whose address has the offset of `position` in the file, which is what the
/// kernel copies fastest.
fn take(length: usize, position: u64) -> PooledBuffer {
    let offset = (position % crate::buffer::ALIGNMENT as u64) as usize;
    BufferPool::global().take(length, offset)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
