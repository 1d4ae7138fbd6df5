//! Workspaces over memory, over a real plate, saved and opened again.

#![cfg(feature = "disk")]

mod build;
mod over;
mod random;
mod saved;

use std::sync::Arc;

use super::{Placement, Workspace, WorkspaceBuilder};
use crate::{
    MemoryBackend, PlaneIndex, PlaneRequest, VirtualBackend, VirtualPath, conformance::fixture,
    convert::TargetLayout,
};

fn path(text: &str) -> VirtualPath {
    VirtualPath::parse(text).unwrap()
}

/// A store with the fixture plate at `/plate`.
fn source() -> Arc<dyn VirtualBackend> {
    let backend = MemoryBackend::new();
    fill(&backend, "/plate");
    Arc::new(backend)
}

/// Puts the fixture plate, but for its one missing plane, at `at` of `backend`.
fn fill(backend: &dyn VirtualBackend, at: &str) {
    let structure = fixture::plate(TargetLayout::Planes).unwrap();
    let at = path(at);
    backend.create_plate(&at, &structure).unwrap();
    for (well, image) in structure.images() {
        let planes: Vec<_> = image
            .sizes
            .indices()
            .filter_map(|index| {
                let plane = fixture::plane(well, image.field, index)?;
                Some((PlaneRequest::new(at.append(&image.path), index), plane))
            })
            .collect();
        backend.write_planes(&planes).unwrap();
    }
}

/// The fixture plate of `source` as it is.
fn mapped(source: &Arc<dyn VirtualBackend>) -> Workspace {
    let mut builder =
        WorkspaceBuilder::declaring(&fixture::plate(TargetLayout::Planes).unwrap()).unwrap();
    let id = builder.source(source);
    builder.add_plate(id, &path("/plate"), Some).unwrap();
    Workspace::new(builder.build().unwrap())
}

fn memory() -> Arc<dyn VirtualBackend> {
    Arc::new(MemoryBackend::new())
}

fn request(image: &str, t: u32, c: u32, z: u32) -> PlaneRequest {
    PlaneRequest::new(path(image), PlaneIndex { t, c, z })
}
