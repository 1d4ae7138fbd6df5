//! Endpoints in words: `ssl -h omero.example -p 4064 -t 60000`.

use std::{fmt, str::FromStr};

use bytes::Bytes;

use super::{
    Word, WordResult,
    escape::{escaped, quoted, unescaped},
    words, wrong,
};
use crate::{
    Error, Result,
    wire::{Encoding, Endpoint, Reader, Transport, Version, Writer},
};

/// What a connection waits for when nothing is said, in milliseconds.
const DEFAULT_TIMEOUT: i32 = 60_000;

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { port, .. } | Self::Udp { port, .. } if !is_port(*port) => {
                // Words have no such port; as bytes it is the same endpoint.
                opaque(self).map_err(|_| fmt::Error)?.fmt(f)
            }
            Self::Stream { transport, host, port, timeout, compress } => {
                write!(f, "{} -h {} -p {port}", transport.name(), quoted(&escaped(host)))?;
                match timeout {
                    -1 => f.write_str(" -t infinite")?,
                    _ => write!(f, " -t {timeout}")?,
                }
                if *compress {
                    f.write_str(" -z")?;
                }
                match transport.resource() {
                    Some(resource) => write!(f, " -r {}", quoted(&escaped(resource))),
                    None => Ok(()),
                }
            }
            Self::Udp { host, port, compress, .. } => {
                write!(f, "udp -h {} -p {port}", quoted(&escaped(host)))?;
                if *compress { f.write_str(" -z") } else { Ok(()) }
            }
            Self::Opaque { kind, version, data } => {
                write!(
                    f,
                    "opaque -t {kind} -e {}.{} -v {}",
                    version.0,
                    version.1,
                    quoted(&base64(data))
                )
            }
        }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Reads an endpoint in words.
    fn from_str(text: &str) -> Result<Self> {
        let found = words(text).and_then(endpoint);
        found.map_err(|problem| wrong("endpoint", text, problem))
    }
}

fn is_port(port: i32) -> bool {
    (0..=65_535).contains(&port)
}

/// An endpoint as one of a kind that is not known.
fn opaque(endpoint: &Endpoint) -> Result<Endpoint> {
    let (kind, version) = match endpoint {
        Endpoint::Opaque { .. } => return Ok(endpoint.clone()),
        // Encoding 1.0 says more of it.
        Endpoint::Udp { versions: None, .. } => (endpoint.kind(), (1, 1)),
        _ => (endpoint.kind(), (1, 0)),
    };
    let mut writer = Writer::new();
    endpoint.encode(version, &mut writer)?;
    // Behind its kind, its size and the version.
    let data = Bytes::from(writer.into_bytes()).slice(8..);
    Ok(Endpoint::Opaque { kind, version, data })
}

/// An endpoint as what it is, if it is of a kind that is known.
fn known(endpoint: &Endpoint) -> Result<Endpoint> {
    let mut writer = Writer::new();
    endpoint.encode((1, 0), &mut writer)?;
    Endpoint::decode(&mut Reader::new(writer.into_bytes().into()))
}

/// An option of this machine alone, which is not sent with an endpoint: which of its addresses or
/// networks is used, and how far datagrams go.
fn local(kind: &str, name: &str, value: Option<String>) -> WordResult<()> {
    let is_allowed = match name {
        "sourceAddress" => matches!(kind, "tcp" | "ssl" | "ws" | "wss"),
        "interface" | "ttl" => kind == "udp",
        _ => false,
    };
    if !is_allowed {
        return Err(format!("an endpoint `{kind}` has no option --{name}"));
    }
    match value {
        None => Err(format!("option --{name} has no value")),
        Some(value) if name == "ttl" && value.parse::<u8>().is_err() => {
            Err(format!("`{value}` of option --ttl is no number up to 255"))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn endpoint(words: Vec<Word>) -> WordResult<Endpoint> {
    let mut words = words.into_iter().peekable();
    let Some(Word::Text(kind)) = words.next() else {
        return Err("an endpoint begins with tcp, ssl, udp, ws, wss or opaque".to_owned());
    };
    let kind = if kind == "default" { "tcp".to_owned() } else { kind };
    let mut options: Vec<(char, Option<String>)> = Vec::new();
    while let Some(option) = words.next() {
        let value = words.next_if(|word| matches!(word, Word::Text(_)));
        let value =
            value.and_then(|word| if let Word::Text(text) = word { Some(text) } else { None });
        match option {
            Word::Option(option) => options.push((option, value)),
            Word::Long(name) => local(&kind, &name, value)?,
            word => return Err(format!("`{word:?}` is no option of an endpoint")),
        }
    }
    let allowed = match kind.as_str() {
        "tcp" | "ssl" => "hptz",
        "ws" | "wss" => "hptzr",
        "udp" => "hpz",
        "opaque" => "tev",
        _ => return Err(format!("there is no endpoint `{kind}`")),
    };
    if let Some((option, _)) = options.iter().find(|(option, _)| !allowed.contains(*option)) {
        return Err(format!("an endpoint `{kind}` has no option -{option}"));
    }
    let value = |wanted: char| {
        let found = options.iter().find(|(option, _)| *option == wanted);
        found.and_then(|(_, value)| value.clone())
    };
    let text = |wanted: char| match value(wanted) {
        None => Ok(None),
        Some(text) => unescaped(&text).map(Some).map_err(|error| error.to_string()),
    };
    let number = |wanted: char, otherwise: i32| match value(wanted) {
        None => Ok(otherwise),
        Some(text) => {
            text.parse::<i32>().map_err(|_| format!("`{text}` of option -{wanted} is no number"))
        }
    };
    if kind == "opaque" {
        let version: Version = match value('e') {
            Some(text) => text.parse().map_err(|error: Error| error.to_string())?,
            None => Encoding::V1_0.into(),
        };
        let data = value('v').ok_or("an opaque endpoint has its data behind -v")?;
        let kind = value('t').and_then(|kind| kind.parse().ok());
        let opaque = Endpoint::Opaque {
            kind: kind.ok_or("an opaque endpoint has its type behind -t")?,
            version: (version.major, version.minor),
            data: from_base64(&data).ok_or("the data of an opaque endpoint are no base64")?,
        };
        return known(&opaque).map_err(|error| error.to_string());
    }
    let host = text('h')?.unwrap_or_default();
    let port = number('p', 0)?;
    if !is_port(port) {
        return Err(format!("there is no port {port}"));
    }
    let compress = options.iter().any(|(option, _)| *option == 'z');
    if kind == "udp" {
        return Ok(Endpoint::Udp { host, port, versions: None, compress });
    }
    let timeout = match value('t').as_deref() {
        Some("infinite") => -1,
        _ => number('t', DEFAULT_TIMEOUT)?,
    };
    let resource = text('r')?.unwrap_or_else(|| "/".to_owned());
    let transport = match kind.as_str() {
        "tcp" => Transport::Tcp,
        "ssl" => Transport::Tls,
        "ws" => Transport::WebSocket(resource),
        _ => Transport::SecureWebSocket(resource),
    };
    Ok(Endpoint::Stream { transport, host, port, timeout, compress })
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn from_base64(text: &str) -> Option<Bytes> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok().map(Bytes::from)
}
