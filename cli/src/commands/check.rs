//! `polystore check`

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use polystore::{
    ErrorKind,
    check::{CheckDepth, CheckReport, Problem, check},
    model::PassedOver,
};
use serde_json::json;

use super::plate::PlateArgs;
use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore check /data/plate
  polystore check plate.zarr --depth pixels   decode every pixel
  polystore check /data/plate --json | jq .counts

The exit code is 5 when planes are missing or damaged, or image files of the plate could
not be used.")]
pub(crate) struct Args {
    /// The plate
    location: String,
    /// How closely to look
    #[arg(long, value_enum, default_value_t = Depth::Names)]
    depth: Depth,
    /// Problems to print; all of them are counted, and all are in the JSON
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    plate: PlateArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Depth {
    /// Which planes are there
    Names,
    /// Open every plane and decode one pixel
    Headers,
    /// Decode every pixel of every level of the pyramid, of label images too
    Pixels,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let plate = args.plate.open(&args.location)?;
    let depth = match args.depth {
        Depth::Names => CheckDepth::Names,
        Depth::Headers => CheckDepth::Headers,
        Depth::Pixels => CheckDepth::Pixels,
    };
    let n_present = plate.inventory()?.counts().present;
    let bar = progress::bar(global, "checking", "planes", n_present);
    let cancel = progress::cancel_on_interrupt();
    let report = check(&plate, depth, &cancel, &|n| bar.inc(n))?;
    bar.finish_and_clear();
    if global.json {
        output::json(&json!({
            "plate": plate.structure().name,
            "complete": report.is_complete(),
            "counts": report.counts,
            "problems": report.problems,
            "labels": report.n_labels,
            "label_problems": report.label_problems,
            "passed_over": report.passed_over,
            "notes": report.notes,
        }))?;
    } else {
        print(&plate.structure().name, &report, args)?;
    }
    Ok(match report.is_complete() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(ErrorKind::MissingPlane.exit_code()),
    })
}

fn print(name: &str, report: &CheckReport, args: &Args) -> Result<()> {
    let limit = args.limit;
    let counts = report.counts;
    output::line(format_args!("{name}: {}", output::count(counts.declared(), "declared plane")))?;
    for (n, what) in [
        (counts.present, "present"),
        (counts.missing, "missing"),
        (counts.corrupt, "corrupt"),
        (counts.absent_by_design, "absent by design"),
    ] {
        output::line(format_args!("  {n:>9} {what}"))?;
    }
    if !report.passed_over.is_empty() {
        let counted = report.passed_over.counted();
        let (n, what) = counted.split_once(' ').unwrap_or((&counted, ""));
        output::line(format_args!("  {n:>9} {what} passed over"))?;
    }
    if !report.problems.is_empty() {
        output::heading("By well:")?;
        for (well, (missing, corrupt)) in by_well(&report.problems) {
            output::line(format_args!("  {well}  {missing} missing, {corrupt} corrupt"))?;
        }
        print_problems("Planes", &report.problems, limit)?;
    }
    if report.n_labels > 0 {
        let labels = output::count(report.n_labels, "label image");
        output::heading(format_args!("{labels} looked at"))?;
    }
    if !report.label_problems.is_empty() {
        print_problems("Label images", &report.label_problems, limit)?;
    }
    print_passed_over(&report.passed_over, limit)?;
    if !report.notes.is_empty() {
        output::heading("Notes:")?;
        report.notes.iter().try_for_each(|note| output::line(format_args!("  {note}")))?;
    }
    let verdict = if report.is_complete() { "complete" } else { "NOT complete" };
    output::heading(format_args!("The plate is {verdict}."))?;
    match args.depth {
        Depth::Names if report.is_complete() => output::line(
            "No file was looked into: --depth headers opens every plane, --depth pixels decodes all.",
        ),
        _ => Ok(()),
    }
}

/// The first `limit` problems, each under its well.
fn print_problems(what: &str, problems: &[Problem], limit: usize) -> Result<()> {
    output::heading(format_args!("{what}:"))?;
    let mut well = None;
    for problem in problems.iter().take(limit) {
        if well != Some(problem.well) {
            well = Some(problem.well);
            output::line(format_args!("  {}", problem.well))?;
        }
        let level = match problem.level {
            0 => String::new(),
            level => format!(" level {level}"),
        };
        output::line(format_args!("    {}  {}{level}", problem.state.as_str(), problem.plane))?;
        if !problem.reason.is_empty() {
            output::line(format_args!("      {}", problem.reason))?;
        }
    }
    match problems.len().saturating_sub(limit) {
        0 => Ok(()),
        more => output::line(format_args!("  … and {more} more (--limit, or all in --json)")),
    }
}

fn print_passed_over(passed_over: &PassedOver, limit: usize) -> Result<()> {
    if passed_over.is_empty() {
        return Ok(());
    }
    let files = passed_over.counted();
    output::heading(format_args!("Passed over, {files}:"))?;
    for file in passed_over.files.iter().take(limit) {
        output::line(format_args!("  {}  {}", file.path, file.why()))?;
    }
    let more = passed_over.n - passed_over.files.len().min(limit) as u64;
    if more > 0 {
        output::line(format_args!("  ... and {more} more (--limit, or --json)"))?;
    }
    Ok(())
}

fn by_well(problems: &[Problem]) -> BTreeMap<polystore::WellPosition, (u64, u64)> {
    let mut wells = BTreeMap::new();
    for problem in problems {
        let (missing, corrupt): &mut (u64, u64) = wells.entry(problem.well).or_default();
        match problem.state {
            polystore::model::PlaneState::Corrupt => *corrupt += 1,
            _ => *missing += 1,
        }
    }
    wells
}
