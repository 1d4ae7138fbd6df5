//! Tests of the validator as a whole. The rules' own tests stand beside them.

mod disk;
mod fixture;
mod hostile;
mod metadata;
mod official;
mod stores;

use std::collections::BTreeSet;

use fixture::Fixture;

use super::{Report, Version, rules};

/// Ids of rules, separated by spaces, and a change to the fixture that breaks exactly these.
type Break = (&'static str, fn(&mut Fixture));

/// The ids of all rules that a report names.
fn rules_of(report: &Report) -> BTreeSet<&'static str> {
    report.rules.iter().map(|count| count.rule).collect()
}

/// Each change, done to a plate of 0.4 and to one of 0.5, breaks the rules that it names and
/// no others.
fn assert_breaks(breaks: &[Break]) {
    let mut wrong = Vec::new();
    for version in [Version::V04, Version::V05] {
        for (expected, apply) in breaks {
            let mut fixture = Fixture::plate(version);
            apply(&mut fixture);
            let found = rules_of(&fixture.report());
            if found != expected.split(' ').collect() {
                wrong.push(format!("{version}: expected {expected}, found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every rule of the catalogue is broken by some test, so none is dead and none is unheard.
#[test]
fn every_rule_has_a_test_that_breaks_it() {
    let mut broken: BTreeSet<&str> = disk::RULES.iter().copied().collect();
    broken.extend(hostile::RULES);
    for table in [metadata::BREAKS, stores::BREAKS] {
        broken.extend(table.iter().flat_map(|(rules, _)| rules.split(' ')));
    }
    broken.extend(metadata::DOCUMENTS.iter().map(|(rule, _)| *rule));
    broken.extend(stores::OF_ONE_VERSION.iter().map(|(rule, ..)| *rule));
    let untested: Vec<_> =
        rules::ALL.iter().map(|rule| rule.id).filter(|id| !broken.contains(id)).collect();
    assert!(untested.is_empty(), "no test breaks {untested:?}");
}
