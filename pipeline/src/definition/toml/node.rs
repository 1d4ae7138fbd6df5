//! A TOML document whose every value knows where it stands.

use polystore::suggest;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{Error, Result, definition::Origin};

/// Deepest nesting that is read; a pipeline needs five.
const MAX_DEPTH: usize = 16;

/// The text of a document, and its name in messages.
pub(super) struct Document<'d> {
    pub(super) text: &'d str,
    pub(super) origin: &'d str,
}

impl<'d> Document<'d> {
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'d>>> {
        let root = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            Error::pipeline(self.place(at), format!("not TOML: {}", error.message().trim()))
        })?;
        Ok(root)
    }

    /// `file:line:column` of a byte of the text, both from 1.
    fn place(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        Origin(format!("{}:{line}:{column}", self.origin))
    }
}

/// A value and its place.
#[derive(Clone, Copy)]
pub(super) struct Node<'d> {
    document: &'d Document<'d>,
    at: usize,
    depth: usize,
    content: Content<'d>,
}

#[derive(Clone, Copy)]
enum Content<'d> {
    Root(&'d DeTable<'d>),
    Value(&'d DeValue<'d>),
}

impl<'d> Node<'d> {
    pub(super) fn root(document: &'d Document<'d>, root: &'d Spanned<DeTable<'d>>) -> Self {
        Self { document, at: 0, depth: 0, content: Content::Root(root.get_ref()) }
    }

    fn value(&self, value: &'d Spanned<DeValue<'d>>) -> Self {
        Self {
            document: self.document,
            at: value.span().start,
            depth: self.depth + 1,
            content: Content::Value(value.get_ref()),
        }
    }

    /// Where it stands.
    pub(super) fn origin(&self) -> Origin {
        self.document.place(self.at)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::pipeline(self.origin(), message)
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = match self.content {
            Content::Root(_) => "the document".to_owned(),
            Content::Value(DeValue::String(text)) => format!("the text \"{text}\""),
            Content::Value(DeValue::Integer(number)) => format!("the number {number}"),
            Content::Value(DeValue::Float(number)) => format!("the number {number}"),
            Content::Value(DeValue::Boolean(value)) => value.to_string(),
            Content::Value(DeValue::Datetime(_)) => "a date".to_owned(),
            Content::Value(DeValue::Array(_)) => "a list".to_owned(),
            Content::Value(DeValue::Table(_)) => "a table".to_owned(),
        };
        self.error(format!("expected {expected}, found {found}"))
    }

    pub(super) fn as_text(&self) -> Option<&'d str> {
        match self.content {
            Content::Value(DeValue::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Result<&'d str> {
        self.text_or("text in quotes")
    }

    /// Text; `expected` says what would be fine too.
    pub(super) fn text_or(&self, expected: &str) -> Result<&'d str> {
        self.as_text().ok_or_else(|| self.unexpected(expected))
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self.content {
            Content::Value(DeValue::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    /// A whole number that fits 64 bits.
    pub(super) fn integer(&self) -> Option<i64> {
        match self.content {
            Content::Value(DeValue::Integer(number)) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok()
            }
            _ => None,
        }
    }

    pub(super) fn float(&self) -> Option<f64> {
        match self.content {
            Content::Value(DeValue::Float(number)) => number.as_str().parse().ok(),
            _ => None,
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let message = format!("cannot be \"{text}\": it is one of {}", words.join(", "));
            self.error(message).with_hint(suggest::hint(text, &words))
        })
    }

    pub(super) fn list(&self) -> Result<Vec<Self>> {
        match self.content {
            Content::Value(DeValue::Array(items)) => {
                Ok(items.iter().map(|item| self.value(item)).collect())
            }
            _ => Err(self.unexpected("a list")),
        }
    }

    /// The items of a list, or the value itself.
    pub(super) fn one_or_many(&self) -> Vec<Self> {
        self.list().unwrap_or_else(|_| vec![*self])
    }

    pub(super) fn table(&self) -> Result<TableNode<'d>> {
        self.table_or("a table")
    }

    /// A table; `expected` says what would be fine too.
    pub(super) fn table_or(&self, expected: &str) -> Result<TableNode<'d>> {
        let table = match self.content {
            Content::Root(table) => table,
            Content::Value(DeValue::Table(table)) => table,
            _ => return Err(self.unexpected(expected)),
        };
        if self.depth > MAX_DEPTH {
            return Err(self.error("tables are nested too deeply"));
        }
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().as_ref(),
                at: key.span().start,
                value: self.value(value),
            })
            .collect();
        // As they are written, so that the first fault is the one that is reported.
        entries.sort_by_key(|entry| entry.at);
        Ok(TableNode { node: *self, entries, known: Vec::new() })
    }
}

struct Entry<'d> {
    key: &'d str,
    at: usize,
    value: Node<'d>,
}

/// A table whose entries are taken out one by one; what is left is unknown.
pub(super) struct TableNode<'d> {
    node: Node<'d>,
    entries: Vec<Entry<'d>>,
    known: Vec<String>,
}

impl<'d> TableNode<'d> {
    pub(super) fn take(&mut self, key: &str) -> Option<Node<'d>> {
        self.known.push(key.to_owned());
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).value)
    }

    pub(super) fn required(&mut self, key: &str) -> Result<Node<'d>> {
        self.take(key).ok_or_else(|| {
            let near = self.entries.iter().map(|entry| entry.key).collect::<Vec<_>>();
            let error = self.node.error(format!("`{key}` is missing here"));
            match suggest::nearest(key, &near).first() {
                Some(near) => error.with_hint(format!("is it meant by `{near}`?")),
                None => error,
            }
        })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'d str> {
        self.entries.iter().map(|entry| entry.key)
    }

    /// All entries by key.
    pub(super) fn entries(self) -> Vec<(String, Node<'d>)> {
        self.entries.into_iter().map(|entry| (entry.key.to_owned(), entry.value)).collect()
    }

    /// What was not taken: keys, where they stand, values.
    pub(super) fn rest(self) -> Vec<(String, Origin, Node<'d>)> {
        let document = self.node.document;
        let rest = self.entries.into_iter();
        rest.map(|entry| (entry.key.to_owned(), document.place(entry.at), entry.value)).collect()
    }

    /// Refuses entries that were not taken; `what` is the table in words.
    pub(super) fn end(self, what: &str) -> Result<()> {
        let Some(entry) = self.entries.first() else { return Ok(()) };
        let known: Vec<_> = self.known.iter().map(String::as_str).collect();
        let place = self.node.document.place(entry.at);
        Err(Error::pipeline(place, format!("{what} has no key `{}`", entry.key))
            .with_hint(suggest::hint(entry.key, &known)))
    }
}
