//! Size, place and form of objects from their moments, as scikit-image's `regionprops`
//! defines them. Moments are whole numbers summed exactly, a run at a time.

use super::objects::{ObjectRun, Objects};

/// Sums over the pixels of an object, and the box around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    n: u64,
    y: u128,
    x: u128,
    yy: u128,
    xx: u128,
    xy: u128,
    pub(crate) top: u32,
    pub(crate) left: u32,
    /// Row after the last.
    pub(crate) bottom: u32,
    /// Column after the last.
    pub(crate) right: u32,
}

/// The shape of each object.
pub(crate) fn shapes(objects: &Objects) -> Vec<Shape> {
    let mut shapes = vec![Shape::EMPTY; objects.len()];
    for run in &objects.runs {
        shapes[run.object as usize].add(run);
    }
    shapes
}

/// The ellipse with the same second moments as an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ellipse {
    /// Length of the longer axis in px.
    pub(crate) major: f64,
    /// Length of the shorter axis in px.
    pub(crate) minor: f64,
    /// 0 for a circle, towards 1 for a line.
    pub(crate) eccentricity: f64,
    /// Angle in radians from the y axis to the longer axis, counter-clockwise in a picture
    /// whose rows grow downwards: from -pi/2 to pi/2.
    pub(crate) orientation: f64,
}

impl Shape {
    const EMPTY: Self = Self {
        n: 0,
        y: 0,
        x: 0,
        yy: 0,
        xx: 0,
        xy: 0,
        top: u32::MAX,
        left: u32::MAX,
        bottom: 0,
        right: 0,
    };

    fn add(&mut self, run: &ObjectRun) {
        let (n, y) = (u128::from(run.len()), u128::from(run.y));
        let x = sum_to(run.end) - sum_to(run.start);
        self.n += u64::from(run.len());
        self.y += n * y;
        self.x += x;
        self.yy += n * y * y;
        self.xx += sum_of_squares_to(run.end) - sum_of_squares_to(run.start);
        self.xy += x * y;
        self.top = self.top.min(run.y);
        self.left = self.left.min(run.start);
        self.bottom = self.bottom.max(run.y + 1);
        self.right = self.right.max(run.end);
    }

    pub(crate) fn area(&self) -> u64 {
        self.n
    }

    /// The mean position of the pixel centres: `(y, x)`.
    pub(crate) fn centroid(&self) -> (f64, f64) {
        (self.y as f64 / self.n as f64, self.x as f64 / self.n as f64)
    }

    /// The part of the box around the object that it fills.
    pub(crate) fn extent(&self) -> f64 {
        let height = u64::from(self.bottom - self.top);
        self.n as f64 / (height * u64::from(self.right - self.left)) as f64
    }

    /// The diameter of a circle of the same area, in px.
    pub(crate) fn equivalent_diameter(&self) -> f64 {
        (4.0 * self.n as f64 / std::f64::consts::PI).sqrt()
    }

    pub(crate) fn ellipse(&self) -> Ellipse {
        let variance =
            |squares: u128, sum: u128| self.normalised((self.n128() * squares - sum * sum) as f64);
        let (xx, yy) = (variance(self.xx, self.x), variance(self.yy, self.y));
        let products = (self.n128() * self.xy) as i128 - (self.x * self.y) as i128;
        let xy = self.normalised(products as f64);
        let middle = (xx + yy) / 2.0;
        let spread = ((xx - yy) / 2.0).hypot(xy);
        let (longest, shortest) = (middle + spread, (middle - spread).max(0.0));
        Ellipse {
            major: 4.0 * longest.sqrt(),
            minor: 4.0 * shortest.sqrt(),
            eccentricity: if longest == 0.0 { 0.0 } else { (1.0 - shortest / longest).sqrt() },
            orientation: orientation(xx, yy, xy),
        }
    }

    fn n128(&self) -> u128 {
        u128::from(self.n)
    }

    /// `n` times a sum over pairs, as a mean.
    fn normalised(&self, pairs: f64) -> f64 {
        pairs / (self.n as f64 * self.n as f64)
    }
}

fn orientation(xx: f64, yy: f64, xy: f64) -> f64 {
    use std::f64::consts::FRAC_PI_4;
    match (xx == yy, xy > 0.0) {
        (true, true) => FRAC_PI_4,
        (true, false) => -FRAC_PI_4,
        (false, _) => 0.5 * (2.0 * xy).atan2(yy - xx),
    }
}

/// 0 + 1 + .. + (end - 1).
fn sum_to(end: u32) -> u128 {
    let end = u128::from(end);
    end * end.saturating_sub(1) / 2
}

/// 0 + 1 + 4 + .. + (end - 1)^2.
fn sum_of_squares_to(end: u32) -> u128 {
    let end = u128::from(end);
    end.saturating_sub(1) * end * (2 * end).saturating_sub(1) / 6
}

#[cfg(test)]
mod tests {
    use polystore::PlaneShape;

    use super::*;
    use crate::image::raster::View;

    fn only(width: u32, pixels: &[u32]) -> Shape {
        let shape = PlaneShape::new(pixels.len() as u32 / width, width);
        shapes(&Objects::of(View { shape, pixels }))[0]
    }

    #[test]
    fn a_line_is_all_length() {
        let line = only(5, &[0, 1, 1, 1, 0]);
        assert_eq!((line.area(), line.centroid()), (3, (0.0, 2.0)));
        let ellipse = line.ellipse();
        assert_eq!((ellipse.minor, ellipse.eccentricity), (0.0, 1.0));
        assert!((ellipse.major - 4.0 * (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(ellipse.orientation.abs(), std::f64::consts::FRAC_PI_2);
    }

    #[test]
    fn a_pixel_is_a_circle_of_no_size() {
        let pixel = only(2, &[0, 0, 0, 4]);
        let ellipse = pixel.ellipse();
        assert_eq!((ellipse.major, ellipse.eccentricity, pixel.extent()), (0.0, 0.0, 1.0));
        assert_eq!((pixel.top, pixel.left, pixel.bottom, pixel.right), (1, 1, 2, 2));
    }

    #[test]
    fn diagonals_lean_to_their_side() {
        let falling = only(2, &[1, 0, 0, 1]).ellipse().orientation;
        let rising = only(2, &[0, 1, 1, 0]).ellipse().orientation;
        assert_eq!((falling, rising), (std::f64::consts::FRAC_PI_4, -std::f64::consts::FRAC_PI_4));
    }
}
