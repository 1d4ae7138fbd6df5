//! Converts a plate from any backend into any backend, a few planes at a time.
//!
//! Planes are read and written by the same thread: memory stays at a few planes per thread,
//! whatever the size of the plate. A conversion that was interrupted is
//! taken up where it stopped, because the target's inventory says which planes are there.
//! Missing planes of the source stay missing in the target.

mod labels;
mod layout;
mod run;
mod target;

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

pub use layout::{TargetLayout, retarget};
use run::Run;
use serde::Serialize;
pub use target::create_target;

use crate::{
    Error, ErrorKind, PlaneIndex, PlaneRequest, Plate, Result, VirtualBackend, VirtualBackendExt,
    VirtualPath,
    atomic::Held,
    model::{ImageKind, PassedOver, PlaneState, PlateStructure},
    render,
    words::{count, verb},
};

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

/// A plane, or a label image, that could not be converted.
#[derive(Clone, Debug, Serialize)]
pub struct ConvertFailure {
    /// The image, or label image, as the source names it.
    pub image: String,
    /// Which of its planes; `None` for a label image of which nothing could be.
    pub plane: Option<PlaneIndex>,
    /// Why, with all causes.
    pub error: String,
    /// Whether the source could not give it; otherwise the target did not take it.
    pub in_source: bool,
    /// Whether the target has it, with other pixels than the source.
    pub differs: bool,
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
    /// Whether the target has no room left.
    pub is_full: bool,
    /// Planes that were not tried any more, because the target has no room left.
    pub n_not_tried: u64,
    /// Whether every plane was read back and compared, at every level.
    pub verified: bool,
    /// Planes that the source declares but does not have; missing in the target too.
    pub missing: Vec<String>,
    /// Planes of which the source's inventory says that they cannot be read; missing in the
    /// target.
    pub corrupt: Vec<String>,
    /// Label images of the source that are in the target too, with all their planes.
    pub n_labels: u64,
    /// Label images of the source that files of planes have no place for.
    pub labels_left_out: Vec<String>,
    /// Image files of the source that no plane was made of.
    pub passed_over: PassedOver,
    /// Planes that failed.
    pub failed: Vec<ConvertFailure>,
}

impl ConvertReport {
    /// Whether the source lacks nothing: no plane is missing or corrupt, and no image file
    /// was passed over.
    pub fn is_source_whole(&self) -> bool {
        self.missing.is_empty() && self.corrupt.is_empty() && self.passed_over.is_empty()
    }

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
    /// Of the plane's pixels.
    n_bytes: u64,
    /// Whether the target has it from an earlier conversion.
    is_kept: bool,
    /// What the source's plane was recognised by when the conversion began, if it is to be
    /// compared and its backend can tell.
    seen: Option<String>,
}

/// Keeps other conversions out of a folder of files. Zarr stores are declared by one writer only.
fn hold(target: &dyn VirtualBackend, path: &VirtualPath) -> Result<Held> {
    let spec = target.spec();
    if spec.scheme != "disk" {
        return Ok(Held::nothing());
    }
    Held::folder(&Path::new(&spec.location).join(path.relative()), "conversion")
}

/// Planes that are compared before a conversion is gone on with.
const MAX_SAMPLE: usize = 16;

/// Refuses to go on with the conversion of another plate: planes that are there already are
/// those of the source, by a sample of them. Damaged ones are told otherwise.
fn check_same(source: &Plate, target: &dyn VirtualBackend, kept: &[Transfer]) -> Result<()> {
    let step = kept.len().div_ceil(MAX_SAMPLE).max(1);
    for transfer in kept.iter().step_by(step) {
        let (from, to) =
            (source.backend().read_plane(&transfer.from), target.read_plane(&transfer.to));
        if let (Ok(from), Ok(to)) = (from, to)
            && from != to
        {
            let message = "the target has other pixels than the source: it was made of another plate, or the source has changed";
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_path(&transfer.to)
                .with_backend(target.to_string())
                .with_hint("choose another place; with --verify each plane that differs is told"));
        }
    }
    Ok(())
}

/// Refuses a plate of damaged images alone: what would be declared of them, sizes and types, is
/// not known.
fn check_readable(source: &Plate) -> Result<()> {
    let counts = source.inventory()?.counts();
    if counts.present > 0 || counts.corrupt == 0 {
        return Ok(());
    }
    let message = format!(
        "no plane can be read: {} {} corrupt",
        count(counts.corrupt, "plane"),
        verb(counts.corrupt, "is", "are")
    );
    Err(Error::invalid_data(message)
        .with_path(source.path())
        .with_backend(source.backend().to_string())
        .with_hint("`polystore check` says what is wrong with the files"))
}

/// Converts `source` into the plate at `target_path` of `target`, which is declared first.
///
/// `cancel` stops it within a few planes; what was written stays, and a later run with
/// [`ConvertOptions::resume`] goes on from there. `events` is called from several threads.
///
/// # Errors
/// `AlreadyExists` when the target has planes and `resume` is not set, or planes of another
/// plate; `Conflict` when another conversion writes into the same folder of files; `Cancelled`,
/// `InvalidData` when no plane of the source can be read, or a failure to declare the target. A failure of one plane is in the report instead.
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
    check_readable(source)?;
    let _held = hold(target, target_path)?;
    let mut structure = retarget(source.structure(), layout)?;
    structure.passed_over = source.inventory()?.passed_over.of_source();
    if layout == TargetLayout::OmeTiff
        && let Some(n_levels) = target::levels(target, target_path, options)?
    {
        structure.set_levels(n_levels);
    }
    // A target that is gone on with has its windows.
    let there = if options.resume { target.plate(target_path).ok() } else { None };
    if let Some(there) = &there {
        layout::keep_paths(&mut structure, there)?;
    }
    if layout == TargetLayout::Zarr && there.is_none() {
        let measured = render::Measured {
            backend: &**source.backend(),
            path: source.path(),
            structure: source.structure(),
            inventory: source.inventory()?,
        };
        render::measure(&measured, &mut structure, cancel);
    }
    match options.resume {
        true => target.extend_plate(target_path, &structure)?,
        false => target.create_plate(target_path, &structure)?,
    }
    let mut report = ConvertReport {
        n_images: structure.n_images() as u64,
        verified: options.verify,
        passed_over: source.inventory()?.passed_over.clone(),
        ..Default::default()
    };
    let mends_files = options.resume && layout == TargetLayout::OmeTiff;
    let Plan { to_write: mut transfers, mut kept, only_there } =
        plan(source, target, target_path, (&structure, mends_files), &mut report)?;
    if !options.resume && !kept.is_empty() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("the target has {} already", count(kept.len(), "plane")),
        )
        .with_path(target_path)
        .with_backend(target.to_string())
        .with_hint("continue it with resume (`--resume`), or choose another place"));
    }
    // With that, each is compared.
    if !options.verify {
        check_same(source, target, &kept)?;
    }
    let goal = labels::Goal {
        target,
        path: target_path,
        structure: &structure,
        layout,
        resume: options.resume,
    };
    let labels = labels::plan(source, &goal, (&mut transfers, &mut kept), &mut report)?;
    events(ConvertEvent::Started {
        n_planes: (transfers.len() + kept.len()) as u64,
        n_kept: kept.len() as u64,
    });
    if options.verify {
        for transfers in [&mut transfers, &mut kept] {
            recognise(source, transfers);
        }
    }
    let run = Run::new(source, target, options.verify, cancel, events, report);
    let n_repaired = AtomicU64::new(0);
    if options.verify {
        let damaged: Mutex<BTreeSet<VirtualPath>> = Mutex::default();
        run.batches(&kept, &|transfer, plane| match run.compare(transfer, &plane) {
            // What cannot be read any more is written again; other pixels are not overwritten.
            Err(error) if run.is_damaged(transfer, &error) => match layout {
                // One file with all planes of its image, which are written together: it stays
                // where it holds what the source cannot give again.
                TargetLayout::OmeTiff if only_there.contains(&transfer.to.path) => Err(error),
                TargetLayout::OmeTiff => {
                    let mut damaged = damaged.lock().unwrap_or_else(PoisonError::into_inner);
                    damaged.insert(transfer.to.path.clone());
                    Ok(())
                }
                _ => run.repair(transfer, &plane).map(|()| {
                    n_repaired.fetch_add(1, Ordering::Relaxed);
                }),
            },
            compared => compared,
        });
        let damaged = damaged.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !cancel.load(Ordering::Relaxed) {
            let is_in = |transfer: &mut Transfer| damaged.contains(&transfer.to.path);
            transfers.extend(kept.extract_if(.., is_in));
            transfers.sort_by(|a, b| a.to.path.cmp(&b.to.path));
        }
    }
    run.groups(&transfers, layout);
    let (mut report, tally, is_full) = run.finish();
    report.n_kept = (kept.len() as u64).saturating_sub(n_repaired.into_inner());
    report.is_full = is_full;
    if is_full {
        let n_tried = report.n_written + report.failed.len() as u64;
        report.n_not_tried = (transfers.len() as u64).saturating_sub(n_tried);
    }
    let is_there = |label: &&labels::Planned| label.n_to_write <= tally.written(&label.path);
    let whole = labels.iter().filter(|label| !tally.is_lost(&label.path)).filter(is_there);
    report.n_labels = whole.count() as u64;
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

/// Notes what the source's planes are recognised by.
fn recognise(source: &Plate, transfers: &mut [Transfer]) {
    let requests: Vec<_> = transfers.iter().map(|transfer| transfer.from.clone()).collect();
    let seen = source.backend().fingerprints(&requests);
    for (transfer, seen) in transfers.iter_mut().zip(seen) {
        transfer.seen = seen;
    }
}

/// What there is to do.
#[derive(Default)]
struct Plan {
    to_write: Vec<Transfer>,
    /// Planes that the target has from an earlier conversion.
    kept: Vec<Transfer>,
    /// Images of the target with planes that the source has no more.
    only_there: HashSet<VirtualPath>,
}

/// Splits the present planes of the source into those to write and those that are there. With
/// `mends_files`, an image is one file, and one that is damaged is written again, in one step,
/// unless planes of it can be read that the source has no more.
fn plan(
    source: &Plate,
    target: &dyn VirtualBackend,
    target_path: &VirtualPath,
    (structure, mends_files): (&PlateStructure, bool),
    report: &mut ConvertReport,
) -> Result<Plan> {
    let there = target.inventory(target_path)?;
    // How many levels there are may have been the target's choice.
    let stored = target.plate(target_path)?;
    let mut plan = Plan::default();
    let images =
        source.structure().images().zip(&source.inventory()?.images).zip(structure.images());
    let images = images.zip(stored.images());
    for (ordinal, ((((_, image), inventory), (_, declared)), (_, stored))) in images.enumerate() {
        let place = target_path.append(&declared.path);
        let is_only_there = inventory.iter().any(|(index, state)| {
            state != PlaneState::Present && there.state(ordinal, index) == PlaneState::Present
        });
        let is_damaged = mends_files
            && !is_only_there
            && there.images.get(ordinal).is_some_and(|states| states.counts().corrupt > 0);
        if is_only_there {
            plan.only_there.insert(place.clone());
        }
        for (index, state) in inventory.iter() {
            let from = source.request(image, index);
            match state {
                PlaneState::Present => {}
                PlaneState::AbsentByDesign => continue,
                PlaneState::Missing => {
                    report.missing.push(from.to_string());
                    continue;
                }
                PlaneState::Corrupt => {
                    report.corrupt.push(from.to_string());
                    continue;
                }
            }
            let to = PlaneRequest::new(place.clone(), index);
            let is_there = !is_damaged && there.state(ordinal, index) == PlaneState::Present;
            if is_there { &mut plan.kept } else { &mut plan.to_write }.push(Transfer {
                from,
                to,
                n_levels: stored.n_levels,
                kind: stored.kind,
                n_bytes: declared.plane_bytes(),
                is_kept: is_there,
                seen: None,
            });
        }
    }
    Ok(plan)
}
