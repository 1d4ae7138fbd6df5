//! Carries planes from a source to a target, and compares them.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{ConvertEvent, ConvertFailure, ConvertReport, TargetLayout, Transfer};
use crate::{
    Error, ErrorKind, Plane, PlaneRequest, Plate, Result, VirtualBackend, VirtualBackendExt,
    VirtualPath, fan_out, model::ImageKind, pyramid::downsample,
};

/// Requests that are handed to the source in one batch.
const BATCH_PLANES: usize = 1024;

/// What is said of a plane that is not the source's.
const DIFFERS: &str = "the plane reads back with other pixels than the source has";

/// Pixels that are written in one batch.
const GROUP_BYTES: u64 = 16 << 20;

/// A conversion under way.
pub(super) struct Run<'a> {
    source: &'a Plate,
    pub(super) target: &'a dyn VirtualBackend,
    pub(super) verify: bool,
    pub(super) cancel: &'a AtomicBool,
    pub(super) events: &'a (dyn Fn(ConvertEvent) + Sync),
    report: Mutex<ConvertReport>,
    labels: Mutex<LabelTally>,
    /// The target has no room left: every other plane would fail too.
    is_full: AtomicBool,
}

/// What became of the planes of label images, by the label image's path in the source.
#[derive(Debug, Default)]
pub(super) struct LabelTally {
    written: HashMap<VirtualPath, u64>,
    lost: HashSet<VirtualPath>,
}

impl LabelTally {
    /// How many planes of the label image at `path` were written.
    pub(super) fn written(&self, path: &VirtualPath) -> u64 {
        self.written.get(path).copied().unwrap_or(0)
    }

    /// Whether a plane of it is not in the target, or not as it should be.
    pub(super) fn is_lost(&self, path: &VirtualPath) -> bool {
        self.lost.contains(path)
    }
}

/// Whose fault a failure is.
enum Fault<'a> {
    Source(&'a Error),
    Target(&'a Error),
}

impl<'a> Run<'a> {
    pub(super) fn new(
        source: &'a Plate,
        target: &'a dyn VirtualBackend,
        verify: bool,
        cancel: &'a AtomicBool,
        events: &'a (dyn Fn(ConvertEvent) + Sync),
        report: ConvertReport,
    ) -> Self {
        let (labels, is_full) = (Mutex::default(), AtomicBool::new(false));
        let report = Mutex::new(report);
        Self { source, target, verify, cancel, events, report, labels, is_full }
    }

    /// The report, what became of labels, and whether the target has no room left.
    pub(super) fn finish(self) -> (ConvertReport, LabelTally, bool) {
        let report = self.report.into_inner().unwrap_or_else(PoisonError::into_inner);
        let labels = self.labels.into_inner().unwrap_or_else(PoisonError::into_inner);
        (report, labels, self.is_full.into_inner())
    }

    /// Reads `transfers` from the source and hands each plane to `step` on the reader's thread.
    pub(super) fn batches<'t>(
        &self,
        transfers: &'t [Transfer],
        step: &(dyn Fn(&'t Transfer, Plane) -> Result<()> + Sync),
    ) {
        for batch in transfers.chunks(BATCH_PLANES) {
            if self.is_stopped() {
                return;
            }
            let requests: Vec<_> = batch.iter().map(|transfer| transfer.from.clone()).collect();
            self.source.backend().read_planes(&requests, &|position, answer| {
                if self.is_stopped() {
                    return ControlFlow::Break(());
                }
                let Some(transfer) = batch.get(position) else { return ControlFlow::Continue(()) };
                match answer {
                    Err(error) if error.kind() == ErrorKind::MissingPlane => self.miss(transfer),
                    Err(error) => self.fail(transfer, Fault::Source(&error)),
                    Ok(plane) => {
                        if let Err(error) = step(transfer, plane.clone()) {
                            self.blame(transfer, &plane, error);
                        }
                    }
                }
                ControlFlow::Continue(())
            });
        }
    }

    /// Writes planes in groups, a few groups at once: of files that hold all planes of an
    /// image, image by image; of others as many as are worth waiting for the disk together.
    pub(super) fn groups(&self, transfers: &[Transfer], layout: TargetLayout) {
        let processors = fan_out::default_concurrency();
        // While some groups wait for the disk, others have the processors.
        let twice = processors.saturating_mul(NonZeroUsize::MIN.saturating_add(1));
        let (threads, groups) = match layout {
            TargetLayout::OmeTiff => {
                (processors, transfers.chunk_by(|a, b| a.to.path == b.to.path).collect())
            }
            _ => (twice, groups(transfers, transfers.len().div_ceil(twice.get()))),
        };
        fan_out::for_each(threads, groups.len(), |number| {
            let planes: Mutex<Vec<(&Transfer, Plane)>> = Mutex::default();
            self.batches(groups[number], &|transfer, plane| {
                planes.lock().unwrap_or_else(PoisonError::into_inner).push((transfer, plane));
                Ok(())
            });
            let planes = planes.into_inner().unwrap_or_else(PoisonError::into_inner);
            if self.is_stopped() {
                return ControlFlow::Break(());
            }
            self.write_group(&planes, layout);
            ControlFlow::Continue(())
        });
    }

    fn write_group(&self, planes: &[(&Transfer, Plane)], layout: TargetLayout) {
        let batch: Vec<_> =
            planes.iter().map(|(transfer, plane)| (transfer.to.clone(), plane.clone())).collect();
        let written = self.target.write_planes(&batch);
        for (transfer, plane) in planes {
            let checked = match &written {
                Ok(()) if self.verify => self.compare(transfer, plane),
                Ok(()) => Ok(()),
                // Which of the planes it was is found by writing them one by one.
                Err(error)
                    if layout != TargetLayout::OmeTiff
                        && planes.len() > 1
                        && !error.is_storage_full() =>
                {
                    self.write(transfer, plane)
                }
                Err(error) => Err(error.duplicate()),
            };
            match checked {
                Ok(()) if self.is_another_file(transfer) => self.tell_changed(transfer),
                Ok(()) => self.count(transfer, plane.n_bytes() as u64),
                Err(error) => self.blame(transfer, plane, error),
            }
        }
    }

    /// Tells a plane that is not in the target as it should be. One whose source changed in
    /// the meantime is no fault of the target's.
    fn blame(&self, transfer: &Transfer, plane: &Plane, error: Error) {
        match error.message() == DIFFERS && self.has_changed(transfer, plane) {
            true => self.tell_changed(transfer),
            false => self.fail(transfer, Fault::Target(&error)),
        }
    }

    /// Tells a plane of which nobody can say whether it was read before, after or in the
    /// middle of a change.
    fn tell_changed(&self, transfer: &Transfer) {
        let error = Error::new(ErrorKind::Conflict, "the source changed while it was read")
            .with_path(&transfer.from)
            .with_hint("convert it again, into another place, when nothing writes to it any more");
        self.fail(transfer, Fault::Source(&error));
    }

    /// Whether the source has something else now than when it was read as `plane`.
    fn has_changed(&self, transfer: &Transfer, plane: &Plane) -> bool {
        // A plane that is mapped shows the change itself.
        self.is_another_file(transfer)
            || self.source.backend().read_plane(&transfer.from).is_ok_and(|again| again != *plane)
    }

    /// Whether the source's plane is recognised by something else than when the conversion
    /// began.
    fn is_another_file(&self, transfer: &Transfer) -> bool {
        let now = || self.source.backend().fingerprints(std::slice::from_ref(&transfer.from));
        transfer.seen.is_some() && now().pop().flatten() != transfer.seen
    }

    fn write(&self, transfer: &Transfer, plane: &Plane) -> Result<()> {
        self.target.write_planes(&[(transfer.to.clone(), plane.clone())])?;
        if self.verify { self.compare(transfer, plane) } else { Ok(()) }
    }

    /// Writes a plane again that the target cannot give back.
    pub(super) fn repair(&self, transfer: &Transfer, plane: &Plane) -> Result<()> {
        self.write(transfer, plane)?;
        self.count(transfer, plane.n_bytes() as u64);
        Ok(())
    }

    fn count(&self, transfer: &Transfer, n_bytes: u64) {
        if transfer.kind == ImageKind::Labels {
            let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
            *labels.written.entry(transfer.from.path.clone()).or_default() += 1;
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.n_written += 1;
        report.n_bytes += n_bytes;
        drop(report);
        (self.events)(ConvertEvent::Written { n_bytes });
    }

    /// Checks that the target gives back exactly the source's pixels, and has stored what
    /// halving makes of them.
    pub(super) fn compare(&self, transfer: &Transfer, plane: &Plane) -> Result<()> {
        self.compare_level(transfer, 0, plane)?;
        let mut halved: Option<Plane> = None;
        for level in 1..transfer.n_levels {
            let half = downsample(halved.as_ref().unwrap_or(plane), transfer.kind)?;
            self.compare_level(transfer, level, &half)?;
            halved = Some(half);
        }
        Ok(())
    }

    fn compare_level(&self, transfer: &Transfer, level: u32, plane: &Plane) -> Result<()> {
        let request = transfer.to.clone().with_stored_level(level);
        let found = self.target.read_plane(&request).map_err(|error| error.with_path(&request))?;
        if found == *plane {
            return Ok(());
        }
        let advice = match transfer.is_kept {
            true => {
                "an earlier conversion wrote it: the source may have changed since, or the disk \
                 is failing; convert into another place, or delete the image and go on"
            }
            false => "convert again, into another place; the disk or its memory may be failing",
        };
        Err(Error::invalid_data(DIFFERS).with_path(&request).with_hint(advice))
    }

    /// Whether a plane failed the comparison because the target cannot give it back at all.
    pub(super) fn is_damaged(&self, transfer: &Transfer, error: &Error) -> bool {
        let mut levels =
            (0..transfer.n_levels).map(|level| transfer.to.clone().with_stored_level(level));
        matches!(error.kind(), ErrorKind::MissingPlane | ErrorKind::InvalidData)
            && levels.any(|request| self.target.read_plane(&request).is_err())
    }

    /// Whether the caller, or a target that takes nothing more, ended it.
    fn is_stopped(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || self.is_full.load(Ordering::Relaxed)
    }

    /// The source says only now that it does not have the plane.
    fn miss(&self, transfer: &Transfer) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.missing.push(transfer.from.to_string());
        drop(report);
        self.lose(transfer);
    }

    fn lose(&self, transfer: &Transfer) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if transfer.kind == ImageKind::Labels {
            labels.lost.insert(transfer.from.path.clone());
        }
    }

    fn fail(&self, transfer: &Transfer, fault: Fault<'_>) {
        self.lose(transfer);
        let (error, in_source) = match fault {
            Fault::Source(error) => (error, true),
            Fault::Target(error) => (error, false),
        };
        if error.is_storage_full() {
            self.is_full.store(true, Ordering::Relaxed);
        }
        let PlaneRequest { path, index, .. } = &transfer.from;
        let failure = ConvertFailure {
            image: path.to_string(),
            plane: Some(*index),
            error: error.chain(),
            in_source,
            differs: error.message() == DIFFERS,
        };
        tracing::warn!(plane = %transfer.from, error = %failure.error, "plane was not converted");
        self.report.lock().unwrap_or_else(PoisonError::into_inner).failed.push(failure.clone());
        (self.events)(ConvertEvent::Failed { failure });
    }
}

/// Splits transfers into groups of at most `most` planes (at least one) that are not larger
/// than [`GROUP_BYTES`], if they are not a single plane.
fn groups(transfers: &[Transfer], most: usize) -> Vec<&[Transfer]> {
    let mut groups = Vec::new();
    let mut rest = transfers;
    while !rest.is_empty() {
        let mut n_bytes = 0u64;
        let fits = |transfer: &&Transfer| {
            n_bytes = n_bytes.saturating_add(transfer.n_bytes);
            n_bytes <= GROUP_BYTES
        };
        let n_planes = rest.iter().take(most).take_while(fits).count().max(1);
        let (group, others) = rest.split_at(n_planes);
        groups.push(group);
        rest = others;
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        PixelType, PlaneIndex, PlaneRequest, PlaneShape, WellPosition,
        convert::{ConvertOptions, convert},
        memory::MemoryBackend,
        model::{ImageStructure, PlateStructure, Sizes},
        wrap::{FaultRule, Operation, fault},
    };

    /// A plane that the target does not take is the only one of its group that fails.
    #[test]
    fn the_others_of_a_group_are_written() {
        let memory = Arc::new(MemoryBackend::new());
        let mut structure = PlateStructure::new("p", 1, 1);
        let well = WellPosition::new(0, 0);
        for field in 0..12 {
            let path = PlateStructure::canonical_image_path(well, None, field);
            let image = ImageStructure::new(path, PixelType::U8, Sizes::new(1, 1, 1, 2, 2));
            structure.add_image(well, ImageStructure { field, ..image }).unwrap();
        }
        let root = VirtualPath::parse("/from").unwrap();
        memory.create_plate(&root, &structure).unwrap();
        for (_, image) in structure.images() {
            let request = PlaneRequest::new(root.append(&image.path), PlaneIndex::default());
            let plane = Plane::from_vec(PlaneShape::new(2, 2), vec![1u8; 4]).unwrap();
            memory.write_plane(request, plane).unwrap();
        }
        let source = Plate::open(memory.clone(), root).unwrap();
        let rule = FaultRule::new(ErrorKind::PermissionDenied).on(Operation::WritePlanes);
        let target = fault(Arc::new(MemoryBackend::new()), vec![rule.at("/**/A01_s005*")], 0);
        let report = convert(
            &source,
            &target.unwrap(),
            &VirtualPath::root(),
            TargetLayout::Planes,
            &ConvertOptions::default(),
            &AtomicBool::new(false),
            &|_| {},
        )
        .unwrap();
        assert_eq!((report.n_written, report.failed.len()), (11, 1), "{:?}", report.failed);
        assert!(report.failed[0].image.contains("A01_s005"), "{:?}", report.failed);
    }

    /// What changed in the source is not blamed on the target.
    #[cfg(feature = "disk")]
    #[test]
    fn a_source_that_changes_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(crate::disk::DiskBackend::open(folder.path()).unwrap());
        let well = WellPosition::new(0, 0);
        let path = PlateStructure::canonical_image_path(well, None, 0);
        let image = ImageStructure::new(path.clone(), PixelType::U8, Sizes::new(1, 1, 1, 2, 2));
        let mut structure = PlateStructure::new("p", 1, 1);
        structure.add_image(well, image).unwrap();
        let root = VirtualPath::root();
        disk.create_plate(&root, &structure).unwrap();
        let request = PlaneRequest::new(path, PlaneIndex::default());
        let plane = |value: u8| Plane::from_vec(PlaneShape::new(2, 2), vec![value; 4]).unwrap();
        disk.write_plane(request.clone(), plane(1)).unwrap();
        let source = Plate::open(disk.clone(), root.clone()).unwrap();
        let target = MemoryBackend::new();
        target.create_plate(&root, &structure).unwrap();
        let seen = disk.fingerprints(std::slice::from_ref(&request)).pop().flatten();
        assert!(seen.is_some());
        let transfer = Transfer {
            from: request.clone(),
            to: request.clone(),
            n_levels: 1,
            kind: ImageKind::Intensity,
            n_bytes: 4,
            is_kept: false,
            seen,
        };
        let cancel = AtomicBool::new(false);
        let failures = || {
            let run = Run::new(&source, &target, true, &cancel, &|_| {}, ConvertReport::default());
            run.groups(std::slice::from_ref(&transfer), TargetLayout::Planes);
            run.finish().0.failed
        };
        assert!(failures().is_empty());
        disk.write_plane(request, plane(2)).unwrap();
        let failed = failures();
        assert!(
            failed[0].in_source && failed[0].error.contains("the source changed"),
            "{failed:?}"
        );
    }
}
