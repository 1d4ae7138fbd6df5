//! What was written over a workspace, and which planes of its sources are hidden.
//!
//! The overlay is any backend that can be written. Files and images that are not the
//! mapped plate's stand in it under their own paths. Planes that were written into the
//! mapped plate, and what belongs to its images, are in a plate of the overlay's own layout
//! at `/.polystore-workspace/planes`; which planes are hidden is told by one small file per
//! image in `/.polystore-workspace/hidden`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualBackend, VirtualPath, WriteMode,
    convert::{TargetLayout, retarget},
    model::{ImageStructure, PlaneState, PlateStructure},
};

/// The name at the root of an overlay under which a workspace keeps its own.
pub(super) const INTERNAL: &str = ".polystore-workspace";

/// A backend over the sources.
#[derive(Debug)]
pub(super) struct Overlay {
    pub(super) backend: Arc<dyn VirtualBackend>,
    /// The mapped plate with the image paths that the overlay wants.
    structure: PlateStructure,
    /// Where the images of the mapped plate are in the overlay, in plate order.
    images: Vec<VirtualPath>,
    state: RwLock<State>,
    /// Held for reading while a whole plane is written, for writing while one is copied from
    /// its source, so that a copy never replaces what was written meanwhile.
    copying: RwLock<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The overlay's plate is there.
    is_declared: bool,
    /// Planes of the mapped plate that the overlay has, by image.
    written: HashMap<usize, BTreeSet<PlaneIndex>>,
    hidden: HashMap<usize, Hidden>,
}

/// Planes of an image whose sources are hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hidden {
    All,
    Some(BTreeSet<PlaneIndex>),
}

/// A file that tells what is hidden.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HiddenFile {
    image: VirtualPath,
    /// Indices `[t, c, z]`; all planes of the image without.
    planes: Option<Vec<[u32; 3]>>,
}

impl Overlay {
    /// Lays `backend` over the plate of `structure` and finds what it holds already.
    ///
    /// # Errors
    /// `InvalidInput` when the overlay belongs to another plate, `InvalidData` when its
    /// files are damaged; as the backend answers.
    pub(super) fn open(
        backend: Arc<dyn VirtualBackend>,
        structure: &PlateStructure,
    ) -> Result<Self> {
        let laid_out = lay_out(structure, &backend.spec().scheme)?;
        let root = planes_root()?;
        let images = laid_out.images().map(|(_, image)| root.append(&image.path)).collect();
        let overlay = Self {
            backend,
            structure: laid_out,
            images,
            state: RwLock::default(),
            copying: RwLock::default(),
        };
        overlay.reload(structure)?;
        Ok(overlay)
    }

    /// Finds out again what the overlay holds.
    pub(super) fn reload(&self, mapped: &PlateStructure) -> Result<()> {
        let mut state = State::default();
        let root = planes_root()?;
        match self.backend.plate(&root) {
            Ok(found) => {
                self.check_same(&found)?;
                state.is_declared = true;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if state.is_declared {
            for (ordinal, image) in self.backend.inventory(&root)?.images.iter().enumerate() {
                let there = |state| matches!(state, PlaneState::Present | PlaneState::Corrupt);
                let planes = image.iter().filter(|&(_, state)| there(state));
                let planes: BTreeSet<_> = planes.map(|(index, _)| index).collect();
                if !planes.is_empty() {
                    state.written.insert(ordinal, planes);
                }
            }
        }
        state.hidden = self.read_hidden(mapped)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    fn check_same(&self, found: &PlateStructure) -> Result<()> {
        let told = |plate: &PlateStructure| -> Vec<_> {
            let line = |(well, image): (_, &ImageStructure)| {
                (well, image.acquisition, image.field, image.sizes, image.pixel_type)
            };
            plate.images().map(line).collect()
        };
        if told(found) == told(&self.structure) {
            return Ok(());
        }
        Err(Error::invalid_input("the overlay was written over another plate")
            .with_backend(self.backend.to_string())
            .with_hint("give each workspace an overlay of its own"))
    }

    fn read_hidden(&self, mapped: &PlateStructure) -> Result<HashMap<usize, Hidden>> {
        let entries = match self.backend.list(&hidden_root()?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(error) => return Err(error),
        };
        let ordinals = mapped.image_ordinals();
        let mut hidden = HashMap::with_capacity(entries.len());
        for entry in entries {
            let damaged = |message: String| {
                Error::invalid_data(message)
                    .with_backend(self.backend.to_string())
                    .with_path(&entry.path)
                    .with_hint("delete the file to show the planes again that it hides")
            };
            let text = self.backend.read_blob(&entry.path, None)?;
            let file: HiddenFile = serde_json::from_slice(&text)
                .map_err(|error| damaged(format!("does not say what is hidden: {error}")))?;
            let ordinal = *ordinals
                .get(&file.image)
                .ok_or_else(|| damaged(format!("the workspace has no image {}", file.image)))?;
            let planes = file.planes.map_or(Hidden::All, |planes| {
                let index = |[t, c, z]: [u32; 3]| PlaneIndex::new(t, c, z);
                Hidden::Some(planes.into_iter().map(index).collect())
            });
            hidden.insert(ordinal, planes);
        }
        Ok(hidden)
    }

    /// Where image number `ordinal` of the mapped plate is in the overlay.
    pub(super) fn image_path(&self, ordinal: usize) -> Result<&VirtualPath> {
        self.images
            .get(ordinal)
            .ok_or_else(|| Error::internal("an overlay looked for an image it does not have"))
    }

    /// The path of a single plane of the mapped plate in the overlay.
    pub(super) fn plane_path(&self, ordinal: usize, index: PlaneIndex) -> Result<VirtualPath> {
        let (well, image) =
            self.structure.images().nth(ordinal).ok_or_else(|| {
                Error::internal("an overlay looked for an image it does not have")
            })?;
        let name = self.structure.plane_name(well, image, index);
        let name = self.structure.naming_scheme()?.generate(&name, "tif").ok_or_else(|| {
            Error::unsupported(format!("no name for plane {index}")).with_path(&image.path)
        })?;
        let folder = image.path.parent().unwrap_or_else(VirtualPath::root);
        planes_root()?.append(&folder).join(&name)
    }

    /// Declares the overlay's plate, before something is put into it.
    pub(super) fn declare(&self) -> Result<()> {
        if self.is_declared() {
            return Ok(());
        }
        self.backend.create_plate(&planes_root()?, &self.structure)?;
        self.state.write().unwrap_or_else(PoisonError::into_inner).is_declared = true;
        Ok(())
    }

    pub(super) fn is_declared(&self) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).is_declared
    }

    /// Whether the overlay has this plane of the mapped plate.
    pub(super) fn has(&self, ordinal: usize, index: PlaneIndex) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.written.get(&ordinal).is_some_and(|planes| planes.contains(&index))
    }

    /// Whether the source of this plane is hidden.
    pub(super) fn hides(&self, ordinal: usize, index: PlaneIndex) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match state.hidden.get(&ordinal) {
            None => false,
            Some(Hidden::All) => true,
            Some(Hidden::Some(planes)) => planes.contains(&index),
        }
    }

    /// Takes note that planes are in the overlay.
    pub(super) fn note_written(&self, planes: impl IntoIterator<Item = (usize, PlaneIndex)>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (ordinal, index) in planes {
            state.written.entry(ordinal).or_default().insert(index);
        }
    }

    /// Takes note that planes of an image, or all, are no longer in the overlay.
    pub(super) fn note_deleted(&self, ordinal: usize, index: Option<PlaneIndex>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match (index, state.written.get_mut(&ordinal)) {
            (None, _) => drop(state.written.remove(&ordinal)),
            (Some(index), Some(planes)) => drop(planes.remove(&index)),
            (Some(_), None) => {}
        }
    }

    /// Hides the sources of one plane of an image, or of all.
    ///
    /// # Errors
    /// As the overlay's writes; then nothing is hidden.
    pub(super) fn hide(
        &self,
        ordinal: usize,
        image: &VirtualPath,
        index: Option<PlaneIndex>,
    ) -> Result<()> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let hidden = match (state.hidden.get(&ordinal), index) {
            (Some(Hidden::All), _) => return Ok(()),
            (_, None) => Hidden::All,
            (None, Some(index)) => Hidden::Some(BTreeSet::from([index])),
            (Some(Hidden::Some(planes)), Some(index)) => {
                let mut planes = planes.clone();
                planes.insert(index);
                Hidden::Some(planes)
            }
        };
        let planes = match &hidden {
            Hidden::All => None,
            Hidden::Some(planes) => {
                Some(planes.iter().map(|index| [index.t, index.c, index.z]).collect())
            }
        };
        let file = HiddenFile { image: image.clone(), planes };
        let text = serde_json::to_vec(&file)
            .map_err(|error| Error::internal("what is hidden cannot be told").with_source(error))?;
        let path = hidden_root()?.join(&format!("{ordinal}.json"))?;
        self.backend.write_blob(&path, Bytes::from(text), WriteMode::Overwrite)?;
        state.hidden.insert(ordinal, hidden);
        Ok(())
    }

    /// Runs a write of whole planes; copies from sources wait.
    pub(super) fn while_writing<T>(&self, write: impl FnOnce() -> T) -> T {
        let _held = self.copying.read().unwrap_or_else(PoisonError::into_inner);
        write()
    }

    /// Runs a copy from a source; writes wait.
    pub(super) fn while_copying<T>(&self, copy: impl FnOnce() -> T) -> T {
        let _held = self.copying.write().unwrap_or_else(PoisonError::into_inner);
        copy()
    }
}

/// The mapped plate in the layout that backends of `scheme` want.
fn lay_out(structure: &PlateStructure, scheme: &str) -> Result<PlateStructure> {
    let layout = match scheme {
        "zarr" => TargetLayout::Zarr,
        _ => TargetLayout::Planes,
    };
    let mut laid_out = retarget(structure, layout)?;
    let images = laid_out.wells.iter_mut().flat_map(|well| &mut well.fields);
    for (image, (_, mapped)) in images.zip(structure.images()) {
        image.n_levels = mapped.n_levels;
        let unnumbered = |channel: &crate::model::Channel| crate::model::Channel {
            number: None,
            ..channel.clone()
        };
        if image.channels.iter().any(|channel| channel.number.is_some()) {
            image.channels = image.channels.iter().map(unnumbered).collect();
        }
    }
    Ok(laid_out)
}

pub(super) fn planes_root() -> Result<VirtualPath> {
    VirtualPath::root().join(INTERNAL)?.join("planes")
}

fn hidden_root() -> Result<VirtualPath> {
    VirtualPath::root().join(INTERNAL)?.join("hidden")
}
