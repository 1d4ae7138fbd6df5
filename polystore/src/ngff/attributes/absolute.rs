//! Paths in attributes: absolute ones, anywhere, and where a relative one leads.

use serde_json::Value;

use crate::ngff::{cursor::Cursor, json::quote, rules};

/// Reports, once for a document, text that is an absolute path of a file system: it is
/// wrong as soon as the store is moved, and tells strangers about the host.
pub(in crate::ngff) fn check_paths(attributes: &Cursor<'_>) {
    let mut found = Found::default();
    found.search(attributes.value());
    if let Some(first) = found.first {
        attributes.report(rules::ATTRIBUTES_ABSOLUTE_PATH, || {
            format!("{} absolute paths, the first is {}", found.count, quote(first))
        });
    }
}

#[derive(Default)]
struct Found<'a> {
    count: usize,
    first: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn search(&mut self, value: &'a Value) {
        match value {
            Value::String(text) => self.take(text),
            Value::Array(items) => items.iter().for_each(|item| self.search(item)),
            Value::Object(members) => {
                for (key, member) in members {
                    self.take(key);
                    self.search(member);
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, text: &'a str) {
        if is_absolute(text) {
            self.count += 1;
            self.first.get_or_insert(text);
        }
    }
}

/// `/a/b`, `C:\a`, `C:/a`, `\\server\a` or `file:/a`, on one line.
fn is_absolute(text: &str) -> bool {
    if text.len() > 4096 || text.contains(['\n', '\r']) {
        return false;
    }
    match text.as_bytes() {
        [b'/', first, rest @ ..] => first.is_ascii_alphanumeric() && rest.contains(&b'/'),
        [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
        [b'\\', b'\\', host, ..] => host.is_ascii_alphanumeric(),
        _ => text.starts_with("file:/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_told_from_other_text() {
        for path in ["/home/x", "C:\\data", "d:/data", "\\\\nas\\plates", "file:///a/b"] {
            assert!(is_absolute(path), "{path}");
        }
        for other in ["../../", "/", "1/cm", "/um", "A/1", "s3://bucket/a", "a: b", "// x"] {
            assert!(!is_absolute(other), "{other}");
        }
    }
}
