//! How sharp an image is.

use polystore::Element;

use super::{raster::View, sums::sum_pairs};

/// The energy of differences between pixels two apart, along both axes (after Brenner et
/// al., J. Histochem. Cytochem. 24, 1976). Larger is sharper, among images of one scene.
/// Differences with NaN count as none.
pub(crate) fn sharpness<T: Element>(image: View<'_, T>) -> f64 {
    let along_rows: f64 =
        image.rows().filter(|row| row.len() > 2).map(|row| energy(row, &row[2..])).sum();
    let down_columns: f64 =
        image.rows().zip(image.rows().skip(2)).map(|(row, below)| energy(row, below)).sum();
    along_rows + down_columns
}

fn energy<T: Element>(pixels: &[T], others: &[T]) -> f64 {
    sum_pairs(pixels, others, |pixel, other| {
        let difference = pixel.to_f64() - other.to_f64();
        if difference.is_nan() { 0.0 } else { difference * difference }
    })
}
