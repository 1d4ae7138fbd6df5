//! `polystore demo`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use polystore::{FileManager, Plate};
use polystore_pipeline::Pipeline;

use super::{
    info,
    pipeline::{Missing, RunArgs, SelectionArgs},
    run::{exit_code, print, print_places},
};
use crate::{args::Global, output};

/// The pipeline that is run, as it stands in the repository.
const PIPELINE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines/nuclei.toml"));
/// The plate that is in the repository.
const PLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/imagexpress-mix/plate");

/// What is in the folder of results, and what each is for.
const PLACES: [(&str, &str); 6] = [
    ("report.html", "everything on one page: open it in a browser"),
    ("results/plate.csv", "a row per well and acquisition"),
    ("results/nuclei", "a row per nucleus: a CSV and a JSON file per well"),
    ("images/project.zarr", "projections and label images, OME-Zarr"),
    ("plots", "heatmaps of the plate, SVG and PNG"),
    ("run.json", "what was done, from what, by what"),
];

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  polystore demo
  polystore demo --plate /data/plate -o out   the same on a plate of your own")]
pub(crate) struct Args {
    /// The folder for results
    #[arg(long, short, value_name = "FOLDER", default_value = "polystore-demo")]
    output: PathBuf,
    /// A plate of your own instead of the one in the repository
    #[arg(long)]
    plate: Option<String>,
    /// What to do about planes that are missing
    #[arg(long, value_enum)]
    missing: Option<Missing>,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let location = match &args.plate {
        Some(location) => location.clone(),
        None => bundled_plate()?,
    };
    let plate = FileManager::new().open_plate(&location)?;
    heading(global, "The plate, as the microscope wrote it")?;
    if !global.json {
        info::plate_info(global, &plate)?;
    }
    let (acquisition, missing) = (stacks(&plate), args.missing);
    let selection = SelectionArgs { acquisition, missing, ..SelectionArgs::default() };
    let plan =
        selection.compile(Pipeline::from_toml(PIPELINE, "pipelines/nuclei.toml")?, &plate)?;
    heading(global, "The pipeline, planned over it")?;
    if !global.json {
        output::block(plan.summary())?;
    }
    heading(global, "The results")?;
    let report = args.run.execute(global, &plan, &plate, &args.output)?;
    if global.json {
        output::json(&report.manifest)?;
        return Ok(exit_code(&report));
    }
    print(&report)?;
    output::heading("Left behind:")?;
    print_places(&args.output, &PLACES)?;
    if let Some(row) = report.table.rows.first() {
        output::heading(format_args!(
            "To look at the images: polystore show {} --well {} -o well.png",
            args.output.join("images/project.zarr").display(),
            row.well
        ))?;
    }
    Ok(exit_code(&report))
}

/// The plate of the repository that this program was built in.
fn bundled_plate() -> Result<String> {
    let known = [PLATE, "data/imagexpress-mix/plate"];
    let found = known.iter().find(|path| Path::new(path).is_dir());
    let found = found.context(
        "the plate of the demo is not here: run it in the repository, or name a plate with --plate",
    )?;
    let plain =
        Path::new(found).canonicalize().context("the plate of the demo cannot be opened")?;
    plain.to_str().map(str::to_owned).context("the path of the repository is not UTF-8")
}

/// The acquisition of z-stacks where there is one beside others; all otherwise.
fn stacks(plate: &Plate) -> Vec<String> {
    let acquisitions = &plate.structure().acquisitions;
    let stack = acquisitions.iter().find(|acquisition| acquisition.name == "stack");
    stack.map(|acquisition| acquisition.name.clone()).into_iter().collect()
}

fn heading(global: &Global, text: &str) -> Result<()> {
    if global.json {
        return Ok(());
    }
    output::block(format_args!("\n== {text}\n"))
}
