//! Where a server listens, as proxies carry it.

use bytes::Bytes;

use super::{Encapsulation, Reader, Version, Writer};
use crate::Result;

/// One way to reach a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A connection by TCP, plain or in TLS, straight or in WebSocket.
    Stream {
        /// How.
        transport: Transport,
        /// Name or address.
        host: String,
        /// Port.
        port: i32,
        /// Milliseconds, -1 for none.
        timeout: i32,
        /// Whether messages to it may be compressed.
        compress: bool,
    },
    /// Datagrams.
    Udp {
        /// Name or address.
        host: String,
        /// Port.
        port: i32,
        /// Protocol and encoding; only encoding 1.0 says them.
        versions: Option<(Version, Version)>,
        /// Whether messages to it may be compressed.
        compress: bool,
    },
    /// One of a kind that is not known here, byte for byte.
    Opaque {
        /// Its kind.
        kind: i16,
        /// Version of the encoding of `data`.
        version: (u8, u8),
        /// What it says.
        data: Bytes,
    },
}

/// What carries the bytes of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// TLS over TCP; Ice calls it `ssl`.
    Tls,
    /// WebSocket, with the path of its resource.
    WebSocket(String),
    /// WebSocket over TLS, with the path of its resource.
    SecureWebSocket(String),
}

impl Transport {
    fn kind(&self) -> i16 {
        match self {
            Self::Tcp => 1,
            Self::Tls => 2,
            Self::WebSocket(_) => 4,
            Self::SecureWebSocket(_) => 5,
        }
    }

    /// The name that proxies in words have: `tcp`, `ssl`, `ws` or `wss`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "ssl",
            Self::WebSocket(_) => "ws",
            Self::SecureWebSocket(_) => "wss",
        }
    }

    /// The path of a WebSocket.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Self::WebSocket(resource) | Self::SecureWebSocket(resource) => Some(resource),
            Self::Tcp | Self::Tls => None,
        }
    }
}

const UDP: i16 = 3;

impl Endpoint {
    pub(crate) fn decode(reader: &mut Reader) -> Result<Self> {
        let kind = reader.i16()?;
        let data = Encapsulation::decode(reader)?;
        // What came is in one part.
        let content = data.content.joined();
        let opaque = || Self::Opaque { kind, version: data.version, data: content.clone() };
        let mut inside = Reader::new(content.clone());
        let found = match kind {
            1 | 2 | 4 | 5 => stream(kind, &mut inside),
            UDP => udp(data.version, &mut inside),
            _ => return Ok(opaque()),
        };
        // What is longer than it should be is passed on as it is.
        Ok(found.ok().filter(|_| inside.remaining() == 0).unwrap_or_else(opaque))
    }

    /// The number of its kind.
    pub(crate) fn kind(&self) -> i16 {
        match self {
            Self::Stream { transport, .. } => transport.kind(),
            Self::Udp { .. } => UDP,
            Self::Opaque { kind, .. } => *kind,
        }
    }

    /// Writes the endpoint; what is in it in encoding `version`, that of what it is in.
    pub(crate) fn encode(&self, version: (u8, u8), writer: &mut Writer) -> Result<()> {
        let version = match self {
            Self::Opaque { version, .. } => *version,
            _ => version,
        };
        writer.i16(self.kind());
        let start = writer.begin_size();
        writer.u8(version.0);
        writer.u8(version.1);
        match self {
            Self::Stream { transport, host, port, timeout, compress } => {
                writer.string(host)?;
                writer.i32(*port);
                writer.i32(*timeout);
                writer.bool(*compress);
                if let Some(resource) = transport.resource() {
                    writer.string(resource)?;
                }
            }
            Self::Udp { host, port, versions, compress } => {
                writer.string(host)?;
                writer.i32(*port);
                if version == (1, 0) {
                    let (protocol, encoding) = versions.unwrap_or_default();
                    writer.raw(&[protocol.major, protocol.minor, encoding.major, encoding.minor]);
                }
                writer.bool(*compress);
            }
            Self::Opaque { data, .. } => writer.raw(data),
        }
        writer.end_size(start)
    }
}

fn stream(kind: i16, reader: &mut Reader) -> Result<Endpoint> {
    let host = reader.string()?.into();
    let (port, timeout, compress) = (reader.i32()?, reader.i32()?, reader.bool()?);
    let transport = match kind {
        1 => Transport::Tcp,
        2 => Transport::Tls,
        4 => Transport::WebSocket(reader.string()?.into()),
        _ => Transport::SecureWebSocket(reader.string()?.into()),
    };
    Ok(Endpoint::Stream { transport, host, port, timeout, compress })
}

fn udp(version: (u8, u8), reader: &mut Reader) -> Result<Endpoint> {
    let host = reader.string()?.into();
    let port = reader.i32()?;
    let versions = match version {
        (1, 0) => Some((Version::decode(reader)?, Version::decode(reader)?)),
        _ => None,
    };
    Ok(Endpoint::Udp { host, port, versions, compress: reader.bool()? })
}
