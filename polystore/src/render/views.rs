//! Views of a plate: one field, the fields of a well, all wells.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    Contrast, DEFAULT_PERCENTILES, Picture, grid_layout, level_for, stage_layout, thumbnail,
};
use crate::{
    Error, ErrorKind, Plane, PlaneIndex, Plate, Result, WellPosition, dispatch,
    model::{Channel, Color, ImageStructure, PlaneState, WellStructure},
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
            field_side: 1024,
            percentiles: DEFAULT_PERCENTILES,
        }
    }
}

/// A field that a view shows, and the channels of it that could be read.
struct Shown<'p> {
    image: &'p ImageStructure,
    planes: BTreeMap<u32, Plane>,
    /// Planes that should be there and are not, or that could not be read.
    is_missing: bool,
}

/// One field.
///
/// # Errors
/// `InvalidInput` for a channel or timepoint that is not there; `MissingPlane` when nothing
/// of the field is there; as the backend answers.
pub fn field(plate: &Plate, image: &ImageStructure, options: &ViewOptions) -> Result<Picture> {
    let shown = read(plate, &[image], options, &AtomicBool::new(false), &|_| {})?;
    let Some(only) = shown.first().filter(|shown| !shown.planes.is_empty()) else {
        return Err(Error::new(ErrorKind::MissingPlane, "none of the field's planes is there")
            .with_path(plate.request(image, PlaneIndex::default()).path));
    };
    let contrasts = contrasts(&shown, options)?;
    picture_of(only, &contrasts)
}

/// The fields of one well, where the stage stood when that is known, else in a grid. A
/// field that is missing is hatched.
///
/// # Errors
/// As [`field()`].
pub fn well(plate: &Plate, well: &WellStructure, options: &ViewOptions) -> Result<Picture> {
    let first = well.fields.first().map_or(0, |image| image.acquisition);
    let fields: Vec<_> = well.fields.iter().filter(|image| image.acquisition == first).collect();
    let places = stage_layout(&fields).unwrap_or_else(|| grid_layout(fields.len()));
    let shown = read(plate, &fields, options, &AtomicBool::new(false), &|_| {})?;
    montage(&shown, &places, options)
}

/// All wells of the plate in its grid, each by one field (`field_number`, from 0). Wells
/// that were not acquired are dark, missing fields are hatched. All wells have the same
/// contrast, so that they can be compared. `progress` gets the number of fields read.
///
/// # Errors
/// `Cancelled`; as [`field()`].
pub fn overview(
    plate: &Plate,
    field_number: Option<u32>,
    options: &ViewOptions,
    cancel: &AtomicBool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Picture> {
    let field = |well: &'_ WellStructure| match field_number {
        Some(number) => well.fields.iter().position(|image| image.field == number),
        None => (!well.fields.is_empty()).then_some(0),
    };
    let (wells, fields): (Vec<WellPosition>, Vec<_>) = plate
        .structure()
        .wells
        .iter()
        .filter_map(|well| Some((well.position, &well.fields[field(well)?])))
        .unzip();
    let places: Vec<_> = wells.iter().map(|well| (well.row, well.column)).collect();
    let shown = read(plate, &fields, options, cancel, progress)?;
    let mut places = places;
    // The grid is the plate's, whether or not its last wells were acquired.
    let last = (plate.structure().n_rows.max(1) - 1, plate.structure().n_columns.max(1) - 1);
    places.push(last);
    montage(&shown, &places, options)
}

/// Reads what a view shows of `fields`, scaled down as it comes in.
fn read<'p>(
    plate: &Plate,
    fields: &[&'p ImageStructure],
    options: &ViewOptions,
    cancel: &AtomicBool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Shown<'p>>> {
    let ordinals = plate.structure().image_ordinals();
    let inventory = plate.inventory()?;
    let mut targets = Vec::new();
    let mut requests = Vec::new();
    let mut shown = Vec::new();
    for (number, image) in fields.iter().enumerate() {
        let mut is_missing = false;
        for (c, z) in wanted(image, options)? {
            let index = PlaneIndex::new(options.t, c, z);
            let state = ordinals
                .get(&image.path)
                .map_or(PlaneState::Missing, |&ordinal| inventory.state(ordinal, index));
            match state {
                PlaneState::Present => {
                    let level = level_for(image, options.field_side);
                    targets.push((number, c));
                    requests.push(plate.request(image, index).with_level(level));
                }
                PlaneState::AbsentByDesign => {}
                PlaneState::Missing | PlaneState::Corrupt => is_missing = true,
            }
        }
        shown.push(Mutex::new(Shown { image, planes: BTreeMap::new(), is_missing }));
    }
    plate.backend().read_planes(&requests, &|position, answer| {
        let (number, c) = targets[position];
        let scaled =
            answer.and_then(|plane| thumbnail(&plane, options.field_side, fields[number].kind));
        let mut shown = shown[number].lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scaled.and_then(|plane| brightest(shown.planes.remove(&c), plane));
        match kept {
            Ok(plane) => {
                shown.planes.insert(c, plane);
            }
            Err(error) => {
                tracing::warn!(error = %error.chain(), "plane is not shown");
                shown.is_missing = true;
            }
        }
        progress(1);
        if cancel.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Cancelled, "the view was stopped"));
    }
    Ok(shown
        .into_iter()
        .map(|shown| shown.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect())
}

/// Channel and z-section of each plane that a view shows of `image`.
fn wanted(image: &ImageStructure, options: &ViewOptions) -> Result<Vec<(u32, u32)>> {
    let sizes = image.sizes;
    let refuse = |what: String| Err(Error::invalid_input(what).with_path(&image.path));
    if options.t >= sizes.t {
        return refuse(format!("there is no timepoint {}; the field has {}", options.t, sizes.t));
    }
    if let Some(c) = options.channels.iter().find(|&&c| c >= sizes.c) {
        return refuse(format!("there is no channel {}; the field has {}", c + 1, sizes.c));
    }
    let sections = match options.z {
        ZView::Max => 0..sizes.z,
        ZView::Middle => sizes.z / 2..sizes.z / 2 + 1,
        ZView::Section(z) if z < sizes.z => z..z + 1,
        ZView::Section(z) => {
            return refuse(format!("there is no z-section {z}; the field has {}", sizes.z));
        }
    };
    let all = (0..sizes.c).collect();
    let channels = if options.channels.is_empty() { all } else { options.channels.clone() };
    Ok(channels.into_iter().flat_map(|c| sections.clone().map(move |z| (c, z))).collect())
}

/// The brighter of two planes, pixel by pixel.
fn brightest(one: Option<Plane>, other: Plane) -> Result<Plane> {
    let Some(one) = one else { return Ok(other) };
    if (one.shape(), one.pixel_type()) != (other.shape(), other.pixel_type()) {
        return Err(Error::invalid_data("sections of one field differ in size or type"));
    }
    dispatch!(one.pixel_type(), T => {
        let pairs = one.as_slice::<T>()?.iter().zip(other.as_slice::<T>()?);
        let pixels = pairs.map(|(&a, &b)| if a > b { a } else { b }).collect();
        Plane::from_vec(one.shape(), pixels)
    })
}

/// One contrast per channel over everything that is shown.
fn contrasts(shown: &[Shown<'_>], options: &ViewOptions) -> Result<BTreeMap<u32, Contrast>> {
    let channels: std::collections::BTreeSet<u32> =
        shown.iter().flat_map(|shown| shown.planes.keys().copied()).collect();
    let contrast = |c: u32| {
        let planes = shown.iter().filter_map(|shown| shown.planes.get(&c));
        Ok((c, Contrast::of_percentiles(planes, options.percentiles)?))
    };
    channels.into_iter().map(contrast).collect()
}

fn picture_of(shown: &Shown<'_>, contrasts: &BTreeMap<u32, Contrast>) -> Result<Picture> {
    let Some(first) = shown.planes.values().next() else {
        return Err(Error::new(ErrorKind::MissingPlane, "there is nothing to show"));
    };
    let mut picture = Picture::filled(first.shape().height, first.shape().width, Color::BLACK)?;
    let alone = contrasts.len() == 1;
    for (c, plane) in &shown.planes {
        let color = if alone { Color::WHITE } else { color_of(shown.image, *c) };
        let contrast = contrasts.get(c).copied().unwrap_or(Contrast { low: 0.0, high: 1.0 });
        picture.add_plane(plane, contrast, color)?;
    }
    Ok(picture)
}

/// The colour that channel `c` is shown in: its own, its wavelength's, else one of a palette.
pub fn color_of(image: &ImageStructure, c: u32) -> Color {
    const PALETTE: [Color; 6] = [
        Color::new(64, 96, 255),
        Color::new(0, 220, 90),
        Color::new(255, 60, 60),
        Color::new(230, 80, 230),
        Color::new(240, 200, 40),
        Color::new(40, 210, 220),
    ];
    let channel = image.channels.get(c as usize);
    let of_wavelength = |channel: &Channel| channel.emission_nm.map(Color::from_wavelength);
    channel
        .and_then(|channel| channel.color.or_else(|| of_wavelength(channel)))
        .unwrap_or(PALETTE[c as usize % PALETTE.len()])
}

const BACKGROUND: Color = Color::new(24, 24, 28);
const GAP: u32 = 2;

/// Puts fields in their places; `places` may go on beyond the fields to widen the grid.
fn montage(shown: &[Shown<'_>], places: &[(u32, u32)], options: &ViewOptions) -> Result<Picture> {
    let contrasts = contrasts(shown, options)?;
    let planes = shown.iter().flat_map(|shown| shown.planes.values());
    let (height, width) = planes.fold((0, 0), |(height, width), plane| {
        (plane.shape().height.max(height), plane.shape().width.max(width))
    });
    if height == 0 {
        return Err(Error::new(ErrorKind::MissingPlane, "none of the planes is there"));
    }
    let n_rows = places.iter().map(|place| place.0).max().unwrap_or(0) + 1;
    let n_columns = places.iter().map(|place| place.1).max().unwrap_or(0) + 1;
    let side = |n: u32, size: u32| n.saturating_mul(size + GAP).saturating_add(GAP);
    let mut picture = Picture::filled(side(n_rows, height), side(n_columns, width), BACKGROUND)?;
    for (shown, &(row, column)) in shown.iter().zip(places) {
        let (y, x) = (GAP + row * (height + GAP), GAP + column * (width + GAP));
        if shown.planes.is_empty() && shown.is_missing {
            hatch(&mut picture, (y, x), (height, width));
        } else if !shown.planes.is_empty() {
            picture.paste(&picture_of(shown, &contrasts)?, y, x);
        }
    }
    Ok(picture)
}

/// Diagonal stripes, so that a missing field is not taken for a dark one.
fn hatch(picture: &mut Picture, (top, left): (u32, u32), (height, width): (u32, u32)) {
    for y in 0..height {
        for x in 0..width {
            let stripe = (x + y) % 16 < 4;
            let color = if stripe { Color::new(170, 60, 60) } else { Color::new(60, 30, 34) };
            picture.set(top + y, left + x, color);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        MemoryBackend, PixelType, PlaneRequest, VirtualBackend, VirtualBackendExt, VirtualPath,
        model::{PlateStructure, Sizes},
        ndarray::Array2,
    };

    /// Wells A01 and B02; the field of B02 is missing.
    fn plate() -> Plate {
        let mut structure = PlateStructure::new("p", 2, 3);
        for (row, column) in [(0, 0), (1, 1)] {
            let well = WellPosition::new(row, column);
            let at = PlateStructure::canonical_image_path(well, None, 0);
            let image = ImageStructure::new(at, PixelType::U16, Sizes::new(1, 2, 2, 8, 8));
            structure.add_image(well, image).unwrap();
        }
        let backend = Arc::new(MemoryBackend::new());
        let root = VirtualPath::parse("/p").unwrap();
        backend.create_plate(&root, &structure).unwrap();
        for index in Sizes::new(1, 2, 2, 8, 8).indices() {
            let request = PlaneRequest::new(root.join("A01/A01_s001").unwrap(), index);
            let pixels =
                Array2::from_shape_fn((8, 8), |(y, x)| (y * 8 + x) as u16 * (1 + index.z as u16));
            backend.write_plane(request, Plane::from_array(pixels)).unwrap();
        }
        Plate::open(backend, root).unwrap()
    }

    fn options(side: u32) -> ViewOptions {
        ViewOptions { field_side: side, percentiles: (0.0, 100.0), ..ViewOptions::default() }
    }

    #[test]
    fn a_plate_has_all_its_wells_and_missing_fields_are_hatched() {
        let picture =
            overview(&plate(), Some(0), &options(4), &AtomicBool::new(false), &|_| {}).unwrap();
        assert_eq!((picture.height(), picture.width()), (2 * 6 + 2, 3 * 6 + 2));
        let at = |y: usize, x: usize| {
            let start = (y * picture.width() as usize + x) * 3;
            &picture.pixels()[start..start + 3]
        };
        assert_eq!(at(0, 0), [24, 24, 28]);
        assert_eq!(at(2 + 6, 2 + 6), [170, 60, 60]);
    }

    #[test]
    fn sections_are_projected_and_wrong_ones_refused() {
        let plate = plate();
        let image = plate.image(WellPosition::new(0, 0), 0).unwrap();
        let picture = field(&plate, image, &options(8)).unwrap();
        assert_eq!((picture.height(), picture.width()), (8, 8));
        let wrong = ViewOptions { channels: vec![2], ..options(8) };
        assert!(field(&plate, image, &wrong).unwrap_err().to_string().contains("no channel 3"));
        let missing = plate.image(WellPosition::new(1, 1), 0).unwrap();
        assert_eq!(
            field(&plate, missing, &options(8)).unwrap_err().kind(),
            ErrorKind::MissingPlane
        );
    }
}
