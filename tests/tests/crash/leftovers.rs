//! What killed writers leave is removed by the next writer of the folder or store, and
//! what living ones have in their hands is not.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    thread,
    time::Duration,
};

use libtest_mimic::Trial;

use crate::{
    child,
    place::Kind,
    planes::{check, plane, plate, requests},
    trial,
};

const KINDS: [Kind; 4] = [Kind::DiskPlanes, Kind::DiskFields, Kind::Zarr05Synced, Kind::ZarrTiles];
const ALL_WELLS: [usize; 4] = [0, 1, 2, 3];

pub(crate) fn trials() -> Vec<Trial> {
    let killed = KINDS.map(|kind| {
        trial(format!("leftovers/of_the_killed/{}", kind.name()), move || of_the_killed(kind))
    });
    let living = KINDS.map(|kind| {
        trial(format!("leftovers/of_the_living/{}", kind.name()), move || of_the_living(kind))
    });
    killed.into_iter().chain(living).collect()
}

/// Unfinished files below a folder.
fn unfinished(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(polystore::atomic::TEMPORARY_SUFFIX) {
            found.push(name);
        } else if entry.file_type().unwrap().is_dir() {
            found.extend(unfinished(&entry.path()));
        }
    }
    found
}

fn of_the_killed(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &ALL_WELLS);
    let mut n_left = 0;
    for round in 0..40u16 {
        let (mut writer, output) = child::writer(kind, folder.path(), round, "0,1,2,3", u16::MAX);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        thread::sleep(Duration::from_micros(3000 + 1700 * u64::from(round)));
        writer.kill().unwrap();
        writer.wait().unwrap();
        n_left += unfinished(folder.path()).len();
        if n_left > 0 && round > 5 {
            break;
        }
    }
    assert!(n_left > 0, "no writer was killed while it had an unfinished file");
    let store = kind.open(folder.path()).unwrap();
    let all: Vec<_> =
        wanted.iter().map(|request| (request.clone(), plane(request, u16::MAX))).collect();
    store.write_planes(&all).unwrap();
    assert_eq!(check(&*store, &wanted).n_present, wanted.len());
    drop(store);
    assert_eq!(unfinished(folder.path()), [""; 0]);
}

/// Other writers come and go while one works: none takes away what it has in its hands.
fn of_the_living(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &[0]);
    let (mut writer, output) = child::writer(kind, folder.path(), 0, "0", 25);
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "declared\n");
    let mut n_rounds = 0;
    while writer.try_wait().unwrap().is_none() {
        n_rounds += 1;
        // Each opens the folder for the first time.
        let store = kind.open(folder.path()).unwrap();
        let request = &wanted[n_rounds % wanted.len()];
        store.write_planes(&[(request.clone(), plane(request, 50_000))]).unwrap();
    }
    let mut told = String::new();
    output.read_to_string(&mut told).unwrap();
    assert_eq!(told, "done\n", "the writer that was not disturbed");
    assert!(writer.wait().unwrap().success() && n_rounds > 3);
    assert_eq!(unfinished(folder.path()), [""; 0]);
}
