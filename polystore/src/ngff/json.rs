//! JSON from outside: bounded in size, depth and number of values before it is taken in.

use serde_json::Value;

use super::rules::{self, Rule};

/// Longest JSON file that is read. Consolidated metadata of 1536 wells with nine fields is
/// about 50 MiB; everything else is far smaller.
pub(super) const MAX_JSON_BYTES: u64 = 64 << 20;

/// Most values in a file. A value takes up to about 100 bytes once parsed but may be two
/// bytes in the file, so the length of the file alone does not bound memory.
const MAX_VALUES: usize = 8_000_000;

/// Why a file is not taken in: the rule it breaks and what was found.
pub(super) type Refusal = (&'static Rule, String);

/// Parses a document.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    if bytes.len() as u64 > MAX_JSON_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let message = format!("the byte at {} is not UTF-8", error.valid_up_to());
        return Err((rules::JSON_NOT_UTF8, message));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err((rules::JSON_NOT_UTF8, "the file starts with a byte-order mark".to_owned()));
    }
    let separators = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if separators > MAX_VALUES {
        let message = format!("about {separators} values, at most {MAX_VALUES} are accepted");
        return Err((rules::JSON_TOO_MANY_VALUES, message));
    }
    serde_json::from_slice(bytes).map_err(|error| refusal(&error))
}

/// A file is longer than what is read.
pub(super) fn too_large(bytes: u64) -> Refusal {
    let message = format!("{bytes} bytes of JSON, at most {MAX_JSON_BYTES} are accepted");
    (rules::JSON_TOO_LARGE, message)
}

fn refusal(error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    if text.starts_with("recursion limit exceeded") {
        let message = format!("nested too deeply, at line {}", error.line());
        return (rules::JSON_TOO_DEEP, message);
    }
    (rules::JSON_SYNTAX, format!("not valid JSON: {text}"))
}

/// The integer that JSON Schema sees in a value: `2.0` is one, `true` is not.
pub(super) fn as_integer(value: &Value) -> Option<i128> {
    let number = value.as_number()?;
    if let Some(integer) = number.as_i128() {
        return Some(integer);
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() < 1e38).then_some(float as i128)
}

/// A text that is the same for two values exactly when JSON Schema takes them for equal:
/// members in any order, `1` and `1.0` alike.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, member) in sorted {
                text.push_str(&format!("{key:?}:"));
                write_canonical(member, text);
                text.push(',');
            }
            text.push('}');
        }
        other => match as_integer(other) {
            Some(integer) => text.push_str(&integer.to_string()),
            None => text.push_str(&other.to_string()),
        },
    }
}

/// A value as it stands in messages: quoted, without control characters, not too long.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// Text from a file, quoted for a message.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    let short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() { format!("{short:?}...") } else { format!("{short:?}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refused(bytes: &[u8]) -> &'static str {
        parse(bytes).unwrap_err().0.id
    }

    #[test]
    fn hostile_documents_are_named_and_refused() {
        assert_eq!(refused(&b"[".repeat(100_000)), "json/too-deep");
        assert_eq!(refused(&b"[1,".repeat(4_100_000)), "json/too-many-values");
        assert_eq!(refused(b"\"\xff\""), "json/not-utf8");
        assert_eq!(refused("\u{feff}{}".as_bytes()), "json/not-utf8");
        assert_eq!(refused(b"{\"a\": NaN}"), "json/syntax");
        assert_eq!(refused(b""), "json/syntax");
        assert_eq!(refused(&vec![b' '; MAX_JSON_BYTES as usize + 1]), "json/too-large");
    }

    #[test]
    fn integers_are_those_of_json_schema() {
        let integers: Vec<_> =
            [json!(2), json!(2.0), json!(-1), json!(u64::MAX)].iter().map(as_integer).collect();
        assert_eq!(integers, [Some(2), Some(2), Some(-1), Some(u64::MAX.into())]);
        for other in [json!(2.5), json!("2"), json!(true), json!(1e300), json!(null)] {
            assert_eq!(as_integer(&other), None, "{other}");
        }
    }

    #[test]
    fn canonical_texts_ignore_order_and_spelling_of_numbers() {
        assert_eq!(
            canonical(&json!({"a": 1, "b": [2.0]})),
            canonical(&json!({"b": [2], "a": 1.0}))
        );
        assert_ne!(canonical(&json!([1, 2])), canonical(&json!([2, 1])));
        assert_ne!(canonical(&json!("1")), canonical(&json!(1)));
        assert_ne!(canonical(&json!(true)), canonical(&json!(1)));
    }

    #[test]
    fn text_from_files_cannot_drive_a_terminal() {
        assert_eq!(quote("a\u{1b}[31m"), r#""a\u{1b}[31m""#);
        assert!(quote(&"x".repeat(500)).len() < 100);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse(&bytes) {
                prop_assert!(!canonical(&value).is_empty());
                prop_assert!(!show(&value).is_empty());
            }
        }
    }
}
