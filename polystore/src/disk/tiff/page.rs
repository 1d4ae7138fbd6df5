//! What one directory of a TIFF says about its pixels, checked before any is read.

use tiff::{
    decoder::IfdDecoder,
    tags::{CompressionMethod, PhotometricInterpretation, Tag},
};

use crate::{Error, PixelType, PlaneShape, Result};

/// Largest plane that is decoded, in bytes.
const MAX_PLANE_BYTES: u64 = 8 << 30;
/// Largest strip or tile that is decoded, in bytes.
const MAX_CHUNK_BYTES: u64 = 2 << 30;

/// How a strip or tile is coded before compression (TIFF 6.0, section 14; TechNote 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    Horizontal,
    FloatingPoint,
}

/// One directory of a TIFF: a plane with its strips or tiles.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) shape: PlaneShape,
    pub(crate) pixel_type: PixelType,
    /// Samples per pixel: 1 grey, 3 RGB.
    pub(crate) n_samples: u16,
    /// Samples are stored in planes of their own rather than interleaved.
    pub(super) planar: bool,
    pub(super) compression: CompressionMethod,
    pub(super) predictor: Predictor,
    pub(super) photometric: PhotometricInterpretation,
    /// Height and width of a strip or tile.
    pub(super) chunk: PlaneShape,
    pub(super) tiled: bool,
    pub(super) offsets: Vec<u64>,
    pub(super) lengths: Vec<u64>,
    /// Offsets of reduced-resolution directories (tag SubIFDs), largest first.
    pub(super) sub_directories: Vec<u64>,
    /// Whether tag NewSubfileType says that this is a smaller version of another page.
    pub(super) reduced: bool,
}

impl Page {
    /// Reads and checks the tags of a directory.
    pub(super) fn read(ifd: &mut IfdDecoder<'_>, file_len: u64) -> Result<Self> {
        let width = required(ifd, Tag::ImageWidth)?;
        let height = required(ifd, Tag::ImageLength)?;
        let n_samples: u16 = optional(ifd, Tag::SamplesPerPixel)?.unwrap_or(1);
        let compression: u16 = optional(ifd, Tag::Compression)?.unwrap_or(1);
        let planar: u16 = optional(ifd, Tag::PlanarConfiguration)?.unwrap_or(1);
        let photometric: u16 = optional(ifd, Tag::PhotometricInterpretation)?.unwrap_or(1);
        let subfile: u32 = optional(ifd, Tag::NewSubfileType)?.unwrap_or(0);
        let tile_width: Option<u32> = optional(ifd, Tag::TileWidth)?;
        let (chunk, tiled) = match tile_width {
            Some(tile_width) => {
                (PlaneShape::new(required(ifd, Tag::TileLength)?, tile_width), true)
            }
            None => {
                let rows: u32 = optional(ifd, Tag::RowsPerStrip)?.unwrap_or(u32::MAX);
                (PlaneShape::new(rows.clamp(1, height.max(1)), width), false)
            }
        };
        let (offset_tag, length_tag) = match tiled {
            true => (Tag::TileOffsets, Tag::TileByteCounts),
            false => (Tag::StripOffsets, Tag::StripByteCounts),
        };
        let page = Self {
            shape: PlaneShape::new(height, width),
            pixel_type: pixel_type(ifd)?,
            n_samples,
            planar: planar == 2 && n_samples > 1,
            compression: CompressionMethod::from_u16_exhaustive(compression),
            predictor: predictor(ifd)?,
            photometric: PhotometricInterpretation::from_u16(photometric)
                .unwrap_or(PhotometricInterpretation::BlackIsZero),
            chunk,
            tiled,
            offsets: list(ifd, offset_tag)?,
            lengths: list(ifd, length_tag)?,
            sub_directories: list(ifd, Tag::SubIfd)?,
            reduced: subfile & 1 == 1,
        };
        page.checked(file_len)
    }

    /// Checks everything that later code relies on.
    fn checked(mut self, file_len: u64) -> Result<Self> {
        if self.shape.n_pixels() == 0 || self.chunk.n_pixels() == 0 || self.n_samples == 0 {
            return Err(Error::invalid_data(format!("page of {} pixels is empty", self.shape)));
        }
        let pixel = self.pixel_type.size_bytes() as u64 * u64::from(self.n_samples);
        let too_large = |n_pixels: u64, limit: u64| {
            n_pixels.checked_mul(pixel).is_none_or(|n_bytes| n_bytes > limit)
        };
        if too_large(self.shape.n_pixels(), MAX_PLANE_BYTES)
            || too_large(self.chunk.n_pixels(), MAX_CHUNK_BYTES)
        {
            return Err(Error::new(
                crate::ErrorKind::LimitExceeded,
                format!(
                    "page claims {} pixels in strips or tiles of {}, more than is ever decoded",
                    self.shape, self.chunk
                ),
            )
            .with_hint("the file is likely damaged"));
        }
        let expected = self.n_chunks();
        if self.offsets.len() as u64 != expected {
            return Err(Error::invalid_data(format!(
                "page has {} strips or tiles, its size needs {expected}",
                self.offsets.len()
            )));
        }
        if self.lengths.is_empty() && self.is_uncompressed() {
            self.lengths = (0..expected).map(|chunk| self.stored_len(chunk)).collect();
        }
        if self.lengths.len() != self.offsets.len() {
            return Err(Error::invalid_data(format!(
                "page has {} strip or tile offsets but {} lengths",
                self.offsets.len(),
                self.lengths.len()
            )));
        }
        for (number, (&offset, &length)) in (0..).zip(self.offsets.iter().zip(&self.lengths)) {
            if offset.checked_add(length).is_none_or(|end| end > file_len) {
                return Err(truncated(offset, length, file_len));
            }
            // One without bytes may be passed over by its writer; reading it is an error.
            if length > 0 && self.stored_len(number) > length.saturating_mul(self.max_ratio()) {
                return Err(self.too_short(length, self.stored_len(number)));
            }
        }
        Ok(self)
    }

    /// How many bytes one stored byte can stand for at most.
    fn max_ratio(&self) -> u64 {
        match self.compression {
            CompressionMethod::None => 1,
            // 128 bytes from 2.
            CompressionMethod::PackBits => 64,
            // The longest string of a table of 4096, from 12 bits.
            CompressionMethod::LZW => 2731,
            // 258 bytes from 2 bits.
            CompressionMethod::Deflate | CompressionMethod::OldDeflate => 1032,
            // A block of 128 KiB from 4 bytes; JPEG's blocks take less than that.
            _ => 1 << 15,
        }
    }

    fn too_short(&self, length: u64, decoded: u64) -> Error {
        let kind = match self.is_uncompressed() {
            true => crate::ErrorKind::InvalidData,
            false => crate::ErrorKind::LimitExceeded,
        };
        let message = format!("{length} stored bytes cannot hold a strip or tile of {decoded}");
        Error::new(kind, message).with_hint("the file is damaged or hostile")
    }

    pub(super) fn is_uncompressed(&self) -> bool {
        self.compression == CompressionMethod::None
    }

    /// Strips or tiles down and across one sample plane.
    pub(super) fn grid(&self) -> (u32, u32) {
        (self.shape.height.div_ceil(self.chunk.height), self.shape.width.div_ceil(self.chunk.width))
    }

    fn n_chunks(&self) -> u64 {
        let (down, across) = self.grid();
        let planes = if self.planar { u64::from(self.n_samples) } else { 1 };
        u64::from(down) * u64::from(across) * planes
    }

    /// Position in the offset table of the chunk at `(row, column)` of the grid.
    pub(super) fn chunk_number(&self, row: u32, column: u32, sample: u16) -> usize {
        let (down, across) = self.grid();
        let base = if self.planar { u64::from(sample) * u64::from(down) } else { 0 };
        ((base + u64::from(row)) * u64::from(across) + u64::from(column)) as usize
    }

    /// Interleaved samples of a stored pixel.
    pub(super) fn interleaved(&self) -> usize {
        if self.planar { 1 } else { usize::from(self.n_samples) }
    }

    /// Rows that the chunks of grid row `row` really have: the last strip may be shorter,
    /// tiles are padded to full size.
    pub(super) fn chunk_rows(&self, row: u32) -> u32 {
        if self.tiled {
            return self.chunk.height;
        }
        (self.shape.height - row * self.chunk.height).min(self.chunk.height)
    }

    /// Bytes of a decoded chunk.
    pub(super) fn decoded_len(&self, row: u32) -> usize {
        self.chunk_rows(row) as usize
            * self.chunk.width as usize
            * self.interleaved()
            * self.pixel_type.size_bytes()
    }

    fn stored_len(&self, chunk: u64) -> u64 {
        let (down, across) = self.grid();
        let row = (chunk / u64::from(across)) % u64::from(down);
        self.decoded_len(u32::try_from(row).unwrap_or(0)) as u64
    }

    /// The whole plane in the file, when it is stored in one piece as memory wants it.
    pub(super) fn contiguous(&self) -> Option<u64> {
        let plain = self.is_uncompressed() && !self.tiled && self.interleaved() == 1;
        let first = *self.offsets.first()?;
        if !plain || self.planar || self.predictor != Predictor::None {
            return None;
        }
        let mut expected = first;
        for (number, (&offset, &length)) in self.offsets.iter().zip(&self.lengths).enumerate() {
            if offset != expected || length != self.stored_len(number as u64) {
                return None;
            }
            expected = offset.checked_add(length)?;
        }
        Some(first)
    }
}

fn truncated(offset: u64, length: u64, file_len: u64) -> Error {
    Error::invalid_data(format!(
        "file is truncated: pixels at byte {offset} need {length} bytes, the file has {file_len}"
    ))
    .with_hint("copy it again from the microscope, or leave it out")
}

fn required(ifd: &mut IfdDecoder<'_>, tag: Tag) -> Result<u32> {
    optional(ifd, tag)?.ok_or_else(|| Error::invalid_data(format!("page has no tag {tag:?}")))
}

fn optional<T: TryFrom<u64>>(ifd: &mut IfdDecoder<'_>, tag: Tag) -> Result<Option<T>> {
    ifd.find_tag_unsigned(tag).map_err(|error| bad_tag(tag, error))
}

fn list(ifd: &mut IfdDecoder<'_>, tag: Tag) -> Result<Vec<u64>> {
    let value = ifd.find_tag(tag).map_err(|error| bad_tag(tag, error))?;
    let Some(value) = value else { return Ok(Vec::new()) };
    // SubIFDs are written as LONG, as IFD and as IFD8.
    let flat = match value {
        tiff::decoder::ifd::Value::List(values) => values,
        single => vec![single],
    };
    flat.into_iter()
        .map(|value| match value {
            tiff::decoder::ifd::Value::Ifd(offset) => Ok(u64::from(offset)),
            tiff::decoder::ifd::Value::IfdBig(offset) => Ok(offset),
            other => other.into_u64().map_err(|error| bad_tag(tag, error)),
        })
        .collect()
}

fn bad_tag(tag: Tag, error: tiff::TiffError) -> Error {
    Error::invalid_data(format!("tag {tag:?} cannot be read")).with_source(error)
}

fn pixel_type(ifd: &mut IfdDecoder<'_>) -> Result<PixelType> {
    let bits = uniform(ifd, Tag::BitsPerSample, 1)?;
    let format = uniform(ifd, Tag::SampleFormat, 1)?;
    match (format, bits) {
        (1 | 4, 8) => Ok(PixelType::U8),
        (1 | 4, 16) => Ok(PixelType::U16),
        (1 | 4, 32) => Ok(PixelType::U32),
        (2, 8) => Ok(PixelType::I8),
        (2, 16) => Ok(PixelType::I16),
        (2, 32) => Ok(PixelType::I32),
        (3, 32) => Ok(PixelType::F32),
        (3, 64) => Ok(PixelType::F64),
        _ => Err(Error::unsupported(format!(
            "pixels of {bits} bits in TIFF sample format {format} are not supported"
        ))
        .with_hint("supported: 8, 16 and 32 bit integers, 32 and 64 bit floats")),
    }
}

/// The one value that all samples share.
fn uniform(ifd: &mut IfdDecoder<'_>, tag: Tag, default: u64) -> Result<u64> {
    let values = list(ifd, tag)?;
    let first = values.first().copied().unwrap_or(default);
    if values.iter().any(|&value| value != first) {
        return Err(Error::unsupported(format!("samples differ in {tag:?}: {values:?}")));
    }
    Ok(first)
}

fn predictor(ifd: &mut IfdDecoder<'_>) -> Result<Predictor> {
    match optional::<u16>(ifd, Tag::Predictor)? {
        None | Some(1) => Ok(Predictor::None),
        Some(2) => Ok(Predictor::Horizontal),
        Some(3) => Ok(Predictor::FloatingPoint),
        Some(other) => Err(Error::unsupported(format!("TIFF predictor {other} is not supported"))),
    }
}
