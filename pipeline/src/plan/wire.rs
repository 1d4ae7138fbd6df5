//! From steps to calls: which planes and results each call takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use polystore::{PlaneIndex, PlaneShape, model::PlaneState};

use super::{
    Call, CallInput, Cost, Key, Program, Read, Skipped, Write, WriteTarget, cost, images::Images,
    select::SelectedImage,
};
use crate::{
    Axis, Error, FunctionCall, Pipeline, Result, Source, Step, ValueKind, Work,
    definition::Origination,
    function::{PlaneKind, function},
};

/// What a call can take.
#[derive(Clone)]
struct Item {
    key: Key,
    slot: Slot,
    planes: Option<PlaneKind>,
}

/// Whether a value is there.
#[derive(Clone)]
enum Slot {
    /// Its number. Until the end, planes that are read count from 0, and results from
    /// [`FIRST_RESULT`].
    Value(u32),
    /// It depends on these missing planes; on none when an input was never meant to be.
    Missing(BTreeSet<Read>),
}

/// Results are numbered from here until it is known how many planes are read.
const FIRST_RESULT: u32 = 1 << 31;

/// Makes the program of units whose images look like `images`.
pub(super) fn program(pipeline: &Pipeline, images: &[SelectedImage<'_>]) -> Result<Program> {
    let mut wiring = Wiring::new(pipeline, images);
    for (number, step) in (0u32..).zip(pipeline.steps()) {
        let results = wiring.step(number, step)?;
        wiring.streams.insert(step.name(), results);
    }
    wiring.finish()
}

struct Wiring<'a> {
    pipeline: &'a Pipeline,
    images: &'a [SelectedImage<'a>],
    plate: Vec<Item>,
    reads: Vec<(Read, PlaneKind)>,
    streams: HashMap<&'a str, Vec<Item>>,
    calls: Vec<Call>,
    n_functions: Vec<u32>,
    skipped: Vec<Skipped>,
}

impl<'a> Wiring<'a> {
    fn new(pipeline: &'a Pipeline, images: &'a [SelectedImage<'a>]) -> Self {
        let mut wiring = Self {
            pipeline,
            images,
            plate: Vec::new(),
            reads: Vec::new(),
            streams: HashMap::new(),
            calls: Vec::new(),
            n_functions: Vec::new(),
            skipped: Vec::new(),
        };
        for (number, chosen) in (0u32..).zip(images) {
            wiring.declare(number, *chosen);
        }
        wiring
    }

    /// The planes of one image that the pipeline may read.
    fn declare(&mut self, number: u32, chosen: SelectedImage<'_>) {
        let selection = self.pipeline.input();
        let image = chosen.image;
        let channels = chosen_channels(&selection.channels, chosen);
        let planes = PlaneKind { shape: image.sizes.plane_shape(), pixel_type: image.pixel_type };
        for (index, state) in chosen.inventory.iter() {
            let is_wanted = channels.contains(&index.c)
                && selection.timepoints.as_ref().is_none_or(|wanted| wanted.contains(index.t));
            if !is_wanted || state == PlaneState::AbsentByDesign {
                continue;
            }
            let read = Read { image: number, index };
            let slot = if state == PlaneState::Present {
                self.reads.push((read, planes));
                Slot::Value(self.reads.len() as u32 - 1)
            } else {
                Slot::Missing(BTreeSet::from([read]))
            };
            let PlaneIndex { t, c, z } = index;
            let key = Key { field: Some(number), t: Some(t), c: Some(c), z: Some(z) };
            self.plate.push(Item { key, slot, planes: Some(planes) });
        }
    }

    /// What a source gives, only the channels that it names.
    fn items(&self, source: &Source) -> Vec<Item> {
        let all = match &source.from {
            Origination::Step(name) => {
                self.streams.get(name.as_str()).map_or(&[][..], Vec::as_slice)
            }
            Origination::Plate | Origination::Previous => &self.plate,
        };
        if source.channels.is_empty() {
            return all.to_vec();
        }
        let by_image: Vec<_> =
            self.images.iter().map(|chosen| chosen_channels(&source.channels, *chosen)).collect();
        let is_wanted = |item: &&Item| {
            let channels = &by_image[item.key.field.unwrap_or(0) as usize];
            item.key.c.is_none_or(|c| channels.contains(&c))
        };
        all.iter().filter(is_wanted).cloned().collect()
    }

    fn step(&mut self, number: u32, step: &Step) -> Result<Vec<Item>> {
        let over = step.input.over.as_deref().unwrap_or(&step.over);
        let groups = group(self.items(&step.input), over);
        let named: Vec<_> = step
            .named_inputs
            .iter()
            .map(|(name, source)| (name.as_str(), self.named(step, source)))
            .collect();
        let mut results = Vec::with_capacity(groups.len());
        for (key, items) in groups {
            let Some((chain_name, chain)) = self.chain(step, key)? else { continue };
            let first = check_alike(step, key, &items)?;
            let mut missing = missing_of(&items);
            let mut inputs = vec![input("", &items, over)];
            for (name, named) in &named {
                match named.matching(key, step, name)? {
                    Some(items) => {
                        check_alike(step, key, items)?;
                        missing.append(&mut missing_of(items));
                        inputs.push(input(name, items, &named.over));
                    }
                    // Never meant to be there: the call cannot be made either.
                    None => missing.push(BTreeSet::new()),
                }
            }
            let planes = output_planes(chain, first)?;
            let slot = if missing.is_empty() {
                self.calls.push(Call {
                    step: number,
                    chain: chain_name.to_owned(),
                    key,
                    inputs,
                    output: planes,
                });
                self.n_functions.push(chain.len() as u32);
                Slot::Value(FIRST_RESULT + self.calls.len() as u32 - 1)
            } else {
                let missing: BTreeSet<Read> = missing.into_iter().flatten().collect();
                let listed = missing.iter().copied().collect();
                self.skipped.push(Skipped { step: number, key, missing: listed });
                Slot::Missing(missing)
            };
            results.push(Item { key, slot, planes });
        }
        Ok(results)
    }

    fn named(&self, step: &Step, source: &Source) -> NamedInput {
        let items = self.items(source);
        let channels: BTreeSet<_> = items.iter().filter_map(|item| item.key.c).collect();
        let over = match &source.over {
            Some(over) => over.clone(),
            None => step.over.clone(),
        };
        NamedInput { groups: group(items, &over), over, is_of_one_channel: channels.len() <= 1 }
    }

    /// The chain for what lies at `key`; `None` when its channel is left out by `*`'s absence.
    fn chain<'s>(&self, step: &'s Step, key: Key) -> Result<Option<(&'s str, &'s [FunctionCall])>> {
        let chains = match &step.work {
            Work::Chain(chain) => return Ok(Some(("*", chain))),
            Work::PerChannel(chains) => chains,
        };
        let Some(c) = key.c else { return Ok(None) };
        let image = self.images[key.field.unwrap_or(0) as usize].image;
        let named = chains.iter().find(|(channel, _)| image.find_channel(channel) == Some(c));
        match named.or_else(|| chains.get_key_value("*")) {
            Some((channel, chain)) => Ok(Some((channel, chain))),
            None => {
                let message = format!("channel {} has no chain", image.channel_name(c));
                Err(Error::pipeline(&step.origin, message).with_hint(
                    "add one, or `\"*\"` for all that are not named, or choose channels",
                ))
            }
        }
    }

    fn finish(mut self) -> Result<Program> {
        let images = Images::of(self.pipeline);
        let mut writes = Vec::new();
        let mut program_images = Vec::new();
        for (number, step) in (0u32..).zip(self.pipeline.steps()) {
            if step.save().is_none() {
                continue;
            }
            let items = self.streams.remove(step.name()).unwrap_or_default();
            // What no plane was ever meant to be for is no part of the image.
            let is_meant =
                |item: &&Item| !matches!(&item.slot, Slot::Missing(reads) if reads.is_empty());
            let kinds = items.iter().filter(is_meant).map(|item| (item.key, item.planes));
            let declared = images.declare(number, step, self.images, kinds)?;
            for item in &items {
                let Slot::Value(value) = item.slot else { continue };
                let target = match (&declared, step.output()) {
                    (Some(declared), _) => declared.target(item.key),
                    (None, ValueKind::Rois) => WriteTarget::Rois,
                    (None, _) => WriteTarget::Table,
                };
                writes.push(Write { step: number, value, key: item.key, target });
            }
            program_images.extend(declared.map(|declared| declared.into_image()));
        }
        self.program(writes, program_images)
    }

    /// Drops what nothing uses and numbers the rest.
    fn program(self, writes: Vec<Write>, images: Vec<super::ProgramImage>) -> Result<Program> {
        let of_calls = self.calls.iter().flat_map(|call| &call.inputs);
        let used: BTreeSet<u32> = of_calls
            .flat_map(|input| input.values.iter().copied())
            .filter(|value| *value < FIRST_RESULT)
            .collect();
        let numbers: HashMap<u32, u32> = used.iter().copied().zip(0..).collect();
        let n_reads = used.len() as u32;
        let renumber = |value: &mut u32| {
            *value = match numbers.get(value) {
                Some(number) => *number,
                None => *value - FIRST_RESULT + n_reads,
            };
        };
        let (reads, kinds): (Vec<_>, Vec<_>) =
            used.iter().map(|value| self.reads[*value as usize]).unzip();
        let (mut calls, mut writes) = (self.calls, writes);
        for input in calls.iter_mut().flat_map(|call| &mut call.inputs) {
            input.values.iter_mut().for_each(renumber);
        }
        writes.iter_mut().for_each(|write| renumber(&mut write.value));
        let first = self.images[0].image;
        let mut program = Program {
            reads,
            calls,
            writes,
            images,
            skipped: self.skipped,
            channels: column_names((0..first.sizes.c).map(|c| first.channel_name(c))),
            physical_size: first.physical_size,
            cost: Cost::default(),
        };
        program.cost = cost::of_program(&program, &kinds, &self.n_functions);
        Ok(program)
    }
}

/// An input beside the first, grouped into stacks.
struct NamedInput {
    groups: BTreeMap<Key, Vec<Item>>,
    over: Vec<Axis>,
    is_of_one_channel: bool,
}

impl NamedInput {
    /// The planes that go with a call at `key`: those of the same place. An input of one
    /// channel goes with every channel.
    fn matching(&self, key: Key, step: &Step, name: &str) -> Result<Option<&[Item]>> {
        let fits = |own: &Key| {
            let channel = match (key.c, own.c) {
                (Some(a), Some(b)) => a == b || self.is_of_one_channel,
                (None, Some(_)) => true,
                _ => true,
            };
            channel && key.agrees_but_for_channel(*own)
        };
        let mut found = self.groups.iter().filter(|(own, _)| fits(own));
        let Some((_, items)) = found.next() else { return Ok(None) };
        match found.next() {
            None => Ok(Some(items)),
            Some(_) => {
                let message = format!("the input `{name}` has several planes for one call");
                Err(Error::pipeline(&step.origin, message).with_hint(
                    "choose one with channels = [...], or take them together with over = [...]",
                ))
            }
        }
    }
}

/// Items by where they lie once `over` is taken together, in order of their planes.
fn group(items: Vec<Item>, over: &[Axis]) -> BTreeMap<Key, Vec<Item>> {
    let mut groups: BTreeMap<Key, Vec<Item>> = BTreeMap::new();
    for item in items {
        groups.entry(item.key.without(over)).or_default().push(item);
    }
    for items in groups.values_mut() {
        items.sort_by_key(|item| item.key);
    }
    groups
}

fn input(name: &str, items: &[Item], over: &[Axis]) -> CallInput {
    let values = items.iter().filter_map(|item| match item.slot {
        Slot::Value(value) => Some(value),
        Slot::Missing(_) => None,
    });
    let channels = match over.contains(&Axis::Channel) {
        true => items.iter().filter_map(|item| item.key.c).collect(),
        false => Vec::new(),
    };
    CallInput { name: name.to_owned(), values: values.collect(), channels }
}

fn missing_of(items: &[Item]) -> Vec<BTreeSet<Read>> {
    let missing = items.iter().filter_map(|item| match &item.slot {
        Slot::Value(_) => None,
        Slot::Missing(reads) => Some(reads.clone()),
    });
    missing.collect()
}

/// What the planes of a stack are; they must all be the same.
fn check_alike(step: &Step, key: Key, items: &[Item]) -> Result<Option<PlaneKind>> {
    let first = items.first().and_then(|item| item.planes);
    let Some(odd) = items.iter().find(|item| item.planes != first) else { return Ok(first) };
    let in_words = |planes: Option<PlaneKind>| match planes {
        Some(PlaneKind { shape: PlaneShape { height, width }, pixel_type }) => {
            format!("{height} x {width} {pixel_type}")
        }
        None => "no planes".to_owned(),
    };
    let message = format!(
        "planes of one stack differ ({key}): {} is {}, the first is {}",
        odd.key,
        in_words(odd.planes),
        in_words(first)
    );
    Err(Error::pipeline(&step.origin, message)
        .with_hint("leave out the wells or fields of the other size or type"))
}

/// What planes a chain gives.
fn output_planes(chain: &[FunctionCall], input: Option<PlaneKind>) -> Result<Option<PlaneKind>> {
    let mut planes = input;
    for call in chain {
        let function = function(&call.function, "plan")?;
        planes = match function.output() {
            ValueKind::Image | ValueKind::Labels => {
                planes.map(|planes| function.output_planes(&call.settings, planes))
            }
            ValueKind::Table | ValueKind::Rois => None,
        };
    }
    Ok(planes)
}

/// The channels of an image that are named; all when none is.
fn chosen_channels(wanted: &[String], chosen: SelectedImage<'_>) -> BTreeSet<u32> {
    match wanted {
        [] => (0..chosen.image.sizes.c).collect(),
        _ => wanted.iter().filter_map(|name| chosen.image.find_channel(name)).collect(),
    }
}

/// Names as they can stand in a column's name, made unique by number.
fn column_names(names: impl Iterator<Item = String>) -> Vec<String> {
    let clean = |name: String| -> String {
        let is_fine = |letter: char| letter.is_alphanumeric() || "-+.".contains(letter);
        name.chars().map(|letter| if is_fine(letter) { letter } else { '_' }).collect()
    };
    let names: Vec<String> = names.map(clean).collect();
    let is_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let unique = names.iter().enumerate().map(|(at, name)| match is_twice(name) {
        true => format!("{name}_{}", at + 1),
        false => name.clone(),
    });
    unique.collect()
}
