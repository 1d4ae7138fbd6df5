//! Files that are replaced, cut short or linked elsewhere while they are in use.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use libtest_mimic::Trial;
use polystore::{
    ErrorKind, Plane, PlaneIndex, PlaneRequest, VirtualBackend as _, VirtualBackendExt as _,
    VirtualPath,
    disk::{DiskBackend, DiskOptions, TiffCompression, encode_plane},
};

use crate::{
    place::Kind,
    planes::{plane, plate, requests},
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("changing/cut_short_before_it_is_mapped", cut_before_map),
        trial("changing/a_mapped_plane_outlives_its_file", mapped_plane_stays),
        trial("links/leaving_the_folder", links_of_disk),
        trial("links/leaving_the_store", links_of_zarr),
    ];
    for map in [false, true] {
        let name = format!("changing/replaced_while_it_is_read/map_{map}");
        trials.push(trial(name, move || replaced(map)));
    }
    for compression in [TiffCompression::None, TiffCompression::Deflate] {
        let name = format!("changing/cut_short_while_it_is_read/{compression:?}");
        trials.push(trial(name, move || cut_short(compression)));
    }
    for kind in [Kind::Zarr04, Kind::ZarrTiles, Kind::ZarrShards] {
        let name = format!("changing/chunk_cut_short/{}", kind.name());
        trials.push(trial(name, move || chunk_cut_short(kind)));
    }
    trials
}

fn request() -> PlaneRequest {
    PlaneRequest::new(VirtualPath::parse("/a.tif").unwrap(), PlaneIndex::default())
}

fn disk(folder: &Path, map: bool, compression: TiffCompression) -> DiskBackend {
    let mut options = DiskOptions::default().without_cache();
    (options.map, options.compression) = (map, compression);
    DiskBackend::open_with(folder, options).unwrap()
}

fn is_whole(read: &Plane) -> bool {
    *read == plane(&request(), read.as_slice::<u16>().unwrap()[0])
}

fn replaced(map: bool) {
    let folder = tempfile::tempdir().unwrap();
    let writer = disk(folder.path(), false, TiffCompression::None);
    writer.write_plane(request(), plane(&request(), 0)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..200 {
                writer.write_plane(request(), plane(&request(), version)).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let reader = disk(folder.path(), map, TiffCompression::None);
        while !done.load(Ordering::Acquire) {
            assert!(is_whole(&reader.read_plane(&request()).unwrap()));
        }
    });
}

fn mapped_plane_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path(), true, TiffCompression::None);
    store.write_plane(request(), plane(&request(), 1)).unwrap();
    let mapped = store.read_plane(&request()).unwrap();
    store.write_plane(request(), plane(&request(), 2)).unwrap();
    assert_eq!(store.read_plane(&request()).unwrap(), plane(&request(), 2));
    store.delete(&request().path, false).unwrap();
    assert_eq!(mapped, plane(&request(), 1));
}

/// A file that was whole when its header was read, and is short when it is mapped: an error,
/// where touching the map would end the process.
fn cut_before_map() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path(), true, TiffCompression::None);
    store.write_plane(request(), plane(&request(), 1)).unwrap();
    store.read_plane(&request()).unwrap();
    let file = fs::File::options().write(true).open(folder.path().join("a.tif")).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let error = store.read_plane(&request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{}", error.chain());
    assert!(error.path().unwrap().contains("a.tif"), "{error}");
}

/// Another program writes the file in place, over and over: what is read is whole, or an
/// error that names the file.
fn cut_short(compression: TiffCompression) {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path(), false, compression);
    store.write_plane(request(), plane(&request(), 1)).unwrap();
    let file = folder.path().join("a.tif");
    let content = fs::read(&file).unwrap();
    let done = AtomicBool::new(false);
    let (mut n_whole, mut n_refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..400 {
                let keep = content.len() * (round % 7) / 7;
                fs::write(&file, &content[..keep]).unwrap();
                thread::yield_now();
                fs::write(&file, &content).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            match store.read_plane(&request()) {
                Ok(read) => {
                    assert!(is_whole(&read), "a plane of a file that was cut short is not whole");
                    n_whole += 1;
                }
                Err(error) => {
                    let kinds = [ErrorKind::InvalidData, ErrorKind::Transient];
                    assert!(kinds.contains(&error.kind()), "{}", error.chain());
                    assert!(error.path().unwrap().contains("a.tif"), "{error}");
                    n_refused += 1;
                }
            }
        }
    });
    assert!(n_whole + n_refused > 0);
    assert!(is_whole(&store.read_plane(&request()).unwrap()), "it is whole in the end");
}

fn chunk_cut_short(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &[0]);
    let store = kind.open(folder.path()).unwrap();
    store.create_plate(&VirtualPath::root(), &structure).unwrap();
    let planes: Vec<_> = wanted.iter().map(|wanted| (wanted.clone(), plane(wanted, 3))).collect();
    store.write_planes(&planes).unwrap();
    store.read_plane(&wanted[0]).unwrap();
    let chunk = first_chunk(&folder.path().join("A/01/0/0"));
    let length = fs::metadata(&chunk).unwrap().len();
    for keep in [length - 1, length / 2, 1, 0] {
        fs::File::options().write(true).open(&chunk).unwrap().set_len(keep).unwrap();
        let error = store.read_plane(&wanted[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{keep}: {}", error.chain());
        assert!(error.path().unwrap().contains("A/01/0"), "{error}");
    }
    // Without its file it is missing, and can be written again.
    fs::remove_file(&chunk).unwrap();
    assert_eq!(store.read_plane(&wanted[0]).unwrap_err().kind(), ErrorKind::MissingPlane);
    store.write_planes(&planes).unwrap();
    assert_eq!(store.read_plane(&wanted[0]).unwrap(), plane(&wanted[0], 3));
}

/// The chunk file that is first by name below an array's folder.
fn first_chunk(array: &Path) -> std::path::PathBuf {
    let mut at = array.to_owned();
    while at.is_dir() {
        let below = fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path());
        let is_chunk = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            !name.starts_with('.') && name != "zarr.json"
        };
        at = below.filter(is_chunk).min().unwrap();
    }
    at
}

fn links_of_disk() {
    let outside = tempfile::tempdir().unwrap();
    let secret = encode_plane(&plane(&request(), 1), "a.tif").unwrap();
    fs::write(outside.path().join("secret.tif"), &secret).unwrap();
    let folder = tempfile::tempdir().unwrap();
    symlink(outside.path().join("secret.tif"), folder.path().join("a.tif")).unwrap();
    symlink(outside.path(), folder.path().join("out")).unwrap();
    symlink("turn", folder.path().join("turn")).unwrap();
    let store = disk(folder.path(), false, TiffCompression::None);
    let of =
        |name: &str| PlaneRequest::new(VirtualPath::parse(name).unwrap(), PlaneIndex::default());
    for name in ["/a.tif", "/out/secret.tif"] {
        let error = store.read_plane(&of(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", error.chain());
        let error = store.read_blob(&of(name).path, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", error.chain());
    }
    let error = store.write_plane(of("/out/b.tif"), plane(&request(), 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", error.chain());
    assert!(!outside.path().join("b.tif").exists());
    // A file is replaced, not written through the link that has its name.
    store.write_plane(of("/a.tif"), plane(&request(), 2)).unwrap();
    assert_eq!(fs::read(outside.path().join("secret.tif")).unwrap(), secret);
    assert!(store.read_plane(&of("/turn")).is_err());
    assert!(store.list(&VirtualPath::parse("/turn").unwrap()).is_err());
    store.list(&VirtualPath::root()).unwrap();
}

fn links_of_zarr() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let kind = Kind::Zarr05Synced;
    let structure = plate(kind.layout());
    let wanted = requests(&structure, &[0, 1]);
    let store = kind.open(folder.path()).unwrap();
    store.create_plate(&VirtualPath::root(), &structure).unwrap();
    let planes: Vec<_> = wanted.iter().map(|wanted| (wanted.clone(), plane(wanted, 3))).collect();
    store.write_planes(&planes).unwrap();
    drop(store);
    fs::rename(folder.path().join("A/01"), outside.path().join("01")).unwrap();
    symlink(outside.path().join("01"), folder.path().join("A/01")).unwrap();
    symlink("../B", folder.path().join("B/round")).unwrap();

    let store: Arc<_> = kind.open(folder.path()).unwrap();
    let error = store.read_plane(&wanted[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", error.chain());
    assert!(error.to_string().contains("leads outside"), "{error}");
    assert!(store.write_planes(&planes[..1]).is_err());
    let there = wanted.last().unwrap();
    assert_eq!(store.read_plane(there).unwrap(), plane(there, 3));
    let inventory = store.inventory(&VirtualPath::root()).unwrap();
    assert!(inventory.notes.iter().any(|note| note.contains("A/01")), "{:?}", inventory.notes);
}
