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
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} in a minute");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Waits until the process has a handler of its own for SIGINT, and sends one; a process that
/// was held goes on.
fn interrupt(child: &mut Child) {
    let status = format!("/proc/{}/status", child.id());
    let mut handles = || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0)
            || child.try_wait().unwrap().is_some()
    };
    wait("no handler of SIGINT", &mut handles);
    signal(child, "-INT");
    signal(child, "-CONT");
}

fn signal(child: &Child, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Starts a copy and holds it while it is at work: when `n_copied` says that some of the files
/// are there, and not nearly all. One that was quicker than this test is started again.
fn held(place: &Place, arguments: &[std::ffi::OsString], n_copied: impl Fn() -> usize) -> Child {
    let target = place.path(arguments[arguments.len() - 1].to_str().unwrap());
    for _ in 0..20 {
        let mut child = start(place, arguments);
        wait("no copy has begun", || n_copied() > 0 || child.try_wait().unwrap().is_some());
        signal(&child, "-STOP");
        let is_at_work = || (1..N_FILES - 100).contains(&n_copied());
        if is_at_work() && child.try_wait().unwrap().is_none() {
            return child;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = fs::remove_dir_all(&target);
        let above = target.parent().unwrap();
        unfinished(above).iter().for_each(|name| fs::remove_dir_all(above.join(name)).unwrap());
    }
    panic!("all copies were done before they could be held");
}

fn n_entries(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().count()
}

/// Files in what is unfinished in a folder.
fn n_unfinished(folder: &Path) -> usize {
    unfinished(folder).iter().map(|name| n_entries(&folder.join(name))).sum()
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
    let mut child = held(&place, &args!["cp", "from", "to"], || n_unfinished(place.0.path()));
    interrupt(&mut child);
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
        let mut child = held(&place, &arguments, || n_unfinished(above));
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
    let mut child = held(&place, &mirror, || n_entries(&place.path("to")));
    interrupt(&mut child);
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
    // A machine may be through with all rounds before the signal is there.
    let is_interrupted = (0..20).any(|_| {
        let mut child = start(&place, &args!["bench", plate(), "--rounds", "100"]);
        interrupt(&mut child);
        child.wait().unwrap().code() == Some(130)
    });
    assert!(is_interrupted);
}
