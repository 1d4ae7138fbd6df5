//! From values as users write them to the numbers of a plate.

use std::collections::HashMap;

use crate::{
    Error, Result, WellPosition,
    microscope::{
        PlateFolder,
        builder::{PlateBuilder, PlateFacts, RawPlane, Rule},
        names::{MAX_NUMBER, number},
    },
    model::{Acquisition, Channel, DeclaredPlate, NamingScheme, POLYSTORE_NAMING, PlaneSource},
    natural, parse_row_name,
};

/// What a pattern's groups and a table's columns are called, besides `file` and `page`.
pub(super) const PARTS: [&str; 8] =
    ["well", "row", "col", "field", "channel", "z", "t", "acquisition"];

/// The part that a name means; vendors' words for some are understood.
pub(super) fn part(name: &str) -> Option<usize> {
    let name = match name {
        "site" => "field",
        "column" => "col",
        other => other,
    };
    PARTS.iter().position(|known| *known == name)
}

/// The value of each of [`PARTS`], as text; `None` or empty where there is none.
pub(super) type Values<'a> = [Option<&'a str>; 8];

/// A plane with its numbers as they are written; channel and acquisition by their place
/// among the names seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) well: WellPosition,
    pub(super) field: u32,
    pub(super) channel: u32,
    pub(super) z: u32,
    pub(super) t: u32,
    pub(super) acquisition: u32,
}

/// Names in the order that they were seen.
#[derive(Debug, Default)]
struct Words {
    seen: HashMap<Box<str>, u32>,
    words: Vec<Box<str>>,
}

impl Words {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.seen.get(word) {
            return number;
        }
        let number = self.words.len() as u32;
        self.seen.insert(word.into(), number);
        self.words.push(word.into());
        number
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| &**word)
    }

    /// The value of each word when all are numbers.
    fn values(&self) -> Option<Vec<u32>> {
        self.words().map(number).collect()
    }

    /// The rank of each word in natural order.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.words.len()).collect();
        order.sort_by(|&a, &b| natural::compare(&self.words[a], &self.words[b]));
        let mut ranks = vec![0; order.len()];
        for (rank, at) in (0u32..).zip(order) {
            ranks[at] = rank;
        }
        ranks
    }
}

/// Words of channels and acquisitions; makes the plate when all planes are known.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    channels: Words,
    acquisitions: Words,
}

impl Numbering {
    /// Reads the values of one plane.
    ///
    /// # Errors
    /// `InvalidData` naming the value that cannot be.
    pub(super) fn place(&mut self, values: &Values<'_>) -> Result<Place> {
        let value = |part: usize| values[part].map(str::trim).filter(|value| !value.is_empty());
        let count = |part: usize| match value(part) {
            None => Ok(None),
            Some(text) => {
                number(text).map(Some).ok_or_else(|| bad(PARTS[part], text, &a_number(text)))
            }
        };
        Ok(Place {
            well: well(value(0), value(1), value(2))?,
            field: count(3)?.unwrap_or(0),
            channel: self.channels.number(value(4).unwrap_or("")),
            z: count(5)?.unwrap_or(0),
            t: count(6)?.unwrap_or(0),
            acquisition: self.acquisitions.number(value(7).unwrap_or("")),
        })
    }

    /// The plate of `planes`.
    ///
    /// # Errors
    /// As [`PlateBuilder::build`].
    pub(super) fn build(
        &self,
        folder: &PlateFolder<'_>,
        planes: &[(Place, Option<PlaneSource>)],
        rule: Rule,
        notes: Vec<String>,
    ) -> Result<DeclaredPlate> {
        let first_field = first(planes.iter().map(|(place, _)| place.field));
        let channels = self.channel_numbers();
        let acquisitions = self.acquisitions.ranks();
        let mut builder = PlateBuilder::with_capacity(planes.len());
        notes.into_iter().for_each(|note| builder.note(note));
        for (place, source) in planes {
            builder.push(RawPlane {
                well: place.well,
                acquisition: acquisitions[place.acquisition as usize],
                field: place.field - first_field,
                t: place.t,
                c: channels[place.channel as usize],
                z: place.z,
                source: *source,
            })?;
        }
        let mut facts = PlateFacts::new(folder.name(), super::NAME, POLYSTORE_NAMING.name());
        facts.rule = rule;
        facts.trust_file_size = true;
        facts.channels =
            channels.iter().zip(self.channels.words()).filter_map(named_channel).collect();
        let named = acquisitions.iter().zip(self.acquisitions.words());
        facts.acquisitions = named.map(acquisition).collect();
        builder.build(folder, facts)
    }

    /// The number from 0 of each channel: as written when all are numbers, else by name.
    fn channel_numbers(&self) -> Vec<u32> {
        match self.channels.values() {
            Some(values) => {
                let first = first(values.iter().copied());
                values.into_iter().map(|value| value - first).collect()
            }
            None => self.channels.ranks(),
        }
    }
}

/// Largest row or column, from 1.
const MAX_PLACE: u32 = WellPosition::MAX + 1;

/// What numbers count from: 0 when any is 0, else 1.
fn first(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.min().unwrap_or(0).min(1)
}

fn named_channel((&number, word): (&u32, &str)) -> Option<(u32, Channel)> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let name = if is_number { format!("channel {word}") } else { word.to_string() };
    (!word.is_empty()).then(|| (number, Channel::named(name)))
}

fn acquisition((&id, word): (&u32, &str)) -> (u32, Acquisition) {
    (id, Acquisition { id, name: word.to_string(), ..Acquisition::default() })
}

fn well(well: Option<&str>, row: Option<&str>, column: Option<&str>) -> Result<WellPosition> {
    if let Some(text) = well {
        return text.parse().map_err(|_| bad("well", text, "a well like A01"));
    }
    let (Some(row_text), Some(column_text)) = (row, column) else {
        return Err(Error::invalid_data("there is no well"));
    };
    let from_one = |text: &str| number(text)?.checked_sub(1).filter(|&n| n <= WellPosition::MAX);
    let row = from_one(row_text)
        .or_else(|| parse_row_name(row_text))
        .filter(|&row| row <= WellPosition::MAX)
        .ok_or_else(|| {
            bad("row", row_text, &format!("letters, or a number from 1 to {MAX_PLACE}"))
        })?;
    let column = from_one(column_text)
        .ok_or_else(|| bad("col", column_text, &format!("a number from 1 to {MAX_PLACE}")))?;
    Ok(WellPosition::new(row, column))
}

/// What a number is; how large it may be where it is too large.
fn a_number(text: &str) -> String {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("a number of at most {MAX_NUMBER}"),
        false => "a number".to_owned(),
    }
}

fn bad(part: &str, text: &str, expected: &str) -> Error {
    Error::invalid_data(format!("{part} is `{text}`; expected {expected}"))
}
