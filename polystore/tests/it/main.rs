//! Integration tests of the filesystem, a module per topic.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

mod bad_input;
mod disk_files;
mod microscopes;
