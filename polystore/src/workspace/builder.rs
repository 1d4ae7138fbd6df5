//! Puts a workspace together, plane by plane or plate by plate.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Mapping,
    draft::{Draft, Slot},
    mapping::{ImageMapping, Origin, Part, Told, collision},
};
use crate::{
    Error, PlaneIndex, Result, VirtualBackend, VirtualPath, WellPosition,
    model::{Acquisition, ImageStructure, PlaneState, PlateIndex, PlateStructure},
};

/// Where a plane is in a plate; everything from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Placement {
    /// The well.
    pub well: WellPosition,
    /// The run over the plate.
    pub acquisition: u32,
    /// The field of the well.
    pub field: u32,
    /// The plane of the field's image.
    pub index: PlaneIndex,
}

/// A backend of a [`WorkspaceBuilder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub(super) u32);

/// Puts a [`Mapping`] together.
///
/// Images grow with the planes that are added; planes inside an image's sizes that nothing
/// declares are absent by design. A structure can be declared first instead
/// ([`WorkspaceBuilder::declaring`]), and then nothing may lie outside it.
///
/// ```
/// use std::sync::Arc;
/// use polystore::{
///     MemoryBackend, PixelType, Plane, PlaneIndex, PlaneRequest, Plate, VirtualBackend,
///     VirtualBackendExt, VirtualPath, WellPosition,
///     model::{ImageStructure, PlateStructure, Sizes},
///     ndarray::array,
///     workspace::{Placement, Workspace, WorkspaceBuilder},
/// };
///
/// // Two plates, the same wells on two days.
/// let backend: Arc<dyn VirtualBackend> = Arc::new(MemoryBackend::new());
/// let well = WellPosition::new(0, 0);
/// for (day, value) in [("/monday", 1u16), ("/friday", 2)] {
///     let path = VirtualPath::parse(day)?;
///     let image = VirtualPath::parse("/A01/A01_s001")?;
///     let mut structure = PlateStructure::new(day, 8, 12);
///     let declared = ImageStructure::new(image.clone(), PixelType::U16, Sizes::new(1, 1, 1, 1, 2));
///     structure.add_image(well, declared)?;
///     backend.create_plate(&path, &structure)?;
///     let request = PlaneRequest::new(path.append(&image), PlaneIndex::default());
///     backend.write_plane(request, Plane::from_array(array![[value, value]]))?;
/// }
///
/// // One plate of two acquisitions.
/// let mut builder = WorkspaceBuilder::new("week 7");
/// let source = builder.source(&backend);
/// for (acquisition, day) in (0..).zip(["/monday", "/friday"]) {
///     builder.add_plate(source, &VirtualPath::parse(day)?, |at| {
///         Some(Placement { acquisition, ..at })
///     })?;
/// }
/// let workspace = Workspace::new(builder.build()?);
/// let plate = Plate::open(Arc::new(workspace), VirtualPath::root())?;
/// let friday = plate.structure().wells[0].field(1, 0).unwrap();
/// assert_eq!(plate.read(friday, PlaneIndex::default())?.as_array::<u16>()?[[0, 0]], 2);
/// # Ok::<(), polystore::Error>(())
/// ```
#[derive(Debug)]
pub struct WorkspaceBuilder {
    plate: PlateStructure,
    /// The structure was declared; nothing may be outside it.
    is_declared: bool,
    acquisitions: BTreeMap<u32, Acquisition>,
    sources: Vec<Arc<dyn VirtualBackend>>,
    described: HashMap<(u32, VirtualPath), Arc<ImageStructure>>,
    drafts: BTreeMap<(WellPosition, u32, u32), Draft>,
}

impl WorkspaceBuilder {
    /// A workspace without images, called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        let mut plate = PlateStructure::new(name, 1, 1);
        plate.microscope = "workspace".to_owned();
        Self {
            plate,
            is_declared: false,
            acquisitions: BTreeMap::new(),
            sources: Vec::new(),
            described: HashMap::new(),
            drafts: BTreeMap::new(),
        }
    }

    /// A workspace that declares `structure`; planes that get no source are missing.
    ///
    /// # Errors
    /// `InvalidInput` when the structure does not hold together.
    pub fn declaring(structure: &PlateStructure) -> Result<Self> {
        structure.check()?;
        let mut builder = Self::new("");
        builder.drafts = structure
            .images()
            .map(|(well, image)| ((well, image.acquisition, image.field), Draft::declared(image)))
            .collect();
        builder.plate = structure.clone();
        builder.is_declared = true;
        Ok(builder)
    }

    /// Makes `backend` a source. The same backend, or one that opens the same place, stays
    /// one source.
    pub fn source(&mut self, backend: &Arc<dyn VirtualBackend>) -> SourceId {
        let spec = backend.spec();
        let known = self
            .sources
            .iter()
            .position(|known| Arc::ptr_eq(known, backend) || known.spec() == spec);
        let at = known.unwrap_or_else(|| {
            self.sources.push(Arc::clone(backend));
            self.sources.len() - 1
        });
        SourceId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Names an acquisition; those that are not named here take the name that their first
    /// source has.
    #[must_use]
    pub fn with_acquisition(mut self, acquisition: u32, described: Acquisition) -> Self {
        self.acquisitions.insert(acquisition, described);
        self
    }

    /// Puts the plane `index` of the image (or image file) at `image` of a source at `at`.
    ///
    /// # Errors
    /// `AlreadyExists` naming both sources when another one is there; `InvalidInput` when
    /// the plane's size or type differs from its image's, when the source has no such
    /// plane, and outside a declared structure; as the source answers.
    pub fn add_plane(
        &mut self,
        at: Placement,
        source: SourceId,
        image: &VirtualPath,
        index: PlaneIndex,
    ) -> Result<()> {
        let described = self.describe(source, image)?;
        if !described.declares(index) {
            let message = format!("{} has no plane {index}", described.sizes);
            return Err(Error::invalid_input(message).with_path(image));
        }
        let part = Part { source: source.0, plate: None, image: image.clone() };
        self.insert(at, &described, index, Some(part))
    }

    /// Puts page number `page` (from 0) of a file that is a plain stack at `at`.
    ///
    /// # Errors
    /// As [`WorkspaceBuilder::add_plane`]; `InvalidInput` for a file with several axes, of
    /// which the plane's index must be said.
    pub fn add_page(
        &mut self,
        at: Placement,
        source: SourceId,
        file: &VirtualPath,
        page: u32,
    ) -> Result<()> {
        let sizes = self.describe(source, file)?.sizes;
        if [sizes.t, sizes.c, sizes.z].iter().filter(|&&size| size > 1).count() > 1 {
            let message = format!("a page alone does not say which plane of {sizes} is meant");
            return Err(Error::invalid_input(message)
                .with_path(file)
                .with_hint("say the plane's index instead, with `add_plane`"));
        }
        let index = sizes.indices().nth(page as usize).ok_or_else(|| {
            Error::invalid_input(format!("page {page} of {} pages", sizes.n_planes()))
                .with_path(file)
        })?;
        self.add_plane(at, source, file, index)
    }

    /// Puts every plane of a source's plate where `place` says; `None` leaves it out. What
    /// the source declares but never stored is declared here too, and missing.
    ///
    /// # Errors
    /// As [`WorkspaceBuilder::add_plane`]; the builder is of no use afterwards.
    pub fn add_plate(
        &mut self,
        source: SourceId,
        plate: &VirtualPath,
        place: impl Fn(Placement) -> Option<Placement>,
    ) -> Result<()> {
        let backend = self.backend(source)?;
        let (structure, inventory) = (backend.plate(plate)?, backend.inventory(plate)?);
        if !self.is_declared {
            self.plate.n_rows = self.plate.n_rows.max(structure.n_rows);
            self.plate.n_columns = self.plate.n_columns.max(structure.n_columns);
        }
        for (ordinal, (well, image)) in structure.images().enumerate() {
            let (acquisition, field) = (image.acquisition, image.field);
            let path = plate.append(&image.path);
            for index in image.declared_indices() {
                let here = Placement { well, acquisition, field, index };
                let Some(at) = place(here) else { continue };
                self.name_acquisition(at.acquisition, &structure, acquisition);
                let is_there = inventory.state(ordinal, index) != PlaneState::Missing;
                let part = is_there.then(|| Part {
                    source: source.0,
                    plate: Some(plate.clone()),
                    image: path.clone(),
                });
                self.insert(at, image, index, part)?;
            }
        }
        Ok(())
    }

    /// The mapping, once everything is added.
    ///
    /// # Errors
    /// `InvalidInput` when nothing was added, or what was declared does not hold together.
    pub fn build(self) -> Result<Mapping> {
        if self.drafts.is_empty() {
            return Err(Error::invalid_input("a workspace needs at least one image")
                .with_hint("add a plate, or planes of images"));
        }
        let mut plate = self.plate;
        if !self.is_declared {
            let last = self.drafts.keys().map(|&(_, acquisition, _)| acquisition).max();
            plate.acquisitions = acquisitions(self.acquisitions, last.unwrap_or(0))?;
        }
        let several = plate.acquisitions.len() > 1;
        let mut images = Vec::with_capacity(self.drafts.len());
        for ((well, acquisition, field), draft) in self.drafts {
            let path =
                PlateStructure::canonical_image_path(well, several.then_some(acquisition), field);
            let (image, parts, planes) = draft.finish(path, acquisition, field)?;
            images.push(ImageMapping::listed(&image, parts, planes));
            if !self.is_declared {
                plate.add_image(well, image)?;
            }
        }
        plate.check()?;
        super::check_paths(&plate)?;
        let index = PlateIndex::new(Arc::new(plate));
        Ok(Mapping { index, sources: self.sources, images })
    }

    fn backend(&self, source: SourceId) -> Result<Arc<dyn VirtualBackend>> {
        self.sources
            .get(source.0 as usize)
            .cloned()
            .ok_or_else(|| Error::invalid_input("a source of another workspace builder"))
    }

    /// What a source says of an image; asked once per image.
    fn describe(&mut self, source: SourceId, image: &VirtualPath) -> Result<Arc<ImageStructure>> {
        let key = (source.0, image.clone());
        if let Some(described) = self.described.get(&key) {
            return Ok(Arc::clone(described));
        }
        let described = Arc::new(self.backend(source)?.describe(image)?);
        self.described.insert(key, Arc::clone(&described));
        Ok(described)
    }

    fn name_acquisition(&mut self, acquisition: u32, of: &PlateStructure, number: u32) {
        if self.acquisitions.contains_key(&acquisition) {
            return;
        }
        let mut described = of.acquisitions.get(number as usize).cloned().unwrap_or_default();
        if described.name.is_empty() {
            described.name.clone_from(&of.name);
        }
        described.id = acquisition;
        self.acquisitions.insert(acquisition, described);
    }

    /// Puts the plane `from` of an image like `like` at `at`; without a part it is declared
    /// and missing.
    fn insert(
        &mut self,
        at: Placement,
        like: &ImageStructure,
        from: PlaneIndex,
        part: Option<Part>,
    ) -> Result<()> {
        let key = (at.well, at.acquisition, at.field);
        let is_known = self.drafts.get(&key).is_some_and(|draft| draft.declares(at.index));
        if self.is_declared && !is_known {
            return Err(outside(at));
        }
        let draft = self.drafts.entry(key).or_insert_with(|| Draft::like(like));
        draft.check_like(like).map_err(|error| error.with_path(Words(at)))?;
        let other = draft.put(at.index, like, from, part)?;
        let Some((first, second)) = other else { return Ok(()) };
        let told = |slot: &Slot| -> Result<String> {
            let part = draft.part(slot)?;
            let backend = self
                .sources
                .get(part.source as usize)
                .ok_or_else(|| Error::internal("a source is gone"))?;
            Ok(Told(&**backend, Origin { part, index: slot.index }).to_string())
        };
        Err(collision(Words(at), at.index, &told(&first)?, &told(&second)?))
    }
}

/// Acquisitions 0 to `last`, all of them.
fn acquisitions(mut named: BTreeMap<u32, Acquisition>, last: u32) -> Result<Vec<Acquisition>> {
    let last = named.keys().next_back().copied().unwrap_or(0).max(last);
    // Numbers without an image between them are a mistake when there are many.
    if last > 10_000 {
        return Err(Error::invalid_input(format!("acquisition {last} is beyond 10000")));
    }
    let described = |id| named.remove(&id).unwrap_or(Acquisition { id, ..Acquisition::default() });
    Ok((0..=last).map(described).collect())
}

fn outside(at: Placement) -> Error {
    Error::invalid_input(format!("the workspace declares no plane {}", at.index))
        .with_path(Words(at))
        .with_hint("add it to the declared structure, or let the workspace grow by itself")
}

/// Well, acquisition and field as messages have them.
struct Words(Placement);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Placement { well, acquisition, field, .. } = self.0;
        write!(f, "well {well}, acquisition {acquisition}, field {}", u64::from(field) + 1)
    }
}
