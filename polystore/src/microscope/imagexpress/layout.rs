//! Which files of a folder are the plate's: `TimePoint_N` and `ZStep_N` folders in either
//! nesting, thumbnails left out, one plate at a time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::name::{self, Name};
use crate::{
    Error, Result, WellPosition, fan_out,
    microscope::{
        PlateFolder,
        builder::Capped,
        named::main_folder,
        names::{folder_number, image_stem, split},
        pictures,
    },
    model::PassedOverReason,
    words::count,
};

/// An image file of the plate; numbers as the vendor prints them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageFile {
    /// Position in the listing.
    pub(super) file: u32,
    pub(super) well: WellPosition,
    /// Site from 1.
    pub(super) site: u32,
    /// Wavelength from 1.
    pub(super) wave: u32,
    /// Number of the `ZStep` folder, or of the name.
    pub(super) z: Option<u32>,
    /// Number of the `TimePoint` folder, or of the name.
    pub(super) t: Option<u32>,
    /// Number of the acquisition from 1, in names of this crate.
    pub(super) acquisition: u32,
    base: u32,
}

/// Fewest names that are worth a thread to take them apart.
pub(super) const FILES_PER_THREAD: usize = 4096;

/// The files of one plate.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    /// Folder that holds the plate's files, or the folders of its timepoints and z-steps.
    pub(super) base: &'a str,
    /// What stands before the wells; empty when file names differ in it.
    pub(super) prefix: &'a str,
    pub(super) images: Vec<ImageFile>,
    pub(super) notes: Vec<String>,
}

/// Where a folder stands among timepoints and z-steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    base: &'a str,
    t: Option<u32>,
    z: Option<u32>,
}

impl<'a> Place<'a> {
    fn of(folder: &'a str) -> Self {
        let mut place = Self { base: folder, t: None, z: None };
        // From the end, as long as folders are timepoints or z-steps, each once.
        while !place.base.is_empty() {
            let (above, name) = split(place.base);
            if let Some(t) = folder_number(name, "TimePoint").filter(|_| place.t.is_none()) {
                place.t = Some(t);
            } else if let Some(z) = folder_number(name, "ZStep").filter(|_| place.z.is_none()) {
                place.z = Some(z);
            } else {
                break;
            }
            place.base = above;
        }
        place
    }
}

/// The number of a `TimePoint` folder, and of a `ZStep` one, that was opened itself.
pub(super) fn opened_inside(name: &str) -> (Option<u32>, Option<u32>) {
    let place = Place::of(name);
    (place.t, place.z)
}

/// Finds the plate's files.
///
/// # Errors
/// `NotFound` when no file is named as ImageXpress names them; `InvalidInput` when the folder
/// holds several plates.
pub(super) fn find<'a>(folder: &PlateFolder<'a>) -> Result<Layout<'a>> {
    let files = folder.files();
    let scans = fan_out::map_ranges(files.len(), FILES_PER_THREAD, |range| {
        let mut scan = Scan::new(range.len());
        for file in range {
            if let Some(path) = files.get(file) {
                scan.add(file as u32, path);
            }
        }
        scan
    });
    let all = scans.into_iter().reduce(Scan::followed_by);
    all.unwrap_or_else(|| Scan::new(0)).finish(folder)
}

struct Scan<'a> {
    images: Vec<ImageFile>,
    bases: Vec<(&'a str, Vec<&'a str>)>,
    base_numbers: HashMap<&'a str, u32>,
    last_folder: Option<(&'a str, Place<'a>, u32)>,
    others: Capped,
}

impl<'a> Scan<'a> {
    fn new(n_files: usize) -> Self {
        Self {
            images: Vec::with_capacity(n_files),
            bases: Vec::new(),
            base_numbers: HashMap::new(),
            last_folder: None,
            others: Capped::new(3),
        }
    }

    fn add(&mut self, file: u32, path: &'a str) {
        let (folder, name) = split(path);
        let Some(Name { prefix, well, parts, is_thumbnail }) = name::parse(name) else {
            if image_stem(name).is_some() {
                self.others.push(|| path.to_owned());
            }
            return;
        };
        if is_thumbnail {
            return;
        }
        let (place, base) = self.place(folder);
        self.add_prefix(base, prefix);
        self.images.push(ImageFile {
            file,
            well,
            site: parts.site.unwrap_or(1),
            wave: parts.wave.unwrap_or(1),
            z: place.z.or(parts.z),
            t: place.t.or(parts.t),
            acquisition: parts.acquisition.unwrap_or(1),
            base,
        });
    }

    fn place(&mut self, folder: &'a str) -> (Place<'a>, u32) {
        if let Some((known, place, base)) = self.last_folder
            && known == folder
        {
            return (place, base);
        }
        let place = Place::of(folder);
        let base = self.base(place.base);
        self.last_folder = Some((folder, place, base));
        (place, base)
    }

    /// This scan with what `next` found after it.
    fn followed_by(mut self, next: Self) -> Self {
        let bases: Vec<u32> = next
            .bases
            .into_iter()
            .map(|(path, prefixes)| {
                let base = self.base(path);
                prefixes.into_iter().for_each(|prefix| self.add_prefix(base, prefix));
                base
            })
            .collect();
        let images = next.images.into_iter();
        self.images
            .extend(images.map(|image| ImageFile { base: bases[image.base as usize], ..image }));
        self.others.append(next.others);
        self
    }

    /// The number of the plate folder at `path`, a new one for a new folder.
    fn base(&mut self, path: &'a str) -> u32 {
        let next = self.bases.len() as u32;
        let base = *self.base_numbers.entry(path).or_insert(next);
        if base == next {
            self.bases.push((path, Vec::new()));
        }
        base
    }

    fn add_prefix(&mut self, base: u32, prefix: &'a str) {
        let prefixes = &mut self.bases[base as usize].1;
        // More than a few differ in every file; they say nothing then.
        if prefixes.last() != Some(&prefix) && prefixes.len() < 16 && !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }

    fn finish(mut self, folder: &PlateFolder<'a>) -> Result<Layout<'a>> {
        let base = self.choose_base(folder)?;
        let path_of =
            |image: &ImageFile| folder.files().get(image.file as usize).unwrap_or_default();
        self.images.retain(|image| {
            if image.base != base {
                folder.pass_over(path_of(image), PassedOverReason::OtherFolder, "");
            }
            image.base == base
        });
        let (path, prefixes) = std::mem::take(&mut self.bases[base as usize]);
        let mut notes = Vec::new();
        let n_others = self.others.n();
        if n_others > 0 {
            let names = self.others.into_line();
            notes.push(format!(
                "{} without a well in the name: {names}",
                count(n_others, "image file")
            ));
        }
        pictures::set_aside(folder, &mut self.images, |image| image.file, &mut notes);
        check_prefixes(folder, &mut self.images, &prefixes, &mut notes)?;
        let prefix = common_prefix(folder, &self.images, &prefixes);
        Ok(Layout { base: path, prefix, images: self.images, notes })
    }

    /// The folder that is the plate: the only one with files, or the one above all others.
    fn choose_base(&self, folder: &PlateFolder<'_>) -> Result<u32> {
        let paths: Vec<&str> = self.bases.iter().map(|(base, _)| *base).collect();
        match main_folder(&paths) {
            Some(base) => Ok(base as u32),
            None if self.bases.is_empty() => Err(Error::not_found(
                "no file is named as ImageXpress names images, like Plate_A01_s1_w1.TIF",
            )
            .with_path(folder.name())),
            None => {
                let mut plates: Vec<_> = self.bases.iter().map(|(base, _)| *base).collect();
                plates.sort_unstable();
                Err(Error::invalid_input(format!(
                    "folder holds {} plates: {}",
                    plates.len(),
                    plates
                        .iter()
                        .take(8)
                        .map(|plate| format!("`{plate}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ))
                .with_path(folder.name())
                .with_hint("open one of them"))
            }
        }
    }
}

/// What the names of all images begin with; empty when they differ in it.
fn common_prefix<'a>(
    folder: &PlateFolder<'a>,
    images: &[ImageFile],
    prefixes: &[&'a str],
) -> &'a str {
    let prefix_of = |image: &ImageFile| {
        let path = folder.files().get(image.file as usize).unwrap_or_default();
        name::parse(split(path).1).map_or("", |name| name.prefix)
    };
    match prefixes {
        [only] => only,
        [] => "",
        _ => {
            let first = images.first().map_or("", prefix_of);
            if images.iter().all(|image| prefix_of(image) == first) { first } else { "" }
        }
    }
}

/// Files of two plates in one folder must not be mixed. Where names begin otherwise than most
/// and stand for planes that those have: files that are few are strays, such as copies, and
/// passed over, all that begin so; when they are many it is an error. A remark where names
/// begin differently without that.
fn check_prefixes(
    folder: &PlateFolder<'_>,
    images: &mut Vec<ImageFile>,
    prefixes: &[&str],
    notes: &mut Vec<String>,
) -> Result<()> {
    if prefixes.len() < 2 {
        return Ok(());
    }
    let path_of = |image: &ImageFile| folder.files().get(image.file as usize).unwrap_or_default();
    let prefix_of =
        |image: &ImageFile| name::parse(split(path_of(image)).1).map_or("", |name| name.prefix);
    let key = |image: &ImageFile| {
        (image.well, image.site, image.wave, image.z, image.t, image.acquisition)
    };
    let mut counts: HashMap<&str, usize> = HashMap::new();
    images.iter().for_each(|image| *counts.entry(prefix_of(image)).or_default() += 1);
    let rank = |prefix: &str| (Reverse(counts.get(prefix).copied().unwrap_or(0)), prefix.len());
    // By plane, the name that most files begin with among those that stand for it.
    let mut first: BTreeMap<_, &str> = BTreeMap::new();
    let mut clashing: BTreeMap<&str, (&str, ImageFile)> = BTreeMap::new();
    for image in images.iter() {
        let prefix = prefix_of(image);
        let known = first.entry(key(image)).or_insert(prefix);
        if *known != prefix {
            let (used, unused) = match (rank(known), *known) <= (rank(prefix), prefix) {
                true => (*known, prefix),
                false => (prefix, *known),
            };
            *known = used;
            clashing.entry(unused).or_insert((used, *image));
        }
    }
    let n_of = |prefix: &str| counts.get(prefix).copied().unwrap_or(0);
    let n_clashing: usize = clashing.keys().map(|prefix| n_of(prefix)).sum();
    let is_few = n_clashing.saturating_mul(FEW_STRAYS) <= images.len() - n_clashing;
    if let Some((prefix, (used, image))) = clashing.first_key_value().filter(|_| !is_few) {
        return Err(Error::invalid_input(format!(
            "folder holds images of two plates: `{used}` and `{prefix}` both have well {}, site {}, wavelength {}",
            image.well, image.site, image.wave
        ))
        .with_path(folder.name())
        .with_hint("put each plate into a folder of its own"));
    }
    images.retain(|image| {
        let prefix = prefix_of(image);
        let clash = clashing.get(prefix);
        if let Some((used, _)) = clash {
            let detail = format!("the others begin with `{used}`, not `{prefix}`");
            folder.pass_over(path_of(image), PassedOverReason::Copy, detail);
        }
        clash.is_none()
    });
    let names: Vec<_> = prefixes
        .iter()
        .filter(|prefix| !clashing.contains_key(**prefix))
        .take(8)
        .map(|prefix| format!("`{prefix}`"))
        .collect();
    if names.len() > 1 {
        notes.push(format!("file names begin differently: {}", names.join(", ")));
    }
    Ok(())
}

/// Files that begin otherwise are strays where the others are so many times as many.
const FEW_STRAYS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, microscope::testing::TestFolder};

    #[test]
    fn either_nesting_and_spelling() {
        for (folder, expected) in [
            ("TimePoint_2/ZStep_3", ("", Some(2), Some(3))),
            ("a/zstep-3/TIMEPOINT2", ("a", Some(2), Some(3))),
            ("2023/1334/ZStep_10", ("2023/1334", None, Some(10))),
            ("ZStep_1/results", ("ZStep_1/results", None, None)),
            ("ZStep_1/ZStep_2", ("ZStep_1", None, Some(2))),
            ("", ("", None, None)),
        ] {
            let place = Place::of(folder);
            assert_eq!((place.base, place.t, place.z), expected, "{folder}");
        }
    }

    fn bases(files: &[&str]) -> Result<(String, usize, Vec<String>)> {
        let folder = TestFolder::new(files.iter().copied());
        let layout = find(&folder.folder())?;
        Ok((layout.base.to_owned(), layout.images.len(), layout.notes))
    }

    /// So many files that several threads take them apart.
    #[test]
    fn many_files_stay_in_their_order() {
        let folder_of = |n: u32| if n.is_multiple_of(3) { "" } else { "TimePoint_2/" };
        let name = |n: u32| format!("{}P_{}_s{}_w1.TIF", folder_of(n), well_of(n), n % 9 + 1);
        let names: Vec<String> = (0..3 * FILES_PER_THREAD as u32).map(name).collect();
        let folder = TestFolder::new(names.iter().map(String::as_str));
        let folder = folder.folder();
        let layout = find(&folder).unwrap();
        assert_eq!((layout.base, layout.prefix, layout.notes.len()), ("", "P", 0));
        assert_eq!(layout.images.len(), names.len());
        for (n, image) in (0u32..).zip(&layout.images) {
            let t = (!n.is_multiple_of(3)).then_some(2);
            let found = (image.file, image.well, image.site, image.t);
            assert_eq!(found, (n, well_of(n), n % 9 + 1, t));
        }
    }

    fn well_of(n: u32) -> WellPosition {
        WellPosition::new(n / 9 % 32, n / 288 % 48)
    }

    #[test]
    fn one_plate_at_a_time() {
        let (base, n, notes) = bases(&[
            "a/P_A01_s1.tif",
            "a/TimePoint_2/P_A01_s1.tif",
            "a/out/P_A01_s1.tif",
            "a/x.tif",
        ])
        .unwrap();
        assert_eq!((base.as_str(), n), ("a", 2));
        assert_eq!(notes, ["1 image file without a well in the name: a/x.tif"]);
        let error = bases(&["a/P_A01_s1.tif", "b/P_A01_s1.tif"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("2 plates: `a`, `b`"), "{error}");
        assert_eq!(bases(&["a.txt"]).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn strays_leave_the_plate_as_it_is() {
        let mut files: Vec<String> =
            (1..=12).map(|site| format!("p/P_A01_s{site}_w1.TIF")).collect();
        files.extend(["p/Copy of P_A01_s2_w1.TIF", "p/q/P_A01_s1_w1.TIF"].map(str::to_owned));
        let folder = TestFolder::new(files.iter().map(String::as_str));
        let folder = folder.folder();
        let layout = find(&folder).unwrap();
        assert_eq!((layout.base, layout.prefix, layout.images.len()), ("p", "P", 12));
        assert!(layout.notes.is_empty(), "{:?}", layout.notes);
        let told: Vec<_> =
            folder.strays().files.into_iter().map(|file| (file.path, file.reason)).collect();
        assert_eq!(
            told,
            [
                ("p/q/P_A01_s1_w1.TIF".to_owned(), PassedOverReason::OtherFolder),
                ("p/Copy of P_A01_s2_w1.TIF".to_owned(), PassedOverReason::Copy),
            ]
        );
    }

    #[test]
    fn a_small_plate_beside_a_large_one_is_no_stray() {
        let large = (1..=20).map(|site| format!("p/P_A01_s{site}_w1.TIF"));
        let files: Vec<String> = large.chain(["q/Q_A01_s1_w1.TIF".to_owned()]).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        assert!(bases(&files).unwrap_err().to_string().contains("2 plates: `p`, `q`"));
    }

    #[test]
    fn plates_in_one_folder_are_not_mixed() {
        let error = bases(&["P1_A01_s1.tif", "P2_A01_s1.tif"]).unwrap_err();
        assert!(error.to_string().contains("two plates: `P1` and `P2`"), "{error}");
        let (_, n, notes) = bases(&["P1_A01_s1.tif", "P2_A02_s1.tif"]).unwrap();
        assert_eq!(n, 2);
        assert!(notes[0].contains("`P1`, `P2`"));
    }
}
