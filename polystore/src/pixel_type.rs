//! Pixel types, and the way from a type known at run time to a type parameter.

use std::{fmt, str::FromStr};

use bytemuck::Pod;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The number type of a plane's pixels, native-endian in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PixelType {
    /// Unsigned 8-bit.
    #[serde(rename = "uint8")]
    U8,
    /// Unsigned 16-bit, what most cameras deliver.
    #[serde(rename = "uint16")]
    U16,
    /// Unsigned 32-bit, what label images use.
    #[serde(rename = "uint32")]
    U32,
    /// Signed 8-bit.
    #[serde(rename = "int8")]
    I8,
    /// Signed 16-bit.
    #[serde(rename = "int16")]
    I16,
    /// Signed 32-bit.
    #[serde(rename = "int32")]
    I32,
    /// 32-bit float.
    #[serde(rename = "float32")]
    F32,
    /// 64-bit float.
    #[serde(rename = "float64")]
    F64,
}

impl PixelType {
    /// All types, for tables and tests.
    pub const ALL: [Self; 8] =
        [Self::U8, Self::U16, Self::U32, Self::I8, Self::I16, Self::I32, Self::F32, Self::F64];

    /// Bytes per pixel.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The name numpy, zarr and this crate's JSON use (`uint16`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Whether values are whole numbers.
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F64)
    }
}

impl fmt::Display for PixelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PixelType {
    type Err = Error;

    /// Accepts numpy names and OME's `float` and `double`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "float" => Ok(Self::F32),
            "double" => Ok(Self::F64),
            _ => Self::ALL
                .into_iter()
                .find(|candidate| candidate.as_str() == text)
                .ok_or_else(|| Error::unsupported(format!("pixel type `{text}` is not supported"))),
        }
    }
}

/// A Rust number type that pixels can have. Sealed: [`PixelType`] lists them all.
pub trait Element: Pod + Send + Sync + PartialOrd + fmt::Debug + Default + private::Sealed {
    /// The run-time name of this type.
    const PIXEL_TYPE: PixelType;

    /// The value as a double; exact for every supported type.
    fn to_f64(self) -> f64;

    /// The nearest value of this type: integers round half away from zero and saturate.
    fn from_f64(value: f64) -> Self;

    /// The mean of four values; whole numbers round half up (towards positive infinity).
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self;
}

mod private {
    pub trait Sealed {}
}

macro_rules! integer_element {
    ($($type:ty => $name:ident, $wide:ty);*) => {$(
        impl private::Sealed for $type {}
        impl Element for $type {
            const PIXEL_TYPE: PixelType = PixelType::$name;

            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline]
            fn from_f64(value: f64) -> Self {
                value.round() as Self
            }

            #[inline]
            fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self {
                let sum = <$wide>::from(a) + <$wide>::from(b) + <$wide>::from(c) + <$wide>::from(d);
                ((sum + 2) >> 2) as Self
            }
        }
    )*};
}

integer_element!(
    u8 => U8, u16; u16 => U16, u32; u32 => U32, u64; i8 => I8, i16; i16 => I16, i32; i32 => I32, i64
);

impl private::Sealed for f32 {}
impl Element for f32 {
    const PIXEL_TYPE: PixelType = PixelType::F32;

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline]
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self {
        ((a + b) + (c + d)) * 0.25
    }
}

impl private::Sealed for f64 {}
impl Element for f64 {
    const PIXEL_TYPE: PixelType = PixelType::F64;

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline]
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self {
        ((a + b) + (c + d)) * 0.25
    }
}

/// Runs a generic expression with the element type of a [`PixelType`].
///
/// ```
/// use polystore::{PixelType, dispatch};
///
/// let bytes = dispatch!(PixelType::U16, T => std::mem::size_of::<T>());
/// assert_eq!(bytes, 2);
/// ```
#[macro_export]
macro_rules! dispatch {
    ($pixel_type:expr, $T:ident => $body:expr) => {
        match $pixel_type {
            $crate::PixelType::U8 => {
                type $T = u8;
                $body
            }
            $crate::PixelType::U16 => {
                type $T = u16;
                $body
            }
            $crate::PixelType::U32 => {
                type $T = u32;
                $body
            }
            $crate::PixelType::I8 => {
                type $T = i8;
                $body
            }
            $crate::PixelType::I16 => {
                type $T = i16;
                $body
            }
            $crate::PixelType::I32 => {
                type $T = i32;
                $body
            }
            $crate::PixelType::F32 => {
                type $T = f32;
                $body
            }
            $crate::PixelType::F64 => {
                type $T = f64;
                $body
            }
            // `PixelType` is non-exhaustive for other crates; all variants are listed above.
            #[allow(unreachable_patterns)]
            _ => unreachable!("every pixel type is listed"),
        }
    };
}
