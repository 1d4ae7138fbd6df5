//! Matrix Screener and CAM (Leica LAS AF, LAS X).
//!
//! One OME-TIFF per plane in `slide--S00/chamber--U00--V00/field--X00--Y00`; the name of the
//! file says all of it. The OME-XML in the files speaks of one image each and declares no
//! plate. Fields are numbered row by row over the grid of fields of the whole plate, so that
//! a missing field shifts no other. This grid is not in a file's name: planes are named by
//! this crate's scheme and not by Leica's.

mod name;

use std::collections::{BTreeMap, BTreeSet};

use self::name::Name;
use super::{
    Detection, Microscope, PlateFolder,
    builder::{PlateBuilder, PlateFacts, RawPlane},
    named::Named,
    names::{by_names, split},
    pictures,
};
use crate::{
    Error, Result, WellPosition,
    model::{Channel, DeclaredPlate, NamingScheme, POLYSTORE_NAMING, PlaneSource},
    words::{count, verb},
};

/// The reader of Matrix Screener experiments.
#[derive(Clone, Copy, Debug)]
pub struct MatrixScreener;

impl Microscope for MatrixScreener {
    fn name(&self) -> &'static str {
        "matrix-screener"
    }

    fn title(&self) -> &'static str {
        "Leica Matrix Screener: slide--S00/chamber--U00--V00/field--X00--Y00/image--L0000--S00--U00--V00--...--C00.ome.tif"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &POLYSTORE_NAMING
    }

    fn names_planes(&self, file: &str) -> bool {
        name::parse(file).is_some()
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        by_names(folder, |file| name::parse(file).is_some())
    }

    fn is_folder_of_plate(&self, name: &str) -> bool {
        ["slide--", "chamber--", "field--"].iter().any(|tag| name.starts_with(tag))
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let n_focus = folder.files().iter().filter(|path| is_autofocus(path)).count();
        let Named { mut files, mut notes } = Named::find(folder, "Matrix Screener", |path| {
            let (above, file) = split(path);
            let name = name::parse(file).filter(|_| !is_autofocus(path))?;
            Some((name::experiment(above), name))
        })?;
        check_one_slide(folder, &files)?;
        pictures::set_aside(folder, &mut files, |(file, _)| *file, &mut notes);
        if n_focus > 0 {
            notes.push(format!(
                "{} of the autofocus {} no plane of the plate",
                count(n_focus, "image"),
                verb(n_focus, "is", "are")
            ));
        }
        let numbers = Numbers::of(&files);
        let mut builder = PlateBuilder::with_capacity(files.len());
        notes.into_iter().for_each(|note| builder.note(note));
        for (file, name) in &files {
            builder.push(RawPlane {
                well: WellPosition::new(name.row, name.column),
                acquisition: 0,
                field: name.y * numbers.n_columns + name.x,
                t: numbers.t(name),
                c: numbers.c(name),
                z: name.z,
                source: Some(PlaneSource::whole(*file)),
            })?;
        }
        let mut facts = PlateFacts::new(folder.name(), self.name(), POLYSTORE_NAMING.name());
        facts.channels = numbers.named_channels();
        facts.trust_file_size = true;
        builder.build(folder, facts)
    }
}

/// Whether an image is one that the autofocus took: those are in folders of their own, under
/// names of the same kind.
fn is_autofocus(path: &str) -> bool {
    split(split(path).0).1 == "AF"
}

fn check_one_slide(folder: &PlateFolder<'_>, files: &[(u32, Name)]) -> Result<()> {
    let slides: BTreeSet<u32> = files.iter().map(|(_, name)| name.slide).collect();
    if slides.len() < 2 {
        return Ok(());
    }
    let names: Vec<_> = slides.iter().take(8).map(|slide| format!("S{slide:02}")).collect();
    Err(Error::invalid_input(format!(
        "folder holds {} slides or plates: {}",
        slides.len(),
        names.join(", ")
    ))
    .with_path(folder.name())
    .with_hint("open the folder of one of them, such as slide--S00"))
}

/// How the numbers of names become those of a plate.
#[derive(Debug)]
struct Numbers {
    /// Columns of the grid of fields.
    n_columns: u32,
    /// Channels by job and channel of the job; several jobs each count from 0.
    channels: BTreeMap<(u32, u32), u32>,
    /// Timepoints by scan and timepoint of the job, where there are several scans.
    timepoints: Option<BTreeMap<(u32, u32), u32>>,
}

impl Numbers {
    fn of(files: &[(u32, Name)]) -> Self {
        let names = || files.iter().map(|(_, name)| name);
        let scans: BTreeSet<u32> = names().map(|name| name.scan).collect();
        let jobs: BTreeSet<u32> = names().map(|name| name.job).collect();
        let several_jobs = jobs.len() > 1;
        let channels: BTreeSet<(u32, u32)> = names().map(|name| (name.job, name.c)).collect();
        let number = |(at, (job, c))| ((job, c), if several_jobs { at } else { c });
        Self {
            n_columns: names().map(|name| name.x + 1).max().unwrap_or(1),
            channels: (0u32..).zip(channels).map(number).collect(),
            timepoints: (scans.len() > 1).then(|| {
                let pairs: BTreeSet<_> = names().map(|name| (name.scan, name.t)).collect();
                pairs.into_iter().zip(0u32..).collect()
            }),
        }
    }

    fn c(&self, name: &Name) -> u32 {
        self.channels.get(&(name.job, name.c)).copied().unwrap_or(name.c)
    }

    /// The timepoint: a scan of the matrix follows the other, each with the timepoints of its
    /// jobs. One scan has those alone, with their gaps.
    fn t(&self, name: &Name) -> u32 {
        let several = self.timepoints.as_ref();
        several.and_then(|pairs| pairs.get(&(name.scan, name.t)).copied()).unwrap_or(name.t)
    }

    /// Names for channels of several jobs: `J08 C00`.
    fn named_channels(&self) -> BTreeMap<u32, Channel> {
        let jobs: BTreeSet<u32> = self.channels.keys().map(|(job, _)| *job).collect();
        let name = |(job, c): &(u32, u32)| match jobs.len() {
            1 => format!("C{c:02}"),
            _ => format!("J{job:02} C{c:02}"),
        };
        self.channels.iter().map(|(key, &at)| (at, Channel::named(name(key)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorKind,
        microscope::testing::{TestFolder, counts, images, plane},
        model::{PlaneState, Sizes},
    };

    fn path(well: (u32, u32), field: (u32, u32), rest: &str) -> String {
        let ((u, v), (x, y)) = (well, field);
        format!(
            "slide--S00/chamber--U{u:02}--V{v:02}/field--X{x:02}--Y{y:02}/\
             image--L0000--S00--U{u:02}--V{v:02}--{rest}--X{x:02}--Y{y:02}--T0000--Z00--C00.ome.tif"
        )
    }

    fn folder(files: &[String]) -> TestFolder {
        TestFolder::new(files.iter().map(String::as_str))
    }

    #[test]
    fn wells_are_column_then_row_and_fields_keep_their_place() {
        let mut files = Vec::new();
        for well in [(0, 0), (2, 1)] {
            for field in [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)] {
                files.push(path(well, field, "J08--E00--O00"));
            }
        }
        files.retain(|file| !file.contains("U02--V01--J08--E00--O00--X01--Y00"));
        let folder = folder(&files);
        assert_eq!(MatrixScreener.detect(&folder.folder()), Detection::Names);
        let found = folder.read(&MatrixScreener).unwrap();
        assert_eq!(images(&found)[6..8], ["B03/0/0", "B03/0/2"]);
        assert_eq!(
            plane(&found, "B03", (0, 4), (0, 0, 0)),
            Ok(path((2, 1), (1, 1), "J08--E00--O00"))
        );
        assert_eq!(counts(&found), (11, 0, 0));
        assert_eq!(found.structure.wells[0].fields[0].channel_name(0), "C00");
    }

    #[test]
    fn a_field_of_most_wells_is_missing_from_the_others() {
        let mut files = Vec::new();
        for u in 0..3 {
            files.extend([(0, 0), (1, 0)].map(|field| path((u, 0), field, "J08")));
        }
        files.remove(3);
        let found = folder(&files).read(&MatrixScreener).unwrap();
        assert_eq!(counts(&found), (5, 0, 1));
        assert_eq!(plane(&found, "A02", (0, 1), (0, 0, 0)), Err(PlaneState::Missing));
    }

    #[test]
    fn jobs_are_channels_and_scans_are_timepoints() {
        let mut files = Vec::new();
        for (scan, t) in [(0, 0), (0, 1), (3, 0)] {
            for (job, c) in [(8, 0), (8, 1), (10, 0)] {
                files.push(format!(
                    "I--L{scan:04}--S00--U00--V00--J{job:02}--E00--O00--X00--Y00--T{t:04}--C{c:02}.ome.tif"
                ));
            }
        }
        let found = folder(&files).read(&MatrixScreener).unwrap();
        let image = &found.structure.wells[0].fields[0];
        assert_eq!(image.sizes, Sizes::new(3, 3, 1, 4, 6));
        let names: Vec<_> = (0..3).map(|c| image.channel_name(c)).collect();
        assert_eq!(names, ["J08 C00", "J08 C01", "J10 C00"]);
        assert_eq!(plane(&found, "A01", (0, 0), (2, 2, 0)), Ok(files[8].clone()));
        assert_eq!(counts(&found), (9, 0, 0));
    }

    #[test]
    fn one_channel_of_one_job_keeps_its_number_and_focus_images_are_left_out() {
        let file = "image--L0000--S00--U00--V00--J102--E00--O00--X00--Y00--T0000--Z00--C15.ome.tif";
        let found = folder(&[file.to_owned(), format!("AF/{file}")]).read(&MatrixScreener).unwrap();
        let image = &found.structure.wells[0].fields[0];
        assert_eq!((image.channel_name(0), image.channel_number(0)), ("C15".to_owned(), 15));
        assert_eq!(counts(&found), (1, 0, 0));
        assert_eq!(found.inventory.notes.len(), 2, "{:?}", found.inventory.notes);
    }

    #[test]
    fn two_slides_and_two_experiments_are_not_mixed() {
        let slide = |slide| format!("image--S{slide:02}--U00--V00--X00--Y00--C00.ome.tif");
        let error = folder(&[slide(0), slide(1)]).read(&MatrixScreener).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("S00, S01"), "{error}");
        let files = [format!("a/{}", slide(0)), format!("b/{}", slide(0))];
        let error = folder(&files).read(&MatrixScreener).unwrap_err();
        assert!(error.to_string().contains("2 measurements"), "{error}");
    }
}
