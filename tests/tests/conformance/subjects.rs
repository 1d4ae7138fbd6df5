//! The backends under test, one line each.

use std::sync::Arc;

use polystore::{
    MemoryBackend, MemoryOptions, Result, VirtualPath,
    conformance::{Place, Subject},
};

use crate::{decorated, on_disk, on_workspace, on_zarr};

/// Every subject of the matrix.
pub(crate) fn subjects() -> Vec<Arc<dyn Subject>> {
    let mut subjects: Vec<Arc<dyn Subject>> = vec![Arc::new(Memory), Arc::new(SpillingMemory)];
    subjects.extend(decorated::subjects());
    subjects.extend(on_disk::subjects());
    subjects.extend(on_zarr::subjects());
    subjects.extend(on_workspace::subjects());
    subjects
}

/// Extensions of the single planes that memory keeps without a declaration.
const PLANE_EXTENSIONS: [&str; 4] = ["tif", "tiff", "png", "npy"];

/// Memory without limits.
struct Memory;

impl Subject for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn open(&self) -> Result<Place> {
        Ok(Place::writable(Arc::new(MemoryBackend::new()), VirtualPath::root()))
    }

    fn plane_extensions(&self) -> Vec<&'static str> {
        PLANE_EXTENSIONS.to_vec()
    }
}

/// Memory with so little of it that nearly every plane spills. The root of each case is a
/// directory, to show that no case needs the root of the backend.
struct SpillingMemory;

impl Subject for SpillingMemory {
    fn name(&self) -> &str {
        "memory_spilling"
    }

    fn open(&self) -> Result<Place> {
        let folder = tempfile::tempdir()
            .map_err(|error| polystore::Error::io(error, "create", "a temporary folder"))?;
        let spill = Some(folder.path().to_owned());
        let options = MemoryOptions { budget_bytes: Some(1 << 20), spill };
        let name = format!("spilling {}", folder.path().display()).replace('/', "_");
        let backend = MemoryBackend::create(&name, &options)?;
        let root = VirtualPath::parse("/some/where")?;
        polystore::VirtualBackend::create_directory(&backend, &root)?;
        Ok(Place::writable(Arc::new(backend), root).keeping(folder))
    }

    fn plane_extensions(&self) -> Vec<&'static str> {
        PLANE_EXTENSIONS.to_vec()
    }
}
