//! The records of a CellVoyager measurement: `MeasurementData.mlf`.
//!
//! One `MeasurementRecord` per image, numbers and position as attributes, the file name as
//! text. Records of type `ERR` stand where an image could not be taken; most of them (failed
//! focus) name no field.

use crate::{
    Result, WellPosition,
    microscope::builder::MAX_PLANES,
    xml::{Element, Node, XmlReader},
};

/// One record; numbers as they stand there, from 1. `None` where it is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// Whether an image was taken.
    pub(super) is_image: bool,
    pub(super) row: Option<u32>,
    pub(super) column: Option<u32>,
    pub(super) timepoint: Option<u32>,
    pub(super) field: Option<u32>,
    pub(super) z: Option<u32>,
    pub(super) timeline: Option<u32>,
    pub(super) action: Option<u32>,
    pub(super) channel: Option<u32>,
    /// The method, when the image is a projection.
    pub(super) projection: Option<Box<str>>,
    pub(super) x_um: Option<f64>,
    pub(super) y_um: Option<f64>,
    pub(super) z_um: Option<f64>,
    /// File name, or the message of an error.
    pub(super) text: Box<str>,
}

impl Record {
    /// All records of `text`; errors name `file`.
    ///
    /// # Errors
    /// `InvalidData` for anything but complete records, XML with a DTD or entities included.
    pub(crate) fn parse_all(text: &str, file: &str) -> Result<Vec<Self>> {
        let mut reader = XmlReader::new(text, file);
        reader.root("MeasurementData")?;
        let mut records = Vec::new();
        let mut text = String::new();
        loop {
            match reader.next()? {
                Node::Open(element) if element.name() == "MeasurementRecord" => {
                    if records.len() as u64 >= MAX_PLANES {
                        return Err(reader.error(&format!("has more than {MAX_PLANES} records")));
                    }
                    let mut record = Self::of(&element);
                    reader.text_into(&mut text)?;
                    record.text = text.as_str().into();
                    records.push(record);
                }
                Node::Open(_) => reader.skip()?,
                Node::Text(_) | Node::Close => {}
                Node::End => return Ok(records),
            }
        }
    }

    fn of(element: &Element<'_>) -> Self {
        let mut record = Self { is_image: true, ..Self::default() };
        for (name, value) in element.attributes() {
            let number = || value.trim().parse::<u32>().ok().filter(|&number| number > 0);
            let um = || value.trim().parse::<f64>().ok().filter(|um| um.is_finite());
            match name {
                "Type" => record.is_image = value.trim() == "IMG",
                "Row" => record.row = number(),
                "Column" => record.column = number(),
                "TimePoint" => record.timepoint = number(),
                "FieldIndex" => record.field = number(),
                "ZIndex" => record.z = number(),
                "TimelineIndex" => record.timeline = number(),
                "ActionIndex" => record.action = number(),
                "Ch" => record.channel = number(),
                "X" => record.x_um = um(),
                "Y" => record.y_um = um(),
                "Z" => record.z_um = um(),
                "ZImageProcessing" if !value.trim().is_empty() => {
                    record.projection = Some(value.trim().into());
                }
                _ => {}
            }
        }
        record
    }

    /// The well; `None` when row or column are not there or not of a plate.
    pub(super) fn well(&self) -> Option<WellPosition> {
        let position = WellPosition::new(self.row? - 1, self.column? - 1);
        (position.row <= WellPosition::MAX && position.column <= WellPosition::MAX)
            .then_some(position)
    }
}
