//! What a validation answers: a verdict, the findings it rests on, and counts.

use std::fmt;

use serde::Serialize;

use super::Kind;

/// How bad a finding is. Errors alone decide the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Allowed, and worth knowing.
    Note,
    /// A recommendation is not followed, or readers may stumble.
    Warning,
    /// The specification is broken, or the store cannot be judged.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Where a finding is: a file or folder of the store, and a place in its JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The key relative to the root of the store, `/`-separated; empty for the root itself
    /// and for attributes that come without a store.
    pub file: String,
    /// A JSON pointer (RFC 6901) into the file; empty for the whole of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pointer: String,
}

impl Location {
    /// A whole file or folder.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), pointer: String::new() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.pointer.is_empty()) {
            (true, true) => f.write_str("/"),
            (_, true) => f.write_str(&self.file),
            _ => write!(f, "{}#{}", self.file, self.pointer),
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The stable id of the rule, such as `plate/wells/index-mismatch`.
    pub rule: &'static str,
    /// Where it is.
    pub location: Location,
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it; empty when the message says it all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hint: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} [{}]", self.severity, self.location, self.message, self.rule)
    }
}

/// How often a rule was broken; [`Report::findings`] holds the first few only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    /// The stable id of the rule.
    pub rule: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    /// How many there are.
    pub count: u64,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Findings that are errors, shown or not.
    pub errors: u64,
    /// Findings that are warnings, shown or not.
    pub warnings: u64,
    /// Findings that are notes, shown or not.
    pub notes: u64,
    /// Wells with a group.
    pub wells: u64,
    /// Images that are not labels.
    pub images: u64,
    /// Label images.
    pub labels: u64,
    /// Arrays, one for each resolution level.
    pub arrays: u64,
    /// Chunks of all arrays.
    pub chunks: ChunkCounts,
    /// Images with at least one chunk in one of their levels that is absent and not by design.
    pub images_with_absent_chunks: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.notes += other.notes;
        self.wells += other.wells;
        self.images += other.images;
        self.labels += other.labels;
        self.arrays += other.arrays;
        self.chunks.add(&other.chunks);
        self.images_with_absent_chunks += other.images_with_absent_chunks;
    }
}

/// Chunks by what was found in the listings, and of shards in their indices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChunkCounts {
    /// Chunks that the shapes call for. Saturates instead of overflowing.
    pub expected: u64,
    /// Chunks that are stored, of any size.
    pub present: u64,
    /// Expected and not stored.
    pub absent: u64,
    /// Of those absent, how many hold only planes that the image declares absent by design, as
    /// stores of polystore's do.
    pub absent_by_design: u64,
    /// Files with zero bytes; part of `present` where a file is a chunk.
    pub empty: u64,
    /// Stored, but outside the grid; not part of `present`.
    pub outside: u64,
}

impl ChunkCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.expected = self.expected.saturating_add(other.expected);
        self.present += other.present;
        self.absent = self.absent.saturating_add(other.absent);
        self.absent_by_design += other.absent_by_design;
        self.empty += other.empty;
        self.outside += other.outside;
    }
}

/// The answer of a validation. As JSON it has `valid` and `message`, as the official
/// conformance runner expects, and everything else beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether there are no errors.
    pub valid: bool,
    /// The verdict in one sentence.
    pub message: String,
    /// The metadata version that was judged by, such as `0.5`.
    pub version: Option<String>,
    /// The zarr format of the root, 2 or 3; none for attributes without a store.
    pub zarr_format: Option<u8>,
    /// What the root is.
    pub kind: Option<Kind>,
    /// What was looked at.
    pub counts: Counts,
    /// How often each rule was broken, errors first, then by id.
    pub rules: Vec<RuleCount>,
    /// The first findings of each rule, in the order of the hierarchy.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The errors among the findings that were kept.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// How often `rule` was broken.
    pub fn count(&self, rule: &str) -> u64 {
        self.rules.iter().find(|count| count.rule == rule).map_or(0, |count| count.count)
    }
}
