//! Which page of which file each plane is: the rules of `TiffData`.

use super::{DimensionOrder, Pixels, TiffData};
use crate::{Error, ErrorKind, PlaneIndex, Result, model::Sizes};

/// Most planes of an image.
const MAX_PLANES: u64 = 1 << 22;

/// Where a plane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The [`TiffData`] that says so; it names the file.
    pub tiff_data: Option<u32>,
    /// Number of the page in its file.
    pub ifd: u32,
    /// Sample of the page's pixels, for colour.
    pub sample: u16,
}

/// The places of an image's planes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations {
    sizes: Sizes,
    planes: Vec<Option<Location>>,
}

impl Locations {
    /// Where a plane is; `None` for one that no file has.
    pub fn get(&self, index: PlaneIndex) -> Option<Location> {
        self.planes.get(self.sizes.ordinal(index)?).copied().flatten()
    }

    /// All planes that have a place, in `t, c, z` order.
    pub fn iter(&self) -> impl Iterator<Item = (PlaneIndex, Location)> + '_ {
        let places = self.sizes.indices().zip(&self.planes);
        places.filter_map(|(index, place)| place.map(|place| (index, place)))
    }
}

impl Pixels {
    /// Places of all planes.
    ///
    /// By the specification: a `TiffData` begins at page `IFD` (0) with the plane `FirstZ`,
    /// `FirstC`, `FirstT` (0) and goes on in the dimension order. Without `PlaneCount` it is
    /// one plane when it says an `IFD`, else as many as its file has pages (`n_pages` of the
    /// number of the `TiffData`, when it is known) and the image has planes left. Without any `TiffData` the pages of the
    /// file itself are the planes. The first claim to a plane counts.
    ///
    /// # Errors
    /// `LimitExceeded` when the sizes span more planes than an image can have.
    pub fn locate(&self, n_pages: impl Fn(u32) -> Option<u32>) -> Result<Locations> {
        let sizes = self.sizes();
        let n_planes = [self.size_t, self.size_c, self.size_z]
            .iter()
            .fold(1u64, |n, &size| n.saturating_mul(size.into()));
        if n_planes > MAX_PLANES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("image of {n_planes} planes; at most {MAX_PLANES} are read"),
            ));
        }
        let mut walk = Walk {
            order: self.order,
            samples: self.samples(),
            locations: Locations { sizes, planes: vec![None; n_planes as usize] },
            // Each plane is claimed once in a sound document; others must not cost without end.
            n_steps_left: n_planes.saturating_mul(4).saturating_add(self.tiff_data.len() as u64),
        };
        if self.tiff_data.is_empty() {
            walk.run(None, &TiffData::default(), u32::MAX)?;
        }
        let mut endless = Vec::new();
        for (number, data) in (0u32..).zip(&self.tiff_data) {
            let pages = || n_pages(number);
            let one = data.ifd.map(|_| 1);
            match data.plane_count.or(one).or_else(pages) {
                Some(count) => walk.run(Some(number), data, count)?,
                None => endless.push((number, data)),
            }
        }
        // Each goes on to where the next begins.
        for (number, data) in endless.into_iter().rev() {
            walk.run(Some(number), data, u32::MAX)?;
        }
        Ok(walk.locations)
    }

    /// Where the samples of each channel begin, and how many there are: `size_c` in all.
    fn samples(&self) -> Vec<(u32, u32)> {
        let stated: u64 = self.channels.iter().map(|channel| u64::from(channel.n_samples)).sum();
        if stated != u64::from(self.size_c) {
            return (0..self.size_c).map(|c| (c, 1)).collect();
        }
        let mut start = 0;
        let of_channel = |channel: &super::Channel| {
            let samples = (start, channel.n_samples);
            start += channel.n_samples;
            samples
        };
        self.channels.iter().map(of_channel).collect()
    }
}

struct Walk {
    order: DimensionOrder,
    samples: Vec<(u32, u32)>,
    locations: Locations,
    n_steps_left: u64,
}

impl Walk {
    fn run(&mut self, tiff_data: Option<u32>, data: &TiffData, count: u32) -> Result<()> {
        let sizes = self.locations.sizes;
        let n = [sizes.z, self.samples.len() as u32, sizes.t];
        let mut at = [data.first_z, data.first_c, data.first_t];
        let order = match self.order {
            DimensionOrder::Zct => [0, 1, 2],
            DimensionOrder::Ztc => [0, 2, 1],
            DimensionOrder::Czt => [1, 0, 2],
            DimensionOrder::Ctz => [1, 2, 0],
            DimensionOrder::Tzc => [2, 0, 1],
            DimensionOrder::Tcz => [2, 1, 0],
        };
        let first_ifd = data.ifd.unwrap_or(0);
        for step in 0..count {
            let inside = at.iter().zip(n).all(|(&at, n)| at < n);
            let (Some(ifd), true) = (first_ifd.checked_add(step), inside) else { return Ok(()) };
            self.n_steps_left = self.n_steps_left.checked_sub(1).ok_or_else(|| {
                Error::invalid_data("TiffData elements claim the same planes over and over")
            })?;
            self.claim(at, tiff_data, ifd);
            for axis in order {
                at[axis] += 1;
                if at[axis] < n[axis] {
                    break;
                }
                if axis == order[2] {
                    return Ok(());
                }
                at[axis] = 0;
            }
        }
        Ok(())
    }

    fn claim(&mut self, [z, c, t]: [u32; 3], tiff_data: Option<u32>, ifd: u32) {
        let (start, n_samples) = self.samples[c as usize];
        for sample in 0..n_samples {
            let index = PlaneIndex::new(t, start + sample, z);
            let Some(ordinal) = self.locations.sizes.ordinal(index) else { continue };
            let sample = u16::try_from(sample).unwrap_or(u16::MAX);
            self.locations.planes[ordinal].get_or_insert(Location { tiff_data, ifd, sample });
        }
    }
}
