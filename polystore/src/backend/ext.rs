//! Conveniences on every backend, built from the batch calls.

use std::{
    ops::ControlFlow,
    sync::{Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;

use crate::{
    Entry, EntryKind, Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Result, VirtualBackend,
    VirtualPath, WriteMode,
    buffer::BufferPool,
    plane::{Stack, expected_len},
};

/// Conveniences that every backend has; implemented for all of them at once, never by hand.
pub trait VirtualBackendExt: VirtualBackend {
    /// Reads one plane.
    ///
    /// # Errors
    /// As the backend answers; `Internal` when it leaves the request unanswered.
    fn read_plane(&self, request: &PlaneRequest) -> Result<Plane> {
        let slot = OnceLock::new();
        self.read_planes(std::slice::from_ref(request), &|_, answer| {
            let _ = slot.set(answer);
            ControlFlow::Continue(())
        });
        slot.into_inner().unwrap_or_else(|| Err(unanswered(request)))
    }

    /// Reads a batch and returns it in order; the first error stops it.
    ///
    /// # Errors
    /// The error of the first request, in request order, that failed before the batch stopped.
    fn read_all(&self, requests: &[PlaneRequest]) -> Result<Vec<Plane>> {
        let slots: Vec<OnceLock<Result<Plane>>> =
            requests.iter().map(|_| OnceLock::new()).collect();
        self.read_planes(requests, &|position, answer| {
            let flow =
                if answer.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            if let Some(slot) = slots.get(position) {
                let _ = slot.set(answer);
            }
            flow
        });
        let mut answers: Vec<_> = slots.into_iter().map(OnceLock::into_inner).collect();
        let failed = answers.iter().position(|answer| matches!(answer, Some(Err(_))));
        if let Some(Some(Err(error))) = failed.map(|at| answers.swap_remove(at)) {
            return Err(error);
        }
        answers
            .into_iter()
            .zip(requests)
            .map(|(answer, request)| answer.unwrap_or_else(|| Err(unanswered(request))))
            .collect()
    }

    /// Reads whole planes of one image into one contiguous block `[plane, y, x]`.
    ///
    /// # Errors
    /// As the backend answers; `InvalidData` when a plane differs in shape or type from
    /// what the image declares.
    fn read_stack(&self, image: &VirtualPath, indices: &[PlaneIndex]) -> Result<Stack> {
        let declared = self.describe(image)?;
        let shape = declared.sizes.plane_shape();
        let plane_len = expected_len(declared.pixel_type, shape)?;
        let total = plane_len.checked_mul(indices.len()).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "the stack does not fit the address space")
                .with_path(image)
        })?;
        let mut buffer = BufferPool::global().take(total, 0);
        let requests: Vec<_> =
            indices.iter().map(|&index| PlaneRequest::new(image.clone(), index)).collect();
        let slots: Vec<Mutex<(&mut [u8], bool)>> = buffer
            .chunks_exact_mut(plane_len.max(1))
            .map(|chunk| Mutex::new((chunk, false)))
            .collect();
        let failure = OnceLock::new();
        self.read_planes(&requests, &|position, answer| {
            let stored = answer.and_then(|plane| {
                if (plane.pixel_type(), plane.shape()) != (declared.pixel_type, shape) {
                    return Err(differs(&requests[position], &plane, &declared));
                }
                let mut slot = slots[position].lock().unwrap_or_else(PoisonError::into_inner);
                slot.0.copy_from_slice(plane.bytes());
                slot.1 = true;
                Ok(())
            });
            match stored {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    let _ = failure.set(error);
                    ControlFlow::Break(())
                }
            }
        });
        let unfilled =
            slots.iter().position(|slot| !slot.lock().unwrap_or_else(PoisonError::into_inner).1);
        drop(slots);
        match (failure.into_inner(), unfilled) {
            (Some(error), _) => Err(error),
            (None, Some(position)) => Err(unanswered(&requests[position])),
            (None, None) => Ok(Stack::new(indices.len(), declared.pixel_type, shape, buffer)),
        }
    }

    /// Writes one plane.
    ///
    /// # Errors
    /// As [`VirtualBackend::write_planes`].
    fn write_plane(&self, request: PlaneRequest, plane: Plane) -> Result<()> {
        self.write_planes(&[(request, plane)])
    }

    /// Whether something is at `path`.
    ///
    /// # Errors
    /// Any failure but `NotFound`: a lost connection is not an absent file.
    fn exists(&self, path: &VirtualPath) -> Result<bool> {
        match self.stat(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The text at `path`.
    ///
    /// # Errors
    /// As [`VirtualBackend::read_blob`]; `InvalidData` when it is not UTF-8.
    fn read_text(&self, path: &VirtualPath) -> Result<String> {
        let bytes = self.read_blob(path, None)?;
        String::from_utf8(bytes.into()).map_err(|error| {
            Error::invalid_data(format!(
                "is not UTF-8 text (byte {})",
                error.utf8_error().valid_up_to()
            ))
            .with_backend(self.to_string())
            .with_path(path)
        })
    }

    /// Writes text in one step, replacing what was there.
    ///
    /// # Errors
    /// As [`VirtualBackend::write_blob`].
    fn write_text(&self, path: &VirtualPath, text: impl Into<String>) -> Result<()> {
        self.write_blob(path, Bytes::from(text.into()), WriteMode::Overwrite)
    }

    /// Everything below `dir`, each directory before what is in it, in natural order.
    ///
    /// # Errors
    /// As [`VirtualBackend::list`].
    fn walk(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut pending: Vec<Entry> = self.list(dir)?;
        pending.reverse();
        while let Some(entry) = pending.pop() {
            if entry.kind == EntryKind::Directory {
                let mut below = self.list(&entry.path)?;
                below.reverse();
                found.push(entry);
                pending.append(&mut below);
            } else {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// The name of a plane by the scheme of the plate at `plate`.
    ///
    /// # Errors
    /// `NotFound` when the plate has no such image, `InvalidInput` when the scheme cannot
    /// express the plane.
    fn generate_filename(
        &self,
        plate: &VirtualPath,
        image: &VirtualPath,
        index: PlaneIndex,
        extension: &str,
    ) -> Result<String> {
        let structure = self.plate(plate)?;
        let found = structure.images().find(|(_, candidate)| candidate.path == *image);
        let (position, found) = found.ok_or_else(|| {
            Error::not_found("the plate has no such image").with_path(plate.append(image))
        })?;
        let name = structure.plane_name(position, found, index);
        structure.naming_scheme()?.generate(&name, extension).ok_or_else(|| {
            Error::invalid_input(format!(
                "naming scheme `{}` cannot express {index}",
                structure.naming
            ))
            .with_path(plate.append(image))
        })
    }
}

impl<B: VirtualBackend + ?Sized> VirtualBackendExt for B {}

fn unanswered(request: &PlaneRequest) -> Error {
    Error::internal("the backend left a request unanswered").with_path(request)
}

fn differs(
    request: &PlaneRequest,
    plane: &Plane,
    declared: &crate::model::ImageStructure,
) -> Error {
    Error::invalid_data(format!(
        "the plane is {} {} but the image declares {} {}",
        plane.shape(),
        plane.pixel_type(),
        declared.sizes.plane_shape(),
        declared.pixel_type
    ))
    .with_path(request)
}
