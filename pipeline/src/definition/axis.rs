//! The axes of a plate's data.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// An axis along which a step can take planes as one stack. The order is that of the planes
/// in a stack over several: `z` fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Fields of a well.
    Field,
    /// Timepoints.
    T,
    /// Channels.
    Channel,
    /// Z-sections.
    Z,
}

impl Axis {
    /// All axes, the slowest first.
    pub const ALL: [Self; 4] = [Self::Field, Self::T, Self::Channel, Self::Z];

    /// The name in a pipeline.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::T => "t",
            Self::Channel => "channel",
            Self::Z => "z",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Axis {
    type Err = Error;

    /// Also takes `site`, `time`, `c`, as vendors and other systems say.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "field" | "site" => Ok(Self::Field),
            "t" | "time" => Ok(Self::T),
            "channel" | "c" => Ok(Self::Channel),
            "z" => Ok(Self::Z),
            _ => Err(Error::pipeline("axis", format!("there is no axis `{text}`"))
                .with_hint(polystore::suggest::hint(text, &Self::ALL.map(Self::as_str)))),
        }
    }
}

/// Axes in words: `z`, `t and z`, `no axis`.
pub(crate) fn in_words(axes: &[Axis]) -> String {
    match axes {
        [] => "no axis".to_owned(),
        [only] => only.to_string(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|axis| axis.as_str()).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}
