//! Proxies in words, as Ice's settings and logs have them:
//! `category/name -f facet -o -s -e 1.1 @ adapter`, or with `:tcp -h host -p port` in place of
//! the adapter.

mod endpoint;
mod escape;
mod identity;
mod words;

use std::{fmt, str::FromStr};

use self::{
    escape::{escaped, quoted, unescaped},
    words::{Word, WordResult, words},
};
use super::{Proxy, ProxyMode, Version};
use crate::{Error, Result};

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.');
        let parts =
            parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let (major, minor) = parts.ok_or_else(|| wrong("version", text, "write it like 1.0"))?;
        Ok(Self { major, minor })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.identity.to_string()))?;
        if !self.facet.is_empty() {
            write!(f, " -f {}", quoted(&escaped(&self.facet)))?;
        }
        f.write_str(match self.mode {
            ProxyMode::Twoway => " -t",
            ProxyMode::Oneway => " -o",
            ProxyMode::BatchOneway => " -O",
            ProxyMode::Datagram => " -d",
            ProxyMode::BatchDatagram => " -D",
        })?;
        if self.secure {
            f.write_str(" -s")?;
        }
        if self.protocol != Version::default() {
            write!(f, " -p {}", self.protocol)?;
        }
        write!(f, " -e {}", self.encoding)?;
        for endpoint in &self.endpoints {
            write!(f, ":{endpoint}")?;
        }
        match self.adapter_id.is_empty() || !self.endpoints.is_empty() {
            true => Ok(()),
            false => write!(f, " @ {}", quoted(&escaped(&self.adapter_id))),
        }
    }
}

impl FromStr for Proxy {
    type Err = Error;

    /// Reads a proxy in words.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |problem: String| wrong("proxy", text, problem);
        let mut words = words(text).map_err(wrong)?.into_iter().peekable();
        let identity = match words.next() {
            Some(Word::Text(identity)) => identity,
            // Nothing else comes first, so that it needs no quotes.
            Some(Word::Option(letter)) => format!("-{letter}"),
            Some(Word::Long(name)) => format!("--{name}"),
            _ => return Err(wrong("it has no identity".to_owned())),
        };
        let mut proxy = Self::new(identity.parse()?);
        while let Some(word) = words.next() {
            match word {
                Word::Option(option) => {
                    let mut value = || match words.next() {
                        Some(Word::Text(value)) => Ok(value),
                        _ => Err(wrong(format!("option -{option} has no value"))),
                    };
                    match option {
                        'f' => proxy.facet = unescaped(&value()?)?,
                        't' => proxy.mode = ProxyMode::Twoway,
                        'o' => proxy.mode = ProxyMode::Oneway,
                        'O' => proxy.mode = ProxyMode::BatchOneway,
                        'd' => proxy.mode = ProxyMode::Datagram,
                        'D' => proxy.mode = ProxyMode::BatchDatagram,
                        's' => proxy.secure = true,
                        'e' => proxy.encoding = value()?.parse()?,
                        'p' => proxy.protocol = value()?.parse()?,
                        _ => return Err(wrong(format!("there is no option -{option}"))),
                    }
                }
                Word::Colon => {
                    let mut part = Vec::new();
                    while let Some(word) = words.next_if(|word| !matches!(word, Word::Colon)) {
                        part.push(word);
                    }
                    proxy.endpoints.push(endpoint::endpoint(part).map_err(wrong)?);
                }
                Word::At => match (words.next(), words.peek()) {
                    (Some(Word::Text(adapter)), None) if proxy.endpoints.is_empty() => {
                        proxy.adapter_id = unescaped(&adapter)?;
                    }
                    _ => return Err(wrong("the name of one adapter comes behind @".to_owned())),
                },
                Word::Long(name) => return Err(wrong(format!("there is no option --{name}"))),
                Word::Text(word) => return Err(wrong(format!("`{word}` is no option"))),
            }
        }
        Ok(proxy)
    }
}

fn wrong(what: &'static str, text: &str, problem: impl Into<String>) -> Error {
    Error::Text { what, text: text.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{Endpoint, Identity, Transport};

    #[test]
    fn proxies_as_people_write_them() {
        for (text, expected) in [
            ("BlitzManager", "BlitzManager -t -e 1.1"),
            (
                "OMERO.Glacier2/router:ssl -p 4064 -h omero.example",
                "OMERO.Glacier2/router -t -e 1.1:ssl -h omero.example -p 4064 -t 60000",
            ),
            ("a -o -s -e 1.0 @ Adapter", "a -o -s -e 1.0 @ Adapter"),
            ("ca\\/t/na\\/me -f 'a b' :tcp -h ::1 -p 1", ""),
            (
                "x:ws -h h -p 80 -r /omero-ws -z -t infinite",
                "x -t -e 1.1:ws -h h -p 80 -t infinite -z -r /omero-ws",
            ),
            ("x:opaque -t 99 -e 1.0 -v AQIDBA==", "x -t -e 1.1:opaque -t 99 -e 1.0 -v AQIDBA=="),
            // What the official runtime makes of these is the same.
            ("x:opaque -t 1 -e 1.0 -v AWgBAAAAYOoAAAA=", "x -t -e 1.1:tcp -h h -p 1 -t 60000"),
            ("x:default -h h -p 1", "x -t -e 1.1:tcp -h h -p 1 -t 60000"),
            ("-x -t -e 1.1", "\"-x\" -t -e 1.1"),
            ("--xy", "\"--xy\" -t -e 1.1"),
            // Of this machine alone: it is not sent.
            ("x:tcp -h h -p 1 --sourceAddress 127.0.0.1 -t 5", "x -t -e 1.1:tcp -h h -p 1 -t 5"),
            (
                "x -d:udp -h 239.1.1.1 -p 3 --interface eth0 --ttl 3",
                "x -d -e 1.1:udp -h 239.1.1.1 -p 3",
            ),
        ] {
            match text.parse::<Proxy>() {
                Ok(proxy) => assert_eq!(proxy.to_string(), expected, "{text}"),
                Err(error) => assert_eq!(expected, "", "{text}: {error}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, part) in [
            ("", "no identity"),
            ("a/b/c", "more than one slash"),
            ("a -q", "no option -q"),
            ("a -e", "has no value"),
            ("a -e one", "like 1.0"),
            ("a:tpc -h x", "no endpoint `tpc`"),
            ("a:tcp -p 70000", "no port 70000"),
            ("a @", "one adapter"),
            ("a --ttl 3", "no option --ttl"),
            ("a:tcp -h x --ttl 3", "`tcp` has no option --ttl"),
            ("a:udp -h x --ttl many", "`many` of option --ttl"),
            ("a:udp -h x --interface", "--interface has no value"),
            ("a:opaque -v AAAA", "type behind -t"),
            ("\"a", "not closed"),
        ] {
            let error = text.parse::<Proxy>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_slash_of_a_facet_or_adapter_is_kept() {
        let proxy: Proxy = "a -f b/c @ d/e".parse().unwrap();
        assert_eq!((&*proxy.facet, &*proxy.adapter_id), ("b/c", "d/e"));
    }

    fn version() -> impl Strategy<Value = Version> {
        (any::<u8>(), any::<u8>()).prop_map(|(major, minor)| Version { major, minor })
    }

    fn endpoint() -> impl Strategy<Value = Endpoint> {
        // What came by the wire may be no port at all.
        let port = || prop_oneof![0..65_536, any::<i32>()];
        let stream = (0..4, any::<String>(), port(), any::<i32>(), any::<bool>(), any::<String>());
        let stream = stream.prop_map(|(kind, host, port, timeout, compress, resource)| {
            let transport = match kind {
                0 => Transport::Tcp,
                1 => Transport::Tls,
                2 => Transport::WebSocket(resource),
                _ => Transport::SecureWebSocket(resource),
            };
            Endpoint::Stream { transport, host, port, timeout, compress }
        });
        let udp = (any::<String>(), port(), any::<bool>());
        let udp = udp.prop_map(|(host, port, compress)| Endpoint::Udp {
            host,
            port,
            versions: None,
            compress,
        });
        let kind = prop_oneof![i16::MIN..1, 6..i16::MAX];
        let opaque = (kind, version(), any::<Vec<u8>>()).prop_map(|(kind, version, data)| {
            let (data, version) = (data.into(), (version.major, version.minor));
            Endpoint::Opaque { kind, version, data }
        });
        prop_oneof![stream, udp, opaque]
    }

    prop_compose! {
        fn identity()(name in ".{1,12}", category in ".{0,12}") -> Identity {
            Identity { name, category }
        }
    }

    prop_compose! {
        fn proxy()(
            identity in identity(),
            facet in ".{0,8}",
            mode in prop::sample::select(&[
                ProxyMode::Twoway,
                ProxyMode::Oneway,
                ProxyMode::BatchOneway,
                ProxyMode::Datagram,
                ProxyMode::BatchDatagram,
            ][..]),
            secure in any::<bool>(),
            protocol in version(),
            encoding in version(),
            endpoints in prop::collection::vec(endpoint(), 0..3),
            adapter in ".{0,8}",
        ) -> Proxy {
            let adapter_id = if endpoints.is_empty() { adapter } else { String::new() };
            Proxy { identity, facet, mode, secure, protocol, encoding, endpoints, adapter_id }
        }
    }

    proptest! {
        #[test]
        fn identities_come_back(identity in identity()) {
            prop_assert_eq!(identity.to_string().parse::<Identity>().unwrap(), identity);
        }

        #[test]
        fn endpoints_come_back(endpoint in endpoint()) {
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
        }

        #[test]
        fn proxies_come_back(proxy in proxy()) {
            prop_assert_eq!(proxy.to_string().parse::<Proxy>().unwrap(), proxy);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\\t\\n\u{a0}é]{0,40}|[a-c]( -[a-z]| [:@\"'/\\\\] ?[a-z]{0,4}){0,8}") {
            if let Ok(proxy) = text.parse::<Proxy>() {
                prop_assert_eq!(proxy.to_string().parse::<Proxy>().unwrap(), proxy);
            }
        }
    }
}
