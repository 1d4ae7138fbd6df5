//! Writes files so that a reader, or a crash, sees the old content, the new, or none.
//!
//! A writer holds a lock on its temporary file or folder for as long as it lives, so what
//! another finds unlocked belongs to nobody and is removed by the next writer.

mod held;

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

pub use held::Held;
use rustix::fs::{FlockOperation, FsWord, flock, fstatfs};

use crate::{Error, ErrorKind, Result, WriteMode};

/// Ends the names of files that are being written; readers pass over them.
pub const TEMPORARY_SUFFIX: &str = ".polystore-tmp";

/// On file systems that other computers may share, unfinished files older than this belong to
/// nobody; their locks may not be seen here.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// File systems of this computer alone, by their number in statfs(2): ext, xfs, btrfs, tmpfs,
/// overlayfs, f2fs, zfs.
const LOCAL: [FsWord; 7] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1];

/// Whether `name` is that of a file being written, or left over from a killed writer.
pub fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY_SUFFIX)
}

/// Writes `path` in one step: `fill` writes a temporary file in the same folder, which is
/// synced, renamed over `path`, and the folder synced. Folders above are made.
///
/// # Errors
/// `AlreadyExists` with [`WriteMode::CreateNew`]; otherwise as the file system answers
/// (a full disk is `LimitExceeded`). The temporary file is removed on failure.
pub fn write_file(
    path: &Path,
    mode: WriteMode,
    fill: impl FnOnce(&mut File) -> Result<()>,
) -> Result<()> {
    let folder = path.parent().ok_or_else(|| {
        Error::invalid_input("the root of the file system is not a file").with_path(path.display())
    })?;
    // A bare name is in the current folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::create_dir_all(folder)
        .map_err(|error| Error::io(error, "create the folder", folder.display()))?;
    let temporary = Temporary::create(path)?;
    let mut file = &temporary.file;
    let mut handle = file.try_clone().map_err(|error| Error::io(error, "write", path.display()))?;
    fill(&mut handle).map_err(|error| error.with_path(path.display()))?;
    file.flush()
        .and_then(|()| file.sync_all())
        .map_err(|error| Error::io(error, "write", path.display()))?;
    temporary.publish(path, mode)?;
    sync_folder(folder)
}

/// Writes `data` to `path` in one step; see [`write_file`].
///
/// # Errors
/// As [`write_file`].
pub fn write_bytes(path: &Path, data: &[u8], mode: WriteMode) -> Result<()> {
    write_file(path, mode, |file| {
        file.write_all(data).map_err(|error| Error::io(error, "write", path.display()))
    })
}

/// Refuses a place for a file or folder where none can be made, in words that say why.
///
/// # Errors
/// `InvalidInput`: a link whose target is not there, or a file where a folder should be.
pub fn check_place(place: &Path) -> Result<()> {
    let refuse = |at: &Path, what: String| {
        Err(Error::new(ErrorKind::InvalidInput, what)
            .with_path(at.display())
            .with_hint("choose another place, or remove it"))
    };
    for at in place.ancestors() {
        match (fs::symlink_metadata(at), at.metadata()) {
            (Ok(_), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                let to = fs::read_link(at).unwrap_or_default();
                return refuse(at, format!("is a link to {}, which is not there", to.display()));
            }
            (Ok(_), Ok(found)) if at != place && !found.is_dir() => {
                return refuse(at, "is a file, not a folder".to_owned());
            }
            // What is above a place that is there is a folder.
            (Ok(_), Ok(_)) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

/// Makes renames and new names in `folder` survive a power cut.
///
/// # Errors
/// As the file system answers.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io(error, "sync the folder", folder.display()))
}

/// Takes the lock that says that a temporary file or folder has a living owner. False when
/// it was removed before that, and another must be made.
pub(crate) fn hold(handle: &File) -> bool {
    // Where there are no locks, age alone tells what is stale.
    let _ = flock(handle, FlockOperation::LockExclusive);
    handle.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}

/// Removes what writers left in `folder` that were killed: temporary files and folders that
/// nobody holds. Never those of a living writer; what cannot be removed stays.
pub(crate) fn remove_stale(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The zarr backend looks after a folder of its own, which has only the suffix.
        if !name.starts_with('.') || !is_temporary(&name) || name == TEMPORARY_SUFFIX {
            continue;
        }
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_symlink() || !is_stale(&path) {
            continue;
        }
        let removed =
            if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Ok(()) => tracing::debug!(path = %path.display(), "unfinished file removed"),
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "unfinished file was not removed");
            }
        }
    }
}

/// Whether nobody holds a temporary file or folder any more.
pub(crate) fn is_stale(path: &Path) -> bool {
    let Ok(handle) = File::open(path) else { return false };
    if flock(&handle, FlockOperation::NonBlockingLockExclusive).is_err() {
        return false;
    }
    if fstatfs(&handle).is_ok_and(|found| LOCAL.contains(&found.f_type)) {
        return true;
    }
    let modified = handle.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > STALE))
}

/// A file being written; removed when dropped before it is published.
struct Temporary {
    path: Option<PathBuf>,
    file: File,
}

impl Temporary {
    fn create(target: &Path) -> Result<Self> {
        // Unique within the process by the counter, between processes by the process and
        // the time; `create_new` catches what is left.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // Names have at most 255 bytes, whatever their letters take.
        let stem = &name[..name.floor_char_boundary(100)];
        loop {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let nanos = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.subsec_nanos());
            let unique = format!("{:x}-{count:x}-{nanos:x}", std::process::id());
            let path = target.with_file_name(format!(".{stem}.{unique}{TEMPORARY_SUFFIX}"));
            match File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) if hold(&file) => return Ok(Self { path: Some(path), file }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(error, "create a file", target.display())),
            }
        }
    }

    fn publish(mut self, target: &Path, mode: WriteMode) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let published = match mode {
            WriteMode::Overwrite => fs::rename(path, target),
            // A hard link fails when the name exists, in one step, on every local file system.
            WriteMode::CreateNew => fs::hard_link(path, target),
        };
        match published {
            Ok(()) => {
                if mode == WriteMode::Overwrite {
                    self.path = None;
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::new(ErrorKind::AlreadyExists, "a file of this name exists")
                    .with_path(target.display())
                    .with_hint("choose another name"))
            }
            Err(error) => Err(Error::io(error, "write", target.display())),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn new_content_replaces_old_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/a.txt");
        write_bytes(&path, b"old", WriteMode::CreateNew).unwrap();
        write_bytes(&path, b"new", WriteMode::Overwrite).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let error = write_bytes(&path, b"x", WriteMode::CreateNew).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(path.parent().unwrap()), ["a.txt"]);
    }

    #[test]
    fn leftovers_are_removed_and_files_of_living_writers_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at(".a.tif.1-0-0.polystore-tmp"), b"half").unwrap();
        fs::create_dir_all(at(".copy-x.polystore-tmp/content")).unwrap();
        fs::create_dir_all(at(".polystore-tmp/of-zarr")).unwrap();
        fs::write(at("a.polystore-tmp"), b"has no dot").unwrap();
        let living = Temporary::create(&at("b.tif")).unwrap();
        fs::create_dir(at(".copy-y.polystore-tmp")).unwrap();
        let held = File::open(at(".copy-y.polystore-tmp")).unwrap();
        assert!(hold(&held));
        remove_stale(folder.path());
        let mut left = names(folder.path());
        left.sort();
        let of_living = living.path.as_ref().unwrap().file_name().unwrap().to_str().unwrap();
        let expected = [of_living, ".copy-y.polystore-tmp", ".polystore-tmp", "a.polystore-tmp"];
        assert_eq!(left, expected);
        drop((living, held));
        remove_stale(folder.path());
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_failure_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_bytes(&path, b"old", WriteMode::Overwrite).unwrap();
        let failed = write_file(&path, WriteMode::Overwrite, |file| {
            file.write_all(b"half").unwrap();
            Err(Error::internal("stopped"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_read_only_folder_is_named() {
        // Root may write anywhere, so a file in place of the folder stands for it.
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let error =
            write_bytes(&folder.path().join("file/a"), b"", WriteMode::Overwrite).unwrap_err();
        assert!(error.path().unwrap().ends_with("file"), "{error}");
    }
}
