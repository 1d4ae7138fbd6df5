//! References to objects of a server.

use super::{Encoding, Endpoint, Limits, Reader, Writer};
use crate::{Error, Result};

/// The name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The name; empty for no object.
    pub name: String,
    /// What kind of object it is, or whose.
    pub category: String,
}

impl Identity {
    /// An identity without a category.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), category: String::new() }
    }

    /// An identity.
    pub fn new(name: impl Into<String>, category: impl Into<String>) -> Self {
        Self { name: name.into(), category: category.into() }
    }

    /// Whether it is the name of no object.
    pub fn is_null(&self) -> bool {
        self.name.is_empty() && self.category.is_empty()
    }

    pub(crate) fn decode(reader: &mut Reader) -> Result<Self> {
        Ok(Self { name: reader.string()?.into(), category: reader.string()?.into() })
    }

    pub(crate) fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.string(&self.name)?;
        writer.string(&self.category)
    }
}

/// A version of a protocol or an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// Major.
    pub major: u8,
    /// Minor.
    pub minor: u8,
}

impl Default for Version {
    fn default() -> Self {
        Self { major: 1, minor: 0 }
    }
}

impl From<Encoding> for Version {
    fn from(encoding: Encoding) -> Self {
        let (major, minor) = encoding.version();
        Self { major, minor }
    }
}

impl Version {
    pub(crate) fn decode(reader: &mut Reader) -> Result<Self> {
        Ok(Self { major: reader.u8()?, minor: reader.u8()? })
    }
}

/// How calls on a proxy are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyMode {
    /// With an answer.
    #[default]
    Twoway,
    /// Without.
    Oneway,
    /// Without, several in one message.
    BatchOneway,
    /// As datagrams.
    Datagram,
    /// As datagrams, several in one.
    BatchDatagram,
}

impl ProxyMode {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Twoway,
            1 => Self::Oneway,
            2 => Self::BatchOneway,
            3 => Self::Datagram,
            4 => Self::BatchDatagram,
            _ => return None,
        })
    }

    fn byte(self) -> u8 {
        match self {
            Self::Twoway => 0,
            Self::Oneway => 1,
            Self::BatchOneway => 2,
            Self::Datagram => 3,
            Self::BatchDatagram => 4,
        }
    }
}

/// A reference to an object of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// Which object.
    pub identity: Identity,
    /// Which facet of it; empty for the object itself.
    pub facet: String,
    /// How calls are made.
    pub mode: ProxyMode,
    /// Whether only secure connections will do.
    pub secure: bool,
    /// Version of the protocol.
    pub protocol: Version,
    /// Version of the encoding that calls are made in.
    pub encoding: Version,
    /// Where its server listens.
    pub endpoints: Vec<Endpoint>,
    /// Where there are no endpoints: the adapter that knows the object; empty when anybody
    /// who knows its name does.
    pub adapter_id: String,
}

/// Fewest bytes of an endpoint: its kind and an encapsulation.
const ENDPOINT_BYTES: usize = 8;

impl Proxy {
    /// A proxy of an object by its name alone.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            facet: String::new(),
            mode: ProxyMode::Twoway,
            secure: false,
            protocol: Version::default(),
            encoding: Encoding::default().into(),
            endpoints: Vec::new(),
            adapter_id: String::new(),
        }
    }

    /// Reads a proxy; `None` for the proxy of no object.
    ///
    /// # Errors
    /// `Decode` when the bytes are none; `Limit` with more endpoints than allowed.
    pub fn decode(
        reader: &mut Reader,
        encoding: Encoding,
        limits: &Limits,
    ) -> Result<Option<Self>> {
        let identity = Identity::decode(reader)?;
        if identity.is_null() {
            return Ok(None);
        }
        let facet = decode_facet(reader)?;
        let mode = reader.u8()?;
        let mode = ProxyMode::from_byte(mode)
            .ok_or_else(|| reader.error("proxy", format!("there is no mode {mode}")))?;
        let secure = reader.bool()?;
        let (protocol, version) = match encoding {
            Encoding::V1_0 => (Version::default(), Version::default()),
            Encoding::V1_1 => (Version::decode(reader)?, Version::decode(reader)?),
        };
        let n_endpoints = reader.count("endpoints", ENDPOINT_BYTES)?;
        if n_endpoints > limits.endpoints {
            return Err(Error::limit("endpoints of a proxy", n_endpoints, limits.endpoints));
        }
        let mut endpoints = Vec::with_capacity(n_endpoints);
        for _ in 0..n_endpoints {
            endpoints.push(Endpoint::decode(reader)?);
        }
        let adapter_id = if endpoints.is_empty() { reader.string()?.into() } else { String::new() };
        Ok(Some(Self {
            identity,
            facet,
            mode,
            secure,
            protocol,
            encoding: version,
            endpoints,
            adapter_id,
        }))
    }

    /// Writes a proxy, or the proxy of no object.
    ///
    /// # Errors
    /// `Limit` for texts of 2 GiB.
    pub fn encode(proxy: Option<&Self>, encoding: Encoding, writer: &mut Writer) -> Result<()> {
        let Some(proxy) = proxy else {
            return Identity::default().encode(writer);
        };
        proxy.identity.encode(writer)?;
        encode_facet(&proxy.facet, writer)?;
        writer.u8(proxy.mode.byte());
        writer.bool(proxy.secure);
        if encoding == Encoding::V1_1 {
            for version in [proxy.protocol, proxy.encoding] {
                writer.raw(&[version.major, version.minor]);
            }
        }
        writer.size(proxy.endpoints.len())?;
        for endpoint in &proxy.endpoints {
            endpoint.encode(encoding.version(), writer)?;
        }
        if proxy.endpoints.is_empty() { writer.string(&proxy.adapter_id) } else { Ok(()) }
    }
}

/// A facet: a sequence of no text or of one.
pub(crate) fn decode_facet(reader: &mut Reader) -> Result<String> {
    match reader.count("facet", 1)? {
        0 => Ok(String::new()),
        1 => Ok(reader.string()?.into()),
        n => Err(Error::Frame(format!("an object has one facet at most, this one has {n}"))),
    }
}

pub(crate) fn encode_facet(facet: &str, writer: &mut Writer) -> Result<()> {
    if facet.is_empty() {
        return writer.size(0);
    }
    writer.size(1)?;
    writer.string(facet)
}
