//! A place in a JSON document that knows its pointer and says what is wrong with it.

use std::{cell::RefCell, collections::HashMap};

use serde_json::Value;

use super::{
    Options,
    findings::Findings,
    json::{as_integer, canonical, show},
    report::Location,
    rules::Rule,
};

/// A value, where it stands, and where findings about it go.
///
/// The methods that take a rule check one expectation: they report a finding of that rule
/// and answer `None` when it is not met.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    value: &'a Value,
    file: &'a str,
    pointer: String,
    findings: &'a RefCell<Findings>,
}

impl<'a> Cursor<'a> {
    /// The place `pointer` of `file`, which holds `value`.
    pub(super) fn new(
        value: &'a Value,
        file: &'a str,
        pointer: &str,
        findings: &'a RefCell<Findings>,
    ) -> Self {
        Self { value, file, pointer: pointer.to_owned(), findings }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn options(&self) -> Options {
        self.findings.borrow().options()
    }

    pub(super) fn location(&self) -> Location {
        Location { file: self.file.to_owned(), pointer: self.pointer.clone() }
    }

    /// Reports a finding at this place.
    pub(super) fn report(&self, rule: &'static Rule, message: impl FnOnce() -> String) {
        self.findings.borrow_mut().report(rule, || self.location(), message);
    }

    /// Reports a finding at a place that was left behind.
    pub(super) fn report_at(
        &self,
        location: &Location,
        rule: &'static Rule,
        message: impl FnOnce() -> String,
    ) {
        self.findings.borrow_mut().report(rule, || location.clone(), message);
    }

    fn expected(&self, rule: &'static Rule, what: &str) {
        self.report(rule, || format!("expected {what}, found {}", show(self.value)));
    }

    /// The member `key`, when this is an object that has it.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| self.child(value, key))
    }

    /// The first item, when this is an array that has one.
    pub(super) fn first(&self) -> Option<Self> {
        self.value.get(0).map(|value| self.at(value, format!("{}/0", self.pointer)))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    fn child(&self, value: &'a Value, key: &str) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        self.at(value, format!("{}/{escaped}", self.pointer))
    }

    fn at(&self, value: &'a Value, pointer: String) -> Self {
        Self { value, file: self.file, pointer, findings: self.findings }
    }

    /// The member `key`, which has to be there.
    pub(super) fn required(&self, key: &str, rule: &'static Rule) -> Option<Self> {
        let member = self.get(key);
        if member.is_none() {
            self.report(rule, || format!("`{key}` is missing"));
        }
        member
    }

    /// Reports those of `keys` that are missing, in one finding.
    pub(super) fn expect_keys(&self, keys: &[&str], rule: &'static Rule) {
        let missing: Vec<_> = keys.iter().filter(|key| !self.has(key)).collect();
        if !missing.is_empty() {
            let names = missing.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>();
            self.report(rule, || format!("without {}", names.join(", ")));
        }
    }

    pub(super) fn object(&self, rule: &'static Rule) -> Option<&Self> {
        if !self.value.is_object() {
            self.expected(rule, "an object");
        }
        self.value.is_object().then_some(self)
    }

    /// The items of an array; none when it is something else.
    pub(super) fn items(&self, rule: &'static Rule) -> Option<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            self.expected(rule, "an array");
            return None;
        };
        let item = |(index, value)| self.at(value, format!("{}/{index}", self.pointer));
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The items of an array with at least `least` of them.
    pub(super) fn items_from(&self, least: usize, rule: &'static Rule) -> Option<Vec<Self>> {
        let items = self.items(rule)?;
        if items.len() < least {
            self.report(rule, || format!("expected at least {least}, found {}", items.len()));
        }
        Some(items)
    }

    pub(super) fn text(&self, rule: &'static Rule) -> Option<&'a str> {
        if !self.value.is_string() {
            self.expected(rule, "a string");
        }
        self.value.as_str()
    }

    /// A string that satisfies `wanted`, which is described by `what`.
    pub(super) fn text_like(
        &self,
        rule: &'static Rule,
        what: &str,
        wanted: impl FnOnce(&str) -> bool,
    ) -> Option<&'a str> {
        let text = self.text(rule)?;
        if wanted(text) {
            return Some(text);
        }
        self.expected(rule, what);
        None
    }

    pub(super) fn number(&self, rule: &'static Rule) -> Option<f64> {
        if !self.value.is_number() {
            self.expected(rule, "a number");
        }
        self.value.as_f64()
    }

    pub(super) fn boolean(&self, rule: &'static Rule) {
        if !self.value.is_boolean() {
            self.expected(rule, "true or false");
        }
    }

    pub(super) fn integer(&self, rule: &'static Rule) -> Option<i128> {
        let integer = as_integer(self.value);
        if integer.is_none() {
            self.expected(rule, "an integer");
        }
        integer
    }

    /// An integer that is not below `least`.
    pub(super) fn integer_from(&self, least: i128, rule: &'static Rule) -> Option<i128> {
        let integer = self.integer(rule)?;
        if integer < least {
            self.expected(rule, &format!("an integer from {least} up"));
            return None;
        }
        Some(integer)
    }

    /// An array of at least `least` numbers.
    pub(super) fn numbers(&self, least: usize, rule: &'static Rule) -> Option<Vec<f64>> {
        let items = self.items_from(least, rule)?;
        let numbers: Vec<_> = items.iter().filter_map(|item| item.number(rule)).collect();
        (numbers.len() == items.len() && items.len() >= least).then_some(numbers)
    }

    /// Reports the items that are equal to an earlier one.
    pub(super) fn distinct(&self, items: &[Self], rule: &'static Rule) {
        let mut seen = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let first = *seen.entry(canonical(item.value)).or_insert(index);
            if first != index {
                item.report(rule, || format!("the same as item {first}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::rules, *};

    #[test]
    fn pointers_are_escaped_and_findings_say_what_was_found() {
        let options = Options::default();
        let findings = RefCell::new(Findings::new(options));
        let value = json!({"a/b": {"c~d": [1, "x"]}});
        let root = Cursor::new(&value, "file", "/attributes", &findings);
        let items = root.get("a/b").unwrap().get("c~d").unwrap().items(rules::PLATE).unwrap();
        assert_eq!(items[0].integer(rules::PLATE), Some(1));
        assert_eq!(items[1].integer(rules::PLATE), None);
        let (kept, _) = findings.into_inner().into_parts();
        assert_eq!(kept[0].location.pointer, "/attributes/a~1b/c~0d/1");
        assert_eq!(kept[0].message, "expected an integer, found \"x\"");
    }
}
