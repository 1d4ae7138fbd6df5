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
    fan_out,
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

/// The header of one file of each wavelength.
pub(super) struct Headers(BTreeMap<u32, Option<MetaSeries>>);

impl Headers {
    pub(super) fn read(
        folder: &PlateFolder<'_>,
        first: &Firsts<'_>,
        notes: &mut Vec<String>,
    ) -> Self {
        let mut read = |image: &ImageFile| {
            let file = folder.files().get(image.file as usize)?;
            match folder.describe(file) {
                Ok(info) => MetaSeries::parse(&info.description),
                Err(error) => {
                    notes.push(format!("header not readable: {}", error.with_path(file).chain()));
                    None
                }
            }
        };
        Self(first.0.iter().map(|(wave, image)| (*wave, read(image))).collect())
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

fn header(folder: &PlateFolder<'_>, image: &ImageFile) -> Option<MetaSeries> {
    let file = folder.files().get(image.file as usize)?;
    MetaSeries::parse(&folder.describe(file).ok()?.description)
}

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
    let heights = header(folder, bottom)?.z_um().zip(header(folder, top)?.z_um())?;
    let distance = (heights.1 - heights.0).abs() / f64::from(last - first);
    (distance > 0.0).then_some(distance)
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
        .filter_map(|image| Some((image.site - 1, header(folder, image)?.offset()?)))
        .collect()
}
