//! `polystore show`

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use polystore::{
    Plate, WellPosition, WriteMode, atomic,
    model::ImageStructure,
    render::{self, Picture, ViewOptions, ZView},
};
use serde_json::json;

use super::plate::{PlateArgs, check_outside};
use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore show plate -o plate.png                     every well, one field each
  polystore show plate --well B03 -o b03.png            the fields of a well
  polystore show plate --well B03 --field 2 --channels DAPI,2 --z middle -o field.png")]
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
    let plate = args.plate.open(&args.location)?;
    check_outside(&plate, &args.output)?;
    let picture = picture(global, args, &plate)?;
    let mode = if args.force { WriteMode::Overwrite } else { WriteMode::CreateNew };
    atomic::write_bytes(&args.output, &picture.to_png()?, mode)?;
    let (width, height) = (picture.width(), picture.height());
    if global.json {
        output::json(&json!({ "file": args.output, "width": width, "height": height }))?;
    } else {
        output::line(format_args!("{} ({width} x {height} pixels)", args.output.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn picture(global: &Global, args: &Args, plate: &Plate) -> Result<Picture> {
    let Some(position) = args.well else {
        let number = args.field.map(|number| number - 1);
        let (_, first) = plate.structure().images().next().context("the plate has no images")?;
        let options = options(args, first, 128)?;
        let n_wells = plate.structure().wells.len() as u64;
        let bar = progress::bar(global, "reading", "planes", n_wells);
        let cancel = progress::cancel_on_interrupt();
        let picture = render::overview(plate, number, &options, &cancel, &|n| bar.inc(n))?;
        bar.finish_and_clear();
        return Ok(picture);
    };
    let Some(well) = plate.structure().well(position) else {
        bail!(plate.image(position, 0).err().context("the well is not there")?);
    };
    let image = match args.field {
        Some(number) => plate.image(position, number - 1)?,
        None => {
            let first = well.fields.first().context("the well has no fields")?;
            return Ok(render::well(plate, well, &options(args, first, 512)?)?);
        }
    };
    Ok(render::field(plate, image, &options(args, image, 1024)?)?)
}

fn options(args: &Args, image: &ImageStructure, size: u32) -> Result<ViewOptions> {
    let channel = |wanted: &String| {
        image.find_channel(wanted).ok_or_else(|| {
            let known = (0..image.sizes.c).map(|c| image.channel_name(c)).collect::<Vec<_>>();
            polystore::Error::invalid_input(format!(
                "there is no channel `{wanted}`; there are {}",
                known.join(", ")
            ))
        })
    };
    Ok(ViewOptions {
        channels: args.channels.iter().map(channel).collect::<polystore::Result<_>>()?,
        z: args.z,
        t: args.t,
        field_side: args.size.unwrap_or(size),
        ..ViewOptions::default()
    })
}
