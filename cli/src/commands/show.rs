//! `polystore show`

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use polystore::{
    ErrorKind, PlaneIndex, Plate, WellPosition, WriteMode,
    atomic::{self, check_place},
    model::ImageStructure,
    render::{self, Gap, View, ViewOptions, ZView},
};
use serde_json::json;

use super::plate::{PlateArgs, check_outside};
use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore show plate -o plate.png                     every well, one field each
  polystore show plate --acquisition 2 -o second.png    of the second run over the plate
  polystore show plate --well B03 -o b03.png            the fields of a well
  polystore show plate --well B03 --field 2 --channels DAPI,2 --z middle -o field.png

The exit code is 5 when planes that belong into the picture are missing or damaged.")]
pub(crate) struct Args {
    /// The plate
    location: String,
    /// The PNG file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// A well, such as B03, instead of the whole plate
    #[arg(long)]
    well: Option<WellPosition>,
    /// A field by its number from 1: of the well, or the one shown of each well
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    field: Option<u32>,
    /// An acquisition by name or number from 1; the first of each well when not given
    #[arg(long)]
    acquisition: Option<String>,
    /// Show the plate's whole grid, not only the rows and columns that wells are in
    #[arg(long, conflicts_with = "well")]
    all_wells: bool,
    /// Channels by name or number from 1, joined by commas; all when not given
    #[arg(long, value_delimiter = ',')]
    channels: Vec<String>,
    /// Which z-sections: max, middle, or an index from 0
    #[arg(long, default_value = "max", value_parser = z_view)]
    z: ZView,
    /// Timepoint, from 0
    #[arg(long, default_value_t = 0)]
    t: u32,
    /// Longest side of a field in pixels, about
    #[arg(long, value_parser = clap::value_parser!(u32).range(8..))]
    size: Option<u32>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    plate: PlateArgs,
}

fn z_view(text: &str) -> Result<ZView, String> {
    match text {
        "max" => Ok(ZView::Max),
        "middle" => Ok(ZView::Middle),
        _ => text
            .parse()
            .map(ZView::Section)
            .map_err(|_| "z is max, middle, or an index from 0".to_owned()),
    }
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    if !args.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(polystore::Error::invalid_input("the picture is a PNG file")
            .with_path(args.output.display())
            .with_hint("give it a name that ends with `.png`")
            .into());
    }
    let plate = args.plate.open(&args.location)?;
    check_outside(&plate, &args.output)?;
    check_place(&args.output)?;
    let view = view(global, args, &plate)?;
    let picture = &view.picture;
    let mode = if args.force { WriteMode::Overwrite } else { WriteMode::CreateNew };
    atomic::write_bytes(&args.output, &picture.to_png()?, mode).map_err(|error| {
        match error.kind() {
            ErrorKind::AlreadyExists => {
                error.with_hint("choose another name, or replace it with --force")
            }
            _ => error,
        }
    })?;
    let (width, height) = (picture.width(), picture.height());
    if global.json {
        let gaps: Vec<_> = view.gaps.iter().map(gap_as_json).collect();
        let file = &args.output;
        let wells: Vec<_> = view.wells_without_images.iter().map(ToString::to_string).collect();
        output::json(&json!({
            "file": file, "width": width, "height": height, "gaps": gaps,
            "wells_without_images": wells,
        }))?;
    } else {
        output::line(format_args!("{} ({width} x {height} pixels)", args.output.display()))?;
    }
    tell(&view.gaps);
    if let Some(first) = view.wells_without_images.first() {
        let n_wells = view.wells_without_images.len() as u64;
        progress::tell(&format!(
            "not shown: {}, from {first} on, of which no image is known; `polystore check` says why",
            output::count(n_wells, "well")
        ));
    }
    Ok(match view.gaps.is_empty() && view.wells_without_images.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(ErrorKind::MissingPlane.exit_code()),
    })
}

fn gap_as_json(gap: &Gap) -> serde_json::Value {
    let PlaneIndex { t, c, z } = gap.index;
    json!({ "image": gap.image.to_string(), "t": t, "c": c, "z": z, "reason": gap.reason })
}

/// Says which planes are not in the picture, the first of them one by one.
fn tell(gaps: &[Gap]) {
    const MAX_LINES: usize = 12;
    for gap in gaps.iter().take(MAX_LINES) {
        progress::tell(&format!("not shown: {gap}"));
    }
    if gaps.len() > MAX_LINES {
        let more = output::count((gaps.len() - MAX_LINES) as u64, "plane");
        progress::tell(&format!("not shown: {more} more; `polystore check` lists them"));
    }
}

fn view(global: &Global, args: &Args, plate: &Plate) -> Result<View> {
    let structure = plate.structure();
    let wanted = args.acquisition.as_deref();
    let acquisition = wanted.map(|wanted| structure.find_acquisition(wanted)).transpose()?;
    let is_wanted = |image: &&ImageStructure| {
        acquisition.is_none_or(|acquisition| image.acquisition == acquisition)
    };
    let options = |image: &ImageStructure, size: u32| -> Result<ViewOptions> {
        Ok(ViewOptions { acquisition, ..options(args, image, size)? })
    };
    let Some(position) = args.well else {
        let number = args.field.map(|number| number - 1);
        let mut images = structure.images().map(|(_, image)| image);
        let first = images.find(is_wanted).context("there are no images to show")?;
        let bar = progress::bar(global, "reading", "planes", 0);
        let cancel = progress::cancel_on_interrupt();
        let options = options(first, overview_side(plate, args.all_wells))?;
        let view = render::overview(plate, number, &options, &cancel, &|n_read, n_planes| {
            bar.set_length(n_planes);
            bar.set_position(n_read);
        })?;
        bar.finish_and_clear();
        return Ok(view);
    };
    let Some(well) = structure.well(position) else {
        bail!(plate.image(position, 0).err().context("the well is not there")?);
    };
    let Some(number) = args.field else {
        let first = well.fields.iter().find(is_wanted).or(well.fields.first());
        let first = first.ok_or_else(|| no_images(position))?;
        return Ok(render::well(plate, well, &options(first, 512)?)?);
    };
    let image = match acquisition {
        Some(acquisition) => well.field(acquisition, number - 1).ok_or_else(|| {
            let acquisition = acquisition + 1;
            polystore::Error::not_found(format!(
                "well {position} has no field {number} in acquisition {acquisition}"
            ))
            .with_hint("`polystore info` says how many fields a well has")
        })?,
        None => plate.image(position, number - 1)?,
    };
    Ok(render::field(plate, image, &options(image, 1024)?)?)
}

/// Side of a field in an overview: larger where there are few wells, so that the picture is
/// about as large as a screen.
fn overview_side(plate: &Plate, whole_grid: bool) -> u32 {
    const SCREEN: u32 = 1536;
    let wells: Vec<_> = plate.structure().wells.iter().map(|well| well.position).collect();
    let (_, columns) = render::drawn_grid(plate, &wells, whole_grid);
    (SCREEN / (columns.len() as u32).max(1)).clamp(128, 384)
}

fn no_images(well: polystore::WellPosition) -> polystore::Error {
    let message = format!("no image of well {well} is known, though the plate lists the well");
    polystore::Error::new(polystore::ErrorKind::MissingPlane, message)
        .with_hint("`polystore check` says what is wrong with it")
}

fn options(args: &Args, image: &ImageStructure, size: u32) -> Result<ViewOptions> {
    let channel = |wanted: &String| {
        image.find_channel(wanted).ok_or_else(|| {
            let known = (0..image.sizes.c).map(|c| image.channel_name(c)).collect::<Vec<_>>();
            let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
            polystore::Error::not_found(format!("there is no channel `{wanted}`"))
                .with_hint(polystore::suggest::hint(wanted, &names))
        })
    };
    Ok(ViewOptions {
        channels: args.channels.iter().map(channel).collect::<polystore::Result<_>>()?,
        z: args.z,
        t: args.t,
        whole_grid: args.all_wells,
        field_side: args.size.unwrap_or(size),
        ..ViewOptions::default()
    })
}
