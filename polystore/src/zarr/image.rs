//! Images as a store describes them: an NGFF group with its arrays, or an array alone.

use std::sync::{Arc, OnceLock};

use super::{
    NgffVersion,
    array::Array,
    metadata::{Axes, Group, ImageExtra, Multiscale, Node, open_node},
    store::{Store, join},
    window::Grid,
};
use crate::{
    Error, Result, VirtualPath,
    model::{Channel, ImageKind, ImageStructure, Sizes},
    words::count,
};

/// Where the pixels of an image are: the same for many images of a plate, which share it.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) version: NgffVersion,
    pub(super) axes: Axes,
    /// Names of the levels' arrays below the image, full size first.
    pub(super) levels: Vec<Box<str>>,
    /// The array of full size.
    pub(super) array: Arc<Array>,
    /// Levels whose arrays are halves of one another; the others are not read.
    pub(super) n_levels: u32,
}

/// An image that can be read and written.
#[derive(Debug)]
pub(super) struct OpenImage {
    /// Its directory in the store.
    pub(super) name: String,
    pub(super) structure: ImageStructure,
    pub(super) layout: Arc<Layout>,
    /// The arrays of levels 1 and up, read when they are needed.
    upper: Vec<OnceLock<Arc<Array>>>,
}

/// What an image's own metadata say, apart from where it is.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) name: Option<String>,
    pub(super) layout: Arc<Layout>,
    pub(super) sizes: Sizes,
    pub(super) channels: Arc<[Channel]>,
    pub(super) physical_size: crate::model::PhysicalSize,
    pub(super) kind: ImageKind,
    pub(super) extra: ImageExtra,
}

impl Described {
    /// The image as the model has it, at `path`.
    pub(super) fn structure(&self, path: VirtualPath) -> ImageStructure {
        let name = self.name.clone();
        ImageStructure {
            name: name.unwrap_or_else(|| path.name().unwrap_or("image").to_owned()),
            field: self.extra.field.unwrap_or(0),
            acquisition: self.extra.acquisition.unwrap_or(0),
            channels: Arc::clone(&self.channels),
            physical_size: self.physical_size,
            position: self.extra.position,
            n_levels: self.layout.n_levels,
            kind: self.kind,
            absent: self.extra.absent.clone(),
            ..ImageStructure::new(path, self.layout.array.data_type.pixel_type(), self.sizes)
        }
    }
}

impl OpenImage {
    pub(super) fn new(name: String, structure: ImageStructure, layout: Arc<Layout>) -> Self {
        let upper = (1..layout.n_levels).map(|_| OnceLock::new()).collect();
        Self { name, structure, layout, upper }
    }

    /// Opens the image in the directory `name`; `None` when there is none.
    ///
    /// # Errors
    /// `InvalidData` naming the file that is malformed, `Unsupported` for what is not read.
    pub(super) fn open(
        store: &Store,
        name: &str,
        path: VirtualPath,
        prefer: NgffVersion,
    ) -> Result<Option<Self>> {
        let described = match open_node(store, name, prefer)? {
            Some(Node::Group(version, group)) if group.is_image() => {
                describe(store, name, version, *group, &Arrays::default())?
            }
            Some(Node::Array(array)) => describe_array(*array, prefer)?,
            _ => return Ok(None),
        };
        let structure = described.structure(path);
        structure.check().map_err(as_data)?;
        Ok(Some(Self::new(name.to_owned(), structure, described.layout)))
    }

    /// The array of `level`, which must be below the image's number of levels.
    pub(super) fn array(&self, store: &Store, level: u32) -> Result<&Arc<Array>> {
        let Some(slot) = (level as usize).checked_sub(1).and_then(|at| self.upper.get(at)) else {
            return Ok(&self.layout.array);
        };
        if let Some(array) = slot.get() {
            return Ok(array);
        }
        let name = self.folder(level);
        let array =
            Array::open(store, &name, self.layout.version)?.ok_or_else(|| no_array(&name))?;
        if !self.layout.fits(&array, level) {
            return Err(Error::invalid_data("level is no half of the one before").with_path(name));
        }
        Ok(slot.get_or_init(|| Arc::new(array)))
    }

    /// The directory of the array of `level`.
    pub(super) fn folder(&self, level: u32) -> String {
        let below = self.layout.levels.get(level as usize).map_or("", |level| level);
        join(&self.name, below)
    }

    /// How `array`, of any level of this image, is cut into chunks.
    pub(super) fn grid<'a>(&self, array: &'a Array) -> Grid<'a> {
        Grid::new(array, self.layout.axes)
    }
}

impl Layout {
    /// Whether `array` is what halving makes of the full size.
    fn fits(&self, array: &Array, level: u32) -> bool {
        let (Ok(full), Ok(found)) =
            (self.axes.sizes(&self.array.shape), self.axes.sizes(&array.shape))
        else {
            return false;
        };
        let half = full.level_shape(level);
        let expected = Sizes::new(full.t, full.c, full.z, half.height, half.width);
        found == expected && array.data_type.pixel_type() == self.array.data_type.pixel_type()
    }
}

/// Descriptions of arrays that were read before, by their text: the images of a plate have
/// the same one many times.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    known: std::sync::RwLock<std::collections::HashMap<Vec<u8>, Arc<Array>>>,
    layouts: std::sync::RwLock<Vec<Arc<Layout>>>,
}

/// Most descriptions that are kept to be recognised.
const MAX_KNOWN: usize = 64;

impl Arrays {
    fn open(&self, store: &Store, name: &str, version: NgffVersion) -> Result<Option<Arc<Array>>> {
        use std::sync::PoisonError;
        let file = join(name, Array::file(version));
        let Some(json) = store.read(&file, super::array::MAX_ARRAY_JSON_BYTES)? else {
            return Ok(None);
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&json).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let array = Array::parse(&json, version).map_err(|error| error.with_path(file))?;
        let Some(array) = array.map(Arc::new) else { return Ok(None) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_KNOWN {
            known.insert(json, Arc::clone(&array));
        }
        Ok(Some(array))
    }

    /// The layout of an image, shared with like ones; `count` finds its number of levels.
    fn layout(
        &self,
        mut layout: Layout,
        count: impl FnOnce(&Layout) -> Result<u32>,
    ) -> Result<Arc<Layout>> {
        use std::sync::PoisonError;
        let is_like = |known: &&Arc<Layout>| {
            (known.version, known.axes) == (layout.version, layout.axes)
                && known.levels == layout.levels
                && known.array == layout.array
        };
        let layouts = self.layouts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = layouts.iter().find(is_like) {
            return Ok(Arc::clone(known));
        }
        drop(layouts);
        layout.n_levels = count(&layout)?;
        let layout = Arc::new(layout);
        let mut layouts = self.layouts.write().unwrap_or_else(PoisonError::into_inner);
        if layouts.len() < MAX_KNOWN {
            layouts.push(Arc::clone(&layout));
        }
        Ok(layout)
    }
}

/// Reads the image whose group is in the directory `name`.
pub(super) fn describe(
    store: &Store,
    name: &str,
    version: NgffVersion,
    group: Group,
    arrays: &Arrays,
) -> Result<Described> {
    let Group { multiscales, omero, image_label, extra, .. } = group;
    let first = multiscales.and_then(|images| images.into_iter().next());
    let first = first.ok_or_else(|| Error::invalid_data("is no image").with_path(name))?;
    let Multiscale { name: title, axes, levels, physical_size } =
        first.check().map_err(|error| error.with_path(name))?;
    let folder = join(name, &levels[0]);
    let array = arrays.open(store, &folder, version)?.ok_or_else(|| no_array(&folder))?;
    let axes = axes.map_or_else(|| Axes::trailing(array.n_dims()), Ok);
    let axes = axes.map_err(|error| error.with_path(name))?;
    let sizes = axes.sizes(&array.shape).map_err(|error| error.with_path(&folder))?;
    let layout = Layout { version, axes, levels, array, n_levels: 1 };
    let layout = arrays.layout(layout, |layout| count_levels(store, name, layout))?;
    let extra = extra.and_then(|extra| extra.image).unwrap_or_default();
    let kind = if image_label.is_some() { ImageKind::Labels } else { ImageKind::Intensity };
    let n_channels = n_channels(sizes, name)?;
    let mut channels = match omero {
        Some(omero) => omero.channels(n_channels),
        None => vec![Channel::default(); n_channels],
    };
    for (channel, extra) in channels.iter_mut().zip(&extra.channels) {
        channel.excitation_nm = extra.excitation_nm;
        channel.emission_nm = extra.emission_nm;
        channel.number = extra.number;
        if let Some(name) = &extra.name {
            channel.name.clone_from(name);
        }
        channel.color = extra.color.or(channel.color);
        if extra.colorless {
            channel.color = None;
        }
    }
    let channels = channels.into();
    Ok(Described { name: title, layout, sizes, channels, physical_size, kind, extra })
}

/// Most channels of an image.
const MAX_CHANNELS: u32 = 65_536;

fn n_channels(sizes: Sizes, name: &str) -> Result<usize> {
    if sizes.c <= MAX_CHANNELS {
        return Ok(sizes.c as usize);
    }
    let message = format!("image has {} channels, more than the {MAX_CHANNELS} accepted", sizes.c);
    Err(Error::new(crate::ErrorKind::LimitExceeded, message).with_path(name))
}

/// An array without NGFF metadata, as an image of one level.
fn describe_array(array: Array, version: NgffVersion) -> Result<Described> {
    let names: Option<Vec<String>> = array.dimension_names.iter().cloned().collect();
    let named = names.filter(|names| names.len() == array.n_dims());
    let axes = named.and_then(|names| Axes::from_names(&names).ok());
    let axes = axes.map_or_else(|| Axes::trailing(array.n_dims()), Ok)?;
    let sizes = axes.sizes(&array.shape)?;
    let channels = vec![Channel::default(); n_channels(sizes, "")?].into();
    let levels = vec!["".into()];
    let layout = Layout { version, axes, levels, array: Arc::new(array), n_levels: 1 };
    Ok(Described {
        name: None,
        layout: Arc::new(layout),
        sizes,
        channels,
        physical_size: Default::default(),
        kind: ImageKind::Intensity,
        extra: ImageExtra::default(),
    })
}

/// How many levels are halves of one another. Pyramids made otherwise (rounded down, by
/// other factors, along z too) are read as far as they are. A level that is lost or damaged
/// counts: reading it tells.
///
/// # Errors
/// `InvalidData` for a level of other timepoints or channels than the full size: those are never
/// made fewer, so one of the two descriptions is damaged.
fn count_levels(store: &Store, name: &str, layout: &Layout) -> Result<u32> {
    let n_levels = u32::try_from(layout.levels.len()).unwrap_or(1);
    for level in 1..n_levels {
        let folder = join(name, &layout.levels[level as usize]);
        let Ok(Some(array)) = Array::open(store, &folder, layout.version) else { continue };
        if layout.fits(&array, level) {
            continue;
        }
        let sizes = |array: &Array| layout.axes.sizes(&array.shape);
        if let (Ok(full), Ok(found)) = (sizes(&layout.array), sizes(&array))
            && (full.t, full.c) != (found.t, found.c)
        {
            let of = |sizes: Sizes| {
                format!("{} and {}", count(sizes.t, "timepoint"), count(sizes.c, "channel"))
            };
            let message = format!("has {}, and the full size {}", of(found), of(full));
            return Err(Error::invalid_data(message)
                .with_path(folder)
                .with_hint("one of the two is damaged; convert the image again"));
        }
        return Ok(level);
    }
    Ok(n_levels)
}

fn no_array(folder: &str) -> Error {
    Error::invalid_data("image names this array, which is not there").with_path(folder)
}

/// What does not hold together in a store is bad data, not a bad call.
pub(super) fn as_data(error: Error) -> Error {
    if error.kind() != crate::ErrorKind::InvalidInput {
        return error;
    }
    let changed = Error::invalid_data(error.message().to_owned());
    match error.path() {
        Some(path) => changed.with_path(path),
        None => changed,
    }
}
