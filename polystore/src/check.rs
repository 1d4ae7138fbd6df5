//! Looks at every declared plane of a plate and says which are missing or damaged.

use std::{
    borrow::Cow,
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;

use crate::{
    Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Plate, Region, Result, VirtualPath,
    WellPosition,
    model::{ImageStructure, InventoryCounts, PassedOver, PlaneState},
};

/// How closely to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckDepth {
    /// Only which planes are there.
    #[default]
    Names,
    /// Opens every plane and decodes one pixel of it: finds damaged headers, files of another
    /// size or type, files that were cut short.
    Headers,
    /// Decodes every pixel of every level of the pyramid, of label images too.
    Pixels,
}

/// A plane that is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The plane as its backend names it.
    pub plane: String,
    /// Its well.
    pub well: WellPosition,
    /// Pyramid level that is not as it should be, the lowest when several are not; 0 is full
    /// size.
    pub level: u32,
    /// Missing or corrupt. A plane that lacks a smaller level is corrupt.
    pub state: PlaneState,
    /// Why it is held to be corrupt, with the file; empty for a missing plane.
    pub reason: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    /// Planes in each state.
    pub counts: InventoryCounts,
    /// Planes that are missing or corrupt, in plate order.
    pub problems: Vec<Problem>,
    /// Label images that were looked at, whether or not they can be read; none unless pixels
    /// were.
    pub n_labels: u64,
    /// Planes of label images, and whole label images, that are missing or corrupt.
    pub label_problems: Vec<Problem>,
    /// Image files of the plate that no plane was made of.
    pub passed_over: PassedOver,
    /// Remarks of the plate's reader.
    pub notes: Vec<String>,
}

impl CheckReport {
    /// Whether every plane that should be there is there and whole, those of label images
    /// that were looked at too, and every image file was used.
    pub fn is_complete(&self) -> bool {
        self.passed_over.is_empty() && self.label_problems.is_empty() && self.counts.is_complete()
    }
}

struct Candidate<'a> {
    well: WellPosition,
    image: Cow<'a, ImageStructure>,
    /// The image is of labels, which lie beside the plate's own images.
    is_label: bool,
    index: PlaneIndex,
    state: PlaneState,
    level: u32,
    reason: String,
}

/// Checks all planes of `plate`. `progress` is called from several threads with the number
/// of planes looked at since the last call.
///
/// # Errors
/// `Cancelled`; failures that say nothing about a plane, such as a lost connection.
pub fn check(
    plate: &Plate,
    depth: CheckDepth,
    cancel: &AtomicBool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<CheckReport> {
    let inventory = plate.inventory()?;
    let mut planes: Vec<Candidate<'_>> = Vec::new();
    for ((well, image), states) in plate.structure().images().zip(&inventory.images) {
        planes.extend(states.iter().map(|(index, state)| Candidate {
            well,
            image: Cow::Borrowed(image),
            is_label: false,
            index,
            state,
            level: 0,
            reason: String::new(),
        }));
    }
    let mut report = CheckReport {
        notes: inventory.notes.clone(),
        passed_over: inventory.passed_over.clone(),
        ..CheckReport::default()
    };
    if depth == CheckDepth::Pixels {
        add_labels(plate, &mut planes, &mut report)?;
    }
    if depth > CheckDepth::Names {
        look_closer(plate, &mut planes, depth, cancel, progress)?;
    }
    give_reasons(plate, &mut planes);
    for plane in planes {
        if !plane.is_label {
            report.counts.count(plane.state);
        }
        if matches!(plane.state, PlaneState::Missing | PlaneState::Corrupt) {
            let problems = match plane.is_label {
                true => &mut report.label_problems,
                false => &mut report.problems,
            };
            problems.push(Problem {
                plane: plane.request(plate, 0).to_string(),
                well: plane.well,
                level: plane.level,
                state: plane.state,
                reason: plane.reason,
            });
        }
    }
    Ok(report)
}

/// Adds the planes of label images to those to read, and tells label images that cannot be
/// described.
fn add_labels(
    plate: &Plate,
    planes: &mut Vec<Candidate<'_>>,
    report: &mut CheckReport,
) -> Result<()> {
    for (well, image) in plate.structure().images() {
        let at = plate.path().append(&image.path);
        let mut tell = |label: &VirtualPath, error: Error| match PlaneState::of_failure(&error) {
            Some(state) => {
                report.label_problems.push(Problem {
                    plane: label.to_string(),
                    well,
                    level: 0,
                    state,
                    reason: error.chain(),
                });
                Ok(())
            }
            None => Err(error),
        };
        let labels = match plate.backend().labels(&at) {
            Ok(labels) => labels,
            Err(error) => {
                tell(&at.join("labels")?, error)?;
                continue;
            }
        };
        report.n_labels += labels.len() as u64;
        for label in labels {
            let image = match plate.backend().describe(&label) {
                Ok(image) => image,
                Err(error) => {
                    tell(&label, error)?;
                    continue;
                }
            };
            planes.extend(image.declared_indices().map(|index| Candidate {
                well,
                image: Cow::Owned(image.clone()),
                is_label: true,
                index,
                state: PlaneState::Present,
                level: 0,
                reason: String::new(),
            }));
        }
    }
    Ok(())
}

impl Candidate<'_> {
    fn request(&self, plate: &Plate, level: u32) -> PlaneRequest {
        match self.is_label {
            // Where it is in the backend, not below the plate.
            true => PlaneRequest::new(self.image.path.clone(), self.index),
            false => plate.request(&self.image, self.index),
        }
        .with_stored_level(level)
    }
}

/// A plane among those that are read, and a level of it.
type Position = (usize, u32);

/// Reads the planes that are said to be there and corrects their states.
fn look_closer(
    plate: &Plate,
    planes: &mut [Candidate<'_>],
    depth: CheckDepth,
    cancel: &AtomicBool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let mut present: Vec<&mut Candidate<'_>> =
        planes.iter_mut().filter(|plane| plane.state == PlaneState::Present).collect();
    // By the plane's position among those present, and its level.
    let (targets, requests): (Vec<Position>, Vec<_>) = present
        .iter()
        .enumerate()
        .flat_map(|(position, plane)| {
            let n_levels = if depth == CheckDepth::Pixels { plane.image.n_levels } else { 1 };
            (0..n_levels.max(1)).map(move |level| ((position, level), plane.request(plate, level)))
        })
        .map(|(target, request)| match depth {
            CheckDepth::Pixels => (target, request),
            _ => (target, request.with_region(Region::new(0, 0, 1, 1))),
        })
        .unzip();
    let is_label: Vec<bool> = present.iter().map(|plane| plane.is_label).collect();
    let found: Mutex<Vec<(Position, PlaneState, String)>> = Mutex::default();
    let failure: Mutex<Option<Error>> = Mutex::default();
    plate.backend().read_planes(&requests, &|position, answer: Result<Plane>| {
        if cancel.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let Some(&target) = targets.get(position) else { return ControlFlow::Continue(()) };
        if target.1 == 0 && !is_label[target.0] {
            progress(1);
        }
        let Err(error) = answer else { return ControlFlow::Continue(()) };
        match PlaneState::of_failure(&error) {
            Some(state) => {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.push((target, state, error.chain()));
                ControlFlow::Continue(())
            }
            None => {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Cancelled, "the check was stopped"));
    }
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Of a plane with several faults the lowest level is told: it is written last.
    found.sort_unstable_by_key(|(target, ..)| std::cmp::Reverse(*target));
    for ((position, level), state, reason) in found {
        let plane = &mut *present[position];
        (plane.level, plane.reason) = (level, reason);
        plane.state = if level == 0 { state } else { PlaneState::Corrupt };
    }
    Ok(())
}

/// Most planes that are asked why they are corrupt; the others of a plate have the same few
/// reasons.
const MAX_REASONS: usize = 1000;

/// Asks the planes that the inventory says are corrupt for the reason. One that can be read by
/// now stays what the inventory says.
fn give_reasons(plate: &Plate, planes: &mut [Candidate<'_>]) {
    let is_unexplained =
        |plane: &&mut Candidate<'_>| plane.state == PlaneState::Corrupt && plane.reason.is_empty();
    let mut corrupt: Vec<_> = planes.iter_mut().filter(is_unexplained).take(MAX_REASONS).collect();
    let pixel = Region::new(0, 0, 1, 1);
    let requests: Vec<_> =
        corrupt.iter().map(|plane| plane.request(plate, 0).with_region(pixel)).collect();
    let reasons: Mutex<Vec<(usize, String)>> = Mutex::default();
    plate.backend().read_planes(&requests, &|position, answer: Result<Plane>| {
        if let Err(error) = answer {
            let mut reasons = reasons.lock().unwrap_or_else(PoisonError::into_inner);
            reasons.push((position, error.chain()));
        }
        ControlFlow::Continue(())
    });
    for (position, reason) in reasons.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(plane) = corrupt.get_mut(position) {
            plane.reason = reason;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        MemoryBackend, PixelType, VirtualBackend, VirtualBackendExt,
        model::{PlateStructure, Sizes},
        ndarray::Array2,
    };

    #[test]
    fn missing_planes_are_named() {
        let well = WellPosition::new(0, 0);
        let at = PlateStructure::canonical_image_path(well, None, 0);
        let image = ImageStructure::new(at.clone(), PixelType::U8, Sizes::new(1, 2, 1, 4, 4));
        let mut structure = PlateStructure::new("p", 1, 1);
        structure.add_image(well, image).unwrap();
        let backend = Arc::new(MemoryBackend::new());
        let root = VirtualPath::parse("/p").unwrap();
        backend.create_plate(&root, &structure).unwrap();
        let first = PlaneRequest::new(root.append(&at), PlaneIndex::default());
        backend.write_plane(first, Plane::from_array(Array2::<u8>::zeros((4, 4)))).unwrap();
        let plate = Plate::open(backend, root).unwrap();
        for depth in [CheckDepth::Names, CheckDepth::Headers, CheckDepth::Pixels] {
            let report = check(&plate, depth, &AtomicBool::new(false), &|_| {}).unwrap();
            assert_eq!((report.counts.present, report.counts.missing), (1, 1), "{depth:?}");
            assert_eq!(report.problems[0].plane, "/p/A01/A01_s001 (t=0 c=1 z=0)");
            assert!(!report.is_complete());
        }
        let stopped = check(&plate, CheckDepth::Pixels, &AtomicBool::new(true), &|_| {});
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[cfg(feature = "zarr")]
    #[test]
    fn holes_in_smaller_levels_are_told_with_their_level() {
        let folder = tempfile::tempdir().unwrap();
        let options = crate::zarr::ZarrOptions {
            n_levels: 3,
            codec: "none".parse().unwrap(),
            ..crate::zarr::ZarrOptions::default()
        };
        let store = Arc::new(crate::zarr::ZarrBackend::create(folder.path(), options).unwrap());
        let path = VirtualPath::parse("/A/01/0").unwrap();
        let image = ImageStructure::new(path.clone(), PixelType::U8, Sizes::new(1, 2, 1, 8, 8));
        let mut structure = PlateStructure::new("p", 1, 1);
        structure.add_image(WellPosition::new(0, 0), image).unwrap();
        store.create_plate(&VirtualPath::root(), &structure).unwrap();
        for c in 0..2 {
            let request = PlaneRequest::new(path.clone(), PlaneIndex::new(0, c, 0));
            store.write_plane(request, Plane::from_array(Array2::<u8>::ones((8, 8)))).unwrap();
        }
        let plate = Plate::open(store, VirtualPath::root()).unwrap();
        let look = || check(&plate, CheckDepth::Pixels, &AtomicBool::new(false), &|_| {}).unwrap();
        assert!(look().is_complete());
        std::fs::remove_file(folder.path().join("A/01/0/2/c/0/1/0/0/0")).unwrap();
        std::fs::write(folder.path().join("A/01/0/1/c/0/0/0/0/0"), "xyz").unwrap();
        let report = look();
        let told: Vec<_> =
            report.problems.iter().map(|problem| (problem.level, problem.state)).collect();
        assert_eq!(told, [(1, PlaneState::Corrupt), (2, PlaneState::Corrupt)], "{report:?}");
        // The hole is filled for those who only read.
        let request = PlaneRequest::new(path, PlaneIndex::new(0, 1, 0)).with_level(2);
        assert!(plate.backend().read_plane(&request).is_ok());
    }
}
