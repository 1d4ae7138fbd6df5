//! Makes the structure, the inventory and the source map, image by image in plate order.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{
    Entry, ImageKey, PlateBuilder, PlateFacts, Rule,
    extent::{self, Channels, Extent},
    fields,
    grouped::{ByImage, Files},
    list_wells,
    pixels::Pixels,
    shared, standard_grid,
};
use crate::{
    PlaneIndex, Result, VirtualPath, WellPosition, fan_out,
    microscope::PlateFolder,
    model::{
        Acquisition, Channel, DeclaredPlate, ImageInventory, ImageSources, ImageStructure,
        Inventory, PassedOver, PlaneSource, PlaneState, PlateStructure, Sizes, SourceMap,
        WellStructure,
    },
};

/// Fewest wells that are worth a thread to assemble them.
const WELLS_PER_THREAD: usize = 128;

pub(super) fn assemble(
    builder: PlateBuilder,
    folder: &PlateFolder<'_>,
    facts: PlateFacts<'_>,
) -> Result<DeclaredPlate> {
    let PlateBuilder { mut keys, mut entries, mut notes, .. } = builder;
    // A name stands for one plane by itself.
    if facts.rule == Rule::Declared {
        shared::take_from_others(&mut entries, &keys, folder);
    }
    let mut order = in_plate_order(&keys);
    if facts.rule == Rule::Names {
        let sorted: Vec<ImageKey> = order.iter().map(|&image| keys[image as usize]).collect();
        let (added, remarks) = fields::lacking(&sorted);
        notes.extend(remarks);
        if !added.is_empty() {
            keys.extend(added);
            order = in_plate_order(&keys);
        }
    }
    let channels = Channels::of(&entries);
    let extents = extent::extents(&entries, &keys);
    extent::check_total(&extents, &keys, channels.len())?;

    let ((files, declared), by_image) = fan_out::both(
        || {
            let declared = declared_at(facts.rule, &entries, &keys, &extents, &channels);
            (Files::new(folder.files(), &entries), declared)
        },
        || ByImage::new(&entries, keys.len()),
    );
    let pixels = Pixels::read(&order, &by_image, folder, &facts, &mut notes)?;
    let assembly = Assembly {
        folder,
        keys: &keys,
        declared,
        described: channels.describe(&facts, pixels.n_samples).into(),
        files,
        pixels,
        extents,
        channels,
        by_image,
        facts,
    };
    let groups = wells_of(&order, &keys);
    let parts = fan_out::map_ranges(groups.len(), WELLS_PER_THREAD, |range| {
        let mut part = Part::new(&assembly);
        for group in &groups[range] {
            part.add_well(&order[group.clone()]);
        }
        part.made
    });
    let made = parts.into_iter().reduce(Made::followed_by);
    let made = made.unwrap_or_else(|| Part::new(&assembly).made);
    Ok(assembly.finish(made, notes))
}

/// The numbers of the images in plate order: row, column, acquisition, field.
fn in_plate_order(keys: &[ImageKey]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_unstable_by_key(|&image| keys[image as usize]);
    order
}

/// Runs of `order` that belong to one well.
fn wells_of(order: &[u32], keys: &[ImageKey]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, &image) in order.iter().enumerate() {
        let well = keys[image as usize].well;
        match groups.last_mut() {
            Some(group) if keys[order[group.start] as usize].well == well => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

/// With [`Rule::Names`]: at which (t, c, z) any field of an acquisition has a plane, in the
/// order of [`Sizes::ordinal`]; by the acquisition's number.
fn declared_at(
    rule: Rule,
    entries: &[Entry],
    keys: &[ImageKey],
    extents: &BTreeMap<u32, Extent>,
    channels: &Channels,
) -> Vec<Vec<bool>> {
    if rule == Rule::Declared {
        return Vec::new();
    }
    let sizes: Vec<Sizes> = extents.values().map(|extent| extent.sizes(channels.len())).collect();
    let mut declared: Vec<Vec<bool>> =
        sizes.iter().map(|sizes| vec![false; sizes.n_planes() as usize]).collect();
    for entry in entries {
        let Some(extent) = extents.get(&keys[entry.image as usize].acquisition) else { continue };
        let at = extent.position as usize;
        if let Some(ordinal) = sizes[at].ordinal(index_of(entry, extent, channels)) {
            declared[at][ordinal] = true;
        }
    }
    declared
}

fn index_of(entry: &Entry, extent: &Extent, channels: &Channels) -> PlaneIndex {
    let (t, z) = extent.first;
    PlaneIndex::new(entry.t - t, channels.position(entry.c), entry.z - z)
}

/// What the wells of a plate are made from.
struct Assembly<'a> {
    folder: &'a PlateFolder<'a>,
    facts: PlateFacts<'a>,
    keys: &'a [ImageKey],
    by_image: ByImage,
    channels: Channels,
    extents: BTreeMap<u32, Extent>,
    declared: Vec<Vec<bool>>,
    described: Arc<[Channel]>,
    pixels: Pixels,
    files: Files,
}

/// Some wells of the plate, made.
struct Made {
    /// Wells that lack a channel, by acquisition and channel.
    absent: Vec<Vec<WellPosition>>,
    /// Files, or pages of them, of whose plane another file is used.
    passed_over: PassedOver,
    wells: Vec<WellStructure>,
    inventory: Vec<ImageInventory>,
    sources: Vec<ImageSources>,
}

impl Made {
    /// These wells and those of `next` after them.
    fn followed_by(mut self, next: Self) -> Self {
        for (absent, more) in self.absent.iter_mut().zip(next.absent) {
            absent.extend(more);
        }
        self.passed_over.extend_below("", &next.passed_over);
        self.wells.extend(next.wells);
        self.inventory.extend(next.inventory);
        self.sources.extend(next.sources);
        self
    }
}

/// Some wells of the plate in the making.
struct Part<'a> {
    from: &'a Assembly<'a>,
    made: Made,
    /// States of the image in the making, kept for its memory.
    states: Vec<PlaneState>,
    /// The path of the image in the making, likewise.
    path: String,
    /// Sources of its planes that others were taken instead of.
    unused: Vec<(PlaneIndex, PlaneSource)>,
}

impl<'a> Part<'a> {
    fn new(from: &'a Assembly<'a>) -> Self {
        let made = Made {
            absent: vec![Vec::new(); from.extents.len() * from.channels.n()],
            passed_over: PassedOver::default(),
            wells: Vec::new(),
            inventory: Vec::new(),
            sources: Vec::new(),
        };
        Self { from, made, states: Vec::new(), path: String::new(), unused: Vec::new() }
    }

    /// Adds the images of one well, given in plate order.
    fn add_well(&mut self, images: &[u32]) {
        let from = self.from;
        let position = from.keys[images[0] as usize].well;
        let mut well = WellStructure::new(position);
        well.fields.reserve_exact(images.len());
        let name = position.to_string();
        let same_acquisition = |a: &u32, b: &u32| {
            from.keys[*a as usize].acquisition == from.keys[*b as usize].acquisition
        };
        for run in images.chunk_by(same_acquisition) {
            let acquisition = from.keys[run[0] as usize].acquisition;
            let Some(extent) = from.extents.get(&acquisition) else { continue };
            let has = self.channels_of(run, extent, position);
            for &image in run {
                well.fields.push(from.image(image, extent, &name, &mut self.path));
                self.add_planes(image, extent, &has);
            }
        }
        self.made.wells.push(well);
    }

    /// Which channels the images have among them; lacking ones are remembered.
    fn channels_of(&mut self, images: &[u32], extent: &Extent, well: WellPosition) -> Vec<bool> {
        let from = self.from;
        let mut has = vec![false; from.channels.n()];
        for entry in images.iter().flat_map(|&image| from.by_image.of(image)) {
            has[from.channels.position(entry.c) as usize] = true;
        }
        let start = extent.position as usize * has.len();
        for (channel, _) in has.iter().enumerate().filter(|(_, has)| !**has) {
            self.made.absent[start + channel].push(well);
        }
        has
    }

    /// Adds the states and the sources of an image's planes.
    fn add_planes(&mut self, image: u32, extent: &Extent, has: &[bool]) {
        let from = self.from;
        let sizes = from.sizes(extent);
        let n_samples = from.pixels.n_samples;
        let mut sources = ImageSources::empty(sizes);
        self.start_states(sizes, extent, has);
        for entry in from.by_image.of(image) {
            let index = index_of(entry, extent, &from.channels);
            for sample in 0..n_samples {
                let index = PlaneIndex { c: index.c * n_samples + sample, ..index };
                let Some(ordinal) = sizes.ordinal(index) else { continue };
                let state = &mut self.states[ordinal];
                let Some(source) = entry.source else {
                    if *state != PlaneState::Present {
                        *state = PlaneState::Missing;
                    }
                    continue;
                };
                *state = PlaneState::Present;
                let numbered = from.files.number(source);
                let source = PlaneSource { sample: sample as u16, ..numbered };
                let Some(other) = sources.set(index, source) else { continue };
                if other != source {
                    let (used, unused) = from.files.choose(source, other);
                    sources.set(index, used);
                    // All samples of a page share its fate.
                    if sample == 0 {
                        self.unused.push((index, unused));
                    }
                }
            }
        }
        for (index, unused) in self.unused.drain(..) {
            // The one that is used in the end: there may be more than two.
            let used = sources.get(index).unwrap_or(unused);
            let key = from.keys[image as usize];
            from.files.pass_over(&mut self.made.passed_over, unused, used, key, index);
        }
        let inventory = self.states_of(sizes);
        self.made.sources.push(sources);
        self.made.inventory.push(inventory);
    }

    /// The states of an image of which no plane was seen yet.
    fn start_states(&mut self, sizes: Sizes, extent: &Extent, has: &[bool]) {
        self.states.clear();
        self.states.resize(sizes.n_planes() as usize, PlaneState::AbsentByDesign);
        let from = self.from;
        let Some(declared) = from.declared.get(extent.position as usize) else { return };
        let of_one_sample = extent.sizes(from.channels.len());
        for (index, &is_declared) in of_one_sample.indices().zip(declared) {
            if !is_declared || !has[index.c as usize] {
                continue;
            }
            for sample in 0..from.pixels.n_samples {
                let index = PlaneIndex { c: index.c * from.pixels.n_samples + sample, ..index };
                if let Some(ordinal) = sizes.ordinal(index) {
                    self.states[ordinal] = PlaneState::Missing;
                }
            }
        }
    }

    fn states_of(&self, sizes: Sizes) -> ImageInventory {
        let first = self.states.first().copied().unwrap_or(PlaneState::AbsentByDesign);
        if self.states.iter().all(|&state| state == first) {
            return ImageInventory::uniform(sizes, first);
        }
        let mut states = self.states.iter().copied();
        ImageInventory::from_fn(sizes, |_| states.next().unwrap_or(PlaneState::AbsentByDesign))
    }
}

impl Assembly<'_> {
    fn sizes(&self, extent: &Extent) -> Sizes {
        let sizes = extent.sizes(self.channels.len());
        Sizes {
            c: sizes.c * self.pixels.n_samples,
            y: self.pixels.height,
            x: self.pixels.width,
            ..sizes
        }
    }

    fn image(&self, image: u32, extent: &Extent, well: &str, path: &mut String) -> ImageStructure {
        let key = self.keys[image as usize];
        let run = (self.extents.len() > 1).then_some(extent.position);
        path.clear();
        PlateStructure::write_canonical_image_path(path, well, run, key.field);
        let name = path[well.len() + 2..].to_owned();
        ImageStructure {
            path: VirtualPath::parse(path).unwrap_or_else(|_| VirtualPath::root()),
            name,
            field: key.field,
            acquisition: extent.position,
            channels: Arc::clone(&self.described),
            physical_size: self.pixels.physical_size,
            position: (self.facts.positions)(key.well, key.acquisition, key.field),
            n_levels: self.pixels.n_levels,
            pixel_type: self.pixels.pixel_type,
            sizes: self.sizes(extent),
            kind: crate::model::ImageKind::Intensity,
            absent: crate::model::PlaneSet::EMPTY,
        }
    }

    fn finish(mut self, made: Made, mut notes: Vec<String>) -> DeclaredPlate {
        notes.extend(self.absence_notes(&made));
        let (n_rows, n_columns) = self.grid(&made.wells);
        let mut structure = PlateStructure::new(
            if self.facts.name.is_empty() { self.folder.name() } else { &self.facts.name },
            n_rows,
            n_columns,
        );
        structure.id = self.facts.id.take();
        structure.microscope = self.facts.microscope.to_owned();
        structure.naming = self.facts.naming.to_owned();
        structure.acquisitions = self.acquisitions();
        structure.wells = made.wells;
        DeclaredPlate {
            structure,
            inventory: Inventory { images: made.inventory, notes, passed_over: made.passed_over },
            sources: SourceMap { files: self.files.into_used(), images: made.sources },
        }
    }

    fn acquisitions(&self) -> Vec<Acquisition> {
        let known = &self.facts.acquisitions;
        let of = |&number: &u32| {
            known
                .get(&number)
                .cloned()
                .unwrap_or_else(|| Acquisition { id: number, ..Acquisition::default() })
        };
        self.extents.keys().map(of).collect()
    }

    /// Rows and columns: those of the metadata, grown until all wells fit.
    fn grid(&self, wells: &[WellStructure]) -> (u32, u32) {
        let rows = wells.iter().map(|well| well.position.row + 1).max().unwrap_or(1);
        let columns = wells.iter().map(|well| well.position.column + 1).max().unwrap_or(1);
        if self.facts.n_rows > 0 && self.facts.n_columns > 0 {
            return (self.facts.n_rows.max(rows), self.facts.n_columns.max(columns));
        }
        standard_grid(rows, columns)
    }

    /// Which channels an acquisition or some of its wells lack.
    fn absence_notes(&self, made: &Made) -> Vec<String> {
        let mut notes = Vec::new();
        let n_channels = self.channels.n();
        for (number, extent) in &self.extents {
            let wells = wells_with(&made.wells, extent.position);
            for position in 0..n_channels {
                let lacking = &made.absent[extent.position as usize * n_channels + position];
                if lacking.is_empty() {
                    continue;
                }
                let channel = self.channels.printed(position as u32);
                notes.push(if lacking.len() == wells {
                    let acquisition = self.facts.acquisitions.get(number);
                    let name = acquisition.map_or("", |acquisition| &acquisition.name);
                    format!(
                        "acquisition {} `{name}` has no channel {channel}, by design",
                        extent.position + 1
                    )
                } else {
                    format!(
                        "channel {channel} is absent from {}, by design",
                        list_wells(lacking.iter().copied())
                    )
                });
            }
        }
        notes
    }
}

fn wells_with(wells: &[WellStructure], acquisition: u32) -> usize {
    let has =
        |well: &&WellStructure| well.fields.iter().any(|image| image.acquisition == acquisition);
    wells.iter().filter(has).count()
}
