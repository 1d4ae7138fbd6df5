//! The disk backend.

mod format;
mod tiff;

pub use format::image_extensions;
pub use tiff::TiffCompression;
