//! Keeps a mirror from overwriting one plate with another.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use super::transfer::Transfer;
use crate::{
    Error, ErrorKind, Result, atomic,
    disk::{Writing, is_own_plate, is_source_plate},
    microscope::names::image_stem,
};

/// Most files that are compared; two plates differ in nearly all of their images.
const MAX_COMPARED: usize = 32;
/// Most names that the compared files are chosen from.
const MAX_NAMES: usize = 100_000;

/// Refuses to mirror the folder `from` onto `to` where that is a plate and holds other images
/// than the source under the same names. So are the raw plates that both have further down.
///
/// A copy that is out of date, was interrupted, or is of a plate that still grows is no other
/// plate: images are judged before metadata, a file that ends too early is no difference, and
/// a plate without images has nothing to lose.
///
/// # Errors
/// `PermissionDenied` with how many of the compared files differ; `Cancelled`.
pub(super) fn refuse(from: &Path, to: &Path, transfer: &Transfer<'_>) -> Result<()> {
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((source, target)) = folders.pop() {
        transfer.check(to)?;
        if !target.is_dir() {
            continue;
        }
        let is_store = is_store(&target);
        // Results further down may be made anew and mirrored again; what a microscope wrote
        // may not.
        let is_plate = match target == to {
            true => is_store || is_own_plate(&target) || is_source_plate(&target, Writing::Results),
            false => !is_store && is_source_plate(&target, Writing::Images),
        };
        if is_plate {
            compare(&source, &target, is_store, transfer)?;
        } else if !is_store {
            let below = entries(&source).filter(|entry| kind(entry).is_some_and(|at| at.is_dir()));
            folders.extend(below.map(|entry| (entry.path(), target.join(entry.file_name()))));
        }
    }
    Ok(())
}

/// [`refuse`] for the store in the archive `zip`, which is read once for this.
///
/// # Errors
/// As [`refuse`]; `InvalidData` for a damaged archive.
pub(super) fn refuse_zip(zip: &Path, to: &Path, transfer: &Transfer<'_>) -> Result<()> {
    let is_store = is_store(to);
    if !is_store && !is_own_plate(to) && !is_source_plate(to, Writing::Results) {
        return Ok(());
    }
    let (mut images, mut others) = (Tally::default(), Tally::default());
    crate::zarr::unpack(zip, &mut |name, content| {
        transfer.check(to)?;
        let tally = if is_image(name, is_store) { &mut images } else { &mut others };
        if let Ok(there) = fs::read(to.join(name)) {
            tally.add(content.starts_with(&there));
        }
        Ok(())
    })?;
    match images.n_compared() {
        0 if has_images(to, is_store) => others.judge(to),
        _ => images.judge(to),
    }
}

fn compare(from: &Path, to: &Path, is_store: bool, transfer: &Transfer<'_>) -> Result<()> {
    let names = in_both(from, to);
    let (images, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| {
        is_image(&name.file_name().unwrap_or_default().to_string_lossy(), is_store)
    });
    let chosen = match images.is_empty() {
        true if has_images(to, is_store) => others,
        _ => images,
    };
    let mut tally = Tally::default();
    let n_compared = chosen.len().min(MAX_COMPARED);
    for number in 0..n_compared {
        // Spread over the whole plate: one field may have been imaged again.
        let name = &chosen[number * chosen.len() / n_compared];
        transfer.check(to)?;
        tally.add(starts_with(&from.join(name), &to.join(name))?);
    }
    tally.judge(to)
}

#[derive(Debug, Default)]
struct Tally {
    n_same: u64,
    n_differ: u64,
}

impl Tally {
    fn add(&mut self, is_same: bool) {
        match is_same {
            true => self.n_same += 1,
            false => self.n_differ += 1,
        }
    }

    fn n_compared(&self) -> u64 {
        self.n_same + self.n_differ
    }

    fn judge(&self, to: &Path) -> Result<()> {
        if self.n_differ <= self.n_same {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "this is another plate, which a mirror does not overwrite: of {} compared that \
                 both have, {} differ",
                crate::words::count(self.n_compared(), "file"),
                self.n_differ
            ),
        )
        .with_path(to.display())
        .with_hint("choose another place; delete what is here first if it is of no more use"))
    }
}

/// Whether a zarr store has its root here.
fn is_store(folder: &Path) -> bool {
    const METADATA: [&str; 3] = ["zarr.json", ".zattrs", ".zgroup"];
    METADATA.iter().any(|name| folder.join(name).is_file())
}

/// Whether a file holds pixels by its name: in a store whatever is no metadata.
fn is_image(path: &str, is_store: bool) -> bool {
    const METADATA: [&str; 5] = ["zarr.json", ".zattrs", ".zgroup", ".zarray", ".zmetadata"];
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_store { !METADATA.contains(&name) } else { image_stem(name).is_some() }
}

/// Names of files that are at and below both folders, in order.
fn in_both(from: &Path, to: &Path) -> Vec<PathBuf> {
    let mut names = files(from, |below| to.join(below).is_dir());
    names.retain(|name| to.join(name).is_file());
    names.sort();
    names
}

fn has_images(folder: &Path, is_store: bool) -> bool {
    files(folder, |_| true)
        .iter()
        .any(|name| is_image(&name.file_name().unwrap_or_default().to_string_lossy(), is_store))
}

/// Files at and below a folder, by their names in it, of those folders that `enter` lets in.
/// What cannot be listed is left to the mirror, which tells of it.
fn files(folder: &Path, enter: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in entries(&folder.join(&below)) {
            let name = below.join(entry.file_name());
            match kind(&entry) {
                Some(kind) if kind.is_dir() && enter(&name) => folders.push(name),
                // Links to files count as what they lead to.
                Some(kind) if !kind.is_dir() && entry.path().is_file() => names.push(name),
                _ => {}
            }
            if names.len() >= MAX_NAMES {
                return names;
            }
        }
    }
    names
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| !atomic::is_temporary(&entry.file_name().to_string_lossy()))
}

fn kind(entry: &fs::DirEntry) -> Option<fs::FileType> {
    entry.file_type().ok()
}

/// Whether the file `long` starts with all that is in `short`.
fn starts_with(long: &Path, short: &Path) -> Result<bool> {
    const BLOCK_BYTES: u64 = 1 << 20;
    let open =
        |path: &Path| File::open(path).map_err(|error| Error::io(error, "open", path.display()));
    let (mut long_file, mut short_file) = (open(long)?, open(short)?);
    let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
    loop {
        of_long.clear();
        of_short.clear();
        let read = |file: &mut File, block: &mut Vec<u8>, path: &Path| {
            let mut part = file.take(BLOCK_BYTES);
            part.read_to_end(block).map_err(|error| Error::io(error, "read", path.display()))
        };
        read(&mut short_file, &mut of_short, short)?;
        read(&mut long_file, &mut of_long, long)?;
        if !of_long.starts_with(&of_short) {
            return Ok(false);
        }
        if (of_short.len() as u64) < BLOCK_BYTES {
            return Ok(true);
        }
    }
}
