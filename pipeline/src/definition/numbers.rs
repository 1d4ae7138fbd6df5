//! Sets of numbers as people write them: `1-4, 7`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// A set of whole numbers, written as numbers and ranges: `3`, `1-4`, `1-4, 7`. A range
/// includes both of its ends, and `:` may stand for `-`.
///
/// ```
/// use polystore_pipeline::Numbers;
///
/// let fields: Numbers = "1-4, 7".parse()?;
/// assert!(fields.contains(4) && !fields.contains(5));
/// assert_eq!(fields.to_string(), "1-4,7");
/// # Ok::<(), polystore_pipeline::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Numbers {
    /// First and last of each range; apart from one another, in order.
    ranges: Vec<(u32, u32)>,
}

impl Numbers {
    /// The numbers in `ranges`, first and last each.
    pub fn new(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    /// Whether `number` is one of them.
    pub fn contains(&self, number: u32) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&number))
    }

    /// The numbers in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self::new(self.ranges.into_iter().chain(other.ranges))
    }

    /// The smallest, if there is any.
    pub fn min(&self) -> Option<u32> {
        self.ranges.first().map(|range| range.0)
    }

    /// The numbers that stand for themselves, not in a range: those that must be there.
    pub(crate) fn singles(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().filter(|(first, last)| first == last).map(|range| range.0)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let ranges = text.split(',').map(|part| {
            let part = part.trim();
            let (first, last) = part.split_once(['-', ':']).unwrap_or((part, part));
            let number = |digits: &str| {
                digits
                    .trim()
                    .parse::<u32>()
                    .map_err(|_| format!("`{part}` is not a number or a range of numbers like 1-4"))
            };
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("the range `{part}` ends before it starts"));
            }
            Ok((first, last))
        });
        ranges.collect::<Result<Vec<_>, _>>().map(Self::new)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Numbers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|message| Error::pipeline(format!("`{text}`"), message))
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_range_is_refused() {
        for bad in ["", "1-", "-", "a", "1-2-3", "4-1", "1,,2", "99999999999"] {
            assert!(Numbers::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips_and_membership_is_that_of_the_ranges(
            ranges in prop::collection::vec((0u32..40, 0u32..6), 1..6),
            probe in 0u32..50,
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(first, more)| (first, first + more)).collect();
            let numbers = Numbers::new(ranges.clone());
            prop_assert_eq!(Numbers::parse(&numbers.to_string()).unwrap(), numbers.clone());
            let expected = ranges.iter().any(|&(first, last)| first <= probe && probe <= last);
            prop_assert_eq!(numbers.contains(probe), expected);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,16}") {
            let _ = Numbers::parse(&text);
        }
    }
}
