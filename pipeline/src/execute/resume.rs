//! What an earlier run has done already, proven by hashes.

use polystore::{PlaneIndex, PlaneRequest, VirtualBackendExt};

use crate::{
    Result,
    output::{
        CONTENT, OutputHash, ResultStore, StoredImages, UnitRecord, plane_hash, rois, work_key,
    },
    plan::{ExecutionPlan, Unit, WriteTarget},
};

/// What is known of a unit before its planes are read.
pub(super) enum Earlier {
    /// It is done, and its results are as they were left.
    Done {
        /// Hash of its record.
        sha256: String,
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
}

impl Resume<'_> {
    /// What an earlier run did for unit number `number`. `fingerprints` are those of its
    /// planes, where the backend can tell.
    pub(super) fn look(
        &self,
        number: usize,
        unit: &Unit,
        fingerprints: &[Option<String>],
    ) -> Result<Earlier> {
        let Some((record, sha256)) = UnitRecord::load(unit, self.store)? else {
            let path = ResultStore::record_path(unit.well, &unit.name);
            return Ok(Earlier::No { leftovers: self.store.exists(&path)? });
        };
        let is_same_work = record.work == work_key(self.plan, unit)?;
        let may_be_same_input = record.inputs.len() == fingerprints.len()
            && record.inputs.iter().zip(fingerprints).all(|(known, now)| match now {
                Some(now) => known == now,
                None => known.starts_with(CONTENT),
            });
        if !is_same_work || !may_be_same_input || !self.are_whole(number, unit, &record.outputs) {
            return Ok(Earlier::No { leftovers: true });
        }
        Ok(match fingerprints.iter().all(Option::is_some) {
            true => Earlier::Done { sha256 },
            false => Earlier::Perhaps(Box::new(record), sha256),
        })
    }

    /// Whether every stored result reads back as it was written.
    fn are_whole(&self, number: usize, unit: &Unit, known: &[OutputHash]) -> bool {
        let Ok(program) = self.plan.program(unit) else { return false };
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
