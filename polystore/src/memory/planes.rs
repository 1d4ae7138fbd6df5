//! Planes of a memory backend, kept within a budget of bytes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use crate::{
    Error, ErrorKind, PixelType, Plane, PlaneShape, Region, Result,
    buffer::{BufferPool, PooledBuffer},
    memory::{
        coverage::Coverage,
        spill::{Extent, SpillFile},
    },
    plane::expected_len,
};

/// A stored plane. A new one is given out whenever the whole plane is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlaneId(u64);

/// Pixels in memory.
enum Pixels {
    /// As the caller gave them, who may hold them too.
    Given(Plane),
    /// In a buffer of our own, lent to readers: with no reader left it is written in place.
    Own(Arc<PooledBuffer>),
}

/// Keeps an own buffer alive while a plane that was handed out shows it.
struct Lent(Arc<PooledBuffer>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Pixels {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Given(plane) => plane.bytes(),
            Self::Own(buffer) => buffer,
        }
    }

    fn n_bytes(&self) -> u64 {
        self.bytes().len() as u64
    }
}

/// One stored plane: in memory, in the spill file, or in both with the same content.
struct Slot {
    pixel_type: PixelType,
    shape: PlaneShape,
    coverage: Coverage,
    pixels: Option<Pixels>,
    spilled: Option<Extent>,
    last_used: AtomicU64,
    /// Key of this slot in `PlaneStore::by_age`, while it has pixels in memory.
    queued: u64,
}

/// What [`PlaneStore::read`] found.
pub(super) struct Found {
    pub(super) plane: Plane,
    /// It came from the spill file; offer it to [`PlaneStore::bring_back`].
    pub(super) was_spilled: bool,
}

/// All planes of one backend. Also counts the bytes of its blobs, which share the budget.
pub(super) struct PlaneStore {
    budget_bytes: u64,
    spill: Option<SpillFile>,
    slots: HashMap<PlaneId, Slot>,
    next_id: u64,
    plane_bytes: u64,
    blob_bytes: u64,
    /// Slots with pixels in memory by the time they were last seen; use since then is found
    /// when the oldest is asked for, so that readers need no exclusive lock.
    by_age: BTreeMap<u64, PlaneId>,
    clock: AtomicU64,
}

impl PlaneStore {
    pub(super) fn new(budget_bytes: Option<u64>, spill: Option<SpillFile>) -> Self {
        Self {
            budget_bytes: budget_bytes.unwrap_or(u64::MAX),
            spill,
            slots: HashMap::new(),
            next_id: 0,
            plane_bytes: 0,
            blob_bytes: 0,
            by_age: BTreeMap::new(),
            clock: AtomicU64::new(0),
        }
    }

    /// Bytes in memory now.
    pub(super) fn used_bytes(&self) -> u64 {
        self.plane_bytes + self.blob_bytes
    }

    /// Bytes of planes that are in the spill file only.
    pub(super) fn spilled_bytes(&self) -> u64 {
        let away = self.slots.values().filter(|slot| slot.pixels.is_none());
        away.map(|slot| slot.shape.n_pixels() * slot.pixel_type.size_bytes() as u64).sum()
    }

    /// Stores a whole plane in the place of `replaced`, which is untouched on failure.
    pub(super) fn store(&mut self, replaced: Option<PlaneId>, plane: &Plane) -> Result<PlaneId> {
        let like = (plane.pixel_type(), plane.shape());
        self.place(replaced, like, Coverage::Full, Pixels::Given(plane.clone()))
    }

    /// Stores part of a plane of which nothing was stored so far.
    pub(super) fn store_region(
        &mut self,
        shape: PlaneShape,
        region: Region,
        plane: &Plane,
    ) -> Result<PlaneId> {
        let n_bytes = expected_len(plane.pixel_type(), shape)?;
        if self.spill.is_none() && n_bytes as u64 > self.budget_bytes {
            return Err(self.over_budget(n_bytes as u64));
        }
        let mut buffer = BufferPool::global().take(n_bytes, 0);
        buffer.fill(0);
        blit(&mut buffer, shape, region, plane);
        let like = (plane.pixel_type(), shape);
        self.place(None, like, Coverage::of(region, shape), Pixels::Own(Arc::new(buffer)))
    }

    /// Writes part of the stored plane `id`; the answer takes its place. Planes that were
    /// handed out keep their pixels; with none around, nothing is copied.
    pub(super) fn write_region(
        &mut self,
        id: PlaneId,
        region: Region,
        plane: &Plane,
    ) -> Result<PlaneId> {
        self.touch(id);
        let slot = self.slots.get_mut(&id).ok_or_else(lost)?;
        let (like, shape) = ((slot.pixel_type, slot.shape), slot.shape);
        if let Some(Pixels::Own(shared)) = &mut slot.pixels
            && let Some(buffer) = Arc::get_mut(shared)
        {
            blit(buffer, shape, region, plane);
            slot.coverage.add(region, shape);
            if let (Some(stale), Some(spill)) = (slot.spilled.take(), &mut self.spill) {
                spill.free(stale);
            }
            return Ok(id);
        }
        let mut coverage = slot.coverage.clone();
        coverage.add(region, shape);
        let mut buffer = self.copy(id)?;
        blit(&mut buffer, shape, region, plane);
        self.place(Some(id), like, coverage, Pixels::Own(Arc::new(buffer)))
    }

    /// The plane `id` without a copy, or `None` when not all of `region` was written.
    pub(super) fn read(&self, id: PlaneId, region: Option<Region>) -> Result<Option<Found>> {
        let slot = self.slots.get(&id).ok_or_else(lost)?;
        if !slot.coverage.covers(region.unwrap_or(slot.shape.full())) {
            return Ok(None);
        }
        self.touch(id);
        let bytes = match &slot.pixels {
            Some(Pixels::Given(plane)) => {
                return Ok(Some(Found { plane: plane.clone(), was_spilled: false }));
            }
            Some(Pixels::Own(buffer)) => Bytes::from_owner(Lent(Arc::clone(buffer))),
            None => self.copy(id)?.freeze(),
        };
        let plane = Plane::new(slot.pixel_type, slot.shape, bytes)?;
        Ok(Some(Found { plane, was_spilled: slot.pixels.is_none() }))
    }

    /// Whether every pixel of the plane `id` was written.
    pub(super) fn is_complete(&self, id: PlaneId) -> bool {
        self.slots.get(&id).is_some_and(|slot| slot.coverage.is_full())
    }

    /// Keeps `plane`, just read from the spill file, in memory again if there is room for it.
    pub(super) fn bring_back(&mut self, id: PlaneId, plane: &Plane) {
        let is_away = self.slots.get(&id).is_some_and(|slot| slot.pixels.is_none());
        let n_bytes = plane.n_bytes() as u64;
        if is_away && matches!(self.make_room(n_bytes, |_| 0), Ok(true)) {
            self.keep(id, Pixels::Given(plane.clone()));
        }
    }

    /// Forgets the plane `id`.
    pub(super) fn remove(&mut self, id: PlaneId) {
        let Some(slot) = self.slots.remove(&id) else { return };
        if let Some(pixels) = slot.pixels {
            self.plane_bytes -= pixels.n_bytes();
            self.by_age.remove(&slot.queued);
        }
        if let (Some(extent), Some(spill)) = (slot.spilled, &mut self.spill) {
            spill.free(extent);
        }
    }

    /// Counts a blob that grows or shrinks from `old_bytes` to `new_bytes`.
    pub(super) fn count_blob(&mut self, old_bytes: u64, new_bytes: u64) -> Result<()> {
        if new_bytes > old_bytes && !self.make_room(new_bytes, |_| old_bytes)? {
            return Err(self.over_budget(new_bytes));
        }
        self.blob_bytes = self.blob_bytes - old_bytes + new_bytes;
        Ok(())
    }

    /// Counts blobs of `n_bytes` that are no longer there.
    pub(super) fn release_blob(&mut self, n_bytes: u64) {
        self.blob_bytes -= n_bytes;
    }

    /// Puts pixels into a new slot, in memory where they fit, else into the spill file.
    fn place(
        &mut self,
        replaced: Option<PlaneId>,
        (pixel_type, shape): (PixelType, PlaneShape),
        coverage: Coverage,
        pixels: Pixels,
    ) -> Result<PlaneId> {
        if let Some(id) = replaced {
            self.touch(id);
        }
        let given_back = |store: &Self| replaced.map_or(0, |id| store.bytes_in_memory(id));
        let fits = self.make_room(pixels.n_bytes(), given_back)?;
        let spilled = match (&mut self.spill, fits) {
            (_, true) => None,
            (Some(spill), false) => Some(spill.write(pixels.bytes())?),
            (None, false) => return Err(self.over_budget(pixels.n_bytes())),
        };
        if let Some(id) = replaced {
            self.remove(id);
        }
        let id = PlaneId(self.next_id);
        self.next_id += 1;
        let last_used = AtomicU64::new(0);
        let slot =
            Slot { pixel_type, shape, coverage, pixels: None, spilled, last_used, queued: 0 };
        self.slots.insert(id, slot);
        if fits {
            self.keep(id, pixels);
        }
        Ok(id)
    }

    /// Keeps pixels of a slot in memory and marks it as just used.
    fn keep(&mut self, id: PlaneId, pixels: Pixels) {
        let now = self.now();
        let Some(slot) = self.slots.get_mut(&id) else { return };
        self.plane_bytes += pixels.n_bytes();
        self.by_age.insert(now, id);
        slot.pixels = Some(pixels);
        slot.queued = now;
        slot.last_used = AtomicU64::new(now);
    }

    /// Spills the oldest planes until `needed` bytes fit, of which `given_back` will be
    /// freed by their owner. False when they cannot fit.
    fn make_room(&mut self, needed: u64, given_back: impl Fn(&Self) -> u64) -> Result<bool> {
        loop {
            let used = self.used_bytes() - given_back(self);
            if used.saturating_add(needed) <= self.budget_bytes {
                return Ok(true);
            }
            let can_fit = self.blob_bytes.saturating_add(needed) <= self.budget_bytes;
            if !can_fit || self.spill.is_none() || !self.spill_oldest()? {
                return Ok(false);
            }
        }
    }

    /// Moves the plane that was not used for the longest time out of memory.
    fn spill_oldest(&mut self) -> Result<bool> {
        let (Some(id), Some(spill)) = (self.oldest(), &mut self.spill) else { return Ok(false) };
        let slot = self.slots.get_mut(&id).ok_or_else(lost)?;
        let Some(pixels) = &slot.pixels else { return Ok(false) };
        if slot.spilled.is_none() {
            slot.spilled = Some(spill.write(pixels.bytes())?);
        }
        self.plane_bytes -= pixels.n_bytes();
        self.by_age.remove(&slot.queued);
        slot.pixels = None;
        Ok(true)
    }

    /// The plane in memory that was not used for the longest time.
    fn oldest(&mut self) -> Option<PlaneId> {
        loop {
            let (&seen, &id) = self.by_age.first_key_value()?;
            let slot = self.slots.get_mut(&id)?;
            let last_used = *slot.last_used.get_mut();
            if last_used == seen {
                return Some(id);
            }
            self.by_age.remove(&seen);
            self.by_age.insert(last_used, id);
            slot.queued = last_used;
        }
    }

    /// A writable copy of the pixels of `id`, wherever they are.
    fn copy(&self, id: PlaneId) -> Result<PooledBuffer> {
        let slot = self.slots.get(&id).ok_or_else(lost)?;
        match (&slot.pixels, slot.spilled, &self.spill) {
            (Some(pixels), ..) => {
                let mut buffer = BufferPool::global().take(pixels.bytes().len(), 0);
                buffer.copy_from_slice(pixels.bytes());
                Ok(buffer)
            }
            (None, Some(extent), Some(spill)) => spill.read(extent),
            _ => Err(lost()),
        }
    }

    fn bytes_in_memory(&self, id: PlaneId) -> u64 {
        let pixels = self.slots.get(&id).and_then(|slot| slot.pixels.as_ref());
        pixels.map_or(0, Pixels::n_bytes)
    }

    fn touch(&self, id: PlaneId) {
        if let Some(slot) = self.slots.get(&id) {
            slot.last_used.store(self.now(), Ordering::Relaxed);
        }
    }

    /// A time that was never given before.
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn over_budget(&self, needed: u64) -> Error {
        let message = format!(
            "{needed} bytes more do not fit the memory budget: {} of {} bytes are used",
            self.used_bytes(),
            self.budget_bytes
        );
        Error::new(ErrorKind::LimitExceeded, message).with_hint(
            "raise `budget_bytes`, let planes spill to a folder, or delete what is no longer needed",
        )
    }
}

/// Copies the pixels of `plane` into `region` of a plane of `shape`.
fn blit(target: &mut [u8], shape: PlaneShape, region: Region, plane: &Plane) {
    let pixel = plane.pixel_type().size_bytes();
    let (stride, row) = (shape.width as usize * pixel, region.width as usize * pixel);
    let first = region.y as usize * stride + region.x as usize * pixel;
    for (line, source) in plane.bytes().chunks_exact(row.max(1)).enumerate() {
        let start = first + line * stride;
        target[start..start + row].copy_from_slice(source);
    }
}

fn lost() -> Error {
    Error::internal("a stored plane of the memory backend is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: PlaneShape = PlaneShape::new(4, 5);

    fn plane(value: u8) -> Plane {
        Plane::from_vec(SHAPE, vec![value; 20]).unwrap()
    }

    fn spilling(budget: u64) -> (tempfile::TempDir, PlaneStore) {
        let folder = tempfile::tempdir().unwrap();
        let spill = SpillFile::create(folder.path()).unwrap();
        (folder, PlaneStore::new(Some(budget), Some(spill)))
    }

    fn read(store: &PlaneStore, id: PlaneId) -> Found {
        store.read(id, None).unwrap().unwrap()
    }

    #[test]
    fn the_longest_unused_planes_spill_first() {
        let (_folder, mut store) = spilling(60);
        let ids: Vec<_> = (0..3).map(|n| store.store(None, &plane(n)).unwrap()).collect();
        assert!(!read(&store, ids[0]).was_spilled);
        let last = store.store(None, &plane(3)).unwrap();
        assert_eq!((store.used_bytes(), store.spilled_bytes()), (60, 20));
        let spilled = read(&store, ids[1]);
        assert!(spilled.was_spilled);
        assert_eq!(spilled.plane, plane(1));
        store.bring_back(ids[1], &spilled.plane);
        assert!(!read(&store, ids[1]).was_spilled);
        assert!(read(&store, ids[2]).was_spilled);
        for (value, id) in [(0, ids[0]), (1, ids[1]), (2, ids[2]), (3, last)] {
            assert_eq!(read(&store, id).plane, plane(value));
        }
    }

    #[test]
    fn a_plane_larger_than_the_budget_goes_to_the_file_at_once() {
        let (_folder, mut store) = spilling(10);
        let id = store.store(None, &plane(7)).unwrap();
        let id = store.write_region(id, Region::new(1, 1, 1, 1), &tile(9)).unwrap();
        assert_eq!((store.used_bytes(), store.spilled_bytes()), (0, 20));
        assert_eq!(read(&store, id).plane.as_slice::<u8>().unwrap()[6], 9);
    }

    fn tile(value: u8) -> Plane {
        Plane::from_vec(PlaneShape::new(1, 1), vec![value]).unwrap()
    }

    #[test]
    fn a_full_budget_without_spill_is_an_error_and_replacing_is_not() {
        let mut store = PlaneStore::new(Some(45), None);
        let first = store.store(None, &plane(1)).unwrap();
        store.count_blob(0, 20).unwrap();
        let error = store.store(None, &plane(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.to_string().contains("40 of 45 bytes"), "{error}");
        let replaced = store.store(Some(first), &plane(3)).unwrap();
        assert_eq!(read(&store, replaced).plane, plane(3));
        assert!(store.count_blob(20, 26).is_err());
        store.remove(replaced);
        assert_eq!(store.used_bytes(), 20);
        store.count_blob(20, 45).unwrap();
    }

    #[test]
    fn regions_are_written_in_place_unless_somebody_looks() {
        let mut store = PlaneStore::new(None, None);
        let id = store.store(None, &plane(1)).unwrap();
        let given = read(&store, id).plane;
        let id = store.write_region(id, Region::new(0, 0, 1, 1), &tile(2)).unwrap();
        let own = read(&store, id).plane;
        assert_eq!((given.as_slice::<u8>().unwrap()[0], own.as_slice::<u8>().unwrap()[0]), (1, 2));
        let copied = store.write_region(id, Region::new(0, 0, 1, 1), &tile(3)).unwrap();
        assert_ne!(copied, id);
        assert_eq!(own.as_slice::<u8>().unwrap()[0], 2);
        let address = read(&store, copied).plane.bytes().as_ptr();
        let in_place = store.write_region(copied, Region::new(0, 1, 1, 1), &tile(4)).unwrap();
        assert_eq!(in_place, copied);
        assert_eq!(read(&store, in_place).plane.bytes().as_ptr(), address);
        assert_eq!(read(&store, in_place).plane.as_slice::<u8>().unwrap()[..3], [3, 4, 1]);
    }

    #[test]
    fn what_changed_in_place_is_spilled_anew() {
        let (_folder, mut store) = spilling(20);
        let part = Region::new(0, 0, 3, 5);
        let rows = Plane::from_vec(PlaneShape::new(3, 5), vec![1u8; 15]).unwrap();
        let id = store.store_region(SHAPE, part, &rows).unwrap();
        assert!(store.read(id, None).unwrap().is_none());
        assert!(store.read(id, Some(part)).unwrap().is_some());
        let other = store.store(None, &plane(9)).unwrap();
        let last = Plane::from_vec(PlaneShape::new(1, 5), vec![2u8; 5]).unwrap();
        let id = store.write_region(id, Region::new(3, 0, 1, 5), &last).unwrap();
        let id = store.write_region(id, Region::new(0, 0, 1, 5), &last).unwrap();
        assert!(store.is_complete(id));
        store.remove(other);
        store.store(None, &plane(8)).unwrap();
        let found = read(&store, id);
        assert!(found.was_spilled);
        assert_eq!(found.plane.as_slice::<u8>().unwrap()[..6], [2, 2, 2, 2, 2, 1]);
    }
}
