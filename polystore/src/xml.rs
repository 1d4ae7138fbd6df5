//! A streaming XML reader for metadata files: no DTD, no entities, a bounded depth.
//!
//! Vendors' XML is plain. What is refused here is what attacks are made of: document type
//! definitions (and so external and nested entities), and nesting without end. Memory is
//! bounded by the text itself, whose length the caller has limited.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesRef, BytesStart, Event},
};

use crate::{Error, Result};

/// Deepest nesting of elements that is read.
const MAX_DEPTH: usize = 64;

/// What comes next in a document.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// An element begins; `<a/>` is a beginning and an end.
    Open(Element<'a>),
    /// Text of the element that is open; one text may come in several pieces.
    Text(Cow<'a, str>),
    /// The innermost open element ends.
    Close,
    /// The document has ended, with every element closed.
    End,
}

/// A start tag.
#[derive(Debug)]
pub(crate) struct Element<'a>(BytesStart<'a>);

impl Element<'_> {
    /// The name without a namespace prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.0.name().0)
    }

    /// The value of the attribute called `name`, without regard to its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.attributes().find(|(key, _)| *key == name).map(|(_, value)| value.into_owned())
    }

    /// Names (without prefix) and values of all attributes; malformed ones are left out.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        // The checks look for doubled names, in time that grows with the square.
        let mut attributes = self.0.attributes();
        attributes.with_checks(false);
        attributes.filter_map(|attribute| {
            let attribute = attribute.ok()?;
            let value = match attribute.value {
                Cow::Borrowed(raw) => unescape(raw).ok()?,
                Cow::Owned(raw) => Cow::Owned(unescape(&raw).ok()?.into_owned()),
            };
            Some((local(attribute.key.0), value))
        })
    }

    /// The value of an attribute as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads a document from beginning to end.
pub(crate) struct XmlReader<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    file: &'a str,
    depth: usize,
    root_seen: bool,
}

impl<'a> XmlReader<'a> {
    /// A reader of `text`; errors name `file`.
    pub(crate) fn new(text: &'a str, file: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, text, file, depth: 0, root_seen: false }
    }

    /// The next part of the document; comments and processing instructions are passed over.
    ///
    /// # Errors
    /// `InvalidData` with the line: malformed XML, a DTD or an entity, too deep a nesting,
    /// a document that ends early.
    pub(crate) fn next(&mut self) -> Result<Node<'a>> {
        loop {
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    return Err(self.error("is not well-formed XML").with_source(error));
                }
            };
            match event {
                Event::Start(start) => return self.open(start),
                Event::Empty(_) => return Err(self.error("has an element that was not expanded")),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Node::Close);
                }
                Event::Text(text) => return Ok(Node::Text(text.into_inner())),
                Event::CData(text) => return Ok(Node::Text(text.into_inner())),
                Event::GeneralRef(reference) => return self.resolve(&reference).map(Node::Text),
                Event::DocType(_) => {
                    return Err(self
                        .error("has a document type definition, which is not read")
                        .with_hint("remove the <!DOCTYPE ...> line"));
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => return self.end(),
            }
        }
    }

    fn open(&mut self, start: BytesStart<'a>) -> Result<Node<'a>> {
        self.root_seen = true;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(&format!("nests elements deeper than {MAX_DEPTH}")));
        }
        Ok(Node::Open(Element(start)))
    }

    fn end(&self) -> Result<Node<'a>> {
        match (self.depth, self.root_seen) {
            (0, true) => Ok(Node::End),
            (0, false) => Err(self.error("holds no XML element")),
            _ => Err(self
                .error("ends before its elements are closed")
                .with_hint("the file was cut short; copy it again")),
        }
    }

    fn resolve(&self, reference: &BytesRef<'_>) -> Result<Cow<'a, str>> {
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            return Ok(Cow::Owned(character.to_string()));
        }
        let known = match &**reference {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            other => {
                return Err(self.error(&format!("uses the entity `&{other};`, which is not read")));
            }
        };
        Ok(Cow::Borrowed(known))
    }

    /// Passes over the rest of the innermost open element and returns its text, the text of
    /// elements inside it included, with white space trimmed.
    pub(crate) fn text(&mut self) -> Result<String> {
        let mut text = String::new();
        self.text_into(&mut text)?;
        Ok(text)
    }

    /// As [`XmlReader::text`], into a text that is used again.
    pub(crate) fn text_into(&mut self, text: &mut String) -> Result<()> {
        let depth = self.depth;
        text.clear();
        while self.depth >= depth {
            match self.next()? {
                Node::Text(piece) => text.push_str(&piece),
                Node::End => break,
                Node::Open(_) | Node::Close => {}
            }
        }
        text.truncate(text.trim_end().len());
        let blank = text.len() - text.trim_start().len();
        text.drain(..blank);
        Ok(())
    }

    /// Passes over the rest of the innermost open element.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let depth = self.depth;
        while self.depth >= depth {
            if matches!(self.next()?, Node::End) {
                break;
            }
        }
        Ok(())
    }

    /// The root element, which must be called `name`.
    ///
    /// # Errors
    /// `InvalidData` as [`XmlReader::next`], or when the root has another name.
    pub(crate) fn root(&mut self, name: &str) -> Result<Element<'a>> {
        loop {
            match self.next()? {
                Node::Open(element) if element.name() == name => return Ok(element),
                Node::Open(element) => {
                    let found = element.name().to_owned();
                    return Err(self.error(&format!("begins with <{found}>, not <{name}>")));
                }
                Node::Text(_) | Node::Close => {}
                Node::End => return Err(self.error("holds no XML element")),
            }
        }
    }

    /// An error about the place that was read last.
    pub(crate) fn error(&self, message: &str) -> Error {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let before = &self.text.as_bytes()[..position.min(self.text.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::invalid_data(format!("{message} (line {line})")).with_path(self.file)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn walk(text: &str) -> Result<Vec<String>> {
        let mut reader = XmlReader::new(text, "a.xml");
        let mut seen = Vec::new();
        loop {
            match reader.next()? {
                Node::Open(element) => {
                    let attributes: String = element
                        .attributes()
                        .map(|(key, value)| format!(" {key}={value}"))
                        .collect();
                    seen.push(format!("{}{attributes}", element.name()));
                }
                Node::Text(text) => seen.push(format!("'{text}'")),
                Node::Close => seen.push("/".to_owned()),
                Node::End => return Ok(seen),
            }
        }
    }

    #[test]
    fn prefixes_references_and_empty_elements() {
        let text =
            "<?xml version='1.0'?><x:a x:k='1 &lt; 2'><!-- c --><b/>&#181;m<![CDATA[<]]></x:a>";
        assert_eq!(walk(text).unwrap(), ["a k=1 < 2", "b", "/", "'µ'", "'m'", "'<'", "/"]);
    }

    #[test]
    fn attacks_and_damage_are_refused_with_the_line() {
        let deep = "<a>".repeat(200);
        for (text, expected) in [
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type definition"),
            ("<a>\n\n&b;</a>", "`&b;`, which is not read (line 3)"),
            (deep.as_str(), "deeper than 64"),
            ("<a><b></a>", "not well-formed"),
            ("<a><b></b>", "ends before"),
            ("", "no XML element"),
            ("text", "no XML element"),
        ] {
            let error = walk(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:.40}: {error}");
        }
    }

    #[test]
    fn text_and_skip_stop_at_their_element() {
        let mut reader = XmlReader::new("<a><b> x <c>y</c></b><d>z</d></a>", "a.xml");
        reader.root("a").unwrap();
        reader.next().unwrap();
        assert_eq!(reader.text().unwrap(), "x y");
        assert!(matches!(reader.next().unwrap(), Node::Open(element) if element.name() == "d"));
        reader.skip().unwrap();
        assert!(matches!(reader.next().unwrap(), Node::Close));
        assert!(matches!(reader.next().unwrap(), Node::End));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[<>/!&;?a-c'\"= \\n\\[\\]-]{0,60}") {
            let _ = walk(&text);
        }
    }
}
