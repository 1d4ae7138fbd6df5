//! A z-stack as one three-dimensional array, without a copy of the pixels.
//!
//!     cargo run --release -p polystore-examples --bin stack_view -- [PLATE] [WELL]
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use anyhow::{Context, Result};
use polystore::{FileManager, ndarray::Axis};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let location = arguments.next().unwrap_or("data/imagexpress-mix/plate".to_owned());
    let plate = FileManager::new().open_plate(&location)?;
    let well = match arguments.next() {
        Some(name) => name.parse()?,
        None => plate.structure().wells.first().context("the plate has no wells")?.position,
    };
    let image = plate.image(well, 0)?;

    // One allocation that the planes are read into, in parallel; `stack` owns it.
    let stack = plate.read_z_stack(image, 0, 0)?;
    // `[z, y, x]`, borrowed from the stack: everything that ndarray can do, on the pixels
    // themselves.
    let array = stack.as_array::<u16>()?;
    println!("{well} field 1, channel {}: {:?} pixels", image.channel_name(0), array.dim());

    let brightest = array.fold_axis(Axis(0), 0u16, |&best, &pixel| best.max(pixel));
    println!("brightest pixel of the projection: {}", brightest.iter().max().unwrap_or(&0));
    for (z, section) in array.outer_iter().enumerate() {
        let mean =
            section.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / section.len() as f64;
        println!("section {z}: mean {mean:.1}");
    }
    Ok(())
}
