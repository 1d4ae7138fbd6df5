//! The fourteen bytes that every message begins with.

use super::Limits;
use crate::{Error, Result};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 14;
const MAGIC: [u8; 4] = *b"IceP";
/// Protocol 1.0, in the encoding 1.0 of its own.
const VERSIONS: [u8; 4] = [1, 0, 1, 0];

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// A call.
    Request,
    /// Several calls that want no answer.
    BatchRequest,
    /// The answer to a call.
    Reply,
    /// Says that the connection lives: the first message of the side that accepts, and a
    /// heartbeat afterwards.
    Validate,
    /// Says that the sender goes.
    Close,
}

impl MessageKind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Request,
            1 => Self::BatchRequest,
            2 => Self::Reply,
            3 => Self::Validate,
            4 => Self::Close,
            _ => return None,
        })
    }
}

/// Whether a message is compressed, and its answer may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// It is not, and a compressed answer is not wanted.
    #[default]
    Never,
    /// It is not, but a compressed answer is understood.
    Understood,
    /// The body is compressed with bzip2.
    Bzip2,
}

impl Compression {
    /// Peers take what they do not know as "understood", so it is read like that here.
    fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Never,
            2 => Self::Bzip2,
            _ => Self::Understood,
        }
    }
}

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the message is.
    pub kind: MessageKind,
    /// Whether its body is compressed.
    pub compression: Compression,
    /// Bytes of the message as it travels, these fourteen included.
    pub n_bytes: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// `Frame` when these are not the first bytes of an Ice message of protocol 1, `Limit`
    /// when the message is too long: the connection is of no use after either.
    pub fn decode(bytes: &[u8; HEADER_BYTES], limits: &Limits) -> Result<Self> {
        let [m0, m1, m2, m3, major, _, encoding_major, _, kind, compression, size @ ..] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            let hint = match [m0, m1, m2, m3] {
                // An alert, or a greeting, of any version of TLS.
                [0x15 | 0x16, 3, _, _] => "what is there speaks TLS: is ssl:// meant?",
                [b'H', b'T', b'T', b'P'] | [b'G', b'E', b'T', b' '] => {
                    "what is there speaks HTTP: is ws:// or wss:// meant?"
                }
                _ => "is this the port of an Ice server?",
            };
            return Err(Error::Frame(format!(
                "it begins with {:02x?}, not with `IceP`; {hint}",
                &bytes[..4]
            )));
        }
        // Minor versions of a protocol are compatible.
        if major != 1 || encoding_major != 1 {
            return Err(Error::Frame(format!(
                "protocol {major} in encoding {encoding_major}; only protocol 1.0 is spoken here"
            )));
        }
        let kind = MessageKind::from_byte(kind)
            .ok_or_else(|| Error::Frame(format!("there is no message type {kind}")))?;
        let size = i32::from_le_bytes(size);
        let n_bytes = usize::try_from(size).ok().filter(|size| *size >= HEADER_BYTES);
        let n_bytes = n_bytes.ok_or_else(|| {
            Error::Frame(format!(
                "a message cannot have {size} bytes, its header has {HEADER_BYTES}"
            ))
        })?;
        if n_bytes > limits.message_bytes {
            return Err(Error::limit("message size in bytes", n_bytes, limits.message_bytes));
        }
        let is_bare = matches!(kind, MessageKind::Validate | MessageKind::Close);
        if is_bare && n_bytes != HEADER_BYTES {
            return Err(Error::Frame(format!(
                "a message of type {kind:?} has no body, but this one has {n_bytes} bytes"
            )));
        }
        Ok(Self { kind, compression: Compression::from_byte(compression), n_bytes })
    }

    /// The header's bytes.
    ///
    /// # Errors
    /// `Limit` for a message of 2 GiB or more.
    pub fn encode(&self) -> Result<[u8; HEADER_BYTES]> {
        let size = i32::try_from(self.n_bytes)
            .map_err(|_| Error::limit("message size in bytes", self.n_bytes, i32::MAX as usize))?;
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&VERSIONS);
        bytes[8] = match self.kind {
            MessageKind::Request => 0,
            MessageKind::BatchRequest => 1,
            MessageKind::Reply => 2,
            MessageKind::Validate => 3,
            MessageKind::Close => 4,
        };
        bytes[9] = match self.compression {
            Compression::Never => 0,
            Compression::Understood => 1,
            Compression::Bzip2 => 2,
        };
        bytes[10..].copy_from_slice(&size.to_le_bytes());
        Ok(bytes)
    }
}
