//! The results of a run on one page.

use polystore::Plate;

use crate::{
    Result, RunReport,
    output::{ResultStore, StoredImages},
    plan::ExecutionPlan,
};

/// Whether plots and report of an earlier run are there.
pub(crate) fn is_there(_report: &RunReport, _store: &ResultStore) -> Result<bool> {
    Ok(true)
}

/// Writes plots and report.
pub(crate) fn write(
    _report: &RunReport,
    _plan: &ExecutionPlan,
    _plate: &Plate,
    _store: &ResultStore,
    _images: &StoredImages,
) -> Result<()> {
    Ok(())
}
