//! Reads OME-XML.

use super::{
    BinaryOnly, Channel, DimensionOrder, Image, Ome, Pixels, Plane, Plate, PlateAcquisition,
    TiffData, Well, WellSample,
    units::{color_of, micrometres_in, type_of},
};
use crate::{
    Result,
    model::{PhysicalSize, StagePosition},
    xml::{Element, XmlReader},
};

/// Most channels of an image.
const MAX_CHANNELS: u32 = 100_000;

type Reader<'a> = XmlReader<'a>;

impl Ome {
    /// Reads a document; errors name `file`.
    ///
    /// # Errors
    /// `InvalidData` with the line: not well-formed, cut short, a DTD or an entity, a root
    /// other than `OME`, an image without sizes or with a type that does not exist.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        // What comes after the document (a terminating NUL, padding) is not part of it.
        let end = text.rfind('>').map_or(text.len(), |at| at + 1);
        let mut reader = XmlReader::new(&text[..end], file);
        let root = reader.root("OME")?;
        let mut ome = Self {
            uuid: root.attribute("UUID"),
            creator: root.attribute("Creator"),
            ..Self::default()
        };
        reader.children(|reader, element| {
            match element.name() {
                "BinaryOnly" => {
                    ome.binary_only = Some(BinaryOnly {
                        metadata_file: element.attribute("MetadataFile").unwrap_or_default(),
                        uuid: element.attribute("UUID").unwrap_or_default(),
                    });
                    reader.skip()?;
                }
                "Plate" => ome.plates.push(plate(reader, element)?),
                "Image" => ome.images.push(image(reader, element)?),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(ome)
    }
}

fn text(element: &Element<'_>, name: &str) -> String {
    element.attribute(name).unwrap_or_default()
}

fn image(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Image> {
    let (id, name) = (text(element, "ID"), text(element, "Name"));
    let mut acquired = element.attribute("AcquiredDate");
    let mut found = None;
    reader.children(|reader, element| {
        match element.name() {
            "AcquisitionDate" => acquired = Some(reader.text()?).filter(|text| !text.is_empty()),
            "Pixels" if found.is_none() => found = Some(pixels(reader, element)?),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let pixels =
        found.ok_or_else(|| reader.error(&format!("has the image `{id}` without Pixels")))?;
    Ok(Image { id, name, acquired, pixels })
}

fn pixels(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Pixels> {
    let size = |name: &str| {
        element.number(name).filter(|&size: &u32| size > 0).ok_or_else(|| {
            let found = element.attribute(name).unwrap_or_default();
            reader.error(&format!("has Pixels with {name} `{found}`, not a positive number"))
        })
    };
    let type_name =
        element.attribute("Type").or(element.attribute("PixelType")).unwrap_or_default();
    let order = text(element, "DimensionOrder");
    let mut pixels = Pixels {
        id: text(element, "ID"),
        order: DimensionOrder::from_name(&order)
            .ok_or_else(|| reader.error(&format!("has the dimension order `{order}`")))?,
        pixel_type: type_of(&type_name).ok_or_else(|| {
            reader.error(&format!("has pixels of type `{type_name}`, which is not read"))
        })?,
        size_x: size("SizeX")?,
        size_y: size("SizeY")?,
        size_z: size("SizeZ")?,
        size_c: size("SizeC")?,
        size_t: size("SizeT")?,
        physical_size: PhysicalSize {
            x_um: length(element, "PhysicalSizeX", "µm").filter(|&um| um > 0.0),
            y_um: length(element, "PhysicalSizeY", "µm").filter(|&um| um > 0.0),
            z_um: length(element, "PhysicalSizeZ", "µm").filter(|&um| um > 0.0),
        },
        channels: Vec::new(),
        tiff_data: Vec::new(),
        planes: Vec::new(),
    };
    if pixels.size_c > MAX_CHANNELS {
        return Err(reader
            .error(&format!("has {} channels; at most {MAX_CHANNELS} are read", pixels.size_c)));
    }
    reader.children(|reader, element| {
        match element.name() {
            "Channel" => {
                pixels.channels.push(channel(element));
                reader.skip()?;
            }
            "TiffData" => pixels.tiff_data.push(tiff_data(reader, element)?),
            "Plane" => {
                pixels.planes.push(plane(element));
                reader.skip()?;
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(pixels)
}

/// A length in µm; the unit is `default` when none is named.
fn length(element: &Element<'_>, name: &str, default: &str) -> Option<f64> {
    let value: f64 = element.number(name)?;
    let unit = element.attribute(&format!("{name}Unit"));
    let length = value * micrometres_in(unit.as_deref().unwrap_or(default))?;
    length.is_finite().then_some(length)
}

fn wavelength(element: &Element<'_>, name: &str) -> Option<f64> {
    length(element, name, "nm").map(|um| (um * 1e9).round() / 1e6).filter(|&nm| nm > 0.0)
}

fn channel(element: &Element<'_>) -> Channel {
    Channel {
        id: text(element, "ID"),
        name: text(element, "Name"),
        n_samples: element.number("SamplesPerPixel").filter(|&n: &u32| n > 0).unwrap_or(1),
        color: element.number("Color").map(color_of),
        excitation_nm: wavelength(element, "ExcitationWavelength"),
        emission_nm: wavelength(element, "EmissionWavelength"),
    }
}

fn tiff_data(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<TiffData> {
    let first = |name| element.number(name).unwrap_or(0);
    let mut data = TiffData {
        ifd: element.number("IFD"),
        first_z: first("FirstZ"),
        first_c: first("FirstC"),
        first_t: first("FirstT"),
        plane_count: element.number("PlaneCount"),
        uuid: None,
        file_name: None,
    };
    reader.children(|reader, element| {
        if element.name() == "UUID" {
            data.file_name = element.attribute("FileName");
            data.uuid = Some(reader.text()?).filter(|uuid| !uuid.is_empty());
        } else {
            reader.skip()?;
        }
        Ok(())
    })?;
    Ok(data)
}

/// A stage position, where the unit is a length; the schema's default unit is not.
fn position(element: &Element<'_>) -> Option<StagePosition> {
    let of = |name| length(element, name, "reference frame");
    Some(StagePosition { x_um: of("PositionX")?, y_um: of("PositionY")? })
}

fn plane(element: &Element<'_>) -> Plane {
    let index = |name| element.number(name).unwrap_or(0);
    Plane {
        z: index("TheZ"),
        c: index("TheC"),
        t: index("TheT"),
        position: position(element),
        z_um: length(element, "PositionZ", "reference frame"),
    }
}

fn plate(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Plate> {
    let mut plate = Plate {
        id: text(element, "ID"),
        name: text(element, "Name"),
        external_id: element.attribute("ExternalIdentifier"),
        n_rows: element.number("Rows"),
        n_columns: element.number("Columns"),
        ..Plate::default()
    };
    reader.children(|reader, element| {
        match element.name() {
            "Well" => plate.wells.push(well(reader, element)?),
            "PlateAcquisition" => plate.acquisitions.push(acquisition(reader, element)?),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(plate)
}

fn well(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Well> {
    let (Some(row), Some(column)) = (element.number("Row"), element.number("Column")) else {
        return Err(reader.error("has a Well without Row and Column"));
    };
    let mut well = Well { id: text(element, "ID"), row, column, samples: Vec::new() };
    reader.children(|reader, element| {
        if element.name() != "WellSample" {
            return reader.skip();
        }
        let mut sample = WellSample {
            id: text(element, "ID"),
            index: element.number("Index").unwrap_or(0),
            position: position(element),
            image: None,
        };
        reader.children(|reader, element| {
            if element.name() == "ImageRef" {
                sample.image = element.attribute("ID");
            }
            reader.skip()
        })?;
        well.samples.push(sample);
        Ok(())
    })?;
    Ok(well)
}

fn acquisition(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<PlateAcquisition> {
    let mut run = PlateAcquisition {
        id: text(element, "ID"),
        name: text(element, "Name"),
        start: element.attribute("StartTime"),
        end: element.attribute("EndTime"),
        samples: Vec::new(),
    };
    reader.children(|reader, element| {
        if element.name() == "WellSampleRef" {
            run.samples.extend(element.attribute("ID"));
        }
        reader.skip()
    })?;
    Ok(run)
}
