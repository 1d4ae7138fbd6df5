//! Several threads at once.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use bytes::Bytes;

use crate::{
    ErrorKind, Plane, PlaneShape, Result, VirtualBackendExt, WriteMode,
    conformance::{
        Case, CaseResult, Context, Failure, Need,
        context::blank,
        expect::{holds, same},
        fixture,
    },
    model::Sizes,
    pixel_type::PixelType,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "concurrent/readers", needs: &[Need::Plate], run: readers },
    Case { name: "concurrent/writers_of_a_plate", needs: &[Need::CreatePlates], run: writers },
    Case { name: "write/atomic_overwrite", needs: &[Need::CreateImages], run: atomic_overwrite },
    Case { name: "blob/atomic_overwrite", needs: &[Need::WriteBlobs], run: atomic_blob },
    Case {
        name: "concurrent/one_of_many_creates_a_file",
        needs: &[Need::WriteBlobs],
        run: one_creates_a_file,
    },
    Case {
        name: "concurrent/all_declare_the_same_plate",
        needs: &[Need::CreatePlates],
        run: all_declare_a_plate,
    },
    Case {
        name: "concurrent/regions_of_one_plane",
        needs: &[Need::CreateImages, Need::RegionWrite],
        run: regions_of_one_plane,
    },
];

const N_THREADS: usize = 8;

/// Runs `work` on several threads with their numbers; the first failure is the answer.
fn on_threads(work: impl Fn(usize) -> CaseResult + Sync) -> CaseResult {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..N_THREADS).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Failure::new("a thread panicked")))
        })
    })
}

fn readers(cx: &Context<'_>) -> CaseResult {
    let stored = cx.plate()?.stored();
    let requests: Vec<_> = stored.iter().map(|(request, _)| request.clone()).collect();
    let backend = cx.backend();
    on_threads(|number| {
        for round in 0..5 {
            let first = (number * 7 + round * 3) % requests.len();
            let found = backend.read_all(&requests[first..])?;
            let expected = stored[first..].iter().map(|(_, plane)| plane);
            holds(found.iter().eq(expected), "every plane is itself in every thread")?;
        }
        Ok(())
    })
}

fn writers(cx: &Context<'_>) -> CaseResult {
    let plate = cx.declare_plate(&fixture::plate(cx.subject().layout())?)?;
    let stored = plate.stored();
    let backend = cx.backend();
    on_threads(|number| {
        for (request, plane) in stored.iter().skip(number).step_by(N_THREADS) {
            backend.write_plane(request.clone(), plane.clone())?;
        }
        Ok(())
    })?;
    for (request, plane) in &stored {
        let found = backend.read_plane(request)?;
        holds(found == *plane, format_args!("{request} is itself"))?;
    }
    let counts = backend.inventory(&plate.path)?.counts();
    same("present planes", counts.present, stored.len() as u64)
}

/// A plane of one value, so that a mixture of two shows.
fn uniform(value: u16) -> Result<Plane> {
    Plane::from_vec(PlaneShape::new(64, 64), vec![value; 64 * 64])
}

fn atomic_overwrite(cx: &Context<'_>) -> CaseResult {
    let image = blank(PixelType::U16, Sizes::new(1, 1, 1, 64, 64));
    let image = cx.declare_image("image", &image)?;
    let backend = cx.backend();
    backend.write_plane(image.first(), uniform(0)?)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| -> CaseResult {
            let outcome =
                (1..200).try_for_each(|value| backend.write_plane(image.first(), uniform(value)?));
            done.store(true, Ordering::Release);
            Ok(outcome?)
        });
        let reader = || -> CaseResult {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let plane = backend.read_plane(&image.first())?;
                let pixels = plane.as_slice::<u16>()?;
                let (first, is_whole) = (pixels[0], pixels.iter().all(|&pixel| pixel == pixels[0]));
                holds(is_whole, "a plane is the old or the new one, never a mixture")?;
                holds(first >= last, "an older plane does not come back")?;
                last = first;
            }
            Ok(())
        };
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(reader)).collect();
        let ended = readers.into_iter().map(|thread| thread.join());
        let ended: Vec<_> = ended.chain([writer.join()]).collect();
        ended
            .into_iter()
            .try_for_each(|end| end.unwrap_or_else(|_| Err(Failure::new("a thread panicked"))))
    })
}

fn atomic_blob(cx: &Context<'_>) -> CaseResult {
    let path = cx.put_blob("file.bin", "")?;
    let backend = cx.backend();
    let content = |value: u8| Bytes::from(vec![value; 1000 * usize::from(value)]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| -> CaseResult {
            let outcome = (1..=50).try_for_each(|value| {
                backend.write_blob(&path, content(value), WriteMode::Overwrite)
            });
            done.store(true, Ordering::Release);
            Ok(outcome?)
        });
        let mut outcome = Ok(());
        while outcome.is_ok() && !done.load(Ordering::Acquire) {
            outcome = backend.read_blob(&path, None).map_err(Failure::from).and_then(|found| {
                let value = found.first().copied().unwrap_or(0);
                holds(found == content(value), "a file is the old or the new one, never a mixture")
            });
        }
        writer.join().unwrap_or_else(|_| Err(Failure::new("a thread panicked")))?;
        outcome
    })
}

fn one_creates_a_file(cx: &Context<'_>) -> CaseResult {
    let path = cx.path("folder/file.txt")?;
    let backend = cx.backend();
    let n_created = AtomicUsize::new(0);
    on_threads(|number| {
        let content = Bytes::from(number.to_string());
        match backend.write_blob(&path, content, WriteMode::CreateNew) {
            Ok(()) => {
                n_created.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => same("kind", error.kind(), ErrorKind::AlreadyExists),
        }
    })?;
    same("threads that created it", n_created.into_inner(), 1)?;
    same("bytes of the file", cx.backend().read_blob(&path, None)?.len(), 1)
}

fn all_declare_a_plate(cx: &Context<'_>) -> CaseResult {
    let structure = fixture::plate(cx.subject().layout())?;
    let path = cx.plate_path("plate")?;
    let backend = cx.backend();
    on_threads(|_| Ok(backend.create_plate(&path, &structure)?))?;
    same("images", backend.plate(&path)?.n_images(), structure.n_images())
}

fn regions_of_one_plane(cx: &Context<'_>) -> CaseResult {
    let rows = N_THREADS as u32 * 8;
    let image = cx.declare_image("image", &blank(PixelType::U16, Sizes::new(1, 1, 1, rows, 40)))?;
    let whole = image.pixels(1);
    let backend = cx.backend();
    on_threads(|number| {
        for line in 0..8 {
            let region = crate::Region::new(number as u32 * 8 + line, 0, 1, 40);
            backend.write_plane(image.first().with_region(region), whole.crop(region)?)?;
        }
        Ok(())
    })?;
    holds(backend.read_plane(&image.first())? == whole, "no region is lost")
}
