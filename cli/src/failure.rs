//! Errors as people read them, and the exit code of each.

use std::{
    io::Write,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use polystore::ErrorKind;

use crate::output::printable;

/// A file that grows beyond `ulimit -f` is an error of the write, as a full disk is, instead of
/// the end of the process without a word.
pub(crate) fn survive_file_limit() {
    let happened = Arc::new(AtomicBool::new(false));
    // Without a handler, the default of ending at once stays in place.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, happened);
}

/// Prints an error with its causes and what to do, and chooses the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    print(error.chain());
    ExitCode::from(code(error))
}

/// Prints an error that stopped a part of the work only.
pub(crate) fn tell(error: &polystore::Error) {
    let causes =
        std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    print(causes);
}

fn print<'a>(causes: impl Iterator<Item = &'a (dyn std::error::Error + 'static)>) {
    let mut err = std::io::stderr().lock();
    // Nothing can be done when even standard error is closed.
    let mut hints = Vec::new();
    let mut last = String::new();
    for (depth, cause) in causes.enumerate() {
        let lead = if depth == 0 { "error: " } else { "  because: " };
        let text = match (cause.downcast_ref(), cause.downcast_ref()) {
            (Some(error), _) | (_, Some(polystore_pipeline::Error::Store(error))) => {
                plain(error, &mut hints)
            }
            (_, Some(polystore_pipeline::Error::Pipeline { origin, message, hint, .. })) => {
                hints.extend((!hint.is_empty()).then(|| hint.clone()));
                format!("{origin}: {message}")
            }
            _ => cause.to_string(),
        };
        // Some libraries repeat their causes.
        if depth == 0 || !last.ends_with(&text) {
            let _ = writeln!(err, "{lead}{}", printable(&text, false));
            last = text;
        }
    }
    for hint in hints {
        let _ = writeln!(err, "  hint: {}", printable(&hint, false));
    }
}

/// Where and what; the hint goes to the end. A path in a store is told with the store.
fn plain(error: &polystore::Error, hints: &mut Vec<String>) -> String {
    hints.extend(error.hint().map(str::to_owned));
    let place = match (error.path(), error.backend()) {
        (Some(path), Some(backend)) => join(backend, path),
        (Some(place), None) | (None, Some(place)) => place.to_owned(),
        (None, None) => return error.message().to_owned(),
    };
    format!("{place}: {}", error.message())
}

/// `/A/01` in `zarr:/data/plate.zarr` is `/data/plate.zarr/A/01`; a path that says where
/// the backend is stays as it is.
fn join(backend: &str, path: &str) -> String {
    let (scheme, root) = backend.split_once(':').unwrap_or(("", backend));
    let root = root.trim_end_matches('/');
    // Files of a store are named from its root.
    if scheme == "zarr" && !path.starts_with('/') {
        return format!("{root}/{path}");
    }
    if !path.starts_with('/') || (!root.is_empty() && path.starts_with(root)) {
        return path.to_owned();
    }
    let lead = if matches!(scheme, "disk" | "zarr") { "" } else { &backend[..=scheme.len()] };
    format!("{lead}{root}{}", path.trim_end_matches('/'))
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<polystore::Error>() {
            return error.kind().exit_code();
        }
        if let Some(error) = cause.downcast_ref::<polystore_pipeline::Error>() {
            return error.kind().exit_code();
        }
        // Of printing: a full disk where standard output leads to, a closed terminal.
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return match error.kind() {
                std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge => ErrorKind::LimitExceeded.exit_code(),
                _ => ErrorKind::Transient.exit_code(),
            };
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn places_are_told_in_full_and_once() {
        for (backend, path, place) in [
            ("zarr:/data/p.zarr", "/A/01", "/data/p.zarr/A/01"),
            ("zarr:/data/p.zarr", "/", "/data/p.zarr"),
            ("disk:/", "/data/a.tif", "/data/a.tif"),
            ("disk:/data", "/data/a.tif", "/data/a.tif"),
            ("memory:scratch", "/a", "memory:scratch/a"),
            ("zarr:/data/p.zarr", "A/zarr.json", "/data/p.zarr/A/zarr.json"),
            ("disk:/data", "a.tif", "a.tif"),
        ] {
            assert_eq!(join(backend, path), place);
        }
    }
}
