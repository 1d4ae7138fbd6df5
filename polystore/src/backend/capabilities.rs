//! What a backend can do, as positive flags.

use std::num::NonZeroUsize;

/// What a backend can do. Every flag is positive, and says what happens without it; where
/// that is `Unsupported`, a place that is read-only may answer `PermissionDenied` instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Writes of any kind work. Without: `Unsupported`.
    pub write: bool,
    /// Blobs can be read (and written, with `write`). Without: `Unsupported`.
    pub blobs: bool,
    /// Plates can be declared. Without: [`create_plate`](crate::VirtualBackend::create_plate) is `Unsupported`.
    pub create_plates: bool,
    /// Images can be declared. Without: only single-plane files can be written.
    pub create_images: bool,
    /// Regions of a declared image can be written. Without: whole planes only (`Unsupported`).
    pub region_write: bool,
    /// A region read costs about the region, not the plane. Without: the plane is read and cropped.
    pub region_read: bool,
    /// Images may have pyramid levels. Without: a level above 0 is `InvalidInput`.
    pub levels: bool,
    /// A batch is answered faster than its planes one by one.
    pub batch_read: bool,
    /// Some planes are handed out without any copy.
    pub zero_copy: bool,
    /// Entries can be deleted. Without: `Unsupported`.
    pub delete: bool,
    /// Renaming is one atomic step. Without: `Unsupported`; copy and delete instead.
    pub rename: bool,
    /// Round trips cost milliseconds: prefer few large batches.
    pub network: bool,
    /// More concurrent batches than this gain nothing; `None` for no known limit.
    pub max_concurrency: Option<NonZeroUsize>,
}
