//! What of a plate is there: every declared plane is present, absent by design, missing or corrupt.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::{
    Error, ErrorKind, PlaneIndex,
    model::{ImageStructure, PassedOver, Sizes},
};

/// The state of one declared plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum PlaneState {
    /// Stored and, as far as was looked, readable.
    Present = 0,
    /// Never meant to be: ragged z, a channel that only some wells have.
    AbsentByDesign = 1,
    /// Declared but not stored. Reading it is an error, never zeros.
    Missing = 2,
    /// Stored but not readable.
    Corrupt = 3,
}

impl PlaneState {
    /// The state as words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::AbsentByDesign => "absent by design",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
        }
    }

    /// What the failure to read a plane, or the file that it is in, says about the plane;
    /// `None` when it says nothing, such as a lost connection.
    pub fn of_failure(error: &Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::MissingPlane | ErrorKind::NotFound => Some(Self::Missing),
            ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::Unsupported
            | ErrorKind::LimitExceeded
            | ErrorKind::PermissionDenied => Some(Self::Corrupt),
            _ => None,
        }
    }
}

/// How many planes are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryCounts {
    /// Planes that can be read.
    pub present: u64,
    /// Planes that were never meant to be.
    pub absent_by_design: u64,
    /// Declared planes that are not stored.
    pub missing: u64,
    /// Stored planes that cannot be read.
    pub corrupt: u64,
}

impl InventoryCounts {
    /// Adds one plane of `state`.
    pub fn count(&mut self, state: PlaneState) {
        match state {
            PlaneState::Present => self.present += 1,
            PlaneState::AbsentByDesign => self.absent_by_design += 1,
            PlaneState::Missing => self.missing += 1,
            PlaneState::Corrupt => self.corrupt += 1,
        }
    }

    /// Planes that should be there: present, missing and corrupt.
    pub fn declared(self) -> u64 {
        self.present + self.missing + self.corrupt
    }

    /// Whether nothing is missing or corrupt.
    pub fn is_complete(self) -> bool {
        self.missing == 0 && self.corrupt == 0
    }
}

impl Add for InventoryCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for InventoryCounts {
    fn add_assign(&mut self, other: Self) {
        self.present += other.present;
        self.absent_by_design += other.absent_by_design;
        self.missing += other.missing;
        self.corrupt += other.corrupt;
    }
}

/// The states of one image's planes, in `t, c, z` order (z fastest).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInventory {
    sizes: Sizes,
    /// All planes have this state, or `states` has one entry per plane.
    uniform: Option<PlaneState>,
    states: Vec<PlaneState>,
}

impl ImageInventory {
    /// All planes of an image of `sizes` in one state; takes no memory per plane.
    pub fn uniform(sizes: Sizes, state: PlaneState) -> Self {
        Self { sizes, uniform: Some(state), states: Vec::new() }
    }

    /// One state per plane as `state_of` says.
    pub fn from_fn(sizes: Sizes, state_of: impl FnMut(PlaneIndex) -> PlaneState) -> Self {
        let states: Vec<_> = sizes.indices().map(state_of).collect();
        match states.first() {
            Some(&first) if states.iter().all(|&state| state == first) => {
                Self::uniform(sizes, first)
            }
            _ => Self { sizes, uniform: None, states },
        }
    }

    /// The states of a declared image's planes: absent by design where it says so, elsewhere
    /// present or missing as `is_there` says.
    pub fn of_image(image: &ImageStructure, mut is_there: impl FnMut(PlaneIndex) -> bool) -> Self {
        Self::from_fn(image.sizes, |index| match (image.declares(index), is_there(index)) {
            (false, _) => PlaneState::AbsentByDesign,
            (true, true) => PlaneState::Present,
            (true, false) => PlaneState::Missing,
        })
    }

    /// The state of a plane; a plane outside the image is absent by design.
    pub fn state(&self, index: PlaneIndex) -> PlaneState {
        match (self.sizes.ordinal(index), self.uniform) {
            (None, _) => PlaneState::AbsentByDesign,
            (Some(_), Some(state)) => state,
            (Some(ordinal), None) => {
                self.states.get(ordinal).copied().unwrap_or(PlaneState::AbsentByDesign)
            }
        }
    }

    /// Sets the state of one plane; a plane outside the image is ignored.
    pub fn set(&mut self, index: PlaneIndex, state: PlaneState) {
        let Some(ordinal) = self.sizes.ordinal(index) else { return };
        if let Some(uniform) = self.uniform {
            if uniform == state {
                return;
            }
            self.uniform = None;
            self.states = self.sizes.indices().map(|_| uniform).collect();
        }
        if let Some(slot) = self.states.get_mut(ordinal) {
            *slot = state;
        }
    }

    /// Whether any plane is in `state`.
    pub fn has(&self, state: PlaneState) -> bool {
        match self.uniform {
            Some(uniform) => uniform == state && self.sizes.n_planes() > 0,
            None => self.states.contains(&state),
        }
    }

    /// Makes the planes that `image` declares absent by design so.
    pub fn set_absent(&mut self, image: &ImageStructure) {
        for index in image.sizes.indices().filter(|&index| !image.declares(index)) {
            self.set(index, PlaneState::AbsentByDesign);
        }
    }

    /// Every plane with its state, in `t, c, z` order.
    pub fn iter(&self) -> impl Iterator<Item = (PlaneIndex, PlaneState)> + '_ {
        self.sizes.indices().map(|index| (index, self.state(index)))
    }

    /// How many planes are in each state.
    pub fn counts(&self) -> InventoryCounts {
        let mut counts = InventoryCounts::default();
        for (_, state) in self.iter() {
            counts.count(state);
        }
        counts
    }
}

/// The states of all planes of a plate, one entry per image in the plate's image order,
/// and what else is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// One entry per image, in the order of [`PlateStructure::images`](crate::model::PlateStructure::images).
    pub images: Vec<ImageInventory>,
    /// Remarks for people: files that are none of the plate's, names that clash, wells that
    /// are declared but empty.
    pub notes: Vec<String>,
    /// Image files that may be the plate's and could not be used.
    pub passed_over: PassedOver,
}

impl Inventory {
    /// How many planes of the plate are in each state.
    pub fn counts(&self) -> InventoryCounts {
        self.images.iter().map(ImageInventory::counts).fold(InventoryCounts::default(), Add::add)
    }

    /// Whether nothing is missing or corrupt, and no image file was passed over.
    pub fn is_complete(&self) -> bool {
        self.passed_over.is_empty() && self.counts().is_complete()
    }

    /// The state of one plane of image number `image`; unknown images are absent by design.
    pub fn state(&self, image: usize, index: PlaneIndex) -> PlaneState {
        self.images.get(image).map_or(PlaneState::AbsentByDesign, |image| image.state(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_one_plane_keeps_the_others() {
        let sizes = Sizes::new(1, 2, 2, 1, 1);
        let mut image = ImageInventory::uniform(sizes, PlaneState::Present);
        image.set(PlaneIndex::new(0, 1, 0), PlaneState::Missing);
        assert_eq!(image.state(PlaneIndex::new(0, 1, 0)), PlaneState::Missing);
        assert_eq!(image.state(PlaneIndex::new(0, 1, 1)), PlaneState::Present);
        assert_eq!(image.state(PlaneIndex::new(0, 2, 0)), PlaneState::AbsentByDesign);
        let counts = image.counts();
        assert_eq!((counts.present, counts.missing), (3, 1));
        assert!(!counts.is_complete());
    }
}
