//! Which planes are there, by the names of chunk files: pixels are not read.

use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
};

use super::{
    AbsentChunks, ZarrBackend,
    array::{Array, number},
    chunks::Chunks,
    image::OpenImage,
    plate::OpenPlate,
    store::{Found, Store, join},
    window::Grid,
};
use crate::{
    ErrorKind, PlaneIndex, Result, VirtualPath, fan_out,
    model::{ImageInventory, Inventory, PlaneState, Sizes},
    words::count,
};

/// The states of an image's planes, and a remark for people.
type States = (ImageInventory, Option<String>);

/// A chunk file that is there, and its size where that was seen on the way.
struct FoundFile {
    place: Vec<u64>,
    n_bytes: Option<u64>,
}

impl ZarrBackend {
    /// Looks for the chunks of every image of a plate, in parallel.
    pub(super) fn take_inventory(
        &self,
        path: &VirtualPath,
        plate: &OpenPlate,
    ) -> Result<Inventory> {
        let images: Vec<_> = plate.structure().images().map(|(_, image)| image).collect();
        let slots: Vec<OnceLock<Result<States>>> = images.iter().map(|_| OnceLock::new()).collect();
        fan_out::for_each(self.options.io_concurrency, images.len(), |ordinal| {
            let sizes = images[ordinal].sizes;
            let found = match self.image_of(path, plate, ordinal) {
                Ok(image) => self.image_inventory(&image),
                Err(error) if error.kind() == ErrorKind::MissingPlane => {
                    Ok((ImageInventory::uniform(sizes, PlaneState::Missing), None))
                }
                Err(error) => {
                    let corrupt = ImageInventory::uniform(sizes, PlaneState::Corrupt);
                    Ok((corrupt, Some(error.chain())))
                }
            };
            let _ = slots[ordinal].set(found);
            ControlFlow::Continue(())
        });
        let mut inventory = Inventory {
            notes: plate.notes.clone(),
            passed_over: plate.passed_over.clone(),
            ..Inventory::default()
        };
        for (slot, image) in slots.into_iter().zip(images) {
            let unseen = || Err(crate::Error::internal("image was not looked at"));
            let (mut states, note) = slot.into_inner().unwrap_or_else(unseen)?;
            states.set_absent(image);
            inventory.images.push(states);
            inventory.notes.extend(note.filter(|note| !plate.notes.contains(note)));
        }
        Ok(inventory)
    }

    fn image_inventory(&self, image: &Arc<OpenImage>) -> Result<States> {
        let sizes = image.structure.sizes;
        if self.options.absent_chunks == AbsentChunks::Fill {
            return Ok((ImageInventory::uniform(sizes, PlaneState::Present), None));
        }
        let array = image.array(&self.store, 0)?;
        let grid = image.grid(array);
        let folder = image.folder(0);
        let files = find_files(&self.store, &folder, array)?;
        if files.is_empty() {
            return Ok((ImageInventory::uniform(sizes, PlaneState::Missing), None));
        }
        let chunks = Chunks::new(&self.store, &folder, &grid);
        let mut count = Count::new(&grid, sizes);
        for file in &files {
            count.add(&chunks, file);
        }
        Ok(count.finish(&folder))
    }

    /// Whether every chunk of one plane of `image` is there.
    pub(super) fn is_plane_stored(&self, image: &OpenImage, index: PlaneIndex) -> Result<bool> {
        if self.options.absent_chunks == AbsentChunks::Fill {
            return Ok(true);
        }
        let array = image.array(&self.store, 0)?;
        let grid = image.grid(array);
        let folder = image.folder(0);
        let chunks = Chunks::new(&self.store, &folder, &grid);
        let full = image.structure.sizes.plane_shape().full();
        grid.check_size(full)?;
        for tile in grid.rows(index, full).concat() {
            let Some(file) = chunks.open(&grid.file_place(&tile.place))? else { return Ok(false) };
            if file.range(grid.position_in_file(&tile.place))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// How many chunks of each plane are there.
struct Count<'a> {
    grid: &'a Grid<'a>,
    sizes: Sizes,
    /// Chunks of a plane.
    n_needed: u32,
    present: Vec<u32>,
    corrupt: Vec<bool>,
}

impl<'a> Count<'a> {
    fn new(grid: &'a Grid<'a>, sizes: Sizes) -> Self {
        let array = grid.array;
        let n_needed = array.n_chunks(grid.axes.y).saturating_mul(array.n_chunks(grid.axes.x));
        let n_planes = usize::try_from(sizes.n_planes()).unwrap_or(0);
        Self {
            grid,
            sizes,
            n_needed: u32::try_from(n_needed).unwrap_or(u32::MAX),
            present: vec![0; n_planes],
            corrupt: vec![false; n_planes],
        }
    }

    fn add(&mut self, chunks: &Chunks<'_>, file: &FoundFile) {
        let array = self.grid.array;
        if array.shard.is_some() {
            match chunks.open(&file.place) {
                Ok(Some(shard)) => self.add_shard(&shard, file),
                Ok(None) => {}
                Err(_) => self.mark(&first_chunk(array, &file.place), &array.file_shape, None),
            }
            return;
        }
        let expected = array.chain.stored_len(array.chunk_bytes()).map(|len| len as u64);
        let is_damaged = file
            .n_bytes
            .is_some_and(|found| found == 0 || expected.is_some_and(|expected| found != expected));
        let weight = (!is_damaged).then_some(1);
        self.mark(&first_chunk(array, &file.place), &array.chunk_shape, weight);
    }

    fn add_shard(&mut self, shard: &super::chunks::ChunkFile<'_>, file: &FoundFile) {
        let array = self.grid.array;
        let first = first_chunk(array, &file.place);
        let per_file: Vec<u64> =
            (0..array.n_dims()).map(|dim| array.chunks_per_file(dim)).collect();
        let n_chunks: u64 = per_file.iter().product();
        for position in 0..n_chunks as usize {
            let mut rest = position as u64;
            let mut pixel = first.clone();
            for dim in (0..array.n_dims()).rev() {
                pixel[dim] += rest % per_file[dim] * array.chunk_shape[dim];
                rest /= per_file[dim];
            }
            if pixel.iter().zip(&array.shape).any(|(at, size)| at >= size) {
                continue;
            }
            match shard.range(position) {
                Ok(Some(_)) => self.mark(&pixel, &array.chunk_shape, Some(1)),
                Ok(None) => {}
                Err(_) => self.mark(&pixel, &array.chunk_shape, None),
            }
        }
    }

    /// Counts a chunk for the planes in the box at `first`; `None` marks them as corrupt.
    fn mark(&mut self, first: &[u64], extent: &[u64], weight: Option<u32>) {
        let range = |dim: Option<usize>, size: u32| match dim {
            Some(dim) => {
                let end = first[dim].saturating_add(extent[dim]).min(u64::from(size));
                first[dim] as u32..end as u32
            }
            None => 0..1,
        };
        let axes = self.grid.axes;
        let Sizes { t, c, z, .. } = self.sizes;
        for t in range(axes.t, t) {
            for c in range(axes.c, c) {
                for z in range(axes.z, z) {
                    let Some(at) = self.sizes.ordinal(PlaneIndex::new(t, c, z)) else { continue };
                    match weight {
                        Some(weight) => self.present[at] += weight,
                        None => self.corrupt[at] = true,
                    }
                }
            }
        }
    }

    fn finish(self, folder: &str) -> States {
        let mut n_partial = 0u64;
        let states = ImageInventory::from_fn(self.sizes, |index| {
            let at = self.sizes.ordinal(index).unwrap_or(0);
            match self.present[at] {
                _ if self.corrupt[at] => PlaneState::Corrupt,
                n if n >= self.n_needed => PlaneState::Present,
                0 => PlaneState::Missing,
                _ => {
                    n_partial += 1;
                    PlaneState::Missing
                }
            }
        });
        let note = (n_partial > 0).then(|| {
            format!(
                "{folder}: {} without some of the chunks; if its writer leaves out chunks that \
                 are all background, open it with absent_chunks=fill",
                count(n_partial, "plane")
            )
        });
        (states, note)
    }
}

/// The first pixel of the file at `place`.
fn first_chunk(array: &Array, place: &[u64]) -> Vec<u64> {
    place.iter().zip(&array.file_shape).map(|(at, extent)| at.saturating_mul(*extent)).collect()
}

/// The chunk files of an array: one look per directory, or per file where a directory can
/// have only one.
fn find_files(store: &Store, folder: &str, array: &Array) -> Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    if array.keys.separator == '/' {
        let start = if array.keys.prefixed { join(folder, "c") } else { folder.to_owned() };
        descend(store, &start, array, &mut Vec::new(), &mut found)?;
        return Ok(found);
    }
    for listed in store.list(folder)?.unwrap_or_default() {
        let place = array.keys.parse(&listed.name, array.n_dims());
        if let Some(place) = place.filter(|place| !listed.is_directory && is_inside(array, place)) {
            found.push(FoundFile { place, n_bytes: None });
        }
    }
    Ok(found)
}

fn is_inside(array: &Array, place: &[u64]) -> bool {
    place.iter().enumerate().all(|(dim, number)| *number < array.n_files(dim))
}

/// Collects the files below a directory that chooses dimension `place.len()`.
fn descend(
    store: &Store,
    folder: &str,
    array: &Array,
    place: &mut Vec<u64>,
    found: &mut Vec<FoundFile>,
) -> Result<()> {
    let dim = place.len();
    let is_last = dim + 1 == array.n_dims();
    if array.n_files(dim) == 1 {
        let name = join(folder, "0");
        place.push(0);
        if !is_last {
            descend(store, &name, array, place, found)?;
        } else if let Some(Found::File(n_bytes)) = store.look(&name)? {
            found.push(FoundFile { place: place.clone(), n_bytes: Some(n_bytes) });
        }
        place.pop();
        return Ok(());
    }
    for listed in store.list(folder)?.unwrap_or_default() {
        let Some(at) = number(&listed.name).filter(|at| *at < array.n_files(dim)) else { continue };
        if listed.is_directory == is_last {
            continue;
        }
        place.push(at);
        match is_last {
            true => found.push(FoundFile { place: place.clone(), n_bytes: None }),
            false => descend(store, &join(folder, &listed.name), array, place, found)?,
        }
        place.pop();
    }
    Ok(())
}
