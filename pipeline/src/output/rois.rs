//! Outlines that steps save: one ImageJ archive of regions for each field.

use polystore::{PlaneIndex, backend::Roi, roi};
use sha2::{Digest, Sha256};

use super::{OutputHash, ResultStore};
use crate::{
    Result, ValueKind,
    definition::hex,
    plan::{ExecutionPlan, Key, Program, Unit},
};

/// The names that a program's outlines are saved under, each once.
pub(crate) fn saved<'p>(plan: &'p ExecutionPlan, program: &Program) -> Vec<&'p str> {
    let steps = plan.pipeline.steps();
    let writes = program.writes.iter().filter_map(|write| steps.get(write.step as usize));
    let mut names: Vec<&str> = writes
        .filter(|step| step.output() == ValueKind::Rois)
        .filter_map(|step| step.save())
        .collect();
    names.dedup();
    names
}

/// Stores the outlines of one unit under `name`, replacing those that are there.
pub(crate) fn write(
    store: &ResultStore,
    name: &str,
    unit: &Unit,
    rois: &[Roi],
) -> Result<OutputHash> {
    let archive = roi::write_archive(rois)?;
    let sha256 = hex(&Sha256::digest(&archive));
    let file = file(name, unit);
    store.write(&file, archive)?;
    Ok(OutputHash { path: store.path(&file)?, part: String::new(), sha256 })
}

/// Deletes outlines of `unit` that `program` does not store again.
pub(crate) fn remove_stale(
    plan: &ExecutionPlan,
    store: &ResultStore,
    unit: &Unit,
    program: &Program,
) -> Result<()> {
    let replaced = saved(plan, program);
    let steps = plan.pipeline.steps().iter().filter(|step| step.output() == ValueKind::Rois);
    for name in steps.filter_map(|step| step.save()).filter(|name| !replaced.contains(name)) {
        store.remove(&file(name, unit))?;
    }
    Ok(())
}

/// What is stored of one unit under `name`.
pub(crate) fn hash(store: &ResultStore, name: &str, unit: &Unit) -> Result<OutputHash> {
    let path = store.path(&file(name, unit))?;
    let archive = store.files().read_blob(&path, None)?;
    Ok(OutputHash { path, part: String::new(), sha256: hex(&Sha256::digest(&archive)) })
}

fn file(name: &str, unit: &Unit) -> String {
    format!("rois/{name}/{}.roi.zip", unit.name)
}

/// Says which plane outlines lie on, where they do not say it themselves.
pub(crate) fn place(rois: &[Roi], key: Key) -> Vec<Roi> {
    let is_one_of_many = key.t.is_some() || key.c.is_some() || key.z.is_some();
    let index = PlaneIndex::new(key.t.unwrap_or(0), key.c.unwrap_or(0), key.z.unwrap_or(0));
    let index = is_one_of_many.then_some(index);
    rois.iter().map(|roi| Roi { index: roi.index.or(index), ..roi.clone() }).collect()
}
