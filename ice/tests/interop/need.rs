//! What a test needs from outside, and its absence. As in the tests of the whole workspace, of
//! which this crate is independent.

use std::path::PathBuf;

/// `found`, or a skipped test that says why; a failed one where `POLYSTORE_REQUIRE` (names
/// joined by commas, or `all`) says that it must be there.
#[expect(clippy::print_stderr, reason = "how a test is skipped out loud")]
pub(crate) fn skip_without<T>(found: Option<T>, service: &str, reason: &str) -> Option<T> {
    if found.is_none() {
        let required = std::env::var("POLYSTORE_REQUIRE").unwrap_or_default();
        if required.split(',').any(|name| name == service || name == "all") {
            panic!("{service} is required, but {reason}");
        }
        eprintln!(
            "SKIPPED, not passed: {reason} (POLYSTORE_REQUIRE={service} makes this a failure)"
        );
    }
    found
}

/// A program on the path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
