//! The pipelines that come with the project, over the plate that comes with it.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use polystore::{FileManager, OpenOptions, Plate, VirtualPath, zarr::ZarrBackend};
use polystore_pipeline::{CompileOptions, Executor, MissingPolicy, Pipeline, ResultStore, compile};

use crate::runs::options;

fn in_repository(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}

fn open_plate() -> Plate {
    let options = OpenOptions { structure_cache: false, ..OpenOptions::default() };
    let at = in_repository("data/imagexpress-mix/plate");
    FileManager::new().open_plate_with(at.to_str().unwrap(), &options).unwrap()
}

#[test]
fn nuclei_of_a_real_plate() {
    let plate = open_plate();
    let pipeline = Pipeline::open(in_repository("pipelines/nuclei.toml")).unwrap();
    let compiling = CompileOptions::default().with_missing(MissingPolicy::Skip);
    let plan = compile(&pipeline, &plate, &compiling).unwrap();
    println!("{}", plan.summary());
    let folder = tempfile::tempdir().unwrap();
    // To look at the results: POLYSTORE_KEEP_RESULTS=/some/folder.
    let out =
        std::env::var_os("POLYSTORE_KEEP_RESULTS").map_or(folder.path().to_owned(), PathBuf::from);
    let store = ResultStore::on_disk(&out).unwrap();
    let executor = Executor::new(options(2));
    let never = AtomicBool::new(false);
    let run =
        || executor.run(&plan, &plate, &store, &never, &|event| println!("{event:?}")).unwrap();
    let report = run();
    assert!(report.manifest.is_complete(), "{:?}", report.manifest);
    println!("{}", std::fs::read_to_string(out.join("results/plate.csv")).unwrap());
    let counts: Vec<_> =
        report.table.rows.iter().map(|row| row.value("nuclei_count").unwrap()).collect();
    println!("{counts:?}");
    assert_eq!(report.table.acquisitions(), [0, 1]);
    for below in [
        "report.html",
        "run.json",
        "results/nuclei/E07.csv",
        "plots/heatmap-nuclei_count-a001.png",
        "plots/heatmap-nuclei_count-a002.png",
    ] {
        assert!(out.join(below).is_file(), "{below}");
    }
    let images = ZarrBackend::open(&out.join("images/project.zarr")).unwrap();
    let images = Plate::open(std::sync::Arc::new(images), VirtualPath::root()).unwrap();
    println!("{:?}", images.inventory().unwrap().counts());
    assert!(!run().has_changed);
}
