//! Where a server is, as users write it.

use std::{fmt, str::FromStr};

use crate::{
    Error, Result,
    wire::{Endpoint, Transport},
};

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// TCP, where everybody on the way can read passwords.
    Tcp,
    /// TLS over TCP.
    Ssl,
    /// WebSocket over TCP.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Scheme {
    /// The port that OMERO's servers, or the proxies in front of them, have for it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Tcp => 4063,
            Self::Ssl => 4064,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether it is secure.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Ssl | Self::Wss)
    }

    /// Whether messages are in WebSocket.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// What else may be meant when a server does not say that it is there.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Tcp => {
                " (a server that speaks TLS or WebSocket waits for its client to begin: is \
                 ssl:// meant, or ws:// or wss://?)"
            }
            Self::Ssl => " (a server that speaks WebSocket waits for its client: is wss:// meant?)",
            Self::Ws | Self::Wss => " (is its path right?)",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ssl => "ssl",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// Where a server is: `host`, `host:4064`, `ssl://host`, `tcp://host:4063`,
/// `wss://host/omero-wss`; `[::1]:4064` for an address of IPv6. Without a scheme it is `ssl`,
/// and without a port the one that OMERO has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// What carries the connection.
    pub scheme: Scheme,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path of a WebSocket, from its slash on.
    pub path: String,
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |problem: &str| Error::Text {
            what: "address",
            text: text.to_owned(),
            problem: problem.to_owned(),
        };
        let (scheme, rest) = match text.trim().split_once("://") {
            None => (Scheme::Ssl, text.trim()),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "tcp" => (Scheme::Tcp, rest),
                "ssl" => (Scheme::Ssl, rest),
                "ws" => (Scheme::Ws, rest),
                "wss" => (Scheme::Wss, rest),
                _ => return Err(wrong("its scheme is none of ssl, tcp, wss and ws")),
            },
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if path != "/" && !scheme.is_websocket() {
            return Err(wrong("only ws:// and wss:// have a path"));
        }
        if authority.contains('@') {
            return Err(wrong("give the user's name apart from it"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(|| wrong("`]` is missing"))?;
                (host, port.strip_prefix(':').or(if port.is_empty() { None } else { Some(port) }))
            }
            // Several colons are in an address of IPv6.
            None if authority.matches(':').count() > 1 => (authority, None),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(wrong("write it like omero.example, or ssl://omero.example:4064"));
        }
        let port = match port {
            None => scheme.default_port(),
            Some(port) => {
                let port = port.parse().ok().filter(|port| *port != 0);
                port.ok_or_else(|| wrong("a port is a number from 1 to 65535"))?
            }
        };
        Ok(Self { scheme, host: host.to_owned(), port, path: path.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_v6 = self.host.contains(':');
        let (open, close) = if is_v6 { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.scheme.name(), self.host, self.port)?;
        if self.scheme.is_websocket() { f.write_str(&self.path) } else { Ok(()) }
    }
}

impl TryFrom<&Endpoint> for Address {
    type Error = Error;

    /// The address of an endpoint of a proxy.
    fn try_from(endpoint: &Endpoint) -> Result<Self> {
        let wrong = |problem: &str| Error::Text {
            what: "address",
            text: endpoint.to_string(),
            problem: problem.to_owned(),
        };
        let Endpoint::Stream { transport, host, port, .. } = endpoint else {
            return Err(wrong("no stream of bytes leads there"));
        };
        let scheme = match transport {
            Transport::Tcp => Scheme::Tcp,
            Transport::Tls => Scheme::Ssl,
            Transport::WebSocket(_) => Scheme::Ws,
            Transport::SecureWebSocket(_) => Scheme::Wss,
        };
        let port = u16::try_from(*port).ok().filter(|port| *port != 0);
        Ok(Self {
            scheme,
            host: host.clone(),
            port: port.ok_or_else(|| wrong("its port is none"))?,
            path: transport.resource().unwrap_or("/").to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_users_write_them() {
        for (text, expected) in [
            ("omero.example", "ssl://omero.example:4064"),
            ("omero.example:14064", "ssl://omero.example:14064"),
            (" ssl://h ", "ssl://h:4064"),
            ("tcp://h", "tcp://h:4063"),
            ("TCP://10.0.0.1:1", "tcp://10.0.0.1:1"),
            ("ws://h", "ws://h:80/"),
            ("wss://h/omero-wss", "wss://h:443/omero-wss"),
            ("wss://h:4066/a/b", "wss://h:4066/a/b"),
            ("[::1]:4064", "ssl://[::1]:4064"),
            ("::1", "ssl://[::1]:4064"),
            ("tcp://[fe80::1]", "tcp://[fe80::1]:4063"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), expected, "{text}");
            assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, part) in [
            ("", "write it like"),
            ("http://h", "none of ssl"),
            ("h:0", "1 to 65535"),
            ("h:omero", "1 to 65535"),
            ("h:70000", "1 to 65535"),
            ("ssl://h/path", "only ws://"),
            ("root@h", "apart"),
            ("[::1", "`]` is missing"),
            ("two words", "write it like"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn endpoints_have_addresses() {
        let proxy: crate::wire::Proxy = "x:wss -h h -p 443 -r /r:udp -h h -p 1".parse().unwrap();
        let address = Address::try_from(&proxy.endpoints[0]).unwrap();
        assert_eq!(address.to_string(), "wss://h:443/r");
        assert!(Address::try_from(&proxy.endpoints[1]).is_err());
    }
}
