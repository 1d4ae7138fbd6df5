//! One filesystem over microscopy plates: memory, disk, OME-Zarr and virtual workspaces.
//!
//! A **plate** is a declared inventory of planes; a **backend** is a place that answers
//! batches of plane requests. See [`VirtualBackend`] for the contract and [`Plate`] for
//! the way analysis code reads a plate.
//!
//! ```
//! use std::sync::Arc;
//!
//! use polystore::{
//!     MemoryBackend, PixelType, Plane, PlaneIndex, PlaneRequest, Plate, VirtualBackend,
//!     VirtualBackendExt, VirtualPath, WellPosition,
//!     model::{ImageStructure, PlateStructure, Sizes},
//!     ndarray::Array2,
//! };
//!
//! // A plate is declared first: well B03 with one field of two channels.
//! let well = WellPosition::new(1, 2);
//! let image_path = PlateStructure::canonical_image_path(well, None, 0);
//! let image = ImageStructure::new(image_path, PixelType::U16, Sizes::new(1, 2, 1, 64, 64));
//! let mut structure = PlateStructure::new("screen 1", 8, 12);
//! structure.add_image(well, image)?;
//!
//! let backend: Arc<dyn VirtualBackend> = Arc::new(MemoryBackend::new());
//! let path = VirtualPath::parse("/screen1")?;
//! backend.create_plate(&path, &structure)?;
//! let plane = path.join("B03/B03_s001")?;
//! backend.write_plane(
//!     PlaneRequest::new(plane, PlaneIndex::new(0, 1, 0)),
//!     Plane::from_array(Array2::from_elem((64, 64), 7u16)),
//! )?;
//!
//! // What was not written is missing, and nothing pretends otherwise.
//! let plate = Plate::open(backend, path)?;
//! let counts = plate.inventory()?.counts();
//! assert_eq!((counts.present, counts.missing), (1, 1));
//! plate.for_each_plane(|well, _image, index, plane| {
//!     assert_eq!((well.to_string().as_str(), index.c), ("B03", 1));
//!     assert_eq!(plane.as_array::<u16>()?[[0, 0]], 7);
//!     Ok(())
//! })?;
//! # Ok::<(), polystore::Error>(())
//! ```

pub mod atomic;
pub mod backend;
pub mod buffer;
pub mod check;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod convert;
#[cfg(feature = "disk")]
pub mod disk;
mod error;
pub mod fan_out;
#[cfg(all(feature = "testing", feature = "disk", feature = "zarr"))]
#[doc(hidden)]
pub mod fuzz;
mod geometry;
#[cfg(feature = "disk")]
pub mod manager;
pub mod memory;
#[cfg(feature = "disk")]
pub mod microscope;
pub mod model;
pub mod natural;
#[cfg(feature = "zarr")]
pub mod ngff;
#[cfg(feature = "disk")]
pub mod ome_xml;
mod path;
mod pixel_type;
mod plane;
mod plate;
pub mod pyramid;
#[cfg(any(feature = "disk", feature = "zarr"))]
mod read_at;
mod registry;
pub mod render;
#[cfg(feature = "disk")]
pub mod roi;
pub mod structure_cache;
pub mod suggest;
pub mod words;
pub mod workspace;
pub mod wrap;
#[cfg(feature = "disk")]
mod xml;
#[cfg(feature = "zarr")]
pub mod zarr;

pub use backend::{
    BackendSpec, Capabilities, Entry, EntryKind, Opener, PlaneRequest, PlaneSink, SpecLayer,
    VirtualBackend, VirtualBackendExt, WriteMode, create_spec, open_spec, register_opener,
};
pub use bytes;
pub use error::{Error, ErrorKind, Result};
pub use geometry::{PlaneIndex, PlaneShape, Region, WellPosition, parse_row_name, row_name};
#[cfg(feature = "disk")]
pub use manager::{FileManager, ListOptions, Location, OpenOptions};
pub use memory::{MemoryBackend, MemoryOptions};
pub use ndarray;
pub use path::VirtualPath;
pub use pixel_type::{Element, PixelType};
pub use plane::{Plane, PlaneView, Stack};
pub use plate::Plate;
