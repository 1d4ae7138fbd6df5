//! Proxies, identities and endpoints in words, as Ice's settings and logs have them:
//! `category/name -f facet -o -s -e 1.1 @ adapter`, or with `:tcp -h host -p port` in place of
//! the adapter.

use std::{fmt, str::FromStr};

use bytes::Bytes;

use super::{Encoding, Endpoint, Identity, Proxy, ProxyMode, Transport, Version};
use crate::{Error, Result};

/// What a connection waits for when nothing is said, in milliseconds.
const DEFAULT_TIMEOUT: i32 = 60_000;

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.category.is_empty() {
            write!(f, "{}/", escaped(&self.category))?;
        }
        f.write_str(&escaped(&self.name))
    }
}

/// A part of an identity: slashes and backslashes, and what does not print, behind backslashes.
fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for letter in part.chars() {
        match letter {
            '/' | '\\' => text.extend(['\\', letter]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if letter.is_ascii_control() => text.push_str(&format!("\\{:03o}", letter as u32)),
            _ => text.push(letter),
        }
    }
    text
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |problem: &str| wrong("identity", text, problem);
        let mut parts = vec![Vec::new()];
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let part = parts.last_mut().ok_or_else(|| wrong("it is empty"))?;
            match byte {
                b'/' => parts.push(Vec::new()),
                b'\\' => match bytes.next().ok_or_else(|| wrong("nothing is behind a backslash"))? {
                    b'n' => part.push(b'\n'),
                    b'r' => part.push(b'\r'),
                    b't' => part.push(b'\t'),
                    b'b' => part.push(8),
                    b'f' => part.push(12),
                    digit @ b'0'..=b'7' => {
                        let mut number = u32::from(digit - b'0');
                        for _ in 0..2 {
                            let Some(digit) = bytes.next_if(|byte| matches!(byte, b'0'..=b'7')) else {
                                break;
                            };
                            number = number * 8 + u32::from(digit - b'0');
                        }
                        let byte = u8::try_from(number).map_err(|_| wrong("an octal number is above 377"))?;
                        part.push(byte);
                    }
                    other => part.push(other),
                },
                other => part.push(other),
            }
        }
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"));
        let mut parts = parts.into_iter().map(text_of).collect::<Result<Vec<_>>>()?;
        let (name, category) = match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(name), category, None) => (name, category.unwrap_or_default()),
            _ => return Err(wrong("it has more than one slash that is not behind a backslash")),
        };
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        Ok(Self { name, category })
    }
}

/// A word, in quotes where it would be taken for several, or for something else.
fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty()
        && !word.starts_with('-')
        && !word.contains(|letter: char| " \t\r\n:@\"'".contains(letter));
    if is_plain { word.to_owned() } else { format!("\"{}\"", word.replace('"', "\\\"")) }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.');
        let parts = parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { transport, host, port, timeout, compress } => {
                write!(f, "{} -h {} -p {port}", transport.name(), quoted(host))?;
                match timeout {
                    -1 => f.write_str(" -t infinite")?,
                    _ => write!(f, " -t {timeout}")?,
                }
                if *compress {
                    f.write_str(" -z")?;
                }
                match transport.resource() {
                    Some(resource) if !resource.is_empty() => write!(f, " -r {}", quoted(resource)),
                    _ => Ok(()),
                }
            }
            Self::Udp { host, port, compress, .. } => {
                write!(f, "udp -h {} -p {port}", quoted(host))?;
                if *compress { f.write_str(" -z") } else { Ok(()) }
            }
            Self::Opaque { kind, version, data } => {
                write!(f, "opaque -t {kind} -e {}.{} -v {}", version.0, version.1, base64(data))
            }
        }
    }
}

impl FromStr for Proxy {
    type Err = Error;

    /// Reads a proxy in words.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |problem: String| wrong("proxy", text, problem);
        let mut words = words(text).map_err(wrong)?.into_iter().peekable();
        let Some(Word::Text(identity)) = words.next() else {
            return Err(wrong("it has no identity".to_owned()));
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
                    proxy.endpoints.push(endpoint(part).map_err(wrong)?);
                }
                Word::At => match (words.next(), words.peek()) {
                    (Some(Word::Text(adapter)), None) if proxy.endpoints.is_empty() => {
                        proxy.adapter_id = unescaped(&adapter)?;
                    }
                    _ => return Err(wrong("the name of one adapter comes behind @".to_owned())),
                },
                Word::Text(word) => return Err(wrong(format!("`{word}` is no option"))),
            }
        }
        Ok(proxy)
    }
}

/// A facet or an adapter in words: as a part of an identity.
fn unescaped(text: &str) -> Result<String> {
    Ok(text.parse::<Identity>()?.name)
}

/// Words of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Option(char),
    Colon,
    At,
}

fn words(text: &str) -> std::result::Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter.is_whitespace() => {}
            ':' => words.push(Word::Colon),
            '@' => words.push(Word::At),
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    match letters.next().ok_or("a quote is not closed")? {
                        letter if letter == quote => break,
                        '\\' if letters.peek() == Some(&quote) => word.extend(letters.next()),
                        letter => word.push(letter),
                    }
                }
                words.push(Word::Text(word));
            }
            letter => {
                let mut word = String::from(letter);
                let is_inside = |letter: &char| !letter.is_whitespace() && !matches!(letter, ':' | '@');
                while let Some(letter) = letters.next_if(is_inside) {
                    word.push(letter);
                }
                let mut option = word.strip_prefix('-').unwrap_or_default().chars();
                match (option.next(), option.next()) {
                    (Some(option), None) if option.is_ascii_alphabetic() => {
                        words.push(Word::Option(option));
                    }
                    _ => words.push(Word::Text(word)),
                }
            }
        }
    }
    Ok(words)
}

fn endpoint(words: Vec<Word>) -> std::result::Result<Endpoint, String> {
    let mut words = words.into_iter().peekable();
    let Some(Word::Text(kind)) = words.next() else {
        return Err("an endpoint begins with tcp, ssl, udp, ws, wss or opaque".to_owned());
    };
    let mut options: Vec<(char, Option<String>)> = Vec::new();
    while let Some(word) = words.next() {
        let Word::Option(option) = word else {
            return Err(format!("`{word:?}` is no option of an endpoint"));
        };
        let value = words.next_if(|word| matches!(word, Word::Text(_)));
        let value = value.and_then(|word| if let Word::Text(text) = word { Some(text) } else { None });
        options.push((option, value));
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
        let kind = i16::try_from(number('t', -1)?).ok().filter(|kind| *kind >= 0);
        return Ok(Endpoint::Opaque {
            kind: kind.ok_or("an opaque endpoint has its type behind -t")?,
            version: (version.major, version.minor),
            data: from_base64(&data).ok_or("the data of an opaque endpoint are no base64")?,
        });
    }
    let host = value('h').unwrap_or_default();
    let port = number('p', 0)?;
    if !(0..=65_535).contains(&port) {
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
    let resource = value('r').unwrap_or_else(|| "/".to_owned());
    let transport = match kind.as_str() {
        "tcp" => Transport::Tcp,
        "ssl" => Transport::Tls,
        "ws" => Transport::WebSocket(resource),
        _ => Transport::SecureWebSocket(resource),
    };
    Ok(Endpoint::Stream { transport, host, port, timeout, compress })
}

fn wrong(what: &'static str, text: &str, problem: impl Into<String>) -> Error {
    Error::Text { what, text: text.to_owned(), problem: problem.into() }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn from_base64(text: &str) -> Option<Bytes> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn proxies_as_people_write_them() {
        for (text, expected) in [
            ("BlitzManager", "BlitzManager -t -e 1.1"),
            ("OMERO.Glacier2/router:ssl -p 4064 -h omero.example", "OMERO.Glacier2/router -t -e 1.1:ssl -h omero.example -p 4064 -t 60000"),
            ("a -o -s -e 1.0 @ Adapter", "a -o -s -e 1.0 @ Adapter"),
            ("ca\\/t/na\\/me -f 'a b' :tcp -h ::1 -p 1", ""),
            ("x:ws -h h -p 80 -r /omero-ws -z -t infinite", "x -t -e 1.1:ws -h h -p 80 -t infinite -z -r /omero-ws"),
            ("x:opaque -t 99 -e 1.0 -v AQIDBA==", "x -t -e 1.1:opaque -t 99 -e 1.0 -v AQIDBA=="),
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
            ("\"a", "not closed"),
        ] {
            let error = text.parse::<Proxy>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn identities_come_back(name in "\\PC{1,12}", category in "\\PC{0,12}") {
            let identity = Identity { name, category };
            prop_assert_eq!(identity.to_string().parse::<Identity>().unwrap(), identity);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(proxy) = text.parse::<Proxy>() {
                prop_assert_eq!(proxy.to_string().parse::<Proxy>().unwrap(), proxy);
            }
        }
    }
}
