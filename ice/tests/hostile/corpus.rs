//! The fuzz targets' corpus, and a fixed number of mutations of it, as plain tests.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use ice::{
    fuzz::{ENTRIES, Entry, types},
    wire::{Message, ReplyBody},
};

use crate::{alone, frames, memory, mutate};

/// Mutations of each file of the corpus, unless `POLYSTORE_FUZZ_MUTATIONS` says how many.
const N_MUTATIONS: u64 = 400;
const MAX_CORPUS_BYTES: usize = 100_000;

fn folder(entry: &Entry) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(entry.name)
}

fn corpus(entry: &Entry) -> BTreeMap<String, Vec<u8>> {
    let folder = folder(entry);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |file: std::io::Result<fs::DirEntry>| {
        let path = file.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
    };
    files.map(read).collect()
}

/// Most memory that an input may take, of what it has and in any case. An input is read, written
/// and read again.
fn most_memory(entry: &Entry, bytes: &[u8]) -> usize {
    let (multiple, constant) = match entry.name {
        // A null is a byte, and a value with room to grow in memory.
        "ice_values" => (256, 4 << 10),
        // bzip2 takes half a megabyte by itself, and a message may become one long.
        "ice_message" if bytes.get(9) == Some(&2) => (64, 4 << 20),
        _ => (32, 4 << 10),
    };
    constant + multiple * bytes.len()
}

/// What was wrong with an input; `None` when nothing was.
fn fault(entry: &Entry, bytes: &[u8]) -> Option<String> {
    let run = || catch_unwind(AssertUnwindSafe(|| (entry.run)(bytes)));
    let (outcome, peak) = memory::peak_of(run);
    if outcome.is_err() {
        return Some("a panic".to_owned());
    }
    (peak > most_memory(entry, bytes)).then(|| format!("{} KiB of memory", peak >> 10))
}

#[test]
fn the_corpus_and_mutations_of_it() {
    let _alone = alone();
    // What is taken once is taken.
    ice::omero::schema();
    let more = std::env::var("POLYSTORE_FUZZ_MUTATIONS").ok();
    let n_mutations = more.map_or(N_MUTATIONS, |text| text.parse().unwrap());
    let mut faults = Vec::new();
    let mut n_bytes = 0;
    for entry in ENTRIES {
        let files: Vec<(String, Vec<u8>)> = corpus(entry).into_iter().collect();
        assert!(files.len() > 3, "{} files for {}", files.len(), entry.name);
        for (at, (name, bytes)) in files.iter().enumerate() {
            n_bytes += bytes.len();
            faults
                .extend(fault(entry, bytes).map(|fault| format!("{}/{name}: {fault}", entry.name)));
            let other = &files[(at + 1) % files.len()].1;
            let mut random = mutate::Random::new(at as u64);
            for _ in 0..n_mutations {
                let input = mutate::mutated(bytes, other, &mut random);
                let Some(fault) = fault(entry, &input) else { continue };
                let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                    .join(format!("{}-{name}", entry.name));
                fs::write(&path, &input).unwrap();
                faults.push(format!("{}: {fault}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{} inputs:\n{}", faults.len(), faults.join("\n"));
    assert!(n_bytes <= MAX_CORPUS_BYTES, "{n_bytes} bytes");
}

/// The checks can fail.
#[test]
fn faults_are_noticed() {
    let _alone = alone();
    // What a short input may take is no more than some pages.
    let greedy = |bytes: &[u8]| drop(std::hint::black_box(vec![1u8; 8000 + 32 * bytes.len()]));
    for name in ["ice_text", "ice_message"] {
        assert!(fault(&Entry { name, run: greedy }, &[0; 20]).unwrap().contains("KiB"), "{name}");
    }
    let modest = |bytes: &[u8]| drop(std::hint::black_box(vec![1u8; 30 * bytes.len()]));
    assert_eq!(fault(&Entry { name: "ice_text", run: modest }, &[0; 20]), None);
    let panicking = Entry { name: "panicking", run: |bytes| assert!(bytes.is_empty(), "expected") };
    assert_eq!(fault(&panicking, &[1]).unwrap(), "a panic");
}

/// Small recorded frames, and what is in them, as files of the corpus.
fn seeds() -> BTreeMap<(&'static str, String), Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let operations = || {
        let interfaces = ice::omero::schema().interfaces.iter();
        interfaces.flat_map(|of| of.operations.iter().map(move |operation| (&of.id, operation)))
    };
    let mut kinds = BTreeMap::new();
    for frame in frames::frames("runtime.jsonl.bz2") {
        let bytes = frames::bytes(&frame);
        let text = |key: &str| frame[key].as_str().unwrap_or_default();
        let (header, message) = frames::message(&bytes).unwrap();
        let sort = (text("set").to_owned(), header.kind as u8, header.compression as u8);
        let n = kinds.entry(sort).or_insert(0);
        if bytes.len() > 1500
            || text("set").starts_with("all_")
            || *n >= 8
            || text("name").contains("::")
        {
            continue;
        }
        *n += 1;
        let name = format!("{}-{}", text("set"), text("name"));
        let number = |is_request: usize| {
            let found = operations().position(|(interface, operation)| {
                **interface == *text("interface") && &*operation.name == text("operation")
            });
            found.map(|at| (at * 2 + is_request) as u16)
        };
        let (number, content) = match &message {
            Message::Request(request) => (number(1), Some(&request.call.parameters)),
            Message::Reply(reply) => match &reply.body {
                ReplyBody::Ok(content) => (number(0), Some(content)),
                ReplyBody::UserException(content) => (Some(u16::MAX), Some(content)),
                _ => (None, None),
            },
            _ => (None, None),
        };
        if let (Some(number), Some(content)) = (number, content) {
            assert_eq!(types(number).is_none(), number == u16::MAX);
            let mut seed = vec![u8::from(content.version == (1, 0))];
            seed.extend(number.to_le_bytes());
            seed.extend(content.content.to_vec());
            seeds.insert(("ice_values", name.clone()), seed);
        }
        seeds.insert(("ice_message", name), bytes);
    }
    let texts = [
        "OMERO.Glacier2/router:ssl -p 4064 -h omero.example",
        "a/b\\/c -f 'x y' -o -s -e 1.0 -p 1.0 @ adapter",
        "x:ws -h h -p 80 -r /omero-ws -z -t infinite:wss -h \"::1\" -p 443 -t 1",
        "x -D:opaque -t 99 -e 1.0 -v AQIDBA==:udp -h 239.255.1.1 -p 1 -z",
        "\\001\\377 -f \\\\",
    ];
    for (at, text) in texts.into_iter().enumerate() {
        seeds.insert(("ice_text", format!("proxy-{at}")), text.as_bytes().to_vec());
    }
    seeds
}

/// The files of the corpus that come from frames are those. With `POLYSTORE_WRITE_CORPUS` set
/// they are written.
#[test]
fn files_of_the_corpus_are_what_their_makers_make() {
    let _alone = alone();
    let writes = std::env::var_os("POLYSTORE_WRITE_CORPUS").is_some();
    for ((target, name), bytes) in seeds() {
        let entry = ENTRIES.iter().find(|entry| entry.name == target).unwrap();
        let path = folder(entry).join(name);
        if writes {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert!(fs::read(&path).ok() == Some(bytes), "{}", path.display());
    }
    for entry in ENTRIES {
        let target = folder(entry).join(format!("../../fuzz_targets/{}.rs", entry.name));
        assert!(target.is_file(), "{}", target.display());
    }
}
