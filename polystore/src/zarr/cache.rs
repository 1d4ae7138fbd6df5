//! Structures of plates in the structure cache, without what like images repeat.

use serde::{Deserialize, Serialize};

use super::{
    NgffVersion, ZarrBackend,
    create::well_name,
    metadata::attributes_file,
    plate::OpenPlate,
    store::{Found, Store, join, split},
};
use crate::{
    Error, Result, VirtualPath, WellPosition,
    model::{ImageStructure, PassedOver, PlaneSet, PlateStructure, StagePosition, WellStructure},
    structure_cache::Dependencies,
};

/// Part of the key: changes with the layout of what is cached.
const FORMAT: &str = "zarr-2";

/// An opened plate as it is cached.
#[derive(Serialize, Deserialize)]
pub(super) struct CachedPlate {
    version: String,
    notes: Vec<String>,
    passed_over: PassedOver,
    /// Without wells.
    plate: PlateStructure,
    /// Row, column and number of images of each well.
    wells: Vec<(u32, u32, u32)>,
    /// Images that differ in more than their names and places.
    kinds: Vec<ImageStructure>,
    images: Vec<CachedImage>,
}

#[derive(Serialize, Deserialize)]
struct CachedImage {
    kind: u32,
    path: VirtualPath,
    name: String,
    field: u32,
    acquisition: u32,
    position: Option<StagePosition>,
    absent: PlaneSet,
}

impl CachedPlate {
    pub(super) fn of(plate: &OpenPlate) -> Self {
        let structure = plate.structure();
        let mut kinds: Vec<ImageStructure> = Vec::new();
        let mut images = Vec::with_capacity(structure.n_images());
        let mut last = 0;
        for (_, image) in structure.images() {
            let kind = ImageStructure {
                path: VirtualPath::root(),
                name: String::new(),
                field: 0,
                acquisition: 0,
                position: None,
                absent: PlaneSet::default(),
                ..image.clone()
            };
            if kinds.get(last) != Some(&kind) {
                last = kinds.iter().position(|known| *known == kind).unwrap_or(kinds.len());
                if last == kinds.len() {
                    kinds.push(kind);
                }
            }
            images.push(CachedImage {
                kind: last as u32,
                path: image.path.clone(),
                name: image.name.clone(),
                field: image.field,
                acquisition: image.acquisition,
                position: image.position,
                absent: image.absent.clone(),
            });
        }
        let wells = structure
            .wells
            .iter()
            .map(|well| (well.position.row, well.position.column, well.fields.len() as u32));
        Self {
            version: plate.version.to_string(),
            notes: plate.notes.clone(),
            passed_over: plate.passed_over.clone(),
            plate: PlateStructure { wells: Vec::new(), ..(**structure).clone() },
            wells: wells.collect(),
            kinds,
            images,
        }
    }

    /// The plate again; `None` when the parts do not fit together.
    pub(super) fn into_plate(self, name: &str) -> Option<OpenPlate> {
        let version: NgffVersion = self.version.parse().ok()?;
        let mut structure = self.plate;
        let mut images = self.images.into_iter();
        structure.wells.reserve_exact(self.wells.len());
        for (row, column, n_images) in self.wells {
            let mut well = WellStructure::new(WellPosition::new(row, column));
            well.fields.reserve_exact((n_images as usize).min(images.len()));
            for _ in 0..n_images {
                let image = images.next()?;
                well.fields.push(ImageStructure {
                    path: image.path,
                    name: image.name,
                    field: image.field,
                    acquisition: image.acquisition,
                    position: image.position,
                    absent: image.absent,
                    ..self.kinds.get(image.kind as usize)?.clone()
                });
            }
            structure.wells.push(well);
        }
        structure.check().ok()?;
        let (name, structure) = (name.to_owned(), structure.into());
        Some(OpenPlate::of_structure(name, version, structure, self.notes, self.passed_over))
    }
}

impl ZarrBackend {
    /// The plate at `path` from the cache, if it is there and nothing changed.
    pub(super) fn cached_plate(&self, path: &VirtualPath) -> Option<OpenPlate> {
        let cached: CachedPlate = self.options.cache.as_ref()?.load(&self.cache_key(path))?;
        cached.into_plate(path.relative())
    }

    /// Caches an opened plate; a cache that cannot be written is no reason to fail.
    pub(super) fn cache_plate(&self, path: &VirtualPath, plate: &OpenPlate) {
        let Some(cache) = &self.options.cache else { return };
        let stored = dependencies(&self.store, path.relative(), plate).and_then(|dependencies| {
            cache.store(&self.cache_key(path), &dependencies, &CachedPlate::of(plate))
        });
        if let Err(error) = stored {
            tracing::debug!(error = %error.chain(), "structure was not cached");
        }
    }

    /// Removes the plate at `path` from the cache: an image of it turned out to be another.
    pub(super) fn uncache_plate(&self, path: &VirtualPath) {
        if let Some(cache) = &self.options.cache {
            let _ = std::fs::remove_file(cache.entry_path(&self.cache_key(path)));
        }
    }

    fn cache_key(&self, path: &VirtualPath) -> String {
        format!("{FORMAT}|{}|{path}", self.location().display())
    }
}

/// What a plate's structure was made from: the lists of the plate and its wells, and the
/// folders that rows are, and wells of plates that lack an image. Images have too many files
/// to look at each; they are
/// compared with the structure when they are read.
fn dependencies(store: &Store, name: &str, plate: &OpenPlate) -> Result<Dependencies> {
    let root = store.location();
    if let Store::Archive(_) = store {
        let name = root.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::internal("the archive's name is not UTF-8"))?;
        return Dependencies::of(root.parent().unwrap_or(root), [name]);
    }
    let file = attributes_file(plate.version);
    let mut names = vec![join(name, file)];
    let mut row = String::new();
    for well in &plate.structure().wells {
        let Some(first) = well.fields.first() else {
            // A well without images may get some: its list, and all above it, are looked at.
            let folder = join(name, &well_name(well.position));
            names.extend([name.to_owned(), split(&folder).0.to_owned(), join(&folder, file)]);
            names.push(folder);
            continue;
        };
        let folder = join(name, split(first.path.relative()).0);
        let above = split(&folder).0;
        if above != row {
            row = above.to_owned();
            names.push(row.clone());
        }
        names.push(join(&folder, file));
        // A well's list names its images. Only where one of them was not there may the folder
        // get it without a change of the list.
        if !plate.notes.is_empty() {
            names.push(folder);
        }
    }
    for well in &plate.passed_over.files {
        let folder = join(name, well.path.trim_end_matches('/'));
        names.extend([split(&folder).0.to_owned(), join(&folder, file), folder]);
    }
    let is_there =
        |name: &String| store.look(name).is_ok_and(|found: Option<Found>| found.is_some());
    names.dedup();
    names.retain(is_there);
    Dependencies::of(root, names.iter().map(String::as_str))
}
