//! Whole messages: calls, answers, and those that have no body.

use bytes::Bytes;

use super::{
    Compression, Content, Encapsulation, HEADER_BYTES, Header, Identity, Limits, MessageKind,
    Reader, Writer, compress,
    proxy::{decode_facet, encode_facet},
};
use crate::{Error, Result};

/// Whether a call may be repeated; callees compare it with what the operation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It may not.
    #[default]
    Normal,
    /// It changes nothing. The word is obsolete, but built-in operations have it.
    Nonmutating,
    /// Twice has the effect of once.
    Idempotent,
}

impl Mode {
    /// The mode with a number on the wire.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Normal,
            1 => Self::Nonmutating,
            2 => Self::Idempotent,
            _ => return None,
        })
    }

    /// Its number on the wire.
    pub fn byte(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Nonmutating => 1,
            Self::Idempotent => 2,
        }
    }

    /// Whether a call may have this byte for its mode when the operation is declared with this
    /// one: the same, or the obsolete word for "idempotent".
    pub fn accepts(self, byte: u8) -> bool {
        byte == self.byte() || (self == Self::Idempotent && byte == Self::Nonmutating.byte())
    }

    /// Whether a call that was lost may be sent again.
    pub fn may_repeat(self) -> bool {
        self != Self::Normal
    }
}

/// A call on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The object.
    pub identity: Identity,
    /// Its facet; empty for the object itself.
    pub facet: String,
    /// The operation.
    pub operation: String,
    /// Whether the call may be repeated; a byte that is none of the modes is kept as it is, for
    /// the servant to refuse.
    pub mode: u8,
    /// What goes along with the call, in the order in which it came.
    pub context: Vec<(String, String)>,
    /// The parameters.
    pub parameters: Encapsulation,
    /// What its parameters may ask for: of a call that came, the limits that its connection had
    /// for it. It is not sent.
    pub limits: Limits,
}

/// A call that is answered under its number, or not at all when that is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number; 0 when no answer is wanted.
    pub id: i32,
    /// The call.
    pub call: Call,
}

/// A call in a batch; none of them is answered.
pub type BatchCall = Call;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The number of the request.
    pub id: i32,
    /// What became of it.
    pub body: ReplyBody,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// It went well: the result.
    Ok(Encapsulation),
    /// The operation raised an exception of its own.
    UserException(Encapsulation),
    /// There is no such object.
    ObjectNotExist {
        /// The object that was asked for.
        identity: Identity,
        /// Its facet.
        facet: String,
        /// The operation.
        operation: String,
    },
    /// The object has no such facet.
    FacetNotExist {
        /// The object.
        identity: Identity,
        /// The facet that was asked for.
        facet: String,
        /// The operation.
        operation: String,
    },
    /// The object has no such operation.
    OperationNotExist {
        /// The object.
        identity: Identity,
        /// Its facet.
        facet: String,
        /// The operation that was asked for.
        operation: String,
    },
    /// The server's Ice runtime failed; in words of its own.
    UnknownLocalException(String),
    /// The operation raised an exception that it does not declare; its type.
    UnknownUserException(String),
    /// Something else failed; in words of its own.
    UnknownException(String),
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A call.
    Request(Request),
    /// Calls without answers.
    Batch(Vec<BatchCall>),
    /// An answer.
    Reply(Reply),
    /// The connection lives.
    Validate,
    /// The sender goes.
    Close,
}

/// Fewest bytes of a call: empty texts, a mode, no context and an empty encapsulation.
const CALL_BYTES: usize = 12;

impl Message {
    /// Reads the body of a message, which came after `header`.
    ///
    /// Bytes after the last encapsulation are ignored, as other runtimes do.
    ///
    /// # Errors
    /// `Frame` or `Decode` when it is none; `Limit` when it is compressed and would become
    /// longer than allowed. The connection is of no use after any of them.
    pub fn decode(header: &Header, body: Bytes, limits: &Limits) -> Result<Self> {
        let body = match header.compression {
            Compression::Bzip2 if header.n_bytes > HEADER_BYTES => {
                compress::decompress(header.kind, &body, limits)?
            }
            _ => body,
        };
        let mut reader = Reader::new(body);
        let reader = &mut reader;
        Ok(match header.kind {
            MessageKind::Validate => Self::Validate,
            MessageKind::Close => Self::Close,
            MessageKind::Request => {
                let id = reader.i32()?;
                Self::Request(Request { id, call: Call::decode(reader, limits)? })
            }
            MessageKind::BatchRequest => Self::Batch(decode_batch(reader, limits)?),
            MessageKind::Reply => {
                let id = reader.i32()?;
                Self::Reply(Reply { id, body: ReplyBody::decode(reader)? })
            }
        })
    }

    /// The message as bytes, its header included. With [`Compression::Bzip2`] it is compressed
    /// when it is long enough for that, and says that compression is understood when not.
    ///
    /// # Errors
    /// `Limit` when it is 2 GiB or longer.
    pub fn encode(&self, compression: Compression) -> Result<Vec<u8>> {
        self.encode_frame(compression).map(Frame::into_bytes)
    }

    /// As [`Message::encode`], without a copy of what is long in it.
    ///
    /// # Errors
    /// As there.
    pub fn encode_frame(&self, compression: Compression) -> Result<Frame> {
        let mut writer = Writer::new();
        writer.raw(&[0; HEADER_BYTES]);
        let mut tail = Content::default();
        let kind = match self {
            Self::Validate => MessageKind::Validate,
            Self::Close => MessageKind::Close,
            Self::Request(request) => {
                writer.i32(request.id);
                tail = request.call.encode(&mut writer)?;
                MessageKind::Request
            }
            Self::Batch(calls) => {
                let n = calls.len();
                let count = i32::try_from(n)
                    .map_err(|_| Error::limit("calls of a batch", n, i32::MAX as usize))?;
                writer.i32(count);
                for call in calls {
                    let content = call.encode(&mut writer)?;
                    content.parts().for_each(|part| writer.raw(part));
                }
                MessageKind::BatchRequest
            }
            Self::Reply(reply) => {
                writer.i32(reply.id);
                tail = reply.body.encode(&mut writer)?;
                MessageKind::Reply
            }
        };
        let mut frame = Frame { head: writer.into_bytes(), tail };
        while let Some(part) = frame.tail.take_short() {
            frame.head.extend_from_slice(&part);
        }
        if compression == Compression::Bzip2 && frame.len() >= compress::LEAST_BYTES {
            let plain = frame.into_bytes();
            let head = compress::compress(kind, &plain)?;
            // What the peer allows is not known: what it always does is.
            if plain.len() <= compress::most_bytes(kind, head.len(), &Limits::default()) {
                return Ok(Frame { head, tail: Content::default() });
            }
            frame = Frame { head: plain, tail: Content::default() };
        }
        let compression = match compression {
            Compression::Never => Compression::Never,
            _ => Compression::Understood,
        };
        let header = Header { kind, compression, n_bytes: frame.len() };
        frame.head[..HEADER_BYTES].copy_from_slice(&header.encode()?);
        Ok(frame)
    }
}

/// A message as bytes in parts, so that what is long in it is not copied.
#[derive(Clone)]
pub struct Frame {
    /// The first bytes: all of them when the message is short.
    pub head: Vec<u8>,
    /// The bytes after them.
    pub tail: Content,
}

/// How long it is, not what it is, as of [`Content`].
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Frame {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes in one.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.head;
        self.tail.parts().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }
}

fn decode_batch(reader: &mut Reader, limits: &Limits) -> Result<Vec<BatchCall>> {
    let count = reader.i32()?;
    let most = reader.remaining() / CALL_BYTES;
    let count = usize::try_from(count).ok().filter(|count| *count <= most).ok_or_else(|| {
        reader.error("batch", format!("{count} calls cannot be in {} bytes", reader.remaining()))
    })?;
    if count > limits.batch_calls {
        return Err(Error::limit("calls of a batch", count, limits.batch_calls));
    }
    (0..count).map(|_| Call::decode(reader, limits)).collect()
}

impl Call {
    /// The value of a key of the context.
    pub fn context_value(&self, key: &str) -> Option<&str> {
        self.context.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// The answer that there is no such object.
    pub fn object_not_exist(self) -> ReplyBody {
        let Self { identity, facet, operation, .. } = self;
        ReplyBody::ObjectNotExist { identity, facet, operation }
    }

    /// The answer that the object has no such operation.
    pub fn operation_not_exist(self) -> ReplyBody {
        let Self { identity, facet, operation, .. } = self;
        ReplyBody::OperationNotExist { identity, facet, operation }
    }

    /// The answer to a call whose mode is not the operation's.
    pub fn unexpected_mode(&self) -> ReplyBody {
        let Self { operation, mode, .. } = self;
        ReplyBody::UnknownLocalException(format!(
            "Ice::MarshalException: unexpected operation mode {mode} for `{operation}`"
        ))
    }

    fn decode(reader: &mut Reader, limits: &Limits) -> Result<Self> {
        let identity = Identity::decode(reader)?;
        let facet = decode_facet(reader)?;
        let operation = reader.string()?.into();
        let mode = reader.u8()?;
        let n_entries = reader.count("context", 2)?;
        if n_entries > limits.context_entries {
            return Err(Error::limit("entries of a context", n_entries, limits.context_entries));
        }
        let mut context = Vec::with_capacity(n_entries);
        for _ in 0..n_entries {
            context.push((reader.string()?.into(), reader.string()?.into()));
        }
        let parameters = Encapsulation::decode(reader)?;
        let limits = *limits;
        Ok(Self { identity, facet, operation, mode, context, parameters, limits })
    }

    /// Writes all but the content of the parameters, and answers that.
    fn encode(&self, writer: &mut Writer) -> Result<Content> {
        self.identity.encode(writer)?;
        encode_facet(&self.facet, writer)?;
        writer.string(&self.operation)?;
        writer.u8(self.mode);
        writer.size(self.context.len())?;
        for (key, value) in &self.context {
            writer.string(key)?;
            writer.string(value)?;
        }
        self.parameters.encode_head(writer)?;
        Ok(self.parameters.content.clone())
    }
}

impl ReplyBody {
    fn decode(reader: &mut Reader) -> Result<Self> {
        let status = reader.u8()?;
        Ok(match status {
            0 => Self::Ok(Encapsulation::decode(reader)?),
            1 => Self::UserException(Encapsulation::decode(reader)?),
            2..=4 => {
                let identity = Identity::decode(reader)?;
                let facet = decode_facet(reader)?;
                let operation = reader.string()?.into();
                match status {
                    2 => Self::ObjectNotExist { identity, facet, operation },
                    3 => Self::FacetNotExist { identity, facet, operation },
                    _ => Self::OperationNotExist { identity, facet, operation },
                }
            }
            5 => Self::UnknownLocalException(reader.string()?.into()),
            6 => Self::UnknownUserException(reader.string()?.into()),
            7 => Self::UnknownException(reader.string()?.into()),
            _ => return Err(reader.error("reply", format!("there is no status {status}"))),
        })
    }

    /// The result, or an error that says why there is none.
    ///
    /// # Errors
    /// `NotExist` for what the server does not have, else `Refused`; also for exceptions of the operation, which are decoded by
    /// [`decode_exception`](crate::codec::decode_exception).
    pub fn into_result(self) -> Result<Encapsulation> {
        let place = |what, identity: &Identity, operation: String| Error::NotExist {
            what,
            object: identity.to_string(),
            operation,
        };
        Err(match self {
            Self::Ok(content) => return Ok(content),
            Self::UserException(_) => {
                Error::Refused("the operation raised an exception".to_owned())
            }
            Self::ObjectNotExist { identity, operation, .. } => {
                place("object", &identity, operation)
            }
            Self::FacetNotExist { identity, operation, .. } => place("facet", &identity, operation),
            Self::OperationNotExist { identity, operation, .. } => {
                place("operation", &identity, operation)
            }
            Self::UnknownLocalException(text) => {
                Error::Refused(format!("its runtime failed: {text}"))
            }
            Self::UnknownUserException(id) => {
                Error::Refused(format!("it raised {id}, which the operation does not declare"))
            }
            Self::UnknownException(text) => Error::Refused(text),
        })
    }

    /// Its number on the wire.
    pub fn status(&self) -> u8 {
        match self {
            Self::Ok(_) => 0,
            Self::UserException(_) => 1,
            Self::ObjectNotExist { .. } => 2,
            Self::FacetNotExist { .. } => 3,
            Self::OperationNotExist { .. } => 4,
            Self::UnknownLocalException(_) => 5,
            Self::UnknownUserException(_) => 6,
            Self::UnknownException(_) => 7,
        }
    }

    /// Writes all but the content of a result, and answers that.
    fn encode(&self, writer: &mut Writer) -> Result<Content> {
        writer.u8(self.status());
        match self {
            Self::Ok(content) | Self::UserException(content) => {
                content.encode_head(writer)?;
                return Ok(content.content.clone());
            }
            Self::ObjectNotExist { identity, facet, operation }
            | Self::FacetNotExist { identity, facet, operation }
            | Self::OperationNotExist { identity, facet, operation } => {
                identity.encode(writer)?;
                encode_facet(facet, writer)?;
                writer.string(operation)?;
            }
            Self::UnknownLocalException(text)
            | Self::UnknownUserException(text)
            | Self::UnknownException(text) => writer.string(text)?,
        }
        Ok(Content::default())
    }
}
