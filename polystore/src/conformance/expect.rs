//! What a case expects, and how it says that it found something else.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// Why a case failed: what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

/// What a case answers.
pub type CaseResult = Result<(), Failure>;

impl Failure {
    /// A failure that says what was expected and what was found.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("unexpected {}: {}", error.kind(), error.chain()))
    }
}

/// `condition` holds; `message` says what else was expected.
pub(super) fn holds(condition: bool, message: impl fmt::Display) -> CaseResult {
    if condition { Ok(()) } else { Err(Failure::new(message.to_string())) }
}

/// `found` is `expected`.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> CaseResult {
    holds(found == expected, format_args!("{what}: expected {expected:?}, found {found:?}"))
}

/// `result` is an error of `kind`.
pub(super) fn fails<T>(what: &str, result: Result<T>, kind: ErrorKind) -> CaseResult {
    fails_with(what, result, &[kind])
}

/// `result` is an error of one of `kinds`.
pub(super) fn fails_with<T>(what: &str, result: Result<T>, kinds: &[ErrorKind]) -> CaseResult {
    let wanted: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    let wanted = wanted.join(" or ");
    match result {
        Ok(_) => Err(Failure::new(format!("{what}: expected {wanted}, but it succeeded"))),
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "{what}: expected {wanted}, found {}: {}",
            error.kind(),
            error.chain()
        ))),
    }
}
