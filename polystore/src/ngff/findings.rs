//! The collector of findings: counts all of them, keeps the first few of each rule.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    Options, Severity,
    report::{Finding, Location, RuleCount},
    rules::Rule,
};

/// Findings of one part of the work; parts are merged in the order of the hierarchy, so
/// that the report does not depend on the number of threads.
#[derive(Debug)]
pub(super) struct Findings {
    options: Options,
    kept: Vec<Finding>,
    tallies: BTreeMap<&'static str, Tally>,
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    severity: Severity,
    count: u64,
    kept: u64,
}

impl Findings {
    pub(super) fn new(options: Options) -> Self {
        Self { options, kept: Vec::new(), tallies: BTreeMap::new() }
    }

    pub(super) fn options(&self) -> Options {
        self.options
    }

    /// Counts a finding; `location` and `message` run only when it is kept.
    pub(super) fn report(
        &mut self,
        rule: &'static Rule,
        location: impl FnOnce() -> Location,
        message: impl FnOnce() -> String,
    ) {
        let severity = rule.severity(&self.options);
        self.tally(rule.id, severity).count += 1;
        if self.has_room(rule.id, severity) {
            let (location, message) = (location(), message());
            self.keep(Finding { severity, rule: rule.id, location, message, hint: rule.hint });
        }
    }

    /// Adds the findings of a part that comes after this one.
    pub(super) fn merge(&mut self, other: Self) {
        for finding in other.kept {
            if self.has_room(finding.rule, finding.severity) {
                self.keep(finding);
            }
        }
        for (rule, tally) in other.tallies {
            self.tally(rule, tally.severity).count += tally.count;
        }
    }

    fn tally(&mut self, rule: &'static str, severity: Severity) -> &mut Tally {
        self.tallies.entry(rule).or_insert(Tally { severity, count: 0, kept: 0 })
    }

    fn has_room(&mut self, rule: &'static str, severity: Severity) -> bool {
        let limit = self.options.keep_per_rule;
        self.tally(rule, severity).kept < limit
    }

    fn keep(&mut self, finding: Finding) {
        self.tally(finding.rule, finding.severity).kept += 1;
        self.kept.push(finding);
    }

    /// How many findings have `severity`.
    pub(super) fn total(&self, severity: Severity) -> u64 {
        let of_severity = self.tallies.values().filter(|tally| tally.severity == severity);
        of_severity.map(|tally| tally.count).sum()
    }

    /// The findings that were kept, and the count of each rule, errors first.
    pub(super) fn into_parts(self) -> (Vec<Finding>, Vec<RuleCount>) {
        let count = |(rule, tally): (_, Tally)| RuleCount {
            rule,
            severity: tally.severity,
            count: tally.count,
        };
        let mut rules: Vec<_> = self.tallies.into_iter().map(count).collect();
        rules.sort_by_key(|count| (Reverse(count.severity), count.rule));
        (self.kept, rules)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rules, *};

    fn report(findings: &mut Findings, times: usize, file: &str) {
        for _ in 0..times {
            findings.report(rules::PLATE, || Location::file(file), || "message".to_owned());
        }
    }

    #[test]
    fn all_are_counted_and_the_first_kept_across_merges() {
        let options = Options { keep_per_rule: 3, ..Options::default() };
        let mut first = Findings::new(options);
        report(&mut first, 2, "a");
        let mut second = Findings::new(options);
        report(&mut second, 5, "b");
        first.merge(second);
        assert_eq!(first.total(Severity::Error), 7);
        let (kept, rules) = first.into_parts();
        assert_eq!(rules[0].count, 7);
        let files: Vec<_> = kept.iter().map(|finding| &*finding.location.file).collect();
        assert_eq!(files, ["a", "a", "b"]);
    }
}
