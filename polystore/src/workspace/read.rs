//! Reads batches: one batch to each source, one to the overlay.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Workspace, locate::At, mapping::Origin, overlay::Overlay};
use crate::{
    Error, ErrorKind, PixelType, Plane, PlaneRequest, PlaneShape, PlaneSink, Result,
    VirtualBackend, fan_out, model::ImageStructure,
};

/// Who answers a request, and as what.
#[derive(Debug)]
struct Routed<'a> {
    backend: &'a Arc<dyn VirtualBackend>,
    /// Number of the source; `None` for the overlay.
    source: Option<u32>,
    request: PlaneRequest,
    /// What the workspace declares of it.
    expected: Option<(PixelType, PlaneShape)>,
}

/// The requests of a batch that one backend answers.
#[derive(Debug)]
struct Group<'a> {
    backend: &'a Arc<dyn VirtualBackend>,
    is_source: bool,
    positions: Vec<usize>,
    requests: Vec<PlaneRequest>,
    expected: Vec<Option<(PixelType, PlaneShape)>>,
}

impl Workspace {
    pub(super) fn read_batch(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        let (groups, failures) = self.group(requests);
        for (position, error) in failures {
            if sink(position, Err(error)).is_break() {
                return;
            }
        }
        let stopped = AtomicBool::new(false);
        fan_out::for_each(fan_out::default_concurrency(), groups.len(), |number| {
            let Some(group) = groups.get(number) else { return ControlFlow::Continue(()) };
            group.backend.read_planes(&group.requests, &|at, answer| {
                if stopped.load(Ordering::Relaxed) {
                    return ControlFlow::Break(());
                }
                let Some(&position) = group.positions.get(at) else {
                    return ControlFlow::Continue(());
                };
                let flow = sink(position, self.answer(&requests[position], group, at, answer));
                if flow.is_break() {
                    stopped.store(true, Ordering::Relaxed);
                }
                flow
            });
            match stopped.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
    }

    pub(super) fn fingerprint_batch(&self, requests: &[PlaneRequest]) -> Vec<Option<String>> {
        let mut found = vec![None; requests.len()];
        for group in self.group(requests).0 {
            // The same words of two backends do not mean the same content.
            let answers = group.backend.fingerprints(&group.requests);
            for (&position, answer) in group.positions.iter().zip(answers) {
                found[position] = answer.map(|answer| format!("{}|{answer}", group.backend));
            }
        }
        found
    }

    /// Sorts requests by who answers them; those that nobody can answer have their error.
    fn group(&self, requests: &[PlaneRequest]) -> (Vec<Group<'_>>, Vec<(usize, Error)>) {
        let mut groups: BTreeMap<Option<u32>, Group<'_>> = BTreeMap::new();
        let mut failures = Vec::new();
        for (position, request) in requests.iter().enumerate() {
            match self.route(request) {
                Ok(routed) => {
                    let group = groups.entry(routed.source).or_insert_with(|| Group {
                        backend: routed.backend,
                        is_source: routed.source.is_some(),
                        positions: Vec::new(),
                        requests: Vec::new(),
                        expected: Vec::new(),
                    });
                    group.positions.push(position);
                    group.requests.push(routed.request);
                    group.expected.push(routed.expected);
                }
                Err(error) => {
                    let error = error.with_backend(self.to_string()).with_path(request);
                    failures.push((position, error));
                }
            }
        }
        (groups.into_values().collect(), failures)
    }

    fn route(&self, request: &PlaneRequest) -> Result<Routed<'_>> {
        if let Some((ordinal, index)) = self.mapping.index.resolve(&request.path, request.index) {
            let image = self.image(ordinal)?;
            let resolved = PlaneRequest { index, ..request.clone() };
            let shape = resolved.check_read(image)?;
            return self.route_mapped(ordinal, image, resolved, shape);
        }
        match self.at(&request.path) {
            At::Plate | At::Folder => Err(Error::invalid_data("is a directory, no image")),
            At::Plane(..) => Err(Error::invalid_input("a plane by its name is read with index 0")),
            At::Internal | At::Image(_) => Err(self.nothing(&request.path)),
            at @ (At::Below(..) | At::Other) => {
                let (overlay, path) = self.overlaid(&at, &request.path)?;
                let request = PlaneRequest { path, ..request.clone() };
                Ok(Routed { backend: &overlay.backend, source: None, request, expected: None })
            }
        }
    }

    fn route_mapped(
        &self,
        ordinal: usize,
        image: &ImageStructure,
        request: PlaneRequest,
        shape: PlaneShape,
    ) -> Result<Routed<'_>> {
        let index = request.index;
        let from_overlay = |overlay: &'_ Overlay| -> Result<PlaneRequest> {
            Ok(PlaneRequest { path: overlay.image_path(ordinal)?.clone(), ..request.clone() })
        };
        let expected = Some((image.pixel_type, shape));
        let overlay = self.overlay.as_ref();
        if let Some(overlay) = overlay.filter(|overlay| overlay.has(ordinal, index)) {
            let (backend, request) = (&overlay.backend, from_overlay(overlay)?);
            return Ok(Routed { backend, source: None, request, expected });
        }
        let is_hidden = overlay.is_some_and(|overlay| overlay.hides(ordinal, index));
        if let Some(Origin { part, index }) = self.mapping.origin(ordinal, index)
            && !is_hidden
        {
            let request = PlaneRequest { path: part.image.clone(), index, ..request };
            let backend = self.mapping.backend(part)?;
            return Ok(Routed { backend, source: Some(part.source), request, expected });
        }
        // Part of a plane may be there that has no source.
        if let Some(overlay) = overlay.filter(|overlay| overlay.is_declared()) {
            let (backend, request) = (&overlay.backend, from_overlay(overlay)?);
            return Ok(Routed { backend, source: None, request, expected });
        }
        let message = match is_hidden {
            true => "the plane was deleted in the workspace",
            false => "the plane has no source in the workspace",
        };
        Err(Error::new(ErrorKind::MissingPlane, message)
            .with_hint("ask the inventory which planes are there"))
    }

    /// What the workspace answers to `request` when `group` answers `answer`.
    fn answer(
        &self,
        request: &PlaneRequest,
        group: &Group<'_>,
        at: usize,
        answer: Result<Plane>,
    ) -> Result<Plane> {
        match (answer, group.requests.get(at), group.expected.get(at)) {
            (Ok(plane), Some(asked), Some(Some((pixel_type, shape)))) => {
                if (plane.pixel_type(), plane.shape()) == (*pixel_type, *shape) {
                    return Ok(plane);
                }
                Err(Error::invalid_data(format!(
                    "the workspace declares {shape} {pixel_type}, but {} {asked} has {} {}",
                    group.backend,
                    plane.shape(),
                    plane.pixel_type()
                ))
                .with_backend(self.to_string())
                .with_path(request)
                .with_hint("the source has changed; make the workspace again"))
            }
            (Ok(plane), ..) => Ok(plane),
            (Err(error), Some(asked), _) if group.is_source => {
                Err(self.of_source(request, asked, error))
            }
            (Err(error), ..) => self.told_of(request, error),
        }
    }

    /// An error of a source, which keeps both paths.
    fn of_source(&self, request: &PlaneRequest, asked: &PlaneRequest, error: Error) -> Error {
        // What a workspace declares is there or missing, whatever became of the source.
        let kind = match error.kind() {
            ErrorKind::NotFound => ErrorKind::MissingPlane,
            kind => kind,
        };
        Error::new(kind, format!("its source {asked} cannot be read"))
            .with_backend(self.to_string())
            .with_path(request)
            .with_source(error)
    }

    fn told_of(&self, request: &PlaneRequest, error: Error) -> Result<Plane> {
        let is_mapped = self.mapping.index.resolve(&request.path, request.index).is_some();
        let error = match is_mapped {
            true => error.with_outer_path(request),
            false => error.with_path(request),
        };
        Err(error.with_backend(self.to_string()))
    }
}
