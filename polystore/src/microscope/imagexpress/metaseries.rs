//! The XML that MetaXpress and MetaMorph write into the description of each TIFF.
//!
//! `<MetaData>` with `prop` and `custom-prop` elements, each an `id` and a `value`.

use std::collections::HashMap;

use crate::{
    model::{Channel, Color, PhysicalSize, StagePosition},
    xml::{Node, XmlReader},
};

/// Most properties that are kept; real files have about a hundred.
const MAX_PROPERTIES: usize = 10_000;

/// Properties of one plane by their `id`.
#[derive(Clone, Debug, Default)]
pub(super) struct MetaSeries(HashMap<String, String>);

impl MetaSeries {
    /// Reads a TIFF's description; `None` when it is not MetaSeries XML. What comes before
    /// damage is kept.
    pub(super) fn parse(description: &str) -> Option<Self> {
        if !description.trim_start().starts_with("<MetaData") {
            return None;
        }
        let mut properties = HashMap::new();
        let mut reader = XmlReader::new(description, "ImageDescription");
        while let Ok(node) = reader.next() {
            let Node::Open(element) = node else {
                if matches!(node, Node::End) {
                    break;
                }
                continue;
            };
            if matches!(element.name(), "prop" | "custom-prop")
                && properties.len() < MAX_PROPERTIES
                && let (Some(id), Some(value)) =
                    (element.attribute("id"), element.attribute("value"))
            {
                properties.entry(id).or_insert(value);
            }
        }
        Some(Self(properties))
    }

    fn text(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn number(&self, id: &str) -> Option<f64> {
        self.text(id)?.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// Pixel size in µm, when the image is calibrated in µm.
    pub(super) fn pixel_size(&self) -> PhysicalSize {
        let is_on = self.text("spatial-calibration-state").is_none_or(|state| state == "on");
        let is_um = self
            .text("spatial-calibration-units")
            .is_some_and(|unit| matches!(unit, "um" | "µm" | "micron" | "microns"));
        if !is_on || !is_um {
            return PhysicalSize::default();
        }
        let size = |id| self.number(id).filter(|&size| size > 0.0);
        PhysicalSize {
            x_um: size("spatial-calibration-x"),
            y_um: size("spatial-calibration-y"),
            z_um: None,
        }
    }

    /// What the illumination setting and the emission wavelength say of the channel.
    pub(super) fn channel(&self) -> Channel {
        let emission_nm = self.number("wavelength").filter(|&wavelength| wavelength > 0.0);
        Channel {
            name: self.text("_IllumSetting_").unwrap_or_default().to_owned(),
            color: emission_nm.map(Color::from_wavelength),
            emission_nm,
            ..Channel::default()
        }
    }

    /// The name of the image, such as `FITC_05-2`, which tells channels of one setting apart.
    pub(super) fn image_name(&self) -> &str {
        self.text("image-name").unwrap_or_default()
    }

    /// Whether the plane is a projection of a stack.
    pub(super) fn is_projection(&self) -> bool {
        self.0.contains_key("Z Projection Method")
    }

    /// Distance of the z-sections that a projection was made of, in µm.
    pub(super) fn projected_step_um(&self) -> Option<f64> {
        self.number("Z Projection Step Size").filter(|&step| step > 0.0)
    }

    /// Height of the objective in µm.
    pub(super) fn z_um(&self) -> Option<f64> {
        self.number("z-position")
    }

    /// Where the stage stood, from the centre of the well.
    pub(super) fn offset(&self) -> Option<StagePosition> {
        let x_um = self.number("OffsetFromWellCenterUmX")?;
        Some(StagePosition { x_um, y_um: self.number("OffsetFromWellCenterUmY")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<MetaData>\n<prop id=\"Description\" type=\"string\" value=\"a&#13;&#10;b\"/>\n\
        <PlaneInfo><prop id=\"spatial-calibration-state\" type=\"bool\" value=\"on\"/>\
        <prop id=\"spatial-calibration-x\" type=\"float\" value=\"1.3672\"/>\
        <prop id=\"spatial-calibration-y\" type=\"float\" value=\"1.3\"/>\
        <prop id=\"spatial-calibration-units\" type=\"string\" value=\"um\"/>\
        <prop id=\"wavelength\" type=\"float\" value=\"452\"/>\
        <prop id=\"_IllumSetting_\" type=\"string\" value=\"DAPI\"/>\
        <custom-prop id=\"OffsetFromWellCenterUmX\" type=\"float\" value=\"-315.02\"/>\
        <custom-prop id=\"OffsetFromWellCenterUmY\" type=\"float\" value=\"-314.98\"/>\
        </PlaneInfo></MetaData>\n \0";

    #[test]
    fn properties_are_read() {
        let plane = MetaSeries::parse(TEXT).unwrap();
        assert_eq!(plane.pixel_size().x_um, Some(1.3672));
        assert_eq!(plane.pixel_size().y_um, Some(1.3));
        assert_eq!(plane.channel().name, "DAPI");
        assert_eq!(plane.channel().emission_nm, Some(452.0));
        assert_eq!(plane.offset().unwrap().x_um, -315.02);
        assert!(!plane.is_projection());
        assert_eq!(plane.text("Description"), Some("a\r\nb"));
    }

    #[test]
    fn uncalibrated_and_other_texts() {
        let text = TEXT.replace("\"on\"", "\"off\"");
        assert_eq!(MetaSeries::parse(&text).unwrap().pixel_size(), PhysicalSize::default());
        assert!(MetaSeries::parse("ImageJ=1.53").is_none());
        let end = TEXT.find("units").unwrap();
        let cut = MetaSeries::parse(&TEXT[..end]).unwrap();
        assert_eq!(cut.pixel_size().x_um, None);
        assert!(cut.0.len() >= 3);
    }
}
