//! Errors as people read them, and the exit code of each.

use std::{io::Write, process::ExitCode};

/// Prints an error with its causes and what to do, and chooses the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let mut err = std::io::stderr().lock();
    // Nothing can be done when even standard error is closed.
    let mut hints = Vec::new();
    for (depth, cause) in error.chain().enumerate() {
        let lead = if depth == 0 { "error: " } else { "  because: " };
        let text = match cause.downcast_ref::<polystore::Error>() {
            Some(error) => plain(error, &mut hints),
            None => cause.to_string(),
        };
        let _ = writeln!(err, "{lead}{text}");
    }
    for hint in hints {
        let _ = writeln!(err, "  hint: {hint}");
    }
    ExitCode::from(code(error))
}

/// Path and message; the hint goes to the end, and the backend is left out where the path
/// says it.
fn plain(error: &polystore::Error, hints: &mut Vec<String>) -> String {
    hints.extend(error.hint().map(str::to_owned));
    match (error.path(), error.backend()) {
        (Some(path), _) if !path.is_empty() => format!("{path}: {}", error.message()),
        (_, Some(backend)) => format!("{backend}: {}", error.message()),
        _ => error.message().to_owned(),
    }
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
