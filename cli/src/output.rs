//! Results on standard output: text for people, JSON for programs.

use std::{
    borrow::Cow,
    io::{ErrorKind, IsTerminal, Write, stdout},
};

use anyhow::{Context, Result};
use comfy_table::{Cell, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};
pub(crate) use polystore::words::count;
use serde::Serialize;

/// Prints a line of text, and one line only: names of files may hold anything.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<()> {
    bytes(format!("{}\n", printable(&text.to_string(), false)).as_bytes())
}

/// Prints an empty line and a line of text.
pub(crate) fn heading(text: impl std::fmt::Display) -> Result<()> {
    line("")?;
    line(text)
}

/// Prints lines that this program laid out, such as a table.
pub(crate) fn block(text: impl std::fmt::Display) -> Result<()> {
    bytes(format!("{}\n", printable(&text.to_string(), true)).as_bytes())
}

/// Text for a terminal: characters that would move its cursor, colour it or break a line are
/// written as escapes (`\n`, `\u{1b}`).
pub(crate) fn printable(text: &str, keep_lines: bool) -> Cow<'_, str> {
    let is_raw = |character: char| character.is_control() && !(keep_lines && character == '\n');
    if !text.contains(is_raw) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_raw(character) {
            true => escaped.extend(character.escape_debug()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Prints bytes as they are. What is printed when the reader has gone, as `head` does once it
/// has seen enough, is dropped: the work goes on, and has the exit code that it always has.
pub(crate) fn bytes(content: &[u8]) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(content).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print"),
    }
}

/// Prints a value as JSON, indented on a terminal.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = match stdout().is_terminal() {
        true => serde_json::to_string_pretty(value)?,
        false => serde_json::to_string(value)?,
    };
    line(text)
}

/// Failures that are printed; hundreds of them say no more.
const MAX_FAILURES: usize = 20;

/// Prints the first failures, each below what it belongs to, and how many more there are;
/// `rest` says where those are listed.
pub(crate) fn failures(failures: impl Iterator<Item = (String, String)>, rest: &str) -> Result<()> {
    let mut failures: Vec<(String, String)> = failures.collect();
    failures.sort_by(|(one, _), (other, _)| polystore::natural::compare(one, other));
    let mut group = None;
    for (place, text) in failures.iter().take(MAX_FAILURES) {
        if group.replace(place) != Some(place) {
            line(format_args!("  {place}"))?;
        }
        line(format_args!("    {text}"))?;
    }
    match failures.len().saturating_sub(MAX_FAILURES) {
        0 => Ok(()),
        more => line(format_args!("  … and {more} more ({rest})")),
    }
}

/// A line below the header, and nothing else.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));
/// Columns of text where there is no terminal to ask.
const WIDTH: u16 = 100;

/// A table with a header, as wide as the terminal.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    if !stdout().is_terminal() {
        table.set_width(WIDTH);
    }
    // Names of columns are long: they are broken between their words.
    let header = header.iter().map(|name| Cell::new(name).set_delimiter('_'));
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    table
}

/// `1536` bytes as `1.5 kB`: decimal, as disks are sold.
pub(crate) fn size(n_bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = n_bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match (unit, value < 9.95) {
        (0, _) => format!("{n_bytes} B"),
        (_, true) => format!("{value:.1} {}", UNITS[unit]),
        (_, false) => format!("{value:.0} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a µm\u{1b}[31m\nb", false), "a µm\\u{1b}[31m\\nb");
        assert_eq!(printable("a\nb\r", true), "a\nb\\r");
        assert!(matches!(printable("● A01", false), Cow::Borrowed(_)));
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 999, 1500, 12_345, 999_999, 2_700_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.5 kB", "12 kB", "1.0 MB", "2.7 GB"]);
    }
}
