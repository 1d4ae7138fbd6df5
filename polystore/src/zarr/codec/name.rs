//! Codecs by name: as text, and in the metadata of zarr v2 and v3.

use std::{fmt, str::FromStr};

use serde_json::{Value, json};

use super::{BloscCompressor, BloscShuffle, Codec};
use crate::{Error, Result, suggest};

/// Codecs that every version has; OME-Zarr 0.4 has `zlib` and `lz4` too.
const NAMES: [&str; 4] = ["none", "zstd", "blosc", "gzip"];
const DEFAULT_LEVEL: u8 = 5;
const DEFAULT_ZSTD_LEVEL: i32 = 3;

impl FromStr for Codec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let codec = match name {
            "none" => Self::None,
            "zstd" => {
                let level = part(&mut parts, DEFAULT_ZSTD_LEVEL, text)?;
                Self::Zstd { level: within(level, -7..=22, text)? }
            }
            "gzip" => Self::Gzip { level: level(&mut parts, text)? },
            "zlib" => Self::Zlib { level: level(&mut parts, text)? },
            "lz4" => Self::Lz4,
            "blosc" => Self::Blosc {
                compressor: named(&mut parts, &BloscCompressor::ALL, text)?,
                level: level(&mut parts, text)?,
                shuffle: named(&mut parts, &BloscShuffle::ALL, text)?,
            },
            _ => {
                return Err(Error::invalid_input(format!("no codec is called `{name}`"))
                    .with_hint(suggest::hint(name, &NAMES)));
            }
        };
        match parts.next() {
            None => Ok(codec),
            Some(rest) => Err(bad(text, rest)),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => f.write_str("none"),
            Self::Zstd { level } => write!(f, "zstd:{level}"),
            Self::Gzip { level } => write!(f, "gzip:{level}"),
            Self::Zlib { level } => write!(f, "zlib:{level}"),
            Self::Lz4 => f.write_str("lz4"),
            Self::Blosc { compressor, level, shuffle } => {
                let compressor = name_of(compressor, &BloscCompressor::ALL);
                let shuffle = name_of(shuffle, &BloscShuffle::ALL);
                write!(f, "blosc:{compressor}:{level}:{shuffle}")
            }
        }
    }
}

impl Codec {
    /// The `compressor` of a zarr v2 array.
    pub(in super::super) fn to_v2(self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Zstd { level } => json!({ "id": "zstd", "level": level }),
            Self::Gzip { level } => json!({ "id": "gzip", "level": level }),
            Self::Zlib { level } => json!({ "id": "zlib", "level": level }),
            Self::Lz4 => json!({ "id": "lz4", "acceleration": 1 }),
            Self::Blosc { compressor, level, shuffle } => json!({
                "id": "blosc",
                "cname": name_of(compressor, &BloscCompressor::ALL),
                "clevel": level,
                "shuffle": BloscShuffle::ALL.iter().position(|(known, _)| *known == shuffle),
                "blocksize": 0,
            }),
        }
    }

    /// The codec of a zarr v3 array of pixels of `pixel_bytes`; `None` when nothing is
    /// compressed.
    ///
    /// # Errors
    /// `InvalidInput` for a codec that zarr v3 does not have.
    pub(in super::super) fn to_v3(self, pixel_bytes: usize) -> Result<Option<Value>> {
        let (name, configuration) = match self {
            Self::None => return Ok(None),
            Self::Zstd { level } => ("zstd", json!({ "level": level, "checksum": false })),
            Self::Gzip { level } => ("gzip", json!({ "level": level })),
            Self::Blosc { compressor, level, shuffle } => (
                "blosc",
                json!({
                    "cname": name_of(compressor, &BloscCompressor::ALL),
                    "clevel": level,
                    "shuffle": name_of(shuffle, &BloscShuffle::ALL),
                    "typesize": pixel_bytes,
                    "blocksize": 0,
                }),
            ),
            Self::Zlib { .. } | Self::Lz4 => {
                return Err(Error::invalid_input(format!(
                    "OME-Zarr 0.5 has no codec `{self}`; OME-Zarr 0.4 has"
                ))
                .with_hint("use zstd, gzip or blosc"));
            }
        };
        Ok(Some(json!({ "name": name, "configuration": configuration })))
    }

    /// Reads the `compressor` of a zarr v2 array.
    ///
    /// # Errors
    /// `Unsupported` for a codec that is not known.
    pub(in super::super) fn from_v2(compressor: &Value) -> Result<Self> {
        if compressor.is_null() {
            return Ok(Self::None);
        }
        let id = compressor.get("id").and_then(Value::as_str).unwrap_or_default();
        Self::from_name(id, compressor)
    }

    /// Reads a codec by its name and settings. Settings matter to writing only; those that
    /// are not known are taken for the defaults, because chunks say themselves how they
    /// were compressed.
    ///
    /// # Errors
    /// `Unsupported` for a codec that is not known.
    pub(in super::super) fn from_name(name: &str, settings: &Value) -> Result<Self> {
        let number = |key: &str| settings.get(key).and_then(Value::as_i64);
        let deflate_level = || {
            number("level").and_then(|level| u8::try_from(level).ok()).filter(|level| *level <= 9)
        };
        match name.strip_prefix("numcodecs.").unwrap_or(name) {
            "zstd" => {
                let level = number("level").and_then(|level| i32::try_from(level).ok());
                let level = level.filter(|level| (-7..=22).contains(level));
                Ok(Self::Zstd { level: level.unwrap_or(DEFAULT_ZSTD_LEVEL) })
            }
            "gzip" => Ok(Self::Gzip { level: deflate_level().unwrap_or(DEFAULT_LEVEL) }),
            "zlib" => Ok(Self::Zlib { level: deflate_level().unwrap_or(DEFAULT_LEVEL) }),
            "lz4" => Ok(Self::Lz4),
            "blosc" => {
                let cname = settings.get("cname").and_then(Value::as_str).unwrap_or_default();
                let level = number("clevel").and_then(|level| u8::try_from(level).ok());
                Ok(Self::Blosc {
                    compressor: by_name(cname, &BloscCompressor::ALL).unwrap_or_default(),
                    level: level.filter(|level| *level <= 9).unwrap_or(DEFAULT_LEVEL),
                    shuffle: shuffle(settings.get("shuffle")),
                })
            }
            _ => Err(Error::unsupported(format!("codec `{name}` is not known"))),
        }
    }
}

/// Blosc's shuffle as a number (zarr v2), a name (v3) or a truth value (PolyStore).
fn shuffle(value: Option<&Value>) -> BloscShuffle {
    match value {
        Some(Value::String(name)) => by_name(name, &BloscShuffle::ALL).unwrap_or_default(),
        Some(Value::Bool(false)) => BloscShuffle::None,
        Some(Value::Number(number)) => {
            let position = number.as_u64().and_then(|number| usize::try_from(number).ok());
            let found = position.and_then(|position| BloscShuffle::ALL.get(position));
            found.map_or(BloscShuffle::default(), |(shuffle, _)| *shuffle)
        }
        _ => BloscShuffle::default(),
    }
}

fn by_name<T: Copy>(name: &str, known: &[(T, &str)]) -> Option<T> {
    known.iter().find(|(_, candidate)| *candidate == name).map(|(found, _)| *found)
}

fn name_of<T: Copy + PartialEq>(wanted: T, known: &[(T, &'static str)]) -> &'static str {
    known.iter().find(|(found, _)| *found == wanted).map_or("", |(_, name)| name)
}

type Parts<'a> = std::str::Split<'a, char>;

fn part<T: FromStr>(parts: &mut Parts<'_>, default: T, text: &str) -> Result<T> {
    parts.next().map_or(Ok(default), |part| part.parse().map_err(|_| bad(text, part)))
}

fn level(parts: &mut Parts<'_>, text: &str) -> Result<u8> {
    within(part(parts, DEFAULT_LEVEL, text)?, 0..=9, text)
}

fn within<T: PartialOrd + fmt::Display>(
    level: T,
    range: std::ops::RangeInclusive<T>,
    text: &str,
) -> Result<T> {
    if range.contains(&level) {
        return Ok(level);
    }
    let (low, high) = range.into_inner();
    Err(Error::invalid_input(format!("level {level} of codec `{text}` is not in {low} to {high}")))
}

fn named<T: Copy + Default>(
    parts: &mut Parts<'_>,
    known: &[(T, &'static str)],
    text: &str,
) -> Result<T> {
    let Some(name) = parts.next() else { return Ok(T::default()) };
    by_name(name, known).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(_, name)| *name).collect();
        bad(text, name).with_hint(suggest::hint(name, &names))
    })
}

fn bad(text: &str, part: &str) -> Error {
    Error::invalid_input(format!("`{part}` in codec `{text}` is not understood"))
        .with_hint("write for example zstd:3, blosc:zstd:1:shuffle or none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for (text, full) in [
            ("none", "none"),
            ("zstd", "zstd:3"),
            ("zstd:-5", "zstd:-5"),
            ("gzip:9", "gzip:9"),
            ("zlib", "zlib:5"),
            ("lz4", "lz4"),
            ("blosc", "blosc:lz4:5:shuffle"),
            ("blosc:zstd", "blosc:zstd:5:shuffle"),
            ("blosc:lz4hc:9:bitshuffle", "blosc:lz4hc:9:bitshuffle"),
        ] {
            let codec: Codec = text.parse().unwrap();
            assert_eq!(codec.to_string(), full);
            assert_eq!(full.parse::<Codec>().unwrap(), codec);
        }
        for bad in
            ["", "zst", "zstd:99", "zstd:x", "blosc:foo", "blosc:lz4:10", "none:1", "gzip:1:2"]
        {
            assert!(bad.parse::<Codec>().is_err(), "{bad}");
        }
        assert!("blosc:zst".parse::<Codec>().unwrap_err().hint().unwrap().contains("zstd"));
    }

    #[test]
    fn metadata_round_trips() {
        for text in ["none", "zstd:1", "gzip:2", "zlib:3", "lz4", "blosc:zlib:7:bitshuffle"] {
            let codec: Codec = text.parse().unwrap();
            assert_eq!(Codec::from_v2(&codec.to_v2()).unwrap(), codec);
            let Ok(Some(v3)) = codec.to_v3(2) else { continue };
            let name = v3["name"].as_str().unwrap();
            assert_eq!(Codec::from_name(name, &v3["configuration"]).unwrap(), codec);
        }
        assert!(Codec::Lz4.to_v3(2).is_err());
        assert_eq!(Codec::None.to_v3(2).unwrap(), None);
    }

    #[test]
    fn foreign_settings_are_taken_leniently() {
        let read = |text: &str| Codec::from_v2(&serde_json::from_str(text).unwrap());
        let shuffled = |text: &str| match read(text).unwrap() {
            Codec::Blosc { shuffle, .. } => shuffle,
            other => panic!("{other}"),
        };
        assert_eq!(shuffled(r#"{"id": "blosc", "shuffle": true}"#), BloscShuffle::Bytes);
        assert_eq!(shuffled(r#"{"id": "blosc", "shuffle": false}"#), BloscShuffle::None);
        assert_eq!(shuffled(r#"{"id": "blosc", "shuffle": 2}"#), BloscShuffle::Bits);
        assert_eq!(shuffled(r#"{"id": "blosc", "shuffle": -1}"#), BloscShuffle::Bytes);
        assert_eq!(read(r#"{"id": "zstd", "level": 99}"#).unwrap(), Codec::Zstd { level: 3 });
        assert!(read(r#"{"id": "lzma"}"#).is_err());
    }
}
