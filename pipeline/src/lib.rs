//! Compile a pipeline over a plate and execute it next to the data.
//!
//! A pipeline is data (TOML, or built in Rust): steps that call image functions. Compiled
//! against a plate it becomes a plan in which every read, call and write is known before
//! anything runs; an executor runs the plan.

mod definition;
mod error;
pub mod execute;
pub mod function;
mod image;
pub mod output;
pub mod plan;
pub mod report;
mod value;

pub use definition::{
    Axis, Chain, FunctionCall, MissingPolicy, Numbers, Pipeline, PipelineBuilder, ReportSettings,
    Selection, Source, Step, StepBuilder, WellSet, Work,
};
pub use error::{Error, Result};
pub use execute::{Event, Executor, ExecutorOptions, MAX_CPU_THREADS, RunReport};
pub use output::{ResultStore, RunManifest};
pub use plan::{CompileOptions, ExecutionPlan, compile};
pub use value::{Stack, Value, ValueKind};
