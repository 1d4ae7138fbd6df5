//! In which order the files of a plane get their names, so that a writer that is killed, or
//! that finds the disk full, leaves the old plane, the new one, or a missing one.
//!
//! A plane that was not there appears with its pyramid: the file of full size comes last.
//! One that is replaced is exchanged in one step; until its new pyramid is there, the levels
//! above are absent, and readers make them of the plane. A plane of several files cannot be
//! exchanged in one step: it is missing while it is replaced, because its first tile goes
//! first and comes last. Only where chunks hold several planes, as other writers make them,
//! and a plane lies in several files, a killed writer may leave a part of each.
//!
//! All of it is done by one writer of an image at a time, who holds a lock on its directory.

use std::{collections::HashSet, sync::PoisonError};

use super::{
    ZarrBackend,
    chunks::{ChunkFile, Chunks, assemble_shard},
    image::OpenImage,
    store::{Directory, Staged},
    write::{Touched, tiles_of_files},
};
use crate::{PlaneIndex, Result, WriteMode, buffer::PooledBuffer};

/// Gives the staged files of a plane their names; the first `n_full` are of full size. The
/// directories to sync afterwards are added to `directories`.
pub(super) fn publish(
    directory: &Directory,
    staged: Vec<(String, Staged<'_>)>,
    n_full: usize,
    directories: &mut Vec<String>,
) -> Result<()> {
    let names: Vec<String> = staged.iter().map(|(name, _)| name.clone()).collect();
    let (full_names, upper_names) = names.split_at(n_full);
    let mut full = staged;
    let upper = full.split_off(n_full);
    let mut put = |files: Vec<(String, Staged<'_>)>| {
        files
            .into_iter()
            .rev()
            .try_for_each(|(name, file)| file.publish(&name, WriteMode::Overwrite, directories))
    };
    let remove = |names: &[String]| names.iter().try_for_each(|name| directory.remove_file(name));
    let replaces = full_names.first().map_or(Ok(None), |first| directory.look(first))?.is_some();
    if !replaces {
        let published = put(upper).and_then(|()| put(full));
        if published.is_err() {
            // No level of a plane stays that is not there.
            remove(&names)?;
        }
        return published;
    }
    if let [_] = full_names {
        remove(upper_names)?;
        put(full)?;
        return put(upper);
    }
    remove(&full_names[..1])?;
    put(upper)?;
    put(full)
}

impl ZarrBackend {
    /// Takes what cannot be exchanged in one step with the rest of a plane out of files that
    /// hold other planes too: the levels above of planes that are there, and the planes
    /// themselves where they lie in several files. Answers whether any plane was there.
    pub(super) fn withdraw(
        &self,
        directory: &Directory,
        image: &OpenImage,
        indices: &[PlaneIndex],
        touched: &Touched,
    ) -> Result<bool> {
        let there = self.stored(image, indices)?;
        let grid = image.grid(image.array(&self.store, 0)?);
        let lies_in_one_file =
            indices.iter().all(|&index| tiles_of_files(&grid, &[index]).len() == 1);
        for level in u32::from(lies_in_one_file)..image.structure.n_levels {
            let grid = image.grid(image.array(&self.store, level)?);
            if !grid.is_one_plane_per_chunk() {
                continue;
            }
            let folder = image.folder(level);
            let chunks = Chunks::new(&self.store, &folder, &grid);
            for (place, tiles) in tiles_of_files(&grid, &there) {
                let Some(file) = chunks.open(&place)? else { continue };
                let positions: Vec<usize> =
                    tiles.iter().map(|tile| grid.position_in_file(&tile.place)).collect();
                let name = chunks.file_name(&place);
                match without(&file, &positions)? {
                    Some(content) => self.replace_file(directory, &name, &content, touched)?,
                    None => directory.remove_file(&name)?,
                }
            }
        }
        Ok(!there.is_empty())
    }

    /// Those planes of which a part is there at full size. Each file is opened once.
    fn stored(&self, image: &OpenImage, indices: &[PlaneIndex]) -> Result<Vec<PlaneIndex>> {
        let grid = image.grid(image.array(&self.store, 0)?);
        let folder = image.folder(0);
        let chunks = Chunks::new(&self.store, &folder, &grid);
        let mut tiles_there = HashSet::new();
        for (place, tiles) in tiles_of_files(&grid, indices) {
            let Some(file) = chunks.open(&place)? else { continue };
            for tile in tiles {
                if file.range(grid.position_in_file(&tile.place))?.is_some() {
                    tiles_there.insert(tile.place);
                }
            }
        }
        let is_there = |index: &PlaneIndex| {
            let mut tiles = grid.rows(*index, grid.plane()).into_iter().flatten();
            tiles.any(|tile| tiles_there.contains(&tile.place))
        };
        Ok(indices.iter().copied().filter(is_there).collect())
    }

    /// Gives a file new content in one step.
    pub(super) fn replace_file(
        &self,
        directory: &Directory,
        name: &str,
        content: &[u8],
        touched: &Touched,
    ) -> Result<()> {
        let staged =
            directory.stage(content, self.is_synced()).map_err(|error| error.with_path(name))?;
        let mut touched = touched.lock().unwrap_or_else(PoisonError::into_inner);
        staged.publish(name, WriteMode::Overwrite, &mut touched)
    }
}

/// A shard without the chunks at `positions`; `None` when no other chunk is in it.
fn without(file: &ChunkFile<'_>, positions: &[usize]) -> Result<Option<Vec<u8>>> {
    let Some(shard) = file.array.shard else { return Ok(None) };
    let stay = |position: usize| match positions.contains(&position) {
        true => Ok(None),
        false => file.stored(position),
    };
    let n_chunks = file.array.n_chunks_per_file() as usize;
    let chunks = (0..n_chunks).map(stay).collect::<Result<Vec<Option<PooledBuffer>>>>()?;
    if chunks.iter().all(Option::is_none) {
        return Ok(None);
    }
    assemble_shard(&chunks, shard).map(Some)
}
