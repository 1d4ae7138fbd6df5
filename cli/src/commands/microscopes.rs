//! `polystore microscopes`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::microscope::microscopes;
use serde_json::json;

use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore microscopes
  polystore info /data/plate --microscope harmony    name one instead of recognising it
  polystore info folder --pattern '(?<well>[A-P]\\d\\d)_f(?<field>\\d+)_(?<channel>\\w+)\\.tif'
  polystore info folder --csv files.csv

A plate's layout is recognised by the vendor's metadata, else by its file names.")]
pub(crate) struct Args {}

pub(crate) fn run(global: &Global, _args: &Args) -> Result<ExitCode> {
    let known = microscopes();
    if global.json {
        let list: Vec<_> = known
            .iter()
            .map(|reader| json!({ "name": reader.name(), "title": reader.title() }))
            .collect();
        output::json(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["--microscope", "what is read"]);
    for reader in known {
        table.add_row([reader.name(), reader.title()]);
    }
    output::block(table)?;
    output::heading(
        "Other layouts: describe the file names with --pattern, or list the files in a --csv.",
    )?;
    Ok(ExitCode::SUCCESS)
}
