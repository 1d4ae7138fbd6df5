//! Looks at every declared plane of a plate and says which are missing or damaged.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;

use crate::{
    Error, ErrorKind, Plane, PlaneIndex, Plate, Region, Result, WellPosition,
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
    /// Decodes every pixel.
    Pixels,
}

/// A plane that is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The plane as its backend names it.
    pub plane: String,
    /// Its well.
    pub well: WellPosition,
    /// Missing or corrupt.
    pub state: PlaneState,
    /// Why it is held to be corrupt; empty for a missing plane.
    pub reason: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    /// Planes in each state.
    pub counts: InventoryCounts,
    /// Planes that are missing or corrupt, in plate order.
    pub problems: Vec<Problem>,
    /// Image files of the plate that no plane was made of.
    pub passed_over: PassedOver,
    /// Remarks of the plate's reader.
    pub notes: Vec<String>,
}

impl CheckReport {
    /// Whether every plane that should be there is there and whole, and every image file
    /// was used.
    pub fn is_complete(&self) -> bool {
        self.passed_over.is_empty() && self.counts.is_complete()
    }
}

struct Candidate<'a> {
    well: WellPosition,
    image: &'a ImageStructure,
    index: PlaneIndex,
    state: PlaneState,
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
            image,
            index,
            state,
            reason: String::new(),
        }));
    }
    if depth > CheckDepth::Names {
        look_closer(plate, &mut planes, depth, cancel, progress)?;
    }
    let mut report = CheckReport {
        notes: inventory.notes.clone(),
        passed_over: inventory.passed_over.clone(),
        ..CheckReport::default()
    };
    for plane in planes {
        report.counts.count(plane.state);
        if matches!(plane.state, PlaneState::Missing | PlaneState::Corrupt) {
            report.problems.push(Problem {
                plane: plate.request(plane.image, plane.index).to_string(),
                well: plane.well,
                state: plane.state,
                reason: plane.reason,
            });
        }
    }
    Ok(report)
}

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
    let requests: Vec<_> = present
        .iter()
        .map(|plane| {
            let request = plate.request(plane.image, plane.index);
            match depth {
                CheckDepth::Pixels => request,
                _ => request.with_region(Region::new(0, 0, 1, 1)),
            }
        })
        .collect();
    let found: Mutex<Vec<(usize, PlaneState, String)>> = Mutex::default();
    let failure: Mutex<Option<Error>> = Mutex::default();
    plate.backend().read_planes(&requests, &|position, answer: Result<Plane>| {
        if cancel.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        progress(1);
        let Err(error) = answer else { return ControlFlow::Continue(()) };
        match state_of(&error) {
            Some(state) => {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.push((position, state, error.chain()));
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
    for (position, state, reason) in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        present[position].state = state;
        present[position].reason = reason;
    }
    Ok(())
}

/// What a failed read says about the plane; `None` when it says nothing.
fn state_of(error: &Error) -> Option<PlaneState> {
    match error.kind() {
        ErrorKind::MissingPlane | ErrorKind::NotFound => Some(PlaneState::Missing),
        ErrorKind::InvalidData
        | ErrorKind::InvalidInput
        | ErrorKind::Unsupported
        | ErrorKind::LimitExceeded
        | ErrorKind::PermissionDenied => Some(PlaneState::Corrupt),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        MemoryBackend, PixelType, PlaneRequest, VirtualBackend, VirtualBackendExt, VirtualPath,
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
}
