//! Which chunks of an array are stored: known from listings, and of shards from their indices.

use super::{
    absent::Absent,
    array::ArrayInfo,
    shard::Shard,
    tally::Tally,
    walk::{Node, Walk},
};
use crate::ngff::{ChunkCounts, StoreEntryKind, json::show, rules};

/// Most chunk positions that are kept to find the first one that is absent.
const MAX_KEPT: usize = 4_000_000;

/// Looks for the chunks of the array in `node`. Answers how many there are. Absent ones that
/// `declared` covers are counted, and are no finding.
pub(super) fn check(
    walk: &Walk<'_>,
    node: &Node,
    array: &ArrayInfo,
    declared: Option<Absent<'_>>,
    tally: &Tally,
) -> ChunkCounts {
    let grid = array.grid();
    let expected = grid.iter().fold(1u64, |product, size| product.saturating_mul(*size));
    let counts = ChunkCounts { expected, ..ChunkCounts::default() };
    let mut search =
        Search { walk, tally, array, grid, files: array.file_grid(), counts, present: Vec::new() };
    search.array(node, array);
    search.finish(node, array, declared)
}

struct Search<'a> {
    walk: &'a Walk<'a>,
    tally: &'a Tally,
    array: &'a ArrayInfo,
    grid: Vec<u64>,
    /// The grid of files: that of the chunks, or of the shards that they are in.
    files: Vec<u64>,
    counts: ChunkCounts,
    /// Row-major numbers of the chunks that are there.
    present: Vec<u64>,
}

/// Whether a name belongs into the folder of an array without being a chunk.
fn is_metadata(name: &str) -> bool {
    matches!(name, ".zarray" | ".zattrs" | "zarr.json" | ".DS_Store" | "Thumbs.db")
}

impl Search<'_> {
    fn array(&mut self, node: &Node, array: &ArrayInfo) {
        let encoding = array.encoding;
        match (encoding.separator, encoding.has_prefix) {
            ('/', false) => self.nested(node, &mut Vec::new(), true),
            ('/', true) => self.below_prefix(node),
            (_, has_prefix) => self.flat(node, if has_prefix { "c." } else { "" }),
        }
    }

    /// Keys such as `c/0/1/2`.
    fn below_prefix(&mut self, node: &Node) {
        for (name, kind) in node.entries() {
            if name == "c" && kind == StoreEntryKind::Directory {
                if let Some(folder) = self.walk.list(node.key(name), self.tally) {
                    self.nested(&folder, &mut Vec::new(), false);
                }
            } else if !is_metadata(name) {
                self.stray(&node.key(name));
            }
        }
    }

    /// Keys such as `0/1/2`: one folder for each dimension but the last.
    fn nested(&mut self, node: &Node, position: &mut Vec<u64>, is_array: bool) {
        let Some(size) = self.files.get(position.len()).copied() else { return };
        let is_last = position.len() + 1 == self.files.len();
        for (name, kind) in node.entries() {
            if is_array && is_metadata(name) {
                continue;
            }
            let Some(index) = parse_index(name) else {
                self.stray(&node.key(name));
                continue;
            };
            if index >= size {
                self.outside(&node.key(name));
                continue;
            }
            position.push(index);
            match kind {
                StoreEntryKind::File { size } if is_last => {
                    self.chunk(position, size, || node.key(name))
                }
                StoreEntryKind::Directory if !is_last => {
                    if let Some(folder) = self.walk.list(node.key(name), self.tally) {
                        self.nested(&folder, position, false);
                    }
                }
                StoreEntryKind::Unusable(_) => {}
                _ => self.stray(&node.key(name)),
            }
            position.pop();
        }
    }

    /// Keys such as `0.1.2`, all in one folder.
    fn flat(&mut self, node: &Node, prefix: &str) {
        for (name, kind) in node.entries() {
            if is_metadata(name) {
                continue;
            }
            let position = name.strip_prefix(prefix).and_then(|rest| self.parse_flat(rest));
            match (position, kind) {
                (Some(position), StoreEntryKind::File { size }) => {
                    let is_inside = position.iter().zip(&self.files).all(|(at, size)| at < size);
                    if is_inside {
                        self.chunk(&position, size, || node.key(name));
                    } else {
                        self.outside(&node.key(name));
                    }
                }
                (_, StoreEntryKind::Unusable(_)) => {}
                _ => self.stray(&node.key(name)),
            }
        }
    }

    fn parse_flat(&self, name: &str) -> Option<Vec<u64>> {
        let position: Option<Vec<_>> = name.split('.').map(parse_index).collect();
        position.filter(|position| position.len() == self.files.len())
    }

    /// A file, of a chunk or of several.
    fn chunk(&mut self, position: &[u64], size: u64, key: impl Fn() -> String) {
        if size == 0 {
            self.counts.empty += 1;
            self.tally.report_file(rules::CHUNKS_EMPTY_FILE, &key(), || "zero bytes".to_owned());
        }
        match &self.array.shard {
            Some(shard) if size > 0 => {
                let found = shard.read(self.walk, &key(), size, &self.array.chunks);
                match found {
                    Ok(found) => self.chunks_of(shard, position, &found),
                    Err(error) => {
                        self.tally.report_file(rules::CHUNKS_SHARD_INDEX, &key(), || {
                            error.message().to_owned()
                        });
                        // They are lost, and not absent.
                        self.chunks_of(
                            shard,
                            position,
                            &vec![true; shard.n_chunks(&self.array.chunks)],
                        );
                    }
                }
            }
            Some(_) => {}
            None => self.add(position),
        }
    }

    /// The chunks that are in the shard at `position` of the grid of files. What lies beyond
    /// the shape is nobody's.
    fn chunks_of(&mut self, shard: &Shard, position: &[u64], found: &[bool]) {
        let chunks = &self.array.chunks;
        let within: Vec<u64> =
            shard.shape.iter().zip(chunks).map(|(file, chunk)| file / chunk).collect();
        for (number, _) in found.iter().enumerate().filter(|(_, is_there)| **is_there) {
            let inner = place(number as u64, &within);
            let at: Vec<u64> = (position.iter().zip(&within).zip(&inner))
                .map(|((file, n), at)| file.saturating_mul(*n).saturating_add(*at))
                .collect();
            if at.iter().zip(&self.grid).all(|(at, size)| at < size) {
                self.add(&at);
            }
        }
    }

    fn add(&mut self, position: &[u64]) {
        self.counts.present += 1;
        if self.present.len() < MAX_KEPT {
            self.present.push(self.number(position));
        }
    }

    /// The row-major number of a chunk; wraps for grids that nothing can fill.
    fn number(&self, position: &[u64]) -> u64 {
        let steps = position.iter().zip(&self.grid);
        steps.fold(0u64, |number, (at, size)| number.wrapping_mul(*size).wrapping_add(*at))
    }

    fn outside(&mut self, key: &str) {
        self.counts.outside += 1;
        let grid = &self.files;
        self.tally.report_file(rules::CHUNKS_OUTSIDE, key, || {
            format!("outside the grid of {} chunks", joined(grid, " x "))
        });
    }

    fn stray(&self, key: &str) {
        self.tally.report_file(rules::ARRAY_STRAY_FILE, key, || "not a chunk".to_owned());
    }

    fn finish(
        mut self,
        node: &Node,
        array: &ArrayInfo,
        declared: Option<Absent<'_>>,
    ) -> ChunkCounts {
        self.counts.absent = self.counts.expected.saturating_sub(self.counts.present);
        if self.counts.absent == 0 {
            return self.counts;
        }
        let declared = declared.filter(|_| self.counts.expected <= MAX_KEPT as u64);
        let (first, n_declared) = match self.is_known() {
            true => self.look_for_absent(declared),
            false => (None, 0),
        };
        self.counts.absent_by_design = n_declared;
        let counts = self.counts;
        if counts.absent > n_declared {
            self.tally.report_file(rules::CHUNKS_ABSENT, &node.dir, || {
                let first = first.map_or(String::new(), |at| format!(", the first at {at}"));
                format!(
                    "{} of {} chunks are absent{first}; they read as {}",
                    counts.absent - n_declared,
                    counts.expected,
                    show(&array.fill_value)
                )
            });
        }
        counts
    }

    /// Whether every chunk that is there was kept.
    fn is_known(&self) -> bool {
        self.present.len() as u64 == self.counts.present
    }

    /// The first absent chunk that is not declared, and how many are. Without declarations it
    /// ends at the first, however large the grid.
    fn look_for_absent(&mut self, declared: Option<Absent<'_>>) -> (Option<String>, u64) {
        self.present.sort_unstable();
        let mut present = self.present.iter().copied().peekable();
        let (mut first, mut n_declared) = (None, 0);
        for number in 0..self.counts.expected {
            if present.next_if_eq(&number).is_some() {
                continue;
            }
            let position = place(number, &self.grid);
            if declared.as_ref().is_some_and(|declared| declared.covers(&position)) {
                n_declared += 1;
                continue;
            }
            first = first.or_else(|| Some(joined(&position, "/")));
            if declared.is_none() {
                break;
            }
        }
        (first, n_declared)
    }
}

/// The place in `grid` of a row-major number.
fn place(number: u64, grid: &[u64]) -> Vec<u64> {
    let mut rest = number;
    let mut position = vec![0; grid.len()];
    for (at, size) in position.iter_mut().zip(grid).rev() {
        *at = rest % size;
        rest /= size;
    }
    position
}

/// A number as chunk keys spell it: no sign, no leading zeros.
fn parse_index(text: &str) -> Option<u64> {
    let is_plain = text == "0" || !text.starts_with('0');
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain && is_digits { text.parse().ok() } else { None }
}

fn joined(numbers: &[u64], separator: &str) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(separator)
}
