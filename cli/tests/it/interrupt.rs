//! Commands that are stopped by Ctrl-C or killed leave nothing half done.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use super::{Place, args, plate};

/// Files that are copied; enough that a copy takes a while.
const N_FILES: usize = 1500;

fn many_files(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for number in 0..N_FILES {
        fs::write(folder.join(format!("{number}.txt")), number.to_string()).unwrap();
    }
}

fn start(place: &Place, arguments: &[std::ffi::OsString]) -> Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_polystore"))
        .current_dir(place.0.path())
        .env("POLYSTORE_CACHE_DIR", place.path(".cache"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until `is_so`, which it soon must be.
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} in a minute");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Waits until the process has a handler of its own for SIGINT, and sends one.
fn interrupt(child: &Child) {
    let handles = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0)
    };
    wait("no handler of SIGINT", handles);
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn unfinished(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".polystore-tmp"))
        .collect()
}

#[test]
fn an_interrupted_copy_leaves_nothing() {
    let place = Place::new();
    many_files(&place.path("from"));
    let mut child = start(&place, &args!["cp", "from", "to"]);
    wait("no copy has begun", || !unfinished(place.0.path()).is_empty());
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.path("to").exists());
    assert_eq!(unfinished(place.0.path()), [""; 0]);
}

#[test]
fn what_a_killed_copy_left_is_removed_by_the_next() {
    let place = Place::new();
    many_files(&place.path("from"));
    for arguments in [args!["cp", "from", "to"].to_vec(), args!["cp", "from", "b/to"].to_vec()] {
        let folder = place.path(arguments[2].to_str().unwrap());
        let above = folder.parent().unwrap();
        fs::create_dir_all(above).unwrap();
        let mut child = start(&place, &arguments);
        wait("no copy has begun", || !unfinished(above).is_empty());
        // One that lives is left alone.
        fs::write(place.path("a.txt"), "a").unwrap();
        place.run(args!["cp", "a.txt", above.join("a-copy.txt")]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(unfinished(above).len(), 1);
        place.run(&arguments);
        assert_eq!(unfinished(above), [""; 0]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), N_FILES);
        fs::remove_file(above.join("a-copy.txt")).unwrap();
    }
}

#[test]
fn an_interrupted_mirror_goes_on() {
    let place = Place::new();
    many_files(&place.path("from"));
    let mirror = args!["cp", "--mirror", "from", "to"];
    let mut child = start(&place, &mirror);
    wait("no mirror has begun", || place.path("to/0.txt").exists() || place.path("to").exists());
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(unfinished(&place.path("to")), [""; 0]);
    fs::write(place.path("to/.copy-killed.polystore-tmp"), "half").unwrap();
    let json = place.json(&mirror);
    let sum = json["kept"].as_u64().unwrap() + json["transferred"].as_u64().unwrap();
    assert_eq!(sum, N_FILES as u64, "{json}");
    assert_eq!(unfinished(&place.path("to")), [""; 0]);
}

#[test]
fn an_interrupted_measurement_says_so() {
    let place = Place::new();
    let mut child = start(&place, &args!["bench", plate(), "--rounds", "100"]);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
