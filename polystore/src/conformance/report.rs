//! Runs all cases and says how they ended.

use std::fmt;

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
        let failed = self.outcomes.iter().any(|(_, end)| matches!(end, Outcome::Failed(_)));
        !failed && self.n_passed() > 0
    }

    /// Cases that passed.
    pub fn n_passed(&self) -> usize {
        self.outcomes.iter().filter(|(_, end)| *end == Outcome::Passed).count()
    }
}

/// One line per case that did not pass, and a line that counts them.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.outcomes {
            let (word, reason) = match outcome {
                Outcome::Passed => continue,
                Outcome::Ignored(reason) => ("ignored", reason),
                Outcome::Unavailable(reason) => ("not available", reason),
                Outcome::Failed(reason) => ("FAILED", reason),
            };
            writeln!(f, "{}/{name}: {word}: {reason}", self.subject)?;
        }
        write!(f, "{}: {} of {} cases passed", self.subject, self.n_passed(), self.outcomes.len())
    }
}

/// Runs every case on `subject`, one after the other.
pub fn run_all(subject: &dyn Subject) -> Report {
    let outcomes = cases().map(|case| (case.name, case.run(subject))).collect();
    Report { subject: subject.name().to_owned(), outcomes }
}
