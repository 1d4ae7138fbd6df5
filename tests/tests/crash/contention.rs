//! Two processes that write one plate at the same time.

use std::io::{BufRead as _, BufReader};

use libtest_mimic::Trial;

use crate::{
    child,
    place::Kind,
    planes::{check, check_plate, plate, requests},
    trial,
};

/// How often each writer writes its planes.
const ROUNDS: u16 = 4;

pub(crate) fn trials() -> Vec<Trial> {
    let trials = Kind::ALL.map(|kind| {
        let name = kind.name();
        [
            trial(format!("contention/different_wells/{name}"), move || two(kind, ["0,1", "2,3"])),
            trial(format!("contention/same_wells/{name}"), move || two(kind, ["0,1", "1,0"])),
        ]
    });
    trials.into_iter().flatten().collect()
}

/// Both writers declare the plate and write; the first writes versions from 0, the second
/// from 1000. Readers see whole planes all the while.
fn two(kind: Kind, wells: [&str; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let structure = plate(kind.layout());
    let mut writers = [(wells[0], 0), (wells[1], 1000)]
        .map(|(wells, first)| child::writer(kind, folder.path(), first, wells, ROUNDS));
    let mut outputs = writers.each_mut().map(|(_, output)| BufReader::new(output).lines());
    for lines in &mut outputs {
        assert_eq!(lines.next().unwrap().unwrap(), "declared");
    }
    let written: Vec<usize> = if wells[0].contains('1') && wells[1].contains('1') {
        vec![0, 1]
    } else {
        vec![0, 1, 2, 3]
    };
    let wanted = requests(&structure, &written);
    let reader = kind.open(folder.path()).unwrap();
    for lines in &mut outputs {
        assert_eq!(lines.next().unwrap().unwrap(), "done");
    }
    drop(outputs);
    for (writer, _) in &mut writers {
        assert!(writer.wait().unwrap().success());
    }
    // Opened before the planes were there, and afresh: both see what is there now.
    for store in [reader, kind.open(folder.path()).unwrap()] {
        let found = check(&*store, &wanted);
        assert_eq!((found.n_present, found.n_missing), (wanted.len(), 0));
        let last = [ROUNDS - 1, 1000 + ROUNDS - 1];
        assert!(found.versions.iter().all(|version| last.contains(version)), "{found:?}");
        let all = check(&*store, &requests(&structure, &[0, 1, 2, 3]));
        check_plate(&*store, &structure, &all);
    }
}
