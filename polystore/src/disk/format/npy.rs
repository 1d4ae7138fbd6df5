//! NumPy's `.npy` files: arrays of two to five axes, `[t, c, z, y, x]` or its last ones.

use std::{
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, WriterBuilder};

use super::{FileFormat, Header, Output, ReadRequest, WritePlane, check_single_page};
use crate::{
    Element, Error, ErrorKind, PixelType, Plane, PlaneIndex, Result, VirtualPath,
    buffer::{ALIGNMENT, BufferPool},
    disk::tiff::{FileIdentity, swap_bytes},
    dispatch,
    microscope::ImageFileInfo,
    model::{ImageStructure, Sizes},
    read_at::read_exact_at,
};

/// Longest header that is read; numpy's own are under 128 bytes.
const MAX_HEADER_BYTES: u64 = 64 << 10;

/// Most channels of an array.
const MAX_CHANNELS: u32 = 65_536;

pub(super) struct Npy;

struct NpyFileHeader {
    identity: FileIdentity,
    info: ImageFileInfo,
    data_offset: u64,
    swapped: bool,
}

impl FileFormat for Npy {
    fn extensions(&self) -> &'static [&'static str] {
        &["npy"]
    }

    fn open(&self, file: &File, _path: &Path) -> Result<Arc<dyn Header>> {
        let metadata = file.metadata().map_err(|error| Error::from_io(error, "read"))?;
        let (header, data_offset) = read_header(file)?;
        let (pixel_type, swapped) = pixel_type(&header.dtype())?;
        if header.order() == Order::Fortran {
            return Err(Error::unsupported("array is stored in Fortran order")
                .with_hint("save it with numpy.ascontiguousarray"));
        }
        let sizes = sizes(header.shape())?;
        if sizes.c > MAX_CHANNELS {
            let message = format!("{} channels, more than the {MAX_CHANNELS} accepted", sizes.c);
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let needed = sizes
            .n_planes()
            .checked_mul(sizes.plane_shape().n_pixels())
            .and_then(|n| n.checked_mul(pixel_type.size_bytes() as u64))
            .and_then(|n| n.checked_add(data_offset));
        if needed.is_none_or(|needed| needed > metadata.len()) {
            return Err(Error::invalid_data(format!(
                "file is truncated: an array of {:?} {pixel_type} does not fit its {} bytes",
                header.shape(),
                metadata.len()
            )));
        }
        let info = ImageFileInfo {
            image: ImageStructure::new(VirtualPath::root(), pixel_type, sizes),
            n_pages: u32::try_from(sizes.n_planes()).unwrap_or(u32::MAX),
            n_samples: 1,
            description: String::new(),
        };
        let identity = FileIdentity::of(&metadata);
        Ok(Arc::new(NpyFileHeader { identity, info, data_offset, swapped }))
    }

    fn write(&self, out: &mut dyn Output, plane: &Plane, _options: &WritePlane) -> Result<()> {
        dispatch!(plane.pixel_type(), T => write_array::<T>(out, plane))
            .map_err(|error| Error::from_io(error, "write"))
    }
}

fn write_array<T: Element + npyz::AutoSerialize>(
    out: &mut dyn Output,
    plane: &Plane,
) -> std::io::Result<()> {
    let shape = [u64::from(plane.shape().height), u64::from(plane.shape().width)];
    let pixels = plane.as_slice::<T>().map_err(std::io::Error::other)?;
    let mut out = BufWriter::new(out);
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
    let mut writer = options.writer(&mut out).begin_nd()?;
    writer.extend(pixels.iter().copied())?;
    writer.finish()?;
    out.flush()
}

/// The header and where the data begins, with its length checked before memory is taken.
fn read_header(file: &File) -> Result<(NpyHeader, u64)> {
    let bad = |message: &str| Error::invalid_data(message.to_owned());
    let mut start = [0; 12];
    file.read_exact_at(&mut start, 0).map_err(|_| bad("file is too short for an .npy file"))?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(bad("file is not an .npy file by its first bytes"));
    }
    let data_offset = match start[6] {
        1 => 10 + u64::from(u16::from_le_bytes([start[8], start[9]])),
        _ => 12 + u64::from(u32::from_le_bytes([start[8], start[9], start[10], start[11]])),
    };
    if data_offset > MAX_HEADER_BYTES {
        return Err(Error::new(ErrorKind::LimitExceeded, "header of the .npy file is too long"));
    }
    let mut text = vec![0; data_offset as usize];
    file.read_exact_at(&mut text, 0).map_err(|_| bad("header of the .npy file is truncated"))?;
    let header = NpyHeader::from_reader(text.as_slice())
        .map_err(|error| bad("header of the .npy file is damaged").with_source(error))?;
    Ok((header, data_offset))
}

fn pixel_type(dtype: &DType) -> Result<(PixelType, bool)> {
    let unsupported = || {
        Error::unsupported(format!("arrays of {} are not supported", dtype.descr()))
            .with_hint("supported: integers of 8 to 32 bits, float32, float64")
    };
    let DType::Plain(plain) = dtype else { return Err(unsupported()) };
    let pixel_type = match (plain.type_char(), plain.size_field()) {
        (TypeChar::Uint, 1) | (TypeChar::Bool, 1) => PixelType::U8,
        (TypeChar::Uint, 2) => PixelType::U16,
        (TypeChar::Uint, 4) => PixelType::U32,
        (TypeChar::Int, 1) => PixelType::I8,
        (TypeChar::Int, 2) => PixelType::I16,
        (TypeChar::Int, 4) => PixelType::I32,
        (TypeChar::Float, 4) => PixelType::F32,
        (TypeChar::Float, 8) => PixelType::F64,
        _ => return Err(unsupported()),
    };
    let foreign = [Endianness::Little, Endianness::Big]
        .into_iter()
        .any(|order| order == plain.endianness() && order != Endianness::of_machine());
    Ok((pixel_type, foreign))
}

/// Sizes of an array of 2 to 5 axes, the last two of which are y and x.
fn sizes(shape: &[u64]) -> Result<Sizes> {
    let refuse = || {
        Error::unsupported(format!("an array of shape {shape:?} is not an image"))
            .with_hint("axes are [t, c, z, y, x] or the last of them, none empty")
    };
    let axes: Vec<u32> =
        shape.iter().map(|&n| u32::try_from(n)).collect::<Result<_, _>>().map_err(|_| refuse())?;
    if axes.contains(&0) {
        return Err(refuse());
    }
    match axes[..] {
        [y, x] => Ok(Sizes::new(1, 1, 1, y, x)),
        [z, y, x] => Ok(Sizes::new(1, 1, z, y, x)),
        [c, z, y, x] => Ok(Sizes::new(1, c, z, y, x)),
        [t, c, z, y, x] => Ok(Sizes::new(t, c, z, y, x)),
        _ => Err(refuse()),
    }
}

impl Header for NpyFileHeader {
    fn identity(&self) -> FileIdentity {
        self.identity
    }

    fn info(&self) -> &ImageFileInfo {
        &self.info
    }

    fn locate(&self, index: PlaneIndex) -> Option<(u32, u16)> {
        let ordinal = self.info.image.sizes.ordinal(index)?;
        Some((u32::try_from(ordinal).ok()?, 0))
    }

    fn read(&self, file: &File, request: &ReadRequest) -> Result<Plane> {
        let image = &self.info.image;
        let region = check_single_page(image, request)?;
        let row_bytes = image.sizes.x as usize * image.pixel_type.size_bytes();
        let plane_bytes = row_bytes as u64 * u64::from(image.sizes.y);
        let first = self.data_offset
            + u64::from(request.page) * plane_bytes
            + u64::from(region.y) * row_bytes as u64;
        let offset = (first % ALIGNMENT as u64) as usize;
        let mut rows = BufferPool::global().take(row_bytes * region.height as usize, offset);
        read_exact_at(file, &mut rows, first, "the pixels")?;
        if self.swapped {
            swap_bytes(&mut rows, image.pixel_type.size_bytes());
        }
        let shape = crate::PlaneShape::new(region.height, image.sizes.x);
        let rows = Plane::new(image.pixel_type, shape, rows.freeze())?;
        rows.crop(crate::Region { y: 0, ..region })
    }

    fn mappable(&self, page: u32) -> Option<u64> {
        let plane_bytes = self.info.image.sizes.plane_shape().n_pixels()
            * self.info.image.pixel_type.size_bytes() as u64;
        (!self.swapped).then(|| self.data_offset + u64::from(page) * plane_bytes)
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}
