//! The planes that a view shows, read in one batch and scaled down as they come in.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{Contrast, Gap, Picture, ViewOptions, ZView, color_of, level_for, thumbnail};
use crate::{
    Error, ErrorKind, Plane, PlaneIndex, Plate, Result, dispatch,
    model::{Color, ImageStructure, PlaneState},
};

/// A field that a view shows, and the channels of it that could be read.
pub(super) struct Shown<'p> {
    pub(super) image: &'p ImageStructure,
    /// By channel, the z-sections projected.
    pub(super) planes: BTreeMap<u32, Plane>,
    /// Planes that should be there and are not, or that could not be read.
    pub(super) gaps: Vec<Gap>,
}

impl Shown<'_> {
    fn gap(&mut self, index: PlaneIndex, reason: impl Into<String>) {
        self.gaps.push(Gap { image: self.image.path.clone(), index, reason: reason.into() });
    }

    /// Takes in a plane of channel `c`.
    fn add(&mut self, c: u32, plane: Plane) -> Result<()> {
        let projected = match self.planes.get(&c) {
            Some(other) => brightest(other, &plane)?,
            None => plane,
        };
        self.planes.insert(c, projected);
        Ok(())
    }

    /// The composite of its channels.
    pub(super) fn picture(&self, contrasts: &BTreeMap<u32, Contrast>) -> Result<Picture> {
        let Some(first) = self.planes.values().next() else {
            return Err(Error::new(ErrorKind::MissingPlane, "there is nothing to show"));
        };
        let mut picture = Picture::filled(first.shape().height, first.shape().width, Color::BLACK)?;
        let alone = contrasts.len() == 1;
        for (c, plane) in &self.planes {
            let color = if alone { Color::WHITE } else { color_of(self.image, *c) };
            let contrast = contrasts.get(c).copied().unwrap_or(Contrast { low: 0.0, high: 1.0 });
            picture.add_plane(plane, contrast, color)?;
        }
        Ok(picture)
    }
}

/// Reads what a view shows of `fields`. `progress` gets the number of planes read so far and
/// of all.
pub(super) fn gather<'p>(
    plate: &Plate,
    fields: &[&'p ImageStructure],
    options: &ViewOptions,
    cancel: &AtomicBool,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Vec<Shown<'p>>> {
    let ordinals = plate.structure().image_ordinals();
    let inventory = plate.inventory()?;
    let mut targets = Vec::new();
    let mut requests = Vec::new();
    let mut shown = Vec::new();
    for (number, &image) in fields.iter().enumerate() {
        let mut field = Shown { image, planes: BTreeMap::new(), gaps: Vec::new() };
        for index in wanted(image, options)? {
            let state = ordinals
                .get(&image.path)
                .map_or(PlaneState::Missing, |&ordinal| inventory.state(ordinal, index));
            match state {
                PlaneState::Present => {
                    let level = level_for(image, options.field_side);
                    targets.push((number, index));
                    requests.push(plate.request(image, index).with_level(level));
                }
                PlaneState::AbsentByDesign => {}
                PlaneState::Missing => field.gap(index, state.as_str()),
                PlaneState::Corrupt => field.gap(index, state.as_str()),
            }
        }
        shown.push(Mutex::new(field));
    }
    let n_read = AtomicU64::new(0);
    plate.backend().read_planes(&requests, &|position, answer| {
        let (number, index) = targets[position];
        let scaled =
            answer.and_then(|plane| thumbnail(&plane, options.field_side, fields[number].kind));
        let mut shown = shown[number].lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = scaled.and_then(|plane| shown.add(index.c, plane)) {
            shown.gap(index, error.chain());
        }
        progress(n_read.fetch_add(1, Ordering::Relaxed) + 1, targets.len() as u64);
        if cancel.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Cancelled, "the view was stopped"));
    }
    let mut shown: Vec<_> = shown
        .into_iter()
        .map(|shown| shown.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect();
    for field in &mut shown {
        field.gaps.sort_by_key(|gap| gap.index);
    }
    explain_first(plate, &mut shown);
    Ok(shown)
}

/// The error for fields of which no plane could be read: how many, and why the first.
pub(super) fn nothing(shown: &[Shown<'_>]) -> Error {
    let mut gaps = shown.iter().flat_map(|shown| &shown.gaps);
    let message = match (gaps.next(), gaps.count() as u64) {
        (None, _) => "there are no planes to show".to_owned(),
        (Some(only), 0) => format!("the only plane cannot be shown: {only}"),
        (Some(first), more) => {
            format!("none of the {} planes can be shown; the first: {first}", more + 1)
        }
    };
    Error::new(ErrorKind::MissingPlane, message)
}

/// Asks the first plane that the inventory says is corrupt why, with its file.
fn explain_first(plate: &Plate, shown: &mut [Shown<'_>]) {
    let gaps = shown.iter_mut().flat_map(|shown| {
        let image = shown.image;
        shown.gaps.iter_mut().map(move |gap| (image, gap))
    });
    let corrupt = PlaneState::Corrupt.as_str();
    let Some((image, gap)) = gaps.into_iter().find(|(_, gap)| gap.reason == corrupt) else {
        return;
    };
    if let Err(error) = plate.read(image, gap.index) {
        gap.reason = format!("{corrupt}: {}", error.chain());
    }
}

/// Each plane that a view shows of `image`.
fn wanted(image: &ImageStructure, options: &ViewOptions) -> Result<Vec<PlaneIndex>> {
    let sizes = image.sizes;
    let refuse = |what: String| Err(Error::invalid_input(what).with_path(&image.path));
    if options.t >= sizes.t {
        return refuse(format!("there is no timepoint {}; the field has {}", options.t, sizes.t));
    }
    if let Some(c) = options.channels.iter().find(|&&c| c >= sizes.c) {
        return refuse(format!("there is no channel {}; the field has {}", c + 1, sizes.c));
    }
    let sections = match options.z {
        ZView::Max => 0..sizes.z,
        ZView::Middle => sizes.z / 2..sizes.z / 2 + 1,
        ZView::Section(z) if z < sizes.z => z..z + 1,
        ZView::Section(z) => {
            return refuse(format!("there is no z-section {z}; the field has {}", sizes.z));
        }
    };
    let all = (0..sizes.c).collect();
    let channels = if options.channels.is_empty() { &all } else { &options.channels };
    let channels = channels.iter().copied().collect::<BTreeSet<u32>>().into_iter();
    let planes = channels.flat_map(|c| sections.clone().map(move |z| (c, z)));
    Ok(planes.map(|(c, z)| PlaneIndex::new(options.t, c, z)).collect())
}

/// The brighter of two planes, pixel by pixel.
fn brightest(one: &Plane, other: &Plane) -> Result<Plane> {
    if (one.shape(), one.pixel_type()) != (other.shape(), other.pixel_type()) {
        return Err(Error::invalid_data("sections of one field differ in size or type"));
    }
    dispatch!(one.pixel_type(), T => {
        let pairs = one.as_slice::<T>()?.iter().zip(other.as_slice::<T>()?);
        let pixels = pairs.map(|(&a, &b)| if a > b { a } else { b }).collect();
        Plane::from_vec(one.shape(), pixels)
    })
}

/// One contrast per channel over everything that is shown.
pub(super) fn contrasts(
    shown: &[Shown<'_>],
    options: &ViewOptions,
) -> Result<BTreeMap<u32, Contrast>> {
    let channels: BTreeSet<u32> =
        shown.iter().flat_map(|shown| shown.planes.keys().copied()).collect();
    let contrast = |c: u32| {
        let planes = shown.iter().filter_map(|shown| shown.planes.get(&c));
        Ok((c, Contrast::of_percentiles(planes, options.percentiles)?))
    };
    channels.into_iter().map(contrast).collect()
}
