//! What can be typed: global options and commands.

use clap::{Args as ClapArgs, Parser};

use crate::commands::Command;

const ABOUT: &str =
    "One filesystem over microscopy plates, and pipelines that run next to the data";

const EXAMPLES: &str = "\
Examples:
  polystore demo                              a real plate through a real pipeline, in a minute
  polystore info /data/2023-02-21/1334        what a plate is
  polystore check plate --depth pixels        which planes are missing or damaged
  polystore show plate --well B03 -o b03.png  look at a well
  polystore convert plate out.zarr            any plate to OME-Zarr
  polystore run nuclei.toml plate -o results  a pipeline over a plate

A location is a path (/data/plate, plate.zarr/A/01/0) or names its backend (zarr:/data/store).

Exit codes: 0 done; 1 done, but parts failed; 2 wrong input; 3 not found; 4 exists already;
5 missing or damaged data; 6 unsupported; 7 not permitted; 8 conflict; 9 a limit was met;
10 a passing failure, try again; 70 a bug; 130 stopped.";

#[derive(Debug, Parser)]
#[command(name = "polystore", version, about = ABOUT, after_help = EXAMPLES)]
#[command(propagate_version = true, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no progress, even on a terminal
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log more: -v what is done, -vv details
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Global {
    /// Refuses `--json` where there is nothing to print as JSON; `why` says what there is.
    pub(crate) fn refuse_json(&self, why: &str) -> polystore::Result<()> {
        if !self.json {
            return Ok(());
        }
        Err(polystore::Error::invalid_input(format!("--json cannot be honoured: {why}"))
            .with_hint("leave out --json"))
    }

    /// Logs go to standard error; `POLYSTORE_LOG` overrides the options.
    pub(crate) fn start_logging(&self) {
        use tracing_subscriber::{EnvFilter, fmt};
        let level = match self.verbose {
            // What fails in a conversion or a run is told by the command itself.
            0 => "warn,polystore::convert=error,polystore_pipeline=error",
            1 => "info",
            _ => "debug",
        };
        let filter = EnvFilter::try_from_env("POLYSTORE_LOG").unwrap_or_else(|_| level.into());
        // A second call, in a test, changes nothing.
        let _ = fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            // Told on standard error too, where a closed one or a full disk would be a panic.
            .log_internal_errors(false)
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .with_target(false)
            .without_time()
            .try_init();
    }
}
