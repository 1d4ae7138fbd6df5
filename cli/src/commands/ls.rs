//! `polystore ls`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{
    EntryKind, FileManager, ListOptions, VirtualPath,
    manager::{EntryFilter, Listing, Unlisted},
};
use serde_json::json;

use crate::{args::Global, failure, output};

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
        // Planes of an image are named beside it.
        let root = location.strip_suffix(base.relative()).filter(|root| !root.is_empty());
        let planes: Vec<_> = files
            .list_planes(&args.location, "tif", &options)?
            .into_iter()
            .map(|name| match name.strip_prefix(&base) {
                Some(below) => format!("{location}{below}"),
                None => format!("{}{name}", root.unwrap_or("").trim_end_matches('/')),
            })
            .collect();
        if global.json {
            output::json(&planes)?;
        } else {
            planes.iter().try_for_each(output::line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let listing = files.survey(&args.location, &options)?;
    if global.json {
        let entries = listing.entries.iter().map(|entry| {
            json!({ "path": entry.path, "kind": kind(entry.kind), "size_bytes": entry.size_bytes })
        });
        let unlisted = listing.unlisted.iter().map(|found| {
            let path = format!("{}/{}", found.folder.as_str().trim_end_matches('/'), found.name);
            let problem = found.reason.as_str();
            json!({ "path": path, "kind": unlisted_kind(found), "size_bytes": null, "problem": problem })
        });
        output::json(&entries.chain(unlisted).collect::<Vec<_>>())?;
    } else {
        let base = files.resolve(&args.location)?.path;
        print(&listing, &base, args.long)?;
    }
    for failure in &listing.failures {
        failure::tell(failure);
    }
    let is_whole = listing.failures.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print(listing: &Listing, base: &VirtualPath, long: bool) -> Result<()> {
    let line = |kind: &str, size: String, name: String| match long {
        true => output::line(format_args!("{kind:9} {size:>8}  {name}")),
        false => output::line(name),
    };
    let below = |path: &VirtualPath| path.strip_prefix(base).unwrap_or_else(|| path.clone());
    for entry in &listing.entries {
        let slash = if entry.kind == EntryKind::Directory { "/" } else { "" };
        let size = entry.size_bytes.map(output::size).unwrap_or_default();
        line(kind(entry.kind), size, format!("{}{slash}", below(&entry.path).relative()))?;
    }
    for found in &listing.unlisted {
        let folder = below(&found.folder);
        let slash = if folder.is_root() { "" } else { "/" };
        let (name, reason) = (&found.name, found.reason.as_str());
        let shown = format!("{}{slash}{name}  ({reason})", folder.relative());
        line(unlisted_kind(found), String::new(), shown)?;
    }
    Ok(())
}

fn unlisted_kind(found: &Unlisted) -> &'static str {
    match (found.is_link, found.is_folder) {
        (true, _) => "link",
        (false, true) => "directory",
        (false, false) => "file",
    }
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Directory => "directory",
        EntryKind::Image => "image",
        _ => "file",
    }
}
