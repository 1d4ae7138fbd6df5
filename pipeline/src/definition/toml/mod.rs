//! Reads a pipeline document. Every fault is named with its line and column.

mod node;

use super::{
    Axis, MissingPolicy, Numbers, Origin, Origination, Pipeline, Source,
    builder::{Chain, DraftCall, DraftSelection, PipelineBuilder, StepBuilder},
};
use crate::{
    Error, Result,
    function::{Setting, function},
};
use node::{Document, Node, TableNode};

pub(super) fn read(text: &str, origin: &str) -> Result<Pipeline> {
    let document = Document { text, origin };
    let root = document.parse()?;
    let mut table = Node::root(&document, &root).table()?;
    let mut builder = PipelineBuilder::new(table.required("name")?.text()?);
    builder.origin = Origin(origin.to_owned());
    if let Some(description) = table.take("description") {
        builder.description = description.text()?.to_owned();
    }
    if let Some(input) = table.take("input") {
        builder.input = selection(&input)?;
    }
    for step in table.take("steps").map(|steps| steps.list()).transpose()?.unwrap_or_default() {
        builder.steps.push(read_step(&step)?);
    }
    if let Some(report) = table.take("report") {
        let mut report = report.table()?;
        for column in report.take("heatmaps").map(|list| list.one_or_many()).unwrap_or_default() {
            builder.heatmaps.push((column.text()?.to_owned(), column.origin()));
        }
        report.end("the report")?;
    }
    table.end("a pipeline")?;
    builder.document = text.to_owned();
    builder.build()
}

fn selection(input: &Node<'_>) -> Result<DraftSelection> {
    let mut table = input.table()?;
    let mut texts = |key: &str, read: fn(&Node<'_>) -> Result<String>| -> Result<Vec<_>> {
        let nodes = table.take(key).map(|node| node.one_or_many()).unwrap_or_default();
        nodes.iter().map(|node| Ok((read(node)?, node.origin()))).collect()
    };
    let wells = texts("wells", text)?;
    let exclude_wells = texts("exclude_wells", text)?;
    let fields = texts("fields", number_range)?;
    let timepoints = texts("timepoints", number_range)?;
    let channels = texts("channels", name_or_number)?;
    let channels_origin = first_place(&channels);
    let acquisitions = texts("acquisition", name_or_number)?;
    let missing = match table.take("missing") {
        Some(node) => {
            node.choice(&[("error", MissingPolicy::Error), ("skip", MissingPolicy::Skip)])?
        }
        None => MissingPolicy::default(),
    };
    table.end("[input]")?;
    let names = |texts: Vec<(String, Origin)>| texts.into_iter().map(|(text, _)| text).collect();
    Ok(DraftSelection {
        wells,
        exclude_wells,
        fields,
        timepoints,
        channels: names(channels),
        acquisitions: names(acquisitions),
        missing,
        origin: input.origin(),
        channels_origin,
    })
}

fn first_place(texts: &[(String, Origin)]) -> Origin {
    texts.first().map(|(_, origin)| origin.clone()).unwrap_or_default()
}

fn text(node: &Node<'_>) -> Result<String> {
    node.text().map(str::to_owned)
}

/// `3` or `"1-4"`.
fn number_range(node: &Node<'_>) -> Result<String> {
    let text = match node.integer() {
        Some(number) => number.to_string(),
        None => node.text_or("a number, or a range like \"1-4\"")?.to_owned(),
    };
    Numbers::parse(&text).map_err(|message| node.error(message))?;
    Ok(text)
}

/// `"DAPI"` or `2`.
fn name_or_number(node: &Node<'_>) -> Result<String> {
    match node.integer() {
        Some(number) => Ok(number.to_string()),
        None => Ok(node.text_or("a name, or a number from 1")?.to_owned()),
    }
}

const STEP_KEYS: [&str; 8] =
    ["name", "function", "chain", "group_by", "chains", "over", "input", "save"];

fn read_step(node: &Node<'_>) -> Result<StepBuilder> {
    let mut table = node.table()?;
    let name = table.required("name")?;
    let mut step = StepBuilder::new(name.text()?);
    (step.origin, step.name_origin) = (node.origin(), name.origin());
    if let Some(over) = table.take("over") {
        step.over = axes(&over)?;
        step.over_origin = over.origin();
    }
    if let Some(input) = table.take("input") {
        read_input(&input, &mut step)?;
    }
    if let Some(save) = table.take("save") {
        step.save_origin = save.origin();
        step.save = match save.bool() {
            Some(true) => Some(step.name.clone()),
            Some(false) => None,
            None => Some(save.text_or("true, false, or a name to save under")?.to_owned()),
        };
    }
    let grouped = table.take("group_by");
    if let Some(group_by) = &grouped {
        group_by.choice(&[("channel", Axis::Channel)])?;
    }
    if let Some(chains) = table.take("chains") {
        if grouped.is_none() {
            return Err(chains
                .error("`chains` are by channel")
                .with_hint("add group_by = \"channel\""));
        }
        for (channel, chain) in chains.table()?.entries() {
            step.per_channel.push((channel, read_chain(&chain)?));
        }
    } else if let Some(group_by) = &grouped {
        return Err(group_by
            .error("`group_by` needs the functions of each channel")
            .with_hint("add [steps.chains] with a chain for each channel, `*` for the others"));
    }
    match (table.take("function"), table.take("chain")) {
        (Some(_), Some(chain)) => {
            return Err(chain.error("a step has either a `function` or a `chain`"));
        }
        (Some(name), None) => step.chain.calls.push(read_call(&name, table, &STEP_KEYS)?),
        (None, chain) => {
            if let Some(chain) = chain {
                step.chain = read_chain(&chain)?;
            }
            table.end("a step")?;
        }
    }
    Ok(step)
}

fn read_chain(node: &Node<'_>) -> Result<Chain> {
    let mut chain = Chain { origin: node.origin(), ..Chain::default() };
    for item in node.one_or_many() {
        let call = match item.table() {
            Ok(mut table) => {
                let name = table.required("function")?;
                read_call(&name, table, &["function"])?
            }
            Err(_) => DraftCall {
                function: item
                    .text_or("a function's name, or { function = \"...\", parameters }")?
                    .to_owned(),
                parameters: Vec::new(),
                origin: item.origin(),
            },
        };
        chain.calls.push(call);
    }
    Ok(chain)
}

/// A function with the rest of `table` as its parameters.
fn read_call(name: &Node<'_>, table: TableNode<'_>, other_keys: &[&str]) -> Result<DraftCall> {
    let function_name = name.text()?;
    let found = function(function_name, &name.origin().0)?;
    let mut parameters = Vec::new();
    for (key, place, value) in table.rest() {
        if !found.parameters().iter().any(|parameter| parameter.name == key) {
            let mut known: Vec<_> = found.parameters().iter().map(|known| known.name).collect();
            known.extend(other_keys);
            let message = format!("`{function_name}` has no parameter `{key}`");
            return Err(
                Error::pipeline(place, message).with_hint(polystore::suggest::hint(&key, &known))
            );
        }
        parameters.push((key, setting(&value)?, value.origin()));
    }
    Ok(DraftCall { function: function_name.to_owned(), parameters, origin: name.origin() })
}

fn setting(node: &Node<'_>) -> Result<Setting> {
    if let Some(value) = node.bool() {
        return Ok(Setting::Bool(value));
    }
    if let Some(value) = node.integer() {
        return Ok(Setting::Integer(value));
    }
    if let Some(value) = node.float() {
        return Ok(Setting::Float(value));
    }
    Ok(Setting::Text(node.text_or("a number, text, true or false")?.to_owned()))
}

fn axes(node: &Node<'_>) -> Result<Vec<Axis>> {
    let axis = |item: &Node<'_>| {
        let text = item.text()?;
        text.parse::<Axis>().map_err(|error| error.at(item.origin()))
    };
    node.one_or_many().iter().map(axis).collect()
}

const SOURCE_KEYS: [&str; 3] = ["from", "channels", "over"];

/// `"step"`, `{ from = "step", channels = ["DAPI"] }`, or a table of such by input.
fn read_input(node: &Node<'_>, step: &mut StepBuilder) -> Result<()> {
    let is_source = match node.table() {
        Ok(table) => table.keys().any(|key| SOURCE_KEYS.contains(&key)),
        Err(_) => true,
    };
    if is_source {
        step.input = Some(source(node)?);
        return Ok(());
    }
    for (name, place, value) in node.table()?.rest() {
        let source = Source { name_origin: place, ..source(&value)? };
        step.named_inputs.push((name, source));
    }
    Ok(())
}

fn source(node: &Node<'_>) -> Result<Source> {
    let mut source = Source { origin: node.origin(), ..Source::default() };
    if let Some(name) = node.as_text() {
        source.from = origination(name);
        return Ok(source);
    }
    let mut table = node.table_or("a step's name, \"plate\", or { from = \"...\", ... }")?;
    if let Some(from) = table.take("from") {
        source.from = origination(from.text()?);
        source.origin = from.origin();
    }
    for channel in table.take("channels").map(|list| list.one_or_many()).unwrap_or_default() {
        source.channels.push(name_or_number(&channel)?);
        source.channels_origin = source.channels_origin.or(&channel.origin()).clone();
    }
    if let Some(over) = table.take("over") {
        source.over = Some(axes(&over)?);
        source.over_origin = over.origin();
    }
    table.end("an input")?;
    Ok(source)
}

fn origination(name: &str) -> Origination {
    match name {
        "plate" => Origination::Plate,
        _ => Origination::Step(name.to_owned()),
    }
}
