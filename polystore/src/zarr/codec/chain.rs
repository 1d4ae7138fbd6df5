//! The codecs of a chunk one after another: at most one compressor, and checksums.

use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
};

use bytes::Bytes;

use super::{Codec, Encoded};
use crate::{Error, Result, buffer::PooledBuffer};

/// Bytes that a CRC-32C adds to a chunk.
const CHECKSUM_BYTES: usize = 4;

/// How the bytes of a chunk are stored: compressed, then followed by checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Chain {
    pub(in super::super) codec: Codec,
    /// How many CRC-32C checksums follow, each over all before it.
    pub(in super::super) n_checksums: u8,
}

impl Chain {
    /// Compression without a checksum.
    pub(in super::super) const fn new(codec: Codec) -> Self {
        Self { codec, n_checksums: 0 }
    }

    /// Whether stored bytes are the pixels themselves.
    pub(in super::super) fn is_raw(self) -> bool {
        self.codec == Codec::None && self.n_checksums == 0
    }

    /// Bytes that a chunk of `n_bytes` takes when it is not compressed; `None` when that
    /// depends on its content.
    pub(in super::super) fn stored_len(self, n_bytes: usize) -> Option<usize> {
        let checksums = CHECKSUM_BYTES * usize::from(self.n_checksums);
        (self.codec == Codec::None).then_some(n_bytes + checksums)
    }

    /// The `n_bytes` that `stored` holds.
    ///
    /// # Errors
    /// `InvalidData` when it is damaged or holds another number of bytes.
    pub(in super::super) fn decode(self, stored: &[u8], n_bytes: usize) -> Result<Decoded> {
        let mut encoded = stored;
        for _ in 0..self.n_checksums {
            encoded = check(encoded)?;
        }
        self.codec.decode(encoded, n_bytes)
    }

    /// What stores `bytes`, the pixels of `pixel_bytes` each.
    ///
    /// # Errors
    /// As the codec answers.
    pub(in super::super) fn encode(self, bytes: &[u8], pixel_bytes: usize) -> Result<Stored<'_>> {
        let encoded = self.codec.encode(bytes, pixel_bytes)?;
        if self.n_checksums == 0 {
            return Ok(encoded.map_or(Stored::Borrowed(bytes), Stored::Encoded));
        }
        let mut stored = encoded.map_or_else(|| bytes.to_vec(), |encoded| encoded.to_vec());
        for _ in 0..self.n_checksums {
            let checksum = crc32c::crc32c(&stored);
            stored.extend_from_slice(&checksum.to_le_bytes());
        }
        Ok(Stored::Encoded(Encoded::Owned(stored)))
    }
}

/// What precedes a right checksum.
fn check(bytes: &[u8]) -> Result<&[u8]> {
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(Error::invalid_data("chunk is too short for its checksum"));
    };
    if crc32c::crc32c(content) == u32::from_le_bytes(*checksum) {
        return Ok(content);
    }
    Err(Error::invalid_data("checksum of the chunk differs: it is damaged"))
}

/// The bytes of a chunk as they are stored.
#[derive(Debug)]
pub(in super::super) enum Stored<'a> {
    Borrowed(&'a [u8]),
    Encoded(Encoded),
}

impl Deref for Stored<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Encoded(encoded) => encoded,
        }
    }
}

impl<'a> From<Stored<'a>> for Cow<'a, [u8]> {
    fn from(stored: Stored<'a>) -> Self {
        match stored {
            Stored::Borrowed(bytes) => Self::Borrowed(bytes),
            Stored::Encoded(encoded) => Self::Owned(encoded.to_vec()),
        }
    }
}

/// The pixels of a chunk.
#[derive(Debug)]
pub(in super::super) enum Decoded {
    /// In memory that is reused.
    Pooled(PooledBuffer),
    /// As a codec gave them.
    Owned(Vec<u8>),
}

impl Decoded {
    /// The same bytes, shared and immutable, without a copy.
    pub(in super::super) fn freeze(self) -> Bytes {
        match self {
            Self::Pooled(buffer) => buffer.freeze(),
            Self::Owned(bytes) => Bytes::from(bytes),
        }
    }
}

impl Deref for Decoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Pooled(buffer) => buffer,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl DerefMut for Decoded {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Pooled(buffer) => buffer,
            Self::Owned(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_written_and_checked() {
        let bytes = [1u8, 2, 3, 4];
        let chain = Chain { codec: Codec::None, n_checksums: 2 };
        let stored = chain.encode(&bytes, 2).unwrap();
        assert_eq!(Some(stored.len()), chain.stored_len(4));
        assert_eq!(&*chain.decode(&stored, 4).unwrap(), &bytes);
        for at in 0..stored.len() {
            let mut damaged = stored.to_vec();
            damaged[at] ^= 1;
            assert!(chain.decode(&damaged, 4).is_err(), "byte {at}");
        }
        assert!(chain.decode(&[1, 2], 4).is_err());
    }
}
