//! When things fail: the others go on, and it is said what failed and why.

use std::sync::Arc;

use polystore::{
    ErrorKind, Plate,
    wrap::{self, FaultRule, Operation},
};
use polystore_pipeline::{
    ExecutorOptions, Pipeline, ResultStore, RunManifest, Step, Value, ValueKind,
    execute::Executor,
    function::{
        Context, Function, Inputs, Operation as Run, PlaneKind, Settings, register_function,
    },
    output::{RunState, UnitState},
};

use crate::{
    compile::{PIPELINE, plan},
    plates::Grid,
    runs::{Results, options, path},
};

fn with_fault(plate: &Plate, rule: FaultRule) -> Plate {
    let faulty = wrap::fault(Arc::clone(plate.backend()), vec![rule], 1).unwrap();
    Plate::open(Arc::new(faulty), plate.path().clone()).unwrap()
}

#[test]
fn a_plane_that_cannot_be_read_fails_its_field_only() {
    let (_, whole) = Grid::new(1, 2, 2).plate();
    let rule =
        FaultRule::new(ErrorKind::InvalidData).on(Operation::ReadPlanes).at("/source/A02/A02_s001");
    let plate = with_fault(&whole, rule);
    let results = Results::new();
    let report = results.run(&plan(PIPELINE, &plate), &plate, 2);
    assert_eq!(report.manifest.state, RunState::Incomplete);
    let failed: Vec<_> = report.manifest.failed().collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].name, "A02_s001");
    assert!(failed[0].error.contains("/source/A02/A02_s001"), "{}", failed[0].error);
    assert_eq!(report.manifest.count(UnitState::Done), 3);
    let row = &report.table.rows[1];
    assert_eq!((row.n_fields, row.n_done, row.is_complete()), (2, 1, false));
    assert!(results.text("results/cells/A02.json").contains("\"failed\""));
    // Once it can be read, only it is done.
    let report = results.run(&plan(PIPELINE, &whole), &whole, 2);
    assert_eq!(report.manifest.count(UnitState::Done), 1);
    assert!(report.manifest.is_complete());
}

#[test]
fn failures_in_passing_are_tried_again() {
    let (_, whole) = Grid::new(1, 2, 1).plate();
    let rule = FaultRule::new(ErrorKind::Transient).on(Operation::ReadPlanes).nth(4);
    let plate = with_fault(&whole, rule);
    let report = Results::new().run(&plan(PIPELINE, &plate), &plate, 1);
    assert!(report.manifest.is_complete(), "{:?}", report.manifest.failed().next());
}

#[test]
fn results_that_cannot_be_stored_fail_their_field_only() {
    let (_, plate) = Grid::new(1, 2, 1).plate();
    let plan = plan(PIPELINE, &plate);
    let results = Results::new();
    let rule = FaultRule::new(ErrorKind::LimitExceeded)
        .on(Operation::WritePlanes)
        .at("/out/images/project/A01/**");
    let faulty = wrap::fault(Arc::clone(&results.memory) as _, vec![rule], 1).unwrap();
    let store = ResultStore::in_backend(Arc::new(faulty), path("/out"));
    let run = |store: &ResultStore| {
        Executor::new(options(2)).run(&plan, &plate, store, &Default::default(), &|_| {}).unwrap()
    };
    let report = run(&store);
    assert_eq!(
        report.manifest.failed().map(|unit| unit.name.as_str()).collect::<Vec<_>>(),
        ["A01_s001"]
    );
    assert!(!results.exists("units/A01/A01_s001.json"));
    assert_eq!(RunManifest::load(&store).unwrap().unwrap().state, RunState::Incomplete);
    assert!(run(&results.store).manifest.is_complete());
}

/// Fails, panics, or gives something else than it says.
#[derive(Debug)]
struct Unruly;

static HOW: &[polystore_pipeline::function::Parameter] =
    &[polystore_pipeline::function::Parameter {
        name: "how",
        kind: polystore_pipeline::function::ParameterKind::Choice(&["fail", "panic", "lie"]),
        unit: "",
        about: "What it does in well A02.",
    }];

impl Function for Unruly {
    fn name(&self) -> &'static str {
        "unruly"
    }
    fn about(&self) -> &'static str {
        "Misbehaves on bright planes"
    }
    fn parameters(&self) -> &'static [polystore_pipeline::function::Parameter] {
        HOW
    }
    fn prepare(&self, settings: &Settings) -> polystore_pipeline::Result<Box<dyn Run>> {
        Ok(Box::new(Misbehave(settings.text("how")?.to_owned())))
    }
    fn output_planes(&self, _settings: &Settings, input: PlaneKind) -> PlaneKind {
        input
    }
}

struct Misbehave(String);

impl Run for Misbehave {
    fn run(&self, inputs: &Inputs<'_>, context: &Context<'_>) -> polystore_pipeline::Result<Value> {
        assert_eq!(context.channel, Some("GFP"));
        let image = inputs.get("image").unwrap();
        let plane = image.stack().unwrap().only()?;
        // GFP has the field's number in it.
        if plane.as_slice::<u16>()?[0] != 101 {
            return Ok(image.clone());
        }
        match self.0.as_str() {
            "panic" => panic!("bright"),
            "lie" => Ok(Value::Image(polystore_pipeline::Stack::single(
                plane.convert(polystore::PixelType::F64),
            ))),
            _ => Err(polystore_pipeline::Error::function("too bright")),
        }
    }
}

#[test]
fn a_function_that_misbehaves_fails_its_fields_only() {
    static UNRULY: Unruly = Unruly;
    register_function(&UNRULY);
    let (_, plate) = Grid::new(1, 2, 3).plate();
    for (how, what) in
        [("fail", "too bright"), ("panic", "panicked: bright"), ("lie", "got 1 of 32 x 40 float64")]
    {
        let step = Step::new("odd")
            .input(polystore_pipeline::Source::plate().channel("GFP"))
            .call("unruly")
            .with("how", how)
            .save();
        let pipeline = Pipeline::builder("p").step(step).build().unwrap();
        assert_eq!(pipeline.steps()[0].output(), ValueKind::Image);
        let plan = polystore_pipeline::compile(&pipeline, &plate, &Default::default()).unwrap();
        let report = Results::new().try_run(&plan, &plate, ExecutorOptions::default()).unwrap();
        let failed: Vec<_> = report.manifest.failed().collect();
        assert_eq!(
            failed.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>(),
            ["A01_s002", "A02_s002"]
        );
        assert!(
            failed[0].error.starts_with("step `odd` failed on A01_s002 (image=0 t=0 c=1 z=0): "),
            "{}",
            failed[0].error
        );
        assert!(failed[0].error.contains(what), "{}", failed[0].error);
    }
}

#[test]
fn a_plan_runs_on_its_own_plate_only() {
    let (_, plate) = Grid::new(1, 2, 1).plate();
    let (_, smaller) = Grid::new(1, 1, 1).plate();
    let error = Results::new().try_run(&plan(PIPELINE, &plate), &smaller, options(1)).unwrap_err();
    assert!(error.to_string().contains("compile the pipeline over this plate"), "{error}");
}
