//! What an earlier run has done already, proven by hashes.

use polystore::{PlaneIndex, PlaneRequest, VirtualBackendExt};

use super::damage::UnitWork;
use crate::{
    MissingPolicy, Result,
    output::{
        CONTENT, OutputHash, ResultStore, StoredImages, UnitRecord, plane_hash, rois, work_key,
    },
    plan::{ExecutionPlan, Program, Read, Rewiring, Unit, WriteTarget},
};

/// What is known of a unit before its planes are read.
pub(super) enum Earlier<'a> {
    /// It is done, and its results are as they were left.
    Done {
        /// Hash of its record.
        sha256: String,
        /// What was done.
        work: Box<UnitWork<'a>>,
    },
    /// Its results are there and whole; whether they are of the same input only its pixels
    /// can tell.
    Perhaps(Box<UnitRecord>, String),
    /// It is to be done; `leftovers` says that an earlier record must go.
    No {
        /// Whether there is a record of other work.
        leftovers: bool,
    },
}

/// Looks for what was done.
pub(super) struct Resume<'a> {
    pub(super) plan: &'a ExecutionPlan,
    pub(super) store: &'a ResultStore,
    pub(super) images: &'a StoredImages,
    pub(super) rewiring: &'a Rewiring<'a>,
}

impl<'a> Resume<'a> {
    /// Whether there is a record of `unit`, of whatever work.
    pub(super) fn has_record(&self, unit: &Unit) -> Result<bool> {
        self.store.exists(&ResultStore::record_path(unit.well, &unit.name))
    }

    /// What an earlier run did for unit number `number`. `fingerprints` are those of its
    /// planes, where the backend can tell.
    ///
    /// A record of work without some planes, which turned out to be damaged, counts as long as
    /// those are as they were.
    pub(super) fn look(
        &self,
        number: usize,
        unit: &Unit,
        program: &'a Program,
        fingerprints: &[Option<String>],
    ) -> Result<Earlier<'a>> {
        let Some((record, sha256)) = UnitRecord::load(unit, self.store)? else {
            return Ok(Earlier::No { leftovers: self.has_record(unit)? });
        };
        // The pipeline says now that such planes are not to be left out.
        let is_refused = !record.damaged.is_empty()
            && self.plan.pipeline.input().missing == MissingPolicy::Error;
        let work = match record.damaged.as_slice() {
            [] => UnitWork::planned(program),
            damaged => self.rewiring.work(unit, damaged.to_vec())?,
        };
        let fingerprint = |read: &Read| {
            let at = program.reads.iter().position(|known| known == read)?;
            fingerprints.get(at)
        };
        let now: Option<Vec<_>> = work.program.reads.iter().map(fingerprint).collect();
        let damaged_now: Option<Vec<_>> =
            record.damaged.iter().map(|damage| fingerprint(&damage.read)).collect();
        let (Some(now), Some(damaged_now)) = (now, damaged_now) else {
            return Ok(Earlier::No { leftovers: true });
        };
        let may_be_same_input = record.inputs.len() == now.len()
            && record.inputs.iter().zip(&now).all(|(known, now)| match now {
                Some(now) => known == now,
                None => known.starts_with(CONTENT),
            });
        let may_be_damaged_still = (record.damaged.iter().zip(&damaged_now))
            .all(|(damage, now)| damage.fingerprint == **now);
        if is_refused
            || record.work != work_key(self.plan, unit, &work.program)?
            || !may_be_same_input
            || !may_be_damaged_still
            || !self.are_whole(number, unit, &work.program, &record.outputs)
        {
            return Ok(Earlier::No { leftovers: true });
        }
        Ok(match now.iter().chain(&damaged_now).all(|now| now.is_some()) {
            true => Earlier::Done { sha256, work: Box::new(work) },
            false => Earlier::Perhaps(Box::new(record), sha256),
        })
    }

    /// Whether every stored result reads back as it was written.
    fn are_whole(
        &self,
        number: usize,
        unit: &Unit,
        program: &Program,
        known: &[OutputHash],
    ) -> bool {
        let planes = program.writes.iter().filter_map(|write| match write.target {
            WriteTarget::Plane { set, index } => Some((set, index)),
            _ => None,
        });
        let mut known = known.iter();
        let mut is_known = |found: Result<OutputHash>| match found {
            Ok(found) => known.next() == Some(&found),
            Err(error) => {
                tracing::debug!(unit = unit.name, %error, "a result is not there any more");
                false
            }
        };
        for (set, index) in planes {
            if !is_known(self.plane(set, number, index)) {
                return false;
            }
        }
        let mut rois = rois::saved(self.plan, program).into_iter();
        rois.all(|name| is_known(rois::hash(self.store, name, unit))) && known.next().is_none()
    }

    fn plane(&self, set: u32, number: usize, index: PlaneIndex) -> Result<OutputHash> {
        let (backend, image) = self.images.image(set, number)?;
        let request = PlaneRequest::new(image.clone(), index);
        let plane = backend.read_plane(&request)?;
        Ok(OutputHash { path: image.clone(), part: index.to_string(), sha256: plane_hash(&plane) })
    }
}
