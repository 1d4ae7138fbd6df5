//! The command as its users call it: output, exit codes, files that it leaves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod convert;
mod copy;
mod damaged;
mod derived;
mod errors;
mod full_disk;
mod guarded;
mod interrupt;
mod kinds;
mod listings;
mod mend;
mod metadata;
mod passed_over;
mod pipelines;
mod pipes;
mod plates;
mod runs;
mod same_plane;
mod strays;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The real plate of the repository: wells E07 and E08, 40 planes.
fn plate() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/imagexpress-mix/plate")
}

/// A folder to run in, with a cache of its own.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polystore"));
        command.current_dir(self.0.path()).env("POLYSTORE_CACHE_DIR", self.path(".cache"));
        command
    }

    /// Runs with arguments that are to succeed; standard output.
    fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let output = self.command().args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs with `--json`; what was printed.
    fn json<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        let output = self.command().arg("--json").args(arguments).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs with arguments that are to fail with `code`; standard error.
    fn fail<A: AsRef<std::ffi::OsStr>>(
        &self,
        code: i32,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        let output = self.command().args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{errors}");
        errors
    }
}

/// Arguments of different types as one list.
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        [$(std::ffi::OsString::from(&$argument)),*]
    };
}
use args;
