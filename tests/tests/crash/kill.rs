//! kill -9 in the middle of a write: afterwards every plane is whole or missing, nothing
//! unfinished is taken for data, and writing again succeeds.

use std::{
    io::{BufRead as _, BufReader},
    thread,
    time::Duration,
};

use libtest_mimic::Trial;
use polystore::{ErrorKind, VirtualPath};

use crate::{
    child,
    place::Kind,
    planes::{check, check_plate, plane, plate, requests},
    trial,
};

const ROUNDS: u16 = 6;
const ALL_WELLS: [usize; 4] = [0, 1, 2, 3];

pub(crate) fn trials() -> Vec<Trial> {
    let written =
        Kind::ALL.map(|kind| trial(format!("kill/writing/{}", kind.name()), move || writing(kind)));
    let declared = Kind::ALL
        .map(|kind| trial(format!("kill/declaring/{}", kind.name()), move || declaring(kind)));
    written.into_iter().chain(declared).collect()
}

/// Milliseconds below `most`, the same in every run.
fn delay(kind: Kind, round: u16, most: u64) -> Duration {
    let seed = (kind as u64 + 1) * 7919 + u64::from(round) * 104_729;
    Duration::from_micros(seed.wrapping_mul(2_654_435_761) % (most * 1000))
}

fn writing(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &ALL_WELLS);
    let mut n_present = 0;
    for round in 0..ROUNDS {
        let first = round * 1000;
        let (mut writer, output) =
            child::writer(kind, folder.path(), first, "0,1,2,3", u16::MAX - first);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "declared\n", "{kind:?}");
        thread::sleep(delay(kind, round, 150));
        writer.kill().unwrap();
        assert!(!writer.wait().unwrap().success(), "it was killed, it did not end by itself");

        let store = kind.open(folder.path()).unwrap();
        let found = check(&*store, &wanted);
        check_plate(&*store, &structure, &found);
        n_present = n_present.max(found.n_present);
    }
    assert!(n_present > 0, "the writers were killed before they wrote anything");
    let store = kind.open(folder.path()).unwrap();
    let all: Vec<_> =
        wanted.iter().map(|request| (request.clone(), plane(request, u16::MAX))).collect();
    store.write_planes(&all).unwrap();
    let found = check(&*store, &wanted);
    assert_eq!((found.n_present, found.versions), (wanted.len(), vec![u16::MAX; wanted.len()]));
}

/// Killed while the plate is declared: it is there as a whole or not at all, and declaring
/// it again succeeds.
fn declaring(kind: Kind) {
    let structure = plate(kind.layout());
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _output) = child::writer(kind, folder.path(), 0, "0", u16::MAX);
        thread::sleep(delay(kind, round, 30));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let store = kind.open(folder.path()).unwrap();
        let root = VirtualPath::root();
        match store.plate(&root) {
            Ok(found) => assert_eq!(found.n_images(), structure.n_images(), "{kind:?}"),
            Err(error) => {
                let kinds = [ErrorKind::NotFound, ErrorKind::InvalidData];
                assert!(kinds.contains(&error.kind()), "{}", error.chain());
            }
        }
        store.create_plate(&root, &structure).unwrap();
        let wanted = requests(&structure, &ALL_WELLS);
        let found = check(&*store, &wanted);
        check_plate(&*store, &structure, &found);
    }
}
