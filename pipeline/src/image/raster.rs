//! Typed pixels of one plane: borrowed to read, pooled to write.

use std::marker::PhantomData;

use bytemuck::{cast_slice, cast_slice_mut};
use polystore::{
    Element, Plane, PlaneShape,
    buffer::{BufferPool, PooledBuffer},
};

use crate::{Error, Result};

/// Memory from here on comes from the shared pool; less is not worth asking it.
const MIN_POOLED_BYTES: usize = 64 << 10;

/// Values in memory that, when it is large, comes from the shared pool and goes back to it:
/// pages touched before are several times faster to write than fresh ones.
pub(crate) enum Pooled<T> {
    /// From the pool.
    Large(PooledBuffer, PhantomData<T>),
    /// Allocated.
    Small(Vec<T>),
}

impl<T: Element> Pooled<T> {
    /// `len` values of unspecified content.
    pub(crate) fn unset(len: usize) -> Result<Self> {
        let n_bytes = len
            .checked_mul(size_of::<T>())
            .filter(|&n_bytes| n_bytes < isize::MAX as usize / 2)
            .ok_or_else(|| Error::function(format!("{len} values do not fit into memory")))?;
        Ok(if n_bytes < MIN_POOLED_BYTES {
            Self::Small(vec![T::default(); len])
        } else {
            Self::Large(BufferPool::global().take(n_bytes, 0), PhantomData)
        })
    }

    /// `len` values of `value`.
    pub(crate) fn filled(len: usize, value: T) -> Result<Self> {
        let mut values = Self::unset(len)?;
        values.as_mut_slice().fill(value);
        Ok(values)
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Large(bytes, _) => cast_slice(bytes),
            Self::Small(values) => values,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::Large(bytes, _) => cast_slice_mut(bytes),
            Self::Small(values) => values,
        }
    }
}

/// The pixels of a plane under construction, row-major.
pub(crate) struct Raster<T> {
    shape: PlaneShape,
    pixels: Pooled<T>,
}

impl<T: Element> Raster<T> {
    /// Pixels of unspecified content.
    pub(crate) fn unset(shape: PlaneShape) -> Result<Self> {
        Ok(Self { shape, pixels: Pooled::unset(n_pixels(shape)?)? })
    }

    /// Pixels of `value`.
    pub(crate) fn filled(shape: PlaneShape, value: T) -> Result<Self> {
        Ok(Self { shape, pixels: Pooled::filled(n_pixels(shape)?, value)? })
    }

    /// Pixels made one by one from those of `view`.
    pub(crate) fn map<S: Element>(view: View<'_, S>, value: impl Fn(S) -> T) -> Result<Self> {
        let mut raster = Self::unset(view.shape)?;
        for (target, &pixel) in raster.pixels_mut().iter_mut().zip(view.pixels) {
            *target = value(pixel);
        }
        Ok(raster)
    }

    pub(crate) fn view(&self) -> View<'_, T> {
        View { shape: self.shape, pixels: self.pixels.as_slice() }
    }

    pub(crate) fn pixels_mut(&mut self) -> &mut [T] {
        self.pixels.as_mut_slice()
    }

    pub(crate) fn rows_mut(&mut self) -> std::slice::ChunksExactMut<'_, T> {
        let width = row_length(self.shape);
        self.pixels_mut().chunks_exact_mut(width)
    }

    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [T] {
        let width = self.shape.width as usize;
        &mut self.pixels_mut()[y * width..(y + 1) * width]
    }

    /// The finished plane; the pixels are not copied.
    pub(crate) fn into_plane(self) -> Result<Plane> {
        Ok(match self.pixels {
            Pooled::Large(bytes, _) => Plane::new(T::PIXEL_TYPE, self.shape, bytes.freeze())?,
            Pooled::Small(values) => Plane::from_vec(self.shape, values)?,
        })
    }
}

/// The pixels of a plane to read, row-major.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, T> {
    pub(crate) shape: PlaneShape,
    pub(crate) pixels: &'a [T],
}

impl<'a, T: Element> View<'a, T> {
    /// The pixels of `plane`.
    ///
    /// # Errors
    /// `Function` when there are too many to process.
    pub(crate) fn of(plane: &'a Plane) -> Result<Self> {
        n_pixels(plane.shape())?;
        Ok(Self { shape: plane.shape(), pixels: plane.as_slice()? })
    }

    pub(crate) fn height(self) -> usize {
        self.shape.height as usize
    }

    pub(crate) fn width(self) -> usize {
        self.shape.width as usize
    }

    pub(crate) fn row(self, y: usize) -> &'a [T] {
        &self.pixels[y * self.width()..(y + 1) * self.width()]
    }

    pub(crate) fn rows(self) -> std::slice::ChunksExact<'a, T> {
        self.pixels.chunks_exact(row_length(self.shape))
    }
}

/// Chunks must not be empty; a plane of no columns has no rows to visit either way.
fn row_length(shape: PlaneShape) -> usize {
    shape.width.max(1) as usize
}

/// Squared distances and positions of planes up to this size stay far from overflow.
const MAX_PIXELS: u64 = 1 << 30;

fn n_pixels(shape: PlaneShape) -> Result<usize> {
    if shape.n_pixels() > MAX_PIXELS {
        return Err(Error::function(format!(
            "a plane of {shape} pixels is too large to process; the limit is {MAX_PIXELS} pixels"
        )));
    }
    Ok(shape.n_pixels() as usize)
}
