//! Sets of wells as people write them: `A01:B06, row C, column 12`.

use std::{fmt, str::FromStr};

use polystore::{WellPosition, parse_row_name, row_name};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// A set of wells, written as wells (`B03`), rectangles between two corners (`A01:B06`),
/// rows (`C`, `C:E`, `row C`) and columns (`12`, `1:3`, `column 12`), separated by commas.
///
/// ```
/// use polystore::WellPosition;
/// use polystore_pipeline::WellSet;
///
/// let wells: WellSet = "A01:B02, H".parse()?;
/// assert!(wells.contains("B01".parse::<WellPosition>()?));
/// assert!(!wells.contains("A03".parse::<WellPosition>()?));
/// assert!(wells.contains("H12".parse::<WellPosition>()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WellSet {
    rules: Vec<Rule>,
}

/// One item of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Rule {
    /// Top left and bottom right well.
    Rectangle(WellPosition, WellPosition),
    /// First and last row.
    Rows(u32, u32),
    /// First and last column.
    Columns(u32, u32),
}

impl WellSet {
    /// Exactly these wells.
    pub fn of(wells: impl IntoIterator<Item = WellPosition>) -> Self {
        Self { rules: wells.into_iter().map(|well| Rule::Rectangle(well, well)).collect() }
    }

    /// Whether `well` is one of them.
    pub fn contains(&self, well: WellPosition) -> bool {
        self.rules.iter().any(|rule| rule.contains(well))
    }

    /// The wells in either.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self
    }

    /// Items of the list that none of `wells` belongs to, as they are written.
    pub(crate) fn unmatched(&self, wells: &[WellPosition]) -> Vec<String> {
        let is_unmatched = |rule: &&Rule| !wells.iter().any(|well| rule.contains(*well));
        self.rules.iter().filter(is_unmatched).map(Rule::to_string).collect()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { rules: text.split(',').map(Rule::parse).collect::<Result<_, _>>()? })
    }
}

impl Rule {
    fn contains(&self, well: WellPosition) -> bool {
        match self {
            Self::Rectangle(first, last) => {
                (first.row..=last.row).contains(&well.row)
                    && (first.column..=last.column).contains(&well.column)
            }
            Self::Rows(first, last) => (first..=last).contains(&&well.row),
            Self::Columns(first, last) => (first..=last).contains(&&well.column),
        }
    }

    fn parse(item: &str) -> Result<Self, String> {
        let item = item.trim();
        let bare = ["row", "column", "col"]
            .iter()
            .find_map(|word| item.strip_prefix(word)?.strip_prefix([' ', ':']))
            .unwrap_or(item);
        let (first, last) = bare.split_once([':', '-']).unwrap_or((bare, bare));
        let ends = (End::parse(first.trim()), End::parse(last.trim()));
        match ends {
            (Some(End::Well(a)), Some(End::Well(b))) => Ok(Self::Rectangle(
                WellPosition::new(a.row.min(b.row), a.column.min(b.column)),
                WellPosition::new(a.row.max(b.row), a.column.max(b.column)),
            )),
            (Some(End::Row(a)), Some(End::Row(b))) => Ok(Self::Rows(a.min(b), a.max(b))),
            (Some(End::Column(a)), Some(End::Column(b))) => Ok(Self::Columns(a.min(b), a.max(b))),
            (Some(_), Some(_)) => Err(format!(
                "`{item}` mixes wells, rows and columns; a range has two of a kind, like A01:B06"
            )),
            _ => Err(format!(
                "`{item}` is not a well (A01), a rectangle (A01:B06), a row (B) or a column (12)"
            )),
        }
    }
}

/// One end of a range.
enum End {
    Well(WellPosition),
    Row(u32),
    Column(u32),
}

impl End {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(well) = text.parse() {
            return Some(Self::Well(well));
        }
        let row = parse_row_name(text).filter(|row| *row <= WellPosition::MAX).map(Self::Row);
        row.or_else(|| {
            let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok());
            let column = number.flatten().and_then(|number: u32| number.checked_sub(1))?;
            (column <= WellPosition::MAX).then_some(Self::Column(column))
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = match *self {
            Self::Rectangle(first, last) => (first.to_string(), last.to_string()),
            Self::Rows(first, last) => (row_name(first), row_name(last)),
            Self::Columns(first, last) => {
                ((u64::from(first) + 1).to_string(), (u64::from(last) + 1).to_string())
            }
        };
        f.write_str(&first)?;
        if first == last { Ok(()) } else { write!(f, ":{last}") }
    }
}

impl fmt::Display for WellSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<_> = self.rules.iter().map(Rule::to_string).collect();
        f.write_str(&items.join(","))
    }
}

impl FromStr for WellSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|message| Error::pipeline(format!("`{text}`"), message))
    }
}

impl Serialize for WellSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WellSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn well(text: &str) -> WellPosition {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_is_a_rectangle_and_a_row_is_not_a_prefix() {
        let wells = WellSet::parse("B02:A01").unwrap();
        for (name, expected) in [("A01", true), ("B02", true), ("A03", false), ("C01", false)] {
            assert_eq!(wells.contains(well(name)), expected, "{name}");
        }
        let row = WellSet::parse("row A").unwrap();
        assert!(row.contains(well("A48")) && !row.contains(well("AA01")));
        let columns = WellSet::parse("col 1:2, column 12").unwrap();
        assert!(columns.contains(well("H02")) && columns.contains(well("A12")));
        assert!(!columns.contains(well("A03")));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["", "A01:B", "A:3", "0", "A00", "A01;A02", "row", "B03x", "A01:B02:C03"] {
            assert!(WellSet::parse(bad).is_err(), "{bad:?}");
        }
        assert!(WellSet::parse("A01:3").unwrap_err().contains("two of a kind"));
    }

    proptest! {
        #[test]
        fn text_round_trips_and_membership_is_that_of_the_corners(
            a in (0u32..40, 0u32..50),
            b in (0u32..40, 0u32..50),
            probe in (0u32..40, 0u32..50),
        ) {
            let name = |(row, column)| WellPosition::new(row, column).to_string();
            let wells = WellSet::parse(&format!("{}:{}", name(a), name(b))).unwrap();
            prop_assert_eq!(WellSet::parse(&wells.to_string()).unwrap(), wells.clone());
            let within = |x: u32, one: u32, other: u32| one.min(other) <= x && x <= one.max(other);
            let expected = within(probe.0, a.0, b.0) && within(probe.1, a.1, b.1);
            prop_assert_eq!(wells.contains(WellPosition::new(probe.0, probe.1)), expected);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,16}") {
            let _ = WellSet::parse(&text);
        }
    }
}
