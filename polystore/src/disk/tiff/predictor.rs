//! Undoes the predictors of TIFF, in place, on rows of a decoded strip or tile.

use crate::disk::tiff::page::Predictor;

/// Undoes `predictor` on rows of `row_bytes` and brings samples of `sample_bytes` into
/// native order. `swapped` says that the file has the other byte order; `interleaved` is
/// the number of samples of a pixel.
pub(super) fn undo(
    predictor: Predictor,
    data: &mut [u8],
    row_bytes: usize,
    sample_bytes: usize,
    interleaved: usize,
    swapped: bool,
) {
    if predictor == Predictor::FloatingPoint {
        for row in data.chunks_exact_mut(row_bytes) {
            undo_floating_point(row, sample_bytes, interleaved);
        }
        return;
    }
    if swapped {
        swap_bytes(data, sample_bytes);
    }
    if predictor == Predictor::Horizontal {
        for row in data.chunks_exact_mut(row_bytes) {
            undo_horizontal(row, sample_bytes, interleaved);
        }
    }
}

/// Reverses the bytes of every sample.
pub(crate) fn swap_bytes(data: &mut [u8], sample_bytes: usize) {
    match sample_bytes {
        2 => data.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse()),
        4 => data.as_chunks_mut::<4>().0.iter_mut().for_each(|sample| sample.reverse()),
        8 => data.as_chunks_mut::<8>().0.iter_mut().for_each(|sample| sample.reverse()),
        _ => {}
    }
}

macro_rules! running_sum {
    ($row:expr, $interleaved:expr, $type:ty) => {{
        const SIZE: usize = size_of::<$type>();
        let samples = $row.as_chunks_mut::<SIZE>().0;
        if $interleaved == 1 {
            let mut sum: $type = 0;
            for sample in samples {
                sum = sum.wrapping_add(<$type>::from_ne_bytes(*sample));
                *sample = sum.to_ne_bytes();
            }
        } else {
            for at in $interleaved..samples.len() {
                let left = <$type>::from_ne_bytes(samples[at - $interleaved]);
                let sum = left.wrapping_add(<$type>::from_ne_bytes(samples[at]));
                samples[at] = sum.to_ne_bytes();
            }
        }
    }};
}

fn undo_horizontal(row: &mut [u8], sample_bytes: usize, interleaved: usize) {
    match sample_bytes {
        1 => running_sum!(row, interleaved, u8),
        2 => running_sum!(row, interleaved, u16),
        4 => running_sum!(row, interleaved, u32),
        8 => running_sum!(row, interleaved, u64),
        _ => {}
    }
}

/// Replaces samples of one-sample pixels by their difference from the left neighbour.
pub(super) fn apply_horizontal(data: &mut [u8], row_bytes: usize, sample_bytes: usize) {
    macro_rules! differences {
        ($row:expr, $type:ty) => {{
            let mut left: $type = 0;
            for sample in $row.as_chunks_mut::<{ size_of::<$type>() }>().0 {
                let value = <$type>::from_ne_bytes(*sample);
                *sample = value.wrapping_sub(left).to_ne_bytes();
                left = value;
            }
        }};
    }
    for row in data.chunks_exact_mut(row_bytes) {
        match sample_bytes {
            1 => differences!(row, u8),
            2 => differences!(row, u16),
            4 => differences!(row, u32),
            _ => {}
        }
    }
}

/// Adobe Photoshop TIFF Technical Note 3: the bytes of a row are summed, then samples are
/// gathered from one run per byte, most significant first.
fn undo_floating_point(row: &mut [u8], sample_bytes: usize, interleaved: usize) {
    for at in interleaved..row.len() {
        row[at] = row[at].wrapping_add(row[at - interleaved]);
    }
    let runs = row.to_vec();
    let n_samples = row.len() / sample_bytes;
    for (number, sample) in row.chunks_exact_mut(sample_bytes).enumerate() {
        for (byte, target) in sample.iter_mut().enumerate() {
            let significance =
                if cfg!(target_endian = "little") { sample_bytes - 1 - byte } else { byte };
            *target = runs[significance * n_samples + number];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_sum_up_per_sample() {
        let mut grey = [5u16, 1, 65535, 2].map(u16::to_ne_bytes).concat();
        undo(Predictor::Horizontal, &mut grey, 4, 2, 1, false);
        assert_eq!(grey, [5u16, 6, 65535, 1].map(u16::to_ne_bytes).concat());
        let mut rgb = [1u8, 10, 100, 1, 1, 1];
        undo(Predictor::Horizontal, &mut rgb, 6, 1, 3, false);
        assert_eq!(rgb, [1, 10, 100, 2, 11, 101]);
    }

    #[test]
    fn the_other_byte_order_is_swapped_before_summing() {
        let mut data = [5u16, 1].map(|value| value.swap_bytes().to_ne_bytes()).concat();
        undo(Predictor::Horizontal, &mut data, 4, 2, 1, true);
        assert_eq!(data, [5u16, 6].map(u16::to_ne_bytes).concat());
    }

    #[test]
    fn floats_are_gathered_from_byte_runs() {
        let values = [1.5f32, -2.25, 1e10];
        let mut row = vec![0u8; 12];
        for (number, value) in values.iter().enumerate() {
            for (byte, part) in value.to_be_bytes().into_iter().enumerate() {
                row[byte * 3 + number] = part;
            }
        }
        for at in (1..row.len()).rev() {
            row[at] = row[at].wrapping_sub(row[at - 1]);
        }
        undo(Predictor::FloatingPoint, &mut row, 12, 4, 1, false);
        assert_eq!(row, values.map(f32::to_ne_bytes).concat());
    }
}
