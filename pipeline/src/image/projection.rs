//! Planes into one, pixel by pixel. Works on pieces of all planes that fit into the cache
//! together, so memory is read once and written once, which is the limit.

use polystore::{Element, Plane};

use super::raster::Raster;
use crate::{Error, Result};

/// Pixels of a piece.
const PIECE: usize = 4096;

/// The largest value of each pixel; NaN where any plane has it, as numpy has it.
pub(crate) fn maximum<T: Element>(planes: &[Plane]) -> Result<Plane> {
    project(planes, |pieces: &[&[T]], target: &mut [T]| {
        let Some((first, rest)) = pieces.split_first() else { return };
        target.copy_from_slice(first);
        for pixels in rest {
            for (best, &pixel) in target.iter_mut().zip(*pixels) {
                *best = if pixel > *best || is_nan(pixel) { pixel } else { *best };
            }
        }
    })
}

/// The sum of each pixel, in double precision until the end.
pub(crate) fn sum<T: Element>(planes: &[Plane]) -> Result<Plane> {
    sum_over::<T>(planes, 1.0)
}

/// The mean of each pixel, in double precision until the end.
pub(crate) fn mean<T: Element>(planes: &[Plane]) -> Result<Plane> {
    sum_over::<T>(planes, planes.len() as f64)
}

fn sum_over<T: Element>(planes: &[Plane], divisor: f64) -> Result<Plane> {
    project(planes, |pieces: &[&[T]], target: &mut [f32]| {
        let mut sums = [0.0; PIECE];
        for pixels in pieces {
            for (sum, pixel) in sums.iter_mut().zip(*pixels) {
                *sum += pixel.to_f64();
            }
        }
        for (pixel, sum) in target.iter_mut().zip(sums) {
            *pixel = (sum / divisor) as f32;
        }
    })
}

fn is_nan<T: Element>(pixel: T) -> bool {
    pixel.partial_cmp(&pixel).is_none()
}

fn project<S: Element, T: Element>(
    planes: &[Plane],
    merge: impl Fn(&[&[S]], &mut [T]),
) -> Result<Plane> {
    let first = planes.first().ok_or_else(|| Error::function("there are no planes to project"))?;
    let pixels: Vec<&[S]> = planes.iter().map(Plane::as_slice).collect::<Result<_, _>>()?;
    let mut projection = Raster::unset(first.shape())?;
    for (piece, target) in projection.pixels_mut().chunks_mut(PIECE).enumerate() {
        let start = piece * PIECE;
        let pieces: Vec<&[S]> =
            pixels.iter().map(|pixels| &pixels[start..start + target.len()]).collect();
        merge(&pieces, target);
    }
    projection.into_plane()
}
