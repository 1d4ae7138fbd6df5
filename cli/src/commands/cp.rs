//! `polystore cp`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{FileManager, manager::MirrorMode};
use serde_json::json;

use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore cp results backup/results
  polystore cp plate.zarr/A/01/0 field.ome.tif
  polystore cp --mirror /data/plate /scratch/plate     only what differs
  polystore cp plane.tif plane.png                     the same pixels in another kind of file
  polystore cp stack.ome.tif stacks.zarr/0             an image in a store
  polystore cp plate.zarr.zip/ plate.zarr              unpacked; without the slash it is a file
  polystore cp --mirror --link /data/plate links       links instead of copies

An image needs a target whose ending says what to write (.tif, .ome.tif, .png, .npy), or a name
in a store. Links made with --link lead out of their folder: open them as a plate with
--links-to /data/plate.

When it is stopped (Ctrl-C), a copy leaves nothing behind; a mirror leaves whole files, and goes
on from them.

A mirror does not overwrite another plate: where TO is a plate, up to 32 of the images that both
have are compared, and when more of them differ than are the same nothing is copied (exit 7). A
copy that is out of date or was interrupted is brought up to date.")]
pub(crate) struct Args {
    /// What to copy: a file, an image or a folder
    from: String,
    /// Where to; must not exist unless mirroring
    to: String,
    /// Copy only what is not there or differs
    #[arg(long)]
    mirror: bool,
    /// Make symbolic links instead of copies
    #[arg(long, requires = "mirror")]
    link: bool,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let files = FileManager::new();
    let mode = if args.link { MirrorMode::Link } else { MirrorMode::Copy };
    let cancel = progress::cancel_on_interrupt();
    let report = match args.mirror {
        true => files.mirror_until(&args.from, &args.to, mode, &cancel)?,
        false => files.copy_until(&args.from, &args.to, &cancel)?,
    };
    if global.json {
        output::json(&json!({
            "transferred": report.n_transferred,
            "kept": report.n_kept,
            "bytes": report.n_bytes,
        }))?;
    } else {
        let done = output::count(report.n_transferred, "file");
        let kept = match report.n_kept {
            0 => String::new(),
            n => format!(", {n} were there already"),
        };
        output::line(format_args!(
            "{done} ({}) to {}{kept}",
            output::size(report.n_bytes),
            args.to
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
