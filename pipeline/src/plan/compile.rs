//! Compiles a pipeline over a plate.

use std::collections::{BTreeMap, HashMap};

use polystore::{
    ErrorKind, Plate, WellPosition,
    model::{ImageStructure, PlateStructure},
    words::count,
};

use super::{
    Cost, ExecutionPlan, PLAN_FORMAT, PlateReference, Program, Unit,
    columns::check_heatmaps,
    images::Images,
    lacking::{Lacking, lacking_reads, remark},
    rewire::as_if_whole,
    select::{Group, SelectedImage, check_channels, passed_over, select},
    wire,
};
use crate::{Axis, Error, MissingPolicy, Pipeline, Result, Source, Step, Work, function::function};

/// How to compile.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompileOptions {
    /// What to do about missing planes, when it is not what the pipeline says.
    pub missing: Option<MissingPolicy>,
}

impl CompileOptions {
    /// With this policy for missing planes, whatever the pipeline says.
    #[must_use]
    pub fn with_missing(mut self, policy: MissingPolicy) -> Self {
        self.missing = Some(policy);
        self
    }
}

/// Compiles `pipeline` over `plate`. Nothing of the plate is read but its structure and
/// inventory; the time is proportional to its size.
///
/// # Errors
/// `Pipeline` when names, axes or sizes do not fit the plate, or when a heatmap is to be drawn
/// of a column that no step makes; `Store` of kind `MissingPlane`
/// listing planes that are needed and missing or corrupt, under [`MissingPolicy::Error`]; as
/// [`Plate::inventory`].
pub fn compile(
    pipeline: &Pipeline,
    plate: &Plate,
    options: &CompileOptions,
) -> Result<ExecutionPlan> {
    let input = pipeline.input().clone();
    let missing = options.missing.unwrap_or(input.missing);
    let pipeline = pipeline.clone().with_input(input.with_missing(missing));
    let groups = select(pipeline.input(), plate)?;
    check_sources(&pipeline, &groups)?;
    let mut compiling = Compiling {
        pipeline: &pipeline,
        structure: plate.structure(),
        programs: Vec::new(),
        whole: Vec::new(),
        by_shape: HashMap::new(),
        units: Vec::new(),
        lacking: Vec::new(),
        n_lacking: Lacking::default(),
        notes: Vec::new(),
    };
    let takes_fields = takes_fields(&pipeline);
    for group in &groups {
        if takes_fields {
            compiling.unit(group, &group.images)?;
        } else {
            for image in &group.images {
                compiling.unit(group, std::slice::from_ref(image))?;
            }
        }
    }
    compiling.check_missing(plate)?;
    check_heatmaps(&pipeline, &compiling.whole)?;
    let nothing_left = compiling.lacks().map(|message| {
        let hint = "no field is whole; `polystore check` says what is wrong with each";
        missing_planes(plate, message, hint)
    });
    let Compiling { programs, units, mut notes, .. } = compiling;
    if units.iter().all(|unit| programs[unit.program as usize].does_nothing()) {
        if let Some(error) = nothing_left {
            return Err(error);
        }
        return Err(Error::pipeline(&pipeline.input().origin, "there is nothing to do").with_hint(
            notes.pop().unwrap_or_else(|| "nothing of the plate is selected".to_owned()),
        ));
    }
    let (asked, beside) = passed_over(pipeline.input(), plate.inventory()?);
    if let Some(beside) = beside.summary() {
        notes.insert(0, format!("{beside}; nothing that was asked for depends on it"));
    }
    if let Some(asked) = asked.summary() {
        notes.insert(0, format!("{asked}; `polystore check` lists them"));
    }
    let mut cost = Cost::default();
    for unit in &units {
        cost += programs[unit.program as usize].cost;
    }
    let mut plan = ExecutionPlan {
        format: PLAN_FORMAT,
        pipeline_hash: pipeline.hash(),
        plate: reference(plate),
        functions: versions(&pipeline)?,
        image_sets: Images::of(&pipeline).into_sets(),
        programs,
        units,
        notes,
        cost,
        hash: String::new(),
        pipeline,
    };
    plan.hash = plan.computed_hash()?;
    Ok(plan)
}

fn reference(plate: &Plate) -> PlateReference {
    let structure = plate.structure();
    PlateReference {
        name: structure.name.clone(),
        path: plate.path().clone(),
        backend: plate.backend().spec(),
        n_rows: structure.n_rows,
        n_columns: structure.n_columns,
        acquisitions: structure
            .acquisitions
            .iter()
            .map(|acquisition| acquisition.name.clone())
            .collect(),
        n_wells: structure.wells.len(),
    }
}

fn versions(pipeline: &Pipeline) -> Result<BTreeMap<String, u32>> {
    let chains = pipeline.steps().iter().flat_map(|step| step.work.chains());
    let calls = chains.flat_map(|(_, chain)| chain);
    calls
        .map(|call| Ok((call.function.clone(), function(&call.function, "plan")?.version())))
        .collect()
}

fn sources(step: &Step) -> impl Iterator<Item = &Source> {
    std::iter::once(&step.input).chain(step.named_inputs.values())
}

/// Whether fields of a well depend on one another.
fn takes_fields(pipeline: &Pipeline) -> bool {
    pipeline.steps().iter().any(|step| {
        let of_sources = sources(step).filter_map(|source| source.over.as_ref());
        step.over.contains(&Axis::Field) || of_sources.flatten().any(|axis| *axis == Axis::Field)
    })
}

/// Every channel that a step names must be somewhere.
fn check_sources(pipeline: &Pipeline, groups: &[Group<'_>]) -> Result<()> {
    let images = groups.iter().flat_map(|group| &group.images).map(|chosen| chosen.image);
    for step in pipeline.steps() {
        for source in sources(step) {
            let place = source.channels_origin.or(&source.origin);
            check_channels(&source.channels, images.clone(), place)?;
        }
        if let Work::PerChannel(chains) = &step.work {
            let named: Vec<_> = chains.keys().filter(|name| *name != "*").cloned().collect();
            check_channels(&named, images.clone(), &step.origin)?;
        }
    }
    Ok(())
}

/// What decides over a unit's program, as text.
fn shape(images: &[SelectedImage<'_>]) -> Result<String> {
    let of_image = |chosen: &SelectedImage<'_>| {
        let ImageStructure { sizes, pixel_type, channels, physical_size, .. } = chosen.image;
        serde_json::to_string(&(sizes, pixel_type, channels, physical_size, chosen.inventory))
    };
    let images: Result<Vec<_>, _> = images.iter().map(of_image).collect();
    Ok(images.map_err(|error| Error::function(error.to_string()))?.join("\n"))
}

/// Planes that cannot be read and that an error lists by name.
const MAX_LISTED: usize = 12;

struct Compiling<'a> {
    pipeline: &'a Pipeline,
    structure: &'a PlateStructure,
    programs: Vec<Program>,
    /// The same if no plane were missing or corrupt: what could be made of the plate.
    whole: Vec<Program>,
    by_shape: HashMap<String, u32>,
    units: Vec<Unit>,
    /// The first of the planes that are needed and cannot be read.
    lacking: Vec<String>,
    n_lacking: Lacking,
    notes: Vec<String>,
}

impl Compiling<'_> {
    fn unit(&mut self, group: &Group<'_>, images: &[SelectedImage<'_>]) -> Result<()> {
        let shape = shape(images)?;
        let name = self.name(group, images);
        let program = match self.by_shape.get(&shape) {
            Some(&known) => known,
            None => {
                let program =
                    wire::program(self.pipeline, images).map_err(|error| error.on(&name))?;
                self.whole.push(match program.lacks_planes() {
                    // Of images that cannot be read at all, not even that may be known.
                    true => as_if_whole(self.pipeline, images).unwrap_or_else(|_| program.clone()),
                    false => program.clone(),
                });
                self.programs.push(program);
                let number = self.programs.len() as u32 - 1;
                self.by_shape.insert(shape, number);
                number
            }
        };
        let mut unit = Unit {
            name,
            well: group.well,
            acquisition: group.acquisition,
            images: images.iter().map(|chosen| chosen.image.path.clone()).collect(),
            fields: images.iter().map(|chosen| chosen.image.field).collect(),
            program,
            remark: String::new(),
        };
        self.note_skipped(&mut unit, images);
        let program = &self.programs[program as usize];
        // What was never meant to be done is no unit.
        if !program.does_nothing() || program.lacks_planes() {
            self.units.push(unit);
        }
        Ok(())
    }

    fn name(&self, group: &Group<'_>, images: &[SelectedImage<'_>]) -> String {
        let several = self.structure.acquisitions.len() > 1;
        let field = images[0].image.field;
        let acquisition = several.then_some(group.acquisition);
        let path = PlateStructure::canonical_image_path(group.well, acquisition, field);
        let name = path.name().unwrap_or_default();
        match takes_fields(self.pipeline) {
            true => name.rsplit_once("_s").map_or(name, |(well, _)| well).to_owned(),
            false => name.to_owned(),
        }
    }

    /// Says which results a unit will not have.
    fn note_skipped(&mut self, unit: &mut Unit, images: &[SelectedImage<'_>]) {
        let program = &self.programs[unit.program as usize];
        let missing = lacking_reads(program);
        self.n_lacking.add_all(&Lacking::of(&missing, images));
        let room = MAX_LISTED.saturating_sub(self.lacking.len());
        let named = missing
            .iter()
            .map(|read| format!("{} ({})", unit.images[read.image as usize], read.index));
        self.lacking.extend(named.take(room));
        if let Some(remark) = remark(self.pipeline, program, images) {
            self.notes.push(format!("{}: {remark}", unit.name));
            unit.remark = remark;
        }
    }

    fn check_missing(&self, plate: &Plate) -> Result<()> {
        if self.pipeline.input().missing == MissingPolicy::Skip {
            return Ok(());
        }
        let hint = "with --missing skip (`missing = \"skip\"` in [input]), what depends on them is left out and listed";
        self.lacks().map_or(Ok(()), |message| Err(missing_planes(plate, message, hint)))
    }

    /// Which planes that the pipeline needs are not there.
    fn lacks(&self) -> Option<String> {
        let n = self.n_lacking.n();
        if n == 0 {
            return None;
        }
        let more = n - self.lacking.len() as u64;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!(
            "{} that the pipeline needs {}: {}{more}",
            count(n, "plane"),
            self.n_lacking,
            self.lacking.join(", ")
        ))
    }
}

fn missing_planes(plate: &Plate, message: String, hint: &'static str) -> crate::Error {
    polystore::Error::new(ErrorKind::MissingPlane, message)
        .with_path(plate.path())
        .with_backend(plate.backend().to_string())
        .with_hint(hint)
        .into()
}

/// The wells of a plan, each once, in order.
pub(crate) fn wells_of(units: &[Unit]) -> Vec<WellPosition> {
    let mut wells: Vec<_> = units.iter().map(|unit| unit.well).collect();
    wells.dedup();
    wells
}
