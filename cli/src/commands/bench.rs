//! `polystore bench`

use std::{
    ops::ControlFlow,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{ErrorKind, PlaneRequest, Plate, VirtualBackendExt, model::PlaneState};
use serde_json::json;

use super::plate::PlateArgs;
use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  polystore bench /data/plate

Opens the plate, reads its planes in batches and some of them one by one, and says how fast
that was. The first round may wait for the disk; later ones read from memory where the
plate fits. Nothing is written.")]
pub(crate) struct Args {
    /// The plate
    location: String,
    /// Rounds of each measurement; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Most planes to read in a round
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    planes: u32,
    #[command(flatten)]
    plate: PlateArgs,
}

/// What one measurement found.
struct Row {
    what: &'static str,
    seconds: f64,
    amount: String,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let cancel = progress::cancel_on_interrupt();
    let plate = args.plate.open(&args.location)?;
    let requests = present_planes(&plate, args.planes as usize)?;
    let mut n_bytes = 0;
    let mut rows = Vec::new();
    let open = || args.plate.open(&args.location)?.inventory().map(|_| ());
    let seconds = median(args.rounds, &cancel, open)?;
    rows.push(Row {
        what: "open",
        seconds,
        amount: output::count(plate.structure().n_images() as u64, "field"),
    });
    let seconds = median(args.rounds, &cancel, || {
        n_bytes = read_batch(&plate, &requests, &cancel)?;
        Ok(())
    })?;
    let rate = |seconds: f64| format!("{:.0} MB/s", n_bytes as f64 / 1e6 / seconds.max(1e-9));
    rows.push(Row { what: "read, in a batch", seconds, amount: rate(seconds) });
    let one_by_one: Vec<_> =
        requests.iter().step_by((requests.len() / 40).max(1)).take(40).collect();
    let seconds = median(args.rounds, &cancel, || {
        one_by_one.iter().try_for_each(|request| {
            check(&cancel)?;
            plate.backend().read_plane(request).map(|_| ())
        })
    })?;
    let each = seconds / one_by_one.len().max(1) as f64 * 1e3;
    rows.push(Row { what: "read, one by one", seconds, amount: format!("{each:.2} ms a plane") });
    print(global, &plate, requests.len(), n_bytes, &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn present_planes(plate: &Plate, limit: usize) -> Result<Vec<PlaneRequest>> {
    let inventory = plate.inventory()?;
    let images = plate.structure().images().zip(&inventory.images);
    let present = images.flat_map(|((_, image), states)| {
        let there = states.iter().filter(|(_, state)| *state == PlaneState::Present);
        there.map(|(index, _)| plate.request(image, index))
    });
    Ok(present.take(limit).collect())
}

/// Ends the measurement when the user wants no more.
fn check(cancel: &AtomicBool) -> polystore::Result<()> {
    match cancel.load(Ordering::Relaxed) {
        true => Err(polystore::Error::new(ErrorKind::Cancelled, "the measurement was stopped")),
        false => Ok(()),
    }
}

fn read_batch(
    plate: &Plate,
    requests: &[PlaneRequest],
    cancel: &AtomicBool,
) -> polystore::Result<u64> {
    let n_bytes = AtomicU64::new(0);
    let failure = std::sync::OnceLock::new();
    plate.backend().read_planes(requests, &|_, answer| match check(cancel).and(answer) {
        Ok(plane) => {
            n_bytes.fetch_add(plane.n_bytes() as u64, Ordering::Relaxed);
            ControlFlow::Continue(())
        }
        Err(error) => {
            let _ = failure.set(error);
            ControlFlow::Break(())
        }
    });
    failure.into_inner().map_or(Ok(n_bytes.into_inner()), Err)
}

/// The median time of `rounds` calls.
fn median(
    rounds: u32,
    cancel: &AtomicBool,
    mut call: impl FnMut() -> polystore::Result<()>,
) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        check(cancel)?;
        let start = Instant::now();
        call()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}

fn print(
    global: &Global,
    plate: &Plate,
    n_planes: usize,
    n_bytes: u64,
    rows: &[Row],
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if global.json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| json!({ "what": row.what, "seconds": row.seconds, "result": row.amount }))
            .collect();
        return output::json(&json!({
            "plate": plate.structure().name,
            "planes": n_planes,
            "bytes": n_bytes,
            "threads": threads,
            "measurements": list,
        }));
    }
    output::line(format_args!(
        "{}: {} ({}), {}",
        plate.structure().name,
        output::count(n_planes as u64, "plane"),
        output::size(n_bytes),
        output::count(threads as u64, "thread")
    ))?;
    let mut table = output::table(&["what", "seconds", "result"]);
    for row in rows {
        table.add_row([row.what.to_owned(), format!("{:.4}", row.seconds), row.amount.clone()]);
    }
    output::block(table)
}
