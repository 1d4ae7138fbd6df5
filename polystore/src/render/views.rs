//! Views of a plate: one field, the fields of a well, all wells.

use std::{collections::BTreeSet, fmt, sync::atomic::AtomicBool};

use super::{
    DEFAULT_PERCENTILES, Picture,
    gather::{contrasts, gather, nothing},
    grid_layout,
    sheet::{Sheet, Titles},
    stage_layout,
};
use crate::{
    Error, PlaneIndex, Plate, Result, VirtualPath, WellPosition,
    model::{ImageStructure, WellStructure},
};

/// Which z-sections of a field a view shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZView {
    /// The brightest value through all of them.
    #[default]
    Max,
    /// The middle one.
    Middle,
    /// One by its index, from 0.
    Section(u32),
}

/// What a view shows, and how large.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    /// Channels by index; all when empty.
    pub channels: Vec<u32>,
    /// Which z-sections.
    pub z: ZView,
    /// Timepoint, from 0.
    pub t: u32,
    /// Fields of this acquisition only, an index into the plate's acquisitions; of each well's
    /// first when `None`.
    pub acquisition: Option<u32>,
    /// Show the plate's whole grid, not only the rows and columns that wells are in.
    pub whole_grid: bool,
    /// Longest side of a field in the picture, about: fields are shown at a power of two of
    /// their size.
    pub field_side: u32,
    /// Percentiles of the pixels shown black and at full brightness.
    pub percentiles: (f64, f64),
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            z: ZView::default(),
            t: 0,
            acquisition: None,
            whole_grid: false,
            field_side: 1024,
            percentiles: DEFAULT_PERCENTILES,
        }
    }
}

/// A picture of planes, and what it could not show.
#[derive(Clone, Debug)]
pub struct View {
    /// The picture. Fields with gaps are marked in it.
    pub picture: Picture,
    /// Planes that should be there and are not shown, by field, then `t, c, z`.
    pub gaps: Vec<Gap>,
    /// Wells of an overview that the plate lists and of which no image is known: their own
    /// metadata cannot be read, or nothing of them is there.
    pub wells_without_images: Vec<WellPosition>,
}

/// A plane that a view should show and could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The field's path below the plate.
    pub image: VirtualPath,
    /// Which of its planes.
    pub index: PlaneIndex,
    /// `missing`, `corrupt`, or what the backend answered.
    pub reason: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.image.relative(), self.index, self.reason)
    }
}

/// One field, at the size of its pixels. When some planes of it are missing, its top right
/// corner is striped in amber.
///
/// # Errors
/// `InvalidInput` for a channel or timepoint that is not there; `MissingPlane` when nothing
/// of the field is there; as the backend answers.
pub fn field(plate: &Plate, image: &ImageStructure, options: &ViewOptions) -> Result<View> {
    let shown = gather(plate, &[image], options, &AtomicBool::new(false), &|_, _| {})?;
    let Some(only) = shown.first().filter(|shown| !shown.planes.is_empty()) else {
        return Err(nothing(&shown).with_path(plate.request(image, PlaneIndex::default()).path));
    };
    let mut picture = only.picture(&contrasts(&shown, options)?)?;
    if !only.gaps.is_empty() {
        picture.mark_incomplete();
    }
    Ok(View { picture, gaps: only.gaps.clone(), wells_without_images: Vec::new() })
}

/// The fields of one well, numbered from 1, where the stage stood when that is known, else in
/// a grid; with the well's name above and the channels' names below. A field that is missing
/// is hatched in grey, one that is absent by design is plain grey, one of which some planes
/// are missing has a striped corner.
///
/// # Errors
/// `NotFound` when the well has no field of the acquisition; as [`field()`].
pub fn well(plate: &Plate, well: &WellStructure, options: &ViewOptions) -> Result<View> {
    let first = well.fields.first().map_or(0, |image| image.acquisition);
    let acquisition = options.acquisition.unwrap_or(first);
    let fields: Vec<_> =
        well.fields.iter().filter(|image| image.acquisition == acquisition).collect();
    if fields.is_empty() {
        let what = format!("well {} has no field{}", well.position, of_acquisition(options));
        return Err(Error::not_found(what).with_path(plate.path()));
    }
    let places = stage_layout(&fields).unwrap_or_else(|| grid_layout(fields.len()));
    let shown = gather(plate, &fields, options, &AtomicBool::new(false), &|_, _| {})?;
    let numbers = fields.iter().map(|image| (u64::from(image.field) + 1).to_string());
    let titles = Titles {
        above: title_of_well(plate, well, acquisition),
        tiles: numbers.collect(),
        ..Titles::default()
    };
    Sheet::of(&shown, &places, options)?.draw(&titles)
}

/// Name of a well, with its acquisition where there are several.
fn title_of_well(plate: &Plate, well: &WellStructure, acquisition: u32) -> String {
    let acquisitions = &plate.structure().acquisitions;
    let name = acquisitions.get(acquisition as usize).map_or("", |known| known.name.as_str());
    match (acquisitions.len() > 1, name) {
        (false, _) => well.position.to_string(),
        (true, "") => format!("{} acquisition {}", well.position, u64::from(acquisition) + 1),
        (true, name) => format!("{} {name}", well.position),
    }
}

/// The wells of the plate in its grid, each by one field (`field_number`, from 0), with the
/// names of rows, columns and channels. Rows and columns before the first well and after the
/// last are left out unless [`ViewOptions::whole_grid`] is set; of a grid larger than that of
/// 1536 wells all without wells are. Wells that were not acquired
/// are the background; missing fields are marked as [`well()`] does, and wells that the plate lists and has
/// no image of like missing fields. All wells have the same
/// contrast, so that they can be compared. `progress` gets the number of planes read so far
/// and of all.
///
/// # Errors
/// `Cancelled`; `NotFound` when no well has such a field; as [`field()`].
pub fn overview(
    plate: &Plate,
    field_number: Option<u32>,
    options: &ViewOptions,
    cancel: &AtomicBool,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<View> {
    let is_wanted = |image: &&ImageStructure| {
        options.acquisition.is_none_or(|wanted| image.acquisition == wanted)
            && field_number.is_none_or(|number| image.field == number)
    };
    let (wells, fields): (Vec<WellPosition>, Vec<_>) = plate
        .structure()
        .wells
        .iter()
        .filter_map(|well| Some((well.position, well.fields.iter().find(is_wanted)?)))
        .unzip();
    if wells.is_empty() {
        let number = field_number.map_or_else(String::new, |n| format!(" {}", u64::from(n) + 1));
        let what = format!("no well has a field{number}{}", of_acquisition(options));
        return Err(Error::not_found(what).with_path(plate.path()));
    }
    let shown = gather(plate, &fields, options, cancel, progress)?;
    let listed = plate.structure().wells.iter();
    let lacking: Vec<_> =
        listed.filter(|well| well.fields.is_empty()).map(|well| well.position).collect();
    let drawn = drawn_grid(plate, &[&*wells, &*lacking].concat(), options.whole_grid);
    let (rows, columns) = &drawn;
    let places = |wells: &[WellPosition]| -> Vec<_> {
        let place = |numbers: &[u32], number: u32| numbers.partition_point(|&n| n < number) as u32;
        wells.iter().map(|well| (place(rows, well.row), place(columns, well.column))).collect()
    };
    let (places, places_lacking) = (places(&wells), places(&lacking));
    let titles = Titles {
        rows: rows.iter().map(|&row| WellPosition::new(row, 0).row_name()).collect(),
        columns: columns.iter().map(|&column| (u64::from(column) + 1).to_string()).collect(),
        ..Titles::default()
    };
    let sheet = Sheet::of(&shown, &places, options)?;
    let sheet = sheet.with_grid(rows.len() as u32, columns.len() as u32);
    let view = sheet.with_lacking(&places_lacking).draw(&titles)?;
    Ok(View { wells_without_images: lacking, ..view })
}

fn of_acquisition(options: &ViewOptions) -> String {
    let number = options.acquisition.map(|acquisition| u64::from(acquisition) + 1);
    number.map_or_else(String::new, |number| format!(" of acquisition {number}"))
}

/// Rows and columns of the largest grid of which empty ones are drawn: of 1536 wells.
const LARGEST_GRID: (u32, u32) = (32, 48);

/// The rows and the columns that an overview of `wells` draws, by number from 0: with `whole`
/// those of the plate's grid, else from the first with a well to the last. Where that would be
/// more than a plate of 1536 wells has, only those with wells.
pub fn drawn_grid(plate: &Plate, wells: &[WellPosition], whole: bool) -> (Vec<u32>, Vec<u32>) {
    let drawn = |values: &dyn Fn(&WellPosition) -> u32, declared: u32, most: u32| {
        let used: BTreeSet<u32> = wells.iter().map(values).collect();
        let (first, last) = (used.first().copied().unwrap_or(0), used.last().copied().unwrap_or(0));
        let range = if whole { 0..(last + 1).max(declared) } else { first..last + 1 };
        match range.len() as u32 > most {
            true => used.into_iter().collect::<Vec<_>>(),
            false => range.collect(),
        }
    };
    let structure = plate.structure();
    let (most_rows, most_columns) = LARGEST_GRID;
    (
        drawn(&|well| well.row, structure.n_rows, most_rows),
        drawn(&|well| well.column, structure.n_columns, most_columns),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::text::Lettering, *};
    use crate::{
        MemoryBackend, PixelType, Plane, PlaneRequest, VirtualBackend, VirtualBackendExt,
        model::{PlateStructure, Sizes},
        ndarray::Array2,
    };

    const SIZES: Sizes = Sizes::new(1, 2, 2, 32, 32);

    /// Wells B02, C03 and C04 of a plate of 4 x 6: B02 whole, C03 missing, one section of
    /// channel 2 of C04 missing. Two acquisitions; only B02 is in the second.
    fn plate() -> Plate {
        let mut structure = PlateStructure::new("p", 4, 6);
        structure.acquisitions.push(crate::model::Acquisition { id: 1, ..Default::default() });
        for (row, column, acquisition) in [(1, 1, 0), (1, 1, 1), (2, 2, 0), (2, 3, 0)] {
            let well = WellPosition::new(row, column);
            let at = PlateStructure::canonical_image_path(well, Some(acquisition), 0);
            let image = ImageStructure::new(at, PixelType::U16, SIZES);
            structure.add_image(well, ImageStructure { acquisition, ..image }).unwrap();
        }
        let backend = Arc::new(MemoryBackend::new());
        let root = VirtualPath::parse("/p").unwrap();
        backend.create_plate(&root, &structure).unwrap();
        for name in ["B02/B02_a001_s001", "B02/B02_a002_s001", "C04/C04_a001_s001"] {
            for index in SIZES.indices() {
                if name.starts_with("C04") && index == PlaneIndex::new(0, 1, 1) {
                    continue;
                }
                let request = PlaneRequest::new(root.join(name).unwrap(), index);
                let pixels = Array2::from_shape_fn((32, 32), |(y, x)| {
                    (y * 32 + x) as u16 * (1 + index.z as u16)
                });
                backend.write_plane(request, Plane::from_array(pixels)).unwrap();
            }
        }
        Plate::open(backend, root).unwrap()
    }

    fn options(side: u32) -> ViewOptions {
        ViewOptions { field_side: side, percentiles: (0.0, 100.0), ..ViewOptions::default() }
    }

    fn overview_of(options: &ViewOptions) -> View {
        overview(&plate(), Some(0), options, &AtomicBool::new(false), &|_, _| {}).unwrap()
    }

    fn at(picture: &Picture, y: u32, x: u32) -> &[u8] {
        let start = (y * picture.width() + x) as usize * 3;
        &picture.pixels()[start..start + 3]
    }

    #[test]
    fn an_overview_has_the_wells_that_there_are_and_names_them() {
        let cropped = overview_of(&options(32)).picture;
        let whole = overview_of(&ViewOptions { whole_grid: true, ..options(32) }).picture;
        // B and C of four rows, 2 to 4 of six columns.
        assert_eq!(whole.height() - cropped.height(), 2 * 34);
        assert!(whole.width() > cropped.width());
        let (top, left) = corner();
        assert_eq!(cropped.height(), top + 2 * 34 + 2 + top, "a line above and one below");
        let has_ink = |rows: std::ops::Range<u32>, columns: std::ops::Range<u32>| {
            rows.flat_map(|y| columns.clone().map(move |x| (y, x)))
                .any(|(y, x)| at(&cropped, y, x)[0] > 120)
        };
        for row in 0..2 {
            assert!(has_ink(top + row * 34..top + row * 34 + 34, 0..left), "row {row} has no name");
        }
        for column in 0..3 {
            let columns = left + column * 34..left + column * 34 + 34;
            assert!(has_ink(0..top, columns), "column {column} has no name");
        }
        assert!(has_ink(cropped.height() - top..cropped.height(), 0..60), "no legend");
    }

    /// Height of a line of names, and width of the names of rows.
    fn corner() -> (u32, u32) {
        let letters = Lettering::of_height(12).unwrap();
        (letters.height() + 4, letters.width("B") + 8)
    }

    #[test]
    fn what_is_missing_is_marked_and_told() {
        let view = overview_of(&options(32));
        assert_eq!(view.gaps.len(), 5);
        assert_eq!(view.gaps[0].to_string(), "C03/C03_a001_s001 t=0 c=0 z=0: missing");
        assert_eq!(view.gaps[4].to_string(), "C04/C04_a001_s001 t=0 c=1 z=1: missing");
        let picture = view.picture;
        let (line, left) = corner();
        let tile = |row: u32, column: u32| (line + 2 + row * 34, left + 2 + column * 34);
        let (y, x) = tile(1, 1);
        assert_eq!(at(&picture, y, x), [150; 3], "hatched");
        let (y, x) = tile(1, 2);
        assert_eq!(at(&picture, y, x + 31), [255, 176, 0], "corner");
        let (y, x) = tile(0, 0);
        assert_eq!(at(&picture, y, x), [0; 3], "the darkest pixel of a whole field");
    }

    #[test]
    fn of_a_huge_grid_only_rows_and_columns_with_wells_are_drawn() {
        let mut structure = PlateStructure::new("p", 702, 999);
        let backend = Arc::new(MemoryBackend::new());
        let root = VirtualPath::parse("/p").unwrap();
        let wells = [WellPosition::new(0, 998), WellPosition::new(701, 0)];
        for well in wells {
            let at = PlateStructure::canonical_image_path(well, None, 0);
            structure.add_image(well, ImageStructure::new(at, PixelType::U16, SIZES)).unwrap();
        }
        backend.create_plate(&root, &structure).unwrap();
        for (_, image) in structure.images() {
            for index in SIZES.indices() {
                let request = PlaneRequest::new(root.append(&image.path), index);
                backend
                    .write_plane(request, Plane::from_array(Array2::<u16>::ones((32, 32))))
                    .unwrap();
            }
        }
        let plate = Plate::open(backend, root).unwrap();
        for whole_grid in [false, true] {
            let options = ViewOptions { whole_grid, ..options(32) };
            assert_eq!(drawn_grid(&plate, &wells, whole_grid), (vec![0, 701], vec![0, 998]));
            let view = overview(&plate, None, &options, &AtomicBool::new(false), &|_, _| {});
            let picture = view.unwrap().picture;
            assert!(picture.height() < 200 && picture.width() < 200, "{picture:?}");
        }
    }

    #[test]
    fn one_acquisition_can_be_chosen() {
        let second = ViewOptions { acquisition: Some(1), ..options(32) };
        assert!(overview_of(&second).gaps.is_empty(), "only B02 is in it");
        let plate = plate();
        let of = |position: (u32, u32), options: &ViewOptions| {
            let position = WellPosition::new(position.0, position.1);
            well(&plate, plate.structure().well(position).unwrap(), options)
        };
        assert!(of((1, 1), &second).is_ok());
        let error = of((2, 3), &second).unwrap_err();
        assert!(error.to_string().contains("C04 has no field of acquisition 2"), "{error}");
        assert_eq!(of((2, 3), &options(32)).unwrap().gaps.len(), 1);
    }

    #[test]
    fn sections_are_projected_and_wrong_ones_refused() {
        let plate = plate();
        let image = plate.image(WellPosition::new(1, 1), 0).unwrap();
        let picture = field(&plate, image, &options(32)).unwrap().picture;
        assert_eq!((picture.height(), picture.width()), (32, 32));
        let wrong = ViewOptions { channels: vec![2], ..options(8) };
        assert!(field(&plate, image, &wrong).unwrap_err().to_string().contains("no channel 3"));
        let missing = plate.image(WellPosition::new(2, 2), 0).unwrap();
        assert_eq!(
            field(&plate, missing, &options(8)).unwrap_err().kind(),
            crate::ErrorKind::MissingPlane
        );
    }
}
