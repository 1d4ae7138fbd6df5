//! Copies folders of the local file system as they are: every file, whatever it holds.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempDir};

use super::transfer::Transfer;
use crate::{Error, ErrorKind, Result, atomic, disk::refuse_special};

/// Copies the folder `from` to `to`, which appears when it is whole.
///
/// # Errors
/// `AlreadyExists`, `Cancelled`; as the file system answers. What was copied before a failure
/// is removed.
pub(super) fn copy(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    make(to, transfer, |content, transfer| mirror(from, content, transfer))
}

/// Unpacks the store in the archive `zip` to `to`, which appears when it is whole.
///
/// # Errors
/// As [`copy`]; `InvalidData` for a damaged archive.
pub(super) fn unpack(zip: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    make(to, transfer, |content, transfer| mirror_zip(zip, content, transfer))
}

/// Makes the folder `to` with `fill`, and shows it when it is whole.
fn make(
    to: &Path,
    transfer: &mut Transfer<'_>,
    fill: impl FnOnce(&Path, &mut Transfer<'_>) -> Result<()>,
) -> Result<()> {
    let above = to.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(above).map_err(|error| Error::io(error, "create", above.display()))?;
    atomic::remove_stale(above);
    let (staging, _held) =
        staging(above).map_err(|error| Error::io(error, "create a folder in", above.display()))?;
    let content = staging.path().join("content");
    // What is being made has a name of its own that nobody needs to know.
    fill(&content, transfer).map_err(|error| match error.kind() {
        ErrorKind::Cancelled => error.with_outer_path(to.display()),
        _ => error,
    })?;
    if to.exists() {
        return Err(is_there(to));
    }
    show(&content, to)?;
    atomic::sync_folder(above)
}

/// Gives a folder that is whole its name. Another copy may have come first.
fn show(content: &Path, to: &Path) -> Result<()> {
    use std::io::ErrorKind as Io;
    fs::rename(content, to).map_err(|error| match error.kind() {
        Io::AlreadyExists | Io::DirectoryNotEmpty | Io::NotADirectory => is_there(to),
        _ => Error::io(error, "rename to", to.display()),
    })
}

fn is_there(to: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, "something is here already")
        .with_path(to.display())
        .with_hint("choose another place")
}

/// Makes the folder `to` hold every file of the store in the archive `zip`; files that are the
/// same stay.
///
/// # Errors
/// As [`mirror`]; `InvalidData` for a damaged archive.
pub(super) fn mirror_zip(zip: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    fs::create_dir_all(to).map_err(|error| Error::io(error, "create", to.display()))?;
    atomic::remove_stale(to);
    crate::zarr::unpack(zip, &mut |name, content| {
        transfer.check(to)?;
        let target = to.join(name);
        if fs::metadata(&target).is_ok_and(|there| there.len() == content.len() as u64)
            && fs::read(&target).is_ok_and(|there| there == content)
        {
            transfer.report.n_kept += 1;
            return Ok(());
        }
        let folder = target.parent().unwrap_or(to);
        fs::create_dir_all(folder)
            .and_then(|()| held_file(folder, 0o666))
            .and_then(|mut temporary| {
                temporary.write_all(content)?;
                temporary.persist(&target)?;
                Ok(())
            })
            .map_err(|error| Error::io(error, "write", target.display()))?;
        transfer.report.n_bytes += content.len() as u64;
        transfer.report.n_transferred += 1;
        Ok(())
    })?;
    sync(to)
}

/// Copies one file to `to`, where nothing must be; it appears when it is whole.
///
/// # Errors
/// `AlreadyExists`, `Cancelled`, `Unsupported` for what is no file; as the file system answers.
pub(super) fn copy_new_file(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    let above = to.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(above).map_err(|error| Error::io(error, "create", above.display()))?;
    atomic::remove_stale(above);
    let temporary = copy_content(from, to, transfer)?;
    temporary.as_file().sync_all().map_err(|error| Error::io(error, "sync", to.display()))?;
    temporary.persist_noclobber(to).map_err(|failed| match failed.error.kind() {
        std::io::ErrorKind::AlreadyExists => is_there(to),
        _ => Error::io(failed.error, "write", to.display()),
    })?;
    transfer.report.n_transferred += 1;
    atomic::sync_folder(above)
}

/// A folder for a copy in the making, and the handle that says that it has an owner.
fn staging(above: &Path) -> std::io::Result<(TempDir, File)> {
    loop {
        let staging = temporary().tempdir_in(above)?;
        match File::open(staging.path()) {
            Ok(handle) if atomic::hold(&handle) => return Ok((staging, handle)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

/// How files and folders are called that are not whole yet.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".copy-").suffix(atomic::TEMPORARY_SUFFIX);
    builder
}

/// Makes the folder `to` hold every file of the folder `from`; files that are the same stay.
///
/// # Errors
/// `Cancelled`; as the file system answers. What was copied before a failure stays, whole
/// files only.
pub(super) fn mirror(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    copy_below(from, to, transfer)?;
    sync(to)
}

fn copy_below(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    fs::create_dir_all(to).map_err(|error| Error::io(error, "create", to.display()))?;
    atomic::remove_stale(to);
    let listing = |error| Error::io(error, "list", from.display());
    for entry in fs::read_dir(from).map_err(listing)? {
        transfer.check(to)?;
        let entry = entry.map_err(listing)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if atomic::is_temporary(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type().map_err(listing)?;
        if kind.is_dir() {
            copy_below(&source, &target, transfer)?;
        } else if kind.is_symlink() && fs::metadata(&source).map_or(true, |leads| leads.is_dir()) {
            // Following it could lead out of the folder, around in it, or nowhere.
            copy_link(&source, &target, transfer)?;
        } else {
            copy_file(&source, &target, transfer)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    if is_same(from, to)? {
        transfer.report.n_kept += 1;
        return Ok(());
    }
    // In one step, but not synced one by one: all of them are at the end.
    copy_content(from, to, transfer)?
        .persist(to)
        .map_err(|failed| Error::io(failed.error, "write", to.display()))?;
    transfer.report.n_transferred += 1;
    Ok(())
}

/// The content and permissions of a file, in an unfinished file beside `to`.
fn copy_content(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<NamedTempFile> {
    /// After so many bytes the user is asked again whether to go on.
    const BLOCK_BYTES: u64 = 64 << 20;
    let fail = |error| Error::io(error, &format!("copy to {}", to.display()), from.display());
    // Opening a pipe would wait for a writer, reading a device would never end.
    let metadata = fs::metadata(from).map_err(fail)?;
    refuse_special(&metadata).map_err(|error| error.with_path(from.display()))?;
    let mut source = File::open(from).map_err(fail)?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    // Nobody else reads it before it has the permissions of its source.
    let mut temporary = held_file(folder, 0o600).map_err(fail)?;
    loop {
        transfer.check(to)?;
        let mut block = (&mut source).take(BLOCK_BYTES);
        let n_bytes = std::io::copy(&mut block, temporary.as_file_mut()).map_err(fail)?;
        transfer.report.n_bytes += n_bytes;
        if n_bytes == 0 {
            break;
        }
    }
    temporary.as_file().set_permissions(metadata.permissions()).map_err(fail)?;
    Ok(temporary)
}

/// A file that is not whole yet, and has an owner. Of `mode` stays what the user lets new
/// files have.
fn held_file(folder: &Path, mode: u32) -> std::io::Result<NamedTempFile> {
    loop {
        let mut builder = temporary();
        let file = builder.permissions(fs::Permissions::from_mode(mode)).tempfile_in(folder)?;
        if atomic::hold(file.as_file()) {
            return Ok(file);
        }
    }
}

fn copy_link(from: &Path, to: &Path, transfer: &mut Transfer<'_>) -> Result<()> {
    let leads_to: PathBuf =
        fs::read_link(from).map_err(|error| Error::io(error, "read the link", from.display()))?;
    if fs::read_link(to).is_ok_and(|there| there == leads_to) {
        transfer.report.n_kept += 1;
        return Ok(());
    }
    std::os::unix::fs::symlink(&leads_to, to)
        .map_err(|error| Error::io(error, "make the link", to.display()))?;
    transfer.report.n_transferred += 1;
    Ok(())
}

/// Whether two files hold the same bytes.
fn is_same(a: &Path, b: &Path) -> Result<bool> {
    const BLOCK_BYTES: usize = 1 << 20;
    let size = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file);
    let (Some(of_a), Some(of_b)) = (size(a), size(b)) else { return Ok(false) };
    if of_a.len() != of_b.len() {
        return Ok(false);
    }
    let open =
        |path: &Path| File::open(path).map_err(|error| Error::io(error, "open", path.display()));
    let (mut file_a, mut file_b) = (open(a)?, open(b)?);
    let (mut block_a, mut block_b) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    let mut left = of_a.len();
    while left > 0 {
        let n = left.min(BLOCK_BYTES as u64) as usize;
        let read = |file: &mut File, block: &mut [u8], path: &Path| {
            file.read_exact(block).map_err(|error| Error::io(error, "read", path.display()))
        };
        read(&mut file_a, &mut block_a[..n], a)?;
        read(&mut file_b, &mut block_b[..n], b)?;
        if block_a[..n] != block_b[..n] {
            return Ok(false);
        }
        left -= n as u64;
    }
    Ok(true)
}

/// Makes everything that was copied below `folder` survive a power cut.
fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
        .map_err(|error| Error::io(error, "sync", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two copies to one place are looked for before and after; the second comes to a name that
    /// was taken in between.
    #[test]
    fn a_name_that_was_taken_in_between_is_told() {
        let place = tempfile::tempdir().unwrap();
        let (content, folder, file) =
            (place.path().join("content"), place.path().join("folder"), place.path().join("file"));
        for made in [&content, &folder] {
            fs::create_dir(made).unwrap();
            fs::write(made.join("a"), "a").unwrap();
        }
        fs::write(&file, "a").unwrap();
        for taken in [&folder, &file] {
            let error = show(&content, taken).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(error.to_string().contains("something is here already"), "{error}");
        }
        show(&content, &place.path().join("free")).unwrap();
    }
}
