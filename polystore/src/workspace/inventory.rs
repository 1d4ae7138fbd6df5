//! Which planes of a workspace are there: asked of the sources, with the overlay over them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use super::{
    Workspace,
    mapping::{Origin, Part},
};
use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualPath,
    model::{ImageInventory, ImageStructure, Inventory, PassedOver, PlaneState},
    words::count,
};

/// Positions of the images of a source's plate, by their path from the source's root.
pub(super) type Ordinals = HashMap<VirtualPath, usize>;

/// A plate of a source.
type PlateKey = (u32, VirtualPath);

/// What the sources say, asked once per inventory.
struct Asked<'a> {
    workspace: &'a Workspace,
    plates: HashMap<PlateKey, (Arc<Ordinals>, Arc<Inventory>)>,
    images: HashMap<(u32, VirtualPath), PlaneState>,
    notes: Vec<String>,
    passed_over: PassedOver,
}

impl Workspace {
    pub(super) fn take_inventory(&self) -> Result<Inventory> {
        let mut asked = Asked::of(self);
        let mut images = Vec::with_capacity(self.mapping.images.len());
        let mut hidden = Vec::new();
        for (ordinal, (_, image)) in self.mapping.structure().images().enumerate() {
            let (inventory, n_hidden) = asked.image(ordinal, image)?;
            images.push(inventory);
            if n_hidden > 0 {
                hidden.push(format!(
                    "{}: {} deleted in the overlay; the source still has them",
                    image.path,
                    count(n_hidden, "plane")
                ));
            }
        }
        let mut notes = asked.notes;
        notes.extend(hidden);
        Ok(Inventory { images, notes, passed_over: asked.passed_over })
    }

    /// Whether a plane of the mapped plate can be read.
    pub(super) fn is_stored(&self, ordinal: usize, index: PlaneIndex) -> Result<bool> {
        if let Some(overlay) = &self.overlay {
            if overlay.has(ordinal, index) {
                return Ok(true);
            }
            if overlay.hides(ordinal, index) {
                return Ok(false);
            }
        }
        let Some(origin) = self.mapping.origin(ordinal, index) else { return Ok(false) };
        let mut asked = Asked::of(self);
        Ok(asked.state(origin)? == PlaneState::Present)
    }

    fn ordinals(&self, key: &PlateKey, part: &Part) -> Result<Arc<Ordinals>> {
        let known = self.ordinals.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let structure = self.mapping.backend(part)?.plate(&key.1)?;
        let ordinals = structure.image_ordinals();
        let ordinals: Ordinals =
            ordinals.into_iter().map(|(path, ordinal)| (key.1.append(&path), ordinal)).collect();
        let ordinals = Arc::new(ordinals);
        let mut kept = self.ordinals.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(kept.entry(key.clone()).or_insert(ordinals)))
    }
}

impl<'a> Asked<'a> {
    fn of(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            plates: HashMap::new(),
            images: HashMap::new(),
            notes: Vec::new(),
            passed_over: PassedOver::default(),
        }
    }

    /// The states of an image's planes, and how many of them the overlay hides.
    fn image(&mut self, ordinal: usize, image: &ImageStructure) -> Result<(ImageInventory, u64)> {
        let workspace = self.workspace;
        let overlay = workspace.overlay.as_ref();
        let mut n_hidden = 0;
        let mut failure = None;
        let inventory = ImageInventory::from_fn(image.sizes, |index| {
            if !image.declares(index) {
                return PlaneState::AbsentByDesign;
            }
            if overlay.is_some_and(|overlay| overlay.has(ordinal, index)) {
                return PlaneState::Present;
            }
            let Some(origin) = workspace.mapping.origin(ordinal, index) else {
                return PlaneState::Missing;
            };
            if overlay.is_some_and(|overlay| overlay.hides(ordinal, index)) {
                n_hidden += 1;
                return PlaneState::Missing;
            }
            match &failure {
                Some(_) => PlaneState::Missing,
                None => self.state(origin).unwrap_or_else(|error| {
                    failure = Some(error);
                    PlaneState::Missing
                }),
            }
        });
        match failure {
            Some(error) => Err(error),
            None => Ok((inventory, n_hidden)),
        }
    }

    fn state(&mut self, origin: Origin<'_>) -> Result<PlaneState> {
        match &origin.part.plate {
            Some(plate) => self.state_in_plate(origin, plate),
            None => self.state_of_image(origin.part),
        }
    }

    fn state_in_plate(&mut self, origin: Origin<'_>, plate: &VirtualPath) -> Result<PlaneState> {
        let key = (origin.part.source, plate.clone());
        if !self.plates.contains_key(&key) {
            let asked = self.ask_plate(&key, origin.part)?;
            self.plates.insert(key.clone(), asked);
        }
        let Some((ordinals, inventory)) = self.plates.get(&key) else {
            return Ok(PlaneState::Missing);
        };
        // An image that the source no longer declares is not there.
        Ok(match ordinals.get(&origin.part.image) {
            Some(&ordinal) => match inventory.state(ordinal, origin.index) {
                PlaneState::AbsentByDesign => PlaneState::Missing,
                state => state,
            },
            None => PlaneState::Missing,
        })
    }

    fn ask_plate(
        &mut self,
        key: &PlateKey,
        part: &Part,
    ) -> Result<(Arc<Ordinals>, Arc<Inventory>)> {
        let backend = self.workspace.mapping.backend(part)?;
        let answer = self
            .workspace
            .ordinals(key, part)
            .and_then(|ordinals| Ok((ordinals, backend.inventory(&key.1)?)));
        match answer {
            Ok((ordinals, inventory)) => {
                let notes = inventory.notes.iter().map(|note| format!("{backend}: {note}"));
                self.notes.extend(notes);
                self.passed_over.extend_below(&format!("{backend}: "), &inventory.passed_over);
                Ok((ordinals, inventory))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.notes.push(format!("the source {backend} has no plate at {}", key.1));
                Ok(<(Arc<Ordinals>, Arc<Inventory>)>::default())
            }
            Err(error) => Err(self.unanswered(part, error)),
        }
    }

    /// An image alone is there or not, with all its planes.
    fn state_of_image(&mut self, part: &Part) -> Result<PlaneState> {
        let key = (part.source, part.image.clone());
        if let Some(&state) = self.images.get(&key) {
            return Ok(state);
        }
        let state = match self.workspace.mapping.backend(part)?.stat(&part.image) {
            Ok(_) => PlaneState::Present,
            Err(error) if error.kind() == ErrorKind::NotFound => PlaneState::Missing,
            Err(error) => return Err(self.unanswered(part, error)),
        };
        self.images.insert(key, state);
        Ok(state)
    }

    fn unanswered(&self, part: &Part, error: Error) -> Error {
        Error::new(error.kind(), format!("the source of {} cannot say what is there", part.image))
            .with_backend(self.workspace.to_string())
            .with_source(error)
    }
}
