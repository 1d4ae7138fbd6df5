//! Remarks for people, kept short.

use crate::WellPosition;

/// The first few of many things, and how many more there are.
#[derive(Debug)]
pub struct Capped {
    shown: Vec<String>,
    n_more: usize,
    max: usize,
}

impl Capped {
    /// Keeps the first `max`.
    pub fn new(max: usize) -> Self {
        Self { shown: Vec::new(), n_more: 0, max }
    }

    /// Adds one; its text is only made when it is kept.
    pub fn push(&mut self, text: impl FnOnce() -> String) {
        if self.shown.len() < self.max {
            self.shown.push(text());
        } else {
            self.n_more += 1;
        }
    }

    /// Adds what another list has.
    pub fn append(&mut self, other: Self) {
        self.n_more += other.n_more;
        other.shown.into_iter().for_each(|text| self.push(|| text));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// How many were added.
    pub fn n(&self) -> usize {
        self.shown.len() + self.n_more
    }

    /// One remark per thing that was kept, and one that counts the others.
    pub fn into_notes(self, more: &str) -> Vec<String> {
        let mut notes = self.shown;
        if self.n_more > 0 {
            notes.push(format!("... and {} more {more}", self.n_more));
        }
        notes
    }

    /// All on one line: `A, B, C and 4 more`.
    pub fn into_line(self) -> String {
        let listed = self.shown.join(", ");
        if self.n_more == 0 { listed } else { format!("{listed} and {} more", self.n_more) }
    }
}

/// Wells on one line, at most eight of them by name.
pub fn list_wells(wells: impl IntoIterator<Item = WellPosition>) -> String {
    let mut listed = Capped::new(8);
    for well in wells {
        listed.push(|| well.to_string());
    }
    listed.into_line()
}
