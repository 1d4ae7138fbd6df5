//! Our side of the benches of `ice`: a server that gives what it has ready, and jobs that call
//! it, a round per line on standard input and a JSON answer per round.
//!
//! `run.py` starts it beside the official runtime and interleaves the rounds.

mod jobs;
mod serve;

use std::{
    io::{BufRead, Write, stdin, stdout},
    time::Instant,
};

use anyhow::Result;
use clap::{Parser, Subcommand};
use ice::connection::Address;
use serde_json::json;
use tokio::runtime;

#[derive(Debug, Parser)]
#[command(about = "A server and jobs for the benches of ice")]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Serve on free ports, which are printed: Ice, and planes as they are
    Serve,
    /// Ask for a projection of 13 824 rows and 16 columns
    Projection {
        /// Where the server is
        server: Address,
    },
    /// Decode that projection from memory
    Decode {
        /// Where the server is
        server: Address,
    },
    /// Ask for planes of 2 MB, and make numbers of them
    Planes {
        /// Where the server is
        server: Address,
        /// How many in a round
        #[arg(long, default_value_t = 50)]
        count: u64,
        /// How many at a time
        #[arg(long, default_value_t = 1)]
        in_flight: usize,
    },
    /// Read the same bytes from a socket without a protocol, and make numbers of them
    CeilingSocket {
        /// Where the server of planes is
        server: String,
        /// How many in a round
        #[arg(long, default_value_t = 50)]
        count: u64,
    },
    /// Copy the same bytes in memory
    CeilingCopy {
        /// How many in a round
        #[arg(long, default_value_t = 50)]
        count: u64,
        /// How many different ones: of a few the processor's caches have all
        #[arg(long, default_value_t = 1)]
        distinct: u64,
    },
    /// Make small calls, several at a time
    Calls {
        /// Where the server is
        server: Address,
        /// How many in a round
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        /// How many at a time
        #[arg(long, default_value_t = 256)]
        in_flight: usize,
    },
}

fn main() -> Result<()> {
    let job = Arguments::parse().job;
    // One thread for a connection's work: more only wake one another for calls this small.
    let n_workers = if matches!(job, Job::Serve) { 2 } else { 1 };
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(n_workers).enable_all().build()?;
    let mut round: jobs::Round = match job {
        Job::Serve => return runtime.block_on(serve::run()),
        Job::Projection { server } => jobs::projection(&runtime, &server)?,
        Job::Decode { server } => jobs::decode(&runtime, &server)?,
        Job::Planes { server, count, in_flight } => {
            jobs::planes(&runtime, &server, count, in_flight)?
        }
        Job::CeilingSocket { server, count } => jobs::ceiling_socket(&server, count)?,
        Job::CeilingCopy { count, distinct } => jobs::ceiling_copy(count, distinct),
        Job::Calls { server, count, in_flight } => {
            jobs::calls(&runtime, &server, count, in_flight)?
        }
    };
    answer(&json!({ "ready": "ice" }))?;
    for line in stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let amount = round()?;
        let seconds = start.elapsed().as_secs_f64();
        answer(&json!({ "seconds": seconds, "amount": amount }))?;
    }
    Ok(())
}

fn answer(value: &serde_json::Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()?;
    Ok(())
}
