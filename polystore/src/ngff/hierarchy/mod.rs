//! The rules of a hierarchy: groups, arrays and chunks against the metadata that speaks of
//! them.

mod absent;
mod array;
mod chunks;
mod consolidated;
mod image;
mod labels;
mod plate;
mod series;
mod shard;
mod tally;
mod walk;
mod well;

use self::{
    tally::Tally,
    walk::{Node, Walk},
};
use super::{
    Kind, Options, Report, Severity, StoreReader,
    attributes::Described,
    findings::Findings,
    report::{Counts, Location},
    rules::{self, Rule},
};
use crate::words::count;

/// Validates the hierarchy at the root of a store.
pub(super) fn validate(store: &dyn StoreReader, options: &Options) -> Report {
    let tally = Tally::new(*options);
    let mut walk = Walk::new(store, *options);
    let kind = walk_root(&mut walk, &tally);
    let (findings, counts) = tally.into_parts();
    finish(findings, |report| {
        report.kind = kind;
        report.version = walk.version().map(|version| version.to_string());
        report.zarr_format = walk.format();
        report.counts.add(&counts);
    })
}

fn walk_root(walk: &mut Walk<'_>, tally: &Tally) -> Option<Kind> {
    let root = walk.root(tally)?;
    if !root.has_group() {
        let found = if root.has_array() { "an array, not a group" } else { "no zarr metadata" };
        tally.report(rules::STORE_NO_ZARR, Location::default, || format!("the root holds {found}"));
        return None;
    }
    let mut group = walk.group(&root, tally)?;
    walk.start(&root, &mut group, tally);
    let described = walk.describe_root(&group, tally)?;
    walk_described(walk, &root, &described, tally);
    walk.check_stale(tally);
    described.kind()
}

fn walk_described(walk: &Walk<'_>, root: &Node, described: &Described, tally: &Tally) {
    if let Some(plate) = &described.plate {
        plate::walk(walk, root, plate, tally);
    } else if let Some(well) = &described.well {
        well::walk(walk, root, well, None, tally);
    } else if described.image.is_some() {
        match described.label {
            Some(_) => drop(labels::walk_label(walk, root, described, tally)),
            None => image::walk(walk, root, described, tally),
        }
    } else if let Some(labels) = &described.labels {
        labels::walk_list(walk, root, labels, None, tally);
    } else if described.is_bioformats2raw {
        series::walk(walk, root, tally);
    }
}

/// A report of findings, with the verdict; `fill` adds what else is known.
pub(super) fn finish(findings: Findings, fill: impl FnOnce(&mut Report)) -> Report {
    let counts = Counts {
        errors: findings.total(Severity::Error),
        warnings: findings.total(Severity::Warning),
        notes: findings.total(Severity::Note),
        ..Counts::default()
    };
    let (findings, rules) = findings.into_parts();
    let mut report = Report {
        valid: counts.errors == 0,
        message: String::new(),
        version: None,
        zarr_format: None,
        kind: None,
        counts,
        rules,
        findings,
    };
    fill(&mut report);
    report.message = verdict(&report);
    report
}

/// A report with one finding that keeps everything else from being looked at.
pub(super) fn refused(rule: &'static Rule, message: String, options: &Options) -> Report {
    let mut findings = Findings::new(*options);
    findings.report(rule, Location::default, || message);
    finish(findings, |_| {})
}

fn verdict(report: &Report) -> String {
    let version = report.version.as_deref().unwrap_or("metadata");
    let kind = report.kind.map_or("", Kind::name);
    let what = format!("OME-Zarr {version} {kind}");
    let what = what.trim_end();
    let warnings = match report.counts.warnings {
        0 => String::new(),
        n => format!(", {}", count(n, "warning")),
    };
    match report.errors().next() {
        None => format!("valid {what}{warnings}"),
        Some(first) => format!(
            "not valid {what}: {}{warnings}; {}: {}",
            count(report.counts.errors, "error"),
            first.location,
            first.message
        ),
    }
}
