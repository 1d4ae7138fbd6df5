//! `polystore ls`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{EntryKind, FileManager, ListOptions, manager::EntryFilter};
use serde_json::json;

use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore ls plate.zarr/A/01
  polystore ls /data/plate --pattern '*_w1*' --ext tif
  polystore ls /data/plate --planes           the planes by the plate's own names")]
pub(crate) struct Args {
    /// The folder, store or plate
    #[arg(default_value = ".")]
    location: String,
    /// Only names that match this glob
    #[arg(long, short, value_name = "GLOB")]
    pattern: Option<String>,
    /// Only names with this ending, such as tif or roi.zip; may be given several times
    #[arg(long, value_name = "ENDING")]
    ext: Vec<String>,
    /// Everything below as well
    #[arg(long, short)]
    recursive: bool,
    /// With kinds and sizes
    #[arg(long, short)]
    long: bool,
    /// The present planes of a plate, named by its own scheme
    #[arg(long)]
    planes: bool,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let options = ListOptions {
        pattern: args.pattern.clone(),
        extensions: args.ext.clone(),
        recursive: args.recursive,
        kinds: if args.pattern.is_some() || !args.ext.is_empty() {
            EntryFilter::Files
        } else {
            EntryFilter::All
        },
    };
    let files = FileManager::new();
    if args.planes {
        // As `cat` and `cp` take them.
        let base = files.resolve(&args.location)?.path;
        let location = args.location.trim_end_matches('/');
        let planes: Vec<_> = files
            .list_planes(&args.location, "tif", &options)?
            .into_iter()
            .map(|name| match name.strip_prefix(&base) {
                Some(below) => format!("{location}{below}"),
                None => name.to_string(),
            })
            .collect();
        if global.json {
            output::json(&planes)?;
        } else {
            planes.iter().try_for_each(output::line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let entries = files.list(&args.location, &options)?;
    if global.json {
        let list: Vec<_> = entries
            .iter()
            .map(|entry| json!({ "path": entry.path, "kind": kind(entry.kind), "size_bytes": entry.size_bytes }))
            .collect();
        output::json(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    let base = files.resolve(&args.location)?.path;
    for entry in &entries {
        let below = entry.path.strip_prefix(&base).unwrap_or_else(|| entry.path.clone());
        let slash = if entry.kind == EntryKind::Directory { "/" } else { "" };
        let name = format!("{}{slash}", below.relative());
        if args.long {
            let size = entry.size_bytes.map(output::size).unwrap_or_default();
            output::line(format_args!("{:9} {size:>8}  {name}", kind(entry.kind)))?;
        } else {
            output::line(name)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Directory => "directory",
        EntryKind::Image => "image",
        _ => "file",
    }
}
