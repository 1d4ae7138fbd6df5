//! Sums in double precision over several lanes: quick, and in the same order everywhere.

/// Partial sums kept side by side.
const LANES: usize = 8;

/// The sum of `term` over `values`.
pub(crate) fn sum<T: Copy>(values: &[T], term: impl Fn(T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane += term(value);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&value| term(value)).sum::<f64>()
}

/// The sum of `term` over values at the same place of `ones` and `others`, as long as both.
pub(crate) fn sum_pairs<T: Copy>(ones: &[T], others: &[T], term: impl Fn(T, T) -> f64) -> f64 {
    let len = ones.len().min(others.len());
    let mut lanes = [0.0; LANES];
    let (one_blocks, one_rest) = ones[..len].as_chunks::<LANES>();
    let (other_blocks, other_rest) = others[..len].as_chunks::<LANES>();
    for (one_block, other_block) in one_blocks.iter().zip(other_blocks) {
        for ((lane, &one), &other) in lanes.iter_mut().zip(one_block).zip(other_block) {
            *lane += term(one, other);
        }
    }
    let rest = one_rest.iter().zip(other_rest).map(|(&one, &other)| term(one, other));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}
