//! `polystore tree`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{
    Plate,
    model::{InventoryCounts, WellStructure},
};
use serde_json::{Value, json};

use super::plate::PlateArgs;
use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore tree /data/plate
  polystore tree plate.zarr --depth 1         wells only")]
pub(crate) struct Args {
    /// The plate
    location: String,
    /// 1 for wells, 2 for fields, 3 for channels
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    depth: u8,
    #[command(flatten)]
    plate: PlateArgs,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    let plate = args.plate.open(&args.location)?;
    let mut ordinal = 0;
    let mut wells = Vec::new();
    if !global.json {
        output::line(format_args!(
            "{}  ({})",
            plate.structure().name,
            plate.structure().microscope
        ))?;
    }
    for (number, well) in plate.structure().wells.iter().enumerate() {
        let is_last = number + 1 == plate.structure().wells.len();
        if global.json {
            wells.push(well_json(&plate, well, &mut ordinal, args.depth)?);
        } else {
            print_well(&plate, well, &mut ordinal, args.depth, is_last)?;
        }
    }
    if global.json {
        output::json(&json!({ "plate": plate.structure().name, "wells": wells }))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_well(
    plate: &Plate,
    well: &WellStructure,
    ordinal: &mut usize,
    depth: u8,
    is_last: bool,
) -> Result<()> {
    let inventory = plate.inventory()?;
    let mut total = InventoryCounts::default();
    let counts: Vec<_> = (0..well.fields.len())
        .map(|field| {
            let counts = inventory.images[*ordinal + field].counts();
            total += counts;
            counts
        })
        .collect();
    *ordinal += well.fields.len();
    let (branch, stem) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    let fields = output::count(well.fields.len() as u64, "field");
    output::line(format_args!("{branch}{}  {fields}{}", well.position, remark(total)))?;
    if depth < 2 {
        return Ok(());
    }
    for (number, (image, counts)) in well.fields.iter().zip(counts).enumerate() {
        let last = number + 1 == well.fields.len();
        let (twig, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let name = image.path.name().unwrap_or("");
        output::line(format_args!(
            "{stem}{twig}{name}  {} {}{}",
            image.sizes,
            image.pixel_type,
            remark(counts)
        ))?;
        if depth >= 3 {
            for c in 0..image.sizes.c {
                let end = if c + 1 == image.sizes.c { "└─ " } else { "├─ " };
                output::line(format_args!("{stem}{below}{end}{}", image.channel_name(c)))?;
            }
        }
    }
    Ok(())
}

/// What is wrong, loudly; nothing when nothing is.
fn remark(counts: InventoryCounts) -> String {
    let mut text = String::new();
    for (n, state) in [(counts.missing, "MISSING"), (counts.corrupt, "CORRUPT")] {
        if n > 0 {
            text.push_str(&format!("  {n} {state}"));
        }
    }
    text
}

fn well_json(plate: &Plate, well: &WellStructure, ordinal: &mut usize, depth: u8) -> Result<Value> {
    let inventory = plate.inventory()?;
    let mut fields = Vec::new();
    for image in &well.fields {
        let counts = inventory.images[*ordinal].counts();
        *ordinal += 1;
        fields.push(json!({
            "path": image.path,
            "field": image.field + 1,
            "acquisition": image.acquisition,
            "sizes": image.sizes,
            "pixel_type": image.pixel_type,
            "channels": (0..image.sizes.c).map(|c| image.channel_name(c)).collect::<Vec<_>>(),
            "planes": counts,
        }));
    }
    let shown = if depth >= 2 { json!(fields) } else { Value::Null };
    Ok(json!({ "well": well.position, "n_fields": well.fields.len(), "fields": shown }))
}
