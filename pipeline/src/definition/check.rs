//! From what was written to a checked pipeline: names are known, kinds and axes fit.

use std::collections::{BTreeMap, BTreeSet};

use polystore::suggest;

use super::{
    Axis, FunctionCall, Numbers, Origin, Origination, Pipeline, ReportSettings, Selection, Source,
    Step, WellSet, Work,
    builder::{Chain, DraftCall, DraftSelection, PipelineBuilder, StepBuilder},
    in_words,
};
use crate::{
    Error, Result, ValueKind,
    function::{Function, Given, Scope, Settings, function},
};

pub(super) fn check(draft: PipelineBuilder) -> Result<Pipeline> {
    if draft.name.trim().is_empty() {
        return Err(Error::pipeline(&draft.origin, "a pipeline needs a `name`"));
    }
    let input = selection(draft.input)?;
    if draft.steps.is_empty() {
        return Err(Error::pipeline(&draft.origin, "a pipeline needs at least one step")
            .with_hint("add [[steps]] with a `name` and a `function`"));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(draft.steps.len());
    let names: Vec<String> = draft.steps.iter().map(|step| step.name.clone()).collect();
    for step in draft.steps {
        let checked = StepCheck { before: &steps, names: &names }.step(step)?;
        steps.push(checked);
    }
    check_used(&steps)?;
    let (heatmaps, origins) = draft.heatmaps.into_iter().unzip();
    let report = ReportSettings { heatmaps, origins };
    let PipelineBuilder { name, description, document, .. } = draft;
    Ok(Pipeline { name, description, input, steps, report, document })
}

fn selection(draft: DraftSelection) -> Result<Selection> {
    let timepoints_origin =
        draft.timepoints.first().map(|(_, origin)| origin.clone()).unwrap_or_default();
    Ok(Selection {
        wells: wells(draft.wells)?,
        exclude_wells: wells(draft.exclude_wells)?,
        fields: numbers(draft.fields, 1)?,
        channels: draft.channels,
        acquisitions: draft.acquisitions,
        timepoints: numbers(draft.timepoints, 0)?,
        missing: draft.missing,
        channels_origin: draft.channels_origin.or(&draft.origin).clone(),
        timepoints_origin: timepoints_origin.or(&draft.origin).clone(),
        origin: draft.origin,
    })
}

fn wells(texts: Vec<(String, Origin)>) -> Result<Option<WellSet>> {
    let sets = texts.iter().map(|(text, origin)| {
        WellSet::parse(text).map_err(|message| Error::pipeline(origin, message))
    });
    let sets: Vec<_> = sets.collect::<Result<_>>()?;
    Ok(sets.into_iter().reduce(WellSet::union))
}

fn numbers(texts: Vec<(String, Origin)>, smallest: u32) -> Result<Option<Numbers>> {
    let mut all = Vec::new();
    for (text, origin) in &texts {
        let numbers = Numbers::parse(text).map_err(|message| Error::pipeline(origin, message))?;
        if numbers.min().is_some_and(|min| min < smallest) {
            return Err(Error::pipeline(origin, format!("counting starts at {smallest}")));
        }
        all.push(numbers);
    }
    Ok(all.into_iter().reduce(Numbers::union))
}

/// A step that is neither stored nor used is a mistake.
fn check_used(steps: &[Step]) -> Result<()> {
    let mut used = BTreeSet::new();
    for step in steps {
        let sources = std::iter::once(&step.input).chain(step.named_inputs.values());
        used.extend(sources.filter_map(|source| match &source.from {
            Origination::Step(name) => Some(name.as_str()),
            _ => None,
        }));
    }
    let is_idle = |step: &&Step| step.save.is_none() && !used.contains(step.name.as_str());
    match steps.iter().find(is_idle) {
        None => Ok(()),
        Some(step) => {
            let message = "what this step gives is neither saved nor used by a later step";
            Err(Error::pipeline(&step.origin, message).with_hint("add `save = true`, or remove it"))
        }
    }
}

/// A function that was looked up, with its settings.
type Resolved = (&'static dyn Function, FunctionCall, Origin);

/// Checks one step after those before it.
struct StepCheck<'a> {
    before: &'a [Step],
    /// Of all steps, for messages.
    names: &'a [String],
}

/// What an input is, as far as the pipeline says.
#[derive(Clone)]
struct InputKind {
    kind: ValueKind,
    axes: Vec<Axis>,
}

impl StepCheck<'_> {
    fn step(&self, draft: StepBuilder) -> Result<Step> {
        let origin = match draft.origin.0.as_str() {
            "" => Origin(format!("step `{}`", draft.name)),
            _ => draft.origin.clone(),
        };
        self.check_name(&draft.name, draft.name_origin.or(&origin))?;
        let over_origin = draft.over_origin.or(&origin);
        let chains = self.chains(&draft, &origin)?;
        let (input, named_inputs) = self.sources(&draft, &chains, &origin)?;
        let primary = self.kind_of(&input)?;
        let over = input.over.clone().unwrap_or_else(|| draft.over.clone());
        check_over(&over, &primary, &input, over_origin)?;
        let axes: Vec<Axis> =
            primary.axes.iter().copied().filter(|axis| !over.contains(axis)).collect();
        let named = self.named(&named_inputs, &chains, &over, &axes, &origin)?;
        let outputs: Vec<_> = chains
            .iter()
            .map(|(_, chain)| Flow { named: &named, over: over_origin }.of(chain, &primary, &over))
            .collect::<Result<_>>()?;
        let output = outputs[0];
        if outputs.iter().any(|other| *other != output) {
            return Err(Error::pipeline(
                &origin,
                "the chains of the channels give different kinds",
            ));
        }
        if !draft.per_channel.is_empty() && !axes.contains(&Axis::Channel) {
            let message = "chains by channel need planes that are separate by channel";
            return Err(Error::pipeline(&origin, message));
        }
        self.check_save(draft.save.as_deref(), output, draft.save_origin.or(&origin))?;
        let calls = |chain: Vec<Resolved>| chain.into_iter().map(|(_, call, _)| call).collect();
        let work = match draft.per_channel.is_empty() {
            true => Work::Chain(
                chains.into_iter().flat_map(|(_, chain)| calls(chain)).collect::<Vec<_>>(),
            ),
            false => Work::PerChannel(
                chains.into_iter().map(|(channel, chain)| (channel, calls(chain))).collect(),
            ),
        };
        Ok(Step {
            name: draft.name,
            work,
            over,
            input,
            named_inputs,
            save: draft.save,
            output,
            axes,
            origin,
        })
    }

    fn check_name(&self, name: &str, origin: &Origin) -> Result<()> {
        check_file_name(name, "a step's name", origin)?;
        if name == "plate" {
            let message = "a step cannot be called `plate`, which means the plate itself";
            return Err(Error::pipeline(origin, message));
        }
        match self.before.iter().any(|step| step.name == name) {
            true => Err(Error::pipeline(origin, format!("two steps are called `{name}`"))),
            false => Ok(()),
        }
    }

    /// Results of one kind need names of their own; labels may be called like their table.
    fn check_save(&self, save: Option<&str>, output: ValueKind, origin: &Origin) -> Result<()> {
        let Some(save) = save else { return Ok(()) };
        check_file_name(save, "a name to save under", origin)?;
        let is_image = |kind| matches!(kind, ValueKind::Image | ValueKind::Labels);
        let same = |step: &&Step| {
            let is_same_kind = step.output == output || (is_image(step.output) && is_image(output));
            is_same_kind
                && step.save.as_deref().is_some_and(|other| other.eq_ignore_ascii_case(save))
        };
        match self.before.iter().find(same) {
            None => Ok(()),
            Some(other) => Err(Error::pipeline(
                origin,
                format!("step `{}` saves under `{save}` already", other.name),
            )
            .with_hint("give one of them another name: save = \"...\"")),
        }
    }

    /// The functions of the step, by channel; `*` for a chain for all.
    fn chains(&self, draft: &StepBuilder, origin: &Origin) -> Result<Vec<(String, Vec<Resolved>)>> {
        let all = (!draft.chain.calls.is_empty()).then(|| ("*".to_owned(), &draft.chain));
        if all.is_some() && !draft.per_channel.is_empty() {
            let message = "a step has one chain of functions, or one by channel, not both";
            return Err(Error::pipeline(origin, message));
        }
        let by_channel = draft.per_channel.iter().map(|(channel, chain)| (channel.clone(), chain));
        let mut chains = BTreeMap::new();
        for (channel, chain) in all.into_iter().chain(by_channel) {
            let resolved = resolve(chain, origin)?;
            if chains.insert(channel.clone(), resolved).is_some() {
                let message = format!("channel `{channel}` has two chains");
                return Err(Error::pipeline(origin, message));
            }
        }
        if chains.is_empty() || chains.values().any(Vec::is_empty) {
            let mut empty = draft.per_channel.iter().map(|(_, chain)| chain);
            let empty = empty.find(|chain| chain.calls.is_empty()).unwrap_or(&draft.chain);
            return Err(Error::pipeline(empty.origin.or(origin), "the step calls no function")
                .with_hint("add `function = \"...\"`"));
        }
        Ok(chains.into_iter().collect())
    }

    /// The source of the first input, and those of the others.
    fn sources(
        &self,
        draft: &StepBuilder,
        chains: &[(String, Vec<Resolved>)],
        origin: &Origin,
    ) -> Result<(Source, BTreeMap<String, Source>)> {
        let first_of = |chain: &Vec<Resolved>| chain[0].0.inputs().first().map(|input| input.name);
        let mut primary = draft.input.clone();
        let mut named = BTreeMap::new();
        for (name, source) in &draft.named_inputs {
            let is_first = chains.iter().all(|(_, chain)| first_of(chain) == Some(name.as_str()));
            let source = self.resolved(source, origin)?;
            if is_first && primary.is_none() {
                primary = Some(source);
            } else if is_first || named.insert(name.clone(), source).is_some() {
                let message = format!("the input `{name}` is given twice");
                return Err(Error::pipeline(origin, message));
            }
        }
        Ok((self.resolved(&primary.unwrap_or_default(), origin)?, named))
    }

    /// The same with the step before by its name, and a place for messages.
    fn resolved(&self, source: &Source, origin: &Origin) -> Result<Source> {
        let mut source = source.clone();
        if source.origin.0.is_empty() {
            source.origin = origin.clone();
        }
        if source.from == Origination::Previous {
            source.from = match self.before.last() {
                Some(step) => Origination::Step(step.name.clone()),
                None => Origination::Plate,
            };
        }
        Ok(source)
    }

    fn kind_of(&self, source: &Source) -> Result<InputKind> {
        let name = match &source.from {
            Origination::Plate | Origination::Previous => {
                return Ok(InputKind { kind: ValueKind::Image, axes: Axis::ALL.to_vec() });
            }
            Origination::Step(name) => name,
        };
        if let Some(step) = self.before.iter().find(|step| step.name == *name) {
            if !source.channels.is_empty() && !step.axes.contains(&Axis::Channel) {
                let message = format!("step `{name}` has taken its channels together already");
                let place = source.channels_origin.or(&source.origin);
                return Err(Error::pipeline(place, message));
            }
            return Ok(InputKind { kind: step.output, axes: step.axes.clone() });
        }
        let error = |message| Error::pipeline(&source.origin, message);
        if self.names.contains(name) {
            return Err(error(format!("step `{name}` stands below the step that takes from it"))
                .with_hint("steps run from top to bottom"));
        }
        let mut known: Vec<_> = self.before.iter().map(|step| step.name.as_str()).collect();
        known.push("plate");
        Err(error(format!("there is no step `{name}`")).with_hint(suggest::hint(name, &known)))
    }

    fn named(
        &self,
        sources: &BTreeMap<String, Source>,
        chains: &[(String, Vec<Resolved>)],
        over: &[Axis],
        call_axes: &[Axis],
        origin: &Origin,
    ) -> Result<BTreeMap<String, ValueKind>> {
        let takes: BTreeSet<&str> = chains
            .iter()
            .flat_map(|(_, chain)| chain)
            .flat_map(|(function, ..)| function.inputs().iter().map(|input| input.name))
            .collect();
        let mut kinds = BTreeMap::new();
        for (name, source) in sources {
            if !takes.contains(name.as_str()) {
                let message = format!("no function of this step has an input `{name}`");
                let takes: Vec<_> = takes.iter().copied().collect();
                let place = source.name_origin.or(&source.origin);
                return Err(Error::pipeline(place, message).with_hint(suggest::hint(name, &takes)));
            }
            let kind = self.kind_of(source)?;
            let own: Vec<Axis> = match &source.over {
                Some(own) => own.clone(),
                None => over.iter().copied().filter(|axis| kind.axes.contains(axis)).collect(),
            };
            check_over(&own, &kind, source, origin)?;
            let is_extra = |axis: &Axis| {
                !own.contains(axis) && !call_axes.contains(axis) && *axis != Axis::Channel
            };
            if let Some(axis) = kind.axes.iter().copied().find(is_extra) {
                let message = format!(
                    "the input `{name}` has separate planes along {axis}, but the step does not"
                );
                return Err(Error::pipeline(&source.origin, message).with_hint(format!(
                    "project it first, or take {axis} as a stack: over = [\"{axis}\"]"
                )));
            }
            kinds.insert(name.clone(), kind.kind);
        }
        Ok(kinds)
    }
}

fn check_over(over: &[Axis], input: &InputKind, source: &Source, origin: &Origin) -> Result<()> {
    let origin = if source.over.is_some() { source.over_origin.or(&source.origin) } else { origin };
    if let Some(axis) = over.iter().find(|axis| !input.axes.contains(axis)) {
        let message = format!("there is no axis {axis} to work along any more");
        let left = format!("what the input is separate along: {}", in_words(&input.axes));
        return Err(Error::pipeline(origin, message).with_hint(left));
    }
    match (1..over.len()).any(|at| over[..at].contains(&over[at])) {
        true => Err(Error::pipeline(origin, "`over` names an axis twice")),
        false => Ok(()),
    }
}

fn resolve(chain: &Chain, origin: &Origin) -> Result<Vec<Resolved>> {
    chain.calls.iter().map(|call| resolve_call(call, origin)).collect()
}

fn resolve_call(call: &DraftCall, step: &Origin) -> Result<Resolved> {
    let origin = if call.origin.0.is_empty() { step } else { &call.origin };
    let function = function(&call.function, &origin.0)?;
    let mut given = BTreeMap::new();
    for (name, value, place) in &call.parameters {
        let place = if place.0.is_empty() { origin } else { place };
        let value = Given { value: value.clone(), origin: place.0.clone() };
        if given.insert(name.clone(), value).is_some() {
            let message = format!("the parameter `{name}` is set twice");
            return Err(Error::pipeline(place, message));
        }
    }
    let settings = Settings::check(&given, function.parameters(), &origin.0)?;
    function.prepare(&settings).map_err(|error| match error {
        Error::Function { message } => Error::pipeline(origin, message),
        other => other,
    })?;
    let call = FunctionCall { function: call.function.clone(), settings };
    Ok((function, call, origin.clone()))
}

/// Follows the kinds of values through a chain of functions.
struct Flow<'a> {
    named: &'a BTreeMap<String, ValueKind>,
    /// Where the axes of the step stand.
    over: &'a Origin,
}

impl Flow<'_> {
    fn of(&self, chain: &[Resolved], input: &InputKind, over: &[Axis]) -> Result<ValueKind> {
        let (mut kind, mut is_stack) = (input.kind, !over.is_empty());
        for (function, _, origin) in chain {
            self.check_inputs(*function, kind, origin)?;
            let gives_planes = matches!(function.output(), ValueKind::Image | ValueKind::Labels);
            match (function.scope(), is_stack) {
                (Scope::Stack, false) => {
                    let message = format!("`{}` works along a stack of planes", function.name());
                    return Err(Error::pipeline(origin, message)
                        .with_hint("say which axis it is: over = [\"z\"]"));
                }
                (Scope::Plane, true) if !gives_planes => {
                    let message =
                        format!("`{}` works on one plane, not on a stack", function.name());
                    return Err(Error::pipeline(origin, message).with_hint(format!(
                        "project {} first, or leave `over` out",
                        in_words(over)
                    )));
                }
                (Scope::Stack, true) => is_stack = false,
                (Scope::Plane, _) => {}
            }
            kind = function.output();
        }
        if is_stack {
            let message = format!("no function of this step works along {}", in_words(over));
            return Err(Error::pipeline(self.over, message)
                .with_hint("add a projection, or leave `over` out"));
        }
        Ok(kind)
    }

    fn check_inputs(
        &self,
        function: &dyn Function,
        given: ValueKind,
        origin: &Origin,
    ) -> Result<()> {
        let name = function.name();
        let mut inputs = function.inputs().iter();
        let Some(first) = inputs.next() else {
            return Err(Error::pipeline(
                origin,
                format!("`{name}` takes nothing from other steps"),
            ));
        };
        if first.kind != given {
            let message = format!(
                "`{name}` works on {}, but is given {}",
                first.kind.as_str(),
                given.as_str()
            );
            return Err(Error::pipeline(origin, message)
                .with_hint("say which step it works on: input = \"...\""));
        }
        for input in inputs {
            match self.named.get(input.name) {
                None if input.optional => {}
                None => {
                    let message = format!("`{name}` needs the input `{}`", input.name);
                    return Err(Error::pipeline(origin, message).with_hint(format!(
                        "add input = {{ {} = \"...\" }} with the step or \"plate\" that it comes from",
                        input.name
                    )));
                }
                Some(kind) if *kind == input.kind => {}
                Some(kind) => {
                    let message = format!(
                        "the input `{}` of `{name}` must be {}, but is {}",
                        input.name,
                        input.kind.as_str(),
                        kind.as_str()
                    );
                    return Err(Error::pipeline(origin, message));
                }
            }
        }
        Ok(())
    }
}

/// Names of steps and results become names of files, columns and images.
fn check_file_name(name: &str, what: &str, origin: &Origin) -> Result<()> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts_well && name.len() <= 64 && name.bytes().all(is_fine) {
        return Ok(());
    }
    let message = format!("{what} cannot be `{name}`");
    Err(Error::pipeline(origin, message)
        .with_hint("letters, digits, `_` and `-`, at most 64, starting with a letter or digit"))
}
