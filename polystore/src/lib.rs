//! One filesystem over microscopy plates: memory, disk, OME-Zarr and virtual workspaces.
//!
//! A **plate** is a declared inventory of planes; a **backend** is a place that answers
//! batches of plane requests. See [`VirtualBackend`] for the contract and [`Plate`] for
//! the way analysis code reads a plate.

pub mod atomic;
pub mod backend;
pub mod buffer;
pub mod convert;
#[cfg(feature = "disk")]
pub mod disk;
mod error;
pub mod fan_out;
mod geometry;
pub mod microscope;
pub mod model;
pub mod natural;
#[cfg(feature = "zarr")]
pub mod ngff;
mod path;
mod pixel_type;
mod plane;
mod plate;
pub mod pyramid;
mod registry;
pub mod suggest;

pub use backend::{
    BackendSpec, Capabilities, Entry, EntryKind, Opener, PlaneRequest, PlaneSink, SpecLayer,
    VirtualBackend, VirtualBackendExt, WriteMode, open_spec, register_opener,
};
pub use bytes;
pub use error::{Error, ErrorKind, Result};
pub use geometry::{PlaneIndex, PlaneShape, Region, WellPosition, parse_row_name, row_name};
pub use ndarray;
pub use path::VirtualPath;
pub use pixel_type::{Element, PixelType};
pub use plane::{Plane, PlaneView, Stack};
pub use plate::Plate;
