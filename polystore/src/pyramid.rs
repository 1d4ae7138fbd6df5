//! Makes the next pyramid level of a plane.

use ndarray::ArrayView2;

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
        let source = plane.as_array::<T>()?;
        let mut pixels: Vec<T> = Vec::with_capacity(half.n_pixels() as usize);
        for y in 0..half.height as usize {
            match kind {
                ImageKind::Labels => pixels.extend(source.row(2 * y).iter().step_by(2)),
                ImageKind::Intensity => mean_row(&source, y, &mut pixels),
            }
        }
        Plane::from_vec(half, pixels)
    })
}

fn mean_row<T: Element>(source: &ArrayView2<'_, T>, y: usize, out: &mut Vec<T>) {
    let (height, width) = source.dim();
    let top = source.row(2 * y);
    let bottom = source.row((2 * y + 1).min(height - 1));
    if let (Some(top), Some(bottom)) = (top.as_slice(), bottom.as_slice()) {
        let blocks = top.chunks_exact(2).zip(bottom.chunks_exact(2));
        out.extend(blocks.map(|(a, b)| T::mean4(a[0], a[1], b[0], b[1])));
        if width % 2 == 1 {
            let (a, b) = (top[width - 1], bottom[width - 1]);
            out.push(T::mean4(a, a, b, b));
        }
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
