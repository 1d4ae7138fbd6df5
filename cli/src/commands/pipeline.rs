//! Options of the commands that run a pipeline or plan it, and what they print.

use std::{num::NonZeroUsize, path::Path};

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use indicatif::ProgressBar;
use polystore::Plate;
use polystore_pipeline::{
    CompileOptions, Event, ExecutionPlan, Executor, ExecutorOptions, MAX_CPU_THREADS,
    MissingPolicy, Numbers, Pipeline, ResultStore, RunReport, WellSet, compile,
};

use super::plate::check_outside;
use crate::{args::Global, output, progress};

/// What of the plate to work on, over what the pipeline says.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "What to work on")]
pub(crate) struct SelectionArgs {
    /// Wells: names, rectangles and lists, such as A01:B06,C03
    #[arg(long)]
    pub(crate) wells: Option<WellSet>,
    /// Fields by number from 1, such as 1-4
    #[arg(long)]
    pub(crate) fields: Option<Numbers>,
    /// Acquisitions by name or number from 1, joined by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) acquisition: Vec<String>,
    /// What to do about planes that are missing
    #[arg(long, value_enum)]
    pub(crate) missing: Option<Missing>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Missing {
    /// Refuse the plate and list them
    Error,
    /// Leave out what depends on them, and say so
    Skip,
}

impl SelectionArgs {
    /// The pipeline with this selection, compiled over the plate.
    pub(crate) fn compile(&self, pipeline: Pipeline, plate: &Plate) -> Result<ExecutionPlan> {
        let mut input = pipeline.input().clone();
        input.wells = self.wells.clone().or(input.wells);
        input.fields = self.fields.clone().or(input.fields);
        if !self.acquisition.is_empty() {
            input.acquisitions.clone_from(&self.acquisition);
        }
        let mut options = CompileOptions::default();
        options.missing = self.missing.map(|missing| match missing {
            Missing::Error => MissingPolicy::Error,
            Missing::Skip => MissingPolicy::Skip,
        });
        Ok(compile(&pipeline.with_input(input), plate, &options)?)
    }
}

/// How to run.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "How to run")]
pub(crate) struct RunArgs {
    /// Threads that compute; one per processor when not given
    #[arg(long, value_parser = threads)]
    threads: Option<NonZeroUsize>,
    /// Memory for planes in flight in MB; 256 and 128 per thread when not given
    #[arg(long, value_name = "MB", value_parser = memory)]
    memory: Option<u64>,
    /// Throw away what another run left in the folder of results; files that no run wrote stay
    #[arg(long)]
    replace: bool,
}

/// Less than a large plane leaves nothing to hold.
const MIN_MEMORY_MB: u64 = 16;

fn memory(text: &str) -> Result<u64, String> {
    let megabytes: u64 = text.parse().map_err(|_| "not a number of megabytes".to_owned())?;
    match megabytes >= MIN_MEMORY_MB {
        true => Ok(megabytes),
        false => Err(format!("at least {MIN_MEMORY_MB}; a field that needs more runs alone")),
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads: NonZeroUsize =
        text.parse().map_err(|_| "not a number of threads, at least 1".to_owned())?;
    match threads <= MAX_CPU_THREADS {
        true => Ok(threads),
        false => Err(format!("at most {MAX_CPU_THREADS}; one per processor is fastest")),
    }
}

impl RunArgs {
    /// Executes the plan with a progress bar; failures are told at once.
    pub(crate) fn execute(
        &self,
        global: &Global,
        plan: &ExecutionPlan,
        plate: &Plate,
        out: &Path,
    ) -> Result<RunReport> {
        let mut options = ExecutorOptions::default().with_replace(self.replace);
        if let Some(threads) = self.threads {
            options = options.with_cpu_threads(threads);
        }
        if let Some(megabytes) = self.memory {
            options = options.with_memory_bytes(megabytes.saturating_mul(1_000_000));
        }
        check_outside(plate, out)?;
        let store = ResultStore::on_disk(out)?;
        let bar = progress::bar(global, plan.pipeline.name(), "fields", 0);
        let cancel = progress::cancel_on_interrupt();
        let report = Executor::new(options).run(plan, plate, &store, &cancel, &|event| {
            show(&bar, &event);
        });
        bar.finish_and_clear();
        Ok(report?)
    }
}

fn show(bar: &ProgressBar, event: &Event) {
    match event {
        Event::Started { n_units, .. } => bar.set_length(*n_units),
        // What failed is told at the end.
        Event::Kept { .. } | Event::Done { .. } | Event::Failed { .. } => bar.inc(1),
        Event::Finishing => bar.set_message("writing tables and report"),
        _ => {}
    }
}

/// The table of the plate: a row per well and acquisition, and the columns to look at first.
pub(crate) fn print_table(report: &RunReport) -> Result<()> {
    const MAX_COLUMNS: usize = 4;
    const MAX_ROWS: usize = 24;
    let columns = report.main_columns();
    let columns = &columns[..columns.len().min(MAX_COLUMNS)];
    let names = columns.iter().map(String::as_str);
    let has_several = report.table.acquisitions().len() > 1;
    let acquisition = has_several.then_some("acquisition");
    let header: Vec<&str> =
        ["well"].into_iter().chain(acquisition).chain(["fields"]).chain(names).collect();
    let mut table = output::table(&header);
    for row in report.table.rows.iter().take(MAX_ROWS) {
        let mut cells = vec![row.well.to_string()];
        cells.extend(has_several.then(|| (u64::from(row.acquisition) + 1).to_string()));
        let in_part = match row.n_partial {
            0 => String::new(),
            n => format!(" ({n} in part)"),
        };
        cells.push(format!("{}/{}{in_part}", row.n_done, row.n_fields));
        cells.extend(
            columns.iter().map(|column| row.value(column).map_or_else(|| "-".to_owned(), number)),
        );
        table.add_row(cells);
    }
    output::block(table)?;
    let more_rows = report.table.rows.len().saturating_sub(MAX_ROWS) as u64;
    let more_columns = report.table.columns.len().saturating_sub(columns.len()) as u64;
    let more: Vec<String> = [(more_rows, "more row"), (more_columns, "more column")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, noun)| output::count(n, noun))
        .collect();
    if !more.is_empty() {
        output::block(format_args!("(and in results/plate.csv {})\n", more.join(" and ")))?;
    }
    report.remarks().iter().try_for_each(|remark| {
        output::line(format_args!("note: {remark}"))?;
        output::line("")
    })
}

/// A number with about five significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 && value.abs() < 1e9 => format!("{value}"),
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [12.0, 1234.567, 56.789, 0.123456, f64::NAN].map(number);
        assert_eq!(texts, ["12", "1235", "56.79", "0.1235", "NaN"]);
    }
}
