//! Writes an OME-Zarr plate well by well, as an acquisition or a simulation would.
//!
//!     cargo run --release -p polystore-examples --bin write_zarr -- OUT.zarr
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use polystore::{
    PixelType, Plane, PlaneRequest, Plate, VirtualBackend, VirtualPath, WellPosition,
    model::{Channel, Color, ImageStructure, PhysicalSize, PlateStructure, Sizes},
    ndarray::Array2,
    zarr::{ZarrBackend, ZarrOptions},
};

/// Two channels of 256 x 256 pixels.
const SIZES: Sizes = Sizes::new(1, 2, 1, 256, 256);

fn main() -> Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).context("name the store to write: OUT.zarr")?);

    // The whole plate is declared first: grid, wells, fields. From then on a plane is either
    // written or missing, and every reader knows which.
    let mut plate = PlateStructure::new("dose response", 8, 12);
    let wells: Vec<_> = (0..3).map(|column| WellPosition::new(1, column)).collect();
    for &well in &wells {
        plate.add_image(well, field(well)?)?;
    }
    let options = ZarrOptions { codec: "blosc:zstd:1".parse()?, ..ZarrOptions::default() };
    let store = Arc::new(ZarrBackend::create(&out, options)?);
    store.create_plate(&VirtualPath::root(), &plate)?;

    // Wells arrive in any order, from any number of threads or processes.
    for (dose, (well, image)) in (1u16..).zip(plate.images()) {
        let planes: Vec<_> = SIZES
            .indices()
            .map(|index| (PlaneRequest::new(image.path.clone(), index), simulate(dose, index.c)))
            .collect();
        store.write_planes(&planes)?;
        let written = Plate::open(store.clone(), VirtualPath::root())?;
        let counts = written.inventory()?.counts();
        println!("{well} written: {} planes present, {} missing", counts.present, counts.missing);
    }
    println!("{} is complete", out.display());
    Ok(())
}

/// What is known of a field before it is acquired. NGFF has a field at `row/column/number`.
fn field(well: WellPosition) -> Result<ImageStructure> {
    let path = VirtualPath::parse(&format!("/{}/{:02}/0", well.row_name(), well.column + 1))?;
    let mut image = ImageStructure::new(path, PixelType::U16, SIZES);
    image.physical_size = PhysicalSize::square(0.65);
    let channel = |name: &str, color| Channel { color: Some(color), ..Channel::named(name) };
    image.channels =
        [channel("DNA", Color::new(0, 0, 255)), channel("drug", Color::new(0, 255, 0))].into();
    Ok(image)
}

/// A blob whose brightness in the second channel grows with the dose.
fn simulate(dose: u16, channel: u32) -> Plane {
    let peak = if channel == 0 { 3000.0 } else { 500.0 * f64::from(dose) };
    let pixels = Array2::from_shape_fn((256, 256), |(y, x)| {
        let (dy, dx) = (y as f64 - 128.0, x as f64 - 128.0);
        (100.0 + peak * (-(dy * dy + dx * dx) / 2000.0).exp()) as u16
    });
    Plane::from_array(pixels)
}
