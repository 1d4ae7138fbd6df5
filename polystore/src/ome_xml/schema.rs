//! The elements of OME-XML as plain data. Lengths are in µm, whatever unit the text had.

use crate::{
    PixelType,
    model::{Color, PhysicalSize, Sizes, StagePosition},
};

/// An OME-XML document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ome {
    /// `urn:uuid:...` of the file that holds the document.
    pub uuid: Option<String>,
    /// The program that wrote it.
    pub creator: Option<String>,
    /// Where the whole metadata is, when this document only refers to it.
    pub binary_only: Option<BinaryOnly>,
    /// Plates; usually none or one.
    pub plates: Vec<Plate>,
    /// Images, in order.
    pub images: Vec<Image>,
}

/// A reference to the file that has the metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BinaryOnly {
    /// Name of the file, beside this one.
    pub metadata_file: String,
    /// `urn:uuid:...` of the metadata.
    pub uuid: String,
}

/// One image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `Image:0`; other elements refer to it.
    pub id: String,
    /// Name for people; empty when there is none.
    pub name: String,
    /// When it was acquired, ISO 8601.
    pub acquired: Option<String>,
    /// Sizes, type, channels, places of the planes.
    pub pixels: Pixels,
}

/// The order in which planes follow each other in files, after X and Y; the first letter
/// varies fastest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DimensionOrder {
    /// z, then c, then t.
    #[default]
    Zct,
    /// z, then t, then c.
    Ztc,
    /// c, then z, then t.
    Czt,
    /// c, then t, then z.
    Ctz,
    /// t, then z, then c.
    Tzc,
    /// t, then c, then z.
    Tcz,
}

impl DimensionOrder {
    /// All orders with their names in the schema.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Zct, "XYZCT"),
        (Self::Ztc, "XYZTC"),
        (Self::Czt, "XYCZT"),
        (Self::Ctz, "XYCTZ"),
        (Self::Tzc, "XYTZC"),
        (Self::Tcz, "XYTCZ"),
    ];

    /// The name in the schema, such as `XYZCT`.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(order, _)| *order == self).map_or("XYZCT", |(_, name)| name)
    }

    /// The order called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(order, _)| *order)
    }
}

/// The pixels of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// `Pixels:0`.
    pub id: String,
    /// Order of the planes.
    pub order: DimensionOrder,
    /// Number type.
    pub pixel_type: PixelType,
    /// Width in pixels.
    pub size_x: u32,
    /// Height in pixels.
    pub size_y: u32,
    /// Z-sections.
    pub size_z: u32,
    /// Channels, where each sample of a colour pixel is one.
    pub size_c: u32,
    /// Timepoints.
    pub size_t: u32,
    /// Size of a voxel.
    pub physical_size: PhysicalSize,
    /// Channels; fewer than `size_c` when pixels have several samples.
    pub channels: Vec<Channel>,
    /// Where the planes are.
    pub tiff_data: Vec<TiffData>,
    /// What is said of single planes.
    pub planes: Vec<Plane>,
}

impl Pixels {
    /// Sizes along `[t, c, z, y, x]`.
    pub fn sizes(&self) -> Sizes {
        Sizes::new(self.size_t, self.size_c, self.size_z, self.size_y, self.size_x)
    }
}

/// One channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// `Channel:0:0`.
    pub id: String,
    /// Name for people; empty when there is none.
    pub name: String,
    /// Samples of a pixel that the channel has: 1, or 3 for colour.
    pub n_samples: u32,
    /// Colour to show it in.
    pub color: Option<Color>,
    /// Excitation wavelength in nm.
    pub excitation_nm: Option<f64>,
    /// Emission wavelength in nm.
    pub emission_nm: Option<f64>,
}

/// A run of planes in a file. What is not said has the meaning that
/// [`Pixels::locate`](Pixels::locate) gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TiffData {
    /// Number of the first page.
    pub ifd: Option<u32>,
    /// Z-section of the first plane.
    pub first_z: u32,
    /// Channel of the first plane, not counting samples.
    pub first_c: u32,
    /// Timepoint of the first plane.
    pub first_t: u32,
    /// Number of planes.
    pub plane_count: Option<u32>,
    /// `urn:uuid:...` of the file.
    pub uuid: Option<String>,
    /// Name of the file, beside the one with the metadata.
    pub file_name: Option<String>,
}

/// What is said of one plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plane {
    /// Z-section.
    pub z: u32,
    /// Channel, not counting samples.
    pub c: u32,
    /// Timepoint.
    pub t: u32,
    /// Where the stage stood.
    pub position: Option<StagePosition>,
    /// Height of the section in µm.
    pub z_um: Option<f64>,
}

/// A plate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plate {
    /// `Plate:0`.
    pub id: String,
    /// Name for people; empty when there is none.
    pub name: String,
    /// Identifier outside the document, such as a barcode.
    pub external_id: Option<String>,
    /// Rows of the grid.
    pub n_rows: Option<u32>,
    /// Columns of the grid.
    pub n_columns: Option<u32>,
    /// Wells, in order.
    pub wells: Vec<Well>,
    /// Runs over the plate.
    pub acquisitions: Vec<PlateAcquisition>,
}

/// A well of a plate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Well {
    /// `Well:0:0`.
    pub id: String,
    /// Row from 0.
    pub row: u32,
    /// Column from 0.
    pub column: u32,
    /// Fields, in order.
    pub samples: Vec<WellSample>,
}

/// A field of a well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WellSample {
    /// `WellSample:0:0:0`.
    pub id: String,
    /// Number of the field over the whole plate.
    pub index: u32,
    /// Where the stage stood.
    pub position: Option<StagePosition>,
    /// The image's id; `None` for a field that was not imaged.
    pub image: Option<String>,
}

/// A run over the plate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlateAcquisition {
    /// `PlateAcquisition:0:0`.
    pub id: String,
    /// Name for people; empty when there is none.
    pub name: String,
    /// Start, ISO 8601.
    pub start: Option<String>,
    /// End, ISO 8601.
    pub end: Option<String>,
    /// Ids of the fields that it imaged.
    pub samples: Vec<String>,
}
