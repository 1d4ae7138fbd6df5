//! Reads planes: a batch is planned, so that a chunk with several planes is decoded once.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    AbsentChunks, ZarrBackend,
    array::Array,
    chunks::Chunks,
    codec::Decoded,
    image::OpenImage,
    window::{ChunkPixels, Grid, Tile},
};
use crate::{
    Error, ErrorKind, PixelType, Plane, PlaneIndex, PlaneRequest, PlaneSink, Region, Result,
    buffer::BufferPool, fan_out, plane::expected_len, pyramid::downsample,
};

/// Requests that are planned together.
const WINDOW: usize = 2048;
/// How often a plane is read again that was replaced meanwhile, before its writers are kept out.
const MAX_ATTEMPTS: u32 = 5;

/// A request that was found and checked.
struct Wanted {
    image: Arc<OpenImage>,
    array: Arc<Array>,
    index: PlaneIndex,
    level: u32,
    region: Region,
    /// Whether it is made of the full size when it is not stored.
    may_derive: bool,
}

/// Requests that are answered together, by their positions: one, or several whose planes
/// lie in the same chunks.
type Job = Vec<usize>;

impl ZarrBackend {
    pub(super) fn read_batch(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        let stopped = AtomicBool::new(false);
        let answer = |position: usize, plane: Result<Plane>| {
            let plane = plane.map_err(|error| {
                error.with_path(&requests[position]).with_backend(self.to_string())
            });
            if sink(position, plane).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
            match stopped.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        for (window, requests) in requests.chunks(WINDOW).enumerate() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            self.read_window(requests, &|position, plane| {
                answer(window * WINDOW + position, plane)
            });
        }
    }

    fn read_window(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        let threads = self.options.io_concurrency;
        let wanted: Vec<OnceLock<Result<Wanted>>> =
            requests.iter().map(|_| OnceLock::new()).collect();
        fan_out::for_each(threads, requests.len(), |position| {
            let _ = wanted[position].set(self.want(&requests[position]));
            ControlFlow::Continue(())
        });
        let wanted: Vec<Result<Wanted>> = wanted
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(|| Err(Error::internal("not planned"))))
            .collect();
        let jobs = plan(&wanted);
        // Threads that a batch of few planes leaves over decode the chunks of one plane.
        let within =
            NonZeroUsize::new(threads.get() / jobs.len().max(1)).unwrap_or(NonZeroUsize::MIN);
        fan_out::for_each(threads, jobs.len(), |number| {
            self.read_job(&jobs[number], &wanted, within, sink)
        });
    }

    fn want(&self, request: &PlaneRequest) -> Result<Wanted> {
        let located = self.locate(&request.path, request.index)?;
        let resolved = PlaneRequest { index: located.index, ..request.clone() };
        let shape = resolved.check_read(&located.image.structure)?;
        let array = Arc::clone(located.image.array(&self.store, request.level)?);
        let region = request.region.unwrap_or(shape.full());
        located.image.grid(&array).check_size(region)?;
        let (image, index) = (located.image, located.index);
        let may_derive = request.level > 0 && !request.is_stored;
        Ok(Wanted { image, array, index, level: request.level, region, may_derive })
    }

    fn read_job(
        &self,
        job: &Job,
        wanted: &[Result<Wanted>],
        within: NonZeroUsize,
        sink: &PlaneSink<'_>,
    ) -> ControlFlow<()> {
        let mut found = Vec::with_capacity(job.len());
        for &position in job {
            match &wanted[position] {
                Ok(wanted) => found.push((position, wanted)),
                Err(error) => sink(position, Err(error.duplicate()))?,
            }
        }
        match *found {
            [] => ControlFlow::Continue(()),
            [(position, wanted)] => sink(position, self.read_level(wanted, within)),
            _ => self.read_together(&found, sink),
        }
    }

    /// A plane as it is stored. A level that is absent is made of the full size.
    fn read_level(&self, wanted: &Wanted, within: NonZeroUsize) -> Result<Plane> {
        match self.read_one(wanted, within) {
            Err(error) if wanted.may_derive && error.kind() == ErrorKind::MissingPlane => {
                self.derive(wanted, within)
            }
            other => other,
        }
    }

    fn derive(&self, wanted: &Wanted, within: NonZeroUsize) -> Result<Plane> {
        let image = Arc::clone(&wanted.image);
        let region = image.structure.sizes.plane_shape().full();
        image.grid(&image.layout.array).check_size(region)?;
        let array = Arc::clone(&image.layout.array);
        let kind = image.structure.kind;
        let full =
            Wanted { image, array, index: wanted.index, level: 0, region, may_derive: false };
        let mut plane = self.read_one(&full, within)?;
        for _ in 0..wanted.level {
            plane = downsample(&plane, kind)?;
        }
        plane.crop(wanted.region)
    }

    fn read_one(&self, wanted: &Wanted, within: NonZeroUsize) -> Result<Plane> {
        let grid = wanted.image.grid(&wanted.array);
        let folder = wanted.image.folder(wanted.level);
        let rows = grid.rows(wanted.index, wanted.region);
        if let [row] = &*rows
            && let [tile] = &**row
            && is_whole_chunk(&grid, tile, wanted)
        {
            let chunks = Chunks::new(&self.store, &folder, &grid);
            let pixels = self.pixels(&chunks, tile, wanted)?;
            let pixel_type = wanted.array.data_type.pixel_type();
            return Plane::new(pixel_type, wanted.region.shape(), pixels.freeze());
        }
        // A plane in several files is replaced file by file, the first one last: while the
        // first one is the same, all others are of the same plane.
        let first = grid.place(wanted.index);
        let name = Chunks::new(&self.store, &folder, &grid).file_name(&grid.file_place(&first));
        for _ in 0..MAX_ATTEMPTS {
            let before = self.store.identity(&name)?;
            let plane =
                self.read_tiles(&Chunks::new(&self.store, &folder, &grid), &rows, wanted, within);
            if self.store.identity(&name)? == before {
                return plane;
            }
        }
        // A writer that does not rest: while this lock is held, none replaces the plane.
        let directory = self.store.writable().map_err(|error| {
            Error::new(ErrorKind::Conflict, "plane is being replaced again and again")
                .with_hint("read it when its writer is done")
                .with_source(error)
        })?;
        let _lock = directory.lock(&wanted.image.name)?;
        self.read_tiles(&Chunks::new(&self.store, &folder, &grid), &rows, wanted, within)
    }

    /// Reads a plane, or a part of one, chunk by chunk.
    fn read_tiles(
        &self,
        chunks: &Chunks<'_>,
        rows: &[Vec<Tile>],
        wanted: &Wanted,
        within: NonZeroUsize,
    ) -> Result<Plane> {
        let pixel_type = wanted.array.data_type.pixel_type();
        let mut target = PlaneBuffer::new(pixel_type, wanted.region)?;
        let bands = target.bands(rows);
        let failure = Mutex::new(None);
        fan_out::for_each(within, bands.len(), |number| {
            let (tiles, band) = &bands[number];
            let mut band = band.lock().unwrap_or_else(PoisonError::into_inner);
            match self.fill_band(chunks, tiles, wanted, &mut band) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        });
        drop(bands);
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(self.told_apart(chunks, wanted, error)),
            None => target.finish(),
        }
    }

    /// Copies a row of chunks into the rows of pixels that they give.
    fn fill_band(
        &self,
        chunks: &Chunks<'_>,
        tiles: &[Tile],
        wanted: &Wanted,
        band: &mut (Region, &mut [u8]),
    ) -> Result<()> {
        let pixel_bytes = wanted.array.data_type.pixel_type().size_bytes();
        let layout = ChunkPixels::of(chunks.grid, wanted.index, pixel_bytes);
        for tile in tiles {
            let pixels = self.pixels(chunks, tile, wanted)?;
            layout.gather(&pixels, tile.region, band.1, band.0);
        }
        Ok(())
    }

    /// The pixels of a chunk that a plane needs.
    fn pixels(&self, chunks: &Chunks<'_>, tile: &Tile, wanted: &Wanted) -> Result<Decoded> {
        let array = &wanted.array;
        let numbers = match chunks.read(&tile.place)? {
            Some(numbers) => numbers,
            None if self.options.absent_chunks == AbsentChunks::Fill => filled(array)?,
            None => return Err(not_stored(wanted.index)),
        };
        array.data_type.to_pixels(numbers)
    }

    /// Tells a plane that was never stored from one of which some chunks are there.
    fn told_apart(&self, chunks: &Chunks<'_>, wanted: &Wanted, error: Error) -> Error {
        if error.kind() != ErrorKind::MissingPlane {
            return error;
        }
        let tiles = chunks.grid.rows(wanted.index, wanted.region).concat();
        let is_there = |tile: &Tile| {
            let file = chunks.open(&chunks.grid.file_place(&tile.place));
            let position = chunks.grid.position_in_file(&tile.place);
            file.is_ok_and(|file| {
                file.is_some_and(|file| file.range(position).is_ok_and(|at| at.is_some()))
            })
        };
        let absent: Vec<&Tile> = tiles.iter().filter(|tile| !is_there(tile)).collect();
        let Some(first) = absent.first().filter(|_| absent.len() < tiles.len()) else {
            return error;
        };
        let name = chunks.file_name(&chunks.grid.file_place(&first.place));
        Error::new(
            ErrorKind::MissingPlane,
            format!(
                "{} of the {} chunks of plane {} were never stored; the first is {name}",
                absent.len(),
                tiles.len(),
                wanted.index
            ),
        )
        .with_hint(
            "if the writer of this store leaves out chunks that are all background, \
             open it with absent_chunks=fill",
        )
    }

    /// Reads planes that lie in the same chunks, each of which is decoded once.
    fn read_together(&self, found: &[(usize, &Wanted)], sink: &PlaneSink<'_>) -> ControlFlow<()> {
        let mut targets = Vec::with_capacity(found.len());
        for &(position, wanted) in found {
            let target = PlaneBuffer::new(wanted.array.data_type.pixel_type(), wanted.region);
            targets.push((position, wanted, target));
        }
        let mut tiles: HashMap<Vec<u64>, (Tile, Vec<usize>)> = HashMap::new();
        for (number, (_, wanted)) in found.iter().enumerate() {
            let grid = wanted.image.grid(&wanted.array);
            for tile in grid.rows(wanted.index, wanted.region).concat() {
                let entry = tiles.entry(tile.place.clone());
                entry.or_insert_with(|| (tile, Vec::new())).1.push(number);
            }
        }
        for (tile, users) in tiles.values() {
            let first = found[users[0]].1;
            let grid = first.image.grid(&first.array);
            let folder = first.image.folder(first.level);
            let chunks = Chunks::new(&self.store, &folder, &grid);
            let pixels = self.pixels(&chunks, tile, first);
            for &number in users {
                let (_, wanted, target) = &mut targets[number];
                let filled = match (&pixels, target.as_mut()) {
                    (Ok(pixels), Ok(target)) => {
                        let layout = ChunkPixels::of(&grid, wanted.index, target.pixel_bytes());
                        layout.gather(pixels, tile.region, &mut target.bytes, wanted.region);
                        Ok(())
                    }
                    (Err(error), Ok(_)) => Err(self.told_apart(&chunks, wanted, error.duplicate())),
                    (_, Err(_)) => Ok(()),
                };
                if let Err(error) = filled {
                    *target = Err(error);
                }
            }
        }
        targets.into_iter().try_for_each(|(position, _, target)| {
            sink(position, target.and_then(PlaneBuffer::finish))
        })
    }
}

/// Puts requests together whose planes lie in the same chunks; the others stay alone.
fn plan(wanted: &[Result<Wanted>]) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::with_capacity(wanted.len());
    let mut shared: HashMap<(usize, u32, Vec<u64>), usize> = HashMap::new();
    for (position, wanted) in wanted.iter().enumerate() {
        if let Ok(wanted) = wanted {
            let grid = wanted.image.grid(&wanted.array);
            if !grid.is_one_plane_per_chunk() {
                let image = Arc::as_ptr(&wanted.image) as usize;
                let key = (image, wanted.level, grid.place(wanted.index));
                let job = *shared.entry(key).or_insert(jobs.len());
                if let Some(job) = jobs.get_mut(job) {
                    job.push(position);
                    continue;
                }
            }
        }
        jobs.push(vec![position]);
    }
    jobs
}

/// Whether the pixels of a chunk are exactly those that are wanted, in their order.
fn is_whole_chunk(grid: &Grid<'_>, tile: &Tile, wanted: &Wanted) -> bool {
    let array = grid.array;
    let extent = (array.chunk_shape[grid.axes.y], array.chunk_shape[grid.axes.x]);
    let region = wanted.region;
    let strides = array.strides();
    grid.is_one_plane_per_chunk()
        && tile.region == region
        && extent == (u64::from(region.height), u64::from(region.width))
        && strides[grid.axes.x] == 1
        && strides[grid.axes.y] == region.width as usize
}

/// A chunk of nothing but the array's fill value.
fn filled(array: &Array) -> Result<Decoded> {
    let value = array.fill.as_ref().ok_or_else(|| {
        Error::unsupported("chunk is absent, and the fill value of its array cannot be read")
    })?;
    let mut numbers = BufferPool::global().take(array.chunk_bytes(), 0);
    if value.iter().all(|&byte| byte == 0) {
        numbers.fill(0);
    } else {
        for number in numbers.chunks_exact_mut(value.len()) {
            number.copy_from_slice(value);
        }
    }
    Ok(Decoded::Pooled(numbers))
}

fn not_stored(index: PlaneIndex) -> Error {
    Error::new(ErrorKind::MissingPlane, format!("plane {index} was never stored"))
        .with_hint("write the plane first, or ask the inventory which planes are there")
}

/// The pixels of a plane while they are put together.
struct PlaneBuffer {
    pixel_type: PixelType,
    region: Region,
    bytes: crate::buffer::PooledBuffer,
}

/// Rows of chunks, with the rows of pixels that they give.
type Bands<'a> = Vec<(&'a [Tile], Mutex<(Region, &'a mut [u8])>)>;

impl PlaneBuffer {
    fn new(pixel_type: PixelType, region: Region) -> Result<Self> {
        let len = expected_len(pixel_type, region.shape())?;
        Ok(Self { pixel_type, region, bytes: BufferPool::global().take(len, 0) })
    }

    fn pixel_bytes(&self) -> usize {
        self.pixel_type.size_bytes()
    }

    /// Cuts the plane into the parts that the rows of chunks give.
    fn bands<'a>(&'a mut self, rows: &'a [Vec<Tile>]) -> Bands<'a> {
        let Region { x, width, .. } = self.region;
        let row_bytes = width as usize * self.pixel_type.size_bytes();
        let (mut rest, whole) = (&mut *self.bytes, self.region);
        let mut bands = Vec::with_capacity(rows.len());
        for tiles in rows {
            let Some(first) = tiles.first() else { continue };
            let top = first.region.y.max(whole.y);
            let bottom = (first.region.y + first.region.height).min(whole.y + whole.height);
            let (band, below) = rest.split_at_mut((bottom - top) as usize * row_bytes);
            rest = below;
            let region = Region::new(top, x, bottom - top, width);
            bands.push((&**tiles, Mutex::new((region, band))));
        }
        bands
    }

    fn finish(self) -> Result<Plane> {
        Plane::new(self.pixel_type, self.region.shape(), self.bytes.freeze())
    }
}
