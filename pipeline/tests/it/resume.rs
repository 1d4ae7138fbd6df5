//! Running again: what is whole is kept, what is damaged or of other input is done again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use polystore::{
    ErrorKind, Plane, PlaneIndex, PlaneRequest, VirtualBackend, VirtualBackendExt, ndarray::Array2,
};
use polystore_pipeline::{Error, Event, ExecutionPlan, output::UnitState};

use crate::{
    compile::{PIPELINE, plan},
    plates::Grid,
    runs::{Results, options, path},
};

fn states(report: &polystore_pipeline::RunReport) -> (usize, usize) {
    (report.manifest.count(UnitState::Done), report.manifest.count(UnitState::Kept))
}

/// Runs again and says how many units were done, and how many kept.
fn again(results: &Results, plan: &ExecutionPlan, plate: &polystore::Plate) -> (usize, usize) {
    states(&results.run(plan, plate, 2))
}

#[test]
fn a_finished_run_has_nothing_to_do() {
    let (_, plate) = Grid::new(2, 2, 1).plate();
    let plan = plan(PIPELINE, &plate);
    let results = Results::new();
    let first = results.run(&plan, &plate, 2);
    assert_eq!((states(&first), first.has_changed), ((4, 0), true));
    let (content, manifest) = (results.content(), results.text("run.json"));
    let second = results.run(&plan, &plate, 2);
    assert_eq!((states(&second), second.has_changed), ((0, 4), false));
    assert_eq!(format!("{:?}", second.table), format!("{:?}", first.table));
    assert_eq!((results.content(), results.text("run.json")), (content, manifest));
}

#[test]
fn exactly_what_was_damaged_is_done_again() {
    let (_, plate) = Grid::new(2, 2, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let results = Results::new();
    results.run(&plan, &plate, 2);
    let content = results.content();
    let out = |below: &str| path("/out").join(below).unwrap();
    let damage: [(&str, &dyn Fn()); 6] = [
        ("a label image is gone", &|| {
            results
                .memory
                .delete(&out("images/project/A01/A01_s002/labels/objects"), true)
                .unwrap();
        }),
        ("a pixel has another value", &|| {
            let request =
                PlaneRequest::new(out("images/project/B02/B02_s001"), PlaneIndex::new(0, 1, 0));
            let plane = results.memory.read_plane(&request).unwrap();
            let mut pixels = plane.as_array::<u16>().unwrap().to_owned();
            pixels[[5, 5]] ^= 1;
            results.memory.write_plane(request, Plane::from_array(pixels)).unwrap();
        }),
        ("a record is gone", &|| {
            results.memory.delete(&out("units/A02/A02_s001.json"), false).unwrap();
        }),
        ("a record was cut short", &|| {
            let at = out("units/A02/A02_s001.json");
            let text = results.memory.read_text(&at).unwrap();
            results.memory.write_text(&at, &text[..text.len() / 2]).unwrap();
        }),
        ("a number of a record was changed", &|| {
            let at = out("units/A02/A02_s001.json");
            let text = results.memory.read_text(&at).unwrap();
            let changed = text.replacen("1000.0", "1001.0", 1);
            assert_ne!(text, changed);
            results.memory.write_text(&at, changed).unwrap();
        }),
        ("a record is of another unit", &|| {
            let text = results.memory.read_text(&out("units/B01/B01_s001.json")).unwrap();
            results.memory.write_text(&out("units/B01/B01_s002.json"), text).unwrap();
        }),
    ];
    for (what, damage) in damage {
        damage();
        assert_eq!(again(&results, &plan, &plate), (1, 7), "{what}");
        assert_eq!(results.content(), content, "{what}");
    }
}

#[test]
fn tables_that_are_damaged_are_made_from_the_records() {
    let (_, plate) = Grid::new(1, 2, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let results = Results::new();
    results.run(&plan, &plate, 2);
    let content = results.content();
    for below in ["results/cells/A01.csv", "results/cells/A02.json", "results/plate.csv"] {
        results.memory.write_text(&path("/out").join(below).unwrap(), "damaged").unwrap();
        let report = results.run(&plan, &plate, 2);
        assert_eq!((states(&report), report.has_changed), ((0, 4), true), "{below}");
        assert_eq!(results.content(), content, "{below}");
    }
}

#[test]
fn a_changed_plane_is_worked_on_again() {
    let (source, plate) = Grid::new(1, 2, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let results = Results::new();
    results.run(&plan, &plate, 2);
    let request = PlaneRequest::new(path("/source/A02/A02_s001"), PlaneIndex::new(0, 1, 2));
    source.write_plane(request, Plane::from_array(Array2::from_elem((32, 40), 500u16))).unwrap();
    assert_eq!(again(&results, &plan, &plate), (1, 3));
    assert!(results.text("results/cells/A02.csv").contains(",500.0,"));
    assert_eq!(again(&results, &plan, &plate), (0, 4));
}

#[test]
fn results_of_another_pipeline_are_refused_or_replaced() {
    let (_, plate) = Grid::new(1, 1, 1).plate();
    let results = Results::new();
    results.run(&plan(PIPELINE, &plate), &plate, 1);
    let other =
        PIPELINE.replace("\"otsu\"", "\"otsu\", \"fill_holes\"").replace("\"cells\"", "\"spots\"");
    let other = plan(&other, &plate);
    let error = results.try_run(&other, &plate, options(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let text = error.to_string();
    assert!(
        text.contains("step `objects`, functions: otsu, label → otsu, fill_holes, label"),
        "{text}"
    );
    assert!(text.contains("replace the results"), "{text}");
    let report = results.try_run(&other, &plate, options(1).with_replace(true)).unwrap();
    assert_eq!(states(&report), (1, 0));
    assert!(results.exists("results/spots/A01.csv") && !results.exists("results/cells/A01.csv"));
}

#[test]
fn a_run_that_was_stopped_leaves_whole_results_and_goes_on_from_there() {
    let (_, plate) = Grid::new(2, 4, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let (stopped, whole) = (Results::new(), Results::new());
    whole.run(&plan, &plate, 2);
    let cancel = AtomicBool::new(false);
    let (n_read, n_done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // The run is cancelled at its fifth unit. Those that load wait for that with their ninth,
    // however the threads are scheduled, so that there is something left to do.
    let events = |event: Event| match event {
        Event::Read { .. } if n_read.fetch_add(1, Ordering::SeqCst) >= 8 => {
            let start = Instant::now();
            while !cancel.load(Ordering::SeqCst) && start.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Event::Done { .. } if n_done.fetch_add(1, Ordering::SeqCst) == 4 => {
            cancel.store(true, Ordering::SeqCst);
        }
        _ => {}
    };
    let error = stopped.run_with(&plan, &plate, options(2), &cancel, &events).unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    assert!(stopped.text("run.json").contains("\"state\": \"cancelled\""));
    let n_done = n_done.into_inner();
    assert!((5..16).contains(&n_done), "{n_done}");
    // Whatever is there is as it is in a run that was not stopped, or missing.
    let complete = whole.content();
    let missing = ErrorKind::MissingPlane.to_string().into_bytes();
    for (name, content) in stopped.content() {
        assert!(content == complete[&name] || content == missing, "{name}");
    }
    assert_eq!(again(&stopped, &plan, &plate), (16 - n_done, n_done));
    assert_eq!(stopped.content(), complete);
}

#[test]
fn planes_are_not_read_again_where_files_tell_that_they_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(polystore::disk::DiskBackend::open(folder.path()).unwrap());
    let grid = Grid::new(1, 2, 1);
    let (_, original) = grid.plate();
    disk.create_plate(&path("/source"), original.structure()).unwrap();
    let write = |image: &polystore::model::ImageStructure| {
        for index in image.sizes.indices() {
            let plane = original.read(image, index).unwrap();
            let request = PlaneRequest::new(path("/source").append(&image.path), index);
            disk.write_plane(request, plane).unwrap();
        }
    };
    original.structure().images().for_each(|(_, image)| write(image));
    let counted = Arc::new(polystore::wrap::count(disk.clone() as _));
    let plate = polystore::Plate::open(Arc::clone(&counted) as _, path("/source")).unwrap();
    let plan = plan(PIPELINE, &plate);
    let results = Results::new();
    results.run(&plan, &plate, 2);
    counted.reset();
    assert_eq!(again(&results, &plan, &plate), (0, 2));
    assert_eq!(counted.counts().planes_requested, 0);
    // The same pixels in a file of another time are looked at, and are the same work.
    std::thread::sleep(std::time::Duration::from_millis(20));
    write(plate.structure().images().next().unwrap().1);
    assert_eq!(again(&results, &plan, &plate), (1, 1));
}
