//! Comparing pixels of any type with a threshold of double precision, exactly.

use super::{
    ordered::Ordered,
    raster::{Raster, View},
};
use crate::Result;

/// Which side of a threshold is foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Pixels above the threshold: bright objects.
    Above,
    /// Pixels at or below the threshold: dark objects.
    Below,
}

/// The pixels of `image` on `side` of `threshold`, a number, as 1; the others, and NaN, as 0.
pub(crate) fn mask<T: Ordered>(
    image: View<'_, T>,
    threshold: f64,
    side: Side,
) -> Result<Raster<u32>> {
    match (floor::<T>(threshold), side) {
        (Some(cut), Side::Above) => Raster::map(image, |pixel| u32::from(pixel > cut)),
        (Some(cut), Side::Below) => Raster::map(image, |pixel| u32::from(pixel <= cut)),
        // The threshold lies below every value of the type.
        (None, Side::Above) => Raster::map(image, |pixel| u32::from(pixel >= T::LOWEST)),
        (None, Side::Below) => Raster::filled(image.shape, 0),
    }
}

/// The largest value of the type that is at most `threshold`, so that `pixel > threshold`
/// can be asked in the pixel's own type. `None` when there is none.
fn floor<T: Ordered>(threshold: f64) -> Option<T> {
    let nearest = T::from_f64(threshold);
    if nearest.to_f64() <= threshold {
        return Some(nearest);
    }
    let rank: u64 = nearest.rank().into();
    let lower = T::from_rank(rank.checked_sub(1)?);
    (lower.to_f64() <= threshold).then_some(lower)
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;
    use proptest::prelude::*;

    use super::*;

    fn check<T: Ordered>(pixels: &[T], threshold: f64) {
        let shape = PlaneShape::new(1, pixels.len() as u32);
        let view = View { shape, pixels };
        let above = mask(view, threshold, Side::Above).unwrap();
        let below = mask(view, threshold, Side::Below).unwrap();
        for (at, pixel) in pixels.iter().enumerate() {
            let value = pixel.to_f64();
            assert_eq!(above.view().pixels[at] == 1, value > threshold, "{value} > {threshold}");
            assert_eq!(below.view().pixels[at] == 1, value <= threshold, "{value} <= {threshold}");
        }
    }

    proptest! {
        #[test]
        fn masks_compare_in_double_precision(
            seeds in prop::collection::vec(any::<i32>(), 1..20),
            threshold in prop_oneof![-300.0f64..300.0, -1e10f64..1e10, (-300i32..300).prop_map(f64::from)],
        ) {
            check(&seeds, threshold);
            check(&seeds.iter().map(|&seed| seed as u8).collect::<Vec<_>>(), threshold);
            check(&seeds.iter().map(|&seed| seed as i8).collect::<Vec<_>>(), threshold);
            check(&seeds.iter().map(|&seed| seed as u16).collect::<Vec<_>>(), threshold);
            check(&seeds.iter().map(|&seed| seed as f32 / 1e7).collect::<Vec<_>>(), threshold);
            check(&seeds.iter().map(|&seed| f64::from(seed) / 1e7).collect::<Vec<_>>(), threshold);
        }
    }

    #[test]
    fn extremes_and_nan() {
        check(&[0u8, 255], -1.0);
        check(&[0u8, 255], 255.0);
        check(&[0u8, 255], 1e9);
        check(&[f32::NAN, f32::NEG_INFINITY, 0.1, f32::INFINITY], f64::from(0.1f32));
        check(&[0.1f32], 0.1);
    }
}
