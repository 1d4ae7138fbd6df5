//! What a cache remembers: planes by bytes, and what is known about paths.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    Entry, Plane, PlaneRequest, VirtualPath,
    model::{ImageStructure, Inventory, PlateStructure},
};

/// Most paths that something is known about; beyond, all are forgotten.
const MAX_PATHS: usize = 1 << 16;

/// What is known about a path.
#[derive(Default)]
pub(super) struct Known {
    pub(super) stat: Option<Entry>,
    pub(super) list: Option<Vec<Entry>>,
    pub(super) plate: Option<Arc<PlateStructure>>,
    pub(super) inventory: Option<Arc<Inventory>>,
    pub(super) describe: Option<ImageStructure>,
}

/// A plane and when it was last used.
struct KeptPlane {
    plane: Plane,
    used: u64,
}

/// Everything that a cache remembers.
///
/// The epoch counts changes: an answer that was asked for before a change and arrives after
/// it may be out of date, and is not remembered.
pub(super) struct Remembered {
    max_plane_bytes: u64,
    plane_bytes: u64,
    planes: HashMap<PlaneRequest, KeptPlane>,
    by_age: BTreeMap<u64, PlaneRequest>,
    clock: u64,
    paths: HashMap<VirtualPath, Known>,
    epoch: u64,
}

impl Remembered {
    pub(super) fn new(max_plane_bytes: u64) -> Self {
        Self {
            max_plane_bytes,
            plane_bytes: 0,
            planes: HashMap::new(),
            by_age: BTreeMap::new(),
            clock: 0,
            paths: HashMap::new(),
            epoch: 0,
        }
    }

    pub(super) fn plane_bytes(&self) -> u64 {
        self.plane_bytes
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The plane of `request`, or the part of a whole plane that it asks for.
    pub(super) fn plane(&mut self, request: &PlaneRequest) -> Option<Plane> {
        if let Some(plane) = self.used(request) {
            return Some(plane);
        }
        let region = request.region?;
        let whole = self.used(&PlaneRequest { region: None, ..request.clone() })?;
        whole.crop(region).ok()
    }

    fn used(&mut self, request: &PlaneRequest) -> Option<Plane> {
        let kept = self.planes.get_mut(request)?;
        self.by_age.remove(&kept.used);
        self.clock += 1;
        kept.used = self.clock;
        self.by_age.insert(self.clock, request.clone());
        Some(kept.plane.clone())
    }

    /// Remembers a plane that was asked for at `epoch`.
    pub(super) fn remember_since(&mut self, epoch: u64, request: &PlaneRequest, plane: &Plane) {
        let n_bytes = plane.n_bytes() as u64;
        if epoch != self.epoch || n_bytes > self.max_plane_bytes {
            return;
        }
        self.drop_plane(request);
        while self.plane_bytes + n_bytes > self.max_plane_bytes {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.drop_plane(&oldest);
        }
        self.clock += 1;
        self.by_age.insert(self.clock, request.clone());
        let kept = KeptPlane { plane: plane.clone(), used: self.clock };
        self.planes.insert(request.clone(), kept);
        self.plane_bytes += n_bytes;
    }

    fn drop_plane(&mut self, request: &PlaneRequest) {
        if let Some(kept) = self.planes.remove(request) {
            self.by_age.remove(&kept.used);
            self.plane_bytes -= kept.plane.n_bytes() as u64;
        }
    }

    /// What is known about `path`.
    pub(super) fn known(&mut self, path: &VirtualPath) -> Option<&mut Known> {
        self.paths.get_mut(path)
    }

    /// Where to put what was asked about `path` at `epoch`.
    pub(super) fn known_since(&mut self, epoch: u64, path: &VirtualPath) -> Option<&mut Known> {
        if epoch != self.epoch {
            return None;
        }
        if self.paths.len() >= MAX_PATHS && !self.paths.contains_key(path) {
            self.paths.clear();
        }
        Some(self.paths.entry(path.clone()).or_default())
    }

    pub(super) fn forget_all(&mut self) {
        self.epoch += 1;
        self.planes.clear();
        self.by_age.clear();
        self.plane_bytes = 0;
        self.paths.clear();
    }

    /// Forgets what is known about `path`, the paths above it and those below.
    pub(super) fn forget_around(&mut self, path: &VirtualPath) {
        self.epoch += 1;
        self.paths.retain(|known, _| !known.starts_with(path) && !path.starts_with(known));
        let under: Vec<_> =
            self.planes.keys().filter(|request| request.path.starts_with(path)).cloned().collect();
        under.iter().for_each(|request| self.drop_plane(request));
    }
}
