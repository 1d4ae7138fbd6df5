//! What the headers of a few files say: channels, pixel size, distance of z-sections, where
//! the sites of a well are.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use foldhash::fast::RandomState;

use super::{
    declare::Stacks,
    htd::Htd,
    layout::{FILES_PER_THREAD, ImageFile, Layout},
    metaseries::MetaSeries,
};
use crate::{
    Result, fan_out,
    microscope::PlateFolder,
    model::{Channel, PhysicalSize, StagePosition},
};

/// Most sites of a well whose position is looked up.
const MAX_SITES: usize = 100;

/// The first image of each wavelength.
pub(super) struct Firsts<'a>(BTreeMap<u32, &'a ImageFile>);

impl<'a> Firsts<'a> {
    pub(super) fn of(layout: &'a Layout<'_>) -> Self {
        let of_range = |range: Range<usize>| {
            let mut firsts: HashMap<u32, &ImageFile, RandomState> = HashMap::default();
            for image in &layout.images[range] {
                let known = firsts.entry(image.wave).or_insert(image);
                if rank(image) < rank(known) {
                    *known = image;
                }
            }
            firsts
        };
        let parts = fan_out::map_ranges(layout.images.len(), FILES_PER_THREAD, of_range);
        let mut firsts = BTreeMap::new();
        for (wave, image) in parts.into_iter().flatten() {
            let known = firsts.entry(wave).or_insert(image);
            if rank(image) < rank(known) {
                *known = image;
            }
        }
        Self(firsts)
    }
}

/// The header of one file of each wavelength: the first, or the next that can be read.
pub(super) struct Headers(BTreeMap<u32, Option<MetaSeries>>);

impl Headers {
    pub(super) fn read(folder: &PlateFolder<'_>, layout: &Layout<'_>, firsts: &Firsts<'_>) -> Self {
        let read = |(&wave, first): (&u32, &&ImageFile)| {
            (wave, any_header(folder, layout, first, |image| image.wave == wave))
        };
        Self(firsts.0.iter().map(read).collect())
    }

    fn known(&self) -> impl Iterator<Item = &MetaSeries> {
        self.0.values().flatten()
    }

    /// Pixel size by the HTD file, else by the headers; distance of sections by the headers
    /// of projections, else by the heights of the first and the last section of a stack.
    pub(super) fn physical_size(
        &self,
        folder: &PlateFolder<'_>,
        layout: &Layout<'_>,
        stacks: &Stacks,
        htd: Option<&Htd>,
    ) -> PhysicalSize {
        let of_header = self.known().map(MetaSeries::pixel_size).find(|size| size.x_um.is_some());
        let mut size = match htd.and_then(|htd| htd.pixel_um) {
            Some(um) => PhysicalSize::square(um),
            None => of_header.unwrap_or_default(),
        };
        let projected = self.known().find_map(MetaSeries::projected_step_um);
        size.z_um = projected.or_else(|| section_distance(folder, layout, stacks));
        size
    }

    /// Channels by number from 0: named by the HTD file, else by their illumination, else by
    /// their image where the illumination is the same for several.
    pub(super) fn into_channels(self, htd: Option<&Htd>) -> BTreeMap<u32, Channel> {
        let mut channels: BTreeMap<u32, Channel> = BTreeMap::new();
        let lights: Vec<String> = self.known().map(|plane| plane.channel().name).collect();
        let is_shared = |name: &String| lights.iter().filter(|other| *other == name).count() > 1;
        for (wave, plane) in self.0 {
            let Some(plane) = plane else { continue };
            let mut channel = plane.channel();
            if is_shared(&channel.name) {
                channel.name = plane.image_name().to_owned();
            }
            channels.insert(wave - 1, channel);
        }
        for (wave, name) in htd.and_then(|htd| htd.waves.as_ref()).into_iter().flatten() {
            let channel = channels.entry(wave - 1).or_default();
            if !name.is_empty() {
                channel.name.clone_from(name);
            }
        }
        channels
    }
}

fn rank(image: &ImageFile) -> impl Ord {
    (image.well, image.site, image.t, image.z, image.file)
}

/// What the header of an image says; `None` when it says nothing.
fn header(folder: &PlateFolder<'_>, image: &ImageFile) -> Result<Option<MetaSeries>> {
    let file = folder.files().get(image.file as usize).unwrap_or_default();
    Ok(MetaSeries::parse(&folder.describe(file)?.description))
}

/// What the header of `first` says. When it cannot be read, another of the images that are
/// `like` it is asked, in the order of the plate.
pub(super) fn any_header(
    folder: &PlateFolder<'_>,
    layout: &Layout<'_>,
    first: &ImageFile,
    like: impl Fn(&ImageFile) -> bool,
) -> Option<MetaSeries> {
    if let Ok(found) = header(folder, first) {
        return found;
    }
    if folder.is_hopeless() {
        return None;
    }
    let is_other = |image: &&ImageFile| image.file != first.file && like(image);
    let mut others: Vec<&ImageFile> = layout.images.iter().filter(is_other).collect();
    others.sort_unstable_by_key(|image| rank(image));
    let names = others.iter().filter_map(|image| folder.files().get(image.file as usize));
    let (_, info) = folder.describe_any(names).ok()?;
    MetaSeries::parse(&info.description)
}

/// Most stacks that are asked for the distance of their sections.
const MAX_STACKS: usize = 16;

fn section_distance(folder: &PlateFolder<'_>, layout: &Layout<'_>, stacks: &Stacks) -> Option<f64> {
    let (wave, first, last) = stacks.deepest()?;
    let section = |z: u32| {
        let wanted = |image: &&ImageFile| image.wave == wave && image.z == Some(z);
        layout.images.iter().filter(wanted).min_by_key(|image| rank(image))
    };
    let (bottom, top) = (section(first)?, section(last)?);
    if (bottom.well, bottom.site, bottom.t) != (top.well, top.site, top.t) {
        return None;
    }
    let distance = |bottom: &ImageFile, top: &ImageFile| -> Result<Option<f64>> {
        let z_um = |image| Ok(header(folder, image)?.and_then(|plane| plane.z_um()));
        let heights = z_um(bottom)?.zip(z_um(top)?);
        let distance = heights.map(|(low, high)| (high - low).abs() / f64::from(last - first));
        Ok(distance.filter(|distance| *distance > 0.0))
    };
    if let Ok(found) = distance(bottom, top) {
        return found;
    }
    let mut stacks: BTreeMap<_, [Option<&ImageFile>; 2]> = BTreeMap::new();
    for image in layout.images.iter().filter(|image| image.wave == wave) {
        let end = [first, last].iter().position(|&z| image.z == Some(z));
        if let Some(end) = end {
            stacks.entry((image.well, image.site, image.t)).or_default()[end] = Some(image);
        }
    }
    let whole = stacks.values().filter_map(|[bottom, top]| bottom.zip(*top)).take(MAX_STACKS);
    whole.into_iter().find_map(|(bottom, top)| distance(bottom, top).ok())?
}

/// Where the sites are, from the centre of the well, by field from 0: read from the first
/// well that has each, because MetaXpress lays out the sites of all wells alike.
pub(super) fn offsets(
    folder: &PlateFolder<'_>,
    layout: &Layout<'_>,
    first: &Firsts<'_>,
) -> HashMap<u32, StagePosition> {
    let Some(first) = first.0.values().min_by_key(|image| rank(image)) else {
        return HashMap::new();
    };
    let mut seen = HashSet::new();
    layout
        .images
        .iter()
        .filter(|image| image.well == first.well && seen.insert(image.site))
        .take(MAX_SITES)
        .filter_map(|image| {
            let found = any_header(folder, layout, image, |other| other.site == image.site);
            Some((image.site - 1, found?.offset()?))
        })
        .collect()
}
