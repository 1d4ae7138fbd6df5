//! `polystore convert`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use indicatif::ProgressBar;
use polystore::{
    BackendSpec, Error, ErrorKind, VirtualPath,
    convert::{ConvertEvent, ConvertOptions, ConvertReport, TargetLayout, convert, create_target},
    manager::Location,
};

use super::plate::PlateArgs;
use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore convert /data/plate plate.zarr
  polystore convert /data/plate plate.zarr --codec blosc:zstd:1 --levels 4 --verify
  polystore convert plate.zarr fields --to ome-tiff
  polystore convert /data/plate plate.zarr --resume      goes on where it was stopped

The exit code is 5 when the source lacks planes or cannot be read in full, or --verify finds
other pixels in the target than in the source.")]
pub(crate) struct Args {
    /// The plate
    plate: String,
    /// The store or folder to write; made when it is not there
    #[arg(value_parser = folder)]
    out: PathBuf,
    /// What to write; OME-Zarr when OUT ends with .zarr and OME-TIFF otherwise when not given
    #[arg(long, value_enum)]
    to: Option<To>,
    /// Version of OME-Zarr; 0.5 when not given
    #[arg(long, value_parser = ["0.4", "0.5"])]
    ngff: Option<String>,
    /// Compression: none, zstd, zstd:LEVEL, gzip, gzip:LEVEL, blosc or blosc:NAME:LEVEL for
    /// OME-Zarr; none, lzw, deflate or zstd for TIFF
    #[arg(long)]
    codec: Option<String>,
    /// Pyramid levels, the full size included; chosen by the size of the images when not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=32))]
    levels: Option<u32>,
    /// Put the chunks of each image into one shard (OME-Zarr 0.5)
    #[arg(long)]
    shard: bool,
    /// Go on with a conversion that was stopped
    #[arg(long)]
    resume: bool,
    /// Read every plane back and compare all pixels
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    open: PlateArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// OME-Zarr
    Zarr,
    /// One OME-TIFF per field
    OmeTiff,
    /// One TIFF per plane
    Tiff,
}

/// A place for a store or files: a path, not a location with a backend.
fn folder(text: &str) -> Result<PathBuf, String> {
    match text.parse::<Location>() {
        Ok(Location { scheme: Some(scheme), rest }) => Err(format!(
            "write the path alone, `{rest}`, and what to write as `--to zarr` or `--to ome-tiff`, not `{scheme}:`"
        )),
        Ok(Location { rest, .. }) => Ok(rest.into()),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let plate = args.open.open(&args.plate)?;
    let is_zarr = args.out.extension().is_some_and(|extension| extension == "zarr");
    let to = args.to.unwrap_or(if is_zarr { To::Zarr } else { To::OmeTiff });
    let spec = target_spec(args, to)?;
    plate.check_target(&spec, &VirtualPath::root())?;
    let target = create_target(&spec)?;
    let layout = match to {
        To::Zarr => TargetLayout::Zarr,
        To::OmeTiff => TargetLayout::OmeTiff,
        To::Tiff => TargetLayout::Planes,
    };
    let options =
        ConvertOptions { verify: args.verify, resume: args.resume, n_levels: args.levels };
    let bar = progress::bar(global, "converting", "planes", 0);
    let cancel = progress::cancel_on_interrupt();
    let events = |event| show(&bar, &event);
    let root = VirtualPath::root();
    let report = convert(&plate, &*target, &root, layout, &options, &cancel, &events)?;
    bar.finish_and_clear();
    if global.json {
        output::json(&report)?;
    } else {
        print(args, &report)?;
    }
    Ok(match (report.failed.is_empty(), report.is_source_whole()) {
        _ if report.is_full => ExitCode::from(ErrorKind::LimitExceeded.exit_code()),
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(ErrorKind::MissingPlane.exit_code()),
        (false, _) if report.failed.iter().all(|failure| failure.in_source || failure.differs) => {
            ExitCode::from(ErrorKind::InvalidData.exit_code())
        }
        (false, _) => ExitCode::from(1),
    })
}

fn target_spec(args: &Args, to: To) -> Result<BackendSpec> {
    let out = args.out.display().to_string();
    if to != To::Zarr && (args.ngff.is_some() || args.shard) {
        return Err(Error::invalid_input("--ngff and --shard are of OME-Zarr, not of TIFF files")
            .with_hint("leave them out, or say --to zarr")
            .into());
    }
    if to == To::Tiff && args.levels.is_some_and(|levels| levels > 1) {
        return Err(Error::invalid_input("a file for each plane has no pyramid for --levels")
            .with_hint("leave --levels out, or say --to ome-tiff or --to zarr")
            .into());
    }
    let mut spec = match to {
        To::Zarr => BackendSpec::new("zarr", out),
        To::OmeTiff | To::Tiff => BackendSpec::new("disk", out),
    };
    if let Some(version) = &args.ngff {
        spec = spec.with_option("ngff", version);
    }
    let codec = if to == To::Zarr { "codec" } else { "compression" };
    if let Some(name) = &args.codec {
        spec = spec.with_option(codec, name);
    }
    if let (Some(levels), To::Zarr) = (args.levels, to) {
        spec = spec.with_option("levels", levels.to_string());
    }
    if args.shard {
        spec = spec.with_option("shard", "image");
    }
    Ok(spec)
}

fn show(bar: &ProgressBar, event: &ConvertEvent) {
    match event {
        ConvertEvent::Started { n_planes, n_kept } => {
            bar.set_length(*n_planes);
            bar.set_position(*n_kept);
        }
        // What failed is told at the end.
        ConvertEvent::Written { .. } | ConvertEvent::Failed { .. } => bar.inc(1),
        _ => {}
    }
}

fn print(args: &Args, report: &ConvertReport) -> Result<()> {
    let written = output::count(report.n_written, "plane");
    output::line(format_args!(
        "{written} of {} ({}) to {}",
        output::count(report.n_images, "image"),
        output::size(report.n_bytes),
        args.out.display()
    ))?;
    if report.n_kept > 0 {
        output::line(format_args!("{} were there already", output::count(report.n_kept, "plane")))?;
    }
    if report.verified && report.is_complete() {
        output::line("every plane was read back and is the same")?;
    }
    if report.n_labels > 0 {
        output::line(format_args!("{} with them", output::count(report.n_labels, "label image")))?;
    }
    if let Some(passed_over) = report.passed_over.summary() {
        output::line(format_args!("{passed_over}; `polystore check` lists them"))?;
    }
    for (planes, what) in [
        (report.missing.len() as u64, "MISSING in the source (--json lists them)"),
        (report.corrupt.len() as u64, "CORRUPT in the source (`polystore check` says why)"),
        (report.n_not_tried, "NOT TRIED, because there is no room left; go on with --resume"),
    ] {
        if planes > 0 {
            output::line(format_args!("{} {what}", output::count(planes, "plane")))?;
        }
    }
    if !report.failed.is_empty() {
        let n_planes = report.failed.iter().filter(|failure| failure.plane.is_some()).count();
        let n_images = report.failed.len() - n_planes;
        let failed: Vec<String> = [(n_planes, "plane"), (n_images, "label image")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| output::count(n, what))
            .collect();
        let n_differ = report.failed.iter().filter(|failure| failure.differs).count();
        let differ = match n_differ {
            0 => String::new(),
            n if n == report.failed.len() => {
                ", in the target with other pixels than in the source".to_owned()
            }
            n => format!(", {n} of them in the target with other pixels than in the source"),
        };
        output::line(format_args!("{} FAILED{differ}:", failed.join(" and ")))?;
        let failures = report.failed.iter().map(|failure| {
            let error = match &failure.plane {
                Some(plane) => format!("{plane} {}", failure.error),
                None => failure.error.clone(),
            };
            (failure.image.clone(), error)
        });
        output::failures(failures, "all in --json")?;
    }
    let n_left_out = report.labels_left_out.len() as u64;
    if n_left_out > 0 {
        let labels = output::count(n_left_out, "label image");
        output::line(format_args!("{labels} LEFT OUT: only OME-Zarr keeps labels (--to zarr)"))?;
    }
    Ok(())
}
