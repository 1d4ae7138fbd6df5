//! Our side of the benches: one job, a round per line on standard input, a JSON answer per round.
//!
//! `run.py` starts it beside the peers and interleaves the rounds.

mod ceiling;
mod jobs;

use std::{
    io::{BufRead, Write, stdin, stdout},
    path::PathBuf,
    time::Instant,
};

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde_json::json;

#[derive(Debug, Parser)]
#[command(about = "One job of the benches, a round per line on standard input")]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Read planes of a plate and check their watermarks
    Read {
        /// The plate
        plate: PathBuf,
        /// Memory-map uncompressed planes
        #[arg(long)]
        map: bool,
        /// Read this many random planes one by one instead of all
        #[arg(long, default_value_t = 0)]
        random: usize,
    },
    /// Open a plate: structure and inventory
    Open {
        /// The plate
        plate: PathBuf,
        /// Without the structure cache
        #[arg(long)]
        no_cache: bool,
    },
    /// Convert a plate to OME-Zarr 0.5
    Convert {
        /// The plate
        plate: PathBuf,
        /// Where the stores go, one for every round; emptied first
        #[arg(long)]
        out: PathBuf,
        /// none, zstd or blosc
        #[arg(long, default_value = "zstd")]
        codec: String,
        /// Pyramid levels
        #[arg(long, default_value_t = 1)]
        levels: u32,
    },
    /// Run the standard pipeline over a plate
    Pipeline {
        /// The plate
        plate: PathBuf,
        /// Where results go, replaced in every round; they stay in memory when not given
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Read every file of a folder into reused, aligned memory with two threads
    CeilingRead {
        /// The folder
        folder: PathBuf,
    },
    /// Decode the strips of a folder's TIFF files from memory with two threads
    CeilingDecode {
        /// The folder
        folder: PathBuf,
        /// deflate or zstd
        #[arg(long)]
        codec: String,
    },
    /// List the names of a folder
    CeilingList {
        /// The folder
        folder: PathBuf,
    },
}

fn main() -> Result<()> {
    let mut round = prepare(Arguments::parse().job)?;
    answer(&json!({ "ready": "polystore" }))?;
    for line in stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let amount = round()?;
        let seconds = start.elapsed().as_secs_f64();
        answer(&json!({ "seconds": seconds, "amount": amount, "peak_mb": peak_mb() }))?;
    }
    Ok(())
}

/// A job's round: does the work and returns its amount (bytes, files or images).
type Round = Box<dyn FnMut() -> Result<u64>>;

fn prepare(job: Job) -> Result<Round> {
    match job {
        Job::Read { plate, map, random } if random > 0 => jobs::read_random(&plate, map, random),
        Job::Read { plate, map, .. } => jobs::read_all(&plate, map),
        Job::Open { plate, no_cache } => jobs::open(plate, no_cache),
        Job::Convert { plate, out, codec, levels } => jobs::convert(&plate, out, &codec, levels),
        Job::Pipeline { plate, out } => jobs::pipeline(&plate, out),
        Job::CeilingRead { folder } => ceiling::read(&folder),
        Job::CeilingDecode { folder, codec } => ceiling::decode(&folder, &codec),
        Job::CeilingList { folder } => Ok(ceiling::list(folder)),
    }
}

fn answer(value: &serde_json::Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()?;
    Ok(())
}

/// The most resident memory this process has had, in MB; 0 where /proc is not there.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
