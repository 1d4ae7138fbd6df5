//! Names of chunk files.

use std::fmt::Write as _;

/// How a chunk's place in the grid makes its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct ChunkKeys {
    /// Names start with `c`, as zarr v3 has it by default.
    pub(in super::super) prefixed: bool,
    /// `/` or `.`.
    pub(in super::super) separator: char,
}

impl ChunkKeys {
    /// Zarr v2 with `/`, as OME-Zarr 0.4 recommends it.
    pub(in super::super) const V2: Self = Self { prefixed: false, separator: '/' };
    /// Zarr v3's default.
    pub(in super::super) const V3: Self = Self { prefixed: true, separator: '/' };

    /// The name of the chunk at `place`, below its array.
    pub(in super::super) fn name(self, place: &[u64]) -> String {
        let mut name = String::with_capacity(2 + 4 * place.len());
        if self.prefixed {
            name.push('c');
        }
        for (position, number) in place.iter().enumerate() {
            if position > 0 || self.prefixed {
                name.push(self.separator);
            }
            let _ = write!(name, "{number}");
        }
        name
    }

    /// The place of the chunk called `name`, of `n_dims` numbers; `None` for other files.
    pub(in super::super) fn parse(self, name: &str, n_dims: usize) -> Option<Vec<u64>> {
        let numbers = match self.prefixed {
            true => name.strip_prefix('c')?.strip_prefix(self.separator)?,
            false => name,
        };
        let place: Option<Vec<u64>> = numbers.split(self.separator).map(number).collect();
        place.filter(|place| place.len() == n_dims)
    }
}

/// A number as chunk names have it: no sign, no leading zero.
pub(in super::super) fn number(text: &str) -> Option<u64> {
    let is_plain = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [ChunkKeys; 4] = [
        ChunkKeys::V2,
        ChunkKeys::V3,
        ChunkKeys { prefixed: false, separator: '.' },
        ChunkKeys { prefixed: true, separator: '.' },
    ];

    #[test]
    fn names_are_those_of_the_specifications() {
        let names = ALL.map(|keys| keys.name(&[0, 12, 3]));
        assert_eq!(names, ["0/12/3", "c/0/12/3", "0.12.3", "c.0.12.3"]);
    }

    proptest! {
        #[test]
        fn parsing_inverts_naming(place in prop::collection::vec(any::<u64>(), 1..6), n in 0..4usize) {
            prop_assert_eq!(ALL[n].parse(&ALL[n].name(&place), place.len()), Some(place));
        }

        #[test]
        fn other_names_are_no_chunks(name in "[c0-9./+-]{0,8}", n in 0..4usize) {
            if let Some(place) = ALL[n].parse(&name, 2) {
                prop_assert_eq!(ALL[n].name(&place), name);
            }
        }
    }
}
