//! The one error type of the crate.

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with bytes, values or text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are no Ice message: the connection they came from is of no more use.
    #[error("not an Ice message: {0}")]
    Frame(String),
    /// Bytes inside of a message that do not decode; the connection may go on.
    #[error("{what} at byte {at}: {problem}")]
    Decode {
        /// What was read.
        what: &'static str,
        /// Where in the encapsulation or message.
        at: usize,
        /// What was found, and what was expected.
        problem: String,
    },
    /// A length, count or depth above the limit.
    #[error("{what} of {found} is above the limit of {limit}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// What was asked for.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A value that does not fit the type it is to be sent as.
    #[error("a value does not fit {expected}: {found}")]
    Value {
        /// The type.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A class, exception, interface or operation that the schema does not have.
    #[error("{what} `{name}` is not known")]
    Unknown {
        /// What it should be.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Text that is no proxy, identity or endpoint.
    #[error("`{text}` is no {what}: {problem}")]
    Text {
        /// What it should be.
        what: &'static str,
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    pub(crate) fn decode(what: &'static str, at: usize, problem: impl Into<String>) -> Self {
        Self::Decode { what, at, problem: problem.into() }
    }

    pub(crate) fn unknown(what: &'static str, name: impl Into<String>) -> Self {
        Self::Unknown { what, name: name.into() }
    }

    pub(crate) fn value(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Value { expected: expected.into(), found: found.into() }
    }

    pub(crate) fn limit(what: &'static str, found: usize, limit: usize) -> Self {
        Self::Limit { what, found: found as u64, limit: limit as u64 }
    }
}
