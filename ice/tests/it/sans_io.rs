//! Outside of `connection`, nothing does I/O or looks at a clock.

use std::{
    fs,
    path::{Path, PathBuf},
};

const FORBIDDEN: [&str; 8] = [
    "std::net",
    "std::fs",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::env",
    "tokio",
    "async ",
];

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}

#[test]
fn only_connections_do_io() {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let (outside, inside): (Vec<_>, Vec<_>) = all.into_iter().partition(|path| {
        // Sessions stand on connections.
        let with_io = ["connection", "glacier2"];
        !with_io.iter().any(|folder| path.starts_with(source.join(folder)))
    });
    assert!(outside.len() > 50 && inside.len() > 5);
    for path in outside {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| !line.contains("feature = \"tokio\"")) {
            for word in FORBIDDEN {
                assert!(!line.contains(word), "{}: `{line}`", path.display());
            }
        }
    }
}
