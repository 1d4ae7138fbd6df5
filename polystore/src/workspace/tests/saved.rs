//! Workspaces as files.

use std::path::Path;

use super::*;
use crate::{
    ErrorKind, FileManager, Plane, PlaneShape, VirtualBackendExt,
    disk::{DiskBackend, DiskOptions},
    open_spec,
};

fn disk(folder: &Path) -> Arc<dyn VirtualBackend> {
    std::fs::create_dir_all(folder).unwrap();
    let options = DiskOptions::default().without_cache();
    Arc::new(DiskBackend::open_with(folder, options).unwrap())
}

/// A saved workspace over a plate on disk beside it, with an overlay beside it.
fn saved(folder: &Path) -> std::path::PathBuf {
    let source = disk(&folder.join("source"));
    fill(&*source, "/plate");
    let overlay = disk(&folder.join("overlay"));
    let mut workspace = mapped(&source).with_overlay(overlay).unwrap();
    let file = folder.join("fixture.workspace.json");
    workspace.save(&file).unwrap();
    file
}

fn uniform() -> Plane {
    Plane::from_vec(PlaneShape::new(5, 7), vec![5u16; 35]).unwrap()
}

#[test]
fn a_saved_workspace_moves_with_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    std::fs::create_dir(&before).unwrap();
    let file = saved(&before);
    let workspace = Workspace::open(&file).unwrap();
    workspace.write_plane(request("/A01/A01_s001", 0, 0, 0), uniform()).unwrap();
    assert_eq!(open_spec(&workspace.spec()).unwrap().spec(), workspace.spec());
    drop(workspace);
    let after = folder.path().join("after");
    std::fs::rename(&before, &after).unwrap();
    let workspace = Workspace::open(after.join("fixture.workspace.json")).unwrap();
    assert_eq!(workspace.read_plane(&request("/A01/A01_s001", 0, 0, 0)).unwrap(), uniform());
    let found = workspace.read_plane(&request("/B03/B03_s002", 1, 0, 2)).unwrap();
    assert_eq!(Some(found), fixture::plane(fixture::WELLS[1], 1, PlaneIndex::new(1, 0, 2)));
    assert_eq!(workspace.inventory(&VirtualPath::root()).unwrap().counts().present, 47);
}

#[test]
fn a_workspace_is_opened_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path());
    let plain = folder.path().join("plain.json");
    std::fs::copy(&file, &plain).unwrap();
    let files = FileManager::new();
    for location in [&file, &plain] {
        for scheme in ["", "workspace:"] {
            let location = format!("{scheme}{}", location.display());
            let plate = files.open_plate(&location).unwrap();
            assert_eq!(plate.structure().name, "fixture", "{location}");
            assert_eq!(plate.backend().spec().scheme, "workspace");
        }
    }
    let inside = format!("{}/A01/A01_s002", file.display());
    let target = files.resolve(&inside).unwrap();
    assert_eq!(target.backend.describe(&target.path).unwrap().sizes, fixture::SIZES);
    // The file itself stays a file.
    assert!(files.read_text(&file.display().to_string()).unwrap().contains("polystore_workspace"));
    let other = folder.path().join("other.json");
    std::fs::write(&other, "{}").unwrap();
    let error = files.open_plate(&other.display().to_string()).unwrap_err();
    assert!(error.to_string().contains("file of a workspace"), "{error}");
}

#[test]
fn an_option_names_another_overlay() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path());
    let other = folder.path().join("other");
    let spec = crate::BackendSpec::new("workspace", file.display().to_string())
        .with_option("overlay", format!("disk:{}", other.display()));
    assert_eq!(open_spec(&spec).unwrap_err().kind(), ErrorKind::NotFound);
    let workspace = crate::create_spec(&spec).unwrap();
    workspace.write_plane(request("/A01/A01_s001", 0, 0, 0), uniform()).unwrap();
    let again = open_spec(&workspace.spec()).unwrap();
    assert_eq!(again.read_plane(&request("/A01/A01_s001", 0, 0, 0)).unwrap(), uniform());
    let own = Workspace::open(&file).unwrap();
    assert_ne!(own.read_plane(&request("/A01/A01_s001", 0, 0, 0)).unwrap(), uniform());
    let none = open_spec(
        &crate::BackendSpec::new("workspace", file.display().to_string())
            .with_option("overlay", ""),
    );
    assert!(!none.unwrap().capabilities().write);
}

#[test]
fn a_damaged_file_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path());
    let text = std::fs::read_to_string(&file).unwrap();
    let shown = file.canonicalize().unwrap().display().to_string();
    for end in (0..text.len() - 2).step_by(37) {
        std::fs::write(&file, &text[..end]).unwrap();
        let error = Workspace::open(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert_eq!(error.path(), Some(&*shown));
        assert!(error.message().contains("line "), "{error}");
    }
    let changes = [
        ("\"polystore_workspace\": 1", "\"polystore_workspace\": 2", "version 2"),
        ("\"source\":0", "\"source\":7", "source 7 of 1"),
        ("\"image\":\"/A01/A01_s001\"", "\"image\":\"/A01/nothing\"", "/A01/nothing"),
        ("\"image\":\"/A01/A01_s001\"", "\"image\":\"/A01/A01_s002\"", "twice"),
        ("\"n_rows\":2", "\"n_rows\":0", "outside the grid"),
        ("[1,1,1,1,1,1]", "[1,1,0,1,1,1]", "two sources claim"),
        ("[1,1,1,1,1,1]", "[9,1,1,1,1,1]", "declares no plane"),
        ("\"plate\":\"/plate\"", "\"plate\":\"/other\"", "not in its plate"),
        ("\"from\":", "\"form\":", "unknown field"),
        ("\"/A01/A01_s001\"", "\"/A01/../..\"", "`..`"),
    ];
    for (from, to, expected) in changes {
        assert!(text.contains(from), "{from}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let error = Workspace::open(&file).unwrap_err();
        assert!(error.to_string().contains(expected), "{from}: {error}");
        assert_eq!(error.path(), Some(&*shown), "{error}");
    }
}

#[test]
fn a_missing_source_and_a_circle_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path());
    let text = std::fs::read_to_string(&file).unwrap();
    let gone = text.replace("\"location\":\"source\"", "\"location\":\"gone\"");
    assert_ne!(gone, text);
    std::fs::write(&file, gone).unwrap();
    let error = Workspace::open(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.chain().contains("gone"), "{}", error.chain());
    let circle = text.replace(
        "\"scheme\":\"disk\",\"location\":\"source\"",
        "\"scheme\":\"workspace\",\"location\":\"fixture.workspace.json\"",
    );
    assert_ne!(circle, text);
    std::fs::write(&file, circle).unwrap();
    let error = Workspace::open(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.chain().contains("source of itself"), "{}", error.chain());
}
