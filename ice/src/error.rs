//! The one error type of the crate.

use crate::value::{Exception, Graph, Value};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with bytes, values or text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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
    /// Something outside of the program that failed.
    #[error("{what} failed: {problem}")]
    Io {
        /// What it is.
        what: &'static str,
        /// What failed, and where.
        problem: String,
    },
    /// A server that cannot be spoken with in TLS, or is not trusted.
    #[error("no secure connection to {server}: {problem}")]
    Tls {
        /// Its host and port.
        server: String,
        /// Why, and what to do.
        problem: String,
    },
    /// No answer in time.
    #[error("{what} did not come within {after:?}{}", if *may_repeat {
        " (it may be tried again)"
    } else {
        " (whether the call was made is not known)"
    })]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        after: std::time::Duration,
        /// Whether it may be tried again: a call was not sent, or making it twice is as making
        /// it once.
        may_repeat: bool,
    },
    /// A connection that ended before the answer was there.
    #[error("the connection was lost: {reason}{}", if *may_repeat {
        " (the call may be repeated)"
    } else {
        " (whether the call was made is not known)"
    })]
    Lost {
        /// Why.
        reason: String,
        /// Whether the call may be repeated: it was not made, or making it twice is as making
        /// it once.
        may_repeat: bool,
    },
    /// A call that the server could not make.
    #[error("the server did not make the call: {0}")]
    Refused(String),
    /// A call that was not made, since others were in the way. It may be repeated.
    #[error("the call was not made: {0} (it may be repeated)")]
    NotMade(String),
    /// A call of something that the server does not have. It was not made.
    #[error("there is no such {what} ({object}, `{operation}`)")]
    NotExist {
        /// `object`, `facet` or `operation`.
        what: &'static str,
        /// The object that was called, in words.
        object: String,
        /// The operation.
        operation: String,
    },
    /// A user or a password, or a session's key, that the server does not accept.
    #[error("the server does not let this user in: {0}")]
    PermissionDenied(String),
    /// A session that the server does not make, though it may know the user.
    #[error("the server makes no session: {reason}")]
    CannotCreateSession {
        /// Why, in the server's words.
        reason: String,
        /// The exception that it raised, such as `::omero::ExpiredCredentialException`.
        kind: Box<str>,
        /// After which time it may be tried again, when the server says that others were in
        /// the way.
        again_after: Option<std::time::Duration>,
    },
    /// A connection that has no session at the router, or none any more.
    #[error("there is no session; log in (again)")]
    SessionNotExist,
    /// A session that the server has ended: nothing was called for too long, or it was closed
    /// from elsewhere.
    #[error("the session has ended; log in again: {0}")]
    SessionExpired(String),
    /// An exception of an operation, with the instances that it refers to.
    #[error("{}", exception_text(&.0.0))]
    Exception(Box<(Exception, Graph)>),
}

/// The type of an exception and what is in it as text.
fn exception_text(exception: &Exception) -> String {
    let texts = exception.fields.iter().filter_map(|field| match field {
        Value::String(text) => Some(&**text),
        _ => None,
    });
    // Stack traces are of many lines.
    let mut text = exception.id.trim_start_matches("::").to_owned();
    for part in texts.filter(|part| !part.is_empty() && !part.contains('\n')) {
        text.push_str(": ");
        text.push_str(part);
    }
    text
}

impl Error {
    /// Whether the call that failed may be made again without asking what became of it.
    pub fn may_repeat(&self) -> bool {
        matches!(
            self,
            Self::Lost { may_repeat: true, .. }
                | Self::Timeout { may_repeat: true, .. }
                | Self::NotMade(_)
        )
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn io(what: &'static str, problem: impl Into<String>) -> Self {
        Self::Io { what, problem: problem.into() }
    }

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
