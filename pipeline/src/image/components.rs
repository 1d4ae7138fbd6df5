//! Connected components of label images by runs: one pass that meets each pixel once, and
//! union-find over runs instead of pixels (He, Chao and Suzuki, IEEE Trans. Image Processing
//! 17, 2008). Bound by reading the pixels.

use super::raster::View;

/// Which neighbours are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connectivity {
    /// Left, right, above and below.
    Four,
    /// Those and the diagonal ones.
    Eight,
}

/// Pixels of one value side by side in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First column.
    pub(crate) start: u32,
    /// Column after the last.
    pub(crate) end: u32,
    /// Value of the pixels.
    pub(crate) value: u32,
    /// Number of the component from 0, in raster order of first pixels.
    pub(crate) component: u32,
}

impl Run {
    pub(crate) fn len(&self) -> u32 {
        self.end - self.start
    }

    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The runs of an image, row by row, with their components.
#[derive(Debug)]
pub(crate) struct Components {
    runs: Vec<Run>,
    /// Where the runs of each row start; one more than there are rows.
    rows: Vec<usize>,
    n_components: usize,
}

impl Components {
    /// Components of equal pixels that are not zero.
    pub(crate) fn of_objects(labels: View<'_, u32>, connectivity: Connectivity) -> Self {
        Self::find(labels, connectivity, |value| value != 0)
    }

    /// Components of pixels that are zero.
    pub(crate) fn of_background(labels: View<'_, u32>, connectivity: Connectivity) -> Self {
        Self::find(labels, connectivity, |value| value == 0)
    }

    fn find(labels: View<'_, u32>, connectivity: Connectivity, wanted: fn(u32) -> bool) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut rows = vec![0];
        let mut forest = Forest::default();
        let mut above = 0;
        for row in labels.rows() {
            let start = runs.len();
            push_runs(row, wanted, &mut runs);
            forest.grow(runs.len());
            let row_above = Row { runs: &runs[above..start], first: above };
            let own = Row { runs: &runs[start..], first: start };
            join(row_above, own, connectivity, &mut forest);
            rows.push(runs.len());
            above = start;
        }
        let n_components = forest.number(&mut runs);
        Self { runs, rows, n_components }
    }

    pub(crate) fn len(&self) -> usize {
        self.n_components
    }

    /// All runs with their rows, from top to bottom and left to right.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (usize, &Run)> {
        self.rows
            .windows(2)
            .enumerate()
            .flat_map(|(y, ends)| self.runs[ends[0]..ends[1]].iter().map(move |run| (y, run)))
    }

    /// Pixels of each component.
    pub(crate) fn areas(&self) -> Vec<u32> {
        let mut areas = vec![0; self.n_components];
        for run in &self.runs {
            areas[run.component as usize] += run.len();
        }
        areas
    }

    /// Whether each component touches the edge of an image `width` pixels wide.
    pub(crate) fn at_border(&self, width: u32) -> Vec<bool> {
        let last = self.rows.len().saturating_sub(2);
        let mut at_border = vec![false; self.n_components];
        for (y, run) in self.runs() {
            at_border[run.component as usize] |=
                y == 0 || y == last || run.start == 0 || run.end == width;
        }
        at_border
    }
}

/// The runs of pixels of `row` that are `wanted`.
pub(crate) fn push_runs(row: &[u32], wanted: impl Fn(u32) -> bool, runs: &mut Vec<Run>) {
    let mut start = 0;
    while let Some(&value) = row.get(start) {
        let end = run_end(row, start, value);
        if wanted(value) {
            runs.push(Run { start: start as u32, end: end as u32, value, component: 0 });
        }
        start = end;
    }
}

/// Where the pixels of `value` from `start` on end; looks at many at once while all agree.
fn run_end(row: &[u32], start: usize, value: u32) -> usize {
    let mut end = start;
    while let Some(chunk) = row[end..].first_chunk::<16>()
        && chunk.iter().fold(0, |differences, &pixel| differences | (pixel ^ value)) == 0
    {
        end += chunk.len();
    }
    end + row[end..].iter().take_while(|&&pixel| pixel == value).count()
}

/// Runs of one row, and the number of the first.
#[derive(Clone, Copy)]
struct Row<'a> {
    runs: &'a [Run],
    first: usize,
}

/// Connects the runs of a row with those of the row above.
fn join(above: Row<'_>, own: Row<'_>, connectivity: Connectivity, forest: &mut Forest) {
    let reach = u32::from(connectivity == Connectivity::Eight);
    let mut next = 0;
    for (at, run) in own.runs.iter().enumerate() {
        let is_left = |other: &Run| other.end + reach <= run.start;
        next += above.runs[next..].iter().take_while(|other| is_left(other)).count();
        for (offset, other) in above.runs[next..].iter().enumerate() {
            if other.start >= run.end + reach {
                break;
            }
            if other.value == run.value {
                forest.join(above.first + next + offset, own.first + at);
            }
        }
    }
}

/// Union-find over runs; the root of a tree is its earliest run.
#[derive(Default)]
struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    fn grow(&mut self, n_runs: usize) {
        self.parents.extend(self.parents.len() as u32..n_runs as u32);
    }

    fn root(&mut self, run: usize) -> usize {
        let mut at = run;
        while self.parents[at] as usize != at {
            // Halving the path keeps trees flat.
            self.parents[at] = self.parents[self.parents[at] as usize];
            at = self.parents[at] as usize;
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other) as u32;
    }

    /// Numbers the trees in the order of their roots; returns how many there are.
    fn number(&mut self, runs: &mut [Run]) -> usize {
        let mut n_components = 0;
        for at in 0..runs.len() {
            let root = self.root(at);
            runs[at].component = if root == at { n_components } else { runs[root].component };
            n_components += u32::from(root == at);
        }
        n_components as usize
    }
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;
    use proptest::prelude::*;

    use super::*;

    /// Component numbers from 1 by flood fill, in raster order of first pixels.
    fn by_flooding(labels: View<'_, u32>, connectivity: Connectivity) -> Vec<u32> {
        let (height, width) = (labels.height() as i64, labels.width() as i64);
        let mut numbers = vec![0; labels.pixels.len()];
        let mut next = 0;
        for start in 0..labels.pixels.len() {
            if labels.pixels[start] == 0 || numbers[start] != 0 {
                continue;
            }
            next += 1;
            let mut waiting = vec![start];
            numbers[start] = next;
            while let Some(at) = waiting.pop() {
                let (y, x) = (at as i64 / width, at as i64 % width);
                for (dy, dx) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx))) {
                    let near = connectivity == Connectivity::Eight || dy == 0 || dx == 0;
                    let inside = (0..height).contains(&(y + dy)) && (0..width).contains(&(x + dx));
                    if !near || !inside {
                        continue;
                    }
                    let other = ((y + dy) * width + x + dx) as usize;
                    if numbers[other] == 0 && labels.pixels[other] == labels.pixels[at] {
                        numbers[other] = next;
                        waiting.push(other);
                    }
                }
            }
        }
        numbers
    }

    fn painted(components: &Components, n_pixels: usize, width: usize) -> Vec<u32> {
        let mut numbers = vec![0; n_pixels];
        for (y, run) in components.runs() {
            numbers[y * width..][run.columns()].fill(run.component + 1);
        }
        numbers
    }

    proptest! {
        #[test]
        fn runs_agree_with_flood_fill(
            height in 1usize..14,
            width in 1usize..40,
            seed in prop::collection::vec(0u32..4, 14 * 40),
            n_values in 1u32..4,
            is_eight: bool,
        ) {
            let pixels: Vec<u32> = seed.iter().take(height * width).map(|v| v % (n_values + 1)).collect();
            let shape = PlaneShape::new(height as u32, width as u32);
            let labels = View { shape, pixels: &pixels };
            let connectivity = if is_eight { Connectivity::Eight } else { Connectivity::Four };
            let components = Components::of_objects(labels, connectivity);
            let expected = by_flooding(labels, connectivity);
            prop_assert_eq!(components.len() as u32, expected.iter().copied().max().unwrap());
            prop_assert_eq!(painted(&components, pixels.len(), width), expected);
        }
    }

    #[test]
    fn areas_and_borders() {
        let pixels = [0, 0, 0, 0, 0, 5, 5, 0, 0, 0, 0, 5, 0, 0, 0, 0];
        let labels = View { shape: PlaneShape::new(4, 4), pixels: &pixels };
        let objects = Components::of_objects(labels, Connectivity::Four);
        assert_eq!((objects.len(), objects.areas()), (2, vec![2, 1]));
        assert_eq!(objects.at_border(4), [false, true]);
        assert_eq!(Components::of_objects(labels, Connectivity::Eight).len(), 1);
        assert_eq!(Components::of_background(labels, Connectivity::Four).len(), 1);
    }
}
