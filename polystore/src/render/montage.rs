//! Where the fields of a well go in a montage.

use crate::model::{ImageStructure, StagePosition};

/// Row and column of `n` pictures in a grid that is as square as can be.
pub fn grid_layout(n: usize) -> Vec<(u32, u32)> {
    let columns = (1..=n).find(|columns| columns * columns >= n).unwrap_or(1) as u32;
    (0..n as u32).map(|number| (number / columns, number % columns)).collect()
}

/// Row and column of each field by where the stage stood (y upwards): positions within half
/// a field of one another share a row or column. `None` when a position is not known, or
/// two fields would share a place.
pub fn stage_layout(fields: &[&ImageStructure]) -> Option<Vec<(u32, u32)>> {
    let positions: Vec<StagePosition> =
        fields.iter().map(|field| field.position).collect::<Option<_>>()?;
    let first = fields.first()?;
    let field_um = |size: Option<f64>, pixels: u32| size.map(|um| um * f64::from(pixels));
    let height = field_um(first.physical_size.y_um, first.sizes.y)?;
    let width = field_um(first.physical_size.x_um, first.sizes.x)?;
    let rows = ranks(positions.iter().map(|at| -at.y_um), height / 2.0);
    let columns = ranks(positions.iter().map(|at| at.x_um), width / 2.0);
    let places: Vec<_> = rows.into_iter().zip(columns).collect();
    let mut unique = places.clone();
    unique.sort_unstable();
    unique.dedup();
    (unique.len() == places.len()).then_some(places)
}

/// The rank of each value among the distinct ones; values closer than `tolerance` to the
/// one before are not distinct.
fn ranks(values: impl Iterator<Item = f64>, tolerance: f64) -> Vec<u32> {
    let mut ordered: Vec<(usize, f64)> = values.enumerate().collect();
    ordered.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0; ordered.len()];
    let (mut rank, mut last) = (0, f64::NEG_INFINITY);
    for (position, (number, value)) in ordered.into_iter().enumerate() {
        if position > 0 && value - last > tolerance {
            rank += 1;
        }
        ranks[number] = rank;
        last = value;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType, VirtualPath,
        model::{PhysicalSize, Sizes},
    };

    fn field(x_um: f64, y_um: f64) -> ImageStructure {
        ImageStructure {
            physical_size: PhysicalSize::square(1.0),
            position: Some(StagePosition { x_um, y_um }),
            ..ImageStructure::new(VirtualPath::root(), PixelType::U8, Sizes::new(1, 1, 1, 100, 100))
        }
    }

    #[test]
    fn jittered_stages_still_make_rows() {
        let fields = [field(0.0, 0.3), field(100.2, 0.0), field(0.1, -99.8), field(99.9, -100.0)];
        let fields: Vec<_> = fields.iter().collect();
        assert_eq!(stage_layout(&fields), Some(vec![(0, 0), (0, 1), (1, 0), (1, 1)]));
        let twice = [&fields[0], &fields[0]].map(|field| *field);
        assert_eq!(stage_layout(&twice), None);
    }

    #[test]
    fn grids_are_nearly_square() {
        assert_eq!(grid_layout(5)[4], (1, 1));
        assert_eq!(grid_layout(4), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert!(grid_layout(0).is_empty());
    }
}
