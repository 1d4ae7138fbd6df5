//! Pictures of some fields, with the outlines of the objects that were found.

use std::collections::{BTreeMap, BTreeSet};

use polystore::{
    Plane, PlaneIndex, PlaneRequest, Plate, VirtualBackendExt, VirtualPath,
    model::{Color, ImageKind, ImageStructure},
    render::{Contrast, DEFAULT_PERCENTILES, Picture, ViewOptions, color_of, field, thumbnail},
};

use super::RunReport;
use crate::{
    Result,
    output::{StoredImages, UnitState},
    plan::{ExecutionPlan, Program, Unit, WriteTarget},
};

/// Fields that are shown.
const MAX_FIELDS: usize = 16;
/// About the longer side of a picture.
const SIDE: u32 = 256;

/// A picture of a field.
pub(super) struct Shown {
    pub(super) unit: String,
    pub(super) picture: Picture,
    /// Whether planes of the field are missing or corrupt; it is marked in the picture then.
    pub(super) is_incomplete: bool,
}

/// Pictures of fields that were done, spread over the plate: the images that were stored, or
/// else those of the plate, with outlines of the first labels that were stored. What cannot
/// be read is left out.
pub(super) fn gallery(
    report: &RunReport,
    plan: &ExecutionPlan,
    plate: &Plate,
    images: &StoredImages,
) -> Vec<Shown> {
    let read = |(number, unit)| {
        Field::read(report, plan, images, number, unit)
            .map_err(|error| tracing::debug!(error = %error.chain(), "field is not shown"))
            .ok()
    };
    let fields: Vec<_> = choose(report, plan).into_iter().filter_map(read).collect();
    let incomplete = incomplete(report, plate, fields.iter().map(|field| field.unit));
    let contrasts = contrasts(fields.iter().filter_map(|field| field.base.as_ref()));
    let shown = fields.into_iter().map(|field| {
        let mut picture = match &field.base {
            Some(base) => base.picture(&contrasts)?,
            None => of_source(plate, field.unit)?,
        };
        if let Some(labels) = &field.labels {
            draw_outlines(&mut picture, labels)?;
        }
        let is_incomplete = incomplete.contains(&field.unit.name);
        if is_incomplete {
            picture.mark_incomplete();
        }
        Ok(Shown { unit: field.unit.name.clone(), picture, is_incomplete })
    });
    shown
        .filter_map(|shown: Result<Shown>| {
            shown.map_err(|error| tracing::debug!(%error, "field is not shown")).ok()
        })
        .collect()
}

/// Units that were done, evenly spread.
fn choose<'p>(report: &RunReport, plan: &'p ExecutionPlan) -> Vec<(usize, &'p Unit)> {
    let is_done = |number: usize| {
        let state = report.manifest.units.get(number).map(|unit| unit.state);
        matches!(state, Some(UnitState::Done | UnitState::Kept | UnitState::Partial))
    };
    let done: Vec<_> =
        plan.units.iter().enumerate().filter(|(number, _)| is_done(*number)).collect();
    // One field of each well where not all fields can be shown.
    let mut wells = done.clone();
    wells.dedup_by_key(|(_, unit)| unit.well);
    let candidates = if done.len() <= MAX_FIELDS { done } else { wells };
    let n = candidates.len().min(MAX_FIELDS);
    (0..n).map(|at| candidates[at * candidates.len() / n]).collect()
}

/// Names of the units that planes of the plate are missing or corrupt in, whether or not the
/// pipeline needs them.
fn incomplete<'p>(
    report: &RunReport,
    plate: &Plate,
    units: impl Iterator<Item = &'p Unit>,
) -> BTreeSet<String> {
    let Ok(inventory) = plate.inventory() else { return BTreeSet::new() };
    let ordinals = plate.structure().image_ordinals();
    let is_whole = |path: &VirtualPath| {
        let states = ordinals.get(path).and_then(|&ordinal| inventory.images.get(ordinal));
        states.is_some_and(|states| states.counts().is_complete())
    };
    let entries = report.manifest.units.iter().filter(|entry| !entry.damaged.is_empty());
    let damaged: BTreeSet<&str> = entries.map(|entry| entry.name.as_str()).collect();
    let incomplete = units
        .filter(|unit| damaged.contains(unit.name.as_str()) || !unit.images.iter().all(is_whole));
    incomplete.map(|unit| unit.name.clone()).collect()
}

/// A field as it is shown.
struct Field<'p> {
    unit: &'p Unit,
    base: Option<Base>,
    labels: Option<Plane>,
}

impl<'p> Field<'p> {
    fn read(
        report: &RunReport,
        plan: &ExecutionPlan,
        images: &StoredImages,
        number: usize,
        unit: &'p Unit,
    ) -> Result<Self> {
        let program = report.program(plan, number, unit)?;
        let labels = labels(program, plan, images, number)?;
        Ok(Self { unit, base: base(program, plan, images, number)?, labels })
    }
}

/// Small planes of a stored image by channel.
struct Base {
    image: ImageStructure,
    planes: BTreeMap<u32, Plane>,
}

/// The first stored image of a program with its number.
fn first_set<'p>(
    program: &'p Program,
    plan: &ExecutionPlan,
    kind: ImageKind,
) -> Option<(u32, &'p ImageStructure)> {
    let image = program.images.iter().find(|image| {
        plan.image_sets.get(image.set as usize).is_some_and(|set| set.kind == kind)
    })?;
    Some((image.set, &image.image))
}

/// Planes of the first timepoint that were stored of a set, the middle section of each
/// channel, with the source's channel that they were made from.
fn stored(program: &Program, set: u32, image: &ImageStructure) -> Vec<(Option<u32>, PlaneIndex)> {
    let middle = image.sizes.z / 2;
    let planes = program.writes.iter().filter_map(|write| match write.target {
        WriteTarget::Plane { set: of, index } if of == set => Some((write.key.c, index)),
        _ => None,
    });
    planes.filter(|(_, index)| index.t == 0 && index.z == middle).collect()
}

/// The image that is shown: the one that the labels lie on, only the channel that they were
/// found in; without labels, all channels of the first that is stored.
fn base(
    program: &Program,
    plan: &ExecutionPlan,
    images: &StoredImages,
    number: usize,
) -> Result<Option<Base>> {
    let labels = first_set(program, plan, ImageKind::Labels);
    let chosen = match labels {
        None => first_set(program, plan, ImageKind::Intensity),
        Some((set, _)) => plan.image_sets[set as usize].beside.and_then(|beside| {
            let image = program.images.iter().find(|image| image.set == beside)?;
            Some((beside, &image.image))
        }),
    };
    let Some((set, image)) = chosen else { return Ok(None) };
    let (backend, path) = images.image(set, number)?;
    let labelled = labels.and_then(|(set, image)| stored(program, set, image).first().copied());
    let mut planes = BTreeMap::new();
    for (channel, index) in stored(program, set, image) {
        if labelled.is_some_and(|(labelled, _)| labelled.is_some() && labelled != channel) {
            continue;
        }
        let plane = backend.read_plane(&PlaneRequest::new(path.clone(), index))?;
        planes.insert(index.c, thumbnail(&plane, SIDE, ImageKind::Intensity)?);
    }
    Ok((!planes.is_empty()).then(|| Base { image: image.clone(), planes }))
}

fn labels(
    program: &Program,
    plan: &ExecutionPlan,
    images: &StoredImages,
    number: usize,
) -> Result<Option<Plane>> {
    let Some((set, image)) = first_set(program, plan, ImageKind::Labels) else { return Ok(None) };
    let Some((_, index)) = stored(program, set, image).first().copied() else { return Ok(None) };
    let (backend, path) = images.image(set, number)?;
    let plane = backend.read_plane(&PlaneRequest::new(path.clone(), index))?;
    Ok(Some(thumbnail(&plane, SIDE, ImageKind::Labels)?))
}

/// One contrast per channel, so that fields can be compared.
fn contrasts<'b>(bases: impl Iterator<Item = &'b Base> + Clone) -> BTreeMap<u32, Contrast> {
    let channels: BTreeSet<u32> =
        bases.clone().flat_map(|base| base.planes.keys().copied()).collect();
    let contrast = |c: u32| {
        let planes = bases.clone().filter_map(move |base| base.planes.get(&c));
        Some((c, Contrast::of_percentiles(planes, DEFAULT_PERCENTILES).ok()?))
    };
    channels.into_iter().filter_map(contrast).collect()
}

impl Base {
    fn picture(&self, contrasts: &BTreeMap<u32, Contrast>) -> Result<Picture> {
        let shape = self
            .planes
            .values()
            .next()
            .map_or_else(|| self.image.sizes.plane_shape(), Plane::shape);
        let mut picture = Picture::filled(shape.height, shape.width, Color::BLACK)?;
        for (c, plane) in &self.planes {
            let alone = self.planes.len() == 1;
            let color = if alone { Color::WHITE } else { color_of(&self.image, *c) };
            let contrast = contrasts.get(c).copied().unwrap_or(Contrast { low: 0.0, high: 1.0 });
            picture.add_plane(plane, contrast, color)?;
        }
        Ok(picture)
    }
}

/// The field as the plate has it.
fn of_source(plate: &Plate, unit: &Unit) -> Result<Picture> {
    let field_number = unit.fields.first().copied().unwrap_or(0);
    let well = plate.structure().well(unit.well);
    let image = match well.and_then(|well| well.field(unit.acquisition, field_number)) {
        Some(image) => image,
        None => plate.image(unit.well, field_number)?,
    };
    let options = ViewOptions { field_side: SIDE, ..ViewOptions::default() };
    Ok(field(plate, image, &options)?.picture)
}

const OUTLINE: Color = Color::new(255, 214, 10);

/// Draws the edge of every object, one pixel wide, inside the object.
fn draw_outlines(picture: &mut Picture, labels: &Plane) -> Result<()> {
    let labels = labels.as_array::<u32>()?;
    let (height, width) = labels.dim();
    for y in 0..height {
        for x in 0..width {
            let own = labels[[y, x]];
            let differs =
                |y: usize, x: usize| labels.get([y, x]).is_some_and(|other| *other != own);
            let is_edge = differs(y + 1, x)
                || differs(y, x + 1)
                || differs(y.wrapping_sub(1), x)
                || differs(y, x.wrapping_sub(1));
            if own != 0 && is_edge {
                picture.set(y as u32, x as u32, OUTLINE);
            }
        }
    }
    Ok(())
}
