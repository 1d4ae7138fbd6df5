//! Where fields lie: rows and columns of a well's fields, and the distance of z-sections.

use std::collections::BTreeMap;

use crate::model::StagePosition;

/// Which way the y axis of stage positions points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YAxis {
    /// Up, as in mathematics: Harmony, CellVoyager.
    Up,
    /// Down, as the rows of an image: MetaXpress.
    Down,
}

impl YAxis {
    /// The way of the reader called `microscope`.
    pub fn of(microscope: &str) -> Self {
        match microscope {
            "harmony" | "cellvoyager" => Self::Up,
            _ => Self::Down,
        }
    }
}

/// The rows and columns that fields of a well lie in, both from 0, the first row on top; one
/// entry per position, in their order. `None` for a field without a position, and for one
/// whose cell another, earlier, field has.
///
/// Stages do not return to the same place to the last digit, and neither do vendors' files:
/// positions within a quarter of `field_um` (width and height of a field in µm) of each
/// other, or of a chain of such, are the same row or column. A field that stands apart has a
/// row and a column of its own and moves no other.
///
/// ```
/// use polystore::{microscope::stage::{YAxis, grid}, model::StagePosition};
///
/// let at = |x_um, y_um| Some(StagePosition { x_um, y_um });
/// let fields = [at(0.0, 0.1), at(-645.1, 0.0), at(0.2, -645.0)];
/// assert_eq!(grid(&fields, (650.0, 650.0), YAxis::Up), [Some((0, 1)), Some((0, 0)), Some((1, 1))]);
/// ```
pub fn grid(
    positions: &[Option<StagePosition>],
    field_um: (f64, f64),
    y_axis: YAxis,
) -> Vec<Option<(u32, u32)>> {
    let sign = if y_axis == YAxis::Up { -1.0 } else { 1.0 };
    let coordinates = |of: &dyn Fn(&StagePosition) -> f64| -> Vec<Option<f64>> {
        positions.iter().map(|at| at.as_ref().map(of).filter(|value| value.is_finite())).collect()
    };
    let columns = cluster(&coordinates(&|at| at.x_um), field_um.0 / 4.0);
    let rows = cluster(&coordinates(&|at| sign * at.y_um), field_um.1 / 4.0);
    let mut taken = std::collections::HashSet::new();
    rows.into_iter()
        .zip(columns)
        .map(|(row, column)| row.zip(column).filter(|&cell| taken.insert(cell)))
        .collect()
}

/// Numbers clusters of values in ascending order; neighbours within `tolerance` are one.
fn cluster(values: &[Option<f64>], tolerance: f64) -> Vec<Option<u32>> {
    let mut order: Vec<(f64, usize)> =
        values.iter().enumerate().filter_map(|(at, value)| Some(((*value)?, at))).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut numbers = vec![None; values.len()];
    let mut number = 0;
    let mut last: Option<f64> = None;
    for (value, at) in order {
        if last.is_some_and(|last| value - last > tolerance.max(0.0)) {
            number += 1;
        }
        last = Some(value);
        numbers[at] = Some(number);
    }
    numbers
}

/// The median distance of neighbouring z-sections over `stacks`, each the height by the
/// section's number; `None` when no two sections differ.
pub(crate) fn median_step<'a>(
    stacks: impl IntoIterator<Item = &'a BTreeMap<u32, f64>>,
) -> Option<f64> {
    let mut steps = Vec::new();
    for stack in stacks {
        for ((section, z), (next, next_z)) in stack.iter().zip(stack.iter().skip(1)) {
            steps.push((next_z - z).abs() / f64::from(next - section));
        }
    }
    steps.retain(|&step| step > 0.0);
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(x_um: f64, y_um: f64) -> Option<StagePosition> {
        Some(StagePosition { x_um, y_um })
    }

    #[test]
    fn jitter_makes_no_rows_and_an_orphan_moves_no_field() {
        let mut fields = Vec::new();
        for (row, y) in [0.0, -645.0, -1290.0].into_iter().enumerate() {
            for column in 0..3 {
                let jitter = (row * 3 + column) as f64 * 0.37;
                fields.push(at(645.0 * column as f64 + jitter, y - jitter));
            }
        }
        fields.push(at(9000.0, 9000.0));
        let cells = grid(&fields, (650.0, 650.0), YAxis::Up);
        let expected: Vec<_> =
            (1..4).flat_map(|row| (0..3).map(move |column| Some((row, column)))).collect();
        assert_eq!(cells[..9], expected);
        assert_eq!(cells[9], Some((0, 3)));
    }

    #[test]
    fn two_fields_never_share_a_cell() {
        let fields = [at(0.0, 0.0), at(1.0, 1.0), None, at(f64::NAN, 0.0)];
        assert_eq!(grid(&fields, (650.0, 650.0), YAxis::Down), [Some((0, 0)), None, None, None]);
    }

    #[test]
    fn steps_are_medians() {
        let stack = |values: &[(u32, f64)]| values.iter().copied().collect::<BTreeMap<_, _>>();
        let stacks =
            [stack(&[(1, 0.0), (2, 3.0), (3, 6.1), (5, 12.0)]), stack(&[(1, 5.0), (2, 5.0)])];
        assert_eq!(median_step(&stacks), Some(3.0));
        assert_eq!(median_step(&stacks[1..]), None);
    }

    proptest! {
        #[test]
        fn cells_are_distinct_and_order_is_kept(
            fields in proptest::collection::vec((-1e4..1e4, -1e4..1e4), 0..30),
            size in 1.0..1000.0,
        ) {
            let fields: Vec<_> = fields.iter().map(|&(x, y)| at(x, y)).collect();
            let cells = grid(&fields, (size, size), YAxis::Down);
            for (a, (cell_a, field_a)) in cells.iter().zip(&fields).enumerate() {
                for (cell_b, field_b) in cells.iter().zip(&fields).skip(a + 1) {
                    let (Some(a), Some(b)) = (cell_a, cell_b) else { continue };
                    prop_assert_ne!(a, b);
                    if a.1 < b.1 {
                        prop_assert!(field_a.unwrap().x_um < field_b.unwrap().x_um);
                    }
                }
            }
        }
    }
}
