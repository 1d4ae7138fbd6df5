//! `experiment_descriptor.xml`: clusters of LabVIEW, each value after its name.

use std::collections::BTreeMap;

use crate::{
    Result, WellPosition,
    xml::{Node, XmlReader},
};

/// What is used of a descriptor; it says much more about the instrument.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Descriptor {
    pub(super) plate: Option<String>,
    /// Width and height of a pixel in µm.
    pub(super) pixel_um: Option<f64>,
    /// Distance of z-sections in µm.
    pub(super) z_um: Option<f64>,
    /// Wells by their running number, where the user selected labelled wells.
    pub(super) labels: BTreeMap<u32, WellPosition>,
}

impl Descriptor {
    /// Reads the values that have a known name; all others are passed over.
    ///
    /// # Errors
    /// `InvalidData` when the text is not XML.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self> {
        let mut reader = XmlReader::new(text, file);
        let mut descriptor = Self::default();
        let (mut element, mut content, mut key) = (String::new(), String::new(), String::new());
        let mut number = None;
        loop {
            match reader.next()? {
                Node::Open(open) => {
                    open.name().clone_into(&mut element);
                    content.clear();
                }
                Node::Text(text) => content.push_str(&text),
                Node::Close => {
                    match element.as_str() {
                        "Name" => content.trim().clone_into(&mut key),
                        "Val" => descriptor.add(&key, content.trim(), &mut number),
                        _ => {}
                    }
                    element.clear();
                }
                Node::End => return Ok(descriptor),
            }
        }
    }

    /// Takes one value; `number` is that of the well whose label may follow.
    fn add(&mut self, key: &str, value: &str, number: &mut Option<u32>) {
        let length = || value.parse().ok().filter(|um: &f64| um.is_finite() && *um > 0.0);
        match key {
            "plate name" if !value.is_empty() => self.plate = Some(value.to_owned()),
            "conversion factor um/pixel" => self.pixel_um = length(),
            "slices distance" => self.z_um = length(),
            "well selection table + cDNA" => match value.parse() {
                Ok(of_well) => *number = Some(of_well),
                Err(_) => {
                    if let (Some(number), Ok(well)) = (number.take(), value.parse()) {
                        self.labels.insert(number, well);
                    }
                }
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_their_names() {
        let text = "<LVData><Cluster><Name>x</Name><NumElts>2</NumElts>\
            <String><Name>plate name</Name><Val>P7</Val></String>\
            <DBL><Name>conversion factor um/pixel</Name><Val> 0.645 </Val></DBL>\
            <DBL><Name>slices distance</Name><Val>0</Val></DBL>\
            <Array><Name>well selection table + cDNA</Name><String><Val>14</Val></String>\
            <String><Val>B2</Val></String><String><Val>15</Val></String><String><Val>control</Val></String></Array>\
            </Cluster></LVData>";
        let found = Descriptor::parse(text, "f").unwrap();
        assert_eq!(found.plate.as_deref(), Some("P7"));
        assert_eq!((found.pixel_um, found.z_um), (Some(0.645), None));
        assert_eq!(found.labels, BTreeMap::from([(14, WellPosition::new(1, 1))]));
        assert!(Descriptor::parse("<LVData>", "f").is_err());
    }
}
