//! What the suite needs to know of the backend under test.

use std::{any::Any, sync::Arc};

use crate::{PixelType, Result, VirtualBackend, VirtualPath, convert::TargetLayout};

/// A backend under test: hands out a fresh place for every case.
pub trait Subject: Send + Sync {
    /// The name that stands before the cases' in reports: `memory/region/out_of_bounds`.
    fn name(&self) -> &str;

    /// Why the subject cannot be tested here (a service that is not running).
    ///
    /// # Errors
    /// The reason, as words.
    fn available(&self) -> Result<(), String> {
        Ok(())
    }

    /// A fresh place, with nothing in it unless the fixture is [given](Place::given).
    ///
    /// # Errors
    /// A failure to make one fails the case.
    fn open(&self) -> Result<Place>;

    /// How image paths of plates are made that are declared to it.
    fn layout(&self) -> TargetLayout {
        TargetLayout::Planes
    }

    /// The name, below the place's root, of a plate that a case calls `name`.
    fn plate_name(&self, name: &str) -> String {
        name.to_owned()
    }

    /// The name of an image alone that a case calls `name`.
    fn image_name(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Pixel types that it stores.
    fn pixel_types(&self) -> Vec<PixelType> {
        PixelType::ALL.to_vec()
    }

    /// Extensions under which a single plane is written without declaring an image.
    fn plane_extensions(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Texts that must never appear in its spec: passwords, session keys.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Cases that are known not to hold, with the reason; they are reported as ignored.
    fn exceptions(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// A fresh place of a backend.
pub struct Place {
    /// The backend under test.
    pub backend: Arc<dyn VirtualBackend>,
    /// What puts there what a case reads; `None` for a place that cannot be written.
    pub writer: Option<Arc<dyn VirtualBackend>>,
    /// A directory for the case, which is there and empty.
    pub root: VirtualPath,
    /// Where the [fixture plate](super::fixture) is, when it is there from the start.
    pub plate: Option<VirtualPath>,
    keep: Option<Box<dyn Any + Send + Sync>>,
}

impl Place {
    /// A place that is written through the backend under test.
    pub fn writable(backend: Arc<dyn VirtualBackend>, root: VirtualPath) -> Self {
        let writer = Some(Arc::clone(&backend));
        Self { backend, writer, root, plate: None, keep: None }
    }

    /// A place that `backend` cannot write, filled through `writer` before it is read.
    pub fn filled_by(
        writer: Arc<dyn VirtualBackend>,
        backend: Arc<dyn VirtualBackend>,
        root: VirtualPath,
    ) -> Self {
        Self { backend, writer: Some(writer), root, plate: None, keep: None }
    }

    /// A place that cannot be written at all, where the fixture plate is at `plate`.
    pub fn given(backend: Arc<dyn VirtualBackend>, plate: VirtualPath) -> Self {
        Self { backend, writer: None, root: VirtualPath::root(), plate: Some(plate), keep: None }
    }

    /// The same, with something that must live as long (a temporary folder).
    #[must_use]
    pub fn keeping(mut self, keep: impl Any + Send + Sync) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("backend", &self.backend)
            .field("writer", &self.writer)
            .field("root", &self.root)
            .field("plate", &self.plate)
            .field("keeps", &self.keep.is_some())
            .finish()
    }
}
