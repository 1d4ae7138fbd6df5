//! The index of a Harmony measurement: `Index.idx.xml`, `Index.xml`.
//!
//! `EvaluationInputData` with `Plates/Plate` (name, rows, columns, wells), `Maps/Map/Entry`
//! (by channel; from version 6 on they describe the channels) and `Images/Image` (one per
//! plane, with file name, numbers, position). Elements are known by their names, whatever
//! the namespace: it differs by version (`.../PEHH/HarmonyV5`, a GUID in version 7).

use std::collections::BTreeMap;

use crate::{
    Result, WellPosition,
    microscope::{builder::MAX_PLANES, time::epoch_seconds},
    xml::{Node, XmlReader},
};

/// What an index says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    pub(super) plate: PlateHeader,
    /// Channels by `ChannelID`.
    pub(super) channels: BTreeMap<u32, ChannelHeader>,
    pub(super) images: Vec<ImageRecord>,
    /// The first number of an image that is none, with its element. The image has no well then.
    pub(super) bad_number: Option<String>,
}

/// The plate as its header describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PlateHeader {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) measurement: String,
    pub(super) start_s: Option<i64>,
    pub(super) n_rows: u32,
    pub(super) n_columns: u32,
    pub(super) wells: Vec<WellPosition>,
}

/// What is said once per channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ChannelHeader {
    pub(super) name: Option<String>,
    pub(super) excitation_nm: Option<f64>,
    pub(super) emission_nm: Option<f64>,
    pub(super) x_um: Option<f64>,
    pub(super) y_um: Option<f64>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
}

/// One plane; numbers as they stand in the index.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ImageRecord {
    pub(super) url: String,
    /// Page of the file, for Columbus.
    pub(super) page: u32,
    pub(super) row: Option<u32>,
    pub(super) column: Option<u32>,
    pub(super) field: u32,
    pub(super) plane: u32,
    pub(super) timepoint: u32,
    pub(super) channel: u32,
    pub(super) x_um: Option<f64>,
    pub(super) y_um: Option<f64>,
    pub(super) z_um: Option<f64>,
    pub(super) absolute_z_um: Option<f64>,
}

impl Index {
    /// Reads an index; errors name `file`.
    ///
    /// # Errors
    /// `InvalidData` for anything but a complete index, XML with a DTD or entities included.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self> {
        let mut reader = XmlReader::new(text, file);
        reader.root("EvaluationInputData")?;
        let mut index = Self::default();
        loop {
            match reader.next()? {
                Node::Open(element) => match element.name() {
                    "Plates" => index.read_plates(&mut reader)?,
                    "Maps" => index.read_maps(&mut reader)?,
                    "Images" => index.read_images(&mut reader)?,
                    _ => reader.skip()?,
                },
                Node::Close | Node::Text(_) => {}
                Node::End => return Ok(index),
            }
        }
    }

    /// The number, from 0, of the channel called `id`: ids count from 1, in all that is known.
    pub(super) fn channel_number(&self, id: u32) -> u32 {
        if self.channels.contains_key(&0) { id } else { id.saturating_sub(1) }
    }

    fn read_plates(&mut self, reader: &mut XmlReader<'_>) -> Result<()> {
        children(reader, |reader, name, _| {
            if name != "Plate" {
                return reader.skip();
            }
            let plate = &mut self.plate;
            children(reader, |reader, name, attributes| {
                match name {
                    "Well" => {
                        plate.wells.extend(attributes.id.as_deref().and_then(well_of_id));
                        return reader.skip();
                    }
                    "PlateID" => plate.id = reader.text()?,
                    "Name" => plate.name = reader.text()?,
                    "MeasurementID" => plate.measurement = reader.text()?,
                    "MeasurementStartTime" => plate.start_s = epoch_seconds(&reader.text()?),
                    "PlateRows" => plate.n_rows = reader.text()?.parse().unwrap_or(0),
                    "PlateColumns" => plate.n_columns = reader.text()?.parse().unwrap_or(0),
                    _ => reader.skip()?,
                }
                Ok(())
            })
        })
    }

    fn read_maps(&mut self, reader: &mut XmlReader<'_>) -> Result<()> {
        children(reader, |reader, name, _| {
            if name != "Map" {
                return reader.skip();
            }
            children(reader, |reader, name, attributes| {
                let channel = attributes.channel.filter(|_| name == "Entry");
                let Some(channel) = channel else { return reader.skip() };
                let header = self.channels.entry(channel).or_default();
                children(reader, |reader, name, attributes| {
                    if !ChannelHeader::has(name) {
                        return reader.skip();
                    }
                    header.set(name, &reader.text()?, attributes.unit.as_deref());
                    Ok(())
                })
            })
        })
    }

    fn read_images(&mut self, reader: &mut XmlReader<'_>) -> Result<()> {
        let mut text = String::new();
        let mut bad_number = None;
        children(reader, |reader, name, _| {
            if name != "Image" {
                return reader.skip();
            }
            if self.images.len() as u64 >= MAX_PLANES {
                return Err(reader.error(&format!("lists more than {MAX_PLANES} images")));
            }
            let mut image = ImageRecord::default();
            let mut header = ChannelHeader::default();
            let mut is_bad = false;
            children(reader, |reader, name, attributes| {
                let is_of_channel = ChannelHeader::has(name);
                if !is_of_channel && !ImageRecord::has(name) {
                    return reader.skip();
                }
                reader.text_into(&mut text)?;
                if is_of_channel {
                    header.set(name, &text, attributes.unit.as_deref());
                } else {
                    image.set(name, &text, &attributes);
                    if !is_number_of(name, &text) {
                        is_bad = true;
                        bad_number.get_or_insert_with(|| format!("<{name}>{text}</{name}>"));
                    }
                }
                Ok(())
            })?;
            match is_bad {
                // Whatever else it says, its place in the plate is not known.
                true => image.row = None,
                false => self.channels.entry(image.channel).or_default().fill(header),
            }
            self.images.push(image);
            Ok(())
        })?;
        self.bad_number = self.bad_number.take().or(bad_number);
        Ok(())
    }
}

/// Attributes that count, of any element.
#[derive(Default)]
struct Attributes {
    unit: Option<String>,
    id: Option<String>,
    channel: Option<u32>,
    buffer: Option<u32>,
}

/// As [`XmlReader::children`], with the name and the attributes of each element.
fn children<'a>(
    reader: &mut XmlReader<'a>,
    mut each: impl FnMut(&mut XmlReader<'a>, &str, Attributes) -> Result<()>,
) -> Result<()> {
    reader.children(|reader, element| {
        let mut attributes = Attributes::default();
        for (name, value) in element.attributes() {
            match name {
                // Metres are the rule and need no memory.
                "Unit" if value != "m" => attributes.unit = Some(value.into_owned()),
                "id" => attributes.id = Some(value.into_owned()),
                "ChannelID" => attributes.channel = value.trim().parse().ok(),
                "BufferNo" => attributes.buffer = value.trim().parse().ok(),
                _ => {}
            }
        }
        each(reader, element.name(), attributes)
    })
}

impl ChannelHeader {
    fn has(name: &str) -> bool {
        matches!(
            name,
            "ChannelName"
                | "MainExcitationWavelength"
                | "MainEmissionWavelength"
                | "ImageResolutionX"
                | "ImageResolutionY"
                | "ImageSizeX"
                | "ImageSizeY"
        )
    }

    fn set(&mut self, name: &str, text: &str, unit: Option<&str>) {
        match name {
            "ChannelName" => self.name = Some(text.to_owned()).filter(|name| !name.is_empty()),
            "MainExcitationWavelength" => self.excitation_nm = positive(text),
            "MainEmissionWavelength" => self.emission_nm = positive(text),
            "ImageResolutionX" => self.x_um = micrometres(text, unit).filter(|&um| um > 0.0),
            "ImageResolutionY" => self.y_um = micrometres(text, unit).filter(|&um| um > 0.0),
            "ImageSizeX" => self.width = text.parse().ok().filter(|&size| size > 0),
            "ImageSizeY" => self.height = text.parse().ok().filter(|&size| size > 0),
            _ => {}
        }
    }

    /// Takes what is not known yet.
    fn fill(&mut self, other: Self) {
        self.name = self.name.take().or(other.name);
        self.excitation_nm = self.excitation_nm.or(other.excitation_nm);
        self.emission_nm = self.emission_nm.or(other.emission_nm);
        self.x_um = self.x_um.or(other.x_um);
        self.y_um = self.y_um.or(other.y_um);
        self.width = self.width.or(other.width);
        self.height = self.height.or(other.height);
    }
}

impl ImageRecord {
    fn has(name: &str) -> bool {
        matches!(
            name,
            "URL"
                | "Row"
                | "Col"
                | "FieldID"
                | "PlaneID"
                | "TimepointID"
                | "ChannelID"
                | "PositionX"
                | "PositionY"
                | "PositionZ"
                | "AbsPositionZ"
        )
    }

    fn set(&mut self, name: &str, text: &str, attributes: &Attributes) {
        let number = || text.parse().unwrap_or(0);
        let um = || micrometres(text, attributes.unit.as_deref());
        match name {
            "URL" => {
                text.clone_into(&mut self.url);
                self.page = attributes.buffer.unwrap_or(0);
            }
            "Row" => self.row = text.parse().ok(),
            "Col" => self.column = text.parse().ok(),
            "FieldID" => self.field = number(),
            "PlaneID" => self.plane = number(),
            "TimepointID" => self.timepoint = number(),
            "ChannelID" => self.channel = number(),
            "PositionX" => self.x_um = um(),
            "PositionY" => self.y_um = um(),
            "PositionZ" => self.z_um = um(),
            "AbsPositionZ" => self.absolute_z_um = um(),
            _ => {}
        }
    }

    /// The well; `None` when row or column are not there or not of a plate.
    pub(super) fn well(&self) -> Option<WellPosition> {
        well_of(self.row?, self.column?)
    }
}

/// Whether a text is a number where the element `name` of an image has one.
fn is_number_of(name: &str, text: &str) -> bool {
    let number = text.parse::<u32>();
    match name {
        "Row" | "Col" => number.is_ok_and(|place| place > 0 && place - 1 <= WellPosition::MAX),
        "FieldID" | "PlaneID" | "TimepointID" | "ChannelID" => number.is_ok(),
        _ => true,
    }
}

fn well_of(row: u32, column: u32) -> Option<WellPosition> {
    let position = WellPosition::new(row.checked_sub(1)?, column.checked_sub(1)?);
    (position.row <= WellPosition::MAX && position.column <= WellPosition::MAX).then_some(position)
}

/// `RRCC`, two digits each.
fn well_of_id(id: &str) -> Option<WellPosition> {
    let (row, column) = (id.len() == 4).then(|| id.split_at_checked(2))??;
    well_of(row.parse().ok()?, column.parse().ok()?)
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

/// A length in µm; metres where no unit is given.
fn micrometres(text: &str, unit: Option<&str>) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let factor = match unit {
        None | Some("m") => 1e6,
        Some("mm") => 1e3,
        Some("um" | "µm" | "micron") => 1.0,
        Some("nm") => 1e-3,
        Some(_) => return None,
    };
    Some(value * factor)
}
