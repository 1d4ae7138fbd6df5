//! `polystore validate`

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{
    Error, ErrorKind,
    ngff::{Judge, Options, Report, Version, conformance_answer, validate},
};

use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore validate plate.zarr
  polystore validate plate.zarr --require-chunks      absent chunks are an error
  polystore validate plate.zarr --json | jq .valid
  ome_zarr_conformance.py zarr -- polystore validate --conformance

The exit code is 5 when the store is not valid, and 3 when it is not there; with --conformance it is always 0, and the
answer is JSON, as the official runner of ome/ngff-spec wants it.")]
pub(crate) struct Args {
    /// The store: a folder or a zip file; with --conformance also a file of attributes
    store: PathBuf,
    /// Errors for what the strict schemas ask for
    #[arg(long)]
    strict: bool,
    /// Judge by the official schemas alone
    #[arg(long)]
    schema_only: bool,
    /// Absent chunks are an error; zarr takes them for the fill value
    #[arg(long, conflicts_with = "no_chunks")]
    require_chunks: bool,
    /// Do not look for chunks
    #[arg(long)]
    no_chunks: bool,
    /// Judge by this version of NGFF instead of the one that the store names
    #[arg(long, value_name = "VERSION", value_parser = version)]
    ngff: Option<Version>,
    /// Findings to print of each rule
    #[arg(long, default_value_t = 3)]
    limit: u64,
    /// Answer as the official conformance runner wants it
    #[arg(long, conflicts_with_all = ["schema_only", "require_chunks", "no_chunks", "ngff"])]
    conformance: bool,
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "versions are 0.4, 0.5 and 0.6rc0".to_owned())
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    if args.conformance {
        output::json(&conformance_answer(&args.store, args.strict))?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options {
        judge: if args.schema_only { Judge::Schema } else { Judge::Specification },
        strict: args.strict,
        chunks: !args.no_chunks,
        require_chunks: args.require_chunks,
        version: args.ngff,
        keep_per_rule: args.limit,
        ..Options::default()
    };
    let is_absent =
        std::fs::metadata(&args.store).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let report = validate(&args.store, &options);
    if global.json {
        output::json(&report)?;
        if is_absent {
            return Ok(ExitCode::from(ErrorKind::NotFound.exit_code()));
        }
    } else if is_absent {
        return Err(absent(&args.store).into());
    } else {
        print(&report)?;
    }
    Ok(match report.valid {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(ErrorKind::InvalidData.exit_code()),
    })
}

/// As the other commands tell of a place that is not there.
fn absent(store: &Path) -> Error {
    let here = std::env::current_dir().unwrap_or_default();
    Error::not_found("there is no store")
        .with_path(store.display())
        .with_hint(format!("check the spelling; relative paths start from {}", here.display()))
}

fn print(report: &Report) -> Result<()> {
    for finding in &report.findings {
        output::line(finding)?;
        if !finding.hint.is_empty() {
            output::line(format_args!("    {}", finding.hint))?;
        }
    }
    let shown = report.findings.len() as u64;
    let counts = report.counts;
    let all = counts.errors + counts.warnings + counts.notes;
    if all > shown {
        output::line(format_args!(
            "... and {} (--limit)",
            output::count(all - shown, "more finding")
        ))?;
    }
    if counts.arrays > 0 {
        let by_design = match counts.chunks.absent_by_design {
            0 => String::new(),
            n => format!(", {n} absent by design"),
        };
        output::line(format_args!(
            "looked at {}, {}, {}, {} of {}{by_design}",
            output::count(counts.wells, "well"),
            output::count(counts.images, "image"),
            output::count(counts.arrays, "array"),
            counts.chunks.present,
            output::count(counts.chunks.expected, "chunk")
        ))?;
    }
    output::line(&report.message)
}
