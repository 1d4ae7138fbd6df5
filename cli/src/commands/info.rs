//! `polystore info`

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::Args as ClapArgs;
use polystore::{
    EntryKind, ErrorKind, FileManager, Plate, WellPosition,
    model::{ImageStructure, InventoryCounts, PlateStructure},
    workspace,
};
use serde_json::json;

use super::plate::PlateArgs;
use crate::{args::Global, output};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore info /data/2023-02-21/1334
  polystore info plate.zarr/A/01/0            one image
  polystore info stack.ome.tif --json")]
pub(crate) struct Args {
    /// A plate, an image or a file
    location: String,
    #[command(flatten)]
    plate: PlateArgs,
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    match args.plate.open(&args.location) {
        Ok(plate) => plate_info(global, &plate)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(error.into()),
        // Why a workspace does not open says more than that JSON is no image.
        Err(error) if workspace::is_file(Path::new(&args.location)) => return Err(error.into()),
        Err(error) => {
            let files = FileManager::new();
            let target = files.resolve(&args.location)?;
            if target.backend.stat(&target.path)?.kind == EntryKind::Directory {
                return Err(error.into());
            }
            image_info(global, &target.backend.describe(&target.path)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a plate is.
pub(crate) fn plate_info(global: &Global, plate: &Plate) -> Result<()> {
    let structure = plate.structure();
    let counts = plate.inventory()?.counts();
    if global.json {
        return output::json(&json!({
            "name": structure.name,
            "id": structure.id,
            "microscope": structure.microscope,
            "backend": plate.backend().to_string(),
            "rows": structure.n_rows,
            "columns": structure.n_columns,
            "wells": structure.wells.len(),
            "fields": structure.n_images(),
            "acquisitions": structure.acquisitions,
            "planes": counts,
            "passed_over": plate.inventory()?.passed_over,
            "first_image": structure.images().next().map(|(_, image)| image),
        }));
    }
    let mut rows = vec![
        ("plate", structure.name.clone()),
        ("layout", structure.microscope.clone()),
        ("where", plate.backend().to_string()),
        (
            "grid",
            format!(
                "{} x {}",
                output::count(structure.n_rows, "row"),
                output::count(structure.n_columns, "column")
            ),
        ),
        ("wells", structure.wells.len().to_string()),
        ("fields", fields(structure)),
    ];
    rows.extend(structure.id.clone().map(|id| ("id", id)));
    if structure.acquisitions.len() > 1 {
        let names =
            structure.acquisitions.iter().enumerate().map(
                |(number, acquisition)| match acquisition.name.is_empty() {
                    true => format!("{}", number + 1),
                    false => format!("{} {}", number + 1, acquisition.name),
                },
            );
        rows.push(("acquisitions", names.collect::<Vec<_>>().join(", ")));
    }
    if let Some((_, image)) = structure.images().next() {
        rows.extend(image_rows(image));
    }
    rows.push(("planes", planes(counts)));
    rows.extend(plate.inventory()?.passed_over.summary().map(|text| ("PASSED OVER", text)));
    print_rows(&rows)?;
    output::block(format_args!("\n{}", grid(plate)?))?;
    for note in &plate.inventory()?.notes {
        output::line(format_args!("note: {note}"))?;
    }
    Ok(())
}

fn image_info(global: &Global, image: &ImageStructure) -> Result<()> {
    if global.json {
        return output::json(image);
    }
    let mut rows = vec![("image", image.name.clone())];
    rows.extend(image_rows(image));
    if image.n_levels > 1 {
        let shapes = (0..image.n_levels).map(|level| image.sizes.level_shape(level).to_string());
        rows.push(("levels", shapes.collect::<Vec<_>>().join(", ")));
    }
    print_rows(&rows)
}

fn image_rows(image: &ImageStructure) -> Vec<(&'static str, String)> {
    let channels = (0..image.sizes.c).map(|c| image.channel_name(c)).collect::<Vec<_>>();
    let size = image.physical_size;
    let um = |um: Option<f64>| um.map_or("unknown".to_owned(), |um| format!("{um:.4} µm"));
    let mut pixel_size = format!("y {}, x {}", um(size.y_um), um(size.x_um));
    if image.sizes.z > 1 {
        pixel_size.push_str(&format!(", z {}", um(size.z_um)));
    }
    vec![
        ("pixels", format!("{} {}", image.sizes, image.pixel_type)),
        ("channels", channels.join(", ")),
        ("pixel size", pixel_size),
    ]
}

fn print_rows(rows: &[(&str, String)]) -> Result<()> {
    rows.iter().try_for_each(|(name, value)| output::line(format_args!("{name:<13}{value}")))
}

fn fields(structure: &PlateStructure) -> String {
    let counts = structure.wells.iter().map(|well| well.fields.len());
    let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
    let each = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    format!("{} ({each} a well)", structure.n_images())
}

fn planes(counts: InventoryCounts) -> String {
    let mut text = format!("{} present", counts.present);
    for (n, what) in [
        (counts.missing, "MISSING"),
        (counts.corrupt, "CORRUPT"),
        (counts.absent_by_design, "absent by design"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {n} {what}"));
        }
    }
    text
}

/// Rows and columns of the largest map: those of a plate of 1536 wells.
const LARGEST_MAP: (u32, u32) = (32, 48);

/// The plate as text: a sign per well that says how much of it is there.
fn grid(plate: &Plate) -> Result<String> {
    let structure = plate.structure();
    let (most_rows, most_columns) = LARGEST_MAP;
    if structure.n_rows > most_rows || structure.n_columns > most_columns {
        return Ok(format!(
            "the map of {} x {} wells is left out: more than {most_rows} x {most_columns}; \
             `polystore tree` lists the wells",
            structure.n_rows, structure.n_columns
        ));
    }
    let mut counts = vec![InventoryCounts::default(); structure.wells.len()];
    let inventory = plate.inventory()?;
    let mut ordinal = 0;
    for (total, well) in counts.iter_mut().zip(&structure.wells) {
        for states in &inventory.images[ordinal..ordinal + well.fields.len()] {
            *total += states.counts();
        }
        ordinal += well.fields.len();
    }
    let mut text = String::from("   ");
    for column in 0..structure.n_columns {
        text.push_str(&format!("{:>3}", column + 1));
    }
    for row in 0..structure.n_rows {
        text.push_str(&format!("\n{:>3}", polystore::row_name(row)));
        for column in 0..structure.n_columns {
            let well = WellPosition::new(row, column);
            let found = structure.wells.binary_search_by_key(&well, |well| well.position);
            text.push_str(&format!("{:>3}", found.map_or("·", |at| sign(counts[at]))));
        }
    }
    text.push_str("\n    ● complete  ◐ planes missing  ○ nothing there  · not declared");
    Ok(text)
}

fn sign(counts: InventoryCounts) -> &'static str {
    match (counts.present, counts.is_complete()) {
        (0, _) => "○",
        (_, true) => "●",
        (_, false) => "◐",
    }
}
