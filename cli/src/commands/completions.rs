//! `polystore completions`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  polystore completions bash > ~/.local/share/bash-completion/completions/polystore")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    global.refuse_json("completions are a script for the shell")?;
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::args::Args::command(),
        "polystore",
        &mut script,
    );
    output::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
