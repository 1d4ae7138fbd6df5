//! Reads and writes content by location: planes, text, bytes.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{FileManager, Target};
use crate::{
    Entry, EntryKind, Error, ErrorKind, Plane, PlaneIndex, PlaneRequest, Region, Result,
    VirtualBackendExt, WriteMode,
};

impl FileManager {
    /// Reads the plane that `location` names (a file, or a plane's name in a plate).
    ///
    /// # Errors
    /// As [`VirtualBackend::read_planes`](crate::VirtualBackend::read_planes).
    pub fn read_plane(&self, location: &str) -> Result<Plane> {
        self.read_plane_at(location, 0)
    }

    /// Reads a plane at full size (`level` 0) or a smaller level.
    ///
    /// # Errors
    /// As [`VirtualBackend::read_planes`](crate::VirtualBackend::read_planes).
    pub fn read_plane_at(&self, location: &str, level: u32) -> Result<Plane> {
        let Target { backend, path } = self.resolve(location)?;
        backend.read_plane(&PlaneRequest::new(path, PlaneIndex::default()).with_level(level))
    }

    /// Reads planes of one or more backends, each backend's in one batch; answers in order.
    ///
    /// # Errors
    /// The first failure.
    pub fn read_planes(&self, locations: &[&str]) -> Result<Vec<Plane>> {
        let mut batches: Vec<(Target, Vec<PlaneRequest>, Vec<usize>)> = Vec::new();
        for (position, location) in locations.iter().enumerate() {
            let target = self.resolve(location)?;
            let request = PlaneRequest::new(target.path.clone(), PlaneIndex::default());
            let spec = target.backend.spec();
            match batches.iter_mut().find(|(known, ..)| known.backend.spec() == spec) {
                Some((_, requests, positions)) => {
                    requests.push(request);
                    positions.push(position);
                }
                None => batches.push((target, vec![request], vec![position])),
            }
        }
        let mut answers: Vec<Option<Plane>> = vec![None; locations.len()];
        for (target, requests, positions) in batches {
            for (plane, position) in target.backend.read_all(&requests)?.into_iter().zip(positions)
            {
                answers[position] = Some(plane);
            }
        }
        answers
            .into_iter()
            .map(|plane| plane.ok_or_else(|| Error::internal("a plane was not answered")))
            .collect()
    }

    /// Reads a region of a plane, at full size or a smaller level.
    ///
    /// # Errors
    /// As [`VirtualBackend::read_planes`](crate::VirtualBackend::read_planes).
    pub fn read_region(&self, location: &str, region: Region, level: u32) -> Result<Plane> {
        let Target { backend, path } = self.resolve(location)?;
        let request = PlaneRequest::new(path, PlaneIndex::default());
        backend.read_plane(&request.with_region(region).with_level(level))
    }

    /// Writes a plane into a file of its own, or as the plane that the name says.
    ///
    /// # Errors
    /// As [`VirtualBackend::write_planes`](crate::VirtualBackend::write_planes).
    pub fn write_plane(&self, location: &str, plane: Plane) -> Result<()> {
        let Target { backend, path } = self.resolve_for_writing(location)?;
        backend.write_plane(PlaneRequest::new(path, PlaneIndex::default()), plane)
    }

    /// Reads UTF-8 text.
    ///
    /// # Errors
    /// `InvalidData` when it is not UTF-8; as [`VirtualBackend::read_blob`](crate::VirtualBackend::read_blob).
    pub fn read_text(&self, location: &str) -> Result<String> {
        let Target { backend, path } = self.resolve(location)?;
        backend.read_text(&path)
    }

    /// Writes text in one step, replacing what was there.
    ///
    /// # Errors
    /// As [`VirtualBackend::write_blob`](crate::VirtualBackend::write_blob).
    pub fn write_text(&self, location: &str, text: impl Into<String>) -> Result<()> {
        self.write_bytes(location, Bytes::from(text.into()), WriteMode::Overwrite)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// As [`VirtualBackend::read_blob`](crate::VirtualBackend::read_blob).
    pub fn read_bytes(&self, location: &str) -> Result<Bytes> {
        let Target { backend, path } = self.resolve(location)?;
        backend.read_blob(&path, None)
    }

    /// Reads a whole file of at most `max_bytes` and checks its SHA-256, given as hexadecimal
    /// digits.
    ///
    /// # Errors
    /// `LimitExceeded` before anything is read; `InvalidData` with both checksums when they differ.
    pub fn read_verified(&self, location: &str, sha256: &str, max_bytes: u64) -> Result<Bytes> {
        let Target { backend, path } = self.resolve(location)?;
        let size = backend.stat(&path)?.size_bytes;
        if let Some(size) = size.filter(|&size| size > max_bytes) {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("file of {size} bytes is longer than the {max_bytes} allowed"),
            )
            .with_path(path));
        }
        let content = backend.read_blob(&path, None)?;
        let found = hex(&Sha256::digest(&content));
        if found.eq_ignore_ascii_case(sha256) {
            return Ok(content);
        }
        Err(Error::invalid_data(format!("SHA-256 is {found}, expected {sha256}"))
            .with_path(path)
            .with_hint("the file is damaged or is another version"))
    }

    /// Writes a file in one step.
    ///
    /// # Errors
    /// As [`VirtualBackend::write_blob`](crate::VirtualBackend::write_blob).
    pub fn write_bytes(&self, location: &str, data: Bytes, mode: WriteMode) -> Result<()> {
        let Target { backend, path } = self.resolve_for_writing(location)?;
        backend.write_blob(&path, data, mode)
    }

    /// What is at `location`.
    ///
    /// # Errors
    /// `NotFound` when nothing is.
    pub fn stat(&self, location: &str) -> Result<Entry> {
        let Target { backend, path } = self.resolve(location)?;
        backend.stat(&path)
    }

    /// Whether something is at `location`.
    ///
    /// # Errors
    /// Any failure but `NotFound`.
    pub fn exists(&self, location: &str) -> Result<bool> {
        match self.stat(location) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a file or image is at `location`.
    ///
    /// # Errors
    /// As [`FileManager::exists`].
    pub fn is_file(&self, location: &str) -> Result<bool> {
        Ok(self.exists(location)? && self.stat(location)?.kind != EntryKind::Directory)
    }

    /// Whether a folder is at `location`.
    ///
    /// # Errors
    /// As [`FileManager::exists`].
    pub fn is_directory(&self, location: &str) -> Result<bool> {
        Ok(self.exists(location)? && self.stat(location)?.kind == EntryKind::Directory)
    }

    /// Makes a folder and those above it; fine when it is there.
    ///
    /// # Errors
    /// As [`VirtualBackend::create_directory`](crate::VirtualBackend::create_directory).
    pub fn create_directory(&self, location: &str) -> Result<()> {
        let Target { backend, path } = self.resolve_for_writing(location)?;
        backend.create_directory(&path)
    }

    /// Deletes a file, an image, or a folder (with everything below when `recursive`).
    ///
    /// # Errors
    /// As [`VirtualBackend::delete`](crate::VirtualBackend::delete).
    pub fn delete(&self, location: &str, recursive: bool) -> Result<()> {
        let Target { backend, path } = self.resolve(location)?;
        backend.delete(&path, recursive)
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two targets are the same place.
pub(super) fn same_place(a: &Target, b: &Target) -> bool {
    a.path == b.path && a.backend.spec() == b.backend.spec()
}
