//! Connected components, numbered.

use polystore::Plane;

use super::per_plane;
use crate::{
    Error, Result, ValueKind,
    function::{Function, Input, Operation, Parameter, ParameterKind, Settings},
    image::{
        components::{Components, Connectivity},
        raster::{Raster, View},
    },
};

/// Numbers the connected pieces of foreground, or of labels, from 1 in the order in which
/// their first pixels come row by row. Pixels are connected when they are neighbours and
/// have the same value, so objects that touch under different labels stay apart. Objects
/// that a limit leaves out become background.
#[derive(Debug)]
pub(super) struct Label;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "connectivity",
        kind: ParameterKind::Integer { min: 4, max: 8, default: Some(8) },
        unit: "",
        about: "How many neighbours a pixel has: 4, or 8 with diagonals.",
    },
    Parameter {
        name: "min_area",
        kind: ParameterKind::Integer { min: 0, max: u32::MAX as i64, default: Some(0) },
        unit: "px",
        about: "Objects of fewer pixels are left out.",
    },
    Parameter {
        name: "max_area",
        kind: ParameterKind::Integer { min: 0, max: u32::MAX as i64, default: Some(0) },
        unit: "px",
        about: "Objects of more pixels are left out; 0 for no limit.",
    },
    Parameter {
        name: "remove_border",
        kind: ParameterKind::Bool { default: false },
        unit: "",
        about: "Whether objects at the edge of the image are left out.",
    },
];

impl Function for Label {
    fn name(&self) -> &'static str {
        "label"
    }

    fn about(&self) -> &'static str {
        "Numbers connected objects, and leaves out those too small, too large or at the border"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn inputs(&self) -> &'static [Input] {
        &[Input::LABELS]
    }

    fn output(&self) -> ValueKind {
        ValueKind::Labels
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let connectivity = match settings.integer("connectivity")? {
            4 => Connectivity::Four,
            8 => Connectivity::Eight,
            other => {
                return Err(Error::function(format!("`connectivity` is 4 or 8, not {other}")));
            }
        };
        let limits = Limits {
            min_area: settings.integer("min_area")? as u32,
            max_area: match settings.integer("max_area")? as u32 {
                0 => u32::MAX,
                max_area => max_area,
            },
            removes_border: settings.bool("remove_border")?,
        };
        Ok(per_plane::relabel(move |plane| label(plane, connectivity, limits)))
    }
}

/// Which objects stay.
#[derive(Clone, Copy)]
struct Limits {
    min_area: u32,
    max_area: u32,
    removes_border: bool,
}

impl Limits {
    fn keep(&self, components: &Components, width: u32) -> Vec<bool> {
        let is_in_range = |area: u32| (self.min_area..=self.max_area).contains(&area);
        let mut keep: Vec<bool> = components.areas().into_iter().map(is_in_range).collect();
        if self.removes_border {
            for (keep, at_border) in keep.iter_mut().zip(components.at_border(width)) {
                *keep &= !at_border;
            }
        }
        keep
    }
}

fn label(plane: &Plane, connectivity: Connectivity, limits: Limits) -> Result<Plane> {
    let mask = View::<u32>::of(plane)?;
    let components = Components::of_objects(mask, connectivity);
    let numbers = number(&limits.keep(&components, mask.shape.width));
    let mut labels = Raster::filled(mask.shape, 0)?;
    for (y, run) in components.runs() {
        labels.row_mut(y)[run.columns()].fill(numbers[run.component as usize]);
    }
    labels.into_plane()
}

/// Numbers from 1 for what is kept, 0 for the rest.
fn number(keep: &[bool]) -> Vec<u32> {
    let mut next = 0;
    let number = |&keep: &bool| {
        next += u32::from(keep);
        if keep { next } else { 0 }
    };
    keep.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    const ALL: Limits = Limits { min_area: 0, max_area: u32::MAX, removes_border: false };

    fn labelled(limits: Limits) -> Array2<u32> {
        let mask = Plane::from_array(array![
            [1u32, 0, 0, 0, 0],
            [0, 1, 1, 0, 0],
            [0, 1, 1, 0, 2],
            [0, 0, 0, 0, 1],
        ]);
        label(&mask, Connectivity::Four, limits).unwrap().as_array().unwrap().to_owned()
    }

    #[test]
    fn numbers_come_row_by_row_and_values_stay_apart() {
        let expected = array![[1, 0, 0, 0, 0], [0, 2, 2, 0, 0], [0, 2, 2, 0, 3], [0, 0, 0, 0, 4]];
        assert_eq!(labelled(ALL), expected);
    }

    #[test]
    fn what_is_left_out_leaves_no_gap_in_the_numbers() {
        let large = array![[0, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]];
        assert_eq!(labelled(Limits { min_area: 2, ..ALL }), large);
        assert_eq!(labelled(Limits { removes_border: true, ..ALL }), large);
        let small = array![[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 2], [0, 0, 0, 0, 3]];
        assert_eq!(labelled(Limits { max_area: 3, ..ALL }), small);
    }
}
