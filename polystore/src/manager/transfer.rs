//! Copies, moves and mirrors within and between backends.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    FileManager, Target,
    content::same_place,
    create,
    images::{self, copy_image},
    location::{self, Location},
    other_plate, tree,
};
use crate::{
    Entry, EntryKind, Error, ErrorKind, Result, WriteMode,
    disk::{Writing, refuse_source, zarr_root},
    microscope::names::image_stem,
    plate::real,
};

/// How [`FileManager::mirror`] makes the target like the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MirrorMode {
    /// Copies what is not there or differs in size or content.
    #[default]
    Copy,
    /// Makes symbolic links to the source's files; on disk only.
    Link,
}

/// What a transfer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferReport {
    /// Files, images or links made.
    pub n_transferred: u64,
    /// Files that were the same already.
    pub n_kept: u64,
    /// Bytes of content copied.
    pub n_bytes: u64,
}

/// A transfer on its way.
pub(super) struct Transfer<'a> {
    pub(super) report: TransferReport,
    cancel: &'a AtomicBool,
}

impl<'a> Transfer<'a> {
    fn new(cancel: &'a AtomicBool) -> Self {
        Self { report: TransferReport::default(), cancel }
    }

    /// Refuses to go on at `place` when the caller wants no more.
    pub(super) fn check(&self, place: &Path) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(
                Error::new(ErrorKind::Cancelled, "the copy was stopped").with_path(place.display())
            );
        }
        Ok(())
    }
}

impl FileManager {
    /// Copies a file, an image or a whole folder to `to`, which must not exist.
    ///
    /// A file is copied byte by byte, and so is an image file to a name of its own kind. An
    /// image whose target is a file of another kind, or a name in a store, is read and written
    /// there with the same pixels. A zipped store is a file; with a `/` behind its name it is
    /// the folder of what is in it.
    ///
    /// # Errors
    /// `InvalidInput` for an image to a name that is no image's, or a file that cannot hold it;
    /// `NotFound`, `AlreadyExists`, `InvalidInput` for a folder into itself; as the backends
    /// answer. A copy that fails half-way leaves whole files only.
    pub fn copy(&self, from: &str, to: &str) -> Result<TransferReport> {
        self.copy_until(from, to, &AtomicBool::new(false))
    }

    /// [`FileManager::copy`] that stops after the file or plane at hand when `cancel` is set,
    /// and takes away again what it made.
    ///
    /// # Errors
    /// `Cancelled`; as [`FileManager::copy`].
    pub fn copy_until(&self, from: &str, to: &str, cancel: &AtomicBool) -> Result<TransferReport> {
        let is_folder_asked = from.ends_with('/');
        let from = match self.resolve(from) {
            // What is damaged can still be copied, byte by byte.
            Err(error) if error.kind() == ErrorKind::InvalidData && !is_folder_asked => {
                self.resolve(&format!("disk:{from}")).map_err(|_| error)?
            }
            answer => answer?,
        };
        let entry = stat_plane(&from)?;
        let mut transfer = Transfer::new(cancel);
        let local = self.local_target(to)?;
        // A zipped store is a file, whatever is in it.
        let zip = create::local_path(&from)
            .filter(|path| entry.kind == EntryKind::Directory && path.is_file());
        if let Some(zip) = zip {
            let Some(target) = local else {
                return Err(Error::unsupported("a zipped store is copied on disk only")
                    .with_path(to)
                    .with_hint("name what is in it, such as an image, to copy it into a store"));
            };
            return copy_zip(&zip, &target, (to, is_folder_asked), transfer);
        }
        // A whole folder or store stays what it is, down to the last file.
        if entry.kind == EntryKind::Directory
            && let Some(folder) = create::local_path(&from)
            && let Some(target) = local
        {
            check_folders_apart(&folder, &target)?;
            check_is_no_zip(&target)?;
            if target.exists() {
                return Err(is_there(target.display(), target.is_dir().then_some(&from)));
            }
            tree::copy(&folder, &target, &mut transfer)?;
            return Ok(transfer.report);
        }
        if to.ends_with('/') && entry.kind != EntryKind::Directory {
            self.check_is_folder(&from, to)?;
        }
        self.refuse_new_root(&from, &entry, to)?;
        let by_plane = images::is_by_plane(&from, &entry, &self.place(to)?)?;
        let place = to;
        let to = self.resolve_for_writing(to)?;
        check_apart(&from, &to)?;
        if let Ok(there) = to.backend.stat(&to.path) {
            let is_folder = there.kind == EntryKind::Directory;
            return Err(is_there(place.trim_end_matches('/'), is_folder.then_some(&from)));
        }
        let copied = match (by_plane, create::local_path(&from), local) {
            (true, ..) => copy_image(&from, &to, &mut transfer).map(|()| {
                transfer.report.n_transferred += 1;
            }),
            (false, Some(file), Some(target)) if entry.kind == EntryKind::Blob => {
                tree::copy_new_file(&file, &target, &mut transfer)
            }
            _ => copy_entry(&from, &entry, &to, &mut transfer, &copy_one),
        };
        if let Err(error) = &copied
            && (by_plane || error.kind() == ErrorKind::Cancelled)
            && error.kind() != ErrorKind::AlreadyExists
            && let Err(left) = to.backend.delete(&to.path, true)
            // Where nothing can be written nothing is left.
            && ![ErrorKind::NotFound, ErrorKind::Unsupported, ErrorKind::PermissionDenied]
                .contains(&left.kind())
        {
            tracing::warn!(path = %to.path, error = %left.chain(), "a part of the copy is left");
        }
        copied.map(|()| transfer.report)
    }

    /// Moves a file, an image or a folder to `to`, which must not exist: in one step where
    /// the backend can, else by copy and delete.
    ///
    /// # Errors
    /// As [`FileManager::copy`]; the source is only deleted when the copy is whole.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (source, target) = (self.resolve(from)?, self.resolve(to)?);
        let one_backend = source.backend.spec() == target.backend.spec();
        if one_backend && source.backend.capabilities().rename {
            return source.backend.rename(&source.path, &target.path);
        }
        self.copy(from, to)?;
        source.backend.delete(&source.path, true)
    }

    /// Makes the folder `to` hold everything that the folder `from` holds; what `to` has
    /// beyond that stays.
    ///
    /// A copy that is out of date or was interrupted is brought up to date. Another plate is not
    /// overwritten: where `to` is a plate, up to 32 of the images that both have are compared,
    /// and more of them must be the same, or the beginning of the same, than differ.
    ///
    /// # Errors
    /// `PermissionDenied` where `to` is another plate; as [`FileManager::copy`]; `Unsupported` for
    /// links between backends other than disk.
    pub fn mirror(&self, from: &str, to: &str, mode: MirrorMode) -> Result<TransferReport> {
        self.mirror_until(from, to, mode, &AtomicBool::new(false))
    }

    /// [`FileManager::mirror`] that stops after the file or plane at hand when `cancel` is
    /// set. What is there by then stays, and the next mirror goes on from it.
    ///
    /// # Errors
    /// `Cancelled`; as [`FileManager::mirror`].
    pub fn mirror_until(
        &self,
        from: &str,
        to: &str,
        mode: MirrorMode,
        cancel: &AtomicBool,
    ) -> Result<TransferReport> {
        let from = self.resolve(from)?;
        let entry = from.backend.stat(&from.path)?;
        if entry.kind != EntryKind::Directory {
            return Err(Error::invalid_input("only a folder can be mirrored").with_path(&from.path));
        }
        let mut transfer = Transfer::new(cancel);
        let local = self.local_target(to)?;
        if mode == MirrorMode::Link {
            self.check_links(&from, to)?;
        }
        if let Some((folder, target)) = create::local_path(&from).zip(local) {
            check_folders_apart(&folder, &target)?;
            match folder.is_file() {
                true => other_plate::refuse_zip(&folder, &target, &transfer)?,
                false => other_plate::refuse(&folder, &target, &transfer)?,
            }
            if mode == MirrorMode::Copy {
                check_is_no_zip(&target)?;
                match folder.is_file() {
                    true => tree::mirror_zip(&folder, &target, &mut transfer)?,
                    false => tree::mirror(&folder, &target, &mut transfer)?,
                }
                return Ok(transfer.report);
            }
        }
        let to = self.resolve_for_writing(to)?;
        check_apart(&from, &to)?;
        match mode {
            MirrorMode::Copy => copy_entry(&from, &entry, &to, &mut transfer, &copy_changed)?,
            MirrorMode::Link => copy_entry(&from, &entry, &to, &mut transfer, &link_one)?,
        }
        Ok(transfer.report)
    }

    /// A slash at the end says that `to` is a folder, which nothing but a folder becomes.
    fn check_is_folder(&self, from: &Target, to: &str) -> Result<()> {
        let there = self.resolve(to).and_then(|target| target.backend.stat(&target.path));
        if there.is_ok_and(|there| there.kind == EntryKind::Directory) {
            return Ok(());
        }
        let name = from.path.name().unwrap_or("NAME");
        Err(Error::not_found("there is no such folder")
            .with_path(to)
            .with_hint(format!("name the copy in it, {to}{name}: folders above it are made")))
    }

    /// An image needs a name in a store; the store itself is no image.
    fn refuse_new_root(&self, from: &Target, entry: &Entry, to: &str) -> Result<()> {
        match create::new_store(&to.parse()?)? {
            Some((store, below))
                if below.as_os_str().is_empty() && entry.kind == EntryKind::Directory =>
            {
                let to = to.trim_end_matches('/');
                Err(Error::invalid_input("a part of a plate or store is no store of its own")
                    .with_path(store.display())
                    .with_hint(format!(
                        "copy its images by name, such as {path}/0 to {to}{path}/0, or \
                         `polystore convert` the whole plate",
                        path = from.path
                    )))
            }
            Some((store, below)) if below.as_os_str().is_empty() => {
                Err(needs_name(store.display(), to))
            }
            Some(_) => Ok(()),
            // One that is there already.
            None => match self.resolve(to) {
                Ok(target)
                    if target.backend.spec().scheme == "zarr"
                        && target.path.is_root()
                        && entry.kind != EntryKind::Directory =>
                {
                    Err(needs_name(target.backend.spec().location, to))
                }
                _ => Ok(()),
            },
        }
    }

    /// The path of a location that is a file or folder of the local file system, or a whole
    /// store in it, there or not. One in a vendor's plate is refused.
    fn local_target(&self, location: &str) -> Result<Option<PathBuf>> {
        let parsed: Location = location.parse()?;
        if !matches!(parsed.scheme.as_deref(), None | Some("disk" | "file" | "zarr"))
            || self.is_mounted(location)
        {
            return Ok(None);
        }
        let path = location::absolute(&parsed.rest)?;
        let store = zarr_root(&path);
        if store.as_ref().is_some_and(|store| *store != path) {
            return Ok(None);
        }
        if let Some(store) = store.filter(|store| !store.exists()) {
            create::refuse_new_store(&store)?;
        }
        // A link is as good as what it leads to.
        if let Some(folder) = real(&path).parent() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_new_image = image_stem(&name).is_some() && path.symlink_metadata().is_err();
            refuse_source(folder, if is_new_image { Writing::Images } else { Writing::Files })?;
        }
        Ok(Some(path))
    }

    /// Links are made between files on disk only; elsewhere nothing is begun.
    fn check_links(&self, from: &Target, to: &str) -> Result<()> {
        on_disk(from)?;
        if create::new_store(&to.parse()?)?.is_some() {
            return Err(no_links(to));
        }
        on_disk(&self.resolve(to)?).map(|_| ())
    }

    /// Makes a symbolic link at `link` that leads to `target`; both on disk. An existing
    /// link there is replaced, anything else is not.
    ///
    /// # Errors
    /// `Unsupported` unless both are on disk; `AlreadyExists`.
    pub fn link(&self, target: &str, link: &str) -> Result<()> {
        let (from, to) = (self.resolve(target)?, self.resolve(link)?);
        let entry = from.backend.stat(&from.path)?;
        link_one(&from, &entry, &to, &mut Transfer::new(&AtomicBool::new(false)))
    }
}

fn needs_name(store: impl std::fmt::Display, to: &str) -> Error {
    Error::invalid_input("a store holds images by name")
        .with_path(store)
        .with_hint(format!("name the image in it: {}/0", to.trim_end_matches('/')))
}

/// What is at a place; a plane by its name counts as an image, though no listing has it.
fn stat_plane(from: &Target) -> Result<Entry> {
    let missing = match from.backend.stat(&from.path) {
        Err(error) if error.kind() == ErrorKind::NotFound => error,
        answer => return answer,
    };
    match from.backend.describe(&from.path) {
        Ok(_) => Ok(Entry { path: from.path.clone(), kind: EntryKind::Image, size_bytes: None }),
        Err(_) => Err(missing),
    }
}

/// Copies a zipped store as the file that it is, or unpacks it where a folder is asked for.
fn copy_zip(
    zip: &Path,
    target: &Path,
    (to, is_folder_asked): (&str, bool),
    mut transfer: Transfer<'_>,
) -> Result<TransferReport> {
    if target.symlink_metadata().is_ok() {
        return Err(is_there(target.display(), None));
    }
    let is_folder_name = to.ends_with('/') || target.extension().is_some_and(|end| end == "zarr");
    match (is_folder_asked, is_folder_name) {
        (true, _) => tree::unpack(zip, target, &mut transfer)?,
        (false, true) => {
            return Err(Error::invalid_input(
                "is a zipped store, and the target's name is that of a folder",
            )
            .with_path(zip.display())
            .with_hint(format!(
                "`polystore cp {}/ {to}` unpacks it; name the target .zarr.zip to copy the file",
                zip.display()
            )));
        }
        (false, false) => tree::copy_new_file(zip, target, &mut transfer)?,
    }
    Ok(transfer.report)
}

type CopyOne = dyn Fn(&Target, &Entry, &Target, &mut Transfer<'_>) -> Result<()>;

/// Something is at the target; where it is a folder, `into_folder` may have been meant to go
/// into it.
fn is_there(path: impl std::fmt::Display, into_folder: Option<&Target>) -> Error {
    let (what, hint) = match into_folder.and_then(|from| from.path.name()) {
        Some(name) => ("a folder is here already", format!("name the copy in it: {path}/{name}")),
        None => ("something is here already", "choose another place".to_owned()),
    };
    Error::new(ErrorKind::AlreadyExists, what).with_path(path).with_hint(hint)
}

/// A folder with a name of a zip file would be taken for a damaged one.
fn check_is_no_zip(target: &Path) -> Result<()> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if ![".zip", ".ozx"].iter().any(|end| name.ends_with(end)) {
        return Ok(());
    }
    Err(Error::unsupported("zip files are read, not written")
        .with_path(target.display())
        .with_hint("copy to a name without the ending, and zip that without compression"))
}

/// [`check_apart`] for paths of the local file system.
fn check_folders_apart(from: &Path, to: &Path) -> Result<()> {
    if to.starts_with(from) {
        return Err(Error::invalid_input("cannot be copied into itself").with_path(from.display()));
    }
    Ok(())
}

/// A folder cannot be copied into itself, nor a place onto itself.
fn check_apart(from: &Target, to: &Target) -> Result<()> {
    let inside = from.backend.spec() == to.backend.spec() && to.path.starts_with(&from.path);
    if inside || same_place(from, to) {
        return Err(Error::invalid_input("cannot be copied into itself")
            .with_path(&from.path)
            .with_backend(from.backend.to_string()));
    }
    Ok(())
}

fn copy_entry(
    from: &Target,
    entry: &Entry,
    to: &Target,
    transfer: &mut Transfer<'_>,
    one: &CopyOne,
) -> Result<()> {
    if entry.kind != EntryKind::Directory {
        transfer.check(Path::new(&to.path.to_string()))?;
        return one(from, entry, to, transfer);
    }
    if to.backend.capabilities().blobs {
        to.backend.create_directory(&to.path)?;
    }
    for below in from.backend.list(&entry.path)? {
        let name = below.path.name().unwrap_or("");
        let source = Target { backend: Arc::clone(&from.backend), path: below.path.clone() };
        let target = Target { backend: Arc::clone(&to.backend), path: to.path.join(name)? };
        copy_entry(&source, &below, &target, transfer, one)?;
    }
    Ok(())
}

fn copy_one(from: &Target, entry: &Entry, to: &Target, transfer: &mut Transfer<'_>) -> Result<()> {
    if entry.kind == EntryKind::Image {
        copy_image(from, to, transfer)?;
    } else {
        let content = from.backend.read_blob(&from.path, None)?;
        transfer.report.n_bytes += content.len() as u64;
        to.backend.write_blob(&to.path, content, WriteMode::Overwrite)?;
    }
    transfer.report.n_transferred += 1;
    Ok(())
}

fn copy_changed(
    from: &Target,
    entry: &Entry,
    to: &Target,
    transfer: &mut Transfer<'_>,
) -> Result<()> {
    let there = to.backend.stat(&to.path).ok();
    let same = match there {
        Some(there) if there.kind == EntryKind::Blob && there.size_bytes == entry.size_bytes => {
            from.backend.read_blob(&from.path, None)? == to.backend.read_blob(&to.path, None)?
        }
        _ => false,
    };
    if same {
        transfer.report.n_kept += 1;
        return Ok(());
    }
    copy_one(from, entry, to, transfer)
}

fn link_one(from: &Target, entry: &Entry, to: &Target, transfer: &mut Transfer<'_>) -> Result<()> {
    let (source, link) = (on_disk(from)?, on_disk(to)?);
    let fail = |error| Error::io(error, "make a link", link.display());
    if entry.kind != EntryKind::Directory && link.is_symlink() {
        if std::fs::read_link(&link).is_ok_and(|target| target == source) {
            transfer.report.n_kept += 1;
            return Ok(());
        }
        std::fs::remove_file(&link).map_err(fail)?;
    }
    if link.exists() {
        return Err(Error::new(ErrorKind::AlreadyExists, "a file is here, not a link")
            .with_path(link.display())
            .with_hint("make the links in a new folder, or mirror without links"));
    }
    if let Some(folder) = link.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    std::os::unix::fs::symlink(&source, &link).map_err(fail)?;
    transfer.report.n_transferred += 1;
    Ok(())
}

/// Where a target is in the local file system.
fn on_disk(target: &Target) -> Result<std::path::PathBuf> {
    let spec = target.backend.spec();
    if spec.scheme == "disk" && spec.layers.is_empty() {
        return Ok(std::path::Path::new(&spec.location).join(target.path.relative()));
    }
    Err(no_links(&target.path))
}

fn no_links(place: impl std::fmt::Display) -> Error {
    Error::unsupported("links are made between files on disk only").with_path(place)
}
