//! Identities in words: `category/name`.

use std::{fmt, str::FromStr};

use super::{
    escape::{escaped, unescaped},
    wrong,
};
use crate::{Error, Result, wire::Identity};

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &str| escaped(text).replace('/', "\\/");
        if !self.category.is_empty() {
            write!(f, "{}/", part(&self.category))?;
        }
        f.write_str(&part(&self.name))
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |problem: &str| wrong("identity", text, problem);
        // A slash behind a backslash separates nothing.
        let mut slashes = Vec::new();
        let mut bytes = text.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'/' => slashes.push(at),
                _ => {}
            }
        }
        let (category, name) = match slashes[..] {
            [] => ("", text),
            [at] => (&text[..at], &text[at + 1..]),
            _ => return Err(wrong("it has more than one slash that is not behind a backslash")),
        };
        let identity = Self { name: unescaped(name)?, category: unescaped(category)? };
        if identity.name.is_empty() {
            return Err(wrong("it has no name"));
        }
        Ok(identity)
    }
}
