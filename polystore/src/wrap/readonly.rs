//! Refuses every change.

use std::sync::Arc;

use crate::{
    Capabilities, Error, ErrorKind, PlaneRequest, PlaneSink, Result, SpecLayer, VirtualBackend,
    wrap::{Call, Hook, Hooked},
};

pub(crate) const NAME: &str = "readonly";

/// Answers every change with `PermissionDenied`. Made by [`readonly`](super::readonly).
#[derive(Clone, Copy, Debug)]
pub struct ReadOnly;

impl Hook for ReadOnly {
    fn call<T>(&self, call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
        if !call.operation.is_change() {
            return run();
        }
        let message = format!("`{}` on a place that is mounted read-only", call.operation);
        Err(Error::new(ErrorKind::PermissionDenied, message)
            .with_path(call.path)
            .with_hint("write to another place, or mount this one for writing"))
    }

    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) {
        inner.read_planes(requests, sink);
    }

    fn capabilities(&self, inner: Capabilities) -> Capabilities {
        Capabilities {
            write: false,
            create_plates: false,
            create_images: false,
            region_write: false,
            delete: false,
            rename: false,
            ..inner
        }
    }

    fn layer(&self) -> Option<SpecLayer> {
        Some(SpecLayer::new(NAME))
    }
}

pub(crate) fn from_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    layer.check_options(&[])?;
    Ok(Arc::new(Hooked::new(inner, ReadOnly)))
}
