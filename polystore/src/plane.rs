//! Planes: owned, immutable two-dimensional pixels that are cheap to clone and safe to view.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use ndarray::{Array2, ArrayView2, ArrayView3};

use crate::{Element, Error, PixelType, PlaneShape, Region, Result, buffer::BufferPool, dispatch};

/// Owned, immutable pixels of one plane: native-endian, row-major `[y, x]`.
///
/// Length and alignment are checked once, at construction, so every view is safe and
/// free. A memory map, a `Vec<u16>` and a network buffer all fit behind it. Cloning is
/// O(1) and shares the pixels.
///
/// ```
/// use ndarray::array;
/// use polystore::{Plane, PlaneShape};
///
/// let plane = Plane::from_array(array![[1u16, 2, 3], [4, 5, 6]]);
/// assert_eq!(plane.shape(), PlaneShape::new(2, 3));
/// assert_eq!(plane.as_array::<u16>()?[[1, 2]], 6);
/// # Ok::<(), polystore::Error>(())
/// ```
#[derive(Clone)]
pub struct Plane {
    pixel_type: PixelType,
    shape: PlaneShape,
    data: Bytes,
}

/// A typed view of a plane, `[y, x]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are the pixel types")]
pub enum PlaneView<'a> {
    U8(ArrayView2<'a, u8>),
    U16(ArrayView2<'a, u16>),
    U32(ArrayView2<'a, u32>),
    I8(ArrayView2<'a, i8>),
    I16(ArrayView2<'a, i16>),
    I32(ArrayView2<'a, i32>),
    F32(ArrayView2<'a, f32>),
    F64(ArrayView2<'a, f64>),
}

struct VecOwner<T>(Vec<T>);

impl<T: Element> AsRef<[u8]> for VecOwner<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Plane {
    /// Takes native-endian row-major bytes; copies them once if they are not aligned for
    /// the pixel type.
    ///
    /// # Errors
    /// `InvalidData` when the length is not height x width x bytes per pixel.
    pub fn new(pixel_type: PixelType, shape: PlaneShape, data: Bytes) -> Result<Self> {
        let expected = expected_len(pixel_type, shape)?;
        if data.len() != expected {
            return Err(Error::invalid_data(format!(
                "a plane of {shape} {pixel_type} pixels has {expected} bytes, but {} were given",
                data.len()
            )));
        }
        let aligned = (data.as_ptr() as usize).is_multiple_of(pixel_type.size_bytes());
        let data = if aligned { data } else { aligned_copy(&data) };
        Ok(Self { pixel_type, shape, data })
    }

    /// Takes pixels in row-major order without a copy.
    ///
    /// # Errors
    /// `InvalidInput` when there are not height x width of them.
    pub fn from_vec<T: Element>(shape: PlaneShape, pixels: Vec<T>) -> Result<Self> {
        if pixels.len() as u64 != shape.n_pixels() {
            return Err(Error::invalid_input(format!(
                "a plane of {shape} pixels cannot be made from {} values",
                pixels.len()
            )));
        }
        Ok(Self { pixel_type: T::PIXEL_TYPE, shape, data: Bytes::from_owner(VecOwner(pixels)) })
    }

    /// Takes an array `[y, x]`; free of copies when it is in standard layout.
    ///
    /// # Panics
    /// When a side is longer than `u32::MAX`.
    pub fn from_array<T: Element>(array: Array2<T>) -> Self {
        let shape = shape_of(array.dim());
        let pixels = if array.is_standard_layout() {
            let (pixels, offset) = array.into_raw_vec_and_offset();
            match offset {
                None | Some(0) if pixels.len() as u64 == shape.n_pixels() => pixels,
                offset => {
                    let start = offset.unwrap_or(0);
                    pixels[start..start + shape.n_pixels() as usize].to_vec()
                }
            }
        } else {
            array.iter().copied().collect()
        };
        Self { pixel_type: T::PIXEL_TYPE, shape, data: Bytes::from_owner(VecOwner(pixels)) }
    }

    /// The number type of the pixels.
    pub fn pixel_type(&self) -> PixelType {
        self.pixel_type
    }

    /// Height and width in pixels.
    pub fn shape(&self) -> PlaneShape {
        self.shape
    }

    /// The pixels as native-endian row-major bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.data
    }

    /// Bytes of pixel memory.
    pub fn n_bytes(&self) -> usize {
        self.data.len()
    }

    /// The pixels in row-major order.
    ///
    /// # Errors
    /// `InvalidInput` when `T` is not the plane's pixel type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        if T::PIXEL_TYPE != self.pixel_type {
            return Err(Error::invalid_input(format!(
                "the plane has {} pixels and cannot be viewed as {}",
                self.pixel_type,
                T::PIXEL_TYPE
            )));
        }
        Ok(bytemuck::cast_slice(&self.data))
    }

    /// The pixels as an array view `[y, x]`, without a copy.
    ///
    /// # Errors
    /// `InvalidInput` when `T` is not the plane's pixel type.
    pub fn as_array<T: Element>(&self) -> Result<ArrayView2<'_, T>> {
        let (height, width) = (self.shape.height as usize, self.shape.width as usize);
        ArrayView2::from_shape((height, width), self.as_slice()?)
            .map_err(|error| Error::internal("plane length was not checked").with_source(error))
    }

    /// The pixels as a typed view.
    ///
    /// # Errors
    /// `Internal` never in practice: length and alignment are checked at construction.
    pub fn view(&self) -> Result<PlaneView<'_>> {
        Ok(match self.pixel_type {
            PixelType::U8 => PlaneView::U8(self.as_array()?),
            PixelType::U16 => PlaneView::U16(self.as_array()?),
            PixelType::U32 => PlaneView::U32(self.as_array()?),
            PixelType::I8 => PlaneView::I8(self.as_array()?),
            PixelType::I16 => PlaneView::I16(self.as_array()?),
            PixelType::I32 => PlaneView::I32(self.as_array()?),
            PixelType::F32 => PlaneView::F32(self.as_array()?),
            PixelType::F64 => PlaneView::F64(self.as_array()?),
        })
    }

    /// A plane of the pixels in `region`; shares memory when the region has full width.
    ///
    /// # Errors
    /// `InvalidInput` when the region reaches outside the plane.
    pub fn crop(&self, region: Region) -> Result<Self> {
        let region = region.checked(self.shape)?;
        let pixel = self.pixel_type.size_bytes();
        let stride = self.shape.width as usize * pixel;
        let row = region.width as usize * pixel;
        let first = region.y as usize * stride + region.x as usize * pixel;
        let data = if row == stride {
            self.data.slice(first..first + row * region.height as usize)
        } else {
            let mut out = BufferPool::global().take(row * region.height as usize, 0);
            for (line, target) in out.chunks_exact_mut(row).enumerate() {
                let start = first + line * stride;
                target.copy_from_slice(&self.data[start..start + row]);
            }
            out.freeze()
        };
        Self::new(self.pixel_type, region.shape(), data)
    }

    /// The same pixels as another type; integers round and saturate.
    #[must_use]
    pub fn convert(&self, pixel_type: PixelType) -> Self {
        if pixel_type == self.pixel_type {
            return self.clone();
        }
        let data = dispatch!(self.pixel_type, From => dispatch!(pixel_type, To => {
            let pixels: &[From] = bytemuck::cast_slice(&self.data);
            let converted: Vec<To> = pixels.iter().map(|&pixel| To::from_f64(pixel.to_f64())).collect();
            Bytes::from_owner(VecOwner(converted))
        }));
        Self { pixel_type, shape: self.shape, data }
    }
}

impl PartialEq for Plane {
    /// Same type, shape and bytes (so a NaN equals the same NaN).
    fn eq(&self, other: &Self) -> bool {
        (self.pixel_type, self.shape) == (other.pixel_type, other.shape) && self.data == other.data
    }
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plane({} {})", self.shape, self.pixel_type)
    }
}

/// Bytes of a plane, checked against the address space.
pub(crate) fn expected_len(pixel_type: PixelType, shape: PlaneShape) -> Result<usize> {
    shape
        .n_pixels()
        .checked_mul(pixel_type.size_bytes() as u64)
        .and_then(|n| usize::try_from(n).ok())
        .filter(|&n| n <= isize::MAX as usize)
        .ok_or_else(|| {
            Error::new(
                crate::ErrorKind::LimitExceeded,
                format!("a plane of {shape} {pixel_type} pixels is too large"),
            )
        })
}

fn aligned_copy(data: &[u8]) -> Bytes {
    let mut copy = BufferPool::global().take(data.len(), 0);
    copy.copy_from_slice(data);
    copy.freeze()
}

fn shape_of((height, width): (usize, usize)) -> PlaneShape {
    assert!(height <= u32::MAX as usize && width <= u32::MAX as usize, "a plane side fits 32 bits");
    PlaneShape::new(height as u32, width as u32)
}

/// Owned planes of one shape and type, contiguous in memory: `[plane, y, x]`.
///
/// What [`VirtualBackendExt::read_stack`](crate::VirtualBackendExt::read_stack) fills:
/// one allocation, viewed as a three-dimensional array without a copy.
#[derive(Clone)]
pub struct Stack {
    n_planes: usize,
    pixel_type: PixelType,
    shape: PlaneShape,
    data: Arc<crate::buffer::PooledBuffer>,
}

impl Stack {
    pub(crate) fn new(
        n_planes: usize,
        pixel_type: PixelType,
        shape: PlaneShape,
        data: crate::buffer::PooledBuffer,
    ) -> Self {
        Self { n_planes, pixel_type, shape, data: Arc::new(data) }
    }

    /// Number of planes, the first axis.
    pub fn n_planes(&self) -> usize {
        self.n_planes
    }

    /// The number type of the pixels.
    pub fn pixel_type(&self) -> PixelType {
        self.pixel_type
    }

    /// Height and width of each plane.
    pub fn shape(&self) -> PlaneShape {
        self.shape
    }

    /// The pixels as an array view `[plane, y, x]`, without a copy.
    ///
    /// # Errors
    /// `InvalidInput` when `T` is not the stack's pixel type.
    pub fn as_array<T: Element>(&self) -> Result<ArrayView3<'_, T>> {
        if T::PIXEL_TYPE != self.pixel_type {
            return Err(Error::invalid_input(format!(
                "the stack has {} pixels and cannot be viewed as {}",
                self.pixel_type,
                T::PIXEL_TYPE
            )));
        }
        let dim = (self.n_planes, self.shape.height as usize, self.shape.width as usize);
        ArrayView3::from_shape(dim, bytemuck::cast_slice(&self.data))
            .map_err(|error| Error::internal("stack length was not checked").with_source(error))
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stack({} planes of {} {})", self.n_planes, self.shape, self.pixel_type)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};

    use super::*;

    #[test]
    fn misaligned_bytes_are_copied_once() {
        let bytes = Bytes::from(vec![0u8; 13]).slice(1..13);
        let plane = Plane::new(PixelType::U16, PlaneShape::new(2, 3), bytes).unwrap();
        assert_eq!(plane.as_array::<u16>().unwrap().dim(), (2, 3));
    }

    #[test]
    fn wrong_length_and_wrong_type_are_errors() {
        assert!(
            Plane::new(PixelType::U16, PlaneShape::new(2, 3), Bytes::from(vec![0u8; 11])).is_err()
        );
        let plane = Plane::from_array(array![[1u8]]);
        assert!(plane.as_array::<u16>().is_err());
        assert!(
            Plane::new(PixelType::F64, PlaneShape::new(u32::MAX, u32::MAX), Bytes::new()).is_err()
        );
    }

    #[test]
    fn vectors_are_not_copied() {
        let pixels = vec![7u16; 6];
        let address = pixels.as_ptr();
        let plane = Plane::from_vec(PlaneShape::new(2, 3), pixels).unwrap();
        assert_eq!(plane.as_slice::<u16>().unwrap().as_ptr(), address);
    }

    #[test]
    fn arrays_in_any_layout_keep_their_pixels() {
        let array = Array::from_shape_fn((3, 4), |(y, x)| (10 * y + x) as i32);
        let sliced = array.clone().slice_move(ndarray::s![1.., 1..]);
        let plane = Plane::from_array(sliced.clone());
        assert_eq!(plane.as_array::<i32>().unwrap(), sliced);
        let transposed = array.clone().reversed_axes();
        assert_eq!(Plane::from_array(transposed.clone()).as_array::<i32>().unwrap(), transposed);
        let rows = array.clone().slice_move(ndarray::s![1..2, ..]);
        assert_eq!(Plane::from_array(rows.clone()).as_array::<i32>().unwrap(), rows);
    }

    #[test]
    fn crops_are_exact() {
        let plane = Plane::from_array(Array::from_shape_fn((4, 5), |(y, x)| (10 * y + x) as u8));
        let crop = plane.crop(Region::new(1, 2, 2, 3)).unwrap();
        assert_eq!(crop.as_slice::<u8>().unwrap(), &[12, 13, 14, 22, 23, 24]);
        let rows = plane.crop(Region::new(2, 0, 2, 5)).unwrap();
        assert_eq!(rows.as_slice::<u8>().unwrap()[0], 20);
        assert!(plane.crop(Region::new(3, 0, 2, 1)).is_err());
    }

    #[test]
    fn conversion_saturates_and_rounds() {
        let plane = Plane::from_array(array![[-3.0f32, 0.5, 254.6, 999.0]]);
        assert_eq!(plane.convert(PixelType::U8).as_slice::<u8>().unwrap(), &[0, 1, 255, 255]);
    }
}
