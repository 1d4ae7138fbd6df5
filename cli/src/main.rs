//! The `polystore` command: arguments to settings to library calls, no logic of its own.

mod args;
mod commands;
mod failure;
mod output;
mod progress;

use std::{io::ErrorKind, process::ExitCode};

use clap::Parser;

fn main() -> ExitCode {
    failure::survive_file_limit();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        // Help, the version, or what is wrong with the arguments.
        Err(told) => {
            return match told.print() {
                // Wrong arguments stay wrong when nobody reads what is wrong with them.
                Err(error) if !told.use_stderr() && error.kind() != ErrorKind::BrokenPipe => {
                    failure::report(&anyhow::Error::new(error).context("cannot print"))
                }
                _ => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2)),
            };
        }
    };
    args.global.start_logging();
    match commands::run(args) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
