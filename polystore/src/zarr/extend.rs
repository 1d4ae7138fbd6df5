//! Plates that lack something of what they are to be: wells and images that came later, and
//! those whose metadata are damaged or lost.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Mutex, OnceLock, PoisonError},
};

use serde_json::{Map, Value};

use super::{
    NgffVersion, Sharding, ZarrBackend, ZarrOptions,
    array::Array,
    create::{
        add_image, check_paths, expected_of_reader, image_extra, keep_windows, plate_group,
        well_group, well_name, with_images,
    },
    image::OpenImage,
    metadata::{Axes, EXTRA, Extra, Node, group_files, open_node, to_json},
    plate::OpenPlate,
    resume::declared_settings,
    store::{Directory, Found, Store, Tree, join},
};
use crate::{
    Error, ErrorKind, PlaneShape, Result, VirtualPath, WriteMode, fan_out,
    model::{ImageStructure, PassedOver, PlateStructure, check_part},
    parse_row_name,
};

/// Most bytes of the attributes of a group that are changed.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// What the store has of an image that is to be there.
enum State {
    /// It can be read.
    Whole(Box<OpenImage>),
    Absent,
    /// Its metadata cannot be read.
    Damaged,
}

impl ZarrBackend {
    /// Declares what the plate at `path` lacks of `structure`.
    pub(super) fn complete_plate(
        &self,
        path: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<()> {
        structure.check()?;
        check_paths(structure)?;
        let name = path.relative();
        let is_listed = match open_node(&self.store, name, self.options.version) {
            Ok(Some(Node::Group(_, group))) if group.plate.is_some() => true,
            Ok(Some(Node::Group(_, group))) if !group.is_plain() => {
                return self.declare_plate(path, structure);
            }
            Ok(Some(Node::Array(_))) => return self.declare_plate(path, structure),
            Ok(_) if !self.has_images(name, structure)? => {
                return self.declare_plate(path, structure);
            }
            Err(error) if error.kind() != ErrorKind::InvalidData => return Err(error),
            // What lists the wells is lost or damaged; it is made again.
            Ok(_) | Err(_) => false,
        };
        let directory = self.writer()?;
        let _lock = directory.lock(name)?;
        // What is there now, not what the cache says.
        self.uncache_plate(path);
        self.forget(path);
        let threads = self.options.io_concurrency;
        let there = match is_listed.then(|| OpenPlate::open(&self.store, name, threads)) {
            Some(Err(error)) if error.kind() != ErrorKind::InvalidData => return Err(error),
            Some(Ok(there)) => there,
            Some(Err(_)) | None => {
                self.check_no_more_wells(name, structure)?;
                let outline = PlateStructure { wells: Vec::new(), ..structure.clone() };
                let version = self.options.version;
                let (notes, passed_over) = (Vec::new(), PassedOver::default());
                OpenPlate::of_structure(
                    name.to_owned(),
                    version,
                    outline.into(),
                    notes,
                    passed_over,
                )
            }
        };
        let states = self.states(name, there.version, structure)?;
        let wanted = as_it_is(structure, &there, &states);
        let is_whole: Vec<bool> = (there.structure().images().enumerate())
            .map(|(ordinal, (_, image))| {
                let state = states.get(&image.path);
                matches!(state, Some(State::Whole(_))) && there.is_described(ordinal)
            })
            .collect();
        check_part(there.structure(), &wanted, |ordinal| is_whole[ordinal])?;
        check_others(&there, &wanted, &states)?;
        let like = states.values().find_map(|state| match state {
            State::Whole(image) => Some(image),
            _ => None,
        });
        let settings = declared_settings(&self.store, name, there.version);
        let options = match (like, settings.is_empty()) {
            (_, false) => self.options.with_settings(there.version, &settings)?,
            (Some(image), true) => self.options_like(image),
            (None, true) => ZarrOptions { version: there.version, ..self.options.clone() },
        };
        let mut touched = Vec::new();
        self.add_images(directory, name, &wanted, &states, &options)?;
        self.add_groups(directory, name, (&wanted, &states), &options, &mut touched)?;
        self.uncache_plate(path);
        self.forget(path);
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }

    /// Whether any well of `structure` is in the directory `plate`.
    fn has_images(&self, plate: &str, structure: &PlateStructure) -> Result<bool> {
        for well in with_images(structure) {
            if self.store.look(&join(plate, &well_name(well.position)))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses a plate without a list of its wells that has a well which `structure` has not:
    /// a new list would lose it.
    fn check_no_more_wells(&self, plate: &str, structure: &PlateStructure) -> Result<()> {
        let folders = |name: &str| -> Result<Vec<String>> {
            let listed = self.store.list(name)?.unwrap_or_default();
            let folders = listed.into_iter().filter(|entry| entry.is_directory);
            Ok(folders.map(|entry| entry.name).collect())
        };
        let is_wanted = |name: &str| {
            name.parse().is_ok_and(|position| {
                structure.well(position).is_some_and(|well| !well.fields.is_empty())
            })
        };
        for row in folders(plate)?.iter().filter(|row| parse_row_name(row).is_some()) {
            for column in folders(&join(plate, row))? {
                let is_column = column.bytes().all(|byte| byte.is_ascii_digit());
                if is_column && !is_wanted(&format!("{row}{column}")) {
                    let message = format!(
                        "the list of the plate's wells is damaged, and cannot be made again: \
                         well {row}{column} is there, which the source has not"
                    );
                    return Err(Error::new(ErrorKind::AlreadyExists, message)
                        .with_path(join(plate, row))
                        .with_hint("restore the list from a copy, or convert into another place"));
                }
            }
        }
        Ok(())
    }

    /// Looks at all images that are to be there, by their path below the plate.
    fn states<'a>(
        &self,
        plate: &str,
        version: NgffVersion,
        structure: &'a PlateStructure,
    ) -> Result<HashMap<&'a VirtualPath, State>> {
        let paths: Vec<_> = structure.images().map(|(_, image)| &image.path).collect();
        let slots: Vec<OnceLock<State>> = paths.iter().map(|_| OnceLock::new()).collect();
        let failure: Mutex<Option<Error>> = Mutex::default();
        fan_out::for_each(self.options.io_concurrency, paths.len(), |number| {
            match state(&self.store, &join(plate, paths[number].relative()), version) {
                Ok(state) => {
                    let _ = slots[number].set(state);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let states = slots.into_iter().map(|slot| slot.into_inner().unwrap_or(State::Absent));
        Ok(paths.into_iter().zip(states).collect())
    }

    /// The settings that the images of a store were made with.
    fn options_like(&self, image: &OpenImage) -> ZarrOptions {
        let layout = &image.layout;
        let mut options = ZarrOptions { version: layout.version, ..self.options.clone() };
        // What is the number that sizes ask for was not asked for, and others get theirs.
        let automatic = ZarrOptions { n_levels: 0, ..options.clone() };
        let is_automatic = automatic.levels_of(image.structure.sizes, 1) == layout.n_levels;
        options.n_levels = if is_automatic { 0 } else { layout.n_levels };
        options.codec = layout.array.chain.codec;
        if layout.axes != Axes::ALL {
            return options;
        }
        let array = &layout.array;
        let side = |dim: usize| u32::try_from(array.chunk_shape[dim]).unwrap_or(u32::MAX);
        let chunk = PlaneShape::new(side(3), side(4));
        let sizes = image.structure.sizes;
        options.chunk = (chunk != sizes.plane_shape()).then_some(chunk);
        let holds_all = array.file_shape[..2] == [u64::from(sizes.t), u64::from(sizes.c)];
        options.sharding = match (array.shard.is_some(), holds_all) {
            (false, _) => Sharding::None,
            (true, true) => Sharding::Image,
            (true, false) => Sharding::Channel,
        };
        options
    }

    /// Declares the images that are absent, and those again that are damaged.
    fn add_images(
        &self,
        directory: &Directory,
        plate: &str,
        wanted: &PlateStructure,
        states: &HashMap<&VirtualPath, State>,
        options: &ZarrOptions,
    ) -> Result<()> {
        let mut tree = Tree::default();
        let mut n_added = 0;
        for well in &wanted.wells {
            for (image, expected) in well.fields.iter().zip(expected_of_reader(&well.fields)) {
                match states.get(&image.path) {
                    Some(State::Whole(_)) => continue,
                    Some(State::Damaged) => {
                        self.remove_image(directory, &join(plate, image.path.relative()))?;
                    }
                    Some(State::Absent) | None => {}
                }
                let fresh = ImageStructure { n_levels: 1, ..image.clone() };
                let levels = if image.n_levels > 1 { image } else { &fresh };
                add_image(&mut tree, image.path.relative(), levels, expected, None, options)?;
                n_added += 1;
            }
        }
        if n_added == 0 { Ok(()) } else { directory.make_tree(plate, &tree, self.is_synced()) }
    }

    /// Removes what is left of an image that cannot be read. Its labels stay.
    fn remove_image(&self, directory: &Directory, name: &str) -> Result<()> {
        for listed in self.store.list(name)?.unwrap_or_default() {
            let below = join(name, &listed.name);
            match listed.is_directory {
                true if listed.name == "labels" => {}
                true => directory.remove_directory(&below)?,
                false => directory.remove_file(&below)?,
            }
        }
        if let Some(Found::File(_)) = self.store.look(name)? {
            directory.remove_file(name)?;
        }
        Ok(())
    }

    /// Brings the lists of the plate and its wells, and what images say of their field, to what
    /// is wanted; the list of the plate comes last.
    fn add_groups(
        &self,
        directory: &Directory,
        plate: &str,
        (wanted, states): (&PlateStructure, &HashMap<&VirtualPath, State>),
        options: &ZarrOptions,
        touched: &mut Vec<String>,
    ) -> Result<()> {
        let version = options.version;
        let mut put = |name: &str, ome: Map<String, Value>, extra: &Extra| {
            for (file, content) in group_files(version, ome, extra) {
                let place = join(&join(plate, name), file);
                let there = self.store.read(&place, MAX_JSON_BYTES)?;
                let Some(content) = merged(there, content, version) else { continue };
                let staged = directory.stage(&content, self.is_synced())?;
                staged.publish(&place, WriteMode::Overwrite, touched)?;
            }
            Ok::<(), Error>(())
        };
        let mut row = None;
        for well in with_images(wanted) {
            for (image, expected) in well.fields.iter().zip(expected_of_reader(&well.fields)) {
                if let Some(State::Whole(_)) = states.get(&image.path) {
                    put(image.path.relative(), Map::new(), &image_extra(image, expected))?;
                }
            }
            if row != Some(well.position.row) {
                row = Some(well.position.row);
                put(&well.position.row_name(), Map::new(), &Extra::default())?;
            }
            put(&well_name(well.position), well_group(wanted, well, version), &Extra::default())?;
        }
        let (ome, extra) = plate_group(wanted, version, options.settings());
        put("", ome, &extra)
    }
}

/// What is in the directory `name`.
///
/// # Errors
/// What says nothing about the image: of the file system, or that it is of a kind that is not
/// read.
fn state(store: &Store, name: &str, version: NgffVersion) -> Result<State> {
    let is_damage =
        |error: &Error| matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::MissingPlane);
    let image = match OpenImage::open(store, name, VirtualPath::root(), version) {
        Ok(Some(image)) => image,
        Ok(None) => {
            return Ok(match store.look(name)? {
                None => State::Absent,
                Some(_) => State::Damaged,
            });
        }
        Err(error) if is_damage(&error) => return Ok(State::Damaged),
        Err(error) => return Err(error),
    };
    for level in 1..image.layout.levels.len() {
        let folder = image.folder(u32::try_from(level).unwrap_or(u32::MAX));
        match Array::open(store, &folder, image.layout.version) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(State::Damaged),
            Err(error) if is_damage(&error) => return Ok(State::Damaged),
            Err(error) => return Err(error),
        }
    }
    Ok(State::Whole(Box::new(image)))
}

/// The plate with the windows and numbers of levels that its images have in the store: they
/// make no other image.
fn as_it_is(
    structure: &PlateStructure,
    there: &OpenPlate,
    states: &HashMap<&VirtualPath, State>,
) -> PlateStructure {
    let mut wanted = structure.clone();
    let known: HashMap<&VirtualPath, &ImageStructure> =
        there.structure().images().map(|(_, image)| (&image.path, image)).collect();
    let whole = |image: &ImageStructure| matches!(states.get(&image.path), Some(State::Whole(_)));
    let kind = |image: &ImageStructure| {
        let names = image.channels.iter().map(|channel| channel.name.clone());
        (image.acquisition, names.collect::<Vec<String>>())
    };
    let likes: HashMap<_, _> =
        (known.values().filter(|image| whole(image))).map(|image| (kind(image), *image)).collect();
    for image in wanted.wells.iter_mut().flat_map(|well| &mut well.fields) {
        let Some(State::Whole(found)) = states.get(&image.path) else {
            // What comes later is shown as what is there.
            if let Some(like) = likes.get(&kind(image)) {
                keep_windows(image, like);
            }
            continue;
        };
        let found = known.get(&image.path).copied().unwrap_or(&found.structure);
        if image.n_levels == 1 {
            image.n_levels = found.n_levels;
        }
        keep_windows(image, found);
    }
    wanted
}

/// Checks the images that the plate does not list, because the list of their well is lost.
fn check_others(
    there: &OpenPlate,
    wanted: &PlateStructure,
    states: &HashMap<&VirtualPath, State>,
) -> Result<()> {
    let listed = there.structure().image_ordinals();
    for (well, image) in wanted.images().filter(|(_, image)| !listed.contains_key(&image.path)) {
        let Some(State::Whole(found)) = states.get(&image.path) else { continue };
        let found = &found.structure;
        let field = u64::from(image.field) + 1;
        if found.name != image.name {
            let message = format!(
                "the list that says which field this image is of is damaged; it is called `{}`, \
                 and field {field} of well {well} `{}`",
                found.name, image.name
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_path(&image.path)
                .with_hint("restore the list from a copy, or choose another place"));
        }
        if (found.sizes, found.pixel_type, found.kind)
            != (image.sizes, image.pixel_type, image.kind)
        {
            let message = format!(
                "another image is there: {} {}, not the {} {} of well {well}",
                found.sizes, found.pixel_type, image.sizes, image.pixel_type
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_path(&image.path)
                .with_hint("choose another place"));
        }
    }
    Ok(())
}

/// The metadata of a group with what is wanted in them: everything else stays, but our own
/// attribute is replaced. `None` when there is nothing to change.
fn merged(there: Option<Vec<u8>>, wanted: Vec<u8>, version: NgffVersion) -> Option<Vec<u8>> {
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).ok();
    let Some(before) = there.and_then(|json| parse(&json)).filter(Value::is_object) else {
        return Some(wanted);
    };
    let mut after = before.clone();
    let attributes = match version {
        NgffVersion::V04 => Some(&mut after),
        NgffVersion::V05 => after.get_mut("attributes"),
    };
    if let Some(attributes) = attributes.and_then(Value::as_object_mut) {
        attributes.remove(EXTRA);
    }
    merge(&mut after, parse(&wanted)?);
    (after != before).then(|| to_json(&after))
}

/// Puts the entries of `new` into `value`, objects into objects.
fn merge(value: &mut Value, new: Value) {
    match (value, new) {
        (Value::Object(value), Value::Object(new)) => {
            for (key, new) in new {
                merge(value.entry(key).or_insert(Value::Null), new);
            }
        }
        (value, new) => *value = new,
    }
}
