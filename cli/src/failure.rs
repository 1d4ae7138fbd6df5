//! Errors as people read them, and the exit code of each.

use std::{io::Write, process::ExitCode};

/// Prints an error with its causes and what to do, and chooses the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let mut err = std::io::stderr().lock();
    // Nothing can be done when even standard error is closed.
    let _ = writeln!(err, "error: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(err, "  because: {cause}");
    }
    ExitCode::from(code(error))
}

/// A reader such as `head` that has seen enough is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<polystore::Error>() {
            return error.kind().exit_code();
        }
        if let Some(error) = cause.downcast_ref::<polystore_pipeline::Error>() {
            return error.kind().exit_code();
        }
    }
    1
}
