//! The jobs of our side, through the public interface only.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use polystore::{
    FileManager, MemoryBackend, OpenOptions, Plane, PlaneIndex, PlaneRequest, Plate,
    VirtualBackendExt, VirtualPath,
};

use crate::Round;

/// Planes of the bench plates per field.
const CHANNELS: u32 = 3;

fn open_plate(path: &Path, map: bool, cache: bool) -> Result<Plate> {
    let text = path.to_str().context("the plate's path is not UTF-8")?;
    let options = OpenOptions { map, structure_cache: cache, ..OpenOptions::default() };
    Ok(FileManager::new().open_plate_with(text, &options)?)
}

/// Requests for all planes with the ordinals of their watermarks.
fn all_requests(plate: &Plate) -> Vec<(PlaneRequest, u32)> {
    let images = plate.structure().images().enumerate();
    images
        .flat_map(|(number, (_, image))| {
            let request = move |c| {
                (plate.request(image, PlaneIndex::new(0, c, 0)), number as u32 * CHANNELS + c)
            };
            (0..CHANNELS).map(request)
        })
        .collect()
}

/// Bytes of a plane whose watermark is right.
fn check(plane: &Plane, ordinal: u32) -> Result<u64> {
    let pixels = plane.as_slice::<u16>()?;
    let found = pixels
        .first()
        .zip(pixels.get(1))
        .map(|(&low, &high)| u32::from(low) | u32::from(high) << 16);
    if found != Some(ordinal) {
        bail!("plane {ordinal} has the watermark of plane {found:?}");
    }
    Ok(plane.n_bytes() as u64)
}

pub(crate) fn read_all(path: &Path, map: bool) -> Result<Round> {
    let plate = open_plate(path, map, true)?;
    let (requests, ordinals): (Vec<_>, Vec<_>) = all_requests(&plate).into_iter().unzip();
    Ok(Box::new(move || {
        let total = AtomicU64::new(0);
        let failure = Mutex::new(None);
        plate.backend().read_planes(&requests, &|position, answer| match answer
            .map_err(anyhow::Error::from)
            .and_then(|plane| check(&plane, ordinals[position]))
        {
            Ok(n_bytes) => {
                total.fetch_add(n_bytes, Ordering::Relaxed);
                ControlFlow::Continue(())
            }
            Err(error) => {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                ControlFlow::Break(())
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(total.into_inner()),
        }
    }))
}

pub(crate) fn read_random(path: &Path, map: bool, count: usize) -> Result<Round> {
    let plate = open_plate(path, map, true)?;
    let requests = all_requests(&plate);
    // A fixed multiplicative walk: the same planes in every round, in no order.
    let chosen: Vec<usize> =
        (1..=count).map(|step| step.wrapping_mul(2_654_435_761) % requests.len()).collect();
    Ok(Box::new(move || {
        chosen
            .iter()
            .map(|&at| check(&plate.backend().read_plane(&requests[at].0)?, requests[at].1))
            .sum()
    }))
}

pub(crate) fn open(path: PathBuf, no_cache: bool) -> Result<Round> {
    Ok(Box::new(move || {
        let plate = open_plate(&path, false, !no_cache)?;
        let by_planes = plate.structure().microscope == "imagexpress";
        Ok(if by_planes {
            plate.inventory()?.counts().present
        } else {
            plate.structure().n_images() as u64
        })
    }))
}

pub(crate) fn convert(path: &Path, out: PathBuf, codec: &str, levels: u32) -> Result<Round> {
    use polystore::{
        convert::{ConvertOptions, TargetLayout, convert},
        zarr::{ZarrBackend, ZarrOptions},
    };
    let plate = open_plate(path, false, true)?;
    let options = ZarrOptions { codec: codec.parse()?, n_levels: levels, ..ZarrOptions::default() };
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;
    let mut stores = (0..).map(move |number: u32| out.join(number.to_string()));
    Ok(Box::new(move || {
        // A new place in every round: deleting thousands of files is no part of converting,
        // and slows the making of new ones for seconds.
        let place = stores.next().context("every number was used")?;
        let target = ZarrBackend::create(&place, options.clone())?;
        let never = AtomicBool::new(false);
        let root = VirtualPath::root();
        let report = convert(
            &plate,
            &target,
            &root,
            TargetLayout::Zarr,
            &ConvertOptions::default(),
            &never,
            &|_| {},
        )?;
        if !report.is_complete() {
            bail!("{} planes failed", report.failed.len());
        }
        Ok(report.n_bytes)
    }))
}

/// The standard pipeline of the benches, as it stands in the repository.
const PIPELINE: &str = include_str!("../../pipelines/bench.toml");

pub(crate) fn pipeline(path: &Path, out: Option<PathBuf>) -> Result<Round> {
    use polystore_pipeline::{
        CompileOptions, Executor, ExecutorOptions, Pipeline, ResultStore, compile,
    };
    let plate = open_plate(path, false, true)?;
    let pipeline = Pipeline::from_toml(PIPELINE, "pipelines/bench.toml")?;
    let plan = compile(&pipeline, &plate, &CompileOptions::default())?;
    let n_bytes = plan.cost.read_bytes;
    Ok(Box::new(move || {
        // A store of its own for every round: nothing is kept from the one before.
        let store = match &out {
            Some(out) => {
                if out.exists() {
                    std::fs::remove_dir_all(out)?;
                }
                ResultStore::on_disk(out)?
            }
            None => ResultStore::in_backend(Arc::new(MemoryBackend::new()), VirtualPath::root()),
        };
        let executor = Executor::new(ExecutorOptions::default());
        let report = executor.run(&plan, &plate, &store, &AtomicBool::new(false), &|_| {})?;
        if !report.manifest.is_complete() {
            bail!("fields failed: {:?}", report.manifest.failed().next());
        }
        Ok(n_bytes)
    }))
}
