//! The contract between a place that stores planes and the code that uses them.

mod capabilities;
mod check;
mod ext;
mod spec;
mod sub_traits;

use std::{fmt, ops::ControlFlow, ops::Range, sync::Arc};

use bytes::Bytes;

pub use capabilities::Capabilities;
pub use ext::VirtualBackendExt;
pub use spec::{BackendSpec, Opener, SpecLayer, create_spec, open_spec, register_opener};
pub use sub_traits::{
    Annotation, AnnotationStore, AnnotationValue, Cell, Column, ColumnValues, Roi, RoiStore, Shape,
    Table, TableStore,
};

use crate::{
    Error, Plane, PlaneIndex, Region, Result, VirtualPath,
    model::{ImageStructure, Inventory, PlateStructure},
};

/// Receives answers to a batch: the request's position and its plane or error.
///
/// Called exactly once per request unless an earlier call returned `Break`; from any
/// thread, in any order, possibly from several threads at once. Must not panic; may call
/// the backend again. After `Break` a backend stops as soon as it can; a few more calls may
/// still come.
pub type PlaneSink<'a> = dyn Fn(usize, Result<Plane>) -> ControlFlow<()> + Sync + 'a;

/// What a plane read or write addresses. Indices are 0-based.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlaneRequest {
    /// An image (`/plate/A01/A01_s001`, with `index` choosing the plane) or a single plane
    /// by its name (`/plate/A01/A01_s001_z000_c000.tif`, with `index` all 0).
    pub path: VirtualPath,
    /// Which plane of the image.
    pub index: PlaneIndex,
    /// A rectangle of the plane, in pixels of `level`; `None` for all of it.
    pub region: Option<Region>,
    /// Pyramid level; 0 is full size.
    pub level: u32,
    /// Only what is stored: a level that is declared and absent is `MissingPlane`, where
    /// otherwise it is made of the full size. Backends that store no levels make them always.
    pub is_stored: bool,
}

impl PlaneRequest {
    /// The whole plane `index` of the image at `path`, at full size.
    pub fn new(path: VirtualPath, index: PlaneIndex) -> Self {
        Self { path, index, region: None, level: 0, is_stored: false }
    }

    /// The same plane, only `region` of it.
    #[must_use]
    pub fn with_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// The same plane at pyramid `level`.
    #[must_use]
    pub fn with_level(mut self, level: u32) -> Self {
        self.level = level;
        self
    }

    /// The same plane at pyramid `level` as it is stored, never made of the full size.
    #[must_use]
    pub fn with_stored_level(mut self, level: u32) -> Self {
        self.level = level;
        self.is_stored = true;
        self
    }
}

impl fmt::Display for PlaneRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.index)?;
        if self.level > 0 {
            write!(f, " level {}", self.level)?;
        }
        match self.region {
            Some(region) => write!(f, " region {region}"),
            None => Ok(()),
        }
    }
}

/// What a listed name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// Holds other entries.
    Directory,
    /// A file or text: readable with [`VirtualBackend::read_blob`]; it may be an image as well.
    Blob,
    /// Pixels without a file of their own: an image of a zarr store or of memory.
    Image,
}

/// One name in a listing, or the answer of [`VirtualBackend::stat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: VirtualPath,
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes, for blobs whose size is known without reading them.
    pub size_bytes: Option<u64>,
}

/// What to do when a blob exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteMode {
    /// Replace it in one step: readers see the old or the new content, never a mixture.
    #[default]
    Overwrite,
    /// Fail with `AlreadyExists`.
    CreateNew,
}

/// A place that stores plates, images, planes and files, and answers batches of requests.
///
/// # Contract
/// * Synchronous and batch-first. A batch is answered in any order through the sink, so a
///   local backend fans out over rayon and a network backend keeps requests in flight.
/// * Reading a declared plane that was never stored is `MissingPlane`, never zeros; so is
///   reading one that is absent by design, or that was stored only in part. What was
///   stored of it can be read as a region (where the backend stores tiles, at least whole
///   tiles).
/// * A path that is not there is `NotFound`, below a file too. What is there but no image,
///   asked for as one, is `InvalidData` (a file of a foreign kind may be `Unsupported`). A
///   region, level or index outside the image is `InvalidInput`. Of several faults in one
///   request, any is told.
/// * Where something else stands in the way of a change (a file where a directory is
///   needed, a directory where a file is to be), it is `AlreadyExists`.
/// * A [`Plane`] that was handed out never changes, whatever happens to its source.
/// * Writes are atomic per plane and per blob: after a crash each is old, new or absent.
/// * `Display` names the backend and its place for messages (`disk:/data`).
/// * Optional powers have defaults that answer `Unsupported`; [`Capabilities`] says
///   beforehand. Wrappers must forward every method: put
///   `#[deny(clippy::missing_trait_methods)]` on their `impl`.
pub trait VirtualBackend: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// What this backend can do.
    fn capabilities(&self) -> Capabilities;

    /// A recipe that opens the same place in another process. Never holds a secret.
    fn spec(&self) -> BackendSpec;

    /// What is at `path`. Declared plates, wells and images are there from their
    /// declaration on; a single plane by its name is there when it is stored.
    ///
    /// # Errors
    /// `NotFound` when nothing is.
    fn stat(&self, path: &VirtualPath) -> Result<Entry>;

    /// What is directly in `dir`, in natural order (`s2` before `s10`).
    ///
    /// Plates and wells are directories. An image is one entry: its planes are not listed
    /// unless they are files of their own, nor is what belongs to it (labels).
    ///
    /// # Errors
    /// `NotFound` when `dir` is not there, `InvalidInput` when it is not a directory.
    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>>;

    /// The structure of the plate at `path`; loaded once and shared.
    ///
    /// Image paths in it are relative to `path`: `path.append(&image.path)` is readable.
    ///
    /// # Errors
    /// `NotFound` when nothing is there, `InvalidData` when it is not a plate.
    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>>;

    /// Which planes of the plate at `path` are there, in the order of its images.
    ///
    /// # Errors
    /// As [`VirtualBackend::plate`].
    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>>;

    /// Sizes, type and channels of the image (or single plane) at `path`. The answer's
    /// `path` is `path` itself.
    ///
    /// # Errors
    /// `NotFound` when nothing is there, `InvalidData` when it is not an image, `Unsupported`
    /// when it is a file of a kind that the backend does not read.
    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure>;

    /// Reads a batch of planes; every request is answered through `sink` (see [`PlaneSink`]).
    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>);

    /// What the stored content of each plane is recognised by without reading it, such as the
    /// size and the time of change of its file. Changed content gets another answer, and the
    /// same content may. `None` where this cannot be told; hash the pixels then.
    fn fingerprints(&self, requests: &[PlaneRequest]) -> Vec<Option<String>> {
        vec![None; requests.len()]
    }

    /// Declares a plate at `path`: its images can then be written in any order, and those
    /// that were not are missing. Makes the directories above it. Declaring the same plate
    /// again is fine and keeps what was written.
    ///
    /// # Errors
    /// `AlreadyExists` when another plate, an image or a file is there, `InvalidInput` when
    /// the structure does not hold together. After a failure nothing is declared.
    fn create_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        let _ = structure;
        Err(self.unsupported("create plates").with_path(path))
    }

    /// Makes the plate at `path`, a part of `structure`, all of it: declares the wells and
    /// images that it lacks, and those again whose declaration is damaged or lost. What the
    /// store has of those is thrown away, because nothing can read it; all else stays. A plate
    /// that is not there is declared. By default, only the same plate is taken.
    ///
    /// # Errors
    /// `AlreadyExists` naming what differs, when the plate has wells or images that
    /// `structure` has not, or images of another shape, type or kind; otherwise as
    /// [`VirtualBackend::create_plate`].
    fn extend_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        self.create_plate(path, structure)
    }

    /// Label images that belong to the image at `path`, in natural order: those that are
    /// listed, whether or not they are there, and those that are there, whether or not they
    /// can be read. A list of them that cannot be read is named like a label image: describing
    /// it says what is wrong. Empty where a backend keeps no labels beside images.
    ///
    /// # Errors
    /// As the place is listed. An image that is not there has no labels.
    fn labels(&self, path: &VirtualPath) -> Result<Vec<VirtualPath>> {
        let _ = path;
        Ok(Vec::new())
    }

    /// Declares one image at `path`; `image.path` is ignored. Makes the directories above
    /// it. Declaring the same image again is fine and keeps what was written.
    ///
    /// # Errors
    /// `AlreadyExists` when another image or something else is there, `InvalidInput` when
    /// the description does not hold together.
    fn create_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        let _ = image;
        Err(self.unsupported("create images").with_path(path))
    }

    /// Says that the planes of the plate at `path` that will be written are. A backend that
    /// keeps metadata of the whole plate beside its images (the `.companion.ome` of OME-TIFF)
    /// writes it now; others do nothing. It may be called again after more planes, and a plate
    /// is read without it.
    ///
    /// # Errors
    /// `NotFound` when no plate is declared there, from a backend that has something to write.
    fn finish_plate(&self, path: &VirtualPath) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Writes planes, each atomically. The image must have been declared, except where the
    /// backend stores single planes as files of their own (`.tif`, `.png`, `.npy` on disk):
    /// there a whole plane, index 0 of level 0, replaces a single plane of any shape and
    /// type. Only level 0 is written; the others follow from it.
    ///
    /// # Errors
    /// The first failure; planes before it may have been written. `NotFound` when the image
    /// was not declared, `InvalidInput` when index, level, region, shape or pixel type do
    /// not fit the image.
    fn write_planes(&self, planes: &[(PlaneRequest, Plane)]) -> Result<()> {
        let path =
            planes.first().map_or_else(VirtualPath::root, |(request, _)| request.path.clone());
        Err(self.unsupported("write planes").with_path(path))
    }

    /// The bytes of the file at `path`, or a range of them.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when the range reaches past the end or ends before it
    /// starts, and for a directory.
    fn read_blob(&self, path: &VirtualPath, range: Option<Range<u64>>) -> Result<Bytes> {
        let _ = range;
        Err(self.unsupported("read files").with_path(path))
    }

    /// Writes a file in one step, making the directories above it.
    ///
    /// # Errors
    /// `AlreadyExists` with [`WriteMode::CreateNew`], and when a directory or a declared
    /// image has that name; `PermissionDenied` inside a source plate.
    fn write_blob(&self, path: &VirtualPath, data: Bytes, mode: WriteMode) -> Result<()> {
        let _ = (data, mode);
        Err(self.unsupported("write files").with_path(path))
    }

    /// Makes a directory and those above it; fine when it is there.
    ///
    /// # Errors
    /// `AlreadyExists` when a file or image has that name.
    fn create_directory(&self, path: &VirtualPath) -> Result<()> {
        Err(self.unsupported("create directories").with_path(path))
    }

    /// Deletes a blob, an image with what belongs to it, or a directory with everything below
    /// when `recursive`.
    ///
    /// What a plate declares stays declared, and there, when wells or images of it are
    /// deleted: only their content goes. Their planes are missing, and can be written again.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for a directory that is not empty without `recursive`,
    /// and for the root.
    fn delete(&self, path: &VirtualPath, recursive: bool) -> Result<()> {
        let _ = recursive;
        Err(self.unsupported("delete").with_path(path))
    }

    /// Moves a blob, or a directory with everything below, within this backend. Makes the
    /// directories above the target.
    ///
    /// # Errors
    /// `NotFound` for the source, `AlreadyExists` for the target, whatever is there;
    /// `InvalidInput` for the root and for a directory into itself.
    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let _ = to;
        Err(self.unsupported("rename").with_path(from))
    }

    /// Forgets what was cached about `path` and below, because it changed behind our back.
    fn invalidate(&self, path: &VirtualPath) {
        let _ = path;
    }

    /// Tables, where the backend has them.
    fn as_tables(&self) -> Option<&dyn TableStore> {
        None
    }

    /// Regions of interest, where the backend has them.
    fn as_rois(&self) -> Option<&dyn RoiStore> {
        None
    }

    /// Annotations, where the backend has them.
    fn as_annotations(&self) -> Option<&dyn AnnotationStore> {
        None
    }

    /// The error of an operation that this backend does not have.
    fn unsupported(&self, operation: &str) -> Error {
        Error::unsupported(format!("this backend cannot {operation}"))
            .with_backend(self.to_string())
    }
}
