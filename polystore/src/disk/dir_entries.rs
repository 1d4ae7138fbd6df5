//! Visits the entries of a folder without a piece of memory for each.

use std::{os::unix::ffi::OsStrExt, path::Path};

use rustix::fs::{FileType, Mode, OFlags};

use crate::{Error, Result};

/// Bytes of entries that are asked for at once: about a thousand names.
#[cfg(target_os = "linux")]
const BUFFER_BYTES: usize = 64 * 1024;

/// Calls `visit` with the name and the kind of every entry of `folder`, in its own order.
/// Links are not followed.
///
/// # Errors
/// As the file system answers, naming `folder`; the first error of `visit`.
pub(super) fn for_each(
    folder: &Path,
    mut visit: impl FnMut(&[u8], FileType) -> Result<()>,
) -> Result<()> {
    let fail =
        |error: rustix::io::Errno| Error::io(error.into(), "list the folder", folder.display());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(folder, flags, Mode::empty()).map_err(fail)?;
    let mut see = |name: &[u8], kind: FileType| -> Result<()> {
        if matches!(name, b"." | b"..") {
            return Ok(());
        }
        // Some file systems leave the kind to a look at the entry.
        let kind = match kind {
            FileType::Unknown => {
                let path = folder.join(std::ffi::OsStr::from_bytes(name));
                let found = std::fs::symlink_metadata(&path)
                    .map_err(|error| Error::io(error, "look at", path.display()))?;
                let kind = found.file_type();
                match () {
                    () if kind.is_file() => FileType::RegularFile,
                    () if kind.is_dir() => FileType::Directory,
                    () if kind.is_symlink() => FileType::Symlink,
                    () => FileType::Unknown,
                }
            }
            kind => kind,
        };
        visit(name, kind)
    };
    #[cfg(target_os = "linux")]
    {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut entries = rustix::fs::RawDir::new(handle, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(fail)?;
            see(entry.file_name().to_bytes(), entry.file_type())?;
        }
    }
    #[cfg(not(target_os = "linux"))]
    for entry in rustix::fs::Dir::new(handle).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        see(entry.file_name().to_bytes(), entry.file_type())?;
    }
    Ok(())
}
