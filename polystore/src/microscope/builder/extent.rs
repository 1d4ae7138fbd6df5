//! The sizes that planes span: per acquisition in time and z, over the plate in channels.

use std::collections::BTreeMap;

use super::{Entry, ImageKey, MAX_PLANES, PlateFacts, too_many};
use crate::{
    Result,
    microscope::distinct::Distinct,
    model::{Channel, Sizes},
};

/// Channels of the plate by the number that the source gives them.
pub(super) struct Channels {
    numbers: Vec<u32>,
    /// Positions by number, for small numbers.
    positions: Vec<u32>,
}

impl Channels {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut numbers = Distinct::new();
        for entry in entries {
            numbers.insert(entry.c);
        }
        let mut numbers = numbers.into_values();
        numbers.sort_unstable();
        let mut positions = Vec::new();
        for (position, &number) in (0u32..).zip(&numbers).take_while(|(_, number)| **number < 4096)
        {
            positions.resize(number as usize + 1, position);
            positions[number as usize] = position;
        }
        Self { numbers, positions }
    }

    pub(super) fn len(&self) -> u32 {
        self.numbers.len() as u32
    }

    pub(super) fn n(&self) -> usize {
        self.numbers.len()
    }

    /// The position of channel number `number`.
    pub(super) fn position(&self, number: u32) -> u32 {
        match self.positions.get(number as usize) {
            Some(&position) => position,
            None => self.numbers.binary_search(&number).unwrap_or(0) as u32,
        }
    }

    /// The number, from 1, of the channel at `position`.
    pub(super) fn printed(&self, position: u32) -> u64 {
        self.numbers.get(position as usize).map_or(0, |&number| u64::from(number) + 1)
    }

    /// The channels with what is known about them; one per sample of a pixel.
    pub(super) fn describe(&self, facts: &PlateFacts<'_>, n_samples: u32) -> Vec<Channel> {
        let described = (0..).zip(&self.numbers).map(|(position, &number)| {
            let mut channel = facts.channels.get(&number).cloned().unwrap_or_default();
            if channel.name.is_empty() {
                channel.name = format!("{}{}", facts.channel_prefix, u64::from(number) + 1);
            }
            channel.number = (number != position).then_some(number.saturating_add(1));
            channel
        });
        if n_samples <= 1 {
            return described.collect();
        }
        described.flat_map(|channel| samples_of(&channel, n_samples)).collect()
    }
}

/// One channel per sample of a colour pixel; the number of the source fits none of them.
fn samples_of(channel: &Channel, n_samples: u32) -> Vec<Channel> {
    let name = |sample: u32| match sample {
        0 => "red".to_owned(),
        1 => "green".to_owned(),
        2 => "blue".to_owned(),
        _ => format!("sample {}", sample + 1),
    };
    let of_sample = |sample| Channel {
        name: format!("{} {}", channel.name, name(sample)),
        number: None,
        ..channel.clone()
    };
    (0..n_samples).map(of_sample).collect()
}

/// What the planes of one acquisition span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Smallest timepoint and z-section.
    pub(super) first: (u32, u32),
    last: (u32, u32),
    /// Position among the acquisitions of the plate.
    pub(super) position: u32,
}

impl Extent {
    /// Sizes of the acquisition's images, with one row and column of pixels.
    pub(super) fn sizes(&self, n_channels: u32) -> Sizes {
        let span = |first: u32, last: u32| (last - first).saturating_add(1);
        let (t, z) = (span(self.first.0, self.last.0), span(self.first.1, self.last.1));
        Sizes::new(t, n_channels, z, 1, 1)
    }
}

/// Extents by the number of the acquisition.
pub(super) fn extents(entries: &[Entry], keys: &[ImageKey]) -> BTreeMap<u32, Extent> {
    let mut extents: BTreeMap<u32, Extent> = BTreeMap::new();
    let mut current: Option<(u32, Extent)> = None;
    for entry in entries {
        let acquisition = keys[entry.image as usize].acquisition;
        let start = Extent { first: (entry.t, entry.z), last: (entry.t, entry.z), position: 0 };
        let (number, mut extent) = match current {
            Some((number, extent)) if number == acquisition => (number, extent),
            _ => {
                if let Some((number, extent)) = current {
                    extents.insert(number, extent);
                }
                (acquisition, extents.get(&acquisition).copied().unwrap_or(start))
            }
        };
        extent.first = (extent.first.0.min(entry.t), extent.first.1.min(entry.z));
        extent.last = (extent.last.0.max(entry.t), extent.last.1.max(entry.z));
        current = Some((number, extent));
    }
    if let Some((number, extent)) = current {
        extents.insert(number, extent);
    }
    for (position, extent) in (0..).zip(extents.values_mut()) {
        extent.position = position;
    }
    extents
}

/// Checks that the planes that all images span can be kept in memory.
///
/// # Errors
/// `LimitExceeded`.
pub(super) fn check_total(
    extents: &BTreeMap<u32, Extent>,
    keys: &[ImageKey],
    n_channels: u32,
) -> Result<()> {
    let mut total = 0u64;
    for key in keys {
        let n_planes = extents.get(&key.acquisition).map_or(0, |extent| {
            let sizes = extent.sizes(n_channels);
            [sizes.t, sizes.c, sizes.z]
                .iter()
                .fold(1, |n: u64, &size| n.saturating_mul(size.into()))
        });
        total = total.saturating_add(n_planes);
        if total > MAX_PLANES {
            return Err(too_many(total));
        }
    }
    Ok(())
}
