//! Writes planes with their pyramids, each file in one step.
//!
//! In which order the files of a plane get their names, `replace` says.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    ops::ControlFlow,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{
    ZarrBackend,
    array::Array,
    chunks::{ChunkFile, Chunks, assemble_shard},
    codec::Stored,
    image::OpenImage,
    replace::publish,
    store::{Directory, Staged},
    window::{ChunkPixels, Grid, Tile},
};
use crate::{
    Error, Plane, PlaneIndex, PlaneRequest, Result, buffer::BufferPool, fan_out,
    pyramid::downsample,
};

/// Threads that wait for the disk: they take no processor.
const WAITING: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

/// Most files that are kept open to be synced together.
const MAX_TOGETHER: usize = 64;

/// A plane on its way, with its pyramid.
struct Writing {
    index: PlaneIndex,
    /// By level.
    planes: Vec<Plane>,
}

/// Planes to write, by what their files hold.
#[derive(Default)]
struct Jobs {
    /// Planes whose files hold nothing else.
    alone: Vec<PlaneJob>,
    /// Planes of images whose files hold several.
    together: Vec<ImageJob>,
}

struct ImageJob {
    image: Arc<OpenImage>,
    planes: Vec<(PlaneIndex, Plane)>,
}

struct PlaneJob {
    image: Arc<OpenImage>,
    index: PlaneIndex,
    plane: Plane,
    /// By level.
    files: Vec<TileFile>,
}

/// A file of a plane: its level, its place, and the tiles in it.
struct TileFile {
    level: u32,
    place: Vec<u64>,
    tiles: Vec<Tile>,
}

/// Directories to sync when a batch is done.
pub(super) type Touched = Mutex<Vec<String>>;

impl ZarrBackend {
    pub(super) fn write_batch(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        let directory = self.writer()?;
        let touched = Touched::default();
        let jobs = self.plan_writes(planes)?;
        let written = self.write_alone(directory, &jobs.alone, &touched).and_then(|()| {
            map(self.options.io_concurrency, &jobs.together, |job| {
                self.write_together(directory, &job.image, &job.planes, &touched)
            })
        });
        let touched = touched.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.is_synced() {
            directory.sync_all(touched)?;
        }
        written.map(|_| ())
    }

    fn plan_writes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<Jobs> {
        let mut jobs = Jobs::default();
        let mut shared: HashMap<usize, usize> = HashMap::new();
        let mut alone: HashMap<(usize, PlaneIndex), usize> = HashMap::new();
        for (request, plane) in planes {
            let located = self.locate(&request.path, request.index).map_err(|error| {
                error.with_path(request).with_hint("declare the plate or image first")
            })?;
            let (image, index) = (located.image, located.index);
            let resolved = PlaneRequest { index, ..request.clone() };
            let region = resolved.check_write(&image.structure, plane)?;
            if region.shape() != image.structure.sizes.plane_shape() {
                return Err(Error::unsupported(
                    "OME-Zarr is written plane by plane, not in regions",
                )
                .with_path(request)
                .with_hint("write the whole plane"));
            }
            check_writable(&image).map_err(|error| error.with_path(request))?;
            let key = Arc::as_ptr(&image) as usize;
            let plane = plane.clone();
            if self.has_own_files(&image)? {
                // Of a plane that is there twice, the last counts.
                let number = *alone.entry((key, index)).or_insert(jobs.alone.len());
                let files = self.files(&image, index)?;
                let job = PlaneJob { image, index, plane, files };
                match jobs.alone.get_mut(number) {
                    Some(earlier) => *earlier = job,
                    None => jobs.alone.push(job),
                }
                continue;
            }
            let number = *shared.entry(key).or_insert(jobs.together.len());
            match jobs.together.get_mut(number) {
                Some(job) => job.planes.push((index, plane)),
                None => jobs.together.push(ImageJob { image, planes: vec![(index, plane)] }),
            }
        }
        Ok(jobs)
    }

    /// Whether no file of the image holds more than one plane.
    fn has_own_files(&self, image: &OpenImage) -> Result<bool> {
        for level in 0..image.structure.n_levels {
            if !image.grid(image.array(&self.store, level)?).is_one_plane_per_file() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The files of a plane, by level.
    fn files(&self, image: &OpenImage, index: PlaneIndex) -> Result<Vec<TileFile>> {
        let mut files = Vec::new();
        for level in 0..image.structure.n_levels {
            let grid = image.grid(image.array(&self.store, level)?);
            let found = tiles_of_files(&grid, &[index]).into_iter();
            files.extend(found.map(|(place, tiles)| TileFile { level, place, tiles }));
        }
        Ok(files)
    }

    /// Writes planes whose files hold nothing else, as many at once as have files that may be
    /// open at one time.
    fn write_alone(
        &self,
        directory: &Directory,
        jobs: &[PlaneJob],
        touched: &Touched,
    ) -> Result<()> {
        let mut rest = jobs;
        while !rest.is_empty() {
            let mut n_files = 0;
            let fits = |job: &&PlaneJob| {
                n_files += job.files.len();
                n_files <= MAX_TOGETHER
            };
            let n_planes = rest.iter().take_while(fits).count().max(1);
            let (group, others) = rest.split_at(n_planes);
            self.write_group(directory, group, touched)?;
            rest = others;
        }
        Ok(())
    }

    /// Writes planes: first all files without names, then, when all of them are on the disk,
    /// plane by plane their names.
    fn write_group(
        &self,
        directory: &Directory,
        jobs: &[PlaneJob],
        touched: &Touched,
    ) -> Result<()> {
        let threads = self.options.io_concurrency;
        let within = NonZeroUsize::new(threads.get() / jobs.len()).unwrap_or(NonZeroUsize::MIN);
        let n_files: usize = jobs.iter().map(|job| job.files.len()).sum();
        let is_together = n_files <= MAX_TOGETHER;
        let staged =
            map(threads, jobs, |job| self.stage_plane(directory, job, within, is_together))?;
        if self.is_synced() && is_together {
            // Together: file systems put what is waited for at one time into one commit.
            let all: Vec<_> = staged.iter().flatten().collect();
            map(WAITING, &all, |(name, file)| file.sync().map_err(|error| error.with_path(name)))?;
        }
        let mut directories = Vec::new();
        let published = jobs.iter().zip(staged).try_for_each(|(job, staged)| {
            let n_full = job.files.iter().take_while(|file| file.level == 0).count();
            // One writer of an image at a time, so that all files of a plane are of one writer.
            let _lock = directory.lock(&job.image.name)?;
            publish(directory, staged, n_full, &mut directories)
        });
        touched.lock().unwrap_or_else(PoisonError::into_inner).append(&mut directories);
        published
    }

    /// Writes the files of a plane, which have no names yet; unless they are to be synced
    /// `later`, they are on the disk.
    fn stage_plane<'d>(
        &self,
        directory: &'d Directory,
        job: &PlaneJob,
        threads: NonZeroUsize,
        later: bool,
    ) -> Result<Vec<(String, Staged<'d>)>> {
        let image = &*job.image;
        let plane = Writing { index: job.index, planes: pyramid(&job.plane, image)? };
        map(threads, &job.files, |file| {
            let grid = image.grid(image.array(&self.store, file.level)?);
            let folder = image.folder(file.level);
            let name = Chunks::new(&self.store, &folder, &grid).file_name(&file.place);
            let updates = updates_of(&file.tiles, &grid, &[&plane], file.level);
            let content = file_content(&grid, None, &updates)?;
            let staged = match later {
                true => directory.write_staged(&content),
                false => directory.stage(&content, self.is_synced()),
            };
            let staged = staged.map_err(|error| error.with_path(&name))?;
            Ok((name, staged))
        })
    }

    /// Writes planes into files that hold others too: each is read, changed and replaced,
    /// by one writer of the image at a time.
    fn write_together(
        &self,
        directory: &Directory,
        image: &OpenImage,
        planes: &[(PlaneIndex, Plane)],
        touched: &Touched,
    ) -> Result<()> {
        let mut writing = Vec::with_capacity(planes.len());
        for (index, plane) in planes {
            writing.push(Writing { index: *index, planes: pyramid(plane, image)? });
        }
        let _lock = directory.lock(&image.name)?;
        let indices: Vec<PlaneIndex> = planes.iter().map(|(index, _)| *index).collect();
        let mut levels: Vec<u32> = (0..image.structure.n_levels).rev().collect();
        if self.withdraw(directory, image, &indices, touched)? {
            levels.reverse();
        }
        let all: Vec<&Writing> = writing.iter().collect();
        for level in levels {
            let grid = image.grid(image.array(&self.store, level)?);
            let folder = image.folder(level);
            let chunks = Chunks::new(&self.store, &folder, &grid);
            for (place, tiles) in tiles_of_files(&grid, &indices).into_iter().rev() {
                let name = chunks.file_name(&place);
                let existing = chunks.open(&place)?;
                let updates = updates_of(&tiles, &grid, &all, level);
                let content = file_content(&grid, existing, &updates)
                    .map_err(|error| error.with_path(&name))?;
                self.replace_file(directory, &name, &content, touched)?;
            }
        }
        Ok(())
    }
}

/// The plane at every level of its image.
fn pyramid(plane: &Plane, image: &OpenImage) -> Result<Vec<Plane>> {
    let mut planes = vec![plane.clone()];
    for level in 1..image.structure.n_levels as usize {
        let next = downsample(&planes[level - 1], image.structure.kind)?;
        planes.push(next);
    }
    Ok(planes)
}

/// The tiles of planes by the place of their file, each once.
pub(super) fn tiles_of_files(
    grid: &Grid<'_>,
    indices: &[PlaneIndex],
) -> Vec<(Vec<u64>, Vec<Tile>)> {
    let mut files: Vec<(Vec<u64>, Vec<Tile>)> = Vec::new();
    let mut known_files: HashMap<Vec<u64>, usize> = HashMap::new();
    let mut known_tiles: HashSet<Vec<u64>> = HashSet::new();
    for tile in indices.iter().flat_map(|index| grid.rows(*index, grid.plane()).concat()) {
        if !known_tiles.insert(tile.place.clone()) {
            continue;
        }
        let place = grid.file_place(&tile.place);
        let at = *known_files.entry(place.clone()).or_insert(files.len());
        match files.get_mut(at) {
            Some((_, tiles)) => tiles.push(tile),
            None => files.push((place, vec![tile])),
        }
    }
    files
}

/// A chunk to write, with the planes that give it new pixels.
struct Update<'a> {
    tile: &'a Tile,
    planes: Vec<(PlaneIndex, &'a Plane)>,
}

fn updates_of<'a>(
    tiles: &'a [Tile],
    grid: &Grid<'_>,
    planes: &[&'a Writing],
    level: u32,
) -> Vec<Update<'a>> {
    let of_tile = |tile: &'a Tile| {
        let is_in = |plane: &&&Writing| {
            let place = grid.place(plane.index);
            grid.axes.plane_dims().all(|dim| place[dim] == tile.place[dim])
        };
        let planes = planes.iter().filter(is_in);
        let planes = planes.map(|plane| (plane.index, &plane.planes[level as usize])).collect();
        Update { tile, planes }
    };
    tiles.iter().map(of_tile).collect()
}

/// The new content of a file of which `existing` is the old one.
fn file_content<'a>(
    grid: &Grid<'_>,
    existing: Option<ChunkFile<'_>>,
    updates: &[Update<'a>],
) -> Result<Stored<'a>> {
    let array = grid.array;
    let Some(shard) = array.shard else {
        let update = updates.first().ok_or_else(|| Error::internal("a file of no chunk"))?;
        return chunk_content(grid, existing.as_ref(), update);
    };
    let n_chunks = array.n_chunks_per_file() as usize;
    let mut chunks: Vec<Option<Content<'_>>> = Vec::with_capacity(n_chunks);
    for position in 0..n_chunks {
        let old = existing.as_ref().map_or(Ok(None), |file| file.stored(position))?;
        chunks.push(old.map(Content::Old));
    }
    for update in updates {
        let content = chunk_content(grid, existing.as_ref(), update)?;
        let position = grid.position_in_file(&update.tile.place);
        if let Some(slot) = chunks.get_mut(position) {
            *slot = Some(Content::New(content));
        }
    }
    let file = assemble_shard(&chunks, shard)?;
    Ok(Stored::Encoded(super::codec::Encoded::Owned(file)))
}

/// A chunk of a shard that is put together.
enum Content<'a> {
    Old(crate::buffer::PooledBuffer),
    New(Stored<'a>),
}

impl std::ops::Deref for Content<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Old(bytes) => bytes,
            Self::New(stored) => stored,
        }
    }
}

/// The stored bytes of a chunk with new pixels in it.
fn chunk_content<'a>(
    grid: &Grid<'_>,
    existing: Option<&ChunkFile<'_>>,
    update: &Update<'a>,
) -> Result<Stored<'a>> {
    let array = grid.array;
    let pixel_bytes = array.data_type.size_bytes();
    if let [(_, plane)] = &*update.planes
        && is_whole_plane(grid, update.tile, plane)
    {
        return array.chain.encode(plane.bytes(), pixel_bytes);
    }
    let mut chunk = match base(grid, existing, update)? {
        Some(base) => base,
        None => {
            let mut blank = BufferPool::global().take(array.chunk_bytes(), 0);
            blank.fill(0);
            super::codec::Decoded::Pooled(blank)
        }
    };
    for (index, plane) in &update.planes {
        let layout = ChunkPixels::of(grid, *index, pixel_bytes);
        layout.scatter(plane.bytes(), plane.shape().full(), &mut chunk, update.tile.region);
    }
    array.data_type.swap(&mut chunk);
    let stored = array.chain.encode(&chunk, pixel_bytes)?;
    Ok(Stored::Encoded(match stored {
        Stored::Encoded(encoded) => encoded,
        Stored::Borrowed(bytes) => super::codec::Encoded::Owned(bytes.to_vec()),
    }))
}

/// What of a chunk stays as it is: nothing when all of its planes are new.
fn base(
    grid: &Grid<'_>,
    existing: Option<&ChunkFile<'_>>,
    update: &Update<'_>,
) -> Result<Option<super::codec::Decoded>> {
    let planes_inside = |dim: usize| {
        let first = update.tile.place[dim] * grid.array.chunk_shape[dim];
        grid.array.chunk_shape[dim].min(grid.array.shape[dim] - first)
    };
    let n_planes: u64 = grid.axes.plane_dims().map(planes_inside).product();
    let mut given: Vec<PlaneIndex> = update.planes.iter().map(|(index, _)| *index).collect();
    given.sort_unstable();
    given.dedup();
    if given.len() as u64 == n_planes {
        return Ok(None);
    }
    let position = grid.position_in_file(&update.tile.place);
    let there = existing.map_or(Ok(None), |file| file.read(position))?;
    if there.is_some() {
        return Ok(there);
    }
    Err(Error::unsupported(format!(
        "chunks of this array hold {n_planes} planes each; with only {} of them written, \
         the others would read as black",
        given.len()
    ))
    .with_hint("write all planes of a chunk in one batch"))
}

/// Whether the bytes of a plane are those of the chunk, in its order.
fn is_whole_plane(grid: &Grid<'_>, tile: &Tile, plane: &Plane) -> bool {
    let array: &Array = grid.array;
    let shape = plane.shape();
    let extent = (array.chunk_shape[grid.axes.y], array.chunk_shape[grid.axes.x]);
    let strides = array.strides();
    grid.is_one_plane_per_chunk()
        && tile.region == shape.full()
        && extent == (u64::from(shape.height), u64::from(shape.width))
        && strides[grid.axes.x] == 1
        && strides[grid.axes.y] == shape.width as usize
        && array.data_type.is_native()
}

/// Checks that pixels written to an image can be read back as they were.
fn check_writable(image: &OpenImage) -> Result<()> {
    let layout = &image.layout;
    if !layout.array.data_type.is_pixel_type() {
        return Err(Error::unsupported("arrays of this number type are only read"));
    }
    if layout.levels.len() > layout.n_levels as usize {
        return Err(Error::unsupported(format!(
            "the image has {} levels, which are not all halves of one another: they would \
             not fit what is written",
            layout.levels.len()
        )));
    }
    Ok(())
}

/// What `work` makes of all items, on a few threads; or the first failure.
fn map<T: Sync, M: Send + Sync>(
    threads: NonZeroUsize,
    items: &[T],
    work: impl Fn(&T) -> Result<M> + Sync,
) -> Result<Vec<M>> {
    let made: Vec<OnceLock<M>> = items.iter().map(|_| OnceLock::new()).collect();
    let failure = Mutex::new(None);
    fan_out::for_each(threads, items.len(), |number| match work(&items[number]) {
        Ok(value) => {
            let _ = made[number].set(value);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            ControlFlow::Break(())
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(made.into_iter().filter_map(OnceLock::into_inner).collect()),
    }
}
