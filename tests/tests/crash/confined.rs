//! Disks that are full or read-only, and files that the user may not read.

use std::{
    fs,
    io::Read as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::Trial;
use polystore::{
    Error, ErrorKind, Plane, PlaneRequest, VirtualPath,
    disk::encode_plane,
    model::{ImageStructure, Sizes},
};
use polystore_tests::skip_without;

use crate::{
    child,
    place::Kind,
    planes::{Found, check, check_plate, plane, plate, requests},
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in Kind::ALL {
        let name = kind.name();
        trials.push(trial(format!("full/new_planes/{name}"), move || full(kind, false)));
        trials.push(trial(format!("full/replaced_planes/{name}"), move || full(kind, true)));
        trials.push(trial(format!("full/declaration/{name}"), move || full_declaration(kind)));
        trials.push(trial(format!("read_only/{name}"), move || read_only(kind)));
        trials.push(trial(format!("unreadable/{name}"), move || unreadable(kind)));
    }
    trials.push(trial("unreadable/folder_of_a_plate", unreadable_folder));
    trials
}

/// A file system of its own in memory.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// `None` where this process may not mount one.
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder.path());
        skip_without(mounted.then_some(Self(folder)), "mount", "no file system can be mounted here")
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills what is free but for `n_free` bytes.
    fn fill(&self, n_free: u64) -> PathBuf {
        let ballast = self.path().join("ballast");
        let mut n_bytes = 2 << 20;
        let mut content = vec![1u8; n_bytes];
        while fs::write(&ballast, &content).is_err() {
            n_bytes -= 4096;
            content.truncate(n_bytes);
        }
        content.truncate(n_bytes - n_free as usize);
        fs::write(&ballast, content).unwrap();
        ballast
    }
}

/// Gives the space of a file back now: a process that another test is starting may hold it
/// open for a moment longer than its name is there.
fn free(ballast: &Path) {
    fs::write(ballast, b"").unwrap();
    fs::remove_file(ballast).unwrap();
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

fn versioned(requests: &[PlaneRequest], version: u16) -> Vec<(PlaneRequest, Plane)> {
    requests.iter().map(|request| (request.clone(), plane(request, version))).collect()
}

/// Fails unless `error` says that the disk is full, where, and what to do.
fn is_full(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{}", error.chain());
    assert!(error.path().is_some_and(|path| path.len() > 1), "no file is named: {error}");
    assert!(error.to_string().contains("free some space"), "{error}");
}

/// The names below `folder` of files that were being written.
fn litter(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("polystore-tmp") && path.is_file() {
                found.push(path.clone());
            }
            if path.is_dir() {
                pending.push(path);
            }
        }
    }
    found
}

fn full(kind: Kind, replaces: bool) {
    let Some(disk) = Mounted::new("size=1536k") else { return };
    let place = disk.path().join("plate");
    fs::create_dir(&place).unwrap();
    let store = kind.open(&place).unwrap();
    let structure = plate(kind.layout());
    store.create_plate(&VirtualPath::root(), &structure).unwrap();
    let wanted = requests(&structure, &[0, 1, 2, 3]);
    if replaces {
        store.write_planes(&versioned(&wanted, 1)).unwrap();
    }
    let ballast = disk.fill(if replaces { 12 << 10 } else { 160 << 10 });
    let mut failure = None;
    for version in 2..10 {
        for request in &wanted {
            let written = store.write_planes(&versioned(std::slice::from_ref(request), version));
            failure = failure.or(written.err());
        }
    }
    is_full(&failure.expect("the disk is full at some point"));
    assert_eq!(litter(&place), [] as [PathBuf; 0], "nothing half-written is left");
    let found = check(&*store, &wanted);
    check_plate(&*store, &structure, &found);
    if replaces {
        let lost = if kind == Kind::ZarrTiles { wanted.len() } else { 0 };
        assert!(found.n_missing <= lost, "{found:?}");
    }
    free(&ballast);
    store.write_planes(&versioned(&wanted, 77)).unwrap();
    let found = check(&*kind.open(&place).unwrap(), &wanted);
    assert_eq!(found.versions, vec![77; wanted.len()]);
}

fn full_declaration(kind: Kind) {
    let Some(disk) = Mounted::new("size=1536k") else { return };
    let place = disk.path().join("plate");
    fs::create_dir(&place).unwrap();
    let ballast = disk.fill(0);
    let store = kind.open(&place).unwrap();
    let structure = plate(kind.layout());
    let root = VirtualPath::root();
    is_full(&store.create_plate(&root, &structure).unwrap_err());
    assert_eq!(litter(&place), [] as [PathBuf; 0], "nothing half-written is left");
    assert!(store.plate(&root).is_err(), "a plate that could not be declared is not there");
    free(&ballast);
    store.create_plate(&root, &structure).unwrap();
    let n_missing = requests(&structure, &[0, 1, 2, 3]).len();
    check_plate(&*store, &structure, &Found { n_missing, ..Found::default() });
}

fn read_only(kind: Kind) {
    let Some(disk) = Mounted::new("size=4m") else { return };
    let place = disk.path().join("plate");
    fs::create_dir(&place).unwrap();
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &[0, 1, 2, 3]);
    let root = VirtualPath::root();
    let store = kind.open(&place).unwrap();
    store.create_plate(&root, &structure).unwrap();
    store.write_planes(&versioned(&wanted, 5)).unwrap();
    drop(store);
    assert!(mount(&["-o", "remount,ro"], disk.path()));

    let store = kind.open(&place).unwrap();
    let found = check(&*store, &wanted);
    assert_eq!(found.n_present, wanted.len());
    check_plate(&*store, &structure, &found);
    let other = VirtualPath::parse("/other").unwrap();
    let image =
        ImageStructure::new(other.clone(), polystore::PixelType::U16, Sizes::new(1, 1, 1, 8, 8));
    let text = bytes::Bytes::from_static(b"text");
    for (what, answer) in [
        ("write planes", store.write_planes(&versioned(&wanted, 6))),
        ("declare a plate", store.create_plate(&other, &structure)),
        ("declare an image", store.create_image(&other, &image)),
        ("write a file", store.write_blob(&other, text, polystore::WriteMode::Overwrite)),
        ("delete", store.delete(&wanted[0].path, true)),
    ] {
        let error = answer.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {}", error.chain());
        assert!(error.path().is_some_and(|path| path.len() > 1), "{what}: {error}");
    }
    assert_eq!(check(&*store, &wanted).versions, vec![5; wanted.len()]);
}

/// Nobody: a user who may read what all may, and nothing more.
const NOBODY: u32 = 65_534;

/// What the child says that runs `task` as nobody; `None` where it cannot run.
fn as_nobody(task: &str, folder: &Path) -> Option<Vec<String>> {
    let is_root = fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    let mut command = child::command(task, folder);
    command.uid(NOBODY).gid(NOBODY);
    let spawned = is_root.then(|| command.spawn().ok()).flatten();
    let mut child = skip_without(spawned, "root", "another user's process cannot be started here")?;
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    Some(said.lines().map(str::to_owned).collect())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The files of planes of the first well, by name.
fn files_of_first_well(folder: &Path) -> Vec<PathBuf> {
    let first = if folder.join("A01").is_dir() { "A01" } else { "A/01" };
    let mut found = Vec::new();
    let mut pending = vec![folder.join(first)];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true => pending.push(path),
                false if !name.contains("json") && !name.starts_with(".z") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn unreadable(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &[0, 1, 2, 3]);
    let store = kind.open(folder.path()).unwrap();
    store.create_plate(&VirtualPath::root(), &structure).unwrap();
    store.write_planes(&versioned(&wanted, 5)).unwrap();
    drop(store);
    let task = format!("read {}", kind.name());
    let Some(said) = as_nobody(&task, folder.path()) else { return };
    let n_ok = said.iter().filter(|line| line.ends_with(" ok")).count();
    assert_eq!(n_ok, wanted.len(), "all of it can be read at first: {said:?}");

    let files = files_of_first_well(folder.path());
    assert!(files.len() > 1, "{files:?}");
    files.iter().for_each(|file| chmod(file, 0));
    let said = as_nobody(&task, folder.path()).unwrap();
    let n_ok = said.iter().filter(|line| line.ends_with(" ok")).count();
    assert_eq!(n_ok, wanted.len() * 3 / 4, "{said:?}");
    let refused = said.iter().filter(|line| line.contains(" PermissionDenied ")).count();
    assert_eq!(refused, wanted.len() / 4, "what may not be read is not missing: {said:?}");

    chmod(folder.path(), 0o700);
    let task = format!("open {}", kind.name());
    let said = as_nobody(&task, &folder.path().join("below")).unwrap();
    assert!(said[0].starts_with("PermissionDenied"), "{said:?}");
    assert!(said[0].contains(&*folder.path().to_string_lossy()), "{said:?}");
}

/// A vendor's plate with a folder that may not be listed is refused, and the error names the
/// folder: without it, its planes would pass for planes that were never acquired.
fn unreadable_folder() {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    for part in ["TimePoint_1", "TimePoint_2"] {
        fs::create_dir(folder.path().join(part)).unwrap();
        for well in ["A01", "A02"] {
            let name = format!("Screen_{well}_s1_w1.TIF");
            let request = PlaneRequest::new(VirtualPath::root(), polystore::PlaneIndex::default());
            let content = encode_plane(&plane(&request, 1), &name).unwrap();
            fs::write(folder.path().join(part).join(name), content).unwrap();
        }
    }
    let Some(said) = as_nobody("read disk_planes", folder.path()) else { return };
    assert_eq!(said.iter().filter(|line| line.ends_with(" ok")).count(), 4, "{said:?}");
    chmod(&folder.path().join("TimePoint_2"), 0);
    let said = as_nobody("read disk_planes", folder.path()).unwrap();
    let refused = |line: &String| line.contains("PermissionDenied") && line.contains("TimePoint_2");
    assert!(said.iter().any(refused), "{said:?}");
    assert!(!said.iter().any(|line| line.ends_with(" ok")), "{said:?}");
}
