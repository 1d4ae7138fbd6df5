//! PNG files: grey or colour, 8 or 16 bits; always decoded whole.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use png::{BitDepth, ColorType};

use super::{FileFormat, Header, Output, ReadRequest, WritePlane, check_single_page};
use crate::{
    Error, ErrorKind, PixelType, Plane, PlaneIndex, PlaneShape, Result, VirtualPath,
    disk::tiff::{FileIdentity, swap_bytes},
    microscope::ImageFileInfo,
    model::{ImageStructure, Sizes},
};

/// Largest decoded PNG in bytes.
const MAX_BYTES: usize = 2 << 30;

pub(super) struct Png;

struct PngHeader {
    identity: FileIdentity,
    info: ImageFileInfo,
}

impl FileFormat for Png {
    fn extensions(&self) -> &'static [&'static str] {
        &["png"]
    }

    fn open(&self, file: &File, _path: &Path) -> Result<Arc<dyn Header>> {
        let metadata = file.metadata().map_err(|error| Error::from_io(error, "read"))?;
        let reader = reader(file)?;
        let (color, depth) = reader.output_color_type();
        let pixel_type = if depth == BitDepth::Sixteen { PixelType::U16 } else { PixelType::U8 };
        let samples = color.samples();
        let header = reader.info();
        let sizes = Sizes::new(1, samples as u32, 1, header.height, header.width);
        let image = ImageStructure::new(VirtualPath::root(), pixel_type, sizes);
        let info = ImageFileInfo {
            image,
            n_pages: 1,
            n_samples: samples as u16,
            description: String::new(),
        };
        Ok(Arc::new(PngHeader { identity: FileIdentity::of(&metadata), info }))
    }

    fn write(&self, out: &mut dyn Output, plane: &Plane, _options: &WritePlane) -> Result<()> {
        let depth = match plane.pixel_type() {
            PixelType::U8 => BitDepth::Eight,
            PixelType::U16 => BitDepth::Sixteen,
            other => {
                return Err(Error::unsupported(format!("PNG cannot store {other} pixels"))
                    .with_hint("write .tif, or convert to uint8 or uint16 first"));
            }
        };
        let shape = plane.shape();
        let mut encoder = png::Encoder::new(BufWriter::new(&mut *out), shape.width, shape.height);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(depth);
        let failed = |error: png::EncodingError| match error {
            png::EncodingError::IoError(error) => Error::from_io(error, "write"),
            other => Error::internal("PNG encoder failed").with_source(other),
        };
        let mut writer = encoder.write_header().map_err(failed)?;
        if depth == BitDepth::Sixteen && cfg!(target_endian = "little") {
            let mut big_endian = plane.bytes().to_vec();
            swap_bytes(&mut big_endian, 2);
            writer.write_image_data(&big_endian).map_err(failed)?;
        } else {
            writer.write_image_data(plane.bytes()).map_err(failed)?;
        }
        writer.finish().map_err(failed)?;
        out.flush().map_err(|error| Error::from_io(error, "write"))
    }
}

fn reader(file: &File) -> Result<png::Reader<BufReader<File>>> {
    let mut handle = file.try_clone().map_err(|error| Error::from_io(error, "read"))?;
    handle.seek(SeekFrom::Start(0)).map_err(|error| Error::from_io(error, "read"))?;
    let limits = png::Limits { bytes: MAX_BYTES };
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(handle), limits);
    decoder.set_transformations(png::Transformations::EXPAND);
    decoder.read_info().map_err(bad_png)
}

fn bad_png(error: png::DecodingError) -> Error {
    let (kind, message) = match &error {
        png::DecodingError::IoError(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            (ErrorKind::Transient, "cannot read the PNG")
        }
        png::DecodingError::LimitsExceeded => (ErrorKind::LimitExceeded, "PNG is too large"),
        _ => (ErrorKind::InvalidData, "PNG is damaged or truncated"),
    };
    Error::new(kind, message).with_source(error)
}

impl Header for PngHeader {
    fn identity(&self) -> FileIdentity {
        self.identity
    }

    fn info(&self) -> &ImageFileInfo {
        &self.info
    }

    fn locate(&self, index: PlaneIndex) -> Option<(u32, u16)> {
        self.info.image.sizes.contains(index).then_some((0, u16::try_from(index.c).ok()?))
    }

    fn read(&self, file: &File, request: &ReadRequest) -> Result<Plane> {
        let region = check_single_page(&self.info.image, request)?;
        let mut reader = reader(file)?;
        let too_large = || Error::new(ErrorKind::LimitExceeded, "PNG is too large");
        let length =
            reader.output_buffer_size().filter(|&n| n <= MAX_BYTES).ok_or_else(too_large)?;
        let mut pixels = vec![0; length];
        reader.next_frame(&mut pixels).map_err(bad_png)?;
        let image = &self.info.image;
        let sample_bytes = image.pixel_type.size_bytes();
        if cfg!(target_endian = "little") {
            swap_bytes(&mut pixels, sample_bytes);
        }
        let pixels = one_sample(pixels, sample_bytes, self.info.n_samples, request.sample);
        let shape = PlaneShape::new(image.sizes.y, image.sizes.x);
        Plane::new(image.pixel_type, shape, Bytes::from(pixels))?.crop(region)
    }

    fn mappable(&self, _page: u32) -> Option<u64> {
        None
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

/// Every `n_samples`-th sample, from `sample` on.
fn one_sample(pixels: Vec<u8>, sample_bytes: usize, n_samples: u16, sample: u16) -> Vec<u8> {
    if n_samples == 1 {
        return pixels;
    }
    let start = usize::from(sample) * sample_bytes;
    let stored = pixels.chunks_exact(usize::from(n_samples) * sample_bytes);
    stored.flat_map(|pixel| &pixel[start..start + sample_bytes]).copied().collect()
}
