//! Seeded mutations, of the kinds that fuzzers make.

/// Numbers at the ends of types.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    u64::MAX >> 1,
    u64::MAX,
];

/// What texts are attacked with.
const WORDS: [&str; 14] = [
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&#x110000;",
    "<a><a><a>",
    "]]>",
    "4294967296",
    "-1",
    "1e309",
    "NaN",
    "../../",
    "null",
    "[[[[",
    "\u{feff}",
    "\0",
];

/// A generator of numbers, the same in every run (xorshift64*, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `most`, which is not 0.
    fn below(&mut self, most: usize) -> usize {
        (self.next() >> 16) as usize % most.max(1)
    }
}

/// `bytes` with one to four changes; `other` is what a part of may be put in.
pub(crate) fn mutated(bytes: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut input = bytes.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut input, other, &mut random);
    }
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(64)).min(input.len());
    match random.below(9) {
        0 => input.truncate(at),
        1 => drop(input.drain(at.min(end)..end)),
        2 => {
            let piece = input[at.min(end)..end].to_vec();
            input.splice(at..at, piece);
        }
        3 => {
            let from = random.below(other.len() + 1);
            let to = (from + random.below(256)).min(other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
        4 => {
            let word = WORDS[random.below(WORDS.len())];
            input.splice(at..at, word.bytes());
        }
        5 | 6 => put_number(&mut input[at..], random),
        7 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
    }
}

fn put_number(target: &mut [u8], random: &mut Random) {
    let number = NUMBERS[random.below(NUMBERS.len())];
    let n_bytes = [1, 2, 4, 8][random.below(4)].min(target.len());
    let little = number.to_le_bytes();
    let big = number.to_be_bytes();
    let bytes = if random.below(2) == 0 { &little[..n_bytes] } else { &big[8 - n_bytes..] };
    target[..n_bytes].copy_from_slice(bytes);
}
