//! What one part of the walk gathers; parts are merged in the order of the hierarchy.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
};

use crate::ngff::{Counts, Options, findings::Findings, report::Location, rules::Rule};

/// Findings, counts, and the metadata that was seen. Shared by reference within one thread.
#[derive(Debug)]
pub(super) struct Tally {
    findings: RefCell<Findings>,
    counts: Cell<Counts>,
    seen: RefCell<HashSet<String>>,
}

impl Tally {
    pub(super) fn new(options: Options) -> Self {
        Self {
            findings: RefCell::new(Findings::new(options)),
            counts: Cell::default(),
            seen: RefCell::default(),
        }
    }

    pub(super) fn findings(&self) -> &RefCell<Findings> {
        &self.findings
    }

    pub(super) fn report(
        &self,
        rule: &'static Rule,
        location: impl FnOnce() -> Location,
        message: impl FnOnce() -> String,
    ) {
        self.findings.borrow_mut().report(rule, location, message);
    }

    /// Reports a finding about a whole file or folder.
    pub(super) fn report_file(
        &self,
        rule: &'static Rule,
        file: &str,
        message: impl FnOnce() -> String,
    ) {
        self.report(rule, || Location::file(file), message);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// Remembers that an entry of the consolidated metadata was compared.
    pub(super) fn see(&self, entry: &str) {
        self.seen.borrow_mut().insert(entry.to_owned());
    }

    pub(super) fn has_seen(&self, entry: &str) -> bool {
        self.seen.borrow().contains(entry)
    }

    pub(super) fn merge(&self, other: Self) {
        self.findings.borrow_mut().merge(other.findings.into_inner());
        self.count(|counts| counts.add(&other.counts.get()));
        self.seen.borrow_mut().extend(other.seen.into_inner());
    }

    pub(super) fn into_parts(self) -> (Findings, Counts) {
        (self.findings.into_inner(), self.counts.get())
    }
}
