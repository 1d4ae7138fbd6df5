//! `polystore run`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::ErrorKind;
use polystore_pipeline::{Pipeline, RunReport};

use super::{
    pipeline::{RunArgs, SelectionArgs, print_table},
    plate::PlateArgs,
};
use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore run pipelines/nuclei.toml /data/plate -o results
  polystore run nuclei.toml plate.zarr -o results --wells A01:B06 --missing skip

Run it again to go on where it was stopped: fields whose results are whole, and of the same
input, are kept; more wells or fields may be asked for, and missing planes treated otherwise.
The exit code is 1 when fields failed, and 5 when planes that were needed are missing or corrupt,
also when that is found only when they are read.")]
pub(crate) struct Args {
    /// The pipeline
    pipeline: PathBuf,
    /// The plate
    plate: String,
    /// The folder for results; made when it is not there
    #[arg(long, short, value_name = "FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    open: PlateArgs,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let pipeline = Pipeline::open(&args.pipeline)?;
    let plate = args.open.open(&args.plate)?;
    let plan = args.selection.compile(pipeline, &plate)?;
    let report = args.run.execute(global, &plan, &plate, &args.output)?;
    if global.json {
        output::json(&report.manifest)?;
    } else {
        print(&report)?;
        print_places(&args.output, &PLACES)?;
    }
    Ok(exit_code(&report))
}

/// What a run leaves, and what it is.
const PLACES: [(&str, &str); 3] =
    [("report.html", "report"), ("results", "tables"), ("run.json", "what was done")];

/// Which of `places` in the folder of results are there.
pub(crate) fn print_places(out: &Path, places: &[(&str, &str)]) -> Result<()> {
    for (name, what) in places {
        let path = out.join(name);
        if path.exists() {
            output::line(format_args!("  {:<40} {what}", path.display()))?;
        }
    }
    Ok(())
}

/// Most notes that are printed.
const MAX_NOTES: usize = 10;

/// The table and what was done.
pub(crate) fn print(report: &RunReport) -> Result<()> {
    print_table(report)?;
    let manifest = &report.manifest;
    let n_units = manifest.units.len() as u64;
    let failed: Vec<_> = manifest.failed().collect();
    output::line(format_args!(
        "{} in {:.1} s{}",
        output::count(n_units, "field"),
        manifest.seconds,
        if report.has_changed { "" } else { ", all of them done before" }
    ))?;
    for note in manifest.notes.iter().take(MAX_NOTES) {
        output::line(format_args!("note: {note}"))?;
    }
    if let more @ 1.. = manifest.notes.len().saturating_sub(MAX_NOTES) {
        output::line(format_args!("… and {more} more notes (all in run.json)"))?;
    }
    for failure in &manifest.failures {
        output::line(format_args!("FAILED: {failure}"))?;
    }
    if !failed.is_empty() {
        output::line(format_args!("{} FAILED:", output::count(failed.len() as u64, "field")))?;
        let failures = failed
            .iter()
            .map(|unit| (format!("well {}", unit.well), format!("{}: {}", unit.name, unit.error)));
        output::failures(failures, "all in run.json")?;
    }
    let n_left_out = report.n_left_out();
    if n_left_out > 0 {
        output::line(format_args!(
            "{} NOT DONE, or IN PART, because planes are missing or corrupt; the run is incomplete",
            output::count(n_left_out, "field")
        ))?;
    }
    if manifest.passed_over > 0 {
        output::line(format_args!(
            "{} of the plate (image files, wells, metadata) COULD NOT BE USED; `polystore check` says which, and the run is incomplete",
            output::count(manifest.passed_over, "part")
        ))?;
    }
    Ok(())
}

/// 0 when everything is done, 1 when parts failed, 5 when something was left out, or failed
/// because planes are damaged.
pub(crate) fn exit_code(report: &RunReport) -> ExitCode {
    match (report.manifest.has_faults(), report.manifest.is_complete()) {
        (true, _) => ExitCode::from(1),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(ErrorKind::MissingPlane.exit_code()),
    }
}
