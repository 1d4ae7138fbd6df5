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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MemoryBackend, VirtualBackendExt, VirtualPath, WriteMode,
        backend::{Annotation, AnnotationValue},
        open_spec,
        wrap::readonly,
    };

    #[test]
    fn every_change_is_denied_and_the_spec_stays_read_only() {
        let inner = MemoryBackend::new();
        let path = VirtualPath::parse("/a.txt").unwrap();
        inner.write_text(&path, "kept").unwrap();
        let backend = readonly(Arc::new(inner));
        let again = open_spec(&backend.spec()).unwrap();
        let tag = AnnotationValue::Tag("x".to_owned());
        let note = Annotation { namespace: "n".to_owned(), value: tag };
        for backend in [&backend as &dyn VirtualBackend, &*again] {
            let denied = [
                backend.write_blob(&path, "new".into(), WriteMode::Overwrite),
                backend.create_directory(&path),
                backend.delete(&path, true),
                backend.rename(&path, &VirtualPath::root()),
                backend.as_annotations().unwrap().annotate(&path, &note),
            ];
            for answer in denied {
                assert_eq!(answer.unwrap_err().kind(), ErrorKind::PermissionDenied);
            }
            assert_eq!(backend.read_text(&path).unwrap(), "kept");
            assert_eq!(backend.as_annotations().unwrap().annotations(&path).unwrap(), []);
        }
    }
}
