//! Images and labels that steps save: declared once per plate, written unit by unit.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use polystore::{
    ErrorKind, Plane, PlaneIndex, PlaneRequest, Plate, VirtualBackend, VirtualBackendExt,
    VirtualPath,
    convert::{TargetLayout, retarget},
    model::{ImageStructure, PlateStructure},
};
use sha2::{Digest, Sha256};

use super::{ImagePlace, OutputHash, ResultStore};
use crate::{
    Error, Result,
    definition::hex,
    plan::{ExecutionPlan, ImageSet, Program, Unit, WriteTarget, passed_over, wants_well},
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
    /// Opens the places and declares the plates. Labels are declared with their unit. With
    /// `goes_on`, they may be there from an earlier run, with fewer units or other notes.
    pub(crate) fn declare(
        plan: &ExecutionPlan,
        source: &Plate,
        store: &ResultStore,
        goes_on: bool,
    ) -> Result<Self> {
        let mut sets: Vec<OpenSet> = Vec::with_capacity(plan.image_sets.len());
        for (number, set) in (0u32..).zip(&plan.image_sets) {
            let open = match set.beside.and_then(|beside| sets.get(beside as usize)) {
                Some(image) => beside(plan, number, set, image),
                None => {
                    let place = store.image_place(&set.name)?;
                    plate_of(plan, number, set, source, &place, goes_on)?
                }
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

    /// Deletes planes of one unit that an earlier run stored and that `program` does not store
    /// again: they were made of what is not there any more.
    pub(crate) fn remove_stale(
        &self,
        unit: usize,
        stored: &[OutputHash],
        program: &Program,
    ) -> Result<()> {
        let replaced: HashSet<(&VirtualPath, String)> = (program.writes.iter())
            .filter_map(|write| match write.target {
                WriteTarget::Plane { set, index } => Some((self.image(set, unit).ok()?.1, index)),
                _ => None,
            })
            .map(|(path, index)| (path, index.to_string()))
            .collect();
        for open in &self.sets {
            let Some(image) = open.images.get(&unit) else { continue };
            let stale = |output: &&OutputHash| {
                output.path == *image && !replaced.contains(&(image, output.part.clone()))
            };
            let stale: Vec<&OutputHash> = stored.iter().filter(stale).collect();
            if stale.is_empty() {
                continue;
            }
            if open.labels.contains_key(&unit) {
                gone(open.backend.delete(image, true))?;
                continue;
            }
            let folder = image.parent().unwrap_or_else(VirtualPath::root);
            let known = open.backend.describe(image)?;
            for index in known.sizes.indices() {
                if stale.iter().any(|output| output.part == index.to_string()) {
                    let name = open.backend.generate_filename(
                        &open.plate,
                        &image.strip_prefix(&open.plate).unwrap_or_else(|| image.clone()),
                        index,
                        "tif",
                    )?;
                    gone(open.backend.delete(&folder.join(&name)?, false))?;
                }
            }
        }
        Ok(())
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
    goes_on: bool,
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
    let selection = plan.pipeline.input();
    structure.passed_over = passed_over(selection, plate.inventory()?).0.of_source();
    let unread = source.wells.iter().filter(|well| well.fields.is_empty());
    for well in unread.filter(|well| wants_well(selection, well.position)) {
        structure.well_mut(well.position);
    }
    let mut structure = retarget(&structure, place.layout)?;
    if place.layout == TargetLayout::Zarr {
        number_as_in(source, &mut structure)?;
    }
    let declared = match goes_on {
        true => place.backend.extend_plate(&place.path, &structure),
        false => place.backend.create_plate(&place.path, &structure),
    };
    declared.map_err(|error| {
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

/// Names images by their places among those of the well in the source, so that they keep
/// their names when a later run takes more fields.
fn number_as_in(source: &PlateStructure, structure: &mut PlateStructure) -> Result<()> {
    for well in &mut structure.wells {
        let known = source.well(well.position).map_or(&[][..], |well| well.fields.as_slice());
        for image in &mut well.fields {
            let of_run = |other: &&ImageStructure| other.acquisition == image.acquisition;
            let first = known.iter().filter(of_run).map(|other| other.field).min();
            // A well whose fields are taken together is field 0.
            let field = if image.field == 0 { first } else { Some(image.field) };
            let number = known.iter().position(|other| {
                other.acquisition == image.acquisition && Some(other.field) == field
            });
            if let (Some(number), Some(folder)) = (number, image.path.parent()) {
                image.path = folder.join(&number.to_string())?;
            }
        }
    }
    Ok(structure.check()?)
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

/// What is not there needs no deleting.
fn gone(deleted: polystore::Result<()>) -> polystore::Result<()> {
    match deleted {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
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
