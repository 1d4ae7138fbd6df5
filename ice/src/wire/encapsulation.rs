//! Encapsulations: a size, the version of an encoding, and bytes in it.

use super::{Content, Reader, Writer};
use crate::{Error, Result};

/// Bytes of an encapsulation before its content.
pub(crate) const HEAD_BYTES: usize = 6;

/// An encoding that this crate reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Ice before 3.5.
    V1_0,
    /// Ice since 3.5, and what OMERO's clients send.
    #[default]
    V1_1,
}

impl Encoding {
    /// Major and minor version.
    pub fn version(self) -> (u8, u8) {
        match self {
            Self::V1_0 => (1, 0),
            Self::V1_1 => (1, 1),
        }
    }
}

/// Parameters, a result or an exception, in the version of the encoding that they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encapsulation {
    /// Major and minor version of the encoding; any, since it is not decoded yet.
    pub version: (u8, u8),
    /// What is inside.
    pub content: Content,
}

impl Encapsulation {
    /// Content in an encoding.
    pub fn new(encoding: Encoding, content: impl Into<Content>) -> Self {
        Self { version: encoding.version(), content: content.into() }
    }

    /// Nothing, as calls without parameters and results of `void` are sent.
    pub fn empty(encoding: Encoding) -> Self {
        Self::new(encoding, Content::default())
    }

    /// The encoding of the content.
    ///
    /// # Errors
    /// `Decode` when it is neither 1.0 nor 1.1.
    pub fn encoding(&self) -> Result<Encoding> {
        match self.version {
            (1, 0) => Ok(Encoding::V1_0),
            (1, 1) => Ok(Encoding::V1_1),
            (major, minor) => Err(Error::decode(
                "encapsulation",
                4,
                format!("encoding {major}.{minor}; 1.0 and 1.1 are understood"),
            )),
        }
    }

    pub(crate) fn decode(reader: &mut Reader) -> Result<Self> {
        let size = reader.i32()?;
        let n_bytes = usize::try_from(size).ok().and_then(|size| size.checked_sub(HEAD_BYTES));
        let n_bytes = n_bytes.ok_or_else(|| {
            reader.error("encapsulation", format!("{size} bytes; the least are {HEAD_BYTES}"))
        })?;
        let version = (reader.u8()?, reader.u8()?);
        Ok(Self { version, content: reader.bytes("encapsulation", n_bytes)?.into() })
    }

    /// Writes what stands before the content.
    ///
    /// # Errors
    /// `Limit` when it is 2 GiB or longer.
    pub(crate) fn encode_head(&self, writer: &mut Writer) -> Result<()> {
        let size = self.content.len() + HEAD_BYTES;
        let long =
            i32::try_from(size).map_err(|_| Error::limit("size", size, i32::MAX as usize))?;
        writer.i32(long);
        writer.raw(&[self.version.0, self.version.1]);
        Ok(())
    }
}
