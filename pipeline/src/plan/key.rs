//! Where a value lies along the axes of its unit.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Axis;

/// Where a value lies along the axes of its unit; `None` along axes that were taken
/// together. `field` is a position in the unit's list of images, the others are indices of
/// the source image.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Key {
    /// Position in the unit's images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<u32>,
    /// Timepoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<u32>,
    /// Channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<u32>,
    /// Z-section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub z: Option<u32>,
}

impl Key {
    /// The place along one axis.
    pub fn along(self, axis: Axis) -> Option<u32> {
        match axis {
            Axis::Field => self.field,
            Axis::T => self.t,
            Axis::Channel => self.c,
            Axis::Z => self.z,
        }
    }

    /// The same with `axes` taken together.
    #[must_use]
    pub fn without(mut self, axes: &[Axis]) -> Self {
        for axis in axes {
            match axis {
                Axis::Field => self.field = None,
                Axis::T => self.t = None,
                Axis::Channel => self.c = None,
                Axis::Z => self.z = None,
            }
        }
        self
    }

    /// Whether nothing speaks against the two being of one place, channels aside.
    pub(super) fn agrees_but_for_channel(self, other: Self) -> bool {
        [Axis::Field, Axis::T, Axis::Z].into_iter().all(|axis| {
            match (self.along(axis), other.along(axis)) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            }
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("image", self.field), ("t", self.t), ("c", self.c), ("z", self.z)];
        let parts: Vec<_> = parts
            .into_iter()
            .filter_map(|(name, at)| at.map(|at| format!("{name}={at}")))
            .collect();
        f.write_str(&parts.join(" "))
    }
}
