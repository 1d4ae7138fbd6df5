//! TIFF's LZW (TIFF 6.0, section 13), decoded straight into the caller's memory.
//!
//! Codes are 9 to 12 bits, most significant first, and grow one code early. A code stands
//! for a string that was written before: for a code that was added at output position `p`
//! with length `n`, the string is `output[p..p + n]`. So the table needs no strings, only
//! where each was written, and a code is one copy within the output. Measured against the
//! crate `weezl` in `benches/RESULTS.md`.

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
const MAX_CODES: usize = 4096;

/// Decodes `input` until its end code, the end of `output` or of `input`; returns the
/// number of bytes written.
pub(super) fn decode(input: &[u8], output: &mut [u8]) -> Result<usize, &'static str> {
    let mut bits = Bits { input, at: 0, buffer: 0, n_buffered: 0 };
    // Where the string of code `FIRST + i` was written, and its length.
    let mut strings = [(0u32, 0u32); MAX_CODES];
    let (mut n_codes, mut width) = (FIRST, 9);
    let mut written = 0usize;
    let mut previous: Option<(usize, usize)> = None;
    while written < output.len() {
        let Some(code) = bits.take(width) else { break };
        if code == CLEAR {
            (n_codes, width, previous) = (FIRST, 9, None);
            continue;
        }
        if code == END {
            break;
        }
        let start = written;
        let length = if code < CLEAR {
            output[written] = code as u8;
            1
        } else if code < n_codes {
            let (from, length) = strings[code];
            copy_within(output, from as usize, written, length as usize)
        } else {
            // The one code that may be used before it is complete: the previous string and
            // its own first byte, which stand where the copy reads.
            let (from, length) = previous.filter(|_| code == n_codes).ok_or("unknown code")?;
            copy_within(output, from, written, length + 1)
        };
        written += length;
        if let Some((from, length)) = previous
            && n_codes < MAX_CODES
        {
            // The previous string and the byte after it, which this code has just written.
            strings[n_codes] = (from as u32, length as u32 + 1);
            n_codes += 1;
            if n_codes + 1 >= 1 << width && width < 12 {
                width += 1;
            }
        }
        previous = Some((start, length));
    }
    Ok(written)
}

/// Copies as much of `length` bytes from `from` to `to` as `output` has room for; the
/// ranges may overlap forwards. Returns the bytes copied.
#[inline]
fn copy_within(output: &mut [u8], from: usize, to: usize, length: usize) -> usize {
    let length = length.min(output.len() - to);
    if from + 16 <= to && to + 16 <= output.len() && length <= 16 {
        // Short strings are most of them: one move of fixed size, whose surplus is
        // overwritten by what comes next.
        let mut chunk = [0u8; 16];
        chunk.copy_from_slice(&output[from..from + 16]);
        output[to..to + 16].copy_from_slice(&chunk);
    } else if from + length <= to {
        output.copy_within(from..from + length, to);
    } else {
        for at in 0..length {
            output[to + at] = output[from + at];
        }
    }
    length
}

/// Codes of `width` bits, most significant first.
struct Bits<'a> {
    input: &'a [u8],
    at: usize,
    buffer: u64,
    n_buffered: u32,
}

impl Bits<'_> {
    #[inline]
    fn take(&mut self, width: u32) -> Option<usize> {
        if self.n_buffered < width {
            self.refill();
            if self.n_buffered < width {
                return None;
            }
        }
        self.n_buffered -= width;
        Some(((self.buffer >> self.n_buffered) & ((1 << width) - 1)) as usize)
    }

    #[inline]
    fn refill(&mut self) {
        if let Some(next) = self.input.get(self.at..self.at + 4) {
            let word = u32::from_be_bytes([next[0], next[1], next[2], next[3]]);
            self.buffer = self.buffer << 32 | u64::from(word);
            self.n_buffered += 32;
            self.at += 4;
        } else {
            for &byte in &self.input[self.at..] {
                self.buffer = self.buffer << 8 | u64::from(byte);
                self.n_buffered += 8;
            }
            self.at = self.input.len();
        }
    }
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
