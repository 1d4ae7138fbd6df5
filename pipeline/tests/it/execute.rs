//! Executing: exact results, whatever the threads and the memory.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use base64::Engine;
use polystore::{
    PixelType, PlaneIndex, PlaneRequest, Plate, VirtualBackendExt, VirtualPath, model::PlaneState,
    wrap,
};
use polystore_pipeline::{
    CompileOptions, Event, MissingPolicy, ResultStore, compile, output::UnitState,
};

use crate::{
    compile::{PIPELINE, pipeline, plan},
    plates::{Grid, n_objects, well},
    runs::{Results, options, path},
};

/// Rows of a CSV text by column.
fn column(csv: &str, name: &str) -> Vec<String> {
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = header
        .iter()
        .position(|column| column == name)
        .unwrap_or_else(|| panic!("{name} of {header:?}"));
    lines.map(|line| line[at].clone()).collect()
}

#[test]
fn tables_images_and_labels_are_exact() {
    let (_, plate) = Grid::new(2, 2, 2).plate();
    let results = Results::new();
    let report = results.run(&plan(PIPELINE, &plate), &plate, 2);
    assert!(report.manifest.is_complete(), "{:?}", report.manifest);

    let csv = results.text("results/cells/B02.csv");
    let n = [n_objects(well("B02"), 0), n_objects(well("B02"), 1)];
    let fields = column(&csv, "field");
    assert_eq!(fields.iter().filter(|field| *field == "1").count(), n[0]);
    assert_eq!(fields.iter().filter(|field| *field == "2").count(), n[1]);
    assert!(column(&csv, "plate").iter().all(|plate| plate == "test plate"));
    assert!(column(&csv, "channel").iter().all(|channel| channel == "DAPI"));
    assert!(column(&csv, "z").iter().all(String::is_empty));
    assert!(column(&csv, "area_px").iter().all(|area| area == "16"));
    assert!(column(&csv, "area_um2").iter().all(|area| area == "4.0"));
    // Objects are as bright as their number says; GFP as the field.
    let means = column(&csv, "intensity_DAPI_mean");
    let expected: Vec<_> =
        (0..n[0]).chain(0..n[1]).map(|number| format!("{:?}", 1000.0 + number as f64)).collect();
    assert_eq!(means, expected);
    assert_eq!(column(&csv, "intensity_GFP_mean")[n[0]], "101.0");

    let json: serde_json::Value =
        serde_json::from_str(&results.text("results/cells/B02.json")).unwrap();
    assert_eq!(json["fields"][1]["state"], "done");
    assert_eq!(json["rows"].as_array().unwrap().len(), n[0] + n[1]);
    assert_eq!(json["rows"][0]["intensity_DAPI_mean"], 1000.0);

    let plate_csv = results.text("results/plate.csv");
    assert_eq!(column(&plate_csv, "well"), ["A01", "A02", "B01", "B02"]);
    let counts = ["A01", "A02", "B01", "B02"]
        .map(|at| (n_objects(well(at), 0) + n_objects(well(at), 1)).to_string());
    assert_eq!(column(&plate_csv, "cells_count"), counts);
    assert_eq!(column(&plate_csv, "complete"), ["true"; 4]);

    let images =
        Plate::open(Arc::clone(&results.memory) as _, path("/out/images/project")).unwrap();
    let image = images.image(well("B02"), 1).unwrap();
    assert_eq!((image.sizes.c, image.sizes.z, image.pixel_type), (2, 1, PixelType::U16));
    assert_eq!(image.channel_name(1), "GFP");
    let projected = images.read(image, PlaneIndex::new(0, 0, 0)).unwrap();
    assert_eq!(projected.as_array::<u16>().unwrap()[[0, 8]], 1001);
    let labels = path("/out/images/project").append(&image.path).join("labels/objects").unwrap();
    let labels =
        results.memory.read_plane(&PlaneRequest::new(labels, PlaneIndex::default())).unwrap();
    assert_eq!(labels.as_slice::<u32>().unwrap().iter().max(), Some(&(n[1] as u32)));
    assert!(images.inventory().unwrap().is_complete());
}

#[test]
fn results_are_the_same_bytes_from_one_thread_and_from_four() {
    let (_, plate) = Grid::new(2, 3, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let (one, four) = (Results::new(), Results::new());
    one.run(&plan, &plate, 1);
    four.run(&plan, &plate, 4);
    let content = one.content();
    assert!(content.len() >= 12 * 3 + 6 * 2 + 2, "{}", content.len());
    assert_eq!(content, four.content());
}

#[test]
fn a_pool_of_one_thread_inside_a_pool_of_one_thread_works() {
    let (_, plate) = Grid::new(1, 2, 1).plate();
    let plan = plan(PIPELINE, &plate);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let report = pool.install(|| Results::new().run(&plan, &plate, 1));
    assert!(report.manifest.is_complete());
}

/// The most bytes of planes that were in memory at once: read, and not yet stored.
fn peak_in_flight(n_wells: u32, memory_bytes: u64) -> (u64, u64) {
    let (_, plate) = Grid::new(1, n_wells, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let in_flight = AtomicU64::new(0);
    let peak = AtomicU64::new(0);
    let of_unit = plan.programs[0].cost.peak_bytes;
    let events = |event: Event| match event {
        Event::Read { .. } => {
            let now = in_flight.fetch_add(of_unit, Ordering::SeqCst) + of_unit;
            peak.fetch_max(now, Ordering::SeqCst);
        }
        Event::Done { .. } => {
            in_flight.fetch_sub(of_unit, Ordering::SeqCst);
        }
        _ => {}
    };
    let options = options(2).with_memory_bytes(memory_bytes);
    let report =
        Results::new().run_with(&plan, &plate, options, &AtomicBool::new(false), &events).unwrap();
    assert!(report.manifest.is_complete());
    (peak.into_inner(), report.peak_bytes)
}

#[test]
fn memory_in_flight_stays_below_the_budget_whatever_the_plate() {
    let (_, plate) = Grid::new(1, 1, 2).plate();
    let of_unit = plan(PIPELINE, &plate).programs[0].cost.peak_bytes;
    for n_wells in [3, 24] {
        // The event comes just after the memory is given back: one unit per writer more.
        let (seen, reserved) = peak_in_flight(n_wells, 3 * of_unit);
        assert!(reserved <= 3 * of_unit, "{n_wells} wells: {reserved}");
        assert!(seen <= 5 * of_unit, "{n_wells} wells: {seen} of {of_unit}");
    }
    // A unit larger than the budget runs alone.
    assert_eq!(peak_in_flight(2, 1).1, of_unit);
}

#[test]
fn planes_are_read_once_each_in_batches() {
    let (memory, plate) = Grid::new(2, 2, 2).plate();
    let counted = Arc::new(wrap::count(memory));
    let plate = Plate::open(Arc::clone(&counted) as _, plate.path().clone()).unwrap();
    let plan = plan(PIPELINE, &plate);
    counted.reset();
    Results::new().run(&plan, &plate, 2);
    let counts = counted.counts();
    assert_eq!(counts.planes_requested, 8 * 6);
    assert!(counts.of(wrap::Operation::ReadPlanes) <= 4, "{counts:?}");
}

#[test]
fn what_depends_on_missing_planes_is_left_out_and_said() {
    let (_, plate) = Grid::new(1, 2, 2).plate_with(|at, field, index| {
        at != well("A02") || field != 0 || (index.c, index.z) != (0, 2)
    });
    let options = CompileOptions::default().with_missing(MissingPolicy::Skip);
    let plan = compile(&pipeline(PIPELINE), &plate, &options).unwrap();
    let results = Results::new();
    let report = results.run(&plan, &plate, 2);
    assert!(report.manifest.notes[0].contains("A02_s001"));
    let csv = results.text("results/cells/A02.csv");
    assert!(column(&csv, "field").iter().all(|field| field == "2"));
    let json: serde_json::Value =
        serde_json::from_str(&results.text("results/cells/A02.json")).unwrap();
    assert_eq!(json["fields"][0]["state"], "partial");
    let plate_csv = results.text("results/plate.csv");
    assert_eq!(column(&plate_csv, "complete"), ["true", "false"]);
    assert_eq!(column(&plate_csv, "fields_partial"), ["0", "1"]);
    // What was not made is missing in the derived plate too, and is no black image.
    let images =
        Plate::open(Arc::clone(&results.memory) as _, path("/out/images/project")).unwrap();
    assert_eq!(images.inventory().unwrap().counts().missing, 1);
}

/// The pictures of the report, by the caption of each, and whether they are marked in amber.
fn pictures(page: &str) -> Vec<(String, bool)> {
    let picture = |figure: &str| {
        let (source, rest) = figure.split_once("base64,").unwrap().1.split_once('"').unwrap();
        let source = source.replace("&#x2f;", "/");
        let file = base64::engine::general_purpose::STANDARD.decode(source).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let is_marked = pixels.chunks_exact(3).any(|pixel| pixel == [255, 176, 0]);
        let caption = rest.split_once("<figcaption>").unwrap().1.split_once('<').unwrap().0;
        (caption.to_owned(), is_marked)
    };
    page.split("<figure>").skip(1).map(picture).collect()
}

#[test]
fn a_field_done_in_part_is_so_everywhere() {
    let (_, plate) = Grid::new(1, 2, 2).plate_with(|at, field, index| {
        at != well("A02") || field != 0 || (index.c, index.z) != (0, 2)
    });
    let options = CompileOptions::default().with_missing(MissingPolicy::Skip);
    let plan = compile(&pipeline(PIPELINE), &plate, &options).unwrap();
    let results = Results::new();
    // The second run keeps what the first one did.
    for kept in [0, 3] {
        let report = results.run(&plan, &plate, 2);
        let states = [UnitState::Done, UnitState::Kept, UnitState::Partial, UnitState::Failed];
        let states = states.map(|state| report.manifest.count(state));
        assert_eq!(states, [3 - kept, kept, 1, 0]);
        let row = &report.table.rows[1];
        assert_eq!((row.n_fields, row.n_done, row.n_partial), (2, 1, 1));
        assert_eq!(report.n_left_out(), 1);
    }
    let manifest: serde_json::Value = serde_json::from_str(&results.text("run.json")).unwrap();
    assert_eq!(manifest["units"][2]["name"], "A02_s001");
    assert_eq!(manifest["units"][2]["state"], "partial");
    let csv = results.text("results/plate.csv");
    assert_eq!(column(&csv, "fields_done"), ["2", "1"]);
    assert_eq!(column(&csv, "fields_partial"), ["0", "1"]);
    let page = results.text("report.html");
    assert!(page.contains("1 of 2, 1 in part") && page.contains("A striped corner"));
    let expected = [
        ("A01_s001", false),
        ("A01_s002", false),
        ("A02_s001, incomplete", true),
        ("A02_s002", false),
    ];
    assert_eq!(pictures(&page), expected.map(|(name, marked)| (name.to_owned(), marked)));
}

#[test]
fn what_was_never_meant_to_be_does_not_make_a_field_partial() {
    let grid = Grid::new(1, 2, 1);
    let (memory, _) = grid.plate();
    let plate = grid.declared(&memory, |at, index| match (at == well("A02"), index.c) {
        (true, 0) => PlaneState::AbsentByDesign,
        _ => PlaneState::Present,
    });
    let report = Results::new().run(&plan(PIPELINE, &plate), &plate, 1);
    assert!(report.manifest.is_complete(), "{:?}", report.manifest.notes);
    assert_eq!(report.manifest.count(UnitState::Done), 2);
}

#[test]
fn whole_numbers_stay_whole_where_a_well_has_none() {
    let (_, plate) = Grid::new(1, 2, 1)
        .plate_with(|at, _, index| at != well("A02") || (index.c, index.z) != (0, 2));
    let options = CompileOptions::default().with_missing(MissingPolicy::Skip);
    let plan = compile(&pipeline(PIPELINE), &plate, &options).unwrap();
    let results = Results::new();
    results.run(&plan, &plate, 1);
    let csv = results.text("results/plate.csv");
    assert_eq!(column(&csv, "cells_count"), [n_objects(well("A01"), 0).to_string(), String::new()]);
    let json: serde_json::Value =
        serde_json::from_str(&results.text("results/plate.json")).unwrap();
    let counts = [&json["wells"][0]["cells_count"], &json["wells"][1]["cells_count"]];
    assert!(counts[0].is_u64() && counts[1].is_null(), "{counts:?}");
}

#[test]
fn fields_that_are_taken_together_have_one_result_per_well() {
    let (_, plate) = Grid::new(1, 2, 3).plate();
    let text = r#"
name = "p"
[[steps]]
name = "mean"
function = "mean_projection"
over = ["field", "z"]
input = { channels = "GFP" }
save = true
[[steps]]
name = "count"
chain = ["otsu", "measure"]
save = true
"#;
    let results = Results::new();
    results.run(&plan(text, &plate), &plate, 2);
    let images = Plate::open(Arc::clone(&results.memory) as _, path("/out/images/mean")).unwrap();
    let image = images.image(well("A02"), 0).unwrap();
    let plane = images.read(image, PlaneIndex::default()).unwrap();
    assert_eq!(plane.as_array::<f32>().unwrap()[[3, 3]], 101.0);
    assert!(results.text("results/count/A01.csv").starts_with("plate,well,field,"));
}

#[test]
fn outlines_are_imagej_archives() {
    let (_, plate) = Grid::new(1, 1, 2).plate();
    let text = format!(
        "{PIPELINE}\n[[steps]]\nname = \"outlines\"\nfunction = \"outline\"\ninput = \"objects\"\nsave = true\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(polystore::disk::DiskBackend::open(folder.path()).unwrap());
    let store = ResultStore::in_backend(disk.clone() as _, VirtualPath::root());
    let plan = plan(&text, &plate);
    let run = || {
        polystore_pipeline::Executor::new(options(2))
            .run(&plan, &plate, &store, &AtomicBool::new(false), &|_| {})
            .unwrap()
    };
    let report = run();
    assert!(report.manifest.is_complete(), "{:?}", report.manifest.failed().next());
    let archive = std::fs::read(folder.path().join("rois/outlines/A01_s002.roi.zip")).unwrap();
    assert!(!polystore::roi::read_archive(&archive).unwrap().is_empty());
    let again = run();
    assert!(!again.has_changed, "{:?}", again.manifest);
}

#[test]
fn events_tell_the_whole_run() {
    let (_, plate) = Grid::new(1, 2, 2).plate();
    let plan = plan(PIPELINE, &plate);
    let events = Mutex::new(Vec::new());
    let results = Results::new();
    let tell = |event: Event| events.lock().unwrap().push(event);
    results.run_with(&plan, &plate, options(2), &AtomicBool::new(false), &tell).unwrap();
    let events = events.into_inner().unwrap();
    assert!(
        matches!(events.first(), Some(Event::Started { n_units: 4, read_bytes, .. }) if *read_bytes == plan.cost.read_bytes)
    );
    let count = |is_it: fn(&Event) -> bool| events.iter().filter(|event| is_it(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Read { .. })), 4);
    assert_eq!(count(|event| matches!(event, Event::Computed { .. })), 4);
    assert_eq!(count(|event| matches!(event, Event::Done { .. })), 4);
    assert_eq!(count(|event| matches!(event, Event::WellDone { .. })), 2);
    assert!(matches!(events.last(), Some(Event::Finishing)));
}
