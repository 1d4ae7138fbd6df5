//! Parameters of functions: a schema that is documentation, validation and defaults at once.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The value of a parameter as it stands in a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Text, or one of a choice.
    Text(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "\"{value}\""),
        }
    }
}

impl From<bool> for Setting {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Setting {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for Setting {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Setting {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// A value as it was given, and where it stands, for messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The value.
    pub value: Setting,
    /// File, line and column, or the step.
    pub origin: String,
}

/// What values a parameter takes, and its default.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ParameterKind {
    /// A number between `min` and `max`, both allowed.
    Float {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// Value when it is not given; `None` for a parameter that must be given.
        default: Option<f64>,
    },
    /// A whole number between `min` and `max`, both allowed.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Value when it is not given; `None` for a parameter that must be given.
        default: Option<i64>,
    },
    /// `true` or `false`.
    Bool {
        /// Value when it is not given.
        default: bool,
    },
    /// One of a few words; the first is the default.
    Choice(&'static [&'static str]),
    /// Any text.
    Text {
        /// Value when it is not given; `None` for a parameter that must be given.
        default: Option<&'static str>,
    },
}

/// One parameter of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in a pipeline.
    pub name: &'static str,
    /// What values it takes.
    pub kind: ParameterKind,
    /// Its unit (`px`, `%`, `µm`); empty without one.
    pub unit: &'static str,
    /// One line that says what it does.
    pub about: &'static str,
}

/// Checked settings of one call of a function: every parameter of the schema has a value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// Checks what was `given` against `schema` and fills in defaults. `origin` says where
    /// in the pipeline the function is called, for messages.
    ///
    /// # Errors
    /// `Pipeline` naming the parameter: unknown (with the nearest names), of the wrong type,
    /// out of range, or missing.
    pub fn check(
        given: &BTreeMap<String, Given>,
        schema: &[Parameter],
        origin: &str,
    ) -> Result<Self> {
        let names: Vec<_> = schema.iter().map(|parameter| parameter.name).collect();
        let is_unknown = |name: &str| !names.contains(&name);
        if let Some((unknown, given)) = given.iter().find(|(name, _)| is_unknown(name)) {
            let message = format!("there is no parameter `{unknown}`");
            return Err(Error::pipeline(&given.origin, message)
                .with_hint(polystore::suggest::hint(unknown, &names)));
        }
        let checked = schema.iter().map(|parameter| {
            let value = match given.get(parameter.name) {
                Some(given) => parameter.resolve(&given.value, &given.origin)?,
                None => parameter.default(origin)?,
            };
            Ok((parameter.name.to_owned(), value))
        });
        checked.collect::<Result<_>>().map(Self)
    }

    /// All settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A number; a whole number counts as one.
    ///
    /// # Errors
    /// `Function` when the schema has no such number.
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.0.get(name) {
            Some(Setting::Float(value)) => Ok(*value),
            Some(Setting::Integer(value)) => Ok(*value as f64),
            _ => Err(undeclared(name, "number")),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// `Function` when the schema has no such whole number.
    pub fn integer(&self, name: &str) -> Result<i64> {
        match self.0.get(name) {
            Some(Setting::Integer(value)) => Ok(*value),
            _ => Err(undeclared(name, "whole number")),
        }
    }

    /// A truth value.
    ///
    /// # Errors
    /// `Function` when the schema has no such truth value.
    pub fn bool(&self, name: &str) -> Result<bool> {
        match self.0.get(name) {
            Some(Setting::Bool(value)) => Ok(*value),
            _ => Err(undeclared(name, "truth value")),
        }
    }

    /// A text or a choice.
    ///
    /// # Errors
    /// `Function` when the schema has no such text.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.0.get(name) {
            Some(Setting::Text(value)) => Ok(value),
            _ => Err(undeclared(name, "text")),
        }
    }
}

fn undeclared(name: &str, kind: &str) -> Error {
    Error::function(format!("the function's schema declares no {kind} `{name}`"))
}

impl Parameter {
    /// What the parameter takes, in words: `a number from 0 to 100 (default 1)`.
    pub fn describe(&self) -> String {
        let with_default = |text: String, default: Option<String>| match default {
            Some(default) => format!("{text} (default {default})"),
            None => format!("{text}, required"),
        };
        let range = |what: &str, min: f64, max: f64| match (min.is_finite(), max.is_finite()) {
            (true, true) => format!("{what} from {min} to {max}"),
            (true, false) => format!("{what} of at least {min}"),
            (false, true) => format!("{what} of at most {max}"),
            (false, false) => what.to_owned(),
        };
        match self.kind {
            ParameterKind::Float { min, max, default } => {
                with_default(range("a number", min, max), default.map(|value| value.to_string()))
            }
            ParameterKind::Integer { min, max, default } => {
                let bound = |value: i64, open: i64, infinite: f64| {
                    if value == open { infinite } else { value as f64 }
                };
                let (low, high) =
                    (bound(min, i64::MIN, f64::NEG_INFINITY), bound(max, i64::MAX, f64::INFINITY));
                with_default(
                    range("a whole number", low, high),
                    default.map(|value| value.to_string()),
                )
            }
            ParameterKind::Bool { default } => {
                with_default("true or false".to_owned(), Some(default.to_string()))
            }
            ParameterKind::Choice(choices) => with_default(
                format!("one of {}", choices.join(", ")),
                choices.first().map(|choice| (*choice).to_owned()),
            ),
            ParameterKind::Text { default } => {
                with_default("text".to_owned(), default.map(|text| format!("\"{text}\"")))
            }
        }
    }

    fn resolve(&self, given: &Setting, origin: &str) -> Result<Setting> {
        let accepted = match (self.kind, given) {
            (ParameterKind::Float { min, max, .. }, Setting::Float(value)) => {
                (min..=max).contains(value).then(|| given.clone())
            }
            (ParameterKind::Float { min, max, .. }, Setting::Integer(value)) => {
                let value = *value as f64;
                (min..=max).contains(&value).then_some(Setting::Float(value))
            }
            (ParameterKind::Integer { min, max, .. }, Setting::Integer(value)) => {
                (min..=max).contains(value).then(|| given.clone())
            }
            (ParameterKind::Bool { .. }, Setting::Bool(_))
            | (ParameterKind::Text { .. }, Setting::Text(_)) => Some(given.clone()),
            (ParameterKind::Choice(choices), Setting::Text(word)) => {
                choices.contains(&word.as_str()).then(|| given.clone())
            }
            _ => None,
        };
        accepted.ok_or_else(|| self.refuse(given, origin))
    }

    fn default(&self, origin: &str) -> Result<Setting> {
        let default = match self.kind {
            ParameterKind::Float { default, .. } => default.map(Setting::Float),
            ParameterKind::Integer { default, .. } => default.map(Setting::Integer),
            ParameterKind::Bool { default } => Some(Setting::Bool(default)),
            ParameterKind::Choice(choices) => {
                choices.first().map(|choice| Setting::Text((*choice).to_owned()))
            }
            ParameterKind::Text { default } => default.map(|text| Setting::Text(text.to_owned())),
        };
        default.ok_or_else(|| {
            Error::pipeline(origin, format!("parameter `{}` must be given", self.name))
                .with_hint(format!("it is {}", self.describe()))
        })
    }

    fn refuse(&self, given: &Setting, origin: &str) -> Error {
        let error = Error::pipeline(
            origin,
            format!("parameter `{}` cannot be {given}: it is {}", self.name, self.describe()),
        );
        match (self.kind, given) {
            (ParameterKind::Choice(choices), Setting::Text(word)) => {
                error.with_hint(polystore::suggest::hint(word, choices))
            }
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &[Parameter] = &[
        Parameter {
            name: "sigma",
            kind: ParameterKind::Float { min: 0.0, max: 100.0, default: Some(1.0) },
            unit: "px",
            about: "Width.",
        },
        Parameter {
            name: "mode",
            kind: ParameterKind::Choice(&["nearest", "reflect"]),
            unit: "",
            about: "Edge.",
        },
    ];

    fn check(given: &[(&str, Setting)]) -> Result<Settings> {
        let origin = || "step `blur`, sigma".to_owned();
        let given = given.iter().map(|(name, value)| {
            ((*name).to_owned(), Given { value: value.clone(), origin: origin() })
        });
        let given = given.collect();
        Settings::check(&given, SCHEMA, "step `blur`")
    }

    #[test]
    fn defaults_fill_in_and_whole_numbers_are_numbers() {
        let settings = check(&[("sigma", Setting::Integer(2))]).unwrap();
        assert_eq!(settings.float("sigma").unwrap(), 2.0);
        assert_eq!(settings.text("mode").unwrap(), "nearest");
        assert!(settings.integer("sigma").is_err());
    }

    #[test]
    fn wrong_settings_say_what_is_right() {
        let message = |given| check(given).unwrap_err().to_string();
        assert!(message(&[("sigam", Setting::Float(1.0))]).contains("did you mean `sigma`"));
        assert!(message(&[("sigma", Setting::Float(-1.0))]).contains("from 0 to 100 (default 1)"));
        assert!(message(&[("sigma", Setting::Float(f64::NAN))]).contains("cannot be NaN"));
        assert!(
            message(&[("mode", Setting::Text("reflct".to_owned()))])
                .contains("did you mean `reflect`")
        );
    }
}
