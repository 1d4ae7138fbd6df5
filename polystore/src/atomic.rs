//! Writes files so that a reader, or a crash, sees the old content, the new, or none.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Error, ErrorKind, Result, WriteMode};

/// Ends the names of files that are being written; readers pass over them.
pub const TEMPORARY_SUFFIX: &str = ".polystore-tmp";

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

/// Makes renames and new names in `folder` survive a power cut.
///
/// # Errors
/// As the file system answers.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io(error, "sync the folder", folder.display()))
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
        let stem: String = name.chars().take(100).collect();
        loop {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let nanos = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.subsec_nanos());
            let unique = format!("{:x}-{count:x}-{nanos:x}", std::process::id());
            let path = target.with_file_name(format!(".{stem}.{unique}{TEMPORARY_SUFFIX}"));
            match File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { path: Some(path), file }),
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
                    .with_hint("choose another name, or overwrite it"))
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
