//! OME-XML, the metadata of OME-TIFF: read, written, and turned into this crate's model.
//!
//! What is here is the part of the OME schema (2016-06, read in older versions too) that says
//! what images are and where their planes lie: `Image`, `Pixels`, `Channel`, `TiffData`,
//! `Plane`, and the screening part `Plate`, `Well`, `WellSample`, `PlateAcquisition`. Other
//! elements are passed over. Schema and the meaning of `TiffData`:
//! <https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html>.
//!
//! ```
//! use polystore::{PixelType, PlaneIndex, VirtualPath, model::{ImageStructure, Sizes}, ome_xml::{Ome, OmeFile}};
//!
//! let path = VirtualPath::parse("/A01/A01_s001.ome.tif")?;
//! let image = ImageStructure::new(path, PixelType::U16, Sizes::new(1, 2, 1, 64, 64));
//! let file = OmeFile::new("A01_s001.ome.tif", [PlaneIndex::new(0, 0, 0), PlaneIndex::new(0, 1, 0)]);
//! let text = Ome::of_image(&image, &file).to_xml();
//!
//! let read = Ome::parse(&text, "A01_s001.ome.tif")?;
//! assert_eq!(read.images[0].pixels.sizes(), image.sizes);
//! let located = read.images[0].pixels.locate(|_| None)?;
//! assert_eq!(located.get(PlaneIndex::new(0, 1, 0)).unwrap().ifd, 1);
//! # Ok::<(), polystore::Error>(())
//! ```

mod convert;
mod locate;
mod parse;
mod plate;
mod schema;
mod units;
mod write;

pub use convert::OmeFile;
pub use locate::{Location, Locations};
pub use plate::PlateFile;
pub use schema::{
    BinaryOnly, Channel, DimensionOrder, Image, Ome, Pixels, Plane, Plate, PlateAcquisition,
    TiffData, Well, WellSample,
};

#[cfg(test)]
mod tests;
