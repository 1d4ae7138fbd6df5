//! From records to planes: acquisitions, channels, timepoints, and what errors leave out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Record, Setup, facts, name};
use crate::{
    Result, WellPosition,
    microscope::{
        PlateFolder,
        builder::{Capped, PlateBuilder, PlateFacts, RawPlane, Rule},
        lookup::FileLookup,
        names::split,
        stage,
    },
    model::{Acquisition, Channel, PassedOverReason, PlaneSource, StagePosition},
};

/// Records that the distance of z-sections is worked out from.
const MAX_Z_SAMPLE: usize = 20_000;

/// A run over the plate: a timeline, and the method when its images are projections.
type RunKey = (u32, Option<Box<str>>);

/// The planes of an acquisition as records number them.
#[derive(Debug, Default)]
struct Run {
    /// Position among the acquisitions.
    number: u32,
    /// Timepoints by what records call them: the number counts all timelines.
    timepoints: BTreeMap<u32, u32>,
    fields: BTreeSet<u32>,
    /// Channel, z and timepoint of any image, by action.
    planes: BTreeMap<u32, BTreeSet<(u32, u32, u32)>>,
}

/// The plate that records make.
#[derive(Debug)]
pub(super) struct Plate<'a> {
    records: &'a [Record],
    runs: BTreeMap<RunKey, Run>,
    wells: BTreeSet<WellPosition>,
    /// Number from 0 by channel and action, where actions share a channel.
    extra_channels: BTreeMap<(u32, u32), u32>,
}

/// What an image is known by.
struct Image {
    well: WellPosition,
    run: RunKey,
    field: u32,
    timepoint: u32,
    channel: u32,
    action: u32,
    z: u32,
}

impl Image {
    /// `None` for errors and for records that lack a well or a channel.
    fn of(record: &Record) -> Option<Self> {
        Some(Self {
            well: record.well().filter(|_| record.is_image)?,
            run: (record.timeline.unwrap_or(1), record.projection.clone()),
            field: record.field.unwrap_or(1),
            timepoint: record.timepoint.unwrap_or(1),
            channel: record.channel?,
            action: record.action.unwrap_or(1),
            z: record.z.unwrap_or(1),
        })
    }
}

/// What could not be imaged; all of it where a part is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Failure {
    well: WellPosition,
    timeline: u32,
    action: Option<u32>,
    field: Option<u32>,
    timepoint: Option<u32>,
}

impl Failure {
    fn of(record: &Record) -> Option<Self> {
        Some(Self {
            well: record.well().filter(|_| !record.is_image)?,
            timeline: record.timeline.unwrap_or(1),
            action: record.action,
            field: record.field,
            timepoint: record.timepoint,
        })
    }
}

impl<'a> Plate<'a> {
    pub(super) fn new(records: &'a [Record]) -> Self {
        let mut runs: BTreeMap<RunKey, Run> = BTreeMap::new();
        let mut wells = BTreeSet::new();
        for record in records {
            wells.extend(record.well());
            let Some(image) = Image::of(record) else { continue };
            let run = runs.entry(image.run).or_default();
            run.timepoints.insert(image.timepoint, 0);
            run.fields.insert(image.field);
            let plane = (image.channel, image.z, image.timepoint);
            run.planes.entry(image.action).or_default().insert(plane);
        }
        for (number, run) in (0u32..).zip(runs.values_mut()) {
            run.number = number;
            (0u32..).zip(run.timepoints.values_mut()).for_each(|(t, slot)| *slot = t);
        }
        let extra_channels = shared_channels(&runs);
        Self { records, runs, wells, extra_channels }
    }

    pub(super) fn has_well(&self, well: WellPosition) -> bool {
        self.wells.contains(&well)
    }

    /// The number from 0 of a channel, given the action that images it.
    fn channel(&self, channel: u32, action: u32) -> u32 {
        self.extra_channels.get(&(channel, action)).copied().unwrap_or(channel - 1)
    }

    /// All planes, with their files where they are there.
    pub(super) fn planes(
        &self,
        folder: &PlateFolder<'_>,
        measurement: &str,
    ) -> Result<PlateBuilder> {
        let mut lookup = FileLookup::new(folder.files());
        let mut builder = PlateBuilder::with_capacity(self.records.len());
        let mut unusable = Capped::new(3);
        let mut failures: BTreeMap<Failure, &str> = BTreeMap::new();
        for record in self.records {
            if let Some(image) = Image::of(record)
                && let Some(run) = self.runs.get(&image.run)
            {
                builder.push(RawPlane {
                    well: image.well,
                    acquisition: run.number,
                    field: image.field - 1,
                    t: run.timepoints.get(&image.timepoint).copied().unwrap_or(0),
                    c: self.channel(image.channel, image.action),
                    z: image.z,
                    source: lookup.find(&[measurement], &record.text).map(PlaneSource::whole),
                })?;
            } else if let Some(failure) = Failure::of(record) {
                failures.entry(failure).or_insert(&record.text);
            } else {
                unusable.push(|| format!("`{}`", record.text));
            }
        }
        self.pass_over_unnamed(folder, measurement, &lookup);
        self.declare_failed(&failures, &mut builder)?;
        if !unusable.is_empty() {
            let n = unusable.n();
            builder.note(format!("{n} records have no well or channel: {}", unusable.into_line()));
        }
        Ok(builder)
    }

    /// Passes over images beside the plate's that no record names, nor the plane that their
    /// names give.
    fn pass_over_unnamed(
        &self,
        folder: &PlateFolder<'_>,
        measurement: &str,
        lookup: &FileLookup<'_>,
    ) {
        let unnamed = lookup.unnamed(|path| {
            let (above, name) = split(path);
            (above == measurement).then(|| name::parse(name))?
        });
        if unnamed.is_empty() {
            return;
        }
        let used = lookup.names_found();
        let there: HashSet<_> = self
            .records
            .iter()
            .filter(|record| used.contains(split(&record.text).1))
            .filter_map(Image::of)
            .map(|it| (it.well, it.run.0, it.field, it.timepoint, it.channel, it.action, it.z))
            .collect();
        for (path, it) in unnamed {
            let plane = (it.well, it.timeline, it.field, it.timepoint, it.channel, it.action, it.z);
            if !there.contains(&plane) {
                folder.pass_over(path, PassedOverReason::NotInIndex, "");
            }
        }
    }

    /// Declares what error records stand for: the planes of their action in their well, in
    /// all fields when they name none. Those that have an image record too are there.
    fn declare_failed(
        &self,
        failures: &BTreeMap<Failure, &str>,
        builder: &mut PlateBuilder,
    ) -> Result<()> {
        let mut told = Capped::new(5);
        for (failure, message) in failures {
            told.push(|| format!("{} ({message})", failure.well));
            let Some(run) = self.runs.get(&(failure.timeline, None)) else { continue };
            for (&action, planes) in &run.planes {
                if failure.action.is_none_or(|failed| failed == action) {
                    self.declare_planes(failure, run, action, planes, builder)?;
                }
            }
        }
        if !told.is_empty() {
            builder.note(format!("{} errors were recorded: {}", told.n(), told.into_line()));
        }
        Ok(())
    }

    fn declare_planes(
        &self,
        failure: &Failure,
        run: &Run,
        action: u32,
        planes: &BTreeSet<(u32, u32, u32)>,
        builder: &mut PlateBuilder,
    ) -> Result<()> {
        for &(channel, z, timepoint) in planes {
            if failure.timepoint.is_some_and(|failed| failed != timepoint) {
                continue;
            }
            let named = failure.field.as_slice().iter();
            let all = run.fields.iter().filter(|_| failure.field.is_none());
            for field in named.chain(all) {
                builder.push(RawPlane {
                    well: failure.well,
                    acquisition: run.number,
                    field: field - 1,
                    t: run.timepoints.get(&timepoint).copied().unwrap_or(0),
                    c: self.channel(channel, action),
                    z,
                    source: None,
                })?;
            }
        }
        Ok(())
    }

    /// What is known about the plate besides its planes.
    pub(super) fn facts<'f>(&self, folder: &PlateFolder<'_>, setup: Setup) -> PlateFacts<'f> {
        let Setup { detail, settings } = setup;
        let name = [&detail.plate_name, &detail.title].into_iter().find(|name| !name.is_empty());
        let mut facts = facts(name.map_or(folder.name(), |name| name), Rule::Declared);
        (facts.n_rows, facts.n_columns) = (detail.n_rows, detail.n_columns);
        for (key, run) in &self.runs {
            let name = self.run_name(key, &settings.timelines);
            let (start_s, end_s) = (detail.start_s, detail.end_s);
            let acquisition = Acquisition { id: run.number, name, start_s, end_s };
            facts.acquisitions.insert(run.number, acquisition);
        }
        facts.channels = self.named_channels(&settings.channels);
        let used = self.runs.values().flat_map(|run| run.planes.values().flatten());
        let first = used.filter_map(|(channel, ..)| detail.channels.get(channel)).next();
        let geometry = first.or(detail.channels.values().next()).copied().unwrap_or_default();
        facts.physical_size = geometry.size;
        facts.physical_size.z_um = section_distance(self.records);
        facts.plane_shape = geometry.shape;
        let positions = self.positions();
        facts.positions =
            Box::new(move |well, run, field| positions.get(&(well, run, field)).copied());
        facts
    }

    fn positions(&self) -> HashMap<(WellPosition, u32, u32), StagePosition> {
        let mut positions = HashMap::new();
        for record in self.records {
            if let (Some(image), Some(x_um), Some(y_um)) =
                (Image::of(record), record.x_um, record.y_um)
                && let Some(run) = self.runs.get(&image.run)
            {
                let key = (image.well, run.number, image.field - 1);
                positions.entry(key).or_insert(StagePosition { x_um, y_um });
            }
        }
        positions
    }

    fn run_name(&self, (timeline, projection): &RunKey, timelines: &[String]) -> String {
        let several = self.runs.keys().any(|(other, _)| other != timeline);
        let of_timeline = timelines
            .get(*timeline as usize - 1)
            .filter(|name| several && !name.is_empty())
            .cloned();
        let methods: BTreeSet<_> =
            self.runs.keys().filter_map(|(_, method)| method.as_ref()).collect();
        let of_projection = projection.as_ref().map(|method| match methods.len() {
            1 => "projection".to_owned(),
            _ => format!("projection {method}"),
        });
        [of_timeline, of_projection].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn named_channels(&self, known: &BTreeMap<u32, Channel>) -> BTreeMap<u32, Channel> {
        let numbered = known.iter().filter(|(number, _)| **number > 0);
        let mut named: BTreeMap<u32, Channel> =
            numbered.map(|(number, channel)| (number - 1, channel.clone())).collect();
        for (&(channel, action), &number) in &self.extra_channels {
            let mut of_action = known.get(&channel).cloned().unwrap_or_default();
            if of_action.name.is_empty() {
                of_action.name = format!("C{channel}");
            }
            of_action.name.push_str(&format!(", action {action}"));
            named.insert(number, of_action);
        }
        named
    }
}

/// Channels that several actions of a run image: from the second action on they get numbers
/// of their own, past all others, because their planes would claim the same place.
fn shared_channels(runs: &BTreeMap<RunKey, Run>) -> BTreeMap<(u32, u32), u32> {
    let mut actions: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let mut next = 0;
    let mut is_shared = false;
    for run in runs.values() {
        let mut first_action: BTreeMap<u32, u32> = BTreeMap::new();
        for (&action, planes) in &run.planes {
            for &(channel, ..) in planes {
                next = next.max(channel);
                actions.entry(channel).or_default().insert(action);
                is_shared |= *first_action.entry(channel).or_insert(action) != action;
            }
        }
    }
    let mut extra = BTreeMap::new();
    for (channel, actions) in actions.into_iter().filter(|_| is_shared) {
        for action in actions.into_iter().skip(1) {
            extra.insert((channel, action), next);
            next = next.saturating_add(1);
        }
    }
    extra
}

/// The median distance of neighbouring z-sections in µm, over the first records.
fn section_distance(records: &[Record]) -> Option<f64> {
    let mut stacks: HashMap<_, BTreeMap<u32, f64>> = HashMap::new();
    for record in records.iter().take(MAX_Z_SAMPLE) {
        if let (Some(z), Some(z_um), None) = (record.z, record.z_um, &record.projection) {
            let place = (record.row, record.column, record.field, record.timeline);
            let key = (place, record.channel, record.action, record.timepoint);
            stacks.entry(key).or_default().insert(z, z_um);
        }
    }
    stage::median_step(stacks.values())
}
