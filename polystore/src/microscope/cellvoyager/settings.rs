//! What a CellVoyager measurement was set up to be: `MeasurementDetail.mrf`, the `.mes` file
//! that it names, the `.wpi` of the plate.

use std::collections::BTreeMap;

use crate::{
    PlaneShape, Result, WellPosition,
    microscope::time::epoch_seconds,
    model::{Channel, Color, PhysicalSize},
    xml::{Element, Node, XmlReader},
};

/// `MeasurementDetail.mrf`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Detail {
    pub(super) title: String,
    pub(super) plate_name: String,
    pub(super) n_rows: u32,
    pub(super) n_columns: u32,
    pub(super) start_s: Option<i64>,
    pub(super) end_s: Option<i64>,
    /// Name of the `.mes` file.
    pub(super) settings_file: String,
    /// Geometry by channel number.
    pub(super) channels: BTreeMap<u32, Geometry>,
}

/// Size of a channel's images and pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Geometry {
    pub(super) size: PhysicalSize,
    pub(super) shape: Option<PlaneShape>,
}

impl Detail {
    /// Reads the file; errors name `file`.
    ///
    /// # Errors
    /// `InvalidData` as [`XmlReader`].
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self> {
        let mut reader = XmlReader::new(text, file);
        let root = reader.root("MeasurementDetail")?;
        let text = |name| root.attribute(name).unwrap_or_default();
        let mut detail = Self {
            title: text("Title"),
            plate_name: String::new(),
            n_rows: count(&root, "RowCount"),
            n_columns: count(&root, "ColumnCount"),
            start_s: epoch_seconds(&text("BeginTime")),
            end_s: epoch_seconds(&text("EndTime")),
            settings_file: text("MeasurementSettingFileName"),
            channels: BTreeMap::new(),
        };
        each_element(&mut reader, |element, _| {
            match element.name() {
                "MeasurementSamplePlate" => {
                    detail.plate_name = element.attribute("Name").unwrap_or_default();
                }
                "MeasurementChannel" => {
                    if let Some(channel) = element.number("Ch") {
                        detail.channels.insert(channel, Geometry::of(element));
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(detail)
    }
}

/// Rows or columns of a plate.
fn count(element: &Element<'_>, name: &str) -> u32 {
    element.number(name).filter(|&count| count <= WellPosition::MAX).unwrap_or(0)
}

impl Geometry {
    fn of(element: &Element<'_>) -> Self {
        let um = |name| element.number(name).filter(|um: &f64| um.is_finite() && *um > 0.0);
        let pixels = |name| element.number(name).filter(|&pixels: &u32| pixels > 0);
        let shape = pixels("VerticalPixels").zip(pixels("HorizontalPixels"));
        Self {
            size: PhysicalSize {
                x_um: um("HorizontalPixelDimension"),
                y_um: um("VerticalPixelDimension"),
                z_um: None,
            },
            shape: shape.map(|(height, width)| PlaneShape::new(height, width)),
        }
    }
}

/// The `.mes` file: channels, light sources, timelines, wells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    /// Channels by number.
    pub(super) channels: BTreeMap<u32, Channel>,
    /// Names of the timelines, in order.
    pub(super) timelines: Vec<String>,
    /// Wells that are selected in any timeline.
    pub(super) wells: Vec<WellPosition>,
}

impl Settings {
    /// Reads the file; errors name `file`.
    ///
    /// # Errors
    /// `InvalidData` as [`XmlReader`].
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self> {
        let mut reader = XmlReader::new(text, file);
        reader.root("MeasurementSetting")?;
        let mut settings = Self::default();
        let mut lights: BTreeMap<String, f64> = BTreeMap::new();
        let mut light_of: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let mut current = None;
        each_element(&mut reader, |element, reader| {
            match element.name() {
                "Timeline" => {
                    settings.timelines.push(element.attribute("Name").unwrap_or_default());
                }
                "TargetWell" => {
                    let well = well_of(element);
                    if reader.text()?.eq_ignore_ascii_case("true") {
                        settings.wells.extend(well);
                    }
                }
                "LightSource" => {
                    let wavelength = element.number("WaveLength").filter(|&nm: &f64| nm > 0.0);
                    lights.extend(element.attribute("Name").zip(wavelength));
                }
                "Channel" => {
                    current = element.number("Ch");
                    settings.channels.extend(current.map(|number| (number, channel(element))));
                }
                "LightSourceName" => {
                    let name = reader.text()?;
                    if let Some(number) = current {
                        light_of.entry(number).or_default().push(name);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        for (number, names) in light_of {
            if let (Some(channel), [name]) = (settings.channels.get_mut(&number), &names[..]) {
                channel.excitation_nm = lights.get(name).copied();
            }
        }
        settings.wells.sort_unstable();
        settings.wells.dedup();
        Ok(settings)
    }
}

fn channel(element: &Element<'_>) -> Channel {
    let text = |name| {
        element.attribute(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let filter = text("Acquisition");
    Channel {
        name: text("Fluorophore").or(text("Target")).or(filter.clone()).unwrap_or_default(),
        color: text("Color").as_deref().and_then(color),
        excitation_nm: None,
        emission_nm: filter.as_deref().and_then(band_centre),
        ..Channel::default()
    }
}

/// `#AARRGGBB` or `#RRGGBB`.
fn color(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#')?;
    Color::from_hex(digits.get(digits.len().checked_sub(6)?..)?)
}

/// The middle of a band-pass filter: 445 of `BP445/45`.
fn band_centre(filter: &str) -> Option<f64> {
    let (centre, width) = filter.strip_prefix("BP")?.split_once('/')?;
    width.parse::<f64>().ok()?;
    centre.parse().ok().filter(|&nm: &f64| nm.is_finite() && nm > 0.0)
}

fn well_of(element: &Element<'_>) -> Option<WellPosition> {
    let (row, column): (u32, u32) = (element.number("Row")?, element.number("Column")?);
    let position = WellPosition::new(row.checked_sub(1)?, column.checked_sub(1)?);
    (position.row <= WellPosition::MAX && position.column <= WellPosition::MAX).then_some(position)
}

/// Rows and columns of the plate, and its name, by a `.wpi` file.
///
/// # Errors
/// `InvalidData` as [`XmlReader`].
pub(super) fn read_well_plate(text: &str, file: &str) -> Result<(u32, u32, String)> {
    let mut reader = XmlReader::new(text, file);
    let root = reader.root("WellPlate")?;
    Ok((count(&root, "Rows"), count(&root, "Columns"), root.attribute("Name").unwrap_or_default()))
}

/// Calls `each` at the beginning of every element to the end of the document.
fn each_element<'a>(
    reader: &mut XmlReader<'a>,
    mut each: impl FnMut(&Element<'a>, &mut XmlReader<'a>) -> Result<()>,
) -> Result<()> {
    loop {
        match reader.next()? {
            Node::Open(element) => each(&element, reader)?,
            Node::Text(_) | Node::Close => {}
            Node::End => return Ok(()),
        }
    }
}
