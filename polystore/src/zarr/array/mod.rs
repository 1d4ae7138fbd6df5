//! What a zarr array is, whichever version of the format describes it.

mod data_type;
mod fill;
mod keys;
mod v2;
mod v3;

pub(super) use data_type::DataType;
pub(super) use keys::{ChunkKeys, number};

use super::{
    NgffVersion,
    codec::Chain,
    store::{Store, join},
};
use crate::{Error, ErrorKind, Result};

/// Most bytes of a decoded chunk: what blosc's header can say, and more than any plane.
pub(super) const MAX_CHUNK_BYTES: u64 = 1 << 31;
/// Most chunks in a shard: their index takes 16 bytes each.
const MAX_CHUNKS_PER_SHARD: u64 = 1 << 24;
/// Most dimensions of an array that is looked at.
const MAX_DIMENSIONS: usize = 32;
/// Most bytes of an array's description.
pub(super) const MAX_ARRAY_JSON_BYTES: u64 = 4 << 20;

/// An array's description.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// Pixels along each dimension.
    pub(super) shape: Vec<u64>,
    /// Extent of what one file holds.
    pub(super) file_shape: Vec<u64>,
    /// Extent of what is decoded at once; the same as a file's unless files are shards.
    pub(super) chunk_shape: Vec<u64>,
    /// How the chunks of a file are found, when it holds several.
    pub(super) shard: Option<ShardIndex>,
    pub(super) data_type: DataType,
    /// Dimensions from the slowest to the fastest in a chunk's bytes.
    pub(super) order: Vec<usize>,
    pub(super) chain: Chain,
    pub(super) keys: ChunkKeys,
    /// The stored, native-endian number that an absent chunk stands for; `None` when the
    /// description's cannot be read.
    pub(super) fill: Option<Vec<u8>>,
    /// Names of the dimensions, where the array has them itself.
    pub(super) dimension_names: Vec<Option<String>>,
}

/// The index of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShardIndex {
    /// How the index itself is stored.
    pub(super) chain: Chain,
    /// It stands behind the chunks, otherwise before them.
    pub(super) at_end: bool,
}

impl Array {
    /// Reads the description of the array `name`; `None` when no array is there. `prefer`
    /// says which version's file is looked for first.
    ///
    /// # Errors
    /// `InvalidData` naming the file and what is wrong, `Unsupported` for what this crate
    /// does not read.
    pub(super) fn open(store: &Store, name: &str, prefer: NgffVersion) -> Result<Option<Self>> {
        let order = match prefer {
            NgffVersion::V04 => [NgffVersion::V04, NgffVersion::V05],
            NgffVersion::V05 => [NgffVersion::V05, NgffVersion::V04],
        };
        for version in order {
            let path = join(name, Self::file(version));
            if let Some(json) = store.read(&path, MAX_ARRAY_JSON_BYTES)? {
                return Self::parse(&json, version).map_err(|error| error.with_path(path));
            }
        }
        Ok(None)
    }

    /// The file that describes an array.
    pub(super) fn file(version: NgffVersion) -> &'static str {
        match version {
            NgffVersion::V04 => ".zarray",
            NgffVersion::V05 => "zarr.json",
        }
    }

    /// Reads a description; `None` when it describes a group.
    ///
    /// # Errors
    /// As [`Array::open`].
    pub(super) fn parse(json: &[u8], version: NgffVersion) -> Result<Option<Self>> {
        match version {
            NgffVersion::V04 => v2::parse(json),
            NgffVersion::V05 => v3::parse(json),
        }
    }

    /// The file that describes this array, and its content.
    ///
    /// # Errors
    /// `InvalidInput` for a codec that the version does not have.
    pub(super) fn describe(&self, version: NgffVersion) -> Result<(&'static str, Vec<u8>)> {
        let json = match version {
            NgffVersion::V04 => v2::describe(self),
            NgffVersion::V05 => v3::describe(self)?,
        };
        Ok((Self::file(version), super::metadata::to_json(&json)))
    }

    /// Number of dimensions.
    pub(super) fn n_dims(&self) -> usize {
        self.shape.len()
    }

    /// Files along dimension `dim`.
    pub(super) fn n_files(&self, dim: usize) -> u64 {
        self.shape[dim].div_ceil(self.file_shape[dim])
    }

    /// Chunks along dimension `dim`; the last file's chunks past the array not counted.
    pub(super) fn n_chunks(&self, dim: usize) -> u64 {
        self.shape[dim].div_ceil(self.chunk_shape[dim])
    }

    /// Chunks along dimension `dim` of a file.
    pub(super) fn chunks_per_file(&self, dim: usize) -> u64 {
        self.file_shape[dim] / self.chunk_shape[dim]
    }

    /// Chunks of a file.
    pub(super) fn n_chunks_per_file(&self) -> u64 {
        (0..self.n_dims()).map(|dim| self.chunks_per_file(dim)).product()
    }

    /// Bytes of a decoded chunk.
    pub(super) fn chunk_bytes(&self) -> usize {
        // Checked against the limit when the description was read.
        let n_pixels: u64 = self.chunk_shape.iter().product();
        n_pixels as usize * self.data_type.size_bytes()
    }

    /// Pixels between neighbours along each dimension of a chunk.
    pub(super) fn strides(&self) -> Vec<usize> {
        let mut strides = vec![0; self.n_dims()];
        let mut stride = 1;
        for &dim in self.order.iter().rev() {
            strides[dim] = stride;
            stride *= self.chunk_shape[dim] as usize;
        }
        strides
    }

    /// Checks that numbers agree and stay within limits, before any memory is taken.
    ///
    /// # Errors
    /// `InvalidData` naming what does not agree, `LimitExceeded`.
    pub(super) fn check(self) -> Result<Self> {
        let n_dims = self.n_dims();
        let bad = |message: String| Err(Error::invalid_data(message));
        if n_dims == 0 || n_dims > MAX_DIMENSIONS {
            return bad(format!("array has {n_dims} dimensions"));
        }
        if self.file_shape.len() != n_dims || self.chunk_shape.len() != n_dims {
            return bad(format!("array has {n_dims} dimensions, but its chunks have others"));
        }
        if self.file_shape.iter().chain(&self.chunk_shape).any(|&extent| extent == 0) {
            return bad("a chunk's extent is 0".to_owned());
        }
        let mut order = self.order.clone();
        order.sort_unstable();
        if order != (0..n_dims).collect::<Vec<_>>() {
            return bad("order of dimensions names one twice or leaves one out".to_owned());
        }
        let mut per_file = 1u64;
        let mut n_bytes = self.data_type.size_bytes() as u64;
        for (&file, &chunk) in self.file_shape.iter().zip(&self.chunk_shape) {
            if file % chunk != 0 {
                return bad(format!("shards of {file} do not hold whole chunks of {chunk}"));
            }
            per_file = per_file.saturating_mul(file / chunk);
            n_bytes = n_bytes.saturating_mul(chunk);
        }
        if n_bytes > MAX_CHUNK_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("chunks of {n_bytes} bytes are larger than the {MAX_CHUNK_BYTES} accepted"),
            ));
        }
        if per_file > MAX_CHUNKS_PER_SHARD {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("shards of {per_file} chunks are larger than is accepted"),
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_follow_the_order_of_dimensions() {
        let text = br#"{"zarr_format": 2, "shape": [4, 6], "chunks": [2, 3], "dtype": "<u2",
            "compressor": null, "fill_value": 0, "order": "F", "filters": null}"#;
        let array = v2::parse(text).unwrap().unwrap();
        assert_eq!(array.strides(), [1, 2]);
        assert_eq!(array.chunk_bytes(), 12);
        assert_eq!((array.n_files(0), array.n_chunks(1)), (2, 2));
    }

    #[test]
    fn hostile_numbers_are_refused_before_memory_is_taken() {
        let parse = |shape: &str, chunks: &str| {
            let text = format!(
                r#"{{"zarr_format": 2, "shape": {shape}, "chunks": {chunks}, "dtype": "<f8",
                "compressor": null, "fill_value": null, "order": "C", "filters": null}}"#
            );
            v2::parse(text.as_bytes()).map(|array| array.is_some())
        };
        assert!(parse("[10, 10]", "[5, 5]").unwrap());
        for (shape, chunks) in [
            ("[10, 10]", "[0, 5]"),
            ("[10, 10]", "[5]"),
            ("[]", "[]"),
            ("[10, 10]", "[18446744073709551615, 18446744073709551615]"),
            ("[10, 10]", "[65536, 65536]"),
            ("[-1, 10]", "[1, 1]"),
            ("[1e30, 10]", "[1, 1]"),
        ] {
            assert!(parse(shape, chunks).is_err(), "{shape} {chunks}");
        }
        let many = format!("[{}1]", "1,".repeat(40));
        assert!(parse(&many, &many).is_err());
    }
}
