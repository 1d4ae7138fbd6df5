//! Escapes and quotes of texts in words.

use crate::{Error, Result};

/// A text with backslashes, and what does not print, behind backslashes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if letter.is_ascii_control() => out.push_str(&format!("\\{:03o}", letter as u32)),
            _ => out.push(letter),
        }
    }
    out
}

/// What [`escaped`] was made of.
pub(super) fn unescaped(text: &str) -> Result<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    let wrong = |problem: &str| Error::Text {
        what: "text",
        text: text.to_owned(),
        problem: problem.to_owned(),
    };
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next().ok_or_else(|| wrong("nothing is behind a backslash"))? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            digit @ b'0'..=b'7' => {
                let mut number = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = bytes.next_if(|byte| matches!(byte, b'0'..=b'7')) else {
                        break;
                    };
                    number = number * 8 + u32::from(digit - b'0');
                }
                u8::try_from(number).map_err(|_| wrong("an octal number is above 377"))?
            }
            other => other,
        });
    }
    String::from_utf8(out).map_err(|_| wrong("its octal numbers are not UTF-8"))
}

/// A word, in quotes where it would be taken for several, or for something else.
pub(super) fn quoted(word: &str) -> String {
    let is_special = |letter: char| letter.is_whitespace() || ":@\"'".contains(letter);
    let is_plain = !word.is_empty() && !word.starts_with('-') && !word.contains(is_special);
    if is_plain { word.to_owned() } else { format!("\"{}\"", word.replace('"', "\\\"")) }
}
