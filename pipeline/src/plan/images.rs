//! Which images a unit declares for the planes that it stores.

use std::collections::{BTreeSet, HashSet};

use polystore::{
    PlaneIndex, VirtualPath,
    model::{Channel, ImageKind, ImageStructure, PlaneSet, Sizes},
};

use super::{ImageSet, Key, ProgramImage, WriteTarget, select::SelectedImage};
use crate::{
    Axis, Error, Pipeline, Result, Step, ValueKind, definition::Origination, function::PlaneKind,
};

/// The image sets of a pipeline.
pub(crate) struct Images {
    sets: Vec<ImageSet>,
}

impl Images {
    pub(crate) fn of(pipeline: &Pipeline) -> Self {
        let mut sets: Vec<ImageSet> = Vec::new();
        for (number, step) in (0u32..).zip(pipeline.steps()) {
            let kind = match step.output() {
                ValueKind::Image => ImageKind::Intensity,
                ValueKind::Labels => ImageKind::Labels,
                ValueKind::Table | ValueKind::Rois => continue,
            };
            let Some(name) = step.save() else { continue };
            let beside = match kind {
                ImageKind::Labels => image_below(pipeline, step, &sets),
                ImageKind::Intensity => None,
            };
            sets.push(ImageSet { name: name.to_owned(), step: number, kind, beside });
        }
        Self { sets }
    }

    pub(crate) fn into_sets(self) -> Vec<ImageSet> {
        self.sets
    }

    /// The image for the results of `step` in one unit; `None` when they are no planes, or
    /// there are none.
    pub(super) fn declare(
        &self,
        number: u32,
        step: &Step,
        sources: &[SelectedImage<'_>],
        results: impl Iterator<Item = (Key, Option<PlaneKind>)>,
    ) -> Result<Option<DeclaredImage>> {
        let Some(set) = self.sets.iter().position(|set| set.step == number) else {
            return Ok(None);
        };
        let results: Vec<_> = results.collect();
        let Some((_, Some(planes))) = results.first().copied() else { return Ok(None) };
        if results.iter().any(|(_, other)| *other != Some(planes)) {
            let message = "channels give planes of different types, which cannot be one image";
            return Err(Error::pipeline(&step.origin, message)
                .with_hint("save each channel by a step of its own"));
        }
        if results.iter().filter_map(|(key, _)| key.field).collect::<BTreeSet<_>>().len() > 1 {
            let message = "fields that belong to one unit cannot be saved one by one";
            return Err(Error::pipeline(&step.origin, message)
                .with_hint("take them together with over = [\"field\"]"));
        }
        let along = |axis: Axis| -> Vec<Option<u32>> {
            let places: BTreeSet<_> = results.iter().map(|(key, _)| key.along(axis)).collect();
            places.into_iter().collect()
        };
        let (t, c, z) = (along(Axis::T), along(Axis::Channel), along(Axis::Z));
        let source = sources[0].image;
        let channels = c.iter().map(|c| channel(source, *c, step.name())).collect();
        let shape = planes.shape;
        let sizes =
            Sizes::new(t.len() as u32, c.len() as u32, z.len() as u32, shape.height, shape.width);
        let mut physical_size = source.physical_size;
        if z == [None] {
            physical_size.z_um = None;
        }
        let kind = self.sets[set].kind;
        let at = |key: &Key| (key.t, key.c, key.z);
        let meant: HashSet<_> = results.iter().map(|(key, _)| at(key)).collect();
        let absent = PlaneSet::from_fn(sizes, |index| {
            let at = (t[index.t as usize], c[index.c as usize], z[index.z as usize]);
            !meant.contains(&at)
        });
        let image = ImageStructure {
            absent,
            channels,
            physical_size,
            kind,
            ..ImageStructure::new(VirtualPath::root(), planes.pixel_type, sizes)
        };
        let image = ProgramImage { set: set as u32, image };
        Ok(Some(DeclaredImage { image, t, c, z }))
    }
}

fn channel(source: &ImageStructure, c: Option<u32>, step: &str) -> Channel {
    let known = c.and_then(|c| source.channels.get(c as usize));
    match (known, c) {
        // The values that are shown dark and bright are the source's, not the result's.
        (Some(known), Some(c)) => {
            Channel { name: source.channel_name(c), window: None, ..known.clone() }
        }
        _ => Channel::named(step),
    }
}

/// The set of the nearest stored image that labels were made from, pixel for pixel.
fn image_below(pipeline: &Pipeline, labels: &Step, sets: &[ImageSet]) -> Option<u32> {
    let planes = |step: &Step| -> Vec<Axis> {
        step.axes.iter().copied().filter(|axis| *axis != Axis::Channel).collect()
    };
    let mut step = labels;
    loop {
        let Origination::Step(name) = &step.input.from else { return None };
        step = pipeline.step(name)?;
        if planes(step) != planes(labels) {
            return None;
        }
        let is_it = |set: &ImageSet| {
            set.kind == ImageKind::Intensity && Some(set.name.as_str()) == step.save()
        };
        if let Some(found) = sets.iter().position(is_it) {
            return Some(found as u32);
        }
    }
}

/// An image, and which of its planes results go to.
pub(super) struct DeclaredImage {
    image: ProgramImage,
    t: Vec<Option<u32>>,
    c: Vec<Option<u32>>,
    z: Vec<Option<u32>>,
}

impl DeclaredImage {
    pub(super) fn target(&self, key: Key) -> WriteTarget {
        let at = |places: &[Option<u32>], place: Option<u32>| {
            places.iter().position(|other| *other == place).unwrap_or(0) as u32
        };
        let index = PlaneIndex::new(at(&self.t, key.t), at(&self.c, key.c), at(&self.z, key.z));
        WriteTarget::Plane { set: self.image.set, index }
    }

    pub(super) fn into_image(self) -> ProgramImage {
        self.image
    }
}
