//! Makes the next pyramid level of a plane.

use multiversion::multiversion;

use crate::{Element, Plane, Result, dispatch, model::ImageKind};

/// The plane at half the height and width, rounded up.
///
/// Intensities are the mean of each block of 2 x 2 pixels (of the pixels that exist at an
/// odd edge), whole numbers rounded half up; labels take the block's first pixel, so that
/// no label appears that was not there.
///
/// # Errors
/// `LimitExceeded` when the level does not fit the address space.
pub fn downsample(plane: &Plane, kind: ImageKind) -> Result<Plane> {
    let shape = plane.shape();
    let half = crate::PlaneShape::new(shape.height.div_ceil(2), shape.width.div_ceil(2));
    dispatch!(plane.pixel_type(), T => {
        let source = plane.as_slice::<T>()?;
        let width = shape.width as usize;
        let mut pixels = vec![T::default(); half.n_pixels() as usize];
        let rows = pixels.chunks_exact_mut(half.width.max(1) as usize);
        for (out, pair) in rows.zip(source.chunks(2 * width.max(1))) {
            let (top, bottom) = pair.split_at(width);
            match kind {
                ImageKind::Labels => out.iter_mut().zip(top.iter().step_by(2)).for_each(|(out, first)| *out = *first),
                ImageKind::Intensity => mean_row(top, if bottom.is_empty() { top } else { bottom }, out),
            }
        }
        Plane::from_vec(half, pixels)
    })
}

/// The means of blocks of 2 x 2 pixels of two rows, of which the last may be half as wide.
#[multiversion(targets("x86_64+avx2"))]
fn mean_row<T: Element>(top: &[T], bottom: &[T], out: &mut [T]) {
    let ((tops, top_rest), (bottoms, bottom_rest)) =
        (top.as_chunks::<2>(), bottom.as_chunks::<2>());
    for ((mean, a), b) in out.iter_mut().zip(tops).zip(bottoms) {
        *mean = T::mean4(a[0], a[1], b[0], b[1]);
    }
    if let ([a], [b], Some(mean)) = (top_rest, bottom_rest, out.last_mut()) {
        *mean = T::mean4(*a, *a, *b, *b);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn blocks_are_averaged_and_odd_edges_kept() {
        let plane = Plane::from_array(array![[1u8, 3, 10], [5, 7, 20], [8, 9, 255]]);
        let half = downsample(&plane, ImageKind::Intensity).unwrap();
        assert_eq!(half.as_array::<u8>().unwrap(), array![[4u8, 15], [9, 255]]);
        let plane = Plane::from_array(array![[-1i16, -2], [-3, -4]]);
        let half = downsample(&plane, ImageKind::Intensity).unwrap();
        assert_eq!(half.as_array::<i16>().unwrap(), array![[-2i16]]);
        let plane = Plane::from_array(array![[0.5f32, 1.5]]);
        let half = downsample(&plane, ImageKind::Intensity).unwrap();
        assert_eq!(half.as_array::<f32>().unwrap(), array![[1.0f32]]);
    }

    #[test]
    fn labels_are_never_mixed() {
        let plane = Plane::from_array(array![[0u32, 9, 4], [7, 7, 7]]);
        let half = downsample(&plane, ImageKind::Labels).unwrap();
        assert_eq!(half.as_array::<u32>().unwrap(), array![[0u32, 4]]);
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let plane = Plane::from_array(array![[u32::MAX, u32::MAX], [u32::MAX, u32::MAX]]);
        let half = downsample(&plane, ImageKind::Intensity).unwrap();
        assert_eq!(half.as_slice::<u32>().unwrap(), &[u32::MAX]);
    }
}
