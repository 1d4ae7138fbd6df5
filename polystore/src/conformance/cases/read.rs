//! Reading batches of planes.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    ErrorKind, Plane, PlaneIndex, PlaneRequest, Region, Result, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Failure, Need,
        context::blank,
        expect::{fails, fails_with, holds, same},
    },
    model::Sizes,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "read/every_plane_is_itself", needs: &[Need::Plate], run: every_plane },
    Case { name: "read/planes_alone_are_the_same", needs: &[Need::Plate], run: planes_alone },
    Case { name: "read/every_pixel_type", needs: &[Need::Images], run: every_pixel_type },
    Case { name: "read/a_stack_is_in_order", needs: &[Need::Plate], run: a_stack_is_in_order },
    Case { name: "read/twice_is_the_same", needs: &[Need::Plate], run: twice_is_the_same },
    Case { name: "read/nothing_is_not_found", needs: &[], run: nothing_is_not_found },
    Case { name: "read/index_outside", needs: &[Need::Plate], run: index_outside },
    Case { name: "read/a_directory_is_no_image", needs: &[], run: a_directory_is_no_image },
    Case { name: "read/a_text_is_no_image", needs: &[Need::Blobs], run: a_text_is_no_image },
    Case { name: "read/errors_say_where", needs: &[Need::Plate], run: errors_say_where },
    Case { name: "read/sink_break_stops", needs: &[Need::Plate], run: sink_break_stops },
    Case {
        name: "read/sink_may_call_the_backend",
        needs: &[Need::Plate],
        run: sink_may_call_the_backend,
    },
    Case { name: "batch/empty_calls_nobody", needs: &[], run: empty_calls_nobody },
    Case {
        name: "batch/every_request_is_answered_once",
        needs: &[Need::Plate],
        run: every_request_is_answered_once,
    },
    Case { name: "batch/duplicates_are_each_answered", needs: &[Need::Plate], run: duplicates },
    Case {
        name: "batch/one_bad_request_does_not_spoil_the_others",
        needs: &[Need::Plate],
        run: one_bad_request,
    },
    Case { name: "batch/of_nothing_but_errors", needs: &[Need::Plate], run: nothing_but_errors },
];

fn every_plane(cx: &Context<'_>) -> CaseResult {
    let stored = cx.plate()?.stored();
    let requests: Vec<_> = stored.iter().map(|(request, _)| request.clone()).collect();
    let found = cx.backend().read_all(&requests)?;
    for ((request, expected), found) in stored.iter().zip(&found) {
        same_pixels(request, found, expected)?;
    }
    Ok(())
}

fn same_pixels(request: &PlaneRequest, found: &Plane, expected: &Plane) -> CaseResult {
    let what = request.to_string();
    same(&what, found.pixel_type(), expected.pixel_type())?;
    same(&what, found.shape(), expected.shape())?;
    holds(
        found == expected,
        format_args!(
            "{what}: other pixels, expected {:?}, found {:?}",
            &expected.bytes()[..expected.n_bytes().min(16)],
            &found.bytes()[..found.n_bytes().min(16)]
        ),
    )
}

fn planes_alone(cx: &Context<'_>) -> CaseResult {
    for (request, expected) in cx.plate()?.stored().into_iter().step_by(5) {
        same_pixels(&request, &cx.backend().read_plane(&request)?, &expected)?;
    }
    Ok(())
}

fn every_pixel_type(cx: &Context<'_>) -> CaseResult {
    for pixel_type in cx.subject().pixel_types() {
        let image = blank(pixel_type, Sizes::new(1, 1, 2, 5, 7));
        let image = cx.image_of(pixel_type.as_str(), &image)?;
        for index in image.structure.sizes.indices() {
            let request = image.request(index);
            same_pixels(&request, &cx.backend().read_plane(&request)?, &image.plane(index))?;
        }
    }
    Ok(())
}

fn a_stack_is_in_order(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let image = plate.first_image()?;
    let indices = [2, 0, 1, 0].map(|z| PlaneIndex::new(1, 0, z));
    let stack = cx.backend().read_stack(&plate.path.append(&image.path), &indices)?;
    let stack = stack.as_array::<u16>()?;
    same("planes of the stack", stack.dim(), (4, 5, 7))?;
    for (number, index) in indices.into_iter().enumerate() {
        let alone = cx.backend().read_plane(&plate.request(image, index))?;
        let found = stack.index_axis(ndarray::Axis(0), number);
        holds(found == alone.as_array::<u16>()?, format_args!("plane {number} is {index}"))?;
    }
    Ok(())
}

fn twice_is_the_same(cx: &Context<'_>) -> CaseResult {
    let (request, expected) = cx.plate()?.first()?;
    for _ in 0..3 {
        same_pixels(&request, &cx.backend().read_plane(&request)?, &expected)?;
    }
    Ok(())
}

fn nothing_is_not_found(cx: &Context<'_>) -> CaseResult {
    for name in ["nothing", "nothing/here", "nothing/A01_s001_z000_c000.tif"] {
        let request = PlaneRequest::new(cx.path(name)?, PlaneIndex::default());
        fails(name, cx.backend().read_plane(&request), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn index_outside(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let image = plate.first_image()?;
    for (t, c, z) in [(2, 0, 0), (0, 2, 0), (0, 0, 3), (u32::MAX, u32::MAX, u32::MAX)] {
        let request = plate.request(image, PlaneIndex::new(t, c, z));
        let answer = cx.backend().read_plane(&request);
        fails(&request.to_string(), answer, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

fn a_directory_is_no_image(cx: &Context<'_>) -> CaseResult {
    let root = PlaneRequest::new(cx.path("")?, PlaneIndex::default());
    fails("the root", cx.backend().read_plane(&root), ErrorKind::InvalidData)
}

fn a_text_is_no_image(cx: &Context<'_>) -> CaseResult {
    let text = PlaneRequest::new(cx.put_blob("notes.txt", "text")?, PlaneIndex::default());
    let kinds = [ErrorKind::InvalidData, ErrorKind::Unsupported];
    fails_with("a text", cx.backend().read_plane(&text), &kinds)
}

fn errors_say_where(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let outside = plate.request(plate.first_image()?, PlaneIndex::new(0, 9, 0));
    for request in [plate.missing()?, outside] {
        let error = cx.backend().read_plane(&request).err();
        let named = error.as_ref().is_some_and(|error| {
            let path = error.path().unwrap_or_default();
            path.contains(request.path.name().unwrap_or_default())
        });
        holds(named, format_args!("the error names {}: {error:?}", request.path))?;
        let backend = error.as_ref().and_then(|error| error.backend());
        holds(backend.is_some(), format_args!("the error names its backend: {error:?}"))?;
    }
    Ok(())
}

fn sink_break_stops(cx: &Context<'_>) -> CaseResult {
    let (request, _) = cx.plate()?.first()?;
    let requests = vec![request; 2000];
    let n_answers = AtomicUsize::new(0);
    cx.backend().read_planes(&requests, &|_, _| {
        n_answers.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Break(())
    });
    let n_answers = n_answers.into_inner();
    holds(
        (1..1000).contains(&n_answers),
        format_args!("a batch of 2000 stops soon after the first answer, not after {n_answers}"),
    )
}

fn sink_may_call_the_backend(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let stored = plate.stored();
    let requests: Vec<_> = stored.iter().map(|(request, _)| request.clone()).collect();
    let wrong = AtomicUsize::new(0);
    cx.backend().read_planes(&requests, &|position, answer| {
        let again = cx.backend().read_plane(&requests[position]);
        let described = cx.backend().describe(&requests[position].path);
        if answer.ok() != again.ok() || described.is_err() {
            wrong.fetch_add(1, Ordering::Relaxed);
        }
        ControlFlow::Continue(())
    });
    same("answers that differ inside the sink", wrong.into_inner(), 0)
}

fn empty_calls_nobody(cx: &Context<'_>) -> CaseResult {
    let n_answers = AtomicUsize::new(0);
    cx.backend().read_planes(&[], &|_, _| {
        n_answers.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    same("answers to an empty batch", n_answers.into_inner(), 0)?;
    same("planes of an empty batch", cx.backend().read_all(&[])?.len(), 0)
}

/// The answers to a batch by position; fails when one is answered not at all or twice.
fn answers(cx: &Context<'_>, requests: &[PlaneRequest]) -> Result<Vec<Result<Plane>>, Failure> {
    let slots: Vec<Mutex<Vec<Result<Plane>>>> = requests.iter().map(|_| Mutex::default()).collect();
    let strays = AtomicUsize::new(0);
    cx.backend().read_planes(requests, &|position, answer| {
        match slots.get(position) {
            Some(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).push(answer),
            None => {
                strays.fetch_add(1, Ordering::Relaxed);
            }
        }
        ControlFlow::Continue(())
    });
    if strays.into_inner() > 0 {
        return Err(Failure::new("answers beyond the batch"));
    }
    let unpack = |(position, slot): (usize, Mutex<Vec<Result<Plane>>>)| {
        let mut given = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (given.pop(), given.is_empty()) {
            (Some(answer), true) => Ok(answer),
            (Some(_), false) => Err(Failure::new(format!("request {position} was answered twice"))),
            (None, _) => Err(Failure::new(format!("request {position} was not answered"))),
        }
    };
    slots.into_iter().enumerate().map(unpack).collect()
}

fn every_request_is_answered_once(cx: &Context<'_>) -> CaseResult {
    let planes: Vec<_> = cx.plate()?.planes().collect();
    let requests: Vec<_> = planes.iter().map(|(request, _)| request.clone()).collect();
    let answers = answers(cx, &requests)?;
    for ((request, expected), answer) in planes.iter().zip(answers) {
        same(&request.to_string(), answer.is_ok(), expected.is_some())?;
    }
    Ok(())
}

fn duplicates(cx: &Context<'_>) -> CaseResult {
    let (request, expected) = cx.plate()?.first()?;
    let answers = answers(cx, &vec![request.clone(); 20]);
    for answer in answers? {
        same_pixels(&request, &answer?, &expected)?;
    }
    Ok(())
}

fn one_bad_request(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let (good, expected) = plate.first()?;
    let missing = plate.missing()?;
    let image = plate.first_image()?;
    let mut requests = Vec::new();
    for bad in [
        missing,
        plate.request(image, PlaneIndex::new(9, 0, 0)),
        PlaneRequest::new(plate.path.join("nothing")?, PlaneIndex::default()),
        good.clone().with_region(Region::new(0, 0, 999, 1)),
        good.clone().with_level(30),
    ] {
        requests.extend([good.clone(), bad]);
    }
    let answers = answers(cx, &requests)?;
    let mut kinds = Vec::new();
    for (position, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(found) if position % 2 == 0 => same_pixels(&good, &found, &expected)?,
            Ok(_) => kinds.push(None),
            Err(error) if position % 2 == 0 => return Err(error.into()),
            Err(error) => kinds.push(Some(error.kind())),
        }
    }
    let expected = [
        ErrorKind::MissingPlane,
        ErrorKind::InvalidInput,
        ErrorKind::NotFound,
        ErrorKind::InvalidInput,
        ErrorKind::InvalidInput,
    ];
    same("errors", kinds, expected.map(Some).to_vec())
}

fn nothing_but_errors(cx: &Context<'_>) -> CaseResult {
    let missing = cx.plate()?.missing()?;
    let answers = answers(cx, &vec![missing.clone(); 10]);
    let answers = answers?;
    let kinds: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().err().map(crate::Error::kind)).collect();
    same("errors", kinds, vec![Some(ErrorKind::MissingPlane); 10])?;
    fails("all of them", cx.backend().read_all(&[missing]), ErrorKind::MissingPlane)
}
