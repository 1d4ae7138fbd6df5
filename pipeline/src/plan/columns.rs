//! Which columns the table of the plate can have, before anything runs.

use std::collections::BTreeSet;

use polystore::{PixelType, Plane, WellPosition, backend::Table, ndarray::Array2, suggest};

use super::{Call, CallInput, Program, WriteTarget};
use crate::{
    Error, Pipeline, Result, Stack, Value, ValueKind,
    definition::Origin,
    function::{Context, Inputs, Scope, function},
    output::{PlateRow, beside_place},
};

/// Refuses heatmaps of columns that no step of any program makes. The programs are those of a
/// plate without missing planes: what only they would have made is no mistake.
///
/// # Errors
/// `Pipeline` naming the column, with the nearest that there are.
pub(super) fn check_heatmaps(pipeline: &Pipeline, programs: &[Program]) -> Result<()> {
    let report = pipeline.report();
    if report.heatmaps.is_empty() {
        return Ok(());
    }
    let known = Known::of(pipeline, programs)?;
    let Some(at) = report.heatmaps.iter().position(|column| !known.may_have(column)) else {
        return Ok(());
    };
    let names: Vec<&str> = known.columns.iter().map(String::as_str).collect();
    let place = Origin("[report]".to_owned());
    let origin = report.origins.get(at).filter(|origin| !origin.0.is_empty()).unwrap_or(&place);
    let wanted = &report.heatmaps[at];
    let message = format!("no step makes a column `{wanted}` to draw a heatmap of");
    let hint = match names.is_empty() {
        true => "columns are of steps that give tables (`measure`) and `save` them".to_owned(),
        false => suggest::hint(wanted, &names),
    };
    Err(Error::pipeline(origin, message).with_hint(hint))
}

/// Columns of the plate's table.
#[derive(Default)]
struct Known {
    columns: BTreeSet<String>,
    /// Names of saved tables whose columns show only when they are made.
    open: BTreeSet<String>,
}

impl Known {
    fn of(pipeline: &Pipeline, programs: &[Program]) -> Result<Self> {
        let mut known = Self::default();
        for program in programs {
            for write in program.writes.iter().filter(|write| write.target == WriteTarget::Table) {
                let call = (write.value as usize).checked_sub(program.reads.len());
                let call = call.and_then(|at| program.calls.get(at));
                let save = pipeline.steps().get(write.step as usize).and_then(|step| step.save());
                let Some((call, save)) = call.zip(save) else { continue };
                match table(pipeline, program, call)? {
                    Some(table) => known.add(save, table),
                    None => known.open(save),
                }
            }
        }
        Ok(known)
    }

    fn add(&mut self, save: &str, mut table: Table) {
        for column in &mut table.columns {
            column.name = beside_place(std::mem::take(&mut column.name));
        }
        let mut row = PlateRow::new(WellPosition::new(0, 0), 0, 0);
        row.add_table(save, &table);
        self.columns.extend(row.values.into_iter().map(|(name, _)| name));
    }

    fn open(&mut self, save: &str) {
        self.columns.insert(format!("{save}_count"));
        self.open.insert(format!("{save}_"));
    }

    fn may_have(&self, column: &str) -> bool {
        self.columns.contains(column) || self.open.iter().any(|start| column.starts_with(start))
    }
}

/// A table with the columns that `call` gives; `None` when its function cannot say.
fn table(pipeline: &Pipeline, program: &Program, call: &Call) -> Result<Option<Table>> {
    let step = pipeline.steps().get(call.step as usize);
    let chains = step.map(|step| step.work().chains()).unwrap_or_default();
    let chain = chains.into_iter().find(|(name, _)| *name == call.chain);
    let Some((last, before)) = chain.and_then(|(_, chain)| chain.split_last()) else {
        return Ok(None);
    };
    let function = function(&last.function, "plan")?;
    let mut inputs: Vec<(&'static str, Value, Vec<String>)> = Vec::new();
    for (at, input) in function.inputs().iter().enumerate() {
        let given = match at {
            0 => call.inputs.first(),
            _ => call.inputs.iter().skip(1).find(|given| given.name == input.name),
        };
        let Some(given) = given else { continue };
        let is_single = at == 0 && (function.scope() == Scope::Plane || !before.is_empty());
        let n_planes = if is_single { 1 } else { given.values.len() };
        inputs.push((input.name, blank(input.kind, n_planes)?, channels(program, given)));
    }
    let inputs = inputs.iter().fold(Inputs::new(), |inputs, (name, value, channels)| {
        let inputs = inputs.with(name, value);
        if channels.is_empty() { inputs } else { inputs.with_channels(name, channels) }
    });
    let channel = call.key.c.and_then(|c| program.channels.get(c as usize));
    let context =
        Context { physical_size: program.physical_size, channel: channel.map(String::as_str) };
    Ok(function.columns(&last.settings, &inputs, &context))
}

/// Planes of one pixel that is 0.
fn blank(kind: ValueKind, n_planes: usize) -> Result<Value> {
    let plane = Plane::from_array(Array2::<u16>::zeros((1, 1)));
    Ok(match kind {
        ValueKind::Labels => {
            let labels = plane.convert(PixelType::U32);
            Value::Labels(Stack::new(vec![labels; n_planes.max(1)])?)
        }
        _ => Value::Image(Stack::new(vec![plane; n_planes.max(1)])?),
    })
}

fn channels(program: &Program, input: &CallInput) -> Vec<String> {
    let name = |c: &u32| program.channels.get(*c as usize).cloned().unwrap_or_default();
    input.channels.iter().map(name).collect()
}
