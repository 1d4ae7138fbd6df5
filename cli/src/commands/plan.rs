//! `polystore plan`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{WriteMode, atomic};
use polystore_pipeline::Pipeline;

use super::{
    pipeline::SelectionArgs,
    plate::{PlateArgs, check_outside},
};
use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore plan pipelines/nuclei.toml /data/plate
  polystore plan nuclei.toml plate.zarr --save plan.json   every read, call and write

Nothing is run, and no pixel is read.")]
pub(crate) struct Args {
    /// The pipeline
    pipeline: PathBuf,
    /// The plate
    plate: String,
    /// Write the whole plan as JSON
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    open: PlateArgs,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let pipeline = Pipeline::open(&args.pipeline)?;
    let plate = args.open.open(&args.plate)?;
    let plan = args.selection.compile(pipeline, &plate)?;
    if let Some(file) = &args.save {
        check_outside(&plate, file)?;
        atomic::write_bytes(file, plan.to_json()?.as_bytes(), WriteMode::Overwrite)?;
    }
    let summary = plan.summary();
    if global.json {
        output::json(&summary)?;
    } else {
        output::line(&summary)?;
    }
    Ok(ExitCode::SUCCESS)
}
