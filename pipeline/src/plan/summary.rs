//! A plan in a few lines, for people.

use std::fmt;

use polystore::words::count;
use serde::Serialize;

use super::{Cost, ExecutionPlan, compile::wells_of};
use crate::{MissingPolicy, ValueKind, definition::in_words};

/// A plan in a few lines; `Display` prints it as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanSummary {
    /// The pipeline's name.
    pub pipeline: String,
    /// The plate's name.
    pub plate: String,
    /// Wells that are worked on.
    pub n_wells: usize,
    /// Wells that the plate has.
    pub n_wells_of_plate: usize,
    /// Units of work.
    pub n_units: usize,
    /// Different programs of units.
    pub n_programs: usize,
    /// What it takes.
    pub cost: Cost,
    /// What happens to missing planes.
    pub missing: MissingPolicy,
    /// The steps in order.
    pub steps: Vec<StepSummary>,
    /// What was left out and why.
    pub notes: Vec<String>,
    /// Identifies the plan.
    pub hash: String,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepSummary {
    /// Its name.
    pub name: String,
    /// Its functions with their settings.
    pub functions: Vec<String>,
    /// The axes that it takes together.
    pub over: String,
    /// How often it is called.
    pub n_calls: u64,
    /// How often it is not called, because something is missing.
    pub n_skipped: u64,
    /// What it gives.
    pub output: ValueKind,
    /// What its results are stored under.
    pub save: Option<String>,
}

impl ExecutionPlan {
    /// The plan in a few lines.
    pub fn summary(&self) -> PlanSummary {
        let mut n_calls = vec![0u64; self.pipeline.steps().len()];
        let mut n_skipped = n_calls.clone();
        let mut n_units = vec![0u64; self.programs.len()];
        for unit in &self.units {
            n_units[unit.program as usize] += 1;
        }
        for (program, n) in self.programs.iter().zip(n_units) {
            program.calls.iter().for_each(|call| n_calls[call.step as usize] += n);
            program.skipped.iter().for_each(|call| n_skipped[call.step as usize] += n);
        }
        let steps = self.pipeline.steps().iter().zip(n_calls).zip(n_skipped);
        let steps = steps.map(|((step, n_calls), n_skipped)| StepSummary {
            name: step.name().to_owned(),
            functions: functions(step.work()),
            over: if step.over().is_empty() { String::new() } else { in_words(step.over()) },
            n_calls,
            n_skipped,
            output: step.output(),
            save: step.save().map(str::to_owned),
        });
        PlanSummary {
            pipeline: self.pipeline.name().to_owned(),
            plate: self.plate.name.clone(),
            n_wells: wells_of(&self.units).len(),
            n_wells_of_plate: self.plate.n_wells,
            n_units: self.units.len(),
            n_programs: self.programs.len(),
            cost: self.cost,
            missing: self.pipeline.input().missing,
            steps: steps.collect(),
            notes: self.notes.clone(),
            hash: self.hash.clone(),
        }
    }
}

/// Functions with their settings, and the channel that they are for.
fn functions(work: &crate::Work) -> Vec<String> {
    let chains = work.chains();
    let is_by_channel = matches!(work, crate::Work::PerChannel(_));
    let calls = chains.into_iter().flat_map(|(channel, chain)| {
        chain.iter().map(move |call| match is_by_channel {
            true => format!("{channel}: {call}"),
            false => call.to_string(),
        })
    });
    calls.collect()
}

/// Notes that are printed.
const MAX_NOTES: usize = 20;

impl fmt::Display for PlanSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { n_planes, read_bytes, n_calls, n_planes_written, written_bytes, peak_bytes } =
            self.cost;
        writeln!(f, "pipeline  {}", self.pipeline)?;
        writeln!(f, "plate     {}", self.plate)?;
        writeln!(
            f,
            "work      {} of {}, {}, {}",
            self.n_wells,
            count(self.n_wells_of_plate as u64, "well"),
            count(self.n_units as u64, "unit"),
            count(n_calls, "call")
        )?;
        writeln!(f, "reads     {}, {}", count(n_planes, "plane"), Bytes(read_bytes))?;
        writeln!(
            f,
            "writes    {}, {} before compression",
            count(n_planes_written, "plane"),
            Bytes(written_bytes)
        )?;
        writeln!(f, "memory    about {} per unit", Bytes(peak_bytes))?;
        writeln!(f, "\nstep                 calls  gives   saved as")?;
        for step in &self.steps {
            let save = step.save.as_deref().unwrap_or("-");
            writeln!(f, "{:<18} {:>7}  {:<7} {save}", step.name, step.n_calls, kind(step.output))?;
            for function in &step.functions {
                let over = if step.over.is_empty() { "" } else { &format!(" over {}", step.over) };
                writeln!(f, "  {function}{over}")?;
            }
            if step.n_skipped > 0 {
                writeln!(
                    f,
                    "  {} not made, because planes are missing, corrupt or never acquired",
                    count(step.n_skipped, "call")
                )?;
            }
        }
        for note in self.notes.iter().take(MAX_NOTES) {
            writeln!(f, "note: {note}")?;
        }
        if self.notes.len() > MAX_NOTES {
            writeln!(f, "note: and {} more like these", self.notes.len() - MAX_NOTES)?;
        }
        write!(f, "\nplan {}", &self.hash[..self.hash.len().min(16)])
    }
}

fn kind(kind: ValueKind) -> &'static str {
    kind.as_str()
}

/// Bytes as people read them.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
        let (mut amount, mut unit) = (self.0 as f64, 0);
        while amount >= 1000.0 && unit + 1 < UNITS.len() {
            amount /= 1000.0;
            unit += 1;
        }
        match unit {
            0 => write!(f, "{} B", self.0),
            _ => write!(f, "{amount:.1} {}", UNITS[unit]),
        }
    }
}
