//! Headers of image files, read once and kept while the file is unchanged.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    format::{self, Header},
    tiff::FileIdentity,
};
use crate::{Error, ErrorKind, Result};

/// Memory that kept headers may take.
const MAX_WEIGHT: usize = 64 << 20;

/// A bounded store of headers by path.
#[derive(Default)]
pub(crate) struct HeaderCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    weight: usize,
    clock: u64,
    headers: HashMap<PathBuf, (Arc<dyn Header>, u64)>,
}

impl HeaderCache {
    /// Opens an image file; its header comes from here when the file is the same as before.
    ///
    /// # Errors
    /// As [`format::open_image`].
    pub(crate) fn open(&self, path: &Path) -> Result<(File, Arc<dyn Header>)> {
        if let Some(header) = self.get(path) {
            let file =
                File::open(path).map_err(|error| Error::io(error, "open", path.display()))?;
            if identity(&file, path)? == header.identity() {
                return Ok((file, header));
            }
        }
        let (file, header) = format::open_image(path)?;
        self.put(path, &header);
        Ok((file, header))
    }

    fn get(&self, path: &Path) -> Option<Arc<dyn Header>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let (header, used) = kept.headers.get_mut(path)?;
        *used = now;
        Some(Arc::clone(header))
    }

    fn put(&self, path: &Path, header: &Arc<dyn Header>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        if let Some((old, _)) = kept.headers.insert(path.to_owned(), (Arc::clone(header), now)) {
            kept.weight -= old.weight();
        }
        kept.weight += header.weight();
        if kept.weight > MAX_WEIGHT {
            kept.evict();
        }
    }
}

impl Kept {
    /// Drops the older half, so that dropping costs little per header.
    fn evict(&mut self) {
        let mut ages: Vec<u64> = self.headers.values().map(|(_, used)| *used).collect();
        let middle = ages.len() / 2;
        let (_, &mut median, _) = ages.select_nth_unstable(middle);
        self.headers.retain(|_, (_, used)| *used > median);
        self.weight = self.headers.values().map(|(header, _)| header.weight()).sum();
    }
}

fn identity(file: &File, path: &Path) -> Result<FileIdentity> {
    let metadata = file.metadata().map_err(|error| Error::io(error, "open", path.display()))?;
    Ok(FileIdentity::of(&metadata))
}

/// Checks, after pixels were read, that the file is still the one that the header is of.
///
/// # Errors
/// `Transient` when it changed in between.
pub(crate) fn check_unchanged(file: &File, header: &dyn Header, path: &Path) -> Result<()> {
    if identity(file, path)? == header.identity() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Transient, "file changed while it was read")
        .with_path(path.display())
        .with_hint("wait until it is written completely, then try again"))
}
