//! `polystore cat`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use polystore::{
    FileManager, PlaneIndex, PlaneRequest, Region, VirtualBackendExt, manager::Target,
};

use crate::{args::Global, output, progress};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  polystore cat results/plate.csv
  polystore cat /data/plate/A01/A01_s001_z000_c000.tif --as npy > plane.npy
  polystore cat plate.zarr/A/01/0 --as png --c 2 --region 0,0,512,512 > corner.png")]
pub(crate) struct Args {
    /// The file, or the plane or image
    location: String,
    /// Decode the plane and print it in this format
    #[arg(long = "as", value_enum)]
    format: Option<Format>,
    /// Only this part of the plane
    #[arg(long, value_name = "Y,X,HEIGHT,WIDTH", requires = "format", value_parser = region)]
    region: Option<Region>,
    /// Pyramid level, 0 for full size
    #[arg(long, default_value_t = 0, requires = "format")]
    level: u32,
    /// Timepoint of an image, from 0
    #[arg(long, default_value_t = 0, requires = "format")]
    t: u32,
    /// Channel of an image, from 0
    #[arg(long, default_value_t = 0, requires = "format")]
    c: u32,
    /// Z-section of an image, from 0
    #[arg(long, default_value_t = 0, requires = "format")]
    z: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Tif,
    Png,
    Npy,
}

fn region(text: &str) -> Result<Region, String> {
    let numbers: Vec<u32> = text
        .split(',')
        .map(|part| part.trim().parse().map_err(|_| format!("`{part}` is not a number")))
        .collect::<Result<_, _>>()?;
    match numbers[..] {
        [y, x, height, width] => Ok(Region::new(y, x, height, width)),
        _ => Err("a region is four numbers: y,x,height,width".to_owned()),
    }
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<ExitCode> {
    global.refuse_json("`cat` prints content as it is; `polystore info` describes it")?;
    let files = FileManager::new();
    let Some(format) = args.format else {
        output::bytes(&files.read_bytes(&args.location)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let Target { backend, path } = files.resolve(&args.location)?;
    let index = PlaneIndex::new(args.t, args.c, args.z);
    let mut request = PlaneRequest::new(path, index).with_level(args.level);
    if let Some(region) = args.region {
        request = request.with_region(region);
    }
    let plane = backend.read_plane(&request)?;
    let n_planes = backend.describe(&request.path).map_or(1, |image| image.sizes.n_planes());
    if n_planes > 1 {
        progress::tell(&format!(
            "plane t={} c={} z={} of {n_planes}; --t, --c and --z choose another",
            args.t, args.c, args.z
        ));
    }
    let name = match format {
        Format::Tif => "plane.tif",
        Format::Png => "plane.png",
        Format::Npy => "plane.npy",
    };
    output::bytes(&polystore::disk::encode_plane(&plane, name)?)?;
    Ok(ExitCode::SUCCESS)
}
