//! The commands, one file each.

mod bench;
mod cat;
mod check;
mod completions;
mod convert;
mod cp;
mod demo;
mod functions;
mod info;
mod ls;
mod microscopes;
mod pipeline;
mod plan;
mod plate;
mod run;
mod show;
mod tree;
mod validate;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::args::{Args, Global};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a real pipeline over the real plate of the repository
    Demo(demo::Args),
    /// List what is in a folder, a store or a plate
    Ls(ls::Args),
    /// Print folders, wells and fields as a tree
    Tree(tree::Args),
    /// Say what a plate, an image or a file is
    Info(info::Args),
    /// Look for missing and damaged planes
    Check(check::Args),
    /// Print a file, or a plane in another format
    Cat(cat::Args),
    /// Render a field, a well or a plate as PNG
    Show(show::Args),
    /// Copy files, images and folders between backends
    Cp(cp::Args),
    /// Turn any plate into OME-Zarr, OME-TIFF or one TIFF per plane
    Convert(convert::Args),
    /// Say what a pipeline would do on a plate, without doing it
    Plan(plan::Args),
    /// Run a pipeline over a plate
    Run(run::Args),
    /// List the image functions of pipelines
    Functions(functions::Args),
    /// Check OME-Zarr metadata and stores against the specification
    Validate(validate::Args),
    /// List the plate layouts that are read
    Microscopes(microscopes::Args),
    /// Measure how fast this machine opens and reads a plate
    Bench(bench::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let global: &Global = &args.global;
    match &args.command {
        Command::Demo(args) => demo::run(global, args),
        Command::Plan(args) => plan::run(global, args),
        Command::Run(args) => run::run(global, args),
        Command::Functions(args) => functions::run(global, args),
        Command::Ls(args) => ls::run(global, args),
        Command::Tree(args) => tree::run(global, args),
        Command::Info(args) => info::run(global, args),
        Command::Check(args) => check::run(global, args),
        Command::Cat(args) => cat::run(global, args),
        Command::Show(args) => show::run(global, args),
        Command::Cp(args) => cp::run(global, args),
        Command::Convert(args) => convert::run(global, args),
        Command::Validate(args) => validate::run(global, args),
        Command::Microscopes(args) => microscopes::run(global, args),
        Command::Bench(args) => bench::run(global, args),
        Command::Completions(args) => completions::run(global, args),
    }
}
