//! `polystore plan`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{Error, ErrorKind, WriteMode, atomic};
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
        check_place(file)?;
        check_is_plan(file)?;
        atomic::write_bytes(file, plan.to_json()?.as_bytes(), WriteMode::Overwrite)?;
    }
    let summary = plan.summary();
    if global.json {
        output::json(&summary)?;
    } else {
        output::block(&summary)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks that a plan can be saved in `file`: in a folder that is there, and not as a folder.
fn check_place(file: &Path) -> Result<()> {
    if file.is_dir() {
        return Err(Error::invalid_input("is a folder; a plan is a file")
            .with_path(file.display())
            .with_hint(format!("name the file in it: {}", file.join("plan.json").display()))
            .into());
    }
    match file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => Err(Error::not_found("there is no such folder for the plan")
            .with_path(folder.display())
            .with_hint("make it first, or choose another place")
            .into()),
    }
}

/// Checks that what a plan is to be saved over is an earlier plan, or not there.
fn check_is_plan(file: &Path) -> Result<()> {
    let is_plan = match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str::<serde_json::Value>(&text)
            .is_ok_and(|plan| plan.get("format").is_some() && plan.get("programs").is_some()),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_plan {
        return Ok(());
    }
    Err(Error::new(ErrorKind::AlreadyExists, "a file that is no plan is there")
        .with_path(file.display())
        .with_hint("choose another name for the plan")
        .into())
}
