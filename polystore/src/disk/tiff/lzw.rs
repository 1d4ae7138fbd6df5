//! TIFF's LZW (TIFF 6.0, section 13), decoded straight into the caller's memory.
//!
//! Codes are 9 to 12 bits, most significant first, and grow one code early. Camera images
//! make strings of two or three bytes, so the cost is per code, not per byte: the table
//! keeps the first eight bytes of every string, and a code is one load and one store of
//! eight bytes, of which those beyond the string are overwritten by the next. Longer
//! strings are copied from where they were written before. No step depends on the one
//! before it but for the position in the output, so that codes overlap in the processor.
//! Measured against the crate `weezl` and libtiff's decoder in `benches/RESULTS.md`.

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
const MAX_CODES: usize = 4096;
/// Bytes of a string that the table keeps.
const KEPT: usize = 8;

/// The strings of all codes.
struct Table {
    /// The first bytes of each string, the first one lowest.
    bytes: [u64; MAX_CODES],
    lengths: [u16; MAX_CODES],
    /// Where in the output each string was written.
    positions: [u32; MAX_CODES],
}

/// Decodes `input` until its end code, the end of `output` or of `input`; returns the
/// number of bytes written.
pub(super) fn decode(input: &[u8], output: &mut [u8]) -> Result<usize, &'static str> {
    let mut table = Table {
        bytes: std::array::from_fn(|code| code as u64 & 0xFF),
        lengths: [1; MAX_CODES],
        positions: [0; MAX_CODES],
    };
    let (mut n_codes, mut width) = (FIRST, 9);
    let mut bit = 0;
    let mut written = 0;
    // The code before, and where its string begins in the output; none after a clear code.
    let mut previous: Option<(usize, usize)> = None;
    while written < output.len() {
        let Some(code) = code_at(input, bit, width) else { break };
        bit += width;
        if code == CLEAR {
            (n_codes, width, previous) = (FIRST, 9, None);
            continue;
        }
        if code == END {
            break;
        }
        if let Some((before, start)) = previous
            && n_codes < MAX_CODES
        {
            // The string before and the first byte of this one; for the code that is being
            // defined here, that is its own first byte.
            let first = if code == n_codes { before } else { code };
            table.define(n_codes, before, start, table.bytes[first] as u8);
            n_codes += 1;
            if n_codes + 1 >= 1 << width && width < 12 {
                width += 1;
            }
        }
        if code >= n_codes {
            return Err("unknown code");
        }
        previous = Some((code, written));
        written += table.write(code, output, written);
    }
    Ok(written)
}

impl Table {
    #[inline]
    fn define(&mut self, code: usize, prefix: usize, start: usize, last: u8) {
        let length = self.lengths[prefix];
        let shift = u32::from(length) * 8;
        let last = u64::from(last).checked_shl(shift).unwrap_or(0);
        self.bytes[code] = self.bytes[prefix] | last;
        self.lengths[code] = length + 1;
        self.positions[code] = start as u32;
    }

    /// Writes the string of `code` at `to`, as far as there is room; returns its length.
    #[inline]
    fn write(&self, code: usize, output: &mut [u8], to: usize) -> usize {
        let length = usize::from(self.lengths[code]);
        let room = output.len() - to;
        if length <= KEPT
            && let Some(target) = output[to..].first_chunk_mut::<KEPT>()
        {
            *target = self.bytes[code].to_le_bytes();
            return length;
        }
        let length = length.min(room);
        if length <= KEPT {
            output[to..to + length].copy_from_slice(&self.bytes[code].to_le_bytes()[..length]);
        } else {
            copy_forwards(output, self.positions[code] as usize, to, length);
        }
        length
    }
}

/// Copies `length` bytes from `from` to `to`; where they overlap, what was just written is
/// read again.
fn copy_forwards(output: &mut [u8], from: usize, to: usize, length: usize) {
    if from + length <= to {
        output.copy_within(from..from + length, to);
        return;
    }
    for at in 0..length {
        output[to + at] = output[from + at];
    }
}

/// The code of `width` bits at `bit`, most significant first.
#[inline]
fn code_at(input: &[u8], bit: usize, width: usize) -> Option<usize> {
    let byte = bit / 8;
    let word = match input.get(byte..byte + 8) {
        Some(word) => u64::from_be_bytes([
            word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7],
        ]),
        None => {
            if bit + width > input.len() * 8 {
                return None;
            }
            let tail = input[byte..].iter().chain(std::iter::repeat(&0));
            tail.take(8).fold(0, |word, &next| word << 8 | u64::from(next))
        }
    };
    Some((word << (bit % 8) >> (64 - width)) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(data: &[u8]) -> Vec<u8> {
        weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(data).unwrap()
    }

    fn round_trip(data: &[u8]) {
        let encoded = encode(data);
        let mut output = vec![0; data.len()];
        assert_eq!(decode(&encoded, &mut output), Ok(data.len()));
        assert!(output == data);
    }

    #[test]
    fn long_runs_and_full_tables() {
        round_trip(&[7; 100_000]);
        let noise: Vec<u8> =
            (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        round_trip(&noise);
        let ramp: Vec<u8> = (0..100_000u32).map(|i| (i / 7) as u8).collect();
        round_trip(&ramp);
    }

    #[test]
    fn damage_is_an_error_or_a_short_answer() {
        let mut output = [0; 64];
        // A clear code, then a code that nothing was written for.
        assert!(decode(&[0x80, 0x7F, 0xFF], &mut output).is_err());
        assert_eq!(decode(&[], &mut output), Ok(0));
        let encoded = encode(&[1; 1000]);
        assert_eq!(decode(&encoded, &mut output), Ok(64));
    }

    proptest! {
        #[test]
        fn what_weezl_encodes_decodes(data in prop::collection::vec(0u8..4, 0..3000)) {
            round_trip(&data);
        }

        #[test]
        fn random_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut output = vec![0; 2000];
            let _ = decode(&data, &mut output);
        }
    }
}
