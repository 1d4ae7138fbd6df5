//! Which values of each channel viewers show, measured on a few planes of a plate.
//!
//! All images of a channel get the same window, so that wells can be compared.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Contrast, ContrastSampler, DEFAULT_PERCENTILES, level_for};
use crate::{
    PixelType, PlaneIndex, PlaneRequest, VirtualBackend, VirtualPath,
    model::{
        Channel, ImageInventory, ImageKind, ImageStructure, Inventory, PlaneState, PlateStructure,
    },
};

/// Planes that are looked at of each channel.
const PLANES_PER_CHANNEL: usize = 8;
/// Of images that have a pyramid, a level of about this side is looked at.
const SIDE: u32 = 512;

/// The plate whose planes are looked at.
pub(crate) struct Measured<'a> {
    pub(crate) backend: &'a dyn VirtualBackend,
    pub(crate) path: &'a VirtualPath,
    pub(crate) structure: &'a PlateStructure,
    pub(crate) inventory: &'a Inventory,
}

/// Images whose channels are shown alike: of one acquisition and pixel type.
type Group = (u32, PixelType);
type Channels = Arc<[Channel]>;
type Windows = BTreeMap<(Group, u32), Contrast>;

fn group(image: &ImageStructure) -> Group {
    (image.acquisition, image.pixel_type)
}

/// Fills in the windows of the channels of `structure`, the plate itself or one with the same
/// images, that have none. A plane that cannot be read is passed over: whoever reads it for
/// its pixels reports it. Nothing is filled in once `cancel` is set.
pub(crate) fn measure(source: &Measured<'_>, structure: &mut PlateStructure, cancel: &AtomicBool) {
    let mut windows = Windows::new();
    for (key, planes) in candidates(source) {
        if cancel.load(Ordering::Relaxed) {
            return;
        }
        if let Some(contrast) = contrast(source, &spread(&planes)) {
            windows.insert(key, contrast);
        }
    }
    // The images of a plate share lists of channels; so they do when these have windows.
    let mut filled: BTreeMap<Group, (Channels, Channels)> = BTreeMap::new();
    for image in structure.wells.iter_mut().flat_map(|well| &mut well.fields) {
        if image.kind == ImageKind::Labels {
            continue;
        }
        let of = group(image);
        if let Some((before, after)) = filled.get(&of)
            && *before == image.channels
        {
            image.channels = Arc::clone(after);
            continue;
        }
        let after = with_windows(of, &image.channels, &windows);
        filled.insert(of, (std::mem::replace(&mut image.channels, Arc::clone(&after)), after));
    }
}

fn with_windows(group: Group, channels: &[Channel], windows: &Windows) -> Arc<[Channel]> {
    let fill = |(c, channel): (u32, &Channel)| {
        let measured = windows.get(&(group, c)).map(|contrast| (contrast.low, contrast.high));
        Channel { window: channel.window.or(measured), ..channel.clone() }
    };
    (0..).zip(channels).map(fill).collect()
}

/// Of each channel without a window, one present plane of every image that has one.
fn candidates<'a>(
    source: &Measured<'a>,
) -> BTreeMap<(Group, u32), Vec<(&'a ImageStructure, PlaneIndex)>> {
    let mut candidates: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let images = source.structure.images().zip(&source.inventory.images);
    for ((_, image), inventory) in images.filter(|((_, image), _)| image.kind != ImageKind::Labels)
    {
        for (c, channel) in (0..).zip(image.channels.iter()) {
            if channel.window.is_some() {
                continue;
            }
            if let Some(index) = representative(image, inventory, c) {
                candidates.entry((group(image), c)).or_default().push((image, index));
            }
        }
    }
    candidates
}

/// The present plane of channel `c` that is nearest to the middle of the stack, of the first
/// timepoint that has any.
fn representative(
    image: &ImageStructure,
    inventory: &ImageInventory,
    c: u32,
) -> Option<PlaneIndex> {
    let middle = image.sizes.z / 2;
    let of_time = |t: u32| {
        let indices = (0..image.sizes.z).map(move |z| PlaneIndex::new(t, c, z));
        indices
            .filter(|&index| inventory.state(index) == PlaneState::Present)
            .min_by_key(|index| index.z.abs_diff(middle))
    };
    (0..image.sizes.t).find_map(of_time)
}

/// A few of `all`, evenly.
fn spread<T: Copy>(all: &[T]) -> Vec<T> {
    let n = all.len().min(PLANES_PER_CHANNEL);
    (0..n).map(|number| all[(2 * number + 1) * all.len() / (2 * n)]).collect()
}

fn contrast(source: &Measured<'_>, planes: &[(&ImageStructure, PlaneIndex)]) -> Option<Contrast> {
    let request = |&(image, index): &(&ImageStructure, PlaneIndex)| {
        PlaneRequest::new(source.path.append(&image.path), index).with_level(level_for(image, SIDE))
    };
    let requests: Vec<_> = planes.iter().map(request).collect();
    let sampler = Mutex::new(ContrastSampler::new(planes.len()));
    source.backend.read_planes(&requests, &|_, answer| {
        let mut sampler = sampler.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = answer.and_then(|plane| sampler.add(&plane)) {
            tracing::debug!(error = %error.chain(), "plane is not measured");
        }
        ControlFlow::Continue(())
    });
    sampler.into_inner().unwrap_or_else(PoisonError::into_inner).finish(DEFAULT_PERCENTILES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryBackend, Plane, VirtualBackendExt, WellPosition, model::Sizes};

    #[test]
    fn windows_are_of_the_pixels_and_those_known_are_kept() {
        let backend = Arc::new(MemoryBackend::new());
        let mut structure = PlateStructure::new("p", 1, 20);
        for column in 0..20 {
            let well = WellPosition::new(0, column);
            let at = PlateStructure::canonical_image_path(well, None, 0);
            let image = ImageStructure::new(at, PixelType::U16, Sizes::new(1, 3, 1, 16, 16));
            let known = Channel { window: Some((1.0, 2.0)), ..Channel::default() };
            let channels = [known, Channel::default(), Channel::default()].into();
            structure.add_image(well, ImageStructure { channels, ..image }).unwrap();
        }
        let root = VirtualPath::root();
        backend.create_plate(&root, &structure).unwrap();
        for (well, image) in structure.images() {
            let pixels = ndarray::Array2::from_shape_fn((16, 16), |(y, _)| {
                1000 + 100 * (y / 8) as u16 + well.column as u16
            });
            let request = PlaneRequest::new(image.path.clone(), PlaneIndex::new(0, 1, 0));
            backend.write_plane(request, Plane::from_array(pixels)).unwrap();
        }
        let measured = Measured {
            backend: &*backend,
            path: &root,
            structure: &structure,
            inventory: &backend.inventory(&root).unwrap(),
        };
        let mut target = structure.clone();
        measure(&measured, &mut target, &AtomicBool::new(false));
        for (_, image) in target.images() {
            let [known, measured, missing] = &*image.channels else { panic!("three channels") };
            assert_eq!((known.window, missing.window), (Some((1.0, 2.0)), None));
            let (start, end) = measured.window.unwrap();
            assert!((1000.0..=1010.0).contains(&start) && (1100.0..=1120.0).contains(&end));
        }
    }

    #[test]
    fn samples_are_spread_over_the_plate() {
        let all: Vec<_> = (0..1000).collect();
        assert_eq!(spread(&all), [62, 187, 312, 437, 562, 687, 812, 937]);
        assert_eq!(spread(&all[..3]), [0, 1, 2]);
        assert!(spread(&all[..0]).is_empty());
    }
}
