//! The fuzz targets' corpus, and a fixed number of mutations of it, through the same entry
//! functions as plain tests: no panic, and no more memory than a limit.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod memory;
mod mutate;
mod seeds;

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use polystore::fuzz::{ENTRIES, Entry};
use polystore_tests::repository;

/// Most memory that an input may take, in bytes: what a plate of half a million planes
/// needs, which a few words of an HTD file may declare.
const MEMORY_LIMIT: usize = 256 << 20;
/// Mutations of each file of the corpus, unless `POLYSTORE_FUZZ_MUTATIONS` says how many.
const N_MUTATIONS: u64 = 150;
/// The largest that the corpus may grow, in bytes.
const MAX_CORPUS_BYTES: usize = 200_000;

/// One test runs at a time: memory is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// The files of a target by name.
fn corpus(entry: &Entry) -> BTreeMap<String, Vec<u8>> {
    let folder = repository("fuzz/corpus").join(entry.name);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

/// What was wrong with an input; `None` when nothing was.
fn fault(entry: &Entry, bytes: &[u8]) -> Option<String> {
    let (outcome, peak) = memory::peak_of(|| catch_unwind(AssertUnwindSafe(|| (entry.run)(bytes))));
    if outcome.is_err() {
        return Some("a panic".to_owned());
    }
    (peak > MEMORY_LIMIT).then(|| format!("{} MiB of memory", peak >> 20))
}

/// Keeps an input that failed, to become a file of the corpus.
fn keep(entry: &Entry, name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", entry.name));
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_corpus_is_there_and_small() {
    let mut n_bytes = 0;
    for entry in ENTRIES {
        let files = corpus(entry);
        assert!(files.len() > 3, "{} files for {}", files.len(), entry.name);
        n_bytes += files.values().map(Vec::len).sum::<usize>();
        let target = repository("fuzz/fuzz_targets").join(format!("{}.rs", entry.name));
        assert!(target.is_file(), "there is no target {}", target.display());
    }
    assert!(n_bytes <= MAX_CORPUS_BYTES, "{n_bytes} bytes");
}

#[test]
fn every_file_of_the_corpus() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut faults = Vec::new();
    for entry in ENTRIES {
        for (name, bytes) in corpus(entry) {
            let found = fault(entry, &bytes);
            faults.extend(found.map(|fault| format!("{}/{name}: {fault}", entry.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn mutations_of_the_corpus() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let more = std::env::var("POLYSTORE_FUZZ_MUTATIONS").ok();
    let n_mutations = more.map_or(N_MUTATIONS, |text| text.parse().unwrap());
    let mut faults = Vec::new();
    for entry in ENTRIES {
        let files: Vec<(String, Vec<u8>)> = corpus(entry).into_iter().collect();
        for (at, (name, bytes)) in files.iter().enumerate() {
            let other = &files[(at + 1) % files.len()].1;
            for seed in 0..n_mutations {
                let input = mutate::mutated(bytes, other, seed);
                let Some(fault) = fault(entry, &input) else { continue };
                let kept = keep(entry, &format!("{seed}-{name}"), &input);
                faults.push(format!("{}: {fault}", kept.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{} inputs:\n{}", faults.len(), faults.join("\n"));
}

/// The limits can fail: an input that takes too much is noticed.
#[test]
fn memory_is_counted() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let greedy = |_: &[u8]| drop(std::hint::black_box(vec![1u8; MEMORY_LIMIT + 4096]));
    let entry = Entry { name: "greedy", run: greedy };
    assert!(fault(&entry, &[]).unwrap().contains("MiB"));
    let panicking = Entry { name: "panicking", run: |bytes| assert!(bytes.is_empty(), "expected") };
    assert_eq!(fault(&panicking, &[1]).unwrap(), "a panic");
}

/// The files of the corpus that a program makes are what it makes. With
/// `POLYSTORE_WRITE_CORPUS` set they are written, after a maker was changed.
#[test]
fn made_files_are_what_their_makers_make() {
    let writes = std::env::var_os("POLYSTORE_WRITE_CORPUS").is_some();
    let mut faults = Vec::new();
    for seed in seeds::all() {
        assert!(ENTRIES.iter().any(|entry| entry.name == seed.target), "{}", seed.target);
        let path = repository("fuzz/corpus").join(seed.target).join(&seed.name);
        if writes {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &seed.bytes).unwrap();
        }
        if fs::read(&path).ok().is_none_or(|bytes| bytes != seed.bytes) {
            faults.push(path.display().to_string());
        }
    }
    assert!(faults.is_empty(), "not what their makers make:\n{}", faults.join("\n"));
}
