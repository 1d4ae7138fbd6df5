//! Opens any plate and streams its planes to rayon: a dozen lines.
//!
//!     cargo run --release -p polystore-examples --bin open_plate -- [PLATE]
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::mpsc::sync_channel;

use anyhow::Result;
use polystore::{Element, FileManager, dispatch};
use rayon::iter::{ParallelBridge, ParallelIterator};

fn main() -> Result<()> {
    let location = std::env::args().nth(1).unwrap_or("data/imagexpress-mix/plate".to_owned());
    let plate = FileManager::new().open_plate(&location)?;
    // Planes are read ahead of the work, at most eight, whatever the size of the plate.
    let (sender, planes) = sync_channel(8);
    std::thread::scope(|scope| -> Result<()> {
        let plate = &plate;
        let reader = scope.spawn(move || {
            plate.for_each_plane(|well, image, index, plane| {
                let _ = sender.send((well, image.field, index, plane));
                Ok(())
            })
        });
        planes.into_iter().par_bridge().try_for_each(|(well, field, index, plane)| {
            let mean = dispatch!(plane.pixel_type(), T => {
                let pixels = plane.as_slice::<T>()?;
                pixels.iter().map(|&pixel| pixel.to_f64()).sum::<f64>() / pixels.len() as f64
            });
            println!("{well} field {} {index}: mean {mean:.1}", field + 1);
            anyhow::Ok(())
        })?;
        // A plane that could not be read ends the stream, and is an error here.
        Ok(reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??)
    })
}
