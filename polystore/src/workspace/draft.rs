//! One image of a workspace while planes are added to it.

use std::collections::{BTreeMap, HashMap};

use super::mapping::Part;
use crate::{
    Error, PlaneIndex, Result, VirtualPath,
    model::{Channel, ImageStructure, PlaneSet, Sizes},
};

/// A plane of a source that a draft holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Which of the draft's parts.
    pub(super) part: u32,
    /// The plane there.
    pub(super) index: PlaneIndex,
}

/// Planes of a finished image: the number of the part and the index there.
pub(super) type Planes = BTreeMap<PlaneIndex, (u32, PlaneIndex)>;

/// One image of a workspace while planes are added to it.
#[derive(Debug)]
pub(super) struct Draft {
    base: ImageStructure,
    is_declared: bool,
    /// Declared planes; those without a slot are missing.
    planes: BTreeMap<PlaneIndex, Option<Slot>>,
    channels: BTreeMap<u32, Channel>,
    parts: Vec<Part>,
    part_numbers: HashMap<Part, u32>,
    /// Levels that every source so far has.
    n_levels: u32,
}

impl Draft {
    /// An image with the pixels of `like`, and no planes yet.
    pub(super) fn like(like: &ImageStructure) -> Self {
        Self {
            base: like.clone(),
            is_declared: false,
            planes: BTreeMap::new(),
            channels: BTreeMap::new(),
            parts: Vec::new(),
            part_numbers: HashMap::new(),
            n_levels: like.n_levels,
        }
    }

    /// An image that is declared as it will be.
    pub(super) fn declared(image: &ImageStructure) -> Self {
        Self { is_declared: true, n_levels: u32::MAX, ..Self::like(image) }
    }

    /// Whether a declared image has this plane.
    pub(super) fn declares(&self, index: PlaneIndex) -> bool {
        self.base.declares(index)
    }

    pub(super) fn part(&self, slot: &Slot) -> Result<&Part> {
        self.parts
            .get(slot.part as usize)
            .ok_or_else(|| Error::internal("a plane names a part that its image does not have"))
    }

    /// Checks that planes of `like` fit this image.
    pub(super) fn check_like(&self, like: &ImageStructure) -> Result<()> {
        let shown = |image: &ImageStructure| {
            format!("{} {} {:?}", image.sizes.plane_shape(), image.pixel_type, image.kind)
                .to_lowercase()
        };
        let (expected, found) = (shown(&self.base), shown(like));
        if expected == found {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "planes here are {expected}, but those of {} are {found}",
            like.path
        )))
    }

    /// Puts a plane of an image like `like` at `to`, missing when it has no part. Answers
    /// the two that want the place when there is another one already.
    pub(super) fn put(
        &mut self,
        to: PlaneIndex,
        like: &ImageStructure,
        from: PlaneIndex,
        part: Option<Part>,
    ) -> Result<Option<(Slot, Slot)>> {
        let slot = part.map(|part| Slot { part: self.number(part), index: from });
        let held = self.planes.entry(to).or_insert(slot);
        match (*held, slot) {
            (Some(held), Some(slot)) if held != slot => return Ok(Some((held, slot))),
            (None, Some(_)) => *held = slot,
            _ => {}
        }
        self.n_levels = self.n_levels.min(like.n_levels);
        // The number belongs to the file names of the source.
        let channel = like.channels.get(from.c as usize).cloned().unwrap_or_default();
        self.channels.entry(to.c).or_insert(Channel { number: None, ..channel });
        Ok(None)
    }

    fn number(&mut self, part: Part) -> u32 {
        let next = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        let parts = &mut self.parts;
        *self.part_numbers.entry(part).or_insert_with_key(|part| {
            parts.push(part.clone());
            next
        })
    }

    /// The image with the sources of its planes: at `path`, or as it was declared.
    pub(super) fn finish(
        self,
        path: VirtualPath,
        acquisition: u32,
        field: u32,
    ) -> Result<(ImageStructure, Vec<Part>, Planes)> {
        let planes: Planes = self
            .planes
            .iter()
            .filter_map(|(&to, slot)| slot.map(|slot| (to, (slot.part, slot.index))))
            .collect();
        if self.is_declared {
            if self.n_levels < self.base.n_levels {
                return Err(Error::invalid_input(format!(
                    "the image declares {} levels, but a source of it has {}",
                    self.base.n_levels, self.n_levels
                ))
                .with_path(&self.base.path));
            }
            return Ok((self.base, self.parts, planes));
        }
        let size = |of: fn(&PlaneIndex) -> u32| {
            self.planes.keys().map(of).max().unwrap_or(0).saturating_add(1)
        };
        let sizes = Sizes {
            t: size(|index| index.t),
            c: size(|index| index.c),
            z: size(|index| index.z),
            ..self.base.sizes
        };
        let channels = (0..sizes.c.min(1 << 16))
            .map(|c| self.channels.get(&c).cloned().unwrap_or_default())
            .collect();
        let name = path.name().unwrap_or("image").to_owned();
        let mut image = ImageStructure {
            path,
            name,
            field,
            acquisition,
            sizes,
            channels,
            n_levels: self.n_levels,
            absent: PlaneSet::EMPTY,
            ..self.base
        };
        image.check()?;
        if self.planes.len() as u64 != sizes.n_planes() {
            image.absent = PlaneSet::from_fn(sizes, |index| !self.planes.contains_key(&index));
        }
        Ok((image, self.parts, planes))
    }
}
