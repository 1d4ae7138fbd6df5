//! TIFF, BigTIFF and OME-TIFF: directories by the `tiff` crate, pixels by our own loops.

mod codec;
mod dimensions;
mod file;
mod first;
mod lzw;
mod ome;
mod page;
mod predictor;
mod read;
mod write;

pub(crate) use dimensions::FileImage;
pub(crate) use file::{Directory, FileIdentity};
pub(in crate::disk) use ome::describe;
pub(crate) use predictor::swap_bytes;
pub(crate) use read::{PageRequest, read_page};
pub use write::TiffCompression;
pub(in crate::disk) use write::compression_of;
pub(crate) use write::{WriteOptions, write_pages};
