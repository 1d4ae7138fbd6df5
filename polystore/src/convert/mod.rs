//! Converts a plate from any backend into any backend, plane by plane.
//!
//! Planes go from the reader's thread straight into the writer: memory stays at a few
//! planes per thread, whatever the size of the plate. A conversion that was interrupted is
//! taken up where it stopped, because the target's inventory says which planes are there.
//! Missing planes of the source stay missing in the target.

mod labels;
mod layout;
mod target;

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

pub use layout::{TargetLayout, retarget};
use serde::Serialize;
pub use target::create_target;

use crate::{
    Error, ErrorKind, Plane, PlaneRequest, Plate, Result, VirtualBackend, VirtualBackendExt,
    VirtualPath, fan_out,
    model::{ImageKind, PassedOver, PlaneState, PlateStructure},
    pyramid::downsample,
    render,
    words::count,
};

/// Requests that are handed to the source in one batch.
const BATCH_PLANES: usize = 1024;

/// How to convert.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// Reads every written plane back and compares all its pixels with the source's, those
    /// of smaller levels with what halving makes of them.
    pub verify: bool,
    /// Pyramid levels of the images of an OME-TIFF plate, the full size included; a zarr
    /// backend decides by its own settings.
    pub n_levels: Option<u32>,
    /// Keeps planes that the target has already (compared with the source when `verify` is
    /// set). Without it, a target that holds planes is `AlreadyExists`.
    pub resume: bool,
}

/// What happens during a conversion; `done` counts towards [`ConvertEvent::Started`]'s total.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConvertEvent {
    /// The plan is made.
    Started {
        /// Planes to convert, including those kept from an earlier run.
        n_planes: u64,
        /// Of these, planes that the target has already.
        n_kept: u64,
    },
    /// One plane is in the target.
    Written {
        /// Bytes of its pixels.
        n_bytes: u64,
    },
    /// One plane failed; the others go on.
    Failed {
        /// Which and why.
        failure: ConvertFailure,
    },
}

/// A plane that could not be converted.
#[derive(Clone, Debug, Serialize)]
pub struct ConvertFailure {
    /// The plane as the source names it.
    pub plane: String,
    /// Why, with all causes.
    pub error: String,
}

/// What a conversion did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConvertReport {
    /// Images declared in the target.
    pub n_images: u64,
    /// Planes written in this run.
    pub n_written: u64,
    /// Planes that the target had already.
    pub n_kept: u64,
    /// Bytes of pixels written in this run.
    pub n_bytes: u64,
    /// Planes that were not tried any more, because the target has no room left.
    pub n_not_tried: u64,
    /// Whether every plane was read back and compared, at every level.
    pub verified: bool,
    /// Planes that the source declares but does not have; missing in the target too.
    pub missing: Vec<String>,
    /// Label images of the source that are in the target too.
    pub n_labels: u64,
    /// Label images of the source that files of planes have no place for.
    pub labels_left_out: Vec<String>,
    /// Image files of the source that no plane was made of.
    pub passed_over: PassedOver,
    /// Planes that failed.
    pub failed: Vec<ConvertFailure>,
}

impl ConvertReport {
    /// Whether every present plane of the source is in the target.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.n_not_tried == 0
    }
}

/// One plane on its way.
struct Transfer {
    from: PlaneRequest,
    to: PlaneRequest,
    /// Levels of the image in the target.
    n_levels: u32,
    kind: ImageKind,
}

/// Converts `source` into the plate at `target_path` of `target`, which is declared first.
///
/// `cancel` stops it at the next plane; what was written stays, and a later run with
/// [`ConvertOptions::resume`] goes on from there. `events` is called from several threads.
///
/// # Errors
/// `AlreadyExists` when the target has planes and `resume` is not set, `Cancelled`, or a
/// failure to declare the target. A failure of one plane is in the report instead.
pub fn convert(
    source: &Plate,
    target: &dyn VirtualBackend,
    target_path: &VirtualPath,
    layout: TargetLayout,
    options: &ConvertOptions,
    cancel: &AtomicBool,
    events: &(dyn Fn(ConvertEvent) + Sync),
) -> Result<ConvertReport> {
    source.check_target(&target.spec(), target_path)?;
    let mut structure = retarget(source.structure(), layout)?;
    if layout == TargetLayout::OmeTiff
        && let Some(n_levels) = target::levels(target, target_path, options)?
    {
        structure.set_levels(n_levels);
    }
    // A target that is gone on with has its windows.
    let is_declared = options.resume && target.plate(target_path).is_ok();
    if layout == TargetLayout::Zarr && !is_declared {
        let measured = render::Measured {
            backend: &**source.backend(),
            path: source.path(),
            structure: source.structure(),
            inventory: source.inventory()?,
        };
        render::measure(&measured, &mut structure, cancel);
    }
    target.create_plate(target_path, &structure)?;
    let mut report = ConvertReport {
        n_images: structure.n_images() as u64,
        verified: options.verify,
        passed_over: source.inventory()?.passed_over.clone(),
        ..Default::default()
    };
    let (mut transfers, mut kept) = plan(source, target, target_path, &structure, &mut report)?;
    if !options.resume && !kept.is_empty() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("the target has {} already", count(kept.len(), "plane")),
        )
        .with_path(target_path)
        .with_backend(target.to_string())
        .with_hint("continue it with resume (`--resume`), or choose another place"));
    }
    labels::plan(
        source,
        target,
        target_path,
        (&structure, layout),
        (&mut transfers, &mut kept),
        options.resume,
        &mut report,
    )?;
    events(ConvertEvent::Started {
        n_planes: (transfers.len() + kept.len()) as u64,
        n_kept: kept.len() as u64,
    });
    let report = Mutex::new(report);
    let is_full = AtomicBool::new(false);
    let run = Run { target, verify: options.verify, cancel, events, report, is_full };
    if options.verify {
        run.batches(source, &kept, &|transfer, plane| match run.compare(transfer, &plane) {
            // What cannot be read any more is written again; other pixels are not overwritten.
            // A file of several planes is left alone: some of them may still be read.
            Err(error) if layout != TargetLayout::OmeTiff && run.is_damaged(transfer, &error) => {
                run.write(transfer, &plane)
            }
            compared => compared,
        });
    }
    match layout {
        TargetLayout::OmeTiff => run.images(source, &transfers),
        _ => run.batches(source, &transfers, &|transfer, plane| run.write(transfer, &plane)),
    }
    let is_full = run.is_full.into_inner();
    let mut report = run.report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.n_kept = kept.len() as u64;
    if is_full {
        let n_tried = report.n_written + report.failed.len() as u64;
        report.n_not_tried = (transfers.len() as u64).saturating_sub(n_tried);
    }
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Cancelled, "the conversion was stopped")
            .with_path(target_path)
            .with_backend(target.to_string())
            .with_hint("run it again with resume (`--resume`) to go on"));
    }
    if !is_full {
        target.finish_plate(target_path)?;
    }
    Ok(report)
}

/// Splits the present planes of the source into those to write and those that are there.
fn plan(
    source: &Plate,
    target: &dyn VirtualBackend,
    target_path: &VirtualPath,
    structure: &PlateStructure,
    report: &mut ConvertReport,
) -> Result<(Vec<Transfer>, Vec<Transfer>)> {
    let there = target.inventory(target_path)?;
    // How many levels there are may have been the target's choice.
    let stored = target.plate(target_path)?;
    let mut to_write = Vec::new();
    let mut kept = Vec::new();
    let images =
        source.structure().images().zip(&source.inventory()?.images).zip(structure.images());
    let images = images.zip(stored.images());
    for (ordinal, ((((_, image), inventory), (_, declared)), (_, stored))) in images.enumerate() {
        for (index, state) in inventory.iter() {
            let from = source.request(image, index);
            match state {
                PlaneState::Present => {}
                PlaneState::AbsentByDesign => continue,
                PlaneState::Missing | PlaneState::Corrupt => {
                    report.missing.push(from.to_string());
                    continue;
                }
            }
            let to = PlaneRequest::new(target_path.append(&declared.path), index);
            let is_there = there.state(ordinal, index) == PlaneState::Present;
            if is_there { &mut kept } else { &mut to_write }.push(Transfer {
                from,
                to,
                n_levels: stored.n_levels,
                kind: stored.kind,
            });
        }
    }
    Ok((to_write, kept))
}

struct Run<'a> {
    target: &'a dyn VirtualBackend,
    verify: bool,
    cancel: &'a AtomicBool,
    events: &'a (dyn Fn(ConvertEvent) + Sync),
    report: Mutex<ConvertReport>,
    /// The target has no room left: every other plane would fail too.
    is_full: AtomicBool,
}

impl Run<'_> {
    /// Reads `transfers` from the source and hands each plane to `step` on the reader's thread.
    fn batches<'t>(
        &self,
        source: &Plate,
        transfers: &'t [Transfer],
        step: &(dyn Fn(&'t Transfer, Plane) -> Result<()> + Sync),
    ) {
        for batch in transfers.chunks(BATCH_PLANES) {
            if self.is_stopped() {
                return;
            }
            let requests: Vec<_> = batch.iter().map(|transfer| transfer.from.clone()).collect();
            source.backend().read_planes(&requests, &|position, answer| {
                if self.is_stopped() {
                    return ControlFlow::Break(());
                }
                let Some(transfer) = batch.get(position) else { return ControlFlow::Continue(()) };
                match answer {
                    Err(error) if error.kind() == ErrorKind::MissingPlane => self.miss(transfer),
                    answer => {
                        if let Err(error) = answer.and_then(|plane| step(transfer, plane)) {
                            self.fail(transfer, &error);
                        }
                    }
                }
                ControlFlow::Continue(())
            });
        }
    }

    /// Writes files that hold all planes of an image: each image in one step, a few at once.
    fn images(&self, source: &Plate, transfers: &[Transfer]) {
        let images: Vec<&[Transfer]> = transfers.chunk_by(|a, b| a.to.path == b.to.path).collect();
        fan_out::for_each(fan_out::default_concurrency(), images.len(), |number| {
            let planes: Mutex<Vec<(&Transfer, Plane)>> = Mutex::default();
            self.batches(source, images[number], &|transfer, plane| {
                planes.lock().unwrap_or_else(PoisonError::into_inner).push((transfer, plane));
                Ok(())
            });
            let planes = planes.into_inner().unwrap_or_else(PoisonError::into_inner);
            if self.is_stopped() {
                return ControlFlow::Break(());
            }
            self.write_image(&planes);
            ControlFlow::Continue(())
        });
    }

    fn write_image(&self, planes: &[(&Transfer, Plane)]) {
        let batch: Vec<_> =
            planes.iter().map(|(transfer, plane)| (transfer.to.clone(), plane.clone())).collect();
        let written = self.target.write_planes(&batch);
        for (transfer, plane) in planes {
            let checked = match &written {
                Ok(()) if self.verify => self.compare(transfer, plane),
                Ok(()) => Ok(()),
                Err(error) => Err(error.duplicate()),
            };
            match checked {
                Ok(()) => self.count(plane.n_bytes() as u64),
                Err(error) => self.fail(transfer, &error),
            }
        }
    }

    fn write(&self, transfer: &Transfer, plane: &Plane) -> Result<()> {
        self.target.write_planes(&[(transfer.to.clone(), plane.clone())])?;
        if self.verify {
            self.compare(transfer, plane)?;
        }
        self.count(plane.n_bytes() as u64);
        Ok(())
    }

    fn count(&self, n_bytes: u64) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.n_written += 1;
        report.n_bytes += n_bytes;
        drop(report);
        (self.events)(ConvertEvent::Written { n_bytes });
    }

    /// Checks that the target gives back exactly the source's pixels, and has stored what
    /// halving makes of them.
    fn compare(&self, transfer: &Transfer, plane: &Plane) -> Result<()> {
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
        Err(Error::invalid_data("the plane reads back with other pixels than the source has")
            .with_path(&request)
            .with_hint("delete it and convert again; the disk or its memory may be failing"))
    }

    /// Whether a plane failed the comparison because the target cannot give it back at all.
    fn is_damaged(&self, transfer: &Transfer, error: &Error) -> bool {
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
    }

    fn fail(&self, transfer: &Transfer, error: &Error) {
        if error.is_storage_full() {
            self.is_full.store(true, Ordering::Relaxed);
        }
        let failure = ConvertFailure { plane: transfer.from.to_string(), error: error.chain() };
        tracing::warn!(plane = %failure.plane, error = %failure.error, "plane was not converted");
        self.report.lock().unwrap_or_else(PoisonError::into_inner).failed.push(failure.clone());
        (self.events)(ConvertEvent::Failed { failure });
    }
}
