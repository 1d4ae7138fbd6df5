//! Writes TIFF and BigTIFF files: pages in strips, or in tiles with a pyramid in SubIFDs.

use std::io::{Seek, Write};

use tiff::{
    encoder::{Rational, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard},
    tags::{CompressionMethod, Tag},
};

use super::{Directory, file::bad_tiff, predictor};
use crate::{
    Error, PixelType, Plane, Result,
    model::{ImageKind, PhysicalSize},
    pyramid::downsample,
};

/// Bytes of a strip before compression; what readers handle best.
const STRIP_BYTES: usize = 256 << 10;
/// Side of a tile of an image with a pyramid.
const TILE: u32 = 512;
/// Above this much pixel data a file is written as BigTIFF.
const CLASSIC_LIMIT: u64 = (4 << 30) - (64 << 20);

/// How the pixels of TIFF files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TiffCompression {
    /// Not at all: the fastest to read, and mapped into memory without a copy.
    None,
    /// LZW, which every program reads.
    Lzw,
    /// Deflate, which nearly every program reads; smaller than LZW and faster to read.
    #[default]
    Deflate,
    /// Zstandard: smaller still and faster; for newer programs.
    Zstd,
}

impl TiffCompression {
    /// All of them, by the names that options use.
    pub const ALL: [(&'static str, Self); 4] = [
        ("none", Self::None),
        ("lzw", Self::Lzw),
        ("deflate", Self::Deflate),
        ("zstd", Self::Zstd),
    ];

    /// The name that options use.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, candidate)| *candidate == self).map_or("none", |(name, _)| name)
    }

    fn method(self) -> CompressionMethod {
        match self {
            Self::None => CompressionMethod::None,
            Self::Lzw => CompressionMethod::LZW,
            Self::Deflate => CompressionMethod::Deflate,
            Self::Zstd => CompressionMethod::ZSTD,
        }
    }

    fn encode(self, data: Vec<u8>) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| Error::from_io(error, "compress the pixels");
        match self {
            Self::None => Ok(data),
            Self::Lzw => weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
                .encode(&data)
                .map_err(|error| Error::internal("LZW encoder failed").with_source(error)),
            Self::Deflate => {
                let mut encoder =
                    libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
                let mut encoded = vec![0; encoder.zlib_compress_bound(data.len())];
                let written = encoder.zlib_compress(&data, &mut encoded).map_err(|error| {
                    Error::internal("deflate failed").with_source(error.to_string())
                })?;
                encoded.truncate(written);
                Ok(encoded)
            }
            Self::Zstd => zstd::bulk::compress(&data, 3).map_err(failed),
        }
    }
}

impl std::str::FromStr for TiffCompression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let names = Self::ALL.map(|(name, _)| name);
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, found)| *found).ok_or_else(|| {
            Error::invalid_input(format!("there is no TIFF compression `{text}`"))
                .with_hint(crate::suggest::hint(text, &names))
        })
    }
}

/// The name of the compression of a file's first page, if it is one that is written.
pub(in crate::disk) fn compression_of(directory: &Directory) -> Option<&'static str> {
    let method = directory.pages.first()?.full().compression;
    let found = TiffCompression::ALL.iter().find(|(_, candidate)| candidate.method() == method);
    found.map(|(name, _)| *name)
}

/// What is written beside the pixels.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions<'a> {
    pub(crate) compression: TiffCompression,
    /// Text of the first page's ImageDescription.
    pub(crate) description: &'a str,
    pub(crate) physical_size: PhysicalSize,
    /// Levels of the pyramid, the full size included.
    pub(crate) n_levels: u32,
    pub(crate) kind: ImageKind,
}

/// Writes one page per plane, in order; `planes` may differ in size and type.
///
/// # Errors
/// As `out` answers.
pub(crate) fn write_pages<W: Write + Seek>(
    out: W,
    planes: &[&Plane],
    options: &WriteOptions<'_>,
) -> Result<()> {
    let n_bytes: u64 = planes.iter().map(|plane| plane.n_bytes() as u64).sum();
    let n_bytes = if options.n_levels > 1 { n_bytes.saturating_mul(2) } else { n_bytes };
    if n_bytes > CLASSIC_LIMIT {
        let encoder = TiffEncoder::<_, TiffKindBig>::new_big(out).map_err(bad_tiff)?;
        return write_all(encoder, planes, options);
    }
    let encoder = TiffEncoder::<_, TiffKindStandard>::new(out).map_err(bad_tiff)?;
    write_all(encoder, planes, options)
}

fn write_all<W: Write + Seek, K: TiffKind>(
    mut encoder: TiffEncoder<W, K>,
    planes: &[&Plane],
    options: &WriteOptions<'_>,
) -> Result<()> {
    for (number, plane) in planes.iter().enumerate() {
        let levels = write_levels(&mut encoder, plane, options)?;
        let description = if number == 0 { options.description } else { "" };
        let page =
            PageTags { plane, options, description, sub_directories: &levels, reduced: false };
        write_page(encoder.image_directory().map_err(bad_tiff)?, &page)?;
    }
    Ok(())
}

/// Writes the reduced levels of a plane and returns where their directories are.
fn write_levels<W: Write + Seek, K: TiffKind>(
    encoder: &mut TiffEncoder<W, K>,
    plane: &Plane,
    options: &WriteOptions<'_>,
) -> Result<Vec<u64>> {
    let mut offsets = Vec::new();
    let mut above = plane.clone();
    for _ in 1..options.n_levels {
        let level = downsample(&above, options.kind)?;
        let page = PageTags {
            plane: &level,
            options,
            description: "",
            sub_directories: &[],
            reduced: true,
        };
        offsets.push(write_page(encoder.extra_directory().map_err(bad_tiff)?, &page)?);
        above = level;
    }
    Ok(offsets)
}

struct PageTags<'a> {
    plane: &'a Plane,
    options: &'a WriteOptions<'a>,
    description: &'a str,
    sub_directories: &'a [u64],
    reduced: bool,
}

fn write_page<W: Write + Seek, K: TiffKind>(
    mut directory: tiff::encoder::DirectoryEncoder<'_, W, K>,
    page: &PageTags<'_>,
) -> Result<u64> {
    let (plane, options) = (page.plane, page.options);
    let tiled = options.n_levels > 1;
    let mut offsets = Vec::new();
    let mut lengths = Vec::new();
    let chunks =
        if tiled { tiles(plane, options.compression) } else { strips(plane, options.compression) };
    for chunk in chunks {
        let encoded = options.compression.encode(chunk)?;
        offsets.push(directory.write_data(encoded.as_slice()).map_err(bad_tiff)?);
        lengths.push(encoded.len() as u64);
    }
    let tags = &mut directory;
    let shape = plane.shape();
    if page.reduced {
        put(tags, Tag::NewSubfileType, 1u32)?;
    }
    put(tags, Tag::ImageWidth, shape.width)?;
    put(tags, Tag::ImageLength, shape.height)?;
    put(tags, Tag::BitsPerSample, plane.pixel_type().size_bytes() as u16 * 8)?;
    put(tags, Tag::Compression, options.compression.method().to_u16())?;
    put(tags, Tag::PhotometricInterpretation, 1u16)?;
    put(tags, Tag::SamplesPerPixel, 1u16)?;
    put(tags, Tag::PlanarConfiguration, 1u16)?;
    put(tags, Tag::SampleFormat, sample_format(plane.pixel_type()))?;
    if uses_predictor(plane, options.compression) {
        put(tags, Tag::Predictor, 2u16)?;
    }
    if tiled {
        put(tags, Tag::TileWidth, TILE)?;
        put(tags, Tag::TileLength, TILE)?;
        put_offsets::<W, K>(tags, Tag::TileOffsets, &offsets)?;
        put_offsets::<W, K>(tags, Tag::TileByteCounts, &lengths)?;
    } else {
        put(tags, Tag::RowsPerStrip, rows_per_strip(plane, options.compression))?;
        put_offsets::<W, K>(tags, Tag::StripOffsets, &offsets)?;
        put_offsets::<W, K>(tags, Tag::StripByteCounts, &lengths)?;
    }
    put_texts(tags, page)?;
    let written = directory.finish_with_offsets().map_err(bad_tiff)?;
    Ok(written.pointer.0)
}

fn put_texts<W: Write + Seek, K: TiffKind>(
    tags: &mut tiff::encoder::DirectoryEncoder<'_, W, K>,
    page: &PageTags<'_>,
) -> Result<()> {
    if !page.description.is_empty() {
        // UTF-8 where the standard says ASCII, as OME-TIFF asks for.
        tags.write_tag(Tag::ImageDescription, Utf8(page.description)).map_err(bad_tiff)?;
    }
    put(tags, Tag::Software, concat!("polystore ", env!("CARGO_PKG_VERSION")))?;
    let size = page.options.physical_size;
    if let (Some(x), Some(y), false) = (per_cm(size.x_um), per_cm(size.y_um), page.reduced) {
        put(tags, Tag::XResolution, x)?;
        put(tags, Tag::YResolution, y)?;
        put(tags, Tag::ResolutionUnit, 3u16)?;
    }
    if !page.sub_directories.is_empty() {
        put_offsets::<W, K>(tags, Tag::SubIfd, page.sub_directories)?;
    }
    Ok(())
}

/// UTF-8 text as a TIFF value of type ASCII, which the crate's own refuses.
struct Utf8<'a>(&'a str);

impl tiff::encoder::TiffValue for Utf8<'_> {
    const BYTE_LEN: u8 = 1;
    const FIELD_TYPE: tiff::tags::Type = tiff::tags::Type::ASCII;

    fn count(&self) -> usize {
        self.0.len() + 1
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        let mut bytes = self.0.as_bytes().to_vec();
        bytes.push(0);
        bytes.into()
    }
}

fn put<W: Write + Seek, K: TiffKind, V: tiff::encoder::TiffValue>(
    tags: &mut tiff::encoder::DirectoryEncoder<'_, W, K>,
    tag: Tag,
    value: V,
) -> Result<()> {
    tags.write_tag(tag, value).map_err(bad_tiff)
}

fn put_offsets<W: Write + Seek, K: TiffKind>(
    tags: &mut tiff::encoder::DirectoryEncoder<'_, W, K>,
    tag: Tag,
    offsets: &[u64],
) -> Result<()> {
    let small: Option<Vec<u32>> =
        offsets.iter().map(|&offset| u32::try_from(offset).ok()).collect();
    match small {
        Some(small) => put(tags, tag, small.as_slice()),
        None => put(tags, tag, offsets),
    }
}

/// Pixels per centimetre, as a fraction with a denominator of 1000.
fn per_cm(size_um: Option<f64>) -> Option<Rational> {
    let size = size_um.filter(|size| size.is_finite() && *size > 0.0)?;
    let scaled = 10_000.0 / size * 1000.0;
    (scaled <= f64::from(u32::MAX)).then(|| Rational { n: scaled.round() as u32, d: 1000 })
}

fn sample_format(pixel_type: PixelType) -> u16 {
    match pixel_type {
        PixelType::U8 | PixelType::U16 | PixelType::U32 => 1,
        PixelType::I8 | PixelType::I16 | PixelType::I32 => 2,
        PixelType::F32 | PixelType::F64 => 3,
    }
}

fn uses_predictor(plane: &Plane, compression: TiffCompression) -> bool {
    compression != TiffCompression::None
        && plane.pixel_type().is_integer()
        && plane.pixel_type().size_bytes() <= 4
}

fn rows_per_strip(plane: &Plane, compression: TiffCompression) -> u32 {
    if compression == TiffCompression::None {
        return plane.shape().height;
    }
    let row = plane.shape().width as usize * plane.pixel_type().size_bytes();
    let rows = u32::try_from((STRIP_BYTES / row.max(1)).max(1)).unwrap_or(u32::MAX);
    rows.min(plane.shape().height)
}

fn strips(plane: &Plane, compression: TiffCompression) -> Vec<Vec<u8>> {
    let row = plane.shape().width as usize * plane.pixel_type().size_bytes();
    let strip = row * rows_per_strip(plane, compression) as usize;
    let predict = uses_predictor(plane, compression);
    plane
        .bytes()
        .chunks(strip.max(1))
        .map(|rows| {
            let mut rows = rows.to_vec();
            if predict {
                predictor::apply_horizontal(&mut rows, row, plane.pixel_type().size_bytes());
            }
            rows
        })
        .collect()
}

/// Tiles of full size, padded with zeros beyond the edge of the plane.
fn tiles(plane: &Plane, compression: TiffCompression) -> Vec<Vec<u8>> {
    let shape = plane.shape();
    let sample = plane.pixel_type().size_bytes();
    let (row, tile_row) = (shape.width as usize * sample, TILE as usize * sample);
    let across = shape.width.div_ceil(TILE);
    let grid = (0..shape.height.div_ceil(TILE))
        .flat_map(|down| (0..across).map(move |column| (down * TILE, column * TILE)));
    grid.map(|(top, left)| {
        let mut tile = vec![0; tile_row * TILE as usize];
        let n_bytes = TILE.min(shape.width - left) as usize * sample;
        let rows = top..(top + TILE).min(shape.height);
        for (y, line) in rows.zip(tile.chunks_exact_mut(tile_row)) {
            let start = y as usize * row + left as usize * sample;
            line[..n_bytes].copy_from_slice(&plane.bytes()[start..start + n_bytes]);
        }
        if uses_predictor(plane, compression) {
            predictor::apply_horizontal(&mut tile, tile_row, sample);
        }
        tile
    })
    .collect()
}
