//! Splitting objects that touch.

use polystore::PlaneShape;

use super::{
    components::{Components, Connectivity},
    flood::flood,
    peaks::{self, Object},
    raster::{Raster, View},
};
use crate::Result;

/// `labels` with every connected object (diagonals included) split into one part per peak
/// of `heights`, numbered from 1 in raster order of first pixels. Peaks keep `min_distance`
/// rows or columns from each other; parts meet where the heights between two peaks are
/// lowest.
pub(crate) fn split(
    labels: View<'_, u32>,
    heights: View<'_, f32>,
    min_distance: usize,
) -> Result<Raster<u32>> {
    let components = Components::of_objects(labels, Connectivity::Eight);
    let numbers = paint(labels.shape, &components, |component| component + 1)?;
    let mut markers = Vec::new();
    let mut is_single = vec![false; components.len()];
    for object in boxes(&components) {
        let peaks = peaks::find(heights, numbers.view(), object, min_distance)?;
        is_single[object.number as usize - 1] = peaks.len() <= 1;
        markers.extend(peaks.into_iter().filter(|_| !is_single[object.number as usize - 1]));
    }
    // Objects that stay whole keep their number; the parts of the others come after.
    let whole = |component: u32| if is_single[component as usize] { component + 1 } else { 0 };
    let mut parts = paint(labels.shape, &components, whole)?;
    for (&marker, part) in markers.iter().zip(components.len() as u32 + 1..) {
        parts.pixels_mut()[marker] = part;
    }
    flood(heights, numbers.view(), &markers, &mut parts);
    renumber(&mut parts, components.len() + markers.len());
    Ok(parts)
}

/// An image of `value` of each component, 0 elsewhere.
fn paint(
    shape: PlaneShape,
    components: &Components,
    value: impl Fn(u32) -> u32,
) -> Result<Raster<u32>> {
    let mut painted = Raster::filled(shape, 0)?;
    for (y, run) in components.runs() {
        painted.row_mut(y)[run.columns()].fill(value(run.component));
    }
    Ok(painted)
}

/// The boxes around components, numbered from 1.
fn boxes(components: &Components) -> Vec<Object> {
    let mut boxes: Vec<Object> = Vec::with_capacity(components.len());
    for (y, run) in components.runs() {
        let (start, end) = (run.start as usize, run.end as usize);
        match boxes.get_mut(run.component as usize) {
            Some(object) => object.include(y, start, end),
            None => boxes.push(Object {
                number: run.component + 1,
                top: y,
                left: start,
                height: 1,
                width: end - start,
            }),
        }
    }
    boxes
}

/// Numbers the values that occur, at most `largest`, from 1 in raster order.
fn renumber(image: &mut Raster<u32>, largest: usize) {
    let mut numbers = vec![0; largest + 1];
    let mut next = 0;
    for pixel in image.pixels_mut().iter_mut().filter(|pixel| **pixel != 0) {
        let number = &mut numbers[*pixel as usize];
        if *number == 0 {
            next += 1;
            *number = next;
        }
        *pixel = *number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::distance::to_background;

    /// Two disks of radius 6 that overlap, and a third on its own.
    fn disks() -> Vec<u32> {
        let is_in = |y: i32, x: i32, centre: i32| (y - 8).pow(2) + (x - centre).pow(2) <= 36;
        let place = |at: i32| (at / 48, at % 48);
        let value = |(y, x)| u32::from([8, 17, 38].iter().any(|&centre| is_in(y, x, centre)));
        (0..17 * 48).map(place).map(value).collect()
    }

    #[test]
    fn touching_disks_come_apart_in_the_middle() {
        let pixels = disks();
        let labels = View { shape: PlaneShape::new(17, 48), pixels: &pixels };
        let heights = to_background(labels).unwrap();
        let parts = split(labels, heights.view(), 4).unwrap();
        let row = parts.view().row(8);
        assert_eq!((row[8], row[17], row[38]), (1, 2, 3));
        assert_eq!((row[11], row[14]), (1, 2));
        let same = parts
            .view()
            .pixels
            .iter()
            .zip(&pixels)
            .all(|(&part, &label)| (part != 0) == (label != 0));
        assert!(same, "no pixel is lost or gained");
        let whole = split(labels, heights.view(), 20).unwrap();
        assert_eq!(whole.view().pixels.iter().max(), Some(&2));
    }
}
