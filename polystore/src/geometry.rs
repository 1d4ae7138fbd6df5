//! Where a plane, a region or a well is: indices, rectangles, positions. All 0-based.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which plane of an image: timepoint, channel and z-section, all 0-based.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct PlaneIndex {
    /// Timepoint.
    pub t: u32,
    /// Channel.
    pub c: u32,
    /// Z-section.
    pub z: u32,
}

impl PlaneIndex {
    /// The plane at timepoint `t`, channel `c`, z-section `z`.
    pub const fn new(t: u32, c: u32, z: u32) -> Self {
        Self { t, c, z }
    }
}

impl fmt::Display for PlaneIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={} c={} z={}", self.t, self.c, self.z)
    }
}

/// Height and width of a plane in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaneShape {
    /// Rows, the y axis.
    pub height: u32,
    /// Columns, the x axis.
    pub width: u32,
}

impl PlaneShape {
    /// `height` rows of `width` pixels.
    pub const fn new(height: u32, width: u32) -> Self {
        Self { height, width }
    }

    /// Number of pixels.
    pub const fn n_pixels(self) -> u64 {
        self.height as u64 * self.width as u64
    }

    /// The whole plane as a region.
    pub const fn full(self) -> Region {
        Region { y: 0, x: 0, height: self.height, width: self.width }
    }
}

impl fmt::Display for PlaneShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.height, self.width)
    }
}

/// A rectangle of pixels inside a plane, in pixels of the level it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// First row.
    pub y: u32,
    /// First column.
    pub x: u32,
    /// Number of rows.
    pub height: u32,
    /// Number of columns.
    pub width: u32,
}

impl Region {
    /// The rectangle from row `y`, column `x`.
    pub const fn new(y: u32, x: u32, height: u32, width: u32) -> Self {
        Self { y, x, height, width }
    }

    /// Height and width.
    pub const fn shape(self) -> PlaneShape {
        PlaneShape { height: self.height, width: self.width }
    }

    /// This region, checked to lie inside a plane of `shape`. Regions are never clipped.
    ///
    /// # Errors
    /// `InvalidInput` when it is empty or reaches outside.
    pub fn checked(self, shape: PlaneShape) -> Result<Self> {
        let bottom = u64::from(self.y) + u64::from(self.height);
        let right = u64::from(self.x) + u64::from(self.width);
        if self.height == 0 || self.width == 0 {
            return Err(Error::invalid_input(format!("region {self} is empty")));
        }
        if bottom > u64::from(shape.height) || right > u64::from(shape.width) {
            return Err(Error::invalid_input(format!(
                "region {self} reaches outside the plane of {shape} pixels"
            )));
        }
        Ok(self)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "y={} x={} height={} width={}", self.y, self.x, self.height, self.width)
    }
}

/// A well by row and column, 0-based; printed `A01`, `AF48`.
///
/// Rows are bijective base-26 letters (`A`..`Z`, `AA`..), columns count from 1 with at
/// least two digits. Plates to 32 x 48 (1536 wells) and beyond have names.
///
/// ```
/// use polystore::WellPosition;
///
/// let well: WellPosition = "AF48".parse()?;
/// assert_eq!((well.row, well.column), (31, 47));
/// assert_eq!(WellPosition::new(0, 0).to_string(), "A01");
/// # Ok::<(), polystore::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WellPosition {
    /// Row from the top.
    pub row: u32,
    /// Column from the left.
    pub column: u32,
}

impl WellPosition {
    /// Largest row and column that have a name.
    pub const MAX: u32 = 9998;

    /// The well at 0-based `row` and `column`.
    pub const fn new(row: u32, column: u32) -> Self {
        Self { row, column }
    }

    /// The row's letters: `A`, `Z`, `AA`, `AF`.
    pub fn row_name(self) -> String {
        row_name(self.row)
    }

    /// The column's number from 1, without padding.
    pub fn column_name(self) -> String {
        (self.column + 1).to_string()
    }

    /// Reads letters then digits from the start of `text`; returns the well and what follows.
    ///
    /// `A1`, `A01` and `a01` are the same well. `None` when `text` does not start with a well.
    pub fn parse_prefix(text: &str) -> Option<(Self, &str)> {
        let bytes = text.as_bytes();
        let n_letters = bytes.iter().take(4).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let digits = &bytes[n_letters..];
        let n_digits = digits.iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
        if n_letters == 0 || n_letters > 3 || n_digits == 0 || n_digits > 4 {
            return None;
        }
        let row = parse_row_name(&text[..n_letters])?;
        let column: u32 = text[n_letters..n_letters + n_digits].parse().ok()?;
        let position = Self { row, column: column.checked_sub(1)? };
        (position.row <= Self::MAX && position.column <= Self::MAX)
            .then_some((position, &text[n_letters + n_digits..]))
    }
}

/// The letters of a 0-based row: `A`, `Z`, `AA`.
pub fn row_name(row: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(row) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'A' + (rest % 26) as u8);
        rest /= 26;
    }
    letters.iter().rev().map(|&letter| char::from(letter)).collect()
}

/// The 0-based row of a name in letters, without case; `None` for anything else.
pub fn parse_row_name(letters: &str) -> Option<u32> {
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let number = letters.bytes().try_fold(0u32, |number, byte| {
        byte.is_ascii_alphabetic()
            .then(|| number * 26 + u32::from(byte.to_ascii_uppercase() - b'A') + 1)
    })?;
    Some(number - 1)
}

impl fmt::Display for WellPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{:02}", row_name(self.row), u64::from(self.column) + 1))
    }
}

impl FromStr for WellPosition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match Self::parse_prefix(text) {
            Some((position, "")) => Ok(position),
            _ => Err(Error::invalid_input(format!(
                "`{text}` is not a well; write row letters and a column, like A01 or AF48"
            ))),
        }
    }
}

impl Serialize for WellPosition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WellPosition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn well_names_match_the_published_table() {
        for ((row, column), name) in
            [((0, 0), "A01"), ((25, 98), "Z99"), ((26, 0), "AA01"), ((31, 47), "AF48")]
        {
            assert_eq!(WellPosition::new(row, column).to_string(), name);
            assert_eq!(name.parse::<WellPosition>().unwrap(), WellPosition::new(row, column));
        }
        for bad in ["", "A", "A00", "1A", "A-1", "A1x", "AAAA1", "A99999", "é1"] {
            assert!(bad.parse::<WellPosition>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_are_checked_without_overflow() {
        let shape = PlaneShape::new(4, 5);
        assert!(Region::new(0, 0, 4, 5).checked(shape).is_ok());
        assert!(Region::new(3, 0, 2, 1).checked(shape).is_err());
        assert!(Region::new(u32::MAX, 0, u32::MAX, 1).checked(shape).is_err());
        assert!(Region::new(0, 0, 0, 1).checked(shape).is_err());
    }

    proptest! {
        #[test]
        fn names_round_trip(row in 0..=WellPosition::MAX, column in 0..=WellPosition::MAX) {
            let well = WellPosition::new(row, column);
            prop_assert_eq!(well.to_string().parse::<WellPosition>().unwrap(), well);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<WellPosition>();
        }
    }
}
