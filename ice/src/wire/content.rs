//! Bytes in parts.

use std::{collections::VecDeque, fmt};

use bytes::{Buf, Bytes};

/// Parts that are as long are not copied to where the others are.
pub(crate) const LONG: usize = 8 << 10;

/// Bytes that stand one after the other on the wire and in parts in memory, so that a plane of
/// pixels is sent from where it is. What came from a peer is in one part.
#[derive(Clone, Default)]
pub struct Content {
    /// Empty only when there are no others.
    first: Bytes,
    others: VecDeque<Bytes>,
    /// Bytes of all: asked for with each piece that is sent.
    len: usize,
}

impl Content {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The parts in their order; none of them is empty.
    pub fn parts(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).filter(|part| !part.is_empty()).chain(&self.others)
    }

    /// All bytes in one: copied when they are in several parts.
    pub fn joined(&self) -> Bytes {
        if self.others.is_empty() { self.first.clone() } else { self.to_vec().into() }
    }

    /// A copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.parts().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    pub(crate) fn push(&mut self, part: Bytes) {
        self.len += part.len();
        if self.first.is_empty() {
            self.first = part;
        } else if !part.is_empty() {
            self.others.push_back(part);
        }
    }

    fn take_first(&mut self) -> Bytes {
        self.len -= self.first.len();
        std::mem::replace(&mut self.first, self.others.pop_front().unwrap_or_default())
    }

    /// Takes the first part, if it is short.
    pub(crate) fn take_short(&mut self) -> Option<Bytes> {
        let is_short = !self.first.is_empty() && self.first.len() < LONG;
        is_short.then(|| self.take_first())
    }
}

/// What is left to be sent.
impl Buf for Content {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(self.parts());
        filled.map(|(slice, part)| *slice = std::io::IoSlice::new(part)).count()
    }

    fn advance(&mut self, mut n_bytes: usize) {
        while !self.first.is_empty() && n_bytes >= self.first.len() {
            n_bytes -= self.take_first().len();
        }
        // Past the end it panics here, as it must.
        self.first.advance(n_bytes);
        self.len -= n_bytes;
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        let mut content = Self::default();
        content.push(bytes);
        content
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// The same bytes, in whatever parts.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.joined() == other.joined()
    }
}

impl Eq for Content {}

impl PartialEq<[u8]> for Content {
    fn eq(&self, other: &[u8]) -> bool {
        self.len() == other.len() && self.joined() == other
    }
}

impl PartialEq<Vec<u8>> for Content {
    fn eq(&self, other: &Vec<u8>) -> bool {
        *self == **other
    }
}

/// How long it is, not what it is: planes are long, and there may be passwords in it.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}
