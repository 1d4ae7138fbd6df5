//! Number types as arrays store them, and the way to the pixels of a plane.

use crate::{Error, PixelType, Result, buffer::BufferPool, zarr::codec::Decoded};

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct DataType {
    stored: Stored,
    big_endian: bool,
}

/// Which numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stored {
    /// A type that pixels have.
    Same(PixelType),
    /// Truth values in a byte each, read as u8.
    Bool,
    /// Read as i32; a number that does not fit is an error.
    I64,
    /// Read as u32; a number that does not fit is an error.
    U64,
    /// Read as f32, which holds them all.
    F16,
}

impl DataType {
    /// Pixels in little-endian order, as this crate writes them.
    pub(in super::super) const fn of(pixel_type: PixelType) -> Self {
        Self { stored: Stored::Same(pixel_type), big_endian: false }
    }

    /// Reads a zarr v2 `dtype` such as `<u2`.
    ///
    /// # Errors
    /// `Unsupported` for types that are no pixels.
    pub(in super::super) fn from_v2(text: &str) -> Result<Self> {
        let (order, kind) = text.split_at_checked(1).unwrap_or_default();
        let stored = match kind {
            "b1" => Stored::Bool,
            "i8" => Stored::I64,
            "u8" => Stored::U64,
            "f2" => Stored::F16,
            _ => {
                let found = PixelType::ALL.into_iter().find(|known| short_name(*known) == kind);
                Stored::Same(found.ok_or_else(|| unknown(text))?)
            }
        };
        match order {
            "<" | "|" | "=" => Ok(Self { stored, big_endian: false }),
            ">" => Ok(Self { stored, big_endian: true }),
            _ => Err(unknown(text)),
        }
    }

    /// Reads a zarr v3 `data_type` such as `uint16`; its byte order is the codec's.
    ///
    /// # Errors
    /// `Unsupported` for types that are no pixels.
    pub(in super::super) fn from_v3(text: &str, big_endian: bool) -> Result<Self> {
        let stored = match text {
            "bool" => Stored::Bool,
            "int64" => Stored::I64,
            "uint64" => Stored::U64,
            "float16" => Stored::F16,
            _ => {
                let found = PixelType::ALL.into_iter().find(|known| known.as_str() == text);
                Stored::Same(found.ok_or_else(|| unknown(text))?)
            }
        };
        Ok(Self { stored, big_endian })
    }

    /// The zarr v2 `dtype`.
    pub(in super::super) fn to_v2(self) -> String {
        let name = short_name(self.pixel_type());
        let order = match (self.size_bytes(), self.big_endian) {
            (1, _) => '|',
            (_, false) => '<',
            (_, true) => '>',
        };
        format!("{order}{name}")
    }

    /// The type of the pixels that are read.
    pub(in super::super) fn pixel_type(self) -> PixelType {
        match self.stored {
            Stored::Same(pixel_type) => pixel_type,
            Stored::Bool => PixelType::U8,
            Stored::I64 => PixelType::I32,
            Stored::U64 => PixelType::U32,
            Stored::F16 => PixelType::F32,
        }
    }

    /// Bytes of a stored number.
    pub(in super::super) fn size_bytes(self) -> usize {
        match self.stored {
            Stored::Same(pixel_type) => pixel_type.size_bytes(),
            Stored::Bool => 1,
            Stored::F16 => 2,
            Stored::I64 | Stored::U64 => 8,
        }
    }

    /// Whether pixels can be written as this type without a loss.
    pub(in super::super) fn is_pixel_type(self) -> bool {
        matches!(self.stored, Stored::Same(_))
    }

    /// Makes stored bytes native-endian, or native-endian bytes stored ones, in place.
    pub(in super::super) fn swap(self, bytes: &mut [u8]) {
        if self.big_endian == cfg!(target_endian = "big") {
            return;
        }
        match self.size_bytes() {
            2 => swap_each::<2>(bytes),
            4 => swap_each::<4>(bytes),
            8 => swap_each::<8>(bytes),
            _ => {}
        }
    }

    /// Whether stored bytes are native-endian pixels as they are.
    pub(in super::super) fn is_native(self) -> bool {
        self.is_pixel_type()
            && (self.size_bytes() == 1 || self.big_endian == cfg!(target_endian = "big"))
    }

    /// Pixels from native-endian stored numbers.
    ///
    /// # Errors
    /// `Unsupported` for a number that the pixel type cannot hold.
    pub(in super::super) fn to_pixels(self, numbers: Decoded) -> Result<Decoded> {
        match self.stored {
            Stored::Same(_) | Stored::Bool => Ok(numbers),
            Stored::F16 => convert::<2, 4>(&numbers, |half| {
                Some(f32_of_half(u16::from_ne_bytes(half)).to_ne_bytes())
            }),
            Stored::I64 => convert::<8, 4>(&numbers, |number| {
                i32::try_from(i64::from_ne_bytes(number)).ok().map(i32::to_ne_bytes)
            }),
            Stored::U64 => convert::<8, 4>(&numbers, |number| {
                u32::try_from(u64::from_ne_bytes(number)).ok().map(u32::to_ne_bytes)
            }),
        }
    }
}

fn swap_each<const N: usize>(bytes: &mut [u8]) {
    for number in bytes.as_chunks_mut::<N>().0 {
        number.reverse();
    }
}

fn convert<const FROM: usize, const TO: usize>(
    numbers: &[u8],
    convert: impl Fn([u8; FROM]) -> Option<[u8; TO]>,
) -> Result<Decoded> {
    let numbers = numbers.as_chunks::<FROM>().0;
    let mut pixels = BufferPool::global().take(numbers.len() * TO, 0);
    for (pixel, number) in pixels.as_chunks_mut::<TO>().0.iter_mut().zip(numbers) {
        *pixel = convert(*number).ok_or_else(|| {
            Error::unsupported("a 64-bit number is too large for the 32 bits of a pixel")
        })?;
    }
    Ok(Decoded::Pooled(pixels))
}

/// The value of an IEEE 754 half-precision number.
fn f32_of_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10 & 0x1f);
    let fraction = u32::from(half & 0x3ff);
    let magnitude = match exponent {
        // Subnormal: fraction x 2^-24, exact in single precision.
        0 => (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

fn short_name(pixel_type: PixelType) -> &'static str {
    match pixel_type {
        PixelType::U8 => "u1",
        PixelType::U16 => "u2",
        PixelType::U32 => "u4",
        PixelType::I8 => "i1",
        PixelType::I16 => "i2",
        PixelType::I32 => "i4",
        PixelType::F32 => "f4",
        PixelType::F64 => "f8",
    }
}

fn unknown(text: &str) -> Error {
    Error::unsupported(format!("arrays of type `{text}` are no images"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for pixel_type in PixelType::ALL {
            let data = DataType::of(pixel_type);
            assert_eq!(DataType::from_v2(&data.to_v2()).unwrap(), data);
            assert_eq!(DataType::from_v3(pixel_type.as_str(), false).unwrap(), data);
        }
        assert!(DataType::from_v2(">u2").unwrap().big_endian);
        for bad in ["", "<", "<c8", "<U4", "u2", "é1", "|O"] {
            assert!(DataType::from_v2(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn big_endian_numbers_are_swapped() {
        let data = DataType::from_v2(">i4").unwrap();
        let mut bytes = 5i32.to_be_bytes();
        data.swap(&mut bytes);
        assert_eq!(i32::from_ne_bytes(bytes), 5);
        assert!(!data.is_native());
    }

    #[test]
    fn wide_numbers_fit_or_are_refused() {
        let data = DataType::from_v3("int64", false).unwrap();
        let numbers = [-7i64, i64::from(i32::MAX)].map(i64::to_ne_bytes).concat();
        let pixels = data.to_pixels(Decoded::Owned(numbers)).unwrap();
        assert_eq!(*pixels, [-7i32, i32::MAX].map(i32::to_ne_bytes).concat());
        let large = (1i64 << 40).to_ne_bytes().to_vec();
        assert!(data.to_pixels(Decoded::Owned(large)).is_err());
    }

    #[test]
    fn halves_are_exact() {
        for (half, value) in [
            (0x3c00, 1.0f32),
            (0xc000, -2.0),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x0000, 0.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(f32_of_half(half), value, "{half:04x}");
        }
        assert!(f32_of_half(0x7e00).is_nan());
    }
}
