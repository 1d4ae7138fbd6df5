//! Regions of interest as ImageJ stores them: `.roi` members in a `.roi.zip`.

mod archive;
mod imagej;

pub use archive::{read_archive, write_archive};
pub use imagej::{decode, encode};
