//! Chunks that are absent because the image declares their planes absent by design.
//!
//! NGFF has no way to say that a plane was never meant to be. Stores of polystore's say so in
//! an attribute of their own, `polystore.image.absent`: the planes' positions in `t, c, z`
//! order, z fastest.

use serde_json::Value;

use super::array::ArrayInfo;
use crate::ngff::attributes::Axis;

/// Most planes of an image that are taken in.
const MAX_PLANES: usize = 10_000_000;

/// The declared positions in the attributes of an image's group, ascending; none where the
/// attribute is missing or malformed.
pub(super) fn declared(attributes: &Value) -> Vec<u64> {
    let listed = attributes.pointer("/polystore/image/absent").and_then(Value::as_array);
    let positions = listed.into_iter().flatten().take(MAX_PLANES).map_while(Value::as_u64);
    let mut positions: Vec<u64> = positions.collect();
    positions.sort_unstable();
    positions
}

/// Says of chunks whether all their planes are declared absent.
pub(super) struct Absent<'a> {
    declared: &'a [u64],
    array: &'a ArrayInfo,
    /// Dimensions of t, c and z.
    dims: [Option<usize>; 3],
}

impl<'a> Absent<'a> {
    /// `None` when nothing is declared, or the axes are not known.
    pub(super) fn of(
        declared: &'a [u64],
        axes: Option<&[Axis]>,
        array: &'a ArrayInfo,
    ) -> Option<Self> {
        let axes = axes.filter(|axes| axes.len() == array.shape.len() && !declared.is_empty())?;
        let dims = ["t", "c", "z"].map(|name| axes.iter().position(|axis| axis.name == name));
        Some(Self { declared, array, dims })
    }

    /// Whether every plane that the chunk at `position` of the grid has pixels of is
    /// declared absent.
    pub(super) fn covers(&self, position: &[u64]) -> bool {
        let size = |dim: Option<usize>| dim.map_or(1, |dim| self.array.shape[dim]);
        let range = |dim: Option<usize>| match dim {
            Some(dim) => {
                let start = position[dim].saturating_mul(self.array.chunks[dim]);
                start..start.saturating_add(self.array.chunks[dim]).min(self.array.shape[dim])
            }
            None => 0..1,
        };
        let [t, c, z] = self.dims;
        let is_declared = |t: u64, c_at: u64, z_at: u64| {
            let row = t.checked_mul(size(c)).and_then(|before| before.checked_add(c_at));
            let plane =
                row.and_then(|row| row.checked_mul(size(z))).and_then(|at| at.checked_add(z_at));
            plane.is_some_and(|plane| self.declared.binary_search(&plane).is_ok())
        };
        range(t).all(|t| range(c).all(|c| range(z).all(|z| is_declared(t, c, z))))
    }
}
