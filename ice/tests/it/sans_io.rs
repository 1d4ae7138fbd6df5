//! Outside of `connection`, nothing does I/O or looks at a clock.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is not imported, in groups or alone, nor written out.
const FORBIDDEN: [&str; 9] = [
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::env",
    "std::os",
    "tokio",
];
/// What is not written.
const WORDS: [&str; 3] = ["Instant::now", "SystemTime::now", "async "];

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

/// What stands between commas that are in no group.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut all) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(&group[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    all.push(&group[begin..]);
    all
}

/// The paths of a tree of imports.
fn flatten(before: &str, tree: &str, into: &mut Vec<String>) {
    let tree = tree.trim();
    match (tree.find('{'), tree.rfind('}')) {
        (Some(begin), Some(end)) if begin < end => {
            let before = format!("{before}{}", &tree[..begin]);
            members(&tree[begin + 1..end]).iter().for_each(|part| flatten(&before, part, into));
        }
        _ if tree.is_empty() => {}
        _ => {
            let path = tree.split_whitespace().next().unwrap_or_default();
            into.push(format!("{before}{}", path.trim_end_matches("::self")));
        }
    }
}

/// The paths that code without comments imports, each written out.
fn imports(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        // It may come behind what ends with a brace, and be public.
        let begin = ["use ", "\nuse ", " use "].iter().filter_map(|word| {
            let at = if statement.starts_with(word) { Some(0) } else { statement.find(word) };
            at.filter(|at| *at == 0 || word.trim_start() != *word).map(|at| at + word.len())
        });
        if let Some(begin) = begin.min() {
            flatten("", &statement[begin..], &mut paths);
        }
    }
    paths
}

/// What of all that is forbidden is in a text.
fn forbidden(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| {
        !line.trim_start().starts_with("//") && !line.contains("feature = \"tokio\"")
    });
    let code: Vec<&str> = code.collect();
    let is_forbidden = |path: &String| {
        FORBIDDEN.iter().any(|word| {
            let is_inside = path
                .strip_prefix(word)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            // All of what it is in.
            is_inside || path.strip_suffix('*').is_some_and(|all| word.starts_with(all))
        })
    };
    let mut found: Vec<String> =
        imports(&code.join("\n")).into_iter().filter(is_forbidden).collect();
    for line in code {
        if FORBIDDEN.iter().chain(&WORDS).any(|word| line.contains(word)) {
            found.push(line.to_owned());
        }
    }
    found
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
        let found = forbidden(&fs::read_to_string(&path).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
    // It sees what is there.
    let of_connections: Vec<String> = inside
        .iter()
        .flat_map(|path| imports(&fs::read_to_string(path).unwrap()))
        .filter(|path| path.starts_with("tokio::") || path == "std::time::Instant")
        .collect();
    assert!(of_connections.len() > 20, "{of_connections:?}");
}

#[test]
fn imports_are_seen_in_groups() {
    for (text, expected) in [
        ("use std::net::TcpStream;", 1),
        ("use std::{fmt, net::TcpStream};", 1),
        ("use std::{\n    fmt,\n    time::{Duration, Instant},\n};", 1),
        ("fn f() {}\npub(crate) use std::{fs, io::{self, Read}, thread::{self, spawn}};", 3),
        ("use std::{time::*, env as e};", 2),
        ("use std::{fmt, time::Duration, io::Write, collections::*};", 0),
        ("use crate::{net, fs::File};\n/// use std::fs;\nfn because() {}", 0),
    ] {
        // Those that are written out are seen in their line too.
        let mut found = forbidden(text);
        found.retain(|path| !path.contains("use "));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
}
