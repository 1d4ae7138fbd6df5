//! What the cross-crate tests share: outside programs that a test needs, and their absence.

pub mod interop;

use std::path::PathBuf;

/// Whether `POLYSTORE_REQUIRE` (names joined by commas, or `all`) says that `service` must
/// be there, so that a test without it fails instead of being skipped.
pub fn is_required(service: &str) -> bool {
    let required = std::env::var("POLYSTORE_REQUIRE").unwrap_or_default();
    required.split(',').any(|name| name == service || name == "all")
}

/// The Python with the reference readers (`tests/interop/requirements.txt`), named by
/// `POLYSTORE_INTEROP_PYTHON`. Without it the test is skipped, and says so.
///
/// # Panics
/// When it is required and not there.
pub fn interop_python() -> Option<PathBuf> {
    let found = std::env::var_os("POLYSTORE_INTEROP_PYTHON").map(PathBuf::from);
    skip_without(
        found.filter(|python| python.is_file()),
        "interop",
        "POLYSTORE_INTEROP_PYTHON is not set to a Python",
    )
}

/// `found`, or a skipped test that says why; a failed one where the service is required.
///
/// # Panics
/// When `service` is required and not there.
#[expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "how a test fails, and how it is skipped out loud"
)]
pub fn skip_without<T>(found: Option<T>, service: &str, reason: &str) -> Option<T> {
    if found.is_none() {
        if is_required(service) {
            panic!("{service} is required, but {reason}");
        }
        eprintln!(
            "SKIPPED, not passed: {reason} (POLYSTORE_REQUIRE={service} makes this a failure)"
        );
    }
    found
}

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
