//! What running takes, reckoned beforehand.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Call, CallInput, Program, WriteTarget};
use crate::function::PlaneKind;

/// What running takes. Sums over units, except for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Planes that are read.
    pub n_planes: u64,
    /// Bytes of their pixels.
    pub read_bytes: u64,
    /// Calls of functions.
    pub n_calls: u64,
    /// Planes that are stored.
    pub n_planes_written: u64,
    /// Bytes of their pixels, before compression.
    pub written_bytes: u64,
    /// The most memory that one unit needs, about.
    pub peak_bytes: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.n_planes += other.n_planes;
        self.read_bytes += other.read_bytes;
        self.n_calls += other.n_calls;
        self.n_planes_written += other.n_planes_written;
        self.written_bytes += other.written_bytes;
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}

/// What tables and outlines of one call take, about.
const RESULT_BYTES: u64 = 64 << 10;

/// What one unit of `program` takes. `reads` are the planes in order, `n_functions` the
/// length of each call's chain.
pub(super) fn of_program(program: &Program, reads: &[PlaneKind], n_functions: &[u32]) -> Cost {
    let n_bytes = |value: u32| match program.calls.get((value as usize).wrapping_sub(reads.len())) {
        Some(call) => call.output.map_or(RESULT_BYTES, PlaneKind::n_bytes),
        None => reads.get(value as usize).map_or(0, |read| read.n_bytes()),
    };
    let mut cost = Cost {
        n_planes: reads.len() as u64,
        read_bytes: reads.iter().map(|read| read.n_bytes()).sum(),
        n_calls: n_functions.iter().map(|&n| u64::from(n)).sum(),
        ..Cost::default()
    };
    let mut uses = program.n_uses();
    let mut live = cost.read_bytes;
    cost.peak_bytes = live;
    for (number, call) in (reads.len() as u32..).zip(&program.calls) {
        live += n_bytes(number);
        cost.peak_bytes = cost.peak_bytes.max(live + working_bytes(call, &n_bytes));
        for value in call.inputs.iter().flat_map(|input| &input.values) {
            let left = &mut uses[*value as usize];
            *left -= 1;
            if *left == 0 {
                live -= n_bytes(*value);
            }
        }
    }
    for write in &program.writes {
        if let WriteTarget::Plane { .. } = write.target {
            cost.n_planes_written += 1;
            cost.written_bytes += n_bytes(write.value);
        }
    }
    cost
}

/// What a chain needs beside its inputs and its result: what one function hands to the next,
/// and working memory of a few bytes per pixel, as filters and labelling take.
fn working_bytes(call: &Call, n_bytes: &impl Fn(u32) -> u64) -> u64 {
    let first = call.inputs.first();
    let input: u64 = first
        .map_or(0, |CallInput { values, .. }| values.iter().map(|&value| n_bytes(value)).sum());
    let output = call.output.map_or(0, PlaneKind::n_bytes);
    2 * output.max(input)
}
