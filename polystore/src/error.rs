//! The one error type of the crate: what kind of failure, where, and what to do about it.

use std::{borrow::Cow, error::Error as StdError, fmt, io};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in terms a caller can act on.
///
/// Each kind maps to one process exit code ([`ErrorKind::exit_code`]) and one HTTP
/// status ([`ErrorKind::http_status`]); retrying is decided by kind in one place
/// ([`ErrorKind::is_retryable`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A path, plate, well or image is not there.
    NotFound,
    /// A create-only write met something that exists.
    AlreadyExists,
    /// The caller asked for something impossible: a bad path, region, index or option.
    InvalidInput,
    /// Stored data is malformed: a truncated file, a checksum that differs, a type mismatch.
    InvalidData,
    /// A declared plane was never stored. Never answered with zeros.
    MissingPlane,
    /// A valid request that this backend, or this crate, cannot serve.
    Unsupported,
    /// Not logged in.
    Unauthenticated,
    /// Not allowed, including writes into a read-only place or a source plate.
    PermissionDenied,
    /// Somebody else changed the same thing at the same time.
    Conflict,
    /// A memory, disk or decoding limit was met.
    LimitExceeded,
    /// A passing failure; the same call may succeed later.
    Transient,
    /// The caller asked to stop.
    Cancelled,
    /// A bug in this crate.
    Internal,
}

impl ErrorKind {
    /// All kinds, for tables and tests.
    pub const ALL: [Self; 13] = [
        Self::NotFound,
        Self::AlreadyExists,
        Self::InvalidInput,
        Self::InvalidData,
        Self::MissingPlane,
        Self::Unsupported,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::Conflict,
        Self::LimitExceeded,
        Self::Transient,
        Self::Cancelled,
        Self::Internal,
    ];

    /// Whether repeating an idempotent call may succeed.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Transient)
    }

    /// The exit code of the `polystore` command for this kind; stable across releases.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::InvalidInput => 2,
            Self::NotFound => 3,
            Self::AlreadyExists => 4,
            Self::InvalidData | Self::MissingPlane => 5,
            Self::Unsupported => 6,
            Self::Unauthenticated | Self::PermissionDenied => 7,
            Self::Conflict => 8,
            Self::LimitExceeded => 9,
            Self::Transient => 10,
            Self::Cancelled => 130,
            Self::Internal => 70,
        }
    }

    /// The HTTP status a server answers for this kind.
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidInput => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound | Self::MissingPlane => 404,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::LimitExceeded => 413,
            Self::InvalidData => 422,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::Unsupported => 501,
            Self::Transient => 503,
        }
    }

    /// The kind as words, as it stands in messages and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::InvalidInput => "invalid input",
            Self::InvalidData => "invalid data",
            Self::MissingPlane => "missing plane",
            Self::Unsupported => "unsupported",
            Self::Unauthenticated => "not logged in",
            Self::PermissionDenied => "permission denied",
            Self::Conflict => "conflict",
            Self::LimitExceeded => "limit exceeded",
            Self::Transient => "passing failure",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure with its kind, the backend and path it concerns, and its cause.
///
/// One word wide. `Display` prints this level only; the cause is reached through
/// [`std::error::Error::source`], so that a printed chain says nothing twice.
///
/// ```
/// use polystore::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::NotFound, "no such well")
///     .with_backend("disk")
///     .with_path("/plate/B07")
///     .with_hint("the plate has wells A01 to A06");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.to_string(), "disk: /plate/B07: no such well (the plate has wells A01 to A06)");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    backend: Option<Cow<'static, str>>,
    path: Option<String>,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` says what was expected and what was found.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            backend: None,
            path: None,
            message: message.into(),
            hint: None,
            source: None,
        }))
    }

    /// Shorthand for [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Shorthand for [`ErrorKind::InvalidInput`].
    pub fn invalid_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Shorthand for [`ErrorKind::InvalidData`].
    pub fn invalid_data(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidData, message)
    }

    /// Shorthand for [`ErrorKind::Unsupported`].
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Shorthand for [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Wraps an operating-system error; `operation` is a verb phrase such as `"read"`.
    pub fn io(error: io::Error, operation: &str, path: impl fmt::Display) -> Self {
        Self::from_io(error, operation).with_path(path)
    }

    /// Whether a file system or quota has no room left, or lets no file grow that far: nothing
    /// more can be written there.
    pub fn is_storage_full(&self) -> bool {
        // The hint survives copies of the error, which lose their source.
        matches!(self.hint(), Some(STORAGE_FULL | FILE_TOO_LARGE))
    }

    /// Wraps an operating-system error where the path is added by the caller.
    pub fn from_io(error: io::Error, operation: &str) -> Self {
        let (kind, hint) = classify_io(&error);
        let wrapped = Self::new(kind, format!("cannot {operation}"));
        let wrapped = match hint {
            Some(hint) => wrapped.with_hint(hint),
            None => wrapped,
        };
        wrapped.with_source(error)
    }

    /// Names the file, object or virtual path that the error concerns, unless one is named.
    #[must_use]
    pub fn with_path(mut self, path: impl fmt::Display) -> Self {
        if self.0.path.is_none() {
            self.0.path = Some(path.to_string());
        }
        self
    }

    /// Replaces the path, when an outer layer knows it by a better name.
    #[must_use]
    pub fn with_outer_path(mut self, path: impl fmt::Display) -> Self {
        self.0.path = Some(path.to_string());
        self
    }

    /// Names the backend, unless one is named.
    #[must_use]
    pub fn with_backend(mut self, backend: impl Into<Cow<'static, str>>) -> Self {
        if self.0.backend.is_none() {
            self.0.backend = Some(backend.into());
        }
        self
    }

    /// Says what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file, object or virtual path concerned.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The backend that failed, by name.
    pub fn backend(&self) -> Option<&str> {
        self.0.backend.as_deref()
    }

    /// What was expected and what was found, without path and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the path says where `backend` is, as paths in the file system do.
    fn names(&self, backend: &str) -> bool {
        let Some((_, root)) = backend.split_once(':') else { return false };
        let root = root.trim_end_matches('/');
        let below = self.0.path.as_ref().and_then(|path| path.strip_prefix(root));
        !root.is_empty() && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    /// Whether repeating an idempotent call may succeed.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// The whole chain of causes on one line, joined by `": "`.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let next = error.to_string();
            // Some libraries repeat their causes.
            if !text.ends_with(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        text
    }

    /// A copy that can be answered to several requests; the cause becomes text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let inner = &self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            backend: inner.backend.clone(),
            path: inner.path.clone(),
            message: inner.message.clone(),
            hint: inner.hint.clone(),
            source: inner.source.as_ref().map(|source| source.to_string().into()),
        }))
    }
}

/// The advice of an error about a full disk.
const STORAGE_FULL: &str = "free some space or choose another place, then run again";

/// The advice of an error about a file that may not grow any further.
const FILE_TOO_LARGE: &str = "the file system or `ulimit -f` limits the size of files; raise the \
                              limit or choose another place, then run again";

/// Kind and advice for an operating-system error.
fn classify_io(error: &io::Error) -> (ErrorKind, Option<&'static str>) {
    use io::ErrorKind as Io;
    // The standard library has no stable name for it.
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return (
            ErrorKind::InvalidInput,
            Some("a link on the way leads back to itself; make it lead to what it stands for"),
        );
    }
    match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, None),
        Io::AlreadyExists | Io::DirectoryNotEmpty => (ErrorKind::AlreadyExists, None),
        Io::PermissionDenied => (
            ErrorKind::PermissionDenied,
            Some("check the owner and mode of the file and its folder"),
        ),
        Io::ReadOnlyFilesystem => (
            ErrorKind::PermissionDenied,
            Some("the file system is read-only; choose another place"),
        ),
        Io::StorageFull | Io::QuotaExceeded => (ErrorKind::LimitExceeded, Some(STORAGE_FULL)),
        Io::FileTooLarge => (ErrorKind::LimitExceeded, Some(FILE_TOO_LARGE)),
        Io::OutOfMemory => (ErrorKind::LimitExceeded, None),
        Io::UnexpectedEof | Io::InvalidData => (ErrorKind::InvalidData, None),
        Io::IsADirectory | Io::NotADirectory | Io::InvalidInput | Io::InvalidFilename => {
            (ErrorKind::InvalidInput, None)
        }
        Io::Interrupted
        | Io::TimedOut
        | Io::WouldBlock
        | Io::ResourceBusy
        | Io::StaleNetworkFileHandle => (ErrorKind::Transient, None),
        _ => (ErrorKind::Transient, None),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(backend) = self.0.backend.as_ref().filter(|backend| !self.names(backend)) {
            write!(f, "{backend}: ")?;
        }
        // The root of a backend is where the backend is.
        let is_root = |path: &&String| *path == "/" && self.0.backend.is_some();
        if let Some(path) = self.0.path.as_ref().filter(|path| !is_root(path)) {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("backend", &self.0.backend)
            .field("path", &self.0.path)
            .field("message", &self.0.message)
            .field("hint", &self.0.hint)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn first_path_wins_and_the_chain_keeps_causes() {
        let error =
            Error::io(io::Error::from(io::ErrorKind::NotFound), "open", "/a").with_path("/b");
        assert_eq!(error.path(), Some("/a"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.chain(), "/a: cannot open: entity not found");
    }

    #[test]
    fn the_root_of_a_backend_is_told_as_its_place() {
        let error = Error::not_found("gone").with_path("/").with_backend("zarr:/data/p.zarr");
        assert_eq!(error.to_string(), "zarr:/data/p.zarr: gone");
        assert_eq!(Error::not_found("gone").with_path("/").to_string(), "/: gone");
    }

    #[test]
    fn a_place_is_told_once() {
        let told = |path: &str| {
            Error::not_found("gone").with_path(path).with_backend("disk:/data/p").to_string()
        };
        assert_eq!(told("/data/p/a.tif"), "/data/p/a.tif: gone");
        assert_eq!(told("/data/plate/a.tif"), "disk:/data/p: /data/plate/a.tif: gone");
        assert_eq!(told("/a.tif"), "disk:/data/p: /a.tif: gone");
    }

    #[test]
    fn full_disk_says_what_to_do() {
        let error = Error::io(io::Error::from(io::ErrorKind::StorageFull), "write", "/a");
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.hint().is_some_and(|hint| hint.contains("free some space")));
        assert!(error.is_storage_full() && error.with_path("/b").is_storage_full());
        let error = Error::io(io::Error::from(io::ErrorKind::FileTooLarge), "write", "/a");
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.is_storage_full() && error.hint().unwrap().contains("ulimit -f"));
        assert!(!Error::not_found("gone").is_storage_full());
    }
}
