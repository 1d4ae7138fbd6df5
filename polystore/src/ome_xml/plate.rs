//! From this crate's plates to the screening part of OME-XML.

use super::{Image, Ome, OmeFile, Plate, PlateAcquisition, Well, WellSample, convert::creator};
use crate::model::PlateStructure;

/// An image of a plate and its files, in the order of [`PlateStructure::images`].
pub type PlateFile = Vec<OmeFile>;

impl Ome {
    /// The document of a whole plate, to be its `.companion.ome`: `files` has the files of
    /// each image in plate order, named relative to the document.
    pub fn of_plate(structure: &PlateStructure, uuid: String, files: &[PlateFile]) -> Self {
        let images = structure
            .images()
            .enumerate()
            .map(|(number, (_, image))| {
                Image::of(image, number, files.get(number).map_or(&[], Vec::as_slice))
            })
            .collect();
        Self {
            uuid: Some(uuid),
            creator: Some(creator()),
            plates: vec![Plate::of(structure)],
            images,
            ..Self::default()
        }
    }
}

impl Plate {
    /// The wells and acquisitions of `structure`; field samples refer to `Image:N`, where N
    /// is the image's place in plate order.
    pub fn of(structure: &PlateStructure) -> Self {
        let run = |(number, run): (usize, &crate::model::Acquisition)| PlateAcquisition {
            id: format!("PlateAcquisition:0:{number}"),
            name: run.name.clone(),
            ..PlateAcquisition::default()
        };
        let mut plate = Self {
            id: "Plate:0".to_owned(),
            name: structure.name.clone(),
            external_id: structure.id.clone(),
            n_rows: Some(structure.n_rows),
            n_columns: Some(structure.n_columns),
            wells: Vec::new(),
            acquisitions: structure.acquisitions.iter().enumerate().map(run).collect(),
        };
        let mut number = 0;
        for (at, well) in structure.wells.iter().enumerate() {
            let mut samples = Vec::new();
            for image in &well.fields {
                let id = format!("WellSample:0:{at}:{}", samples.len());
                if let Some(run) = plate.acquisitions.get_mut(image.acquisition as usize) {
                    run.samples.push(id.clone());
                }
                samples.push(WellSample {
                    id,
                    index: number,
                    position: image.position,
                    image: Some(format!("Image:{number}")),
                });
                number += 1;
            }
            plate.wells.push(Well {
                id: format!("Well:0:{at}"),
                row: well.position.row,
                column: well.position.column,
                samples,
            });
        }
        plate
    }
}
