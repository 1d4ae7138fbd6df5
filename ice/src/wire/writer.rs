//! Writes primitives as bytes.

use bytes::Bytes;

use super::{Content, content::LONG};
use crate::{Error, Result};

/// Bytes that grow by what is written to them.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    /// All but what is kept apart.
    bytes: Vec<u8>,
    /// What is kept apart, and before which of `bytes` it stands.
    apart: Vec<(usize, Bytes)>,
    n_apart: usize,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&mut self, value: $type) {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    };
}

impl Writer {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.n_apart
    }

    /// A place for [`Writer::set_bits`] and [`Writer::end_size`]: that of the next byte.
    pub(crate) fn place(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written, in one part.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.apart.is_empty() { self.bytes } else { self.into_content().to_vec() }
    }

    /// What was written, without a copy.
    pub fn into_content(self) -> Content {
        let bytes = Bytes::from(self.bytes);
        let mut content = Content::default();
        let mut done = 0;
        for (place, part) in self.apart {
            content.push(bytes.slice(done..place));
            content.push(part);
            done = place;
        }
        content.push(bytes.slice(done..));
        content
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    number!(
        /// A byte.
        u8, u8
    );
    number!(
        /// A `short`.
        i16, i16
    );
    number!(
        /// An `int`.
        i32, i32
    );
    number!(
        /// A `long`.
        i64, i64
    );
    number!(
        /// A `float`.
        f32, f32
    );
    number!(
        /// A `double`.
        f64, f64
    );

    /// A `bool`.
    pub fn bool(&mut self, value: bool) {
        self.u8(value.into());
    }

    /// A size.
    ///
    /// # Errors
    /// Above 2^31 - 1, which the protocol cannot say.
    pub fn size(&mut self, size: usize) -> Result<()> {
        if size < 255 {
            self.u8(size as u8);
            return Ok(());
        }
        let long =
            i32::try_from(size).map_err(|_| Error::limit("size", size, i32::MAX as usize))?;
        self.u8(255);
        self.i32(long);
        Ok(())
    }

    /// A sequence of bytes.
    ///
    /// # Errors
    /// As [`Writer::size`].
    pub fn byte_sequence(&mut self, bytes: &[u8]) -> Result<()> {
        self.size(bytes.len())?;
        self.raw(bytes);
        Ok(())
    }

    /// As [`Writer::byte_sequence`], without a copy of what is long.
    ///
    /// # Errors
    /// As there.
    pub fn shared_byte_sequence(&mut self, bytes: &Bytes) -> Result<()> {
        if bytes.len() < LONG {
            return self.byte_sequence(bytes);
        }
        self.size(bytes.len())?;
        self.n_apart += bytes.len();
        self.apart.push((self.bytes.len(), bytes.clone()));
        Ok(())
    }

    /// A string.
    ///
    /// # Errors
    /// As [`Writer::size`].
    pub fn string(&mut self, text: &str) -> Result<()> {
        self.byte_sequence(text.as_bytes())
    }

    /// Makes room for an `int` that is known later: the number of bytes from it on.
    pub(crate) fn begin_size(&mut self) -> usize {
        let at = self.bytes.len();
        self.i32(0);
        at
    }

    /// Fills in the room made at `at` with the number of bytes from there on, itself included.
    ///
    /// # Errors
    /// Above 2^31 - 1.
    pub(crate) fn end_size(&mut self, at: usize) -> Result<()> {
        let apart = self.apart.iter().rev().take_while(|(place, _)| *place > at);
        let size = self.bytes.len() - at + apart.map(|(_, part)| part.len()).sum::<usize>();
        let long =
            i32::try_from(size).map_err(|_| Error::limit("size", size, i32::MAX as usize))?;
        self.bytes[at..at + 4].copy_from_slice(&long.to_le_bytes());
        Ok(())
    }

    /// Sets bits of a byte that was written.
    pub(crate) fn set_bits(&mut self, at: usize, bits: u8) {
        self.bytes[at] |= bits;
    }
}
