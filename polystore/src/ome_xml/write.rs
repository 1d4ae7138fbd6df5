//! Writes OME-XML.

use std::{borrow::Cow, fmt::Display};

use quick_xml::escape::escape;

use super::{
    Channel, Image, Ome, Pixels, Plane, Plate, PlateAcquisition, TiffData, Well,
    units::{color_number, type_name},
};
use crate::model::StagePosition;

const NAMESPACE: &str = "http://www.openmicroscopy.org/Schemas/OME/2016-06";
const SCHEMA: &str = "http://www.openmicroscopy.org/Schemas/OME/2016-06 \
    http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd";

impl Ome {
    /// The document as text, in the order of elements that the schema asks for.
    pub fn to_xml(&self) -> String {
        let mut out = Out(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
        out.open("OME");
        out.attribute("xmlns", NAMESPACE);
        out.attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
        out.attribute("xsi:schemaLocation", SCHEMA);
        out.optional("UUID", self.uuid.as_ref());
        out.optional("Creator", self.creator.as_ref());
        out.inside();
        if let Some(reference) = &self.binary_only {
            out.open("BinaryOnly");
            out.attribute("MetadataFile", &reference.metadata_file);
            out.attribute("UUID", &reference.uuid);
            out.end();
        }
        self.plates.iter().for_each(|plate| out.plate(plate));
        self.images.iter().for_each(|image| out.image(image));
        out.close("OME");
        out.0
    }
}

struct Out(String);

impl Out {
    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
    }

    fn attribute(&mut self, name: &str, value: impl Display) {
        self.0.push_str(&format!(" {name}=\"{}\"", escaped(&value.to_string())));
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.attribute(name, value);
        }
    }

    /// A number, when it is one.
    fn number(&mut self, name: &str, value: Option<f64>) {
        self.optional(name, value.filter(|value| value.is_finite()));
    }

    /// An attribute that is left out when empty.
    fn text(&mut self, name: &str, value: &str) {
        self.optional(name, Some(value).filter(|value| !value.is_empty()));
    }

    fn inside(&mut self) {
        self.0.push('>');
    }

    fn end(&mut self) {
        self.0.push_str("/>");
    }

    fn close(&mut self, name: &str) {
        self.0.push_str(&format!("</{name}>"));
    }

    fn element(&mut self, name: &str, text: &str) {
        self.open(name);
        self.inside();
        self.0.push_str(&escaped(text));
        self.close(name);
    }

    fn position(&mut self, position: Option<StagePosition>) {
        let Some(position) = position.filter(|at| at.x_um.is_finite() && at.y_um.is_finite())
        else {
            return;
        };
        for (name, value) in [("PositionX", position.x_um), ("PositionY", position.y_um)] {
            self.attribute(name, value);
            self.attribute(&format!("{name}Unit"), "µm");
        }
    }

    fn plate(&mut self, plate: &Plate) {
        self.open("Plate");
        self.attribute("ID", &plate.id);
        self.text("Name", &plate.name);
        self.optional("ExternalIdentifier", plate.external_id.as_ref());
        self.attribute("RowNamingConvention", "letter");
        self.attribute("ColumnNamingConvention", "number");
        self.optional("Rows", plate.n_rows);
        self.optional("Columns", plate.n_columns);
        self.inside();
        plate.wells.iter().for_each(|well| self.well(well));
        plate.acquisitions.iter().for_each(|run| self.acquisition(run));
        self.close("Plate");
    }

    fn well(&mut self, well: &Well) {
        self.open("Well");
        self.attribute("ID", &well.id);
        self.attribute("Row", well.row);
        self.attribute("Column", well.column);
        self.inside();
        for sample in &well.samples {
            self.open("WellSample");
            self.attribute("ID", &sample.id);
            self.attribute("Index", sample.index);
            self.position(sample.position);
            self.inside();
            if let Some(image) = &sample.image {
                self.open("ImageRef");
                self.attribute("ID", image);
                self.end();
            }
            self.close("WellSample");
        }
        self.close("Well");
    }

    fn acquisition(&mut self, run: &PlateAcquisition) {
        self.open("PlateAcquisition");
        self.attribute("ID", &run.id);
        self.text("Name", &run.name);
        self.optional("StartTime", run.start.as_ref());
        self.optional("EndTime", run.end.as_ref());
        self.inside();
        for sample in &run.samples {
            self.open("WellSampleRef");
            self.attribute("ID", sample);
            self.end();
        }
        self.close("PlateAcquisition");
    }

    fn image(&mut self, image: &Image) {
        self.open("Image");
        self.attribute("ID", &image.id);
        self.text("Name", &image.name);
        self.inside();
        if let Some(acquired) = &image.acquired {
            self.element("AcquisitionDate", acquired);
        }
        self.pixels(&image.pixels);
        self.close("Image");
    }

    fn pixels(&mut self, pixels: &Pixels) {
        self.open("Pixels");
        self.attribute("ID", &pixels.id);
        self.attribute("DimensionOrder", pixels.order.as_str());
        self.attribute("Type", type_name(pixels.pixel_type));
        for (name, size) in [
            ("SizeX", pixels.size_x),
            ("SizeY", pixels.size_y),
            ("SizeZ", pixels.size_z),
            ("SizeC", pixels.size_c),
            ("SizeT", pixels.size_t),
        ] {
            self.attribute(name, size);
        }
        let size = pixels.physical_size;
        for (axis, um) in [("X", size.x_um), ("Y", size.y_um), ("Z", size.z_um)] {
            if let Some(um) = um.filter(|&um| um.is_finite() && um > 0.0) {
                self.attribute(&format!("PhysicalSize{axis}"), um);
                self.attribute(&format!("PhysicalSize{axis}Unit"), "µm");
            }
        }
        self.inside();
        pixels.channels.iter().for_each(|channel| self.channel(channel));
        if pixels.tiff_data.is_empty() {
            // The schema wants to know whether pixels are in the document or elsewhere.
            self.open("MetadataOnly");
            self.end();
        }
        pixels.tiff_data.iter().for_each(|data| self.tiff_data(data));
        pixels.planes.iter().for_each(|plane| self.plane(plane));
        self.close("Pixels");
    }

    fn channel(&mut self, channel: &Channel) {
        self.open("Channel");
        self.attribute("ID", &channel.id);
        self.text("Name", &channel.name);
        self.attribute("SamplesPerPixel", channel.n_samples);
        self.optional("Color", channel.color.map(color_number));
        for (name, nm) in [
            ("ExcitationWavelength", channel.excitation_nm),
            ("EmissionWavelength", channel.emission_nm),
        ] {
            if let Some(nm) = nm.filter(|&nm| nm.is_finite() && nm > 0.0) {
                self.attribute(name, nm);
                self.attribute(&format!("{name}Unit"), "nm");
            }
        }
        self.end();
    }

    fn tiff_data(&mut self, data: &TiffData) {
        self.open("TiffData");
        self.optional("IFD", data.ifd);
        self.attribute("FirstZ", data.first_z);
        self.attribute("FirstC", data.first_c);
        self.attribute("FirstT", data.first_t);
        self.optional("PlaneCount", data.plane_count);
        if data.uuid.is_none() && data.file_name.is_none() {
            return self.end();
        }
        self.inside();
        self.open("UUID");
        self.optional("FileName", data.file_name.as_ref());
        self.inside();
        self.0.push_str(&escaped(data.uuid.as_deref().unwrap_or("")));
        self.close("UUID");
        self.close("TiffData");
    }

    fn plane(&mut self, plane: &Plane) {
        self.open("Plane");
        self.attribute("TheZ", plane.z);
        self.attribute("TheC", plane.c);
        self.attribute("TheT", plane.t);
        self.position(plane.position);
        if plane.z_um.is_some_and(f64::is_finite) {
            self.number("PositionZ", plane.z_um);
            self.attribute("PositionZUnit", "µm");
        }
        self.end();
    }
}

/// Text that any XML reader gives back: markup and white space as references, characters
/// that XML cannot hold replaced.
fn escaped(text: &str) -> String {
    let needs_care = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let escaped: Cow<'_, str> = escape(text);
    if !escaped.contains(needs_care) {
        return escaped.into_owned();
    }
    let one = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{7f}'..='\u{9f}' => format!("&#{};", u32::from(c)),
        c if needs_care(c) => '\u{fffd}'.to_string(),
        c => c.to_string(),
    };
    escaped.chars().map(one).collect()
}
