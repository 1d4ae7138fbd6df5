//! The objects of a label image as rows of runs, whatever their pieces.

use super::{
    components::{self, Run},
    raster::View,
};

/// Labels up to this many times the number of pixels are looked up in a table.
const MAX_SPARSENESS: usize = 2;

/// A run of an object's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectRun {
    pub(crate) y: u32,
    /// First column.
    pub(crate) start: u32,
    /// Column after the last.
    pub(crate) end: u32,
    /// Position of the object in [`Objects::labels`].
    pub(crate) object: u32,
}

impl ObjectRun {
    pub(crate) fn len(&self) -> u32 {
        self.end - self.start
    }

    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// All objects of a label image; pixels of one label are one object, connected or not.
#[derive(Debug)]
pub(crate) struct Objects {
    /// The labels that occur, ascending, without 0.
    pub(crate) labels: Vec<u32>,
    /// Their runs from top to bottom and left to right.
    pub(crate) runs: Vec<ObjectRun>,
}

impl Objects {
    pub(crate) fn of(labels: View<'_, u32>) -> Self {
        let mut runs = Vec::new();
        let mut ends = Vec::with_capacity(labels.height());
        for row in labels.rows() {
            components::push_runs(row, |value| value != 0, &mut runs);
            ends.push(runs.len());
        }
        let numbers = Numbers::of(&runs, labels.pixels.len());
        let starts = [0].into_iter().chain(ends.iter().copied());
        let rows = starts.zip(&ends).enumerate();
        let object_runs = rows.flat_map(|(y, (start, &end))| {
            let numbers = &numbers;
            runs[start..end].iter().map(move |run| ObjectRun {
                y: y as u32,
                start: run.start,
                end: run.end,
                object: numbers.position(run.value),
            })
        });
        Self { runs: object_runs.collect(), labels: numbers.labels }
    }

    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }
}

/// The labels that occur, and how to find one's position.
struct Numbers {
    labels: Vec<u32>,
    /// Positions by label; empty when labels are too sparse for it.
    table: Vec<u32>,
}

impl Numbers {
    fn of(runs: &[Run], n_pixels: usize) -> Self {
        let largest = runs.iter().map(|run| run.value).max().unwrap_or(0) as usize;
        if largest > MAX_SPARSENESS * n_pixels {
            let mut labels: Vec<u32> = runs.iter().map(|run| run.value).collect();
            labels.sort_unstable();
            labels.dedup();
            return Self { labels, table: Vec::new() };
        }
        let mut table = vec![0; largest + 1];
        runs.iter().for_each(|run| table[run.value as usize] = 1);
        let occurring = table.iter().enumerate().filter(|(_, is_there)| **is_there == 1);
        let labels: Vec<u32> = occurring.map(|(label, _)| label as u32).collect();
        for (position, &label) in labels.iter().enumerate() {
            table[label as usize] = position as u32;
        }
        Self { labels, table }
    }

    fn position(&self, label: u32) -> u32 {
        let by_search = || self.labels.partition_point(|&other| other < label) as u32;
        self.table.get(label as usize).copied().unwrap_or_else(by_search)
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;

    fn objects(pixels: &[u32]) -> Vec<(u32, u32, u32)> {
        let shape = PlaneShape::new(2, pixels.len() as u32 / 2);
        let objects = Objects::of(View { shape, pixels });
        let plain = |run: &ObjectRun| (objects.labels[run.object as usize], run.y, run.len());
        objects.runs.iter().map(plain).collect()
    }

    #[test]
    fn labels_may_be_sparse_and_in_pieces() {
        assert_eq!(
            objects(&[7, 7, 0, 3, 0, 7, 3, 3]),
            [(7, 0, 2), (3, 0, 1), (7, 1, 1), (3, 1, 2)]
        );
        let huge = u32::MAX;
        assert_eq!(
            objects(&[huge, 2, 2, huge]),
            [(huge, 0, 1), (2, 0, 1), (2, 1, 1), (huge, 1, 1)]
        );
        assert_eq!(objects(&[0, 0]), []);
    }
}
