//! The error type of the crate.

use std::fmt;

use polystore::ErrorKind;

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a pipeline's text and its results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pipeline's text or one of its values is wrong.
    #[error("{origin}: {message}{}", hint_suffix(hint))]
    Pipeline {
        /// Where: a file with a line, a step, a parameter.
        origin: String,
        /// What was expected and what was found.
        message: String,
        /// What to do about it; empty when there is nothing to add.
        hint: String,
        /// `InvalidInput`, or `NotFound` for what the plate has not.
        kind: ErrorKind,
    },
    /// A step failed on one unit of the plate.
    #[error("step `{step}` failed on {unit}")]
    Step {
        /// The step's name.
        step: String,
        /// Well, field and plane.
        unit: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A function cannot work with what it was given.
    #[error("{message}")]
    Function {
        /// What was expected and what was found.
        message: String,
    },
    /// The filesystem below failed.
    #[error(transparent)]
    Store(#[from] polystore::Error),
    /// The run was stopped.
    #[error("the run was cancelled; what was finished is kept, and a rerun goes on from there")]
    Cancelled,
}

fn hint_suffix(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}

impl Error {
    /// A fault in the pipeline at `origin`.
    pub fn pipeline(origin: impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Pipeline {
            origin: origin.to_string(),
            message: message.into(),
            hint: String::new(),
            kind: ErrorKind::InvalidInput,
        }
    }

    /// A pipeline that asks at `origin` for what the plate has not: a well, a field, a channel.
    pub fn not_on_plate(origin: impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Pipeline {
            origin: origin.to_string(),
            message: message.into(),
            hint: String::new(),
            kind: ErrorKind::NotFound,
        }
    }

    /// A function that cannot work with its input.
    pub fn function(message: impl Into<String>) -> Self {
        Self::Function { message: message.into() }
    }

    /// The same fault in the pipeline at another place; other errors stay as they are.
    #[must_use]
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        if let Self::Pipeline { origin, .. } = &mut self {
            *origin = place.to_string();
        }
        self
    }

    /// The same fault in the pipeline, found at this place of the plate.
    #[must_use]
    pub(crate) fn on(mut self, unit: &str) -> Self {
        if let Self::Pipeline { message, .. } = &mut self {
            message.push_str(&format!(" ({unit})"));
        }
        self
    }

    /// Says what to do about a fault in the pipeline; other errors keep their own hints.
    #[must_use]
    pub fn with_hint(mut self, advice: impl Into<String>) -> Self {
        if let Self::Pipeline { hint, .. } = &mut self {
            *hint = advice.into();
        }
        self
    }

    /// The whole chain of causes on one line, joined by `": "`.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// The kind of failure, as the filesystem below classifies its own.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Pipeline { kind, .. } => *kind,
            Self::Function { .. } => ErrorKind::InvalidInput,
            Self::Step { source, .. } => source.kind(),
            Self::Store(error) => error.kind(),
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}
