//! The conformance suite can fail: backends that are broken on purpose, each in one way,
//! and the cases that must notice.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use polystore::{
    Capabilities, Error, ErrorKind, MemoryBackend, Plane, PlaneRequest, PlaneSink, Region, Result,
    SpecLayer, VirtualBackend, VirtualBackendExt, VirtualPath,
    conformance::{Outcome, Place, Subject, cases, model_based},
    wrap::{Call, Hook, Hooked},
};

type Read = fn(&dyn VirtualBackend, &[PlaneRequest], &PlaneSink<'_>);
type Write = fn(&dyn VirtualBackend, &[(PlaneRequest, Plane)]) -> Result<()>;

/// One way to be broken.
#[derive(Clone, Copy, Debug)]
struct Saboteur {
    read: Read,
    write: Write,
    error: fn(Error) -> Error,
    claim: fn(Capabilities) -> Capabilities,
    layer: fn() -> Option<SpecLayer>,
}

const HONEST: Saboteur = Saboteur {
    read: |inner, requests, sink| inner.read_planes(requests, sink),
    write: |inner, planes| inner.write_planes(planes),
    error: |error| error,
    claim: |capabilities| capabilities,
    layer: || None,
};

impl Hook for Saboteur {
    fn call<T>(&self, _call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
        run().map_err(self.error)
    }

    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) {
        (self.read)(inner, requests, sink);
    }

    fn write_planes(
        &self,
        inner: &dyn VirtualBackend,
        planes: &[(PlaneRequest, Plane)],
    ) -> Result<()> {
        (self.write)(inner, planes)
    }

    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        (self.claim)(inner)
    }

    fn layer(&self) -> Option<SpecLayer> {
        (self.layer)()
    }
}

impl Subject for Saboteur {
    fn name(&self) -> &str {
        "saboteur"
    }

    fn open(&self) -> Result<Place> {
        let broken = Arc::new(Hooked::new(Arc::new(MemoryBackend::new()), *self));
        Ok(Place::writable(broken, VirtualPath::root()))
    }
}

/// The cases that fail on `saboteur`.
fn failing(saboteur: Saboteur) -> Vec<&'static str> {
    let failed = cases().filter(|case| matches!(case.run(&saboteur), Outcome::Failed(_)));
    failed.map(|case| case.name).collect()
}

/// All `noticed` fail on `saboteur`.
fn notices(saboteur: Saboteur, noticed: &[&str]) {
    let failed = failing(saboteur);
    for case in noticed {
        assert!(failed.contains(case), "{case} does not notice; only {failed:?}");
    }
}

/// Answers every request with what `change` makes of its plane.
fn changed(
    inner: &dyn VirtualBackend,
    requests: &[PlaneRequest],
    sink: &PlaneSink<'_>,
    change: impl Fn(&PlaneRequest, Result<Plane>) -> Result<Plane> + Sync,
) {
    inner.read_planes(requests, &|at, answer| sink(at, change(&requests[at], answer)));
}

#[test]
fn an_honest_wrapper_passes() {
    assert_eq!(failing(HONEST), Vec::<&str>::new());
}

#[test]
fn swapped_planes() {
    let read: Read = |inner, requests, sink| {
        let last = requests.len() - 1;
        inner.read_planes(requests, &|at, answer| sink(last - at, answer));
    };
    notices(
        Saboteur { read, ..HONEST },
        &["read/every_plane_is_itself", "read/a_stack_is_in_order", "concurrent/readers"],
    );
}

#[test]
fn zeros_for_missing_planes() {
    let read: Read = |inner, requests, sink| {
        changed(inner, requests, sink, |request, answer| match answer {
            Err(error) if error.kind() == ErrorKind::MissingPlane => {
                let image = inner.describe(&request.path)?;
                let shape = request.region.unwrap_or(image.sizes.plane_shape().full()).shape();
                Plane::from_vec(shape, vec![0u16; shape.n_pixels() as usize])
            }
            answer => answer,
        });
    };
    notices(
        Saboteur { read, ..HONEST },
        &["plate/missing_plane_is_an_error", "write/part_of_a_plane_is_not_the_plane"],
    );
}

#[test]
fn clipped_regions() {
    let read: Read = |inner, requests, sink| {
        let clip = |request: &PlaneRequest| {
            let shape = inner.describe(&request.path).ok()?.sizes.level_shape(request.level);
            let asked = request.region?;
            let height = asked.height.min(shape.height.saturating_sub(asked.y));
            let width = asked.width.min(shape.width.saturating_sub(asked.x));
            Some(Region::new(asked.y, asked.x, height, width))
        };
        let clipped: Vec<_> = requests
            .iter()
            .map(|request| PlaneRequest { region: clip(request), ..request.clone() })
            .collect();
        inner.read_planes(&clipped, sink);
    };
    notices(Saboteur { read, ..HONEST }, &["region/out_of_bounds", "region/huge_is_invalid_input"]);
}

#[test]
fn transposed_regions() {
    let read: Read = |inner, requests, sink| {
        let transpose = |region: Region| Region { y: region.x, x: region.y, ..region };
        let wrong: Vec<_> = requests
            .iter()
            .map(|request| PlaneRequest {
                region: request.region.map(transpose),
                ..request.clone()
            })
            .collect();
        inner.read_planes(&wrong, sink);
    };
    notices(
        Saboteur { read, ..HONEST },
        &["region/every_rectangle", "levels/regions_count_in_their_pixels"],
    );
}

#[test]
fn a_forgotten_answer() {
    let read: Read = |inner, requests, sink| {
        inner.read_planes(requests, &|at, answer| match at + 1 == requests.len() {
            true => ControlFlow::Continue(()),
            false => sink(at, answer),
        });
    };
    notices(Saboteur { read, ..HONEST }, &["batch/every_request_is_answered_once"]);
}

#[test]
fn answers_given_twice() {
    let read: Read = |inner, requests, sink| {
        inner.read_planes(requests, sink);
        inner.read_planes(requests, sink);
    };
    notices(Saboteur { read, ..HONEST }, &["batch/every_request_is_answered_once"]);
}

#[test]
fn a_batch_that_one_error_ends() {
    let read: Read = |inner, requests, sink| {
        let _ = requests.iter().enumerate().try_for_each(|(at, request)| {
            let answer = inner.read_plane(request);
            let is_bad = answer.is_err();
            match sink(at, answer) {
                ControlFlow::Continue(()) if !is_bad => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
    };
    notices(Saboteur { read, ..HONEST }, &["batch/one_bad_request_does_not_spoil_the_others"]);
}

#[test]
fn a_sink_that_is_not_heard() {
    let read: Read = |inner, requests, sink| {
        inner.read_planes(requests, &|at, answer| {
            let _ = sink(at, answer);
            ControlFlow::Continue(())
        });
    };
    notices(Saboteur { read, ..HONEST }, &["read/sink_break_stops"]);
}

#[test]
fn levels_that_are_not_downsampled() {
    let read: Read = |inner, requests, sink| {
        changed(inner, requests, sink, |request, answer| {
            let whole = PlaneRequest { level: 0, region: None, ..request.clone() };
            match (request.level, answer) {
                (0, answer) | (_, answer @ Err(_)) => answer,
                // Every second pixel in place of the mean.
                (_, Ok(right)) => {
                    let whole = inner.read_plane(&whole)?;
                    let step = 1 << request.level;
                    let Ok(pixels) = whole.as_array::<u16>() else { return Ok(right) };
                    let picked = pixels.slice(polystore::ndarray::s![..;step, ..;step]).to_owned();
                    Ok(Plane::from_array(picked))
                }
            }
        });
    };
    notices(
        Saboteur { read, ..HONEST },
        &["levels/follow_from_the_full_size", "levels/follow_a_write"],
    );
}

#[test]
fn regions_written_at_the_origin() {
    let write: Write = |inner, planes| {
        let at_origin = |region: Region| Region { y: 0, x: 0, ..region };
        let wrong: Vec<_> = planes
            .iter()
            .map(|(request, plane)| {
                let region = request.region.map(at_origin);
                (PlaneRequest { region, ..request.clone() }, plane.clone())
            })
            .collect();
        inner.write_planes(&wrong)
    };
    notices(
        Saboteur { write, ..HONEST },
        &["write/region_keeps_the_rest", "write/regions_make_a_plane", "write/region_outside"],
    );
}

#[test]
fn failures_that_are_not_told() {
    let write: Write = |inner, planes| {
        let _ = inner.write_planes(planes);
        Ok(())
    };
    notices(
        Saboteur { write, ..HONEST },
        &["write/a_failure_is_told", "write/wrong_shape", "write/undeclared_is_not_found"],
    );
}

#[test]
fn one_kind_of_error_for_everything() {
    let error = |error: Error| Error::not_found("something went wrong").with_source(error);
    notices(
        Saboteur { error, ..HONEST },
        &["blob/range_past_end", "plate/other_is_conflict", "rename/never_replaces"],
    );
}

#[test]
fn powers_that_are_denied() {
    let claim = |mut capabilities: Capabilities| {
        capabilities.rename = false;
        capabilities
    };
    let error = |_| Error::invalid_input("no");
    notices(Saboteur { claim, error, ..HONEST }, &["unsupported/is_said"]);
}

#[test]
fn a_secret_in_the_spec() {
    let layer = || Some(SpecLayer::new("readonly").with_option("password", "hunter2"));
    notices(Saboteur { layer, ..HONEST }, &["spec/holds_no_secret", "spec/round_trip"]);
}

/// The first answer to every request, for ever.
static STALE: Mutex<Vec<(String, PlaneRequest, Plane)>> = Mutex::new(Vec::new());

#[test]
fn a_cache_that_forgets_nothing() {
    let read: Read = |inner, requests, sink| {
        changed(inner, requests, sink, |request, answer| {
            let mut stale = STALE.lock().unwrap_or_else(PoisonError::into_inner);
            let name = inner.to_string();
            let known = stale.iter().find(|(store, kept, _)| *store == name && kept == request);
            match (known, answer) {
                (Some((_, _, plane)), _) => Ok(plane.clone()),
                (None, Ok(plane)) => {
                    stale.push((name, request.clone(), plane.clone()));
                    Ok(plane)
                }
                (None, Err(error)) => Err(error),
            }
        });
    };
    let saboteur = Saboteur { read, ..HONEST };
    let overwrite = cases().find(|case| case.name == "write/overwrite_replaces").unwrap();
    assert!(matches!(overwrite.run(&saboteur), Outcome::Failed(_)));
    let Outcome::Failed(story) = model_based(&saboteur, 1, 400) else {
        panic!("random operations do not notice a stale cache");
    };
    assert!(story.lines().count() <= 9, "the story is short:\n{story}");
}
