//! Declares plates and images: all their metadata at once, before any plane is written.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{
    MAX_LEVELS, NgffVersion, Sharding, ZarrBackend, ZarrOptions,
    array::{Array, ChunkKeys, DataType, ShardIndex},
    codec::{Chain, Codec},
    labels::as_labels,
    metadata::{
        self, Axes, ChannelExtra, Extra, ImageExtra, Node, PlateExtra, WellJson, group_files,
        image_label, omero, open_node,
    },
    store::{Found, Tree, join, split},
};
use crate::{
    Error, ErrorKind, PixelType, Result, VirtualPath, WriteMode,
    model::{Channel, ImageKind, ImageStructure, PlateStructure, WellStructure},
    words::count,
};

impl ZarrBackend {
    /// Declares a plate.
    pub(super) fn declare_plate(
        &self,
        path: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<()> {
        structure.check()?;
        check_paths(structure)?;
        let directory = self.writer()?;
        self.check_above(path)?;
        let name = path.relative();
        match open_node(&self.store, name, self.options.version)? {
            Some(Node::Group(_, group)) if group.plate.is_some() => {
                return self.check_same_plate(path, structure);
            }
            Some(Node::Group(_, group)) if group.is_plain() => {}
            Some(_) => return Err(exists("something else is there")),
            None if matches!(self.store.look(name)?, Some(Found::File(_))) => {
                return Err(exists("a file is there"));
            }
            None => {}
        }
        let tree = plate_tree(structure, &self.options)?;
        directory.make_tree(name, &tree, self.is_synced())?;
        self.forget(path);
        Ok(())
    }

    fn check_same_plate(&self, path: &VirtualPath, structure: &PlateStructure) -> Result<()> {
        let there = self.open_plate(path)?;
        let mut wanted = structure.clone();
        for (image, there) in wanted
            .wells
            .iter_mut()
            .flat_map(|well| &mut well.fields)
            .zip(there.structure().images().map(|(_, image)| image))
        {
            // How many levels there are was the choice of the options, then.
            if image.n_levels == 1 {
                image.n_levels = there.n_levels;
            }
            keep_windows(image, there);
        }
        if **there.structure() == wanted {
            return Ok(());
        }
        Err(exists("another plate is there")
            .with_hint(difference(&wanted, there.structure()).unwrap_or_default()))
    }

    /// Declares one image.
    pub(super) fn declare_image(&self, path: &VirtualPath, image: &ImageStructure) -> Result<()> {
        let mut image = ImageStructure { path: path.clone(), ..image.clone() };
        image.check()?;
        let directory = self.writer()?;
        let label = self.label_place(path)?;
        match &label {
            Some(place) => as_labels(&mut image, place)?,
            None => self.check_above(path)?,
        }
        let name = path.relative();
        match open_node(&self.store, name, self.options.version)? {
            Some(Node::Group(_, group)) if group.is_image() => {
                self.check_same_image(path, &image)?;
                // A writer that was killed may not have got as far as the list.
                return label.map_or(Ok(()), |place| self.register_label(&place));
            }
            Some(_) => return Err(exists("something else is there")),
            None if self.store.look(name)?.is_some() => {
                return Err(exists("a file or directory is there"));
            }
            None if self.declared_plane(path)? => {
                return Err(exists("a plane of a declared image has this name"));
            }
            None => {}
        }
        let version = match &label {
            Some(place) => place.version,
            None => self.options.version,
        };
        let n_levels = match &label {
            Some(_) => image.n_levels,
            None => self.options.n_levels,
        };
        let options = ZarrOptions { version, n_levels, ..self.options.clone() };
        if version == NgffVersion::V04 && options.sharding != Sharding::None {
            return Err(Error::invalid_input(
                "the image that the labels belong to is OME-Zarr 0.4, which has no shards",
            ));
        }
        let mut tree = Tree::default();
        let source = label.is_some().then_some("../../");
        add_image(&mut tree, "", &image, (0, 0), source, &options)?;
        directory.make_tree(name, &tree, self.is_synced())?;
        if label.is_none() {
            self.declare_groups_above(path)?;
        }
        self.forget(path);
        label.map_or(Ok(()), |place| self.register_label(&place))
    }

    /// Makes groups of the directories above `path` that are nothing yet: zarr finds nothing
    /// below what is no group.
    fn declare_groups_above(&self, path: &VirtualPath) -> Result<()> {
        let directory = self.writer()?;
        let mut touched = Vec::new();
        for above in path.ancestors().skip(1) {
            let name = above.relative();
            if open_node(&self.store, name, self.options.version)?.is_some() {
                continue;
            }
            for (file, content) in group_files(self.options.version, Map::new(), &Extra::default())
            {
                let staged = directory.stage(&content, self.is_synced())?;
                match staged.publish(&join(name, file), WriteMode::CreateNew, &mut touched) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    result => result?,
                }
            }
        }
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }

    fn check_same_image(&self, path: &VirtualPath, wanted: &ImageStructure) -> Result<()> {
        let there = self.describe_path(path)?;
        let mut wanted = wanted.clone();
        if wanted.n_levels == 1 {
            wanted.n_levels = there.n_levels;
        }
        keep_windows(&mut wanted, &there);
        if there == wanted { Ok(()) } else { Err(exists("another image is there")) }
    }

    /// Refuses to declare something below a file, an image or an array, and an image in a well
    /// that does not list it.
    pub(super) fn check_above(&self, path: &VirtualPath) -> Result<()> {
        for above in path.ancestors().skip(1) {
            let name = above.relative();
            let inside = match open_node(&self.store, name, self.options.version) {
                Ok(Some(Node::Array(_))) => Some("an array"),
                Ok(Some(Node::Group(_, group))) if group.is_image() => Some("an image"),
                Ok(Some(Node::Group(_, group))) => {
                    group.well.map_or(Ok(()), |well| check_listed(well, &above, path))?;
                    None
                }
                Ok(None) | Err(_) => match self.store.look(name)? {
                    Some(Found::File(_)) => Some("a file"),
                    _ => None,
                },
            };
            if let Some(what) = inside {
                let message = format!("{above} is {what}, nothing goes below it");
                return Err(Error::new(ErrorKind::AlreadyExists, message).with_path(path));
            }
        }
        Ok(())
    }
}

/// Refuses an image that the well at `above` does not list: no reader would see it.
fn check_listed(well: WellJson, above: &VirtualPath, path: &VirtualPath) -> Result<()> {
    let Ok(images) = well.check() else { return Ok(()) };
    if images.iter().any(|image| above.append(&image.path) == *path) {
        return Ok(());
    }
    Err(Error::invalid_input("the well does not list this image, and no reader would find it")
        .with_path(path)
        .with_hint("declare the plate with the field, or choose a place outside of the plate"))
}

/// Which values viewers show is a setting that may have been changed since: it makes no other
/// image.
pub(super) fn keep_windows(wanted: &mut ImageStructure, there: &ImageStructure) {
    let windows = there.channels.iter().map(|channel| channel.window);
    let differs = wanted.channels.iter().zip(windows.clone()).any(|(c, window)| c.window != window);
    if differs && wanted.channels.len() == there.channels.len() {
        let channels = wanted.channels.iter().zip(windows);
        wanted.channels =
            channels.map(|(channel, window)| Channel { window, ..channel.clone() }).collect();
    }
}

fn exists(message: &'static str) -> Error {
    Error::new(ErrorKind::AlreadyExists, message)
}

/// What differs between two plates, for people.
fn difference(wanted: &PlateStructure, there: &PlateStructure) -> Option<String> {
    if wanted.n_images() != there.n_images() {
        let (ours, theirs) = (wanted.n_images(), there.n_images());
        return Some(format!("it has {}, not {ours}", count(theirs, "image")));
    }
    let mut pairs = wanted.images().zip(there.images());
    let differing = pairs.find(|(one, other)| one != other);
    if let Some(((position, image), _)) = differing {
        return Some(format!("field {} of well {position} is another", u64::from(image.field) + 1));
    }
    Some("its name, grid or acquisitions are others".to_owned())
}

/// Checks that images stand where OME-Zarr has them: `/row/column/name`.
pub(super) fn check_paths(structure: &PlateStructure) -> Result<()> {
    for (position, image) in structure.images() {
        let folder = well_name(position);
        let below =
            image.path.relative().strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/'));
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !below.is_some_and(is_name) {
            return Err(Error::invalid_input(format!(
                "images of well {position} stand at /{folder}/NAME in OME-Zarr, \
                 with a name of letters and digits"
            ))
            .with_path(&image.path)
            .with_hint("`convert::retarget` with `TargetLayout::Zarr` gives a plate such paths"));
        }
    }
    Ok(())
}

pub(super) fn well_name(position: crate::WellPosition) -> String {
    format!("{}/{}", position.row_name(), metadata::column_name(position.column))
}

/// The wells that NGFF can list: a well's list of images is not empty.
pub(super) fn with_images(structure: &PlateStructure) -> impl Iterator<Item = &WellStructure> {
    structure.wells.iter().filter(|well| !well.fields.is_empty())
}

/// All metadata of a plate.
fn plate_tree(structure: &PlateStructure, options: &ZarrOptions) -> Result<Tree> {
    let version = options.version;
    let mut tree = Tree::default();
    let mut row = None;
    for well in with_images(structure) {
        if row != Some(well.position.row) {
            add_group(&mut tree, &well.position.row_name(), version, Map::new(), &Extra::default());
            row = Some(well.position.row);
        }
        add_well(&mut tree, structure, well, options)?;
    }
    let (ome, extra) = plate_group(structure, version, options.settings());
    add_group(&mut tree, "", version, ome, &extra);
    Ok(tree)
}

/// The attributes of a plate's own group; `settings` are those that its images are made with.
pub(super) fn plate_group(
    structure: &PlateStructure,
    version: NgffVersion,
    settings: BTreeMap<String, String>,
) -> (Map<String, Value>, Extra) {
    let mut ome = Map::new();
    ome.insert("plate".to_owned(), metadata::plate(version, structure));
    let extra = PlateExtra {
        microscope: structure.microscope.clone(),
        naming: structure.naming.clone(),
        id: structure.id.clone(),
        wells_without_images: structure
            .wells
            .iter()
            .filter(|well| well.fields.is_empty())
            .map(|well| well.position)
            .collect(),
        passed_over: structure.passed_over.clone(),
        settings,
    };
    (ome, Extra { plate: Some(extra), image: None })
}

fn add_group(
    tree: &mut Tree,
    name: &str,
    version: NgffVersion,
    ome: Map<String, Value>,
    extra: &Extra,
) {
    for (file, content) in group_files(version, ome, extra) {
        tree.add(join(name, file), content);
    }
}

fn add_well(
    tree: &mut Tree,
    structure: &PlateStructure,
    well: &WellStructure,
    options: &ZarrOptions,
) -> Result<()> {
    for (image, expected) in well.fields.iter().zip(expected_of_reader(&well.fields)) {
        add_image(tree, image.path.relative(), image, expected, None, options)?;
    }
    let ome = well_group(structure, well, options.version);
    add_group(tree, &well_name(well.position), options.version, ome, &Extra::default());
    Ok(())
}

/// The attributes of a well's group.
pub(super) fn well_group(
    structure: &PlateStructure,
    well: &WellStructure,
    version: NgffVersion,
) -> Map<String, Value> {
    let several = structure.acquisitions.len() > 1;
    let is_numbered = structure.acquisitions.first().is_some_and(|first| first.id != 0);
    let mut images = Vec::with_capacity(well.fields.len());
    for image in &well.fields {
        let acquisition = structure.acquisitions.get(image.acquisition as usize);
        let id = acquisition.map(|acquisition| acquisition.id).filter(|_| several || is_numbered);
        images.push((split(image.path.relative()).1, id));
    }
    let mut ome = Map::new();
    ome.insert("well".to_owned(), metadata::well(version, &images));
    ome
}

/// The field and the acquisition that a reader takes each image of a well for, by its place
/// in the well's list.
pub(super) fn expected_of_reader(fields: &[ImageStructure]) -> Vec<(u32, u32)> {
    let mut n_fields: HashMap<u32, u32> = HashMap::new();
    let expected = fields.iter().map(|image| {
        let next = n_fields.entry(image.acquisition).or_default();
        let expected = (*next, image.acquisition);
        *next += 1;
        expected
    });
    expected.collect()
}

/// Adds an image at `name`. `expected` is the field and the acquisition that a reader takes
/// it for; `source` the way to the image that a label image belongs to.
pub(super) fn add_image(
    tree: &mut Tree,
    name: &str,
    image: &ImageStructure,
    expected: (u32, u32),
    source: Option<&str>,
    options: &ZarrOptions,
) -> Result<()> {
    let version = options.version;
    if image.n_levels > MAX_LEVELS {
        let message = format!("{} levels; {MAX_LEVELS} are the most", image.n_levels);
        return Err(Error::invalid_input(message).with_path(&image.path));
    }
    let n_levels = options.levels_of(image.sizes, image.n_levels);
    let mut ome = Map::new();
    ome.insert("multiscales".to_owned(), metadata::multiscales(version, image, n_levels));
    if let Some(omero) = omero(image) {
        ome.insert("omero".to_owned(), omero);
    }
    if image.kind == ImageKind::Labels {
        ome.insert("image-label".to_owned(), image_label(version, source));
    }
    add_group(tree, name, version, ome, &image_extra(image, expected));
    for level in 0..n_levels {
        let array = plan_array(image, level, options).check()?;
        super::window::Grid::new(&array, Axes::ALL)
            .check_size(image.sizes.level_shape(level).full())?;
        let (file, content) = array.describe(version)?;
        tree.add(join(name, &format!("{level}/{file}")), content);
    }
    Ok(())
}

/// What an image says of itself that NGFF has no place for; `expected` as for [`add_image`].
pub(super) fn image_extra(image: &ImageStructure, expected: (u32, u32)) -> Extra {
    let has_omero = omero(image).is_some();
    let is_labels = image.kind == ImageKind::Labels;
    let channel = |channel: &Channel| ChannelExtra {
        name: (is_labels && !channel.name.is_empty()).then(|| channel.name.clone()),
        color: channel.color.filter(|_| is_labels),
        excitation_nm: channel.excitation_nm,
        emission_nm: channel.emission_nm,
        number: channel.number,
        colorless: has_omero && channel.color.is_none(),
    };
    let channels: Vec<_> = image.channels.iter().map(channel).collect();
    let is_known = channels.iter().any(|channel| *channel != ChannelExtra::default());
    let (field, acquisition) = expected;
    let extra = ImageExtra {
        field: (image.field != field).then_some(image.field),
        acquisition: (image.acquisition != acquisition).then_some(image.acquisition),
        position: image.position,
        channels: if is_known { channels } else { Vec::new() },
        absent: image.absent.clone(),
    };
    Extra { plate: None, image: (extra != ImageExtra::default()).then_some(extra) }
}

/// The array of a level, cut into chunks and files by the options.
pub(super) fn plan_array(image: &ImageStructure, level: u32, options: &ZarrOptions) -> Array {
    let sizes = image.sizes;
    let plane = sizes.level_shape(level);
    let chunk = options.chunk_of(plane, image.pixel_type.size_bytes());
    let chunk_shape = vec![1, 1, 1, u64::from(chunk.height), u64::from(chunk.width)];
    let mut file_shape = chunk_shape.clone();
    let whole = |size: u32, extent: u32| u64::from(size.div_ceil(extent)) * u64::from(extent);
    if options.sharding != Sharding::None {
        file_shape[2] = u64::from(sizes.z);
        file_shape[3] = whole(plane.height, chunk.height);
        file_shape[4] = whole(plane.width, chunk.width);
    }
    if options.sharding == Sharding::Image {
        file_shape[0] = u64::from(sizes.t);
        file_shape[1] = u64::from(sizes.c);
    }
    let index_chain = Chain { codec: Codec::None, n_checksums: 1 };
    let shard = (options.sharding != Sharding::None)
        .then_some(ShardIndex { chain: index_chain, at_end: true });
    let shape = [sizes.t, sizes.c, sizes.z, plane.height, plane.width].map(u64::from).to_vec();
    Array {
        shape,
        file_shape,
        chunk_shape,
        shard,
        data_type: DataType::of(image.pixel_type),
        order: (0..5).collect(),
        chain: Chain::new(options.codec),
        keys: match options.version {
            NgffVersion::V04 => ChunkKeys::V2,
            NgffVersion::V05 => ChunkKeys::V3,
        },
        fill: Some(vec![0; PixelType::size_bytes(image.pixel_type)]),
        dimension_names: ["t", "c", "z", "y", "x"].map(|name| Some(name.to_owned())).to_vec(),
    }
}

/// The metadata of the group that lists the labels of an image.
pub(super) fn labels_group(version: NgffVersion, names: &[String]) -> Vec<(&'static str, Vec<u8>)> {
    let mut ome = Map::new();
    ome.insert("labels".to_owned(), json!(names));
    group_files(version, ome, &Extra::default())
}
