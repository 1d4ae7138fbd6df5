//! Filling holes of objects.

use super::{
    components::{Components, Connectivity},
    raster::{Raster, View},
};
use crate::Result;

/// What surrounds a piece of background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surroundings {
    /// Nothing seen yet.
    Unknown,
    /// One object only.
    Object(u32),
    /// Several objects, or the edge of the image: not a hole.
    Open,
}

impl Surroundings {
    fn and(self, value: u32) -> Self {
        match self {
            _ if value == 0 => self,
            Self::Unknown => Self::Object(value),
            Self::Object(known) if known == value => self,
            Self::Object(_) | Self::Open => Self::Open,
        }
    }
}

/// `labels` with holes given to the object around them. A hole is background that cannot
/// reach the edge of the image in steps up, down, left or right, that touches one object
/// only, and that has at most `max_area` pixels (any number when that is 0).
pub(crate) fn fill_holes(labels: View<'_, u32>, max_area: u32) -> Result<Raster<u32>> {
    let background = Components::of_background(labels, Connectivity::Four);
    let mut surroundings = look_around(labels, &background);
    for (piece, area) in surroundings.iter_mut().zip(background.areas()) {
        if max_area != 0 && area > max_area {
            *piece = Surroundings::Open;
        }
    }
    let mut filled = Raster::unset(labels.shape)?;
    filled.pixels_mut().copy_from_slice(labels.pixels);
    for (y, run) in background.runs() {
        if let Surroundings::Object(value) = surroundings[run.component as usize] {
            filled.row_mut(y)[run.columns()].fill(value);
        }
    }
    Ok(filled)
}

fn look_around(labels: View<'_, u32>, background: &Components) -> Vec<Surroundings> {
    let at_border = background.at_border(labels.shape.width);
    let open = |is_open: bool| if is_open { Surroundings::Open } else { Surroundings::Unknown };
    let mut pieces: Vec<_> = at_border.into_iter().map(open).collect();
    for (y, run) in background.runs() {
        let piece = &mut pieces[run.component as usize];
        if *piece != Surroundings::Open {
            // A piece away from the edge has neighbours on all four sides.
            let ends = [labels.row(y)[run.start as usize - 1], labels.row(y)[run.end as usize]];
            let above = labels.row(y - 1)[run.columns()].iter();
            let below = labels.row(y + 1)[run.columns()].iter();
            *piece = ends.iter().chain(above).chain(below).fold(*piece, |seen, &v| seen.and(v));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;

    fn filled(rows: &[&str], max_area: u32) -> Vec<String> {
        let digit = |c: char| c.to_digit(10).unwrap();
        let pixels: Vec<u32> = rows.iter().flat_map(|row| row.chars().map(digit)).collect();
        let shape = PlaneShape::new(rows.len() as u32, rows[0].len() as u32);
        let filled = fill_holes(View { shape, pixels: &pixels }, max_area).unwrap();
        filled.view().rows().map(|row| row.iter().map(u32::to_string).collect()).collect()
    }

    #[test]
    fn holes_take_the_object_around_them() {
        assert_eq!(
            filled(&["1110222", "1010202", "1110220"], 0),
            ["1110222", "1110222", "1110220"],
            "the second ring is closed: a diagonal gap is no way out"
        );
    }

    #[test]
    fn background_between_objects_or_too_large_stays() {
        assert_eq!(filled(&["1122", "1002", "1122"], 0), ["1122", "1002", "1122"]);
        assert_eq!(filled(&["1111", "1001", "1111"], 1), ["1111", "1001", "1111"]);
        assert_eq!(filled(&["1111", "1001", "1111"], 2), ["1111"; 3]);
    }
}
