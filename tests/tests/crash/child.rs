//! This program as the process that is killed, or that may do less than its parent.
//!
//! `POLYSTORE_CRASH_CHILD` holds the task: `write KIND FIRST_VERSION WELLS` declares the
//! plate in `POLYSTORE_CRASH_FOLDER`, then writes its planes over and over until it is
//! killed, or `ROUNDS` times; `read KIND` reads what it can. Lines of standard output tell
//! the parent how far it is.

#![expect(clippy::print_stdout, reason = "how the child tells how far it is")]

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use polystore::{VirtualBackend, VirtualBackendExt as _, VirtualPath};

use crate::{
    place::Kind,
    planes::{plane, plate, requests},
};

const TASK: &str = "POLYSTORE_CRASH_CHILD";
const FOLDER: &str = "POLYSTORE_CRASH_FOLDER";

/// Planes that are written in one batch.
const BATCH: usize = 3;

/// Whether this process was started by [`command`].
pub(crate) fn is_one() -> bool {
    std::env::var_os(TASK).is_some()
}

/// This program with a task.
pub(crate) fn command(task: &str, folder: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(TASK, task).env(FOLDER, folder).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Starts this program as a writer of `wells`, without end or `rounds` times.
pub(crate) fn writer(
    kind: Kind,
    folder: &std::path::Path,
    first_version: u16,
    wells: &str,
    rounds: u16,
) -> (Child, ChildStdout) {
    let task = format!("write {} {first_version} {wells} {rounds}", kind.name());
    let mut child = command(&task, folder).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    (child, output)
}

/// Does what the parent asked for.
pub(crate) fn run() {
    let task = std::env::var(TASK).unwrap();
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let words: Vec<&str> = task.split(' ').collect();
    match *words {
        ["write", kind, version, wells, rounds] => {
            let kind = Kind::of_name(kind).unwrap();
            let wells: Vec<usize> = wells.split(',').map(|well| well.parse().unwrap()).collect();
            write(kind, &folder, version.parse().unwrap(), &wells, rounds.parse().unwrap());
        }
        ["read", kind] => read(&*Kind::of_name(kind).unwrap().open(&folder).unwrap()),
        ["open", kind] => match Kind::of_name(kind).unwrap().open(&folder) {
            Ok(_) => tell("opened"),
            Err(error) => tell(&format!("{:?} {}", error.kind(), error.chain())),
        },
        _ => panic!("no such task: {task}"),
    }
}

fn tell(text: &str) {
    println!("{}", text.replace('\n', " "));
    std::io::stdout().flush().unwrap();
}

fn write(kind: Kind, folder: &std::path::Path, first: u16, wells: &[usize], rounds: u16) {
    let structure = plate(kind.layout());
    let store = kind.open(folder).unwrap();
    store.create_plate(&VirtualPath::root(), &structure).unwrap();
    tell("declared");
    let wanted = requests(&structure, wells);
    for round in 0..rounds {
        let version = first.wrapping_add(round);
        for batch in wanted.chunks(BATCH) {
            let planes: Vec<_> =
                batch.iter().map(|request| (request.clone(), plane(request, version))).collect();
            store.write_planes(&planes).unwrap();
        }
    }
    tell("done");
}

/// Tells of every plane how reading it went, and of the plate's remarks.
fn read(store: &dyn VirtualBackend) {
    let root = VirtualPath::root();
    match store.plate(&root) {
        Ok(structure) => {
            for (_, image) in structure.images() {
                for index in image.sizes.indices() {
                    let request = polystore::PlaneRequest::new(image.path.clone(), index);
                    match store.read_plane(&request) {
                        Ok(_) => tell(&format!("plane {request} ok")),
                        Err(error) => {
                            tell(&format!("plane {request} {:?} {}", error.kind(), error.chain()));
                        }
                    }
                }
            }
        }
        Err(error) => tell(&format!("plate {:?} {}", error.kind(), error.chain())),
    }
    match store.inventory(&root) {
        Ok(inventory) => inventory.notes.iter().for_each(|note| tell(&format!("note {note}"))),
        Err(error) => tell(&format!("inventory {:?} {}", error.kind(), error.chain())),
    }
}
