//! Runs all cases and says how they ended.

use std::{collections::BTreeMap, fmt};

use crate::conformance::{Outcome, Subject, cases};

/// How all cases ended on one subject.
#[derive(Clone, Debug)]
pub struct Report {
    /// The subject's name.
    pub subject: String,
    /// Each case with its end, in the order of [`cases`].
    pub outcomes: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// Whether no case failed, and at least one passed.
    pub fn is_conformant(&self) -> bool {
        self.failed().next().is_none() && self.n_passed() > 0
    }

    /// Cases that passed.
    pub fn n_passed(&self) -> usize {
        self.outcomes.iter().filter(|(_, end)| *end == Outcome::Passed).count()
    }

    /// Cases that failed, with what was expected and found.
    pub fn failed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.outcomes.iter().filter_map(|(name, end)| match end {
            Outcome::Failed(reason) => Some((*name, reason.as_str())),
            _ => None,
        })
    }

    /// Why cases were not tested, and how many for each reason.
    pub fn ignored(&self) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::new();
        for (_, end) in &self.outcomes {
            if let Outcome::Ignored(reason) | Outcome::Unavailable(reason) = end {
                *reasons.entry(reason.as_str()).or_default() += 1;
            }
        }
        reasons
    }
}

/// A line for each case that failed, one for each reason that cases were ignored for, and
/// one that counts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, reason) in self.failed() {
            writeln!(f, "{}/{name} FAILED: {reason}", self.subject)?;
        }
        for (reason, n) in self.ignored() {
            writeln!(f, "{}: {n} cases ignored: {reason}", self.subject)?;
        }
        write!(f, "{}: {} of {} cases passed", self.subject, self.n_passed(), self.outcomes.len())
    }
}

/// Runs every case on `subject`, one after the other.
pub fn run_all(subject: &dyn Subject) -> Report {
    let outcomes = cases().map(|case| (case.name, case.run(subject))).collect();
    Report { subject: subject.name().to_owned(), outcomes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_failures_and_groups_reasons() {
        let ignored = || Outcome::Ignored("the backend cannot rename".to_owned());
        let mut report = Report {
            subject: "x".to_owned(),
            outcomes: vec![("a/b", Outcome::Passed), ("a/c", ignored()), ("a/d", ignored())],
        };
        assert!(report.is_conformant());
        report.outcomes.push(("a/e", Outcome::Failed("expected 1, found 2".to_owned())));
        assert!(!report.is_conformant());
        let expected = "x/a/e FAILED: expected 1, found 2\n\
            x: 2 cases ignored: the backend cannot rename\n\
            x: 1 of 4 cases passed";
        assert_eq!(report.to_string(), expected);
        report.outcomes = vec![("a/c", ignored())];
        assert!(!report.is_conformant(), "nothing was tested");
    }
}
