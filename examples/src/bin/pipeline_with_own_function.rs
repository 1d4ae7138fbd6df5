//! A pipeline built in Rust, with a function of one's own: how sharp each field is.
//!
//!     cargo run --release -p polystore-examples --bin pipeline_with_own_function -- [PLATE] [OUT]
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use polystore::{
    FileManager, PixelType,
    backend::{Column, ColumnValues, Table},
    ndarray::ArrayView2,
};
use polystore_pipeline::{
    Axis, CompileOptions, Error, Executor, ExecutorOptions, Pipeline, ResultStore, Step, Value,
    ValueKind, compile,
    function::{Context, Function, Inputs, Operation, Settings, register_function},
};

/// The variance of the Laplacian: high where an image has sharp edges (Pech-Pacheco et al.,
/// ICPR 2000). A field out of focus stands out beside the others of its channel.
#[derive(Debug)]
struct Sharpness;

impl Function for Sharpness {
    fn name(&self) -> &'static str {
        "sharpness"
    }

    fn about(&self) -> &'static str {
        "Variance of the Laplacian, a measure of focus"
    }

    fn output(&self) -> ValueKind {
        ValueKind::Table
    }

    /// Its columns never depend on pixels. So a heatmap of one that there will not be is
    /// refused before anything runs.
    fn columns(&self, _: &Settings, blank: &Inputs<'_>, context: &Context<'_>) -> Option<Table> {
        match self.run(blank, context) {
            Ok(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    fn prepare(&self, _settings: &Settings) -> polystore_pipeline::Result<Box<dyn Operation>> {
        Ok(Box::new(Self))
    }
}

impl Operation for Sharpness {
    fn run(&self, inputs: &Inputs<'_>, context: &Context<'_>) -> polystore_pipeline::Result<Value> {
        let plane = inputs.stack("image")?.only()?.convert(PixelType::F32);
        let pixels = plane.as_array::<f32>().map_err(|error| Error::function(error.to_string()))?;
        let channel = context.channel.unwrap_or_default().to_owned();
        Ok(Value::Table(Table {
            columns: vec![
                Column { name: "channel".into(), values: ColumnValues::Text(vec![channel]) },
                Column {
                    name: "sharpness".into(),
                    values: ColumnValues::Float(vec![laplacian_variance(pixels)]),
                },
            ],
        }))
    }
}

fn laplacian_variance(pixels: ArrayView2<'_, f32>) -> f64 {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for window in pixels.windows((3, 3)) {
        let around = window[[0, 1]] + window[[1, 0]] + window[[1, 2]] + window[[2, 1]];
        let laplacian = f64::from(around - 4.0 * window[[1, 1]]);
        n += 1.0;
        sum += laplacian;
        squares += laplacian * laplacian;
    }
    if n == 0.0 { 0.0 } else { squares / n - (sum / n).powi(2) }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let location = arguments.next().unwrap_or("data/imagexpress-mix/plate".to_owned());
    let out = arguments.next().unwrap_or("out/sharpness".to_owned());

    register_function(&Sharpness);
    let pipeline = Pipeline::builder("sharpness")
        .step(Step::new("project").over([Axis::Z]).call("max_projection"))
        .step(Step::new("sharpness").call("sharpness").save())
        .heatmap("sharpness_sharpness_mean")
        .build()?;

    let plate = FileManager::new().open_plate(&location)?;
    let plan = compile(&pipeline, &plate, &CompileOptions::default())?;
    println!("{}\n", plan.summary());
    let executor = Executor::new(ExecutorOptions::default());
    let store = ResultStore::on_disk(&out)?;
    let report = executor.run(&plan, &plate, &store, &AtomicBool::new(false), &|_| {})?;
    for row in &report.table.rows {
        println!("{} (acquisition {}): {:?}", row.well, row.acquisition + 1, row.values);
    }
    println!("report: {out}/report.html");
    Ok(())
}
