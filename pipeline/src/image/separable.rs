//! Symmetric separable filters: down the columns, then along the rows.
//!
//! Sums are kept in double precision and in the order that `scipy.ndimage` adds them, with
//! single precision between the two passes, so results equal scipy's to the last bit. Rows
//! of the image wait as doubles in a ring, so that each pixel is converted once. Bound by
//! the adders: `2 * radius` additions per pixel and pass, a few pixels at a time in
//! registers; memory is touched once.

use polystore::{Element, PlaneShape};

use super::raster::{Pooled, Raster, View};
use crate::Result;

/// Pixels summed side by side in registers.
const LANES: usize = 16;

/// What lies beyond the edge of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The edge pixel repeated: `a a a | a b c | c c c`.
    Nearest,
    /// The image mirrored, edge pixel included: `c b a | a b c | c b a`.
    Reflect,
}

impl Edge {
    /// The position inside `0..len` that stands for `position`.
    pub(crate) fn resolve(self, position: isize, len: usize) -> usize {
        let len = len as isize;
        let inside = match self {
            Self::Nearest => position.clamp(0, len - 1),
            Self::Reflect => {
                let wrapped = position.rem_euclid(2 * len);
                wrapped.min(2 * len - 1 - wrapped)
            }
        };
        inside as usize
    }
}

/// The weights of a symmetric filter from its centre outwards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kernel(Vec<f64>);

impl Kernel {
    /// A sampled Gaussian of standard deviation `sigma` px, cut off at four of them and
    /// scaled to a sum of one.
    pub(crate) fn gaussian(sigma: f64) -> Self {
        let radius = (4.0 * sigma + 0.5) as usize;
        let height =
            |distance: usize| (-0.5 / (sigma * sigma) * (distance * distance) as f64).exp();
        let half: Vec<f64> = (0..=radius).map(|d| if d == 0 { 1.0 } else { height(d) }).collect();
        let total = half[0] + 2.0 * half[1..].iter().sum::<f64>();
        Self(half.into_iter().map(|weight| weight / total).collect())
    }

    fn radius(&self) -> usize {
        self.0.len() - 1
    }
}

/// Filters `image` with `kernel` along both axes.
pub(crate) fn convolve<T: Element>(
    image: View<'_, T>,
    kernel: &Kernel,
    edge: Edge,
) -> Result<Raster<f32>> {
    let mut filtered = Raster::unset(image.shape)?;
    let mut columns = Columns::new(image, kernel, edge)?;
    let mut line = Line::new(image.shape, kernel, edge)?;
    for (y, target) in filtered.rows_mut().enumerate() {
        columns.sum_row(y, line.body());
        line.sum(target);
    }
    Ok(filtered)
}

/// Two places in a buffer that share a weight.
struct Tap {
    before: usize,
    after: usize,
    weight: f64,
}

/// The weighted sums of `LANES` neighbours from `centre` on, farthest taps first.
#[inline(always)]
fn sum_lanes(buffer: &[f64], centre: usize, own: f64, x: usize, taps: &[Tap]) -> [f64; LANES] {
    let lanes = |start: usize| buffer[start + x..].first_chunk::<LANES>();
    let mut sums = [0.0; LANES];
    if let Some(middle) = lanes(centre) {
        for lane in 0..LANES {
            sums[lane] = middle[lane] * own;
        }
    }
    for tap in taps {
        if let (Some(before), Some(after)) = (lanes(tap.before), lanes(tap.after)) {
            for lane in 0..LANES {
                sums[lane] += (before[lane] + after[lane]) * tap.weight;
            }
        }
    }
    sums
}

/// The pass down the columns: the rows around the current one, as doubles.
struct Columns<'a, T> {
    image: View<'a, T>,
    kernel: &'a Kernel,
    edge: Edge,
    ring: Pooled<f64>,
    n_slots: usize,
    stride: usize,
    n_loaded: usize,
    taps: Vec<Tap>,
}

impl<'a, T: Element> Columns<'a, T> {
    fn new(image: View<'a, T>, kernel: &'a Kernel, edge: Edge) -> Result<Self> {
        let n_slots = (2 * kernel.radius() + 1).min(image.height().max(1));
        let stride = padded(image.shape);
        let ring = Pooled::filled(n_slots * stride, 0.0)?;
        let taps = Vec::with_capacity(kernel.radius());
        Ok(Self { image, kernel, edge, ring, n_slots, stride, n_loaded: 0, taps })
    }

    /// Row `y` of the image after the pass, as single-precision numbers.
    fn sum_row(&mut self, y: usize, target: &mut [f64]) {
        self.load_to(y + self.kernel.radius());
        self.place_taps(y);
        let centre = self.slot(y);
        for (block, sums) in target.chunks_exact_mut(LANES).enumerate() {
            let own = self.kernel.0[0];
            let lanes = sum_lanes(self.ring.as_slice(), centre, own, block * LANES, &self.taps);
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum = f64::from(lane as f32);
            }
        }
    }

    fn load_to(&mut self, last: usize) {
        let end = (last + 1).min(self.image.height());
        for y in self.n_loaded..end {
            let slot = self.slot(y);
            let target = &mut self.ring.as_mut_slice()[slot..slot + self.image.width()];
            for (value, &pixel) in target.iter_mut().zip(self.image.row(y)) {
                *value = pixel.to_f64();
            }
        }
        self.n_loaded = self.n_loaded.max(end);
    }

    fn place_taps(&mut self, y: usize) {
        self.taps.clear();
        for distance in (1..=self.kernel.radius()).rev() {
            let at = |row: isize| self.slot(self.edge.resolve(row, self.image.height()));
            let (y, reach) = (y as isize, distance as isize);
            let (before, after) = (at(y - reach), at(y + reach));
            self.taps.push(Tap { before, after, weight: self.kernel.0[distance] });
        }
    }

    fn slot(&self, y: usize) -> usize {
        y % self.n_slots * self.stride
    }
}

/// The pass along a row: the row with what lies beyond its ends.
struct Line {
    values: Pooled<f64>,
    width: usize,
    radius: usize,
    edge: Edge,
    own: f64,
    taps: Vec<Tap>,
}

impl Line {
    fn new(shape: PlaneShape, kernel: &Kernel, edge: Edge) -> Result<Self> {
        let radius = kernel.radius();
        let values = Pooled::filled(padded(shape) + 2 * radius, 0.0)?;
        let tap = |d: usize| Tap { before: radius - d, after: radius + d, weight: kernel.0[d] };
        let taps = (1..=radius).rev().map(tap).collect();
        Ok(Self { values, width: shape.width as usize, radius, edge, own: kernel.0[0], taps })
    }

    /// The row itself, padded to whole blocks.
    fn body(&mut self) -> &mut [f64] {
        let radius = self.radius;
        let values = self.values.as_mut_slice();
        let end = values.len() - radius;
        &mut values[radius..end]
    }

    fn sum(&mut self, target: &mut [f32]) {
        self.extend();
        for (block, pixels) in target.chunks_mut(LANES).enumerate() {
            let values = self.values.as_slice();
            let sums = sum_lanes(values, self.radius, self.own, block * LANES, &self.taps);
            for (pixel, sum) in pixels.iter_mut().zip(sums) {
                *pixel = sum as f32;
            }
        }
    }

    fn extend(&mut self) {
        let (radius, width, edge) = (self.radius, self.width, self.edge);
        let values = self.values.as_mut_slice();
        for distance in 1..=radius {
            let before = edge.resolve(-(distance as isize), width);
            let after = edge.resolve((width + distance - 1) as isize, width);
            values[radius - distance] = values[radius + before];
            values[radius + width + distance - 1] = values[radius + after];
        }
    }
}

/// Columns rounded up to whole blocks of lanes.
fn padded(shape: PlaneShape) -> usize {
    (shape.width as usize).next_multiple_of(LANES)
}
