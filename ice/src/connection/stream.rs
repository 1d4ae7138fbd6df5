//! Messages on streams of bytes.

use std::{io, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Address, Verification, tls,
    watched::{Heard, Watched},
    websocket::{self, WebReader, WebWriter},
};
use crate::{
    Error, Result,
    wire::{Content, Frame, HEADER_BYTES, Header, Limits},
};

/// A stream of bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// Room that is made at a time, before bytes for more are there.
const CHUNK: usize = 64 << 10;
const LARGEST_CHUNK: usize = 4 << 20;

/// Where messages come from.
pub(super) struct Incoming {
    source: Source,
    /// What came and was not read.
    buffer: BytesMut,
    limits: Limits,
    heard: Arc<Heard>,
}

enum Source {
    Bytes(Box<dyn AsyncRead + Send + Unpin>),
    Web(WebReader),
}

/// Where messages go to.
pub(super) enum Outgoing {
    Bytes(Box<dyn AsyncWrite + Send + Unpin>),
    Web(WebWriter),
}

/// Connects to a server.
pub(super) async fn open(
    address: &Address,
    verification: &Verification,
    limits: Limits,
) -> Result<(Incoming, Outgoing)> {
    let to = (address.host.as_str(), address.port);
    let stream = TcpStream::connect(to)
        .await
        .map_err(|error| Error::io("a connection", format!("{address}: {error}")))?;
    // Calls are small and wait for answers: nothing is gained by waiting for more of them.
    stream.set_nodelay(true).map_err(|error| Error::io("a connection", error.to_string()))?;
    let heard = Arc::new(Heard::new());
    let (is_secure, is_websocket) = (address.scheme.is_secure(), address.scheme.is_websocket());
    if !is_secure && !is_websocket {
        return Ok(plain_halves(stream, limits, heard));
    }
    let stream = Watched::new(stream, heard.clone());
    let stream: Box<dyn Stream> = match is_secure {
        true => Box::new(tls::secure(stream, address, verification).await?),
        false => Box::new(stream),
    };
    if is_websocket {
        let (reader, writer) = websocket::connect(stream, address).await?;
        return Ok((Incoming::new(Source::Web(reader), limits, heard), Outgoing::Web(writer)));
    }
    Ok(halves(stream, limits, heard))
}

/// Messages on TCP as it is, whose directions do not wait for one another.
pub(super) fn plain_halves(
    stream: TcpStream,
    limits: Limits,
    heard: Arc<Heard>,
) -> (Incoming, Outgoing) {
    let (reader, writer) = stream.into_split();
    let reader = Watched::new(reader, heard.clone());
    let writer = Watched::new(writer, heard.clone());
    let incoming = Incoming::new(Source::Bytes(Box::new(reader)), limits, heard);
    (incoming, Outgoing::Bytes(Box::new(writer)))
}

/// Messages on a stream as it is.
pub(super) fn halves(
    stream: Box<dyn Stream>,
    limits: Limits,
    heard: Arc<Heard>,
) -> (Incoming, Outgoing) {
    let (reader, writer) = tokio::io::split(stream);
    let incoming = Incoming::new(Source::Bytes(Box::new(reader)), limits, heard);
    (incoming, Outgoing::Bytes(Box::new(writer)))
}

/// Messages in WebSocket on a stream, for a server.
///
/// # Errors
/// `Io` when the other end does not begin as it should.
pub(super) async fn web_halves(
    stream: Box<dyn Stream>,
    limits: Limits,
    heard: Arc<Heard>,
) -> Result<(Incoming, Outgoing)> {
    let (reader, writer) = websocket::accept(stream).await?;
    Ok((Incoming::new(Source::Web(reader), limits, heard), Outgoing::Web(writer)))
}

impl Incoming {
    fn new(source: Source, limits: Limits, heard: Arc<Heard>) -> Self {
        Self { source, buffer: BytesMut::new(), limits, heard }
    }

    /// Tells when the peer was there last.
    pub(super) fn heard(&self) -> Arc<Heard> {
        self.heard.clone()
    }

    /// The next message: its header and body; none when the other end has closed between two.
    ///
    /// # Errors
    /// `Io` when the stream fails or ends in a message, else as [`Header::decode`].
    pub(super) async fn next(&mut self) -> Result<Option<(Header, Bytes)>> {
        self.next_within(|limits| limits).await
    }

    /// As [`Incoming::next`], with limits that are asked for when the header is there.
    pub(super) async fn next_within(
        &mut self,
        limits: impl Fn(Limits) -> Limits,
    ) -> Result<Option<(Header, Bytes)>> {
        if self.buffer.is_empty() && self.buffer.capacity() >= CHUNK {
            // What a long message was read into is not kept for the next one, for which it may
            // wait long.
            self.buffer = BytesMut::new();
        }
        while self.buffer.len() < HEADER_BYTES {
            self.buffer.reserve(CHUNK);
            if self.fill().await? == 0 {
                return match self.buffer.len() {
                    0 => Ok(None),
                    _ => Err(Error::io("a connection", "it ended in the middle of a message")),
                };
            }
        }
        let mut head = [0; HEADER_BYTES];
        head.copy_from_slice(&self.buffer[..HEADER_BYTES]);
        let header = Header::decode(&head, &limits(self.limits))?;
        while self.buffer.len() < header.n_bytes {
            // What a header says is no reason to take much memory; what comes is.
            let left = header.n_bytes - self.buffer.len();
            self.buffer.reserve(left.min(LARGEST_CHUNK.max(self.buffer.len())));
            if self.fill().await? == 0 {
                return Err(Error::io("a connection", "it ended in the middle of a message"));
            }
        }
        let message = self.buffer.split_to(header.n_bytes).freeze();
        Ok(Some((header, message.slice(HEADER_BYTES..))))
    }

    async fn fill(&mut self) -> Result<usize> {
        let read = match &mut self.source {
            Source::Bytes(reader) => reader.read_buf(&mut self.buffer).await,
            Source::Web(reader) => reader.read(&mut self.buffer).await,
        };
        self.heard.message();
        read.map_err(|error| Error::io("a connection", error.to_string()))
    }
}

impl Outgoing {
    /// Sends whole messages that are one after the other in `bytes`. In WebSocket each call is
    /// one frame.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<()> {
        let sent = match self {
            Self::Bytes(writer) => writer.write_all(&bytes).await,
            Self::Web(writer) => writer.send(bytes).await,
        };
        sent.map_err(|error| Error::io("a connection", error.to_string()))
    }

    /// Sends the parts of messages, those of `tail` without a copy where that is possible.
    pub(super) async fn send_parts(&mut self, head: Vec<u8>, tail: Content) -> Result<()> {
        match self {
            Self::Bytes(writer) => {
                let mut parts = Buf::chain(head.as_slice(), tail);
                let sent = writer.write_all_buf(&mut parts).await;
                sent.map_err(|error| Error::io("a connection", error.to_string()))
            }
            Self::Web(_) => self.send(Frame { head, tail }.into_bytes()).await,
        }
    }

    /// Whether messages may be put together to be sent at once.
    pub(super) fn joins(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// Sends what is not sent yet.
    pub(super) async fn flush(&mut self) -> Result<()> {
        let flushed = match self {
            Self::Bytes(writer) => writer.flush().await,
            Self::Web(writer) => writer.flush().await,
        };
        flushed.map_err(|error| Error::io("a connection", error.to_string()))
    }
}

/// How long the other end may take to see that a connection ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Ends a stream after the last message: says so in the way of what carries it, and waits until
/// the other end has seen it. Without that, what the other end still sends would have the system
/// throw away what it has not read yet. The other end may have gone already.
pub(super) async fn finish(mut incoming: Incoming, mut outgoing: Outgoing) {
    let ending = async {
        let _: io::Result<()> = match &mut outgoing {
            Outgoing::Bytes(writer) => writer.shutdown().await,
            Outgoing::Web(writer) => writer.close().await,
        };
        loop {
            incoming.buffer.clear();
            incoming.buffer.reserve(CHUNK);
            if !matches!(incoming.fill().await, Ok(1..)) {
                break;
            }
        }
        if let (Source::Web(reader), Outgoing::Web(writer)) = (incoming.source, outgoing) {
            websocket::shut_down(reader, writer).await;
        }
    };
    let _: std::result::Result<(), _> = tokio::time::timeout(LAST_WORDS, ending).await;
}
