//! Blosc, by the C library that zarrs builds and wraps.

use zarrs::array::codec::{
    BloscCompressionLevel, BloscCompressor as Compressor, BloscShuffleMode, blosc_compress_bytes,
    blosc_decompress_bytes, blosc_validate,
};

use super::{Decoded, Encoded, check_len, damaged};
use crate::{Error, ErrorKind, Result};

/// Blosc's header says lengths in 32 bits.
const MAX_BYTES: usize = i32::MAX as usize - 16;

/// What compresses the blocks of [`Codec::Blosc`](super::Codec::Blosc).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the names of the compressors")]
pub enum BloscCompressor {
    BloscLz,
    #[default]
    Lz4,
    Lz4Hc,
    Snappy,
    Zlib,
    Zstd,
}

/// How [`Codec::Blosc`](super::Codec::Blosc) sorts bytes before it compresses them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BloscShuffle {
    /// Not at all.
    None,
    /// By significance: all low bytes, then all high bytes.
    #[default]
    Bytes,
    /// Bit by bit.
    Bits,
}

impl BloscCompressor {
    /// All of them by name.
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::BloscLz, "blosclz"),
        (Self::Lz4, "lz4"),
        (Self::Lz4Hc, "lz4hc"),
        (Self::Snappy, "snappy"),
        (Self::Zlib, "zlib"),
        (Self::Zstd, "zstd"),
    ];

    fn of_zarrs(self) -> Compressor {
        match self {
            Self::BloscLz => Compressor::BloscLZ,
            Self::Lz4 => Compressor::LZ4,
            Self::Lz4Hc => Compressor::LZ4HC,
            Self::Snappy => Compressor::Snappy,
            Self::Zlib => Compressor::Zlib,
            Self::Zstd => Compressor::Zstd,
        }
    }
}

impl BloscShuffle {
    /// All of them by the names of zarr v3; their positions are the numbers of zarr v2.
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::None, "noshuffle"), (Self::Bytes, "shuffle"), (Self::Bits, "bitshuffle")];

    fn of_zarrs(self) -> BloscShuffleMode {
        match self {
            Self::None => BloscShuffleMode::NoShuffle,
            Self::Bytes => BloscShuffleMode::Shuffle,
            Self::Bits => BloscShuffleMode::BitShuffle,
        }
    }
}

pub(super) fn decode(encoded: &[u8], n_bytes: usize) -> Result<Decoded> {
    let claimed = blosc_validate(encoded)
        .ok_or_else(|| Error::invalid_data("chunk is no blosc chunk, or it is cut short"))?;
    check_len(claimed, n_bytes)?;
    let decoded = blosc_decompress_bytes(encoded, n_bytes, 1).map_err(damaged)?;
    check_len(decoded.len(), n_bytes)?;
    Ok(Decoded::Owned(decoded))
}

pub(super) fn encode(
    bytes: &[u8],
    compressor: BloscCompressor,
    level: u8,
    shuffle: BloscShuffle,
    pixel_bytes: usize,
) -> Result<Encoded> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::new(ErrorKind::LimitExceeded, "chunks of blosc hold at most 2 GiB")
            .with_hint("choose smaller chunks"));
    }
    let level = BloscCompressionLevel::try_from(level)
        .map_err(|_| Error::invalid_input(format!("blosc has no level {level}")))?;
    let (compressor, shuffle) = (compressor.of_zarrs(), shuffle.of_zarrs());
    blosc_compress_bytes(bytes, level, shuffle, pixel_bytes, compressor, 0, 1)
        .map(Encoded::Owned)
        .map_err(|error| Error::internal("blosc failed").with_source(error))
}
