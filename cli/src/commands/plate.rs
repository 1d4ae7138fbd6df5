//! Options that name a plate and say how to open it; shared by the commands that open one.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use polystore::{
    BackendSpec, FileManager, OpenOptions, Plate, Result, VirtualPath,
    disk::{Writing, refuse_source},
};

/// How to open a plate.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Opening the plate")]
pub(crate) struct PlateArgs {
    /// The plate's layout, instead of recognising it; see `polystore microscopes`
    #[arg(long, value_name = "NAME")]
    pub(crate) microscope: Option<String>,
    /// Read names by a regular expression with groups well (or row and col), field, channel, z,
    /// t, acquisition
    #[arg(long, value_name = "REGEX", conflicts_with_all = ["microscope", "csv"])]
    pub(crate) pattern: Option<String>,
    /// Read the plate's planes from a CSV file with columns file, well, field, channel, z, t, page
    #[arg(long, value_name = "FILE", conflicts_with = "microscope")]
    pub(crate) csv: Option<PathBuf>,
    /// A folder outside the plate that links in it may lead to
    #[arg(long, value_name = "FOLDER")]
    pub(crate) links_to: Vec<PathBuf>,
    /// What absent chunks of a zarr store mean: missing planes, or the fill value
    #[arg(long, value_name = "MEANING", value_parser = ["missing", "fill"])]
    pub(crate) absent_chunks: Option<String>,
    /// Look at the plate's files again instead of using the cached structure
    #[arg(long)]
    pub(crate) no_cache: bool,
}

/// Refuses a file or folder for results that lies in the plate, or in another that a
/// microscope wrote.
pub(crate) fn check_outside(plate: &Plate, place: &Path) -> Result<()> {
    let spec = BackendSpec::new("disk", place.display().to_string());
    plate.check_target(&spec, &VirtualPath::root())?;
    refuse_source(place, Writing::Results)
}

impl PlateArgs {
    pub(crate) fn options(&self) -> Result<OpenOptions> {
        let mut options = OpenOptions {
            microscope: self.microscope.clone(),
            pattern: self.pattern.clone(),
            csv: self.csv.clone(),
            structure_cache: !self.no_cache,
            links_to: self.links_to.clone(),
            ..OpenOptions::default()
        };
        if let Some(meaning) = &self.absent_chunks {
            options.settings.insert("absent_chunks".to_owned(), meaning.clone());
        }
        Ok(options)
    }

    pub(crate) fn open(&self, location: &str) -> Result<Plate> {
        FileManager::new().open_plate_with(location, &self.options()?)
    }
}
