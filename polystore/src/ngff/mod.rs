//! Validation of OME-Zarr (NGFF) metadata and stores, versions 0.4, 0.5 and 0.6rc0.
//!
//! [`validate`] judges a store on disk, [`validate_attributes`] the bare attributes of one
//! group, [`conformance_answer`] answers the official conformance runner. All of them give
//! a [`Report`]: whether the store is valid, and findings with a stable rule id, a place,
//! what was expected and found, and what to do about it.
//!
//! The rules are written by hand rather than run from the official JSON schemas: a schema
//! can only say that no branch of a `oneOf` matched, and it cannot see what breaks plates
//! in practice, such as a well whose index and path disagree, an image that is listed and
//! not there, or a chunk that was never written. The official cases of each version, valid
//! and invalid, are kept under `data/ngff` and come out as they should, and so do mutants of
//! them that were judged by the schemas.
//!
//! What decides the verdict is [`Judge`]'s to say; see [`rules`] for the catalogue.

mod attributes;
mod conformance;
mod cursor;
mod findings;
mod hierarchy;
mod json;
mod report;
pub mod rules;
mod store;
#[cfg(test)]
mod tests;
mod version;

use std::{cell::RefCell, path::Path};

use serde_json::Value;

use cursor::Cursor;
use findings::Findings;
use version::Metadata;

pub use conformance::conformance_answer;
pub use report::{ChunkCounts, Counts, Finding, Location, Report, RuleCount, Severity};
pub use store::{DirectoryStore, StoreEntry, StoreEntryKind, StoreReader, Unusable, ZipStore};
pub use version::{Kind, Version};

/// Which rules decide whether something is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Judge {
    /// Every MUST of the specification, whether or not its schemas express it.
    #[default]
    Specification,
    /// The official schemas alone; breaking the text of the specification is a warning.
    /// Some official cases are valid to the schemas only: plates whose `rows` and `columns`
    /// are the wrong way round for the paths of the wells, and hierarchies of metadata
    /// that refer to arrays which are not there.
    Schema,
}

/// How to validate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which rules decide.
    pub judge: Judge,
    /// Whether what the official strict schemas ask for is an error when it is missing.
    pub strict: bool,
    /// Whether to look for chunks at all; it takes most of the time on a large store.
    pub chunks: bool,
    /// Whether absent chunks are an error. Zarr takes them for the fill value.
    pub require_chunks: bool,
    /// The version to judge by; found out from the metadata when `None`.
    pub version: Option<Version>,
    /// What the root has to be; whatever it says it is when `None`.
    pub kind: Option<Kind>,
    /// How many findings of each rule are kept; all are counted.
    pub keep_per_rule: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            judge: Judge::Specification,
            strict: false,
            chunks: true,
            require_chunks: false,
            version: None,
            kind: None,
            keep_per_rule: 10,
        }
    }
}

/// Validates the store at `path`: a folder, or a zip file that holds one.
///
/// Whatever is wrong, also that there is nothing at `path`, is a finding. Wells are looked
/// at in parallel on rayon's current pool; the report does not depend on their number.
pub fn validate(path: &Path, options: &Options) -> Report {
    match store::open(path) {
        Ok(store) => validate_store(&*store, options),
        Err(error) => {
            let rule = store::rule_of(&error);
            hierarchy::refused(rule, error.to_string(), options)
        }
    }
}

/// Validates the hierarchy at the root of `store`.
pub fn validate_store(store: &dyn StoreReader, options: &Options) -> Report {
    hierarchy::validate(store, options)
}

/// Validates the attributes of one group, such as the content of `.zattrs` (0.4) or the
/// `attributes` of `zarr.json` (0.5).
///
/// ```
/// use polystore::ngff::{Options, validate_attributes};
///
/// let well = serde_json::json!({"ome": {"version": "0.5", "well": {"images": [{"path": "field_0"}]}}});
/// let report = validate_attributes(&well, &Options::default());
/// assert!(!report.valid);
/// assert_eq!(report.findings[0].rule, "well/images/path");
/// assert_eq!(report.findings[0].location.pointer, "/ome/well/images/0/path");
/// ```
pub fn validate_attributes(attributes: &Value, options: &Options) -> Report {
    let findings = RefCell::new(Findings::new(*options));
    let cursor = Cursor::new(attributes, "", "", &findings);
    attributes::check_paths(&cursor);
    let metadata = Metadata::find(&cursor);
    let version = metadata.as_ref().map(|metadata| metadata.version.to_string());
    let kind = metadata.and_then(|metadata| attributes::describe(&metadata, options.kind).kind());
    hierarchy::finish(findings.into_inner(), |report| {
        report.version = version;
        report.kind = kind;
    })
}

/// Validates attributes as they stand in a file: UTF-8, of bounded size and depth.
pub fn validate_attribute_bytes(bytes: &[u8], options: &Options) -> Report {
    match json::parse(bytes) {
        Ok(attributes) => validate_attributes(&attributes, options),
        Err((rule, message)) => hierarchy::refused(rule, message, options),
    }
}
