//! Images and labels that steps save: declared once per plate, written unit by unit.

use std::{collections::HashMap, sync::Arc};

use polystore::{
    Plane, PlaneIndex, PlaneRequest, Plate, VirtualBackend, VirtualPath,
    convert::retarget,
    model::{ImageStructure, PlateStructure},
};
use sha2::{Digest, Sha256};

use super::{ImagePlace, ResultStore};
use crate::{
    Error, Result,
    definition::hex,
    plan::{ExecutionPlan, ImageSet, Unit},
};

/// The places of a plan's images, open for writing and reading.
pub(crate) struct StoredImages {
    sets: Vec<OpenSet>,
}

struct OpenSet {
    backend: Arc<dyn VirtualBackend>,
    /// Of the plate.
    plate: VirtualPath,
    /// Image of each unit, by the unit's number.
    images: HashMap<usize, VirtualPath>,
    /// For labels beside an image: what to declare, by the unit's number.
    labels: HashMap<usize, ImageStructure>,
}

impl StoredImages {
    /// Opens the places and declares the plates. Labels are declared with their unit.
    pub(crate) fn declare(
        plan: &ExecutionPlan,
        source: &Plate,
        store: &ResultStore,
    ) -> Result<Self> {
        let mut sets: Vec<OpenSet> = Vec::with_capacity(plan.image_sets.len());
        for (number, set) in (0u32..).zip(&plan.image_sets) {
            let open = match set.beside.and_then(|beside| sets.get(beside as usize)) {
                Some(image) => beside(plan, number, set, image),
                None => plate_of(plan, number, set, source, &store.image_place(&set.name)?)?,
            };
            sets.push(open);
        }
        Ok(Self { sets })
    }

    /// Says that all images are written that will be.
    pub(crate) fn finish(&self) -> Result<()> {
        for (number, set) in self.sets.iter().enumerate() {
            // Labels beside the images of another set are of its plate.
            let is_first = self.sets[..number].iter().all(|before| {
                before.plate != set.plate || !Arc::ptr_eq(&before.backend, &set.backend)
            });
            if is_first {
                set.backend.finish_plate(&set.plate)?;
            }
        }
        Ok(())
    }

    fn set(&self, set: u32) -> Result<&OpenSet> {
        self.sets
            .get(set as usize)
            .ok_or_else(|| Error::pipeline("plan", "an image set is missing"))
    }

    /// Backend and path of the image of unit number `unit` in a set.
    pub(crate) fn image(
        &self,
        set: u32,
        unit: usize,
    ) -> Result<(&Arc<dyn VirtualBackend>, &VirtualPath)> {
        let set = self.set(set)?;
        let image = set.images.get(&unit);
        let image = image.ok_or_else(|| Error::pipeline("plan", "a unit has no image to write"))?;
        Ok((&set.backend, image))
    }

    /// Writes planes of one unit's image.
    pub(crate) fn write(
        &self,
        set: u32,
        unit: usize,
        planes: Vec<(PlaneIndex, Plane)>,
    ) -> Result<()> {
        let open = self.set(set)?;
        let (backend, image) = self.image(set, unit)?;
        if let Some(labels) = open.labels.get(&unit) {
            backend.create_image(image, labels)?;
        }
        let planes: Vec<_> = planes
            .into_iter()
            .map(|(index, plane)| (PlaneRequest::new(image.clone(), index), plane))
            .collect();
        Ok(backend.write_planes(&planes)?)
    }
}

/// Declares the plate of a set, with an image for each unit that stores one.
fn plate_of(
    plan: &ExecutionPlan,
    number: u32,
    set: &ImageSet,
    plate: &Plate,
    place: &ImagePlace,
) -> Result<OpenSet> {
    let source = plate.structure();
    let mut structure = PlateStructure::new(source.name.clone(), source.n_rows, source.n_columns);
    structure.acquisitions = source.acquisitions.clone();
    let several = source.acquisitions.len() > 1;
    let mut units = Vec::new();
    for (unit_number, unit) in plan.units.iter().enumerate() {
        let declared = plan.program(unit)?.images.iter().find(|image| image.set == number);
        let Some(declared) = declared else { continue };
        let image = image_of(unit, &declared.image, source);
        let acquisition = several.then_some(unit.acquisition);
        let path = PlateStructure::canonical_image_path(unit.well, acquisition, image.field);
        structure.add_image(unit.well, ImageStructure { path, ..image })?;
        units.push(unit_number);
    }
    // What nobody could read is not in the results, and they say so.
    structure.passed_over = plate.inventory()?.passed_over.of_source();
    let selection = plan.pipeline.input();
    for well in source.wells.iter().filter(|well| well.fields.is_empty()) {
        let is_in = selection.wells.as_ref().is_none_or(|wells| wells.contains(well.position));
        let is_out =
            selection.exclude_wells.as_ref().is_some_and(|wells| wells.contains(well.position));
        if is_in && !is_out {
            structure.well_mut(well.position);
        }
    }
    let structure = retarget(&structure, place.layout)?;
    place.backend.create_plate(&place.path, &structure).map_err(|error| {
        match error.kind() == polystore::ErrorKind::AlreadyExists {
            true => error.with_hint(format!(
                "images `{}` of another plate or selection are here; replace them, or choose another place",
                set.name
            )),
            false => error,
        }
    })?;
    // Units and images are both in plate order.
    let images = structure.images().map(|(_, image)| place.path.append(&image.path));
    Ok(OpenSet {
        backend: Arc::clone(&place.backend),
        plate: place.path.clone(),
        images: units.into_iter().zip(images).collect(),
        labels: HashMap::new(),
    })
}

/// Labels beside the images of another set.
fn beside(plan: &ExecutionPlan, number: u32, set: &ImageSet, image: &OpenSet) -> OpenSet {
    let mut open = OpenSet {
        backend: Arc::clone(&image.backend),
        plate: image.plate.clone(),
        images: HashMap::new(),
        labels: HashMap::new(),
    };
    for (unit_number, unit) in plan.units.iter().enumerate() {
        let program = plan.programs.get(unit.program as usize);
        let declared = program.and_then(|program| {
            program.images.iter().find(|image| image.set == number).map(|image| &image.image)
        });
        let (Some(declared), Some(below)) = (declared, image.images.get(&unit_number)) else {
            continue;
        };
        let Ok(path) = below.join(&format!("labels/{}", set.name)) else { continue };
        open.labels
            .insert(unit_number, ImageStructure { name: set.name.clone(), ..declared.clone() });
        open.images.insert(unit_number, path);
    }
    open
}

/// What one unit's image is.
fn image_of(unit: &Unit, declared: &ImageStructure, source: &PlateStructure) -> ImageStructure {
    let field = unit.fields.first().copied().unwrap_or(0);
    let original = source.well(unit.well).and_then(|well| well.field(unit.acquisition, field));
    let is_one_field = unit.fields.len() == 1;
    ImageStructure {
        name: unit.name.clone(),
        field: if is_one_field { field } else { 0 },
        acquisition: unit.acquisition,
        position: original.filter(|_| is_one_field).and_then(|image| image.position),
        ..declared.clone()
    }
}

/// Identifies the pixels of a plane, with their type and shape.
pub(crate) fn plane_hash(plane: &Plane) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{} {}\n", plane.pixel_type(), plane.shape()));
    hash.update(plane.bytes());
    hex(&hash.finalize())
}
