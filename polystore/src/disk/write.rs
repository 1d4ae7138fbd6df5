//! Writes planes, each file in one step, and keeps out of source plates.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{
    DiskBackend, declared,
    format::{self, WritePlane},
    locate::DeclaredImage,
    tiff,
};
use crate::{
    Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Result, VirtualPath, WriteMode, atomic,
    fan_out, model::ImageStructure,
};

/// One file to write.
enum Job<'a> {
    /// A file of one plane.
    Single { path: VirtualPath, plane: &'a Plane, beside: WritePlane },
    /// Planes of an image that is one file.
    Container { path: VirtualPath, image: ImageStructure, planes: Vec<(PlaneIndex, &'a Plane)> },
}

impl DiskBackend {
    pub(super) fn write_batch(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        let jobs = self.plan_writes(planes)?;
        let failure = Mutex::new(None);
        fan_out::for_each(self.options.io_concurrency, jobs.len(), |number| {
            let Err(error) = self.write_job(&jobs[number]) else {
                return ControlFlow::Continue(());
            };
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            ControlFlow::Break(())
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn plan_writes<'a>(&self, planes: &'a [(PlaneRequest, Plane)]) -> Result<Vec<Job<'a>>> {
        let mut jobs = Vec::with_capacity(planes.len());
        let mut containers: BTreeMap<VirtualPath, usize> = BTreeMap::new();
        for (request, plane) in planes {
            check_whole(request)?;
            match self.declared_image(&request.path, request.index)? {
                Some(declared) => {
                    check_fits(request, plane, &declared)?;
                    let DeclaredImage { image, index, path } = declared;
                    if !declared::is_container(&path) {
                        let beside = WritePlane {
                            compression: self.options.compression,
                            physical_size: image.physical_size,
                            n_levels: image.n_levels,
                            kind: image.kind,
                        };
                        let path = declared::plane_file(&path, &image, index)?;
                        jobs.push(Job::Single { path, plane, beside });
                        continue;
                    }
                    let at = *containers.entry(path.clone()).or_insert(jobs.len());
                    match jobs.get_mut(at) {
                        Some(Job::Container { planes, .. }) => planes.push((index, plane)),
                        _ => {
                            jobs.push(Job::Container { path, image, planes: vec![(index, plane)] })
                        }
                    }
                }
                None => jobs.push(self.single_file(request, plane)?),
            }
        }
        Ok(jobs)
    }

    fn single_file<'a>(&self, request: &PlaneRequest, plane: &'a Plane) -> Result<Job<'a>> {
        let name = request.path.name().unwrap_or("");
        if format::format_of(name).is_none() {
            return Err(Error::not_found("no image was declared here")
                .with_path(request)
                .with_hint(
                    "declare the plate or image first, or name an image file such as a.tif",
                ));
        }
        if request.index != PlaneIndex::default() {
            self.root
                .existing(&request.path)
                .map_err(|error| error.with_hint("declare an image with several planes first"))?;
            return Err(Error::invalid_input("a file of its own holds one plane, with index 0")
                .with_path(request)
                .with_hint("declare an image with several planes first"));
        }
        let beside = WritePlane { compression: self.options.compression, ..WritePlane::default() };
        Ok(Job::Single { path: request.path.clone(), plane, beside })
    }

    fn write_job(&self, job: &Job<'_>) -> Result<()> {
        match job {
            Job::Single { path, plane, beside } => self.write_single(path, plane, beside),
            Job::Container { path, image, planes } => self.write_container(path, image, planes),
        }
    }

    fn write_single(&self, path: &VirtualPath, plane: &Plane, beside: &WritePlane) -> Result<()> {
        let target = self.target(path)?;
        let format = format::format_of(path.name().unwrap_or("")).ok_or_else(|| {
            Error::unsupported("is not an image file by its name").with_path(path)
        })?;
        atomic::write_file(&target, WriteMode::Overwrite, |file| format.write(file, plane, beside))
    }

    /// Writes a file with the planes it has already and the new ones; one that is damaged, so
    /// that no plane of it can be read, is replaced in the same step. One writer at a time;
    /// other processes are kept out by a lock file beside it.
    fn write_container(
        &self,
        path: &VirtualPath,
        image: &ImageStructure,
        planes: &[(PlaneIndex, &Plane)],
    ) -> Result<()> {
        let target = self.target(path)?;
        let _guard = self.containers.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = FileLock::take(&target)?;
        let mut all = self.stored_planes(&target, image, planes)?;
        all.extend(planes.iter().map(|(index, plane)| (*index, (*plane).clone())));
        let indices: Vec<_> = all.keys().copied().collect();
        let pages: Vec<_> = all.values().collect();
        let description = tiff::describe(image, path.name().unwrap_or(""), &indices);
        let options = tiff::WriteOptions {
            compression: self.options.compression,
            description: &description,
            physical_size: image.physical_size,
            n_levels: image.n_levels,
            kind: image.kind,
        };
        atomic::write_file(&target, WriteMode::Overwrite, |file| {
            let mut out = BufWriter::new(file);
            tiff::write_pages(&mut out, &pages, &options)?;
            out.flush().map_err(|error| Error::from_io(error, "write"))
        })
    }

    fn stored_planes(
        &self,
        target: &Path,
        image: &ImageStructure,
        replaced: &[(PlaneIndex, &Plane)],
    ) -> Result<BTreeMap<PlaneIndex, Plane>> {
        if !target.exists() {
            return Ok(BTreeMap::new());
        }
        let (file, header) = match self.headers.open(target) {
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(BTreeMap::new()),
            opened => opened?,
        };
        let replaced: HashSet<PlaneIndex> = replaced.iter().map(|(index, _)| *index).collect();
        let mut planes = BTreeMap::new();
        for index in image.sizes.indices().filter(|index| !replaced.contains(index)) {
            let Some((page, sample)) = header.locate(index) else { continue };
            let wanted = format::ReadRequest {
                page,
                sample,
                level: 0,
                region: None,
                concurrency: self.options.io_concurrency,
            };
            planes.insert(index, header.read(&file, &wanted)?);
        }
        Ok(planes)
    }

    /// Where `path` may be written: inside the root and in no source plate.
    ///
    /// # Errors
    /// `PermissionDenied` naming the plate.
    pub(super) fn target(&self, path: &VirtualPath) -> Result<std::path::PathBuf> {
        self.sources.refuse(path, &self.root, &self.plates)?;
        let target = self.root.writable(path)?;
        self.sweep(&target);
        Ok(target)
    }

    /// Rids the folder of `target` of what killed writers left in it, at the first write.
    fn sweep(&self, target: &Path) {
        let Some(folder) = target.parent() else { return };
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if !swept.contains(folder) {
            swept.insert(folder.to_owned());
            drop(swept);
            atomic::remove_stale(folder);
        }
    }
}

fn check_whole(request: &PlaneRequest) -> Result<()> {
    if request.level > 0 {
        return Err(Error::invalid_input(
            "planes are written at full size; levels follow by themselves",
        )
        .with_path(request));
    }
    if request.region.is_some() {
        return Err(Error::unsupported("files on disk are written plane by plane, not in regions")
            .with_path(request)
            .with_hint("write the whole plane, or use OME-Zarr"));
    }
    Ok(())
}

fn check_fits(request: &PlaneRequest, plane: &Plane, declared: &DeclaredImage) -> Result<()> {
    // A plane that was addressed by its name is checked with the index that the name says.
    let addressed = PlaneRequest { index: declared.index, ..request.clone() };
    addressed.check_write(&declared.image, plane).map(|_| ())
}

/// An advisory lock on a file that is rewritten as a whole.
struct FileLock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl FileLock {
    fn take(target: &Path) -> Result<Self> {
        let fail = |error| Error::io(error, "lock", target.display());
        let folder = target.parent().unwrap_or(target);
        std::fs::create_dir_all(folder).map_err(fail)?;
        // The folder is there before and after the file is replaced, so it is what is locked.
        let handle = File::open(folder).map_err(fail)?;
        rustix::fs::flock(&handle, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| fail(error.into()))?;
        Ok(Self(handle))
    }
}

/// Makes a declaration, unless the same is there.
///
/// # Errors
/// `AlreadyExists` when another is there.
pub(super) fn declare(
    target: &Path,
    text: &[u8],
    same: impl FnOnce() -> Result<bool>,
) -> Result<()> {
    match atomic::write_bytes(target, text, WriteMode::CreateNew) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && same()? => Ok(()),
        other => other,
    }
}
