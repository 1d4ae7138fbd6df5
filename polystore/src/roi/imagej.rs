//! ImageJ's `.roi` format, version 228: a header of 64 bytes, coordinates, a second header.
//!
//! All numbers are big-endian. Offsets and type numbers are those of ImageJ's own decoder
//! (`ij.io.RoiDecoder`, public domain).

use crate::{
    Error, ErrorKind, PlaneIndex, Result,
    backend::{Roi, Shape},
};

const MAGIC: &[u8; 4] = b"Iout";
const VERSION: u16 = 228;
const HEADER_BYTES: usize = 64;
const HEADER2_BYTES: usize = 64;
/// The coordinates are doubled as floats after the whole numbers, or stand in the header.
const SUB_PIXEL: u16 = 128;
/// Most corners of an outline; the count has 16 bits, longer ones stand at offset 16 and 18
/// as 32 bits in newer files.
const MAX_POINTS: usize = 1 << 22;

mod offset {
    pub(super) const VERSION: usize = 4;
    pub(super) const TYPE: usize = 6;
    pub(super) const TOP: usize = 8;
    pub(super) const N_COORDINATES: usize = 16;
    pub(super) const X1: usize = 18;
    pub(super) const LONG_COUNT: usize = 18;
    pub(super) const OPTIONS: usize = 50;
    pub(super) const HEADER2: usize = 60;
    pub(super) const COORDINATES: usize = 64;
    // In the second header.
    pub(super) const C: usize = 4;
    pub(super) const Z: usize = 8;
    pub(super) const T: usize = 12;
    pub(super) const NAME: usize = 16;
    pub(super) const NAME_LENGTH: usize = 20;
}

mod kind {
    pub(super) const POLYGON: u8 = 0;
    pub(super) const RECTANGLE: u8 = 1;
    pub(super) const OVAL: u8 = 2;
    pub(super) const LINE: u8 = 3;
    pub(super) const FREE_LINE: u8 = 4;
    pub(super) const POLYLINE: u8 = 5;
    pub(super) const FREEHAND: u8 = 7;
    pub(super) const TRACED: u8 = 8;
    pub(super) const POINT: u8 = 10;
}

/// A region as the content of a `.roi` file.
///
/// # Errors
/// `InvalidInput` for coordinates that are not finite or beyond what the format holds, and
/// for an outline without corners.
pub fn encode(roi: &Roi) -> Result<Vec<u8>> {
    let (kind, bounds, points) = match &roi.shape {
        Shape::Point { x, y } => (kind::POINT, [*x, *y, 0.0, 0.0], vec![(*x, *y)]),
        Shape::Rectangle { x, y, width, height } => {
            (kind::RECTANGLE, [*x, *y, *width, *height], Vec::new())
        }
        Shape::Ellipse { x, y, width, height } => {
            (kind::OVAL, [*x, *y, *width, *height], Vec::new())
        }
        Shape::Polygon(points) => (kind::POLYGON, bounds_of(points)?, points.clone()),
        Shape::Polyline(points) => (kind::POLYLINE, bounds_of(points)?, points.clone()),
    };
    check(roi, &bounds, &points)?;
    let mut file = vec![0; HEADER_BYTES];
    file[..4].copy_from_slice(MAGIC);
    put(&mut file, offset::VERSION, &VERSION.to_be_bytes());
    file[offset::TYPE] = kind;
    put_bounds(&mut file, &bounds);
    put(&mut file, offset::OPTIONS, &SUB_PIXEL.to_be_bytes());
    if points.is_empty() {
        for (number, value) in bounds.iter().enumerate() {
            put(&mut file, offset::X1 + 4 * number, &(*value as f32).to_be_bytes());
        }
    } else {
        put_points(&mut file, &bounds, &points);
    }
    put_header2(&mut file, roi);
    Ok(file)
}

fn bounds_of(points: &[(f64, f64)]) -> Result<[f64; 4]> {
    let Some(&(x, y)) = points.first() else {
        return Err(Error::invalid_input("an outline needs at least one corner"));
    };
    let start = (x, y, x, y);
    let (left, top, right, bottom) = points.iter().fold(start, |(left, top, right, bottom), p| {
        (left.min(p.0), top.min(p.1), right.max(p.0), bottom.max(p.1))
    });
    Ok([left, top, right - left, bottom - top])
}

fn check(roi: &Roi, bounds: &[f64; 4], points: &[(f64, f64)]) -> Result<()> {
    let numbers = points.iter().flat_map(|point| [point.0, point.1]).chain(*bounds);
    let mut odd = numbers.filter(|value| !(value.is_finite() && value.abs() <= 32_000.0));
    if let Some(value) = odd.next() {
        return Err(Error::invalid_input(format!(
            "region `{}` has the coordinate {value}; ImageJ stores up to 32000 pixels",
            roi.name
        )));
    }
    if points.len() > MAX_POINTS {
        return Err(Error::invalid_input(format!(
            "region `{}` has {} corners; at most {MAX_POINTS} are stored",
            roi.name,
            points.len()
        )));
    }
    Ok(())
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Whole-number bounds around the region, as ImageJ lists them: top, left, bottom, right.
fn put_bounds(file: &mut [u8], [x, y, width, height]: &[f64; 4]) {
    let sides = [y.floor(), x.floor(), (y + height).ceil(), (x + width).ceil()];
    for (number, side) in sides.into_iter().enumerate() {
        put(file, offset::TOP + 2 * number, &(side as i16).to_be_bytes());
    }
}

fn put_points(file: &mut Vec<u8>, bounds: &[f64; 4], points: &[(f64, f64)]) {
    match u16::try_from(points.len()) {
        Ok(count) => put(file, offset::N_COORDINATES, &count.to_be_bytes()),
        Err(_) => put(file, offset::LONG_COUNT, &(points.len() as u32).to_be_bytes()),
    }
    let (left, top) = (bounds[0].floor(), bounds[1].floor());
    let whole = |value: f64| (value.floor() as i16).to_be_bytes();
    file.extend(points.iter().flat_map(|point| whole(point.0 - left)));
    file.extend(points.iter().flat_map(|point| whole(point.1 - top)));
    file.extend(points.iter().flat_map(|point| (point.0 as f32).to_be_bytes()));
    file.extend(points.iter().flat_map(|point| (point.1 as f32).to_be_bytes()));
}

fn put_header2(file: &mut Vec<u8>, roi: &Roi) {
    let start = file.len();
    put(file, offset::HEADER2, &(start as u32).to_be_bytes());
    let mut header = vec![0; HEADER2_BYTES];
    if let Some(index) = roi.index {
        // From 1, as ImageJ counts; 0 stands for every plane.
        for (at, value) in [(offset::C, index.c), (offset::Z, index.z), (offset::T, index.t)] {
            put(&mut header, at, &(value + 1).to_be_bytes());
        }
    }
    let name: Vec<u16> = roi.name.encode_utf16().collect();
    put(&mut header, offset::NAME, &((start + HEADER2_BYTES) as u32).to_be_bytes());
    put(&mut header, offset::NAME_LENGTH, &(name.len() as u32).to_be_bytes());
    file.extend(header);
    file.extend(name.iter().flat_map(|unit| unit.to_be_bytes()));
}

/// The region in the content of a `.roi` file; `name` is used when the file has none.
///
/// # Errors
/// `InvalidData` for a damaged file, `Unsupported` for a kind of region that is not read.
pub fn decode(file: &[u8], name: &str) -> Result<Roi> {
    let reader = Reader(file);
    if file.get(..4) != Some(MAGIC) {
        return Err(Error::invalid_data("is not an ImageJ region: it does not start with `Iout`"));
    }
    let bounds = [reader.i16(8)?, reader.i16(10)?, reader.i16(12)?, reader.i16(14)?];
    let [top, left, bottom, right] = bounds.map(f64::from);
    let sub_pixel =
        reader.u16(offset::OPTIONS)? & SUB_PIXEL != 0 && reader.u16(offset::VERSION)? >= 222;
    let shape = match reader.u8(offset::TYPE)? {
        oval_or_rectangle @ (kind::RECTANGLE | kind::OVAL) => {
            let [x, y, width, height] = match sub_pixel && reader.u16(offset::VERSION)? >= 223 {
                true => reader.four_floats()?,
                false => [left, top, right - left, bottom - top],
            };
            match oval_or_rectangle {
                kind::OVAL => Shape::Ellipse { x, y, width, height },
                _ => Shape::Rectangle { x, y, width, height },
            }
        }
        kind::LINE => {
            let [x1, y1, x2, y2] = reader.four_floats()?;
            Shape::Polyline(vec![(x1, y1), (x2, y2)])
        }
        kind::POLYGON | kind::FREEHAND | kind::TRACED => {
            Shape::Polygon(reader.points(left, top, sub_pixel)?)
        }
        kind::POLYLINE | kind::FREE_LINE => Shape::Polyline(reader.points(left, top, sub_pixel)?),
        kind::POINT => {
            let (x, y) =
                reader.points(left, top, sub_pixel)?.first().copied().unwrap_or((left, top));
            Shape::Point { x, y }
        }
        other => {
            return Err(Error::unsupported(format!("ImageJ region of type {other} is not read")));
        }
    };
    let (index, stored) = reader.header2()?;
    Ok(Roi { name: stored.unwrap_or_else(|| name.to_owned()), shape, index })
}

/// Numbers at offsets of a file that may be shorter than it should be.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let end = at.checked_add(N);
        let found = end.and_then(|end| self.0.get(at..end)).and_then(|part| part.try_into().ok());
        found.ok_or_else(|| {
            Error::invalid_data(format!("region is truncated: it has {} bytes", self.0.len()))
        })
    }

    fn u8(&self, at: usize) -> Result<u8> {
        Ok(self.bytes::<1>(at)?[0])
    }

    fn u16(&self, at: usize) -> Result<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    fn i16(&self, at: usize) -> Result<i16> {
        self.bytes(at).map(i16::from_be_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32> {
        self.bytes(at).map(u32::from_be_bytes)
    }

    fn f32(&self, at: usize) -> Result<f64> {
        self.bytes(at).map(|bytes| f64::from(f32::from_be_bytes(bytes)))
    }

    fn four_floats(&self) -> Result<[f64; 4]> {
        let at = |number: usize| self.f32(offset::X1 + 4 * number);
        Ok([at(0)?, at(1)?, at(2)?, at(3)?])
    }

    fn points(&self, left: f64, top: f64, sub_pixel: bool) -> Result<Vec<(f64, f64)>> {
        let count = match self.u16(offset::N_COORDINATES)? {
            0 => self.u32(offset::LONG_COUNT)? as usize,
            count => usize::from(count),
        };
        if count > MAX_POINTS || offset::COORDINATES + 4 * count > self.0.len() {
            return Err(Error::new(
                ErrorKind::InvalidData,
                format!("region claims {count} corners, its file has {} bytes", self.0.len()),
            ));
        }
        let floats = offset::COORDINATES + 4 * count;
        (0..count)
            .map(|number| {
                if sub_pixel {
                    let x = self.f32(floats + 4 * number)?;
                    return Ok((x, self.f32(floats + 4 * (count + number))?));
                }
                let x = self.i16(offset::COORDINATES + 2 * number)?;
                let y = self.i16(offset::COORDINATES + 2 * (count + number))?;
                Ok((left + f64::from(x), top + f64::from(y)))
            })
            .collect()
    }

    /// Position and name; both may be left out.
    fn header2(&self) -> Result<(Option<PlaneIndex>, Option<String>)> {
        let start = self.u32(offset::HEADER2)? as usize;
        if start == 0
            || start.checked_add(offset::NAME_LENGTH + 4).is_none_or(|end| end > self.0.len())
        {
            return Ok((None, None));
        }
        let position = |at: usize| self.u32(start + at);
        let [c, z, t] = [position(offset::C)?, position(offset::Z)?, position(offset::T)?];
        let from_zero = |printed: u32| printed.saturating_sub(1);
        let index = (c, z, t) != (0, 0, 0);
        let index = index.then(|| PlaneIndex::new(from_zero(t), from_zero(c), from_zero(z)));
        let (at, length) =
            (position(offset::NAME)? as usize, position(offset::NAME_LENGTH)? as usize);
        let units = length.checked_mul(2).and_then(|n| at.checked_add(n));
        let name = units.and_then(|end| self.0.get(at..end)).filter(|name| !name.is_empty());
        let name = name.map(|name| {
            let units: Vec<u16> =
                name.as_chunks::<2>().0.iter().map(|&unit| u16::from_be_bytes(unit)).collect();
            String::from_utf16_lossy(&units)
        });
        Ok((index, name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Coordinates that 32-bit floats hold exactly.
    fn coordinate() -> impl Strategy<Value = f64> {
        (-8000i32..32_000).prop_map(|eighths| f64::from(eighths) / 8.0)
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let points = || prop::collection::vec((coordinate(), coordinate()), 1..40);
        let sides = || (coordinate(), coordinate(), 0.0..1000.0, 0.0..1000.0);
        let whole = |value: f64| (value * 8.0f64).round() / 8.0;
        prop_oneof![
            (coordinate(), coordinate()).prop_map(|(x, y)| Shape::Point { x, y }),
            sides().prop_map(move |(x, y, width, height)| Shape::Rectangle {
                x,
                y,
                width: whole(width),
                height: whole(height)
            }),
            sides().prop_map(move |(x, y, width, height)| Shape::Ellipse {
                x,
                y,
                width: whole(width),
                height: whole(height)
            }),
            points().prop_map(Shape::Polygon),
            points().prop_map(Shape::Polyline),
        ]
    }

    fn roi() -> impl Strategy<Value = Roi> {
        let index = prop::option::of((0u32..99, 0u32..9, 0u32..99));
        ("[a-zA-Z0-9 µ]{1,20}", shape(), index).prop_map(|(name, shape, index)| Roi {
            name,
            shape,
            index: index.map(|(t, c, z)| PlaneIndex::new(t, c, z)),
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(roi in roi()) {
            prop_assert_eq!(decode(&encode(&roi).unwrap(), "other").unwrap(), roi);
        }

        #[test]
        fn damaged_files_never_panic(roi in roi(), at in 0usize..200, value in any::<u8>(), cut in 0usize..300) {
            let mut file = encode(&roi).unwrap();
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
            file.truncate(cut.max(4));
            let _ = decode(&file, "x");
        }
    }

    #[test]
    fn long_outlines_and_wild_coordinates() {
        let points: Vec<_> =
            (0..70_000).map(|at| (f64::from(at % 500), f64::from(at / 500))).collect();
        let roi = Roi { name: "long".into(), shape: Shape::Polygon(points), index: None };
        assert_eq!(decode(&encode(&roi).unwrap(), "").unwrap(), roi);
        let wild = Roi { shape: Shape::Point { x: f64::NAN, y: 0.0 }, ..roi.clone() };
        assert!(encode(&wild).unwrap_err().to_string().contains("NaN"));
        let empty = Roi { shape: Shape::Polygon(Vec::new()), ..roi };
        assert!(encode(&empty).is_err());
    }
}
