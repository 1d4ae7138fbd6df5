//! Planes that turn out to be damaged when they are read.

use std::borrow::Cow;

use polystore::{ErrorKind, model::PlaneState};

use crate::{
    Error, Result,
    output::RecordDamage,
    plan::{Program, Rewiring, Unit},
};

/// What is done for a unit: what its plan says, or what is left of that without planes that
/// turned out to be damaged.
pub(super) struct UnitWork<'a> {
    pub(super) program: Cow<'a, Program>,
    pub(super) damaged: Vec<RecordDamage>,
    /// What is not done and why, in words; empty where the plan says it.
    pub(super) remark: String,
}

impl<'a> UnitWork<'a> {
    pub(super) fn planned(program: &'a Program) -> Self {
        Self { program: Cow::Borrowed(program), damaged: Vec::new(), remark: String::new() }
    }
}

impl Rewiring<'_> {
    /// What is left to do for `unit` without planes that are damaged.
    pub(super) fn work<'a>(&self, unit: &Unit, damaged: Vec<RecordDamage>) -> Result<UnitWork<'a>> {
        let lost = damaged.iter().map(|damage| (damage.read, damage.state));
        let (program, mut remark) = self.without(unit, lost)?;
        // Which file it is, and what is wrong with it, only the error says.
        if let Some(damage) = damaged.first().filter(|_| !remark.is_empty()) {
            remark.push_str(&format!(": {}", damage.reason));
        }
        Ok(UnitWork { program: Cow::Owned(program), damaged, remark })
    }
}

/// What a plane is that cannot be read for this reason; `None` when the reason is none of the
/// plane's own, so that another attempt may go well.
pub(super) fn state_of(error: &Error) -> Option<PlaneState> {
    match error.kind() {
        ErrorKind::InvalidData => Some(PlaneState::Corrupt),
        ErrorKind::MissingPlane | ErrorKind::NotFound => Some(PlaneState::Missing),
        _ => None,
    }
}
