//! Compiling over plates: what is planned, and what is refused before anything runs.

use polystore::{
    ErrorKind, MemoryBackend, PixelType, Plate, VirtualBackend, VirtualPath,
    backend::{Column, ColumnValues, Table},
    model::{ImageStructure, PlaneState, PlateStructure, Sizes},
};
use polystore_pipeline::{
    CompileOptions, ExecutionPlan, MissingPolicy, Pipeline, Value, ValueKind, compile,
    function::{Context, Function, Inputs, Operation, Settings, register_function},
    output::RunState,
    plan::{Cost, WriteTarget},
};

use crate::{
    plates::{Grid, well},
    runs::Results,
};

pub(crate) const PIPELINE: &str = r#"
name = "objects"

[[steps]]
name = "project"
function = "max_projection"
over = "z"
save = true

[[steps]]
name = "objects"
input = { channels = "DAPI" }
chain = ["otsu", "label"]
save = true

[[steps]]
name = "measure"
function = "measure"
input = { intensity = { from = "project", over = "channel" } }
save = "cells"
"#;

pub(crate) fn pipeline(text: &str) -> Pipeline {
    Pipeline::from_toml(text, "p.toml").unwrap()
}

pub(crate) fn plan(text: &str, plate: &Plate) -> ExecutionPlan {
    compile(&pipeline(text), plate, &CompileOptions::default()).unwrap()
}

fn refusal(text: &str, plate: &Plate) -> polystore_pipeline::Error {
    compile(&pipeline(text), plate, &CompileOptions::default()).unwrap_err()
}

fn with_input(input: &str) -> String {
    PIPELINE.replace("\"objects\"\n\n[[", &format!("\"objects\"\n[input]\n{input}\n[["))
}

#[test]
fn every_read_call_and_write_is_planned() {
    let (_, plate) = Grid::new(2, 2, 2).plate();
    let plan = plan(PIPELINE, &plate);
    assert_eq!((plan.units.len(), plan.programs.len()), (8, 1));
    assert_eq!(plan.units[3].name, "A02_s002");
    let program = &plan.programs[0];
    // Two channels projected over three sections; labels and measurements of one.
    assert_eq!((program.reads.len(), program.calls.len()), (6, 4));
    assert_eq!(program.calls[2].inputs[0].values, [6]);
    let intensity = &program.calls[3].inputs[1];
    assert_eq!(
        (intensity.values.as_slice(), intensity.channels.as_slice()),
        (&[6, 7][..], &[0, 1][..])
    );
    let tables = program.writes.iter().filter(|write| write.target == WriteTarget::Table);
    assert_eq!((program.writes.len(), tables.count()), (4, 1));
    assert_eq!(plan.image_sets[1].beside, Some(0));
    let n_bytes = 32 * 40;
    assert_eq!(
        Cost { peak_bytes: 0, ..plan.cost },
        Cost {
            n_planes: 48,
            read_bytes: 48 * n_bytes * 2,
            n_calls: 8 * 5,
            n_planes_written: 24,
            written_bytes: 8 * (2 * 2 + 4) * n_bytes,
            peak_bytes: 0,
        }
    );
    assert!(plan.cost.peak_bytes >= 6 * n_bytes * 2 && plan.cost.peak_bytes < 200 * n_bytes);
}

#[test]
fn plans_round_trip_and_a_changed_plan_is_refused() {
    let (_, plate) = Grid::new(1, 2, 1).plate();
    let plan = plan(PIPELINE, &plate);
    let json = plan.to_json().unwrap();
    assert_eq!(ExecutionPlan::from_json(&json).unwrap(), plan);
    let changed = json.replace("A02_s001", "A03_s001");
    assert!(ExecutionPlan::from_json(&changed).unwrap_err().to_string().contains("was changed"));
    let other = json.replacen("\"format\":3", "\"format\":99", 1);
    assert!(ExecutionPlan::from_json(&other).unwrap_err().to_string().contains("format 99"));
    let summary = plan.summary().to_string();
    assert!(summary.contains("2 of 2 wells, 2 units, 10 calls"), "{summary}");
    assert!(summary.contains("over z"), "{summary}");
}

#[test]
fn the_selection_is_a_rectangle_with_fields_channels_and_timepoints() {
    let grid = Grid::new(3, 3, 3).with_sizes(Sizes::new(2, 2, 1, 32, 40));
    let (_, plate) = grid.plate();
    let names = |input: &str| -> Vec<String> {
        plan(&with_input(input), &plate).units.into_iter().map(|unit| unit.name).collect()
    };
    assert_eq!(
        names("wells = \"A01:B02\"\nfields = 2"),
        ["A01_s002", "A02_s002", "B01_s002", "B02_s002"]
    );
    assert_eq!(
        names("wells = \"C\"\nexclude_wells = \"C02:C03\"\nfields = \"2-3\""),
        ["C01_s002", "C01_s003"]
    );
    let one = plan(&with_input("timepoints = 1\nchannels = 1"), &plate);
    assert_eq!(one.programs[0].reads.len(), 1);
    assert_eq!(one.programs[0].reads[0].index.t, 1);
}

#[test]
fn what_the_plate_does_not_have_is_refused_with_what_it_has() {
    let (_, plate) = Grid::new(2, 2, 2).plate();
    for (input, what) in [
        ("wells = \"A01:D04, E05\"", "has no well E05 (known: A01, A02, B01, B02)"),
        ("fields = 3", "no selected well has field 3 (wells have up to 2 fields, numbered from 1)"),
        ("channels = \"DAPPI\"", "did you mean `DAPI`?"),
        ("acquisition = \"day 2\"", "no acquisition `day 2`"),
        ("timepoints = 5", "there is no timepoint 5 (the plate has 1, numbered from 0)"),
    ] {
        let refusal = refusal(&with_input(input), &plate).to_string();
        // Channels and timepoints stand in the document only, so their place is known.
        let place = match input.split(' ').next() {
            Some("channels") => "p.toml:4:12",
            Some("timepoints") => "p.toml:4:14",
            _ => "p.toml:3:",
        };
        assert!(refusal.starts_with(place) && refusal.contains(what), "{refusal}");
    }
    let channel = PIPELINE.replace("\"DAPI\"", "\"DAPY\"");
    let refusal = refusal(&channel, &plate).to_string();
    assert!(
        refusal.starts_with("p.toml:12:") && refusal.contains("did you mean `DAPI`?"),
        "{refusal}"
    );
}

#[test]
fn missing_planes_are_refused_or_left_out_with_what_depends_on_them() {
    // A02 lacks a section of DAPI in field 1, and all of GFP in field 2.
    let (_, plate) = Grid::new(1, 2, 2).plate_with(|at, field, index| {
        at != well("A02")
            || (field == 0 && (index.c, index.z) != (0, 1))
            || (field == 1 && index.c == 0)
    });
    let error = refusal(PIPELINE, &plate);
    assert_eq!(error.kind(), ErrorKind::MissingPlane);
    let text = error.to_string();
    assert!(text.contains("4 planes that the pipeline needs are missing"), "{text}");
    assert!(
        text.contains("/A02/A02_s001 (t=0 c=0 z=1)") && text.contains("--missing skip"),
        "{text}"
    );

    let options = CompileOptions::default().with_missing(MissingPolicy::Skip);
    let plan = compile(&pipeline(PIPELINE), &plate, &options).unwrap();
    assert_eq!((plan.units.len(), plan.programs.len(), plan.notes.len()), (4, 3, 2));
    let calls = |unit: usize| plan.programs[plan.units[unit].program as usize].calls.len();
    // Field 1 has GFP's projection only; field 2 has DAPI's projection and labels.
    assert_eq!([0, 1, 2, 3].map(calls), [4, 4, 1, 2]);
    assert!(
        plan.notes[0].contains("A02_s001") && plan.notes[0].contains("z=1"),
        "{:?}",
        plan.notes
    );

    // What the pipeline does not read may be missing.
    let dapi = with_input("channels = \"DAPI\"\nfields = 2");
    assert_eq!(
        compile(&pipeline(&dapi), &plate, &CompileOptions::default()).unwrap().units.len(),
        2
    );
}

/// GFP has its middle section only; the second well has no DAPI.
fn ragged_plate() -> Plate {
    let grid = Grid::new(1, 2, 1);
    grid.declared(&grid.plate().0, |at, index| {
        let absent = (index.c == 1 && index.z != 1) || (at == well("A02") && index.c == 0);
        if absent { PlaneState::AbsentByDesign } else { PlaneState::Present }
    })
}

#[test]
fn ragged_sections_and_absent_channels_are_no_faults() {
    let plan = plan(PIPELINE, &ragged_plate());
    assert_eq!(plan.programs[0].reads.len(), 4);
    // The second well has nothing to label or measure, and is not refused for it.
    let second = &plan.programs[plan.units[1].program as usize];
    assert_eq!((second.reads.len(), second.calls.len(), second.skipped.len()), (1, 1, 0));
}

#[test]
fn stacks_of_different_sizes_are_refused() {
    let backend = MemoryBackend::new();
    let mut structure = PlateStructure::new("mixed", 1, 1);
    for (field, side) in [(0, 8), (1, 9)] {
        let at = PlateStructure::canonical_image_path(well("A01"), None, field);
        let image = ImageStructure {
            field,
            ..ImageStructure::new(at, PixelType::U8, Sizes::new(1, 1, 1, side, side))
        };
        structure.add_image(well("A01"), image).unwrap();
    }
    let root = VirtualPath::parse("/p").unwrap();
    backend.create_plate(&root, &structure).unwrap();
    let plate = Plate::open(std::sync::Arc::new(backend), root).unwrap();
    let text = "name = \"p\"\n[input]\nmissing = \"skip\"\n[[steps]]\nname = \"a\"\nfunction = \"mean_projection\"\nover = \"field\"\nsave = true";
    let refusal = refusal(text, &plate).to_string();
    assert!(refusal.contains("9 x 9 uint8, the first is 8 x 8 uint8"), "{refusal}");
}

#[test]
fn a_step_over_fields_makes_a_unit_of_each_well() {
    let (_, plate) = Grid::new(1, 2, 3).plate();
    let text = "name = \"p\"\n[[steps]]\nname = \"a\"\nfunction = \"mean_projection\"\nover = [\"field\", \"z\"]\nsave = true";
    let plan = plan(text, &plate);
    let names: Vec<_> = plan.units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["A01", "A02"]);
    assert_eq!(plan.programs[0].reads.len(), 18);
}

#[test]
fn a_large_plate_has_one_program() {
    let plate = Grid::new(16, 24, 9).declared(&MemoryBackend::new(), |_, _| PlaneState::Present);
    let plan = plan(PIPELINE, &plate);
    assert_eq!((plan.units.len(), plan.programs.len()), (3456, 1));
    assert_eq!(plan.cost.n_planes, 3456 * 6);
}

fn with_heatmap(column: &str) -> String {
    format!("{PIPELINE}\n[report]\nheatmaps = [\"{column}\"]\n")
}

#[test]
fn planes_that_cannot_be_read_are_called_what_they_are() {
    let grid = Grid::new(1, 1, 1);
    let (memory, _) = grid.plate();
    let with = |missing: u32, corrupt: u32| {
        let plate = grid.declared(&memory, |_, index| match index.z {
            z if index.c == 0 && z < missing => PlaneState::Missing,
            z if index.c == 0 && z < missing + corrupt => PlaneState::Corrupt,
            _ => PlaneState::Present,
        });
        let skip = CompileOptions::default().with_missing(MissingPolicy::Skip);
        let notes = compile(&pipeline(PIPELINE), &plate, &skip).unwrap().notes;
        (refusal(PIPELINE, &plate).to_string(), notes[0].clone())
    };
    for (missing, corrupt, refused, noted) in [
        (1, 0, "1 plane that the pipeline needs is missing: ", "(t=0 c=0 z=0) is missing"),
        (0, 1, "1 plane that the pipeline needs is corrupt: ", "(t=0 c=0 z=0) is corrupt"),
        (0, 2, "2 planes that the pipeline needs are corrupt: ", "2 planes are corrupt, the first"),
        (1, 2, "3 planes that the pipeline needs are missing (1) or corrupt (2): ", "missing (1)"),
    ] {
        let (error, note) = with(missing, corrupt);
        assert!(error.contains(refused), "{error}");
        assert!(note.contains(noted), "{note}");
    }
}

#[test]
fn heatmaps_of_columns_that_no_step_makes_are_refused() {
    let (_, plate) = Grid::new(1, 2, 1).plate();
    let report = Results::new().run(&plan(PIPELINE, &plate), &plate, 1);
    assert!(report.table.columns.len() > 40);
    for column in &report.table.columns {
        plan(&with_heatmap(column), &plate);
    }
    for (column, hint) in [
        ("cells_cuont", "did you mean `cells_count`"),
        ("cells_intensity_GPF_mean_mean", "did you mean `cells_intensity_GFP_mean_mean`"),
        ("cells_label_mean", "did you mean"),
        ("nope", "cells_"),
    ] {
        let text = refusal(&with_heatmap(column), &plate).to_string();
        assert!(text.contains(&format!("no step makes a column `{column}`")), "{text}");
        assert!(text.starts_with("p.toml:"), "{text}");
        assert!(text.contains(hint), "{text}");
    }
    let without = PIPELINE.split("[[steps]]\nname = \"measure\"").next().unwrap();
    let error = refusal(&format!("{without}\n[report]\nheatmaps = \"x\"\n"), &plate);
    assert!(error.to_string().contains("(`measure`)"), "{error}");
}

/// A table whose columns nobody knows before it has run.
#[derive(Debug)]
struct Unforeseen;

impl Function for Unforeseen {
    fn name(&self) -> &'static str {
        "unforeseen"
    }
    fn about(&self) -> &'static str {
        "A table of one column"
    }
    fn output(&self) -> ValueKind {
        ValueKind::Table
    }
    fn prepare(&self, _settings: &Settings) -> polystore_pipeline::Result<Box<dyn Operation>> {
        Ok(Box::new(Self))
    }
}

impl Operation for Unforeseen {
    fn run(&self, _: &Inputs<'_>, _: &Context<'_>) -> polystore_pipeline::Result<Value> {
        let values = ColumnValues::Float(vec![1.5]);
        Ok(Value::Table(Table { columns: vec![Column { name: "x".to_owned(), values }] }))
    }
}

#[test]
fn a_column_that_nobody_could_know_of_makes_the_run_incomplete() {
    register_function(&Unforeseen);
    let (_, plate) = Grid::new(1, 2, 1).plate();
    let text = |column: &str| {
        format!(
            "name = \"p\"\n[[steps]]\nname = \"own\"\nfunction = \"unforeseen\"\nsave = true\n\
             [report]\nheatmaps = [\"{column}\"]\n"
        )
    };
    let run = |column: &str| Results::new().run(&plan(&text(column), &plate), &plate, 1);
    assert!(run("own_x_mean").manifest.is_complete());
    let report = run("own_y_mean");
    assert_eq!(report.manifest.state, RunState::Incomplete);
    assert!(report.remarks()[0].contains("did you mean `own_x_mean`?"), "{:?}", report.remarks());
    assert!(refusal(&text("other_x_mean"), &plate).to_string().contains("no step makes"));
}
