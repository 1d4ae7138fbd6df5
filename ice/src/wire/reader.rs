//! Reads primitives from bytes.

use bytes::Bytes;

use crate::{Error, Result};

/// A place in bytes from which primitives are read. Never takes memory for a length that the
/// bytes left over cannot hold.
#[derive(Clone, Debug)]
pub struct Reader {
    bytes: Bytes,
    at: usize,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// When the bytes end before.
        pub fn $name(&mut self) -> Result<$type> {
            let bytes = self.array(stringify!($name))?;
            Ok(<$type>::from_le_bytes(bytes))
        }
    };
}

impl Reader {
    /// Reads from the first of `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error at this place.
    pub fn error(&self, what: &'static str, problem: impl Into<String>) -> Error {
        Error::decode(what, self.at, problem)
    }

    fn ends(&self, what: &'static str, n_bytes: usize) -> Error {
        self.error(what, format!("{n_bytes} bytes are needed, {} are left", self.remaining()))
    }

    fn slice(&mut self, what: &'static str, n_bytes: usize) -> Result<&[u8]> {
        if n_bytes > self.remaining() {
            return Err(self.ends(what, n_bytes));
        }
        let start = self.at;
        self.at += n_bytes;
        Ok(&self.bytes[start..self.at])
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(what, N)?);
        Ok(array)
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

    /// A `bool`: any byte but 0 is true.
    ///
    /// # Errors
    /// When the bytes end before.
    pub fn bool(&mut self) -> Result<bool> {
        Ok(self.u8()? != 0)
    }

    /// A size: one byte, or 255 and an `int`.
    ///
    /// # Errors
    /// When it is negative, or the bytes end before.
    pub fn size(&mut self) -> Result<usize> {
        let short = self.u8()?;
        if short < 255 {
            return Ok(short.into());
        }
        let size = self.i32()?;
        usize::try_from(size).map_err(|_| self.error("size", format!("{size} is negative")))
    }

    /// The size of a sequence of elements that take at least `element_bytes` each: one that
    /// the bytes left over cannot hold is an error.
    ///
    /// # Errors
    /// As [`Reader::size`], or when there are not so many bytes.
    pub fn count(&mut self, what: &'static str, element_bytes: usize) -> Result<usize> {
        let count = self.size()?;
        match count.checked_mul(element_bytes.max(1)) {
            Some(n_bytes) if n_bytes <= self.remaining() => Ok(count),
            _ => Err(self.error(
                what,
                format!(
                    "{count} elements cannot be in the {} bytes that are left",
                    self.remaining()
                ),
            )),
        }
    }

    /// The next bytes, without a copy.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn bytes(&mut self, what: &'static str, n_bytes: usize) -> Result<Bytes> {
        if n_bytes > self.remaining() {
            return Err(self.ends(what, n_bytes));
        }
        let start = self.at;
        self.at += n_bytes;
        Ok(self.bytes.slice(start..self.at))
    }

    /// A sequence of bytes, without a copy.
    ///
    /// # Errors
    /// As [`Reader::count`].
    pub fn byte_sequence(&mut self) -> Result<Bytes> {
        let count = self.count("byte sequence", 1)?;
        self.bytes("byte sequence", count)
    }

    /// A string.
    ///
    /// # Errors
    /// As [`Reader::count`]; when it is not UTF-8.
    pub fn string(&mut self) -> Result<Box<str>> {
        let count = self.count("string", 1)?;
        let at = self.at;
        let bytes = self.slice("string", count)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(Error::decode("string", at, format!("not UTF-8: {error}"))),
        }
    }

    /// `count` numbers of `N` bytes each, in one go.
    ///
    /// # Errors
    /// When there are not so many bytes.
    pub(crate) fn numbers<T, const N: usize>(
        &mut self,
        count: usize,
        from: fn([u8; N]) -> T,
    ) -> Result<Vec<T>> {
        let n_bytes = count.saturating_mul(N);
        let bytes = self.slice("sequence", n_bytes)?;
        let (chunks, _) = bytes.as_chunks::<N>();
        Ok(chunks.iter().map(|chunk| from(*chunk)).collect())
    }

    /// Passes over bytes.
    ///
    /// # Errors
    /// When there are not so many.
    pub(crate) fn skip(&mut self, what: &'static str, n_bytes: usize) -> Result<()> {
        self.slice(what, n_bytes).map(|_| ())
    }

    /// Goes on at a place that was read or passed over before.
    pub(crate) fn go_to(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &'static [u8]) -> Reader {
        Reader::new(Bytes::from_static(bytes))
    }

    #[test]
    fn sizes_of_both_lengths() {
        assert_eq!(reader(&[254]).size(), Ok(254));
        assert_eq!(reader(&[255, 0, 1, 0, 0]).size(), Ok(256));
        assert!(reader(&[255, 0, 0, 0, 0x80]).size().unwrap_err().to_string().contains("negative"));
        assert!(reader(&[255, 0]).size().is_err());
    }

    #[test]
    fn counts_that_the_bytes_cannot_hold_are_refused() {
        assert_eq!(reader(&[2, 0, 0]).count("x", 1), Ok(2));
        assert!(reader(&[3, 0, 0]).count("x", 1).is_err());
        assert!(reader(&[255, 255, 255, 255, 0x7F]).count("x", 8).is_err());
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(&*reader(b"\x03a\xc2\xb5").string().unwrap(), "aµ");
        assert!(reader(b"\x01\xff").string().is_err());
    }
}
