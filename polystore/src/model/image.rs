//! One image: sizes, pixel type, channels, physical sizes.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Error, PixelType, PlaneIndex, PlaneShape, Result, VirtualPath, model::PlaneSet};

/// Most planes of one image: what an inventory of one byte per plane may take.
const MAX_PLANES: u64 = 1 << 28;

/// Most pyramid levels of an image: sides of 32 bits cannot be halved more often.
const MAX_LEVELS: u32 = 33;

/// Sizes of an image along `[t, c, z, y, x]`; each at least 1 in a valid image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sizes {
    /// Timepoints.
    pub t: u32,
    /// Channels.
    pub c: u32,
    /// Z-sections.
    pub z: u32,
    /// Rows of pixels.
    pub y: u32,
    /// Columns of pixels.
    pub x: u32,
}

impl Sizes {
    /// Sizes in the order `[t, c, z, y, x]`.
    pub const fn new(t: u32, c: u32, z: u32, y: u32, x: u32) -> Self {
        Self { t, c, z, y, x }
    }

    /// Number of planes, t x c x z.
    pub const fn n_planes(self) -> u64 {
        self.t as u64 * self.c as u64 * self.z as u64
    }

    /// Height and width of a plane.
    pub const fn plane_shape(self) -> PlaneShape {
        PlaneShape { height: self.y, width: self.x }
    }

    /// Height and width of a plane at pyramid `level`: halved per level, rounded up, at least 1.
    pub fn level_shape(self, level: u32) -> PlaneShape {
        let halve = |size: u32| if level >= 32 { 1 } else { size.div_ceil(1 << level).max(1) };
        PlaneShape::new(halve(self.y), halve(self.x))
    }

    /// Whether the image has a plane at `index`.
    pub const fn contains(self, index: PlaneIndex) -> bool {
        index.t < self.t && index.c < self.c && index.z < self.z
    }

    /// Position of a plane in `t, c, z` order (z fastest), for dense tables.
    pub fn ordinal(self, index: PlaneIndex) -> Option<usize> {
        if !self.contains(index) {
            return None;
        }
        let ordinal = (u64::from(index.t) * u64::from(self.c) + u64::from(index.c))
            * u64::from(self.z)
            + u64::from(index.z);
        usize::try_from(ordinal).ok()
    }

    /// All plane indices in `t, c, z` order (z fastest).
    pub fn indices(self) -> impl Iterator<Item = PlaneIndex> {
        (0..self.t).flat_map(move |t| {
            (0..self.c).flat_map(move |c| (0..self.z).map(move |z| PlaneIndex { t, c, z }))
        })
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={} c={} z={} y={} x={}", self.t, self.c, self.z, self.y, self.x)
    }
}

/// An RGB colour for showing a channel; written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

impl Color {
    /// Black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };
    /// White, for channels without a colour.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255 };

    /// The colour of `red`, `green` and `blue`.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Six hexadecimal digits, as NGFF's `omero.channels.color` has them.
    pub fn to_hex(self) -> String {
        format!("{:02X}{:02X}{:02X}", self.red, self.green, self.blue)
    }

    /// Reads six hexadecimal digits, with or without `#`; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        if digits.len() != 6 || !digits.is_ascii() {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        Some(Self::new((value >> 16) as u8, (value >> 8) as u8, value as u8))
    }

    /// The colour that light of `wavelength_nm` is usually shown in.
    pub fn from_wavelength(wavelength_nm: f64) -> Self {
        match wavelength_nm {
            w if w < 490.0 => Self::new(0, 0, 255),
            w if w < 560.0 => Self::new(0, 255, 0),
            w if w < 600.0 => Self::new(255, 255, 0),
            w if w < 680.0 => Self::new(255, 0, 0),
            _ => Self::new(255, 0, 255),
        }
    }
}

impl Serialize for Color {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("#{}", self.to_hex()))
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not a colour like #00FF80"))
        })
    }
}

/// One channel of an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Name as the microscope or the user gave it, such as `DAPI`; empty when unknown.
    pub name: String,
    /// Colour to show it in.
    pub color: Option<Color>,
    /// Excitation wavelength in nm.
    pub excitation_nm: Option<f64>,
    /// Emission wavelength in nm.
    pub emission_nm: Option<f64>,
    /// Values to show black and at full brightness, where they are known: a viewer's setting,
    /// or measured. Says nothing of the pixels themselves.
    #[serde(default)]
    pub window: Option<(f64, f64)>,
    /// The number, from 1, that the source's file names give it, where that is not its
    /// position from 1 (a plate with `w1` and `w4` only).
    pub number: Option<u32>,
}

impl Channel {
    /// A channel with a name and nothing else known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Size of one voxel in µm; `None` where the source does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhysicalSize {
    /// Width of a pixel in µm.
    pub x_um: Option<f64>,
    /// Height of a pixel in µm.
    pub y_um: Option<f64>,
    /// Distance of z-sections in µm.
    pub z_um: Option<f64>,
}

impl PhysicalSize {
    /// Square pixels of `xy_um` µm.
    pub const fn square(xy_um: f64) -> Self {
        Self { x_um: Some(xy_um), y_um: Some(xy_um), z_um: None }
    }
}

/// Where the stage stood for a field, in µm; y grows as the vendor counts it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StagePosition {
    /// Along x in µm.
    pub x_um: f64,
    /// Along y in µm.
    pub y_um: f64,
}

/// What the values of an image mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// Intensities.
    #[default]
    Intensity,
    /// Object numbers, 0 for background; never interpolated when a pyramid is made.
    Labels,
}

/// One image of a plate (or alone): a named record with 5-D pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageStructure {
    /// Where it is read from: below the plate's path, or the path itself for an image alone.
    pub path: VirtualPath,
    /// Name for people; often the file's or the field's.
    pub name: String,
    /// Which field of its well this is, 0-based. File names print it from 1 (`s001`).
    pub field: u32,
    /// Index into the plate's acquisitions.
    pub acquisition: u32,
    /// The number type of the pixels.
    pub pixel_type: PixelType,
    /// Sizes along `[t, c, z, y, x]`.
    pub sizes: Sizes,
    /// One entry per channel, shared between the images of a plate.
    pub channels: Arc<[Channel]>,
    /// Size of a voxel in µm.
    pub physical_size: PhysicalSize,
    /// Where the stage stood.
    pub position: Option<StagePosition>,
    /// Pyramid levels that are stored, at least 1. Level 0 is full size.
    pub n_levels: u32,
    /// What the values mean.
    pub kind: ImageKind,
    /// Planes that the sizes span but that were never meant to be: ragged z, a channel that
    /// an acquisition lacks. They are absent by design, not missing.
    #[serde(default)]
    pub absent: PlaneSet,
}

impl ImageStructure {
    /// An image of `pixel_type` and `sizes` at `path`, with everything else unknown.
    pub fn new(path: VirtualPath, pixel_type: PixelType, sizes: Sizes) -> Self {
        let channels = (0..sizes.c).map(|_| Channel::default()).collect();
        let name = path.name().unwrap_or("image").to_owned();
        Self {
            path,
            name,
            field: 0,
            acquisition: 0,
            pixel_type,
            sizes,
            channels,
            physical_size: PhysicalSize::default(),
            position: None,
            n_levels: 1,
            kind: ImageKind::Intensity,
            absent: PlaneSet::EMPTY,
        }
    }

    /// Bytes of the pixels of a plane of full size.
    pub fn plane_bytes(&self) -> u64 {
        let shape = self.sizes.plane_shape();
        u64::from(shape.height)
            .saturating_mul(u64::from(shape.width))
            .saturating_mul(self.pixel_type.size_bytes() as u64)
    }

    /// Whether the image declares a plane at `index`: inside its sizes and not absent by design.
    pub fn declares(&self, index: PlaneIndex) -> bool {
        self.sizes.contains(index) && !self.absent.contains(self.sizes, index)
    }

    /// The planes that the image declares, in `t, c, z` order.
    pub fn declared_indices(&self) -> impl Iterator<Item = PlaneIndex> + '_ {
        self.sizes.indices().filter(|&index| !self.absent.contains(self.sizes, index))
    }

    /// The plane `index` of this image as an image of its own, at the same path.
    #[must_use]
    pub fn single_plane(&self, index: PlaneIndex) -> Self {
        let channel = self.channels.get(index.c as usize).cloned();
        Self {
            sizes: Sizes { t: 1, c: 1, z: 1, ..self.sizes },
            channels: channel.into_iter().collect(),
            absent: PlaneSet::EMPTY,
            ..self.clone()
        }
    }

    /// The name of channel `c`, or `channel N` (from 1) when it has none.
    pub fn channel_name(&self, c: u32) -> String {
        match self.channels.get(c as usize) {
            Some(channel) if !channel.name.is_empty() => channel.name.clone(),
            _ => format!("channel {}", u64::from(c) + 1),
        }
    }

    /// Finds a channel by name (without case) or by number as printed, from 1 (`2`, `w2`, `channel 2`).
    pub fn find_channel(&self, wanted: &str) -> Option<u32> {
        let by_name =
            self.channels.iter().position(|channel| channel.name.eq_ignore_ascii_case(wanted));
        let number = wanted.trim_start_matches("channel ").trim_start_matches(['w', 'c']);
        let by_number = || {
            number
                .parse::<usize>()
                .ok()
                .and_then(|n| n.checked_sub(1))
                .filter(|&n| n < self.sizes.c as usize)
        };
        by_name.or_else(by_number).and_then(|index| u32::try_from(index).ok())
    }

    /// The number, from 0, that file names of the source give channel `c`.
    pub fn channel_number(&self, c: u32) -> u32 {
        self.channels
            .get(c as usize)
            .and_then(|channel| channel.number?.checked_sub(1))
            .unwrap_or(c)
    }

    /// The channel that file names of the source number `number`, from 0.
    pub fn channel_by_number(&self, number: u32) -> Option<u32> {
        (0..self.sizes.c).find(|&c| self.channel_number(c) == number)
    }

    /// Checks that sizes, channels and levels agree.
    ///
    /// # Errors
    /// `InvalidInput` naming what does not agree.
    pub fn check(&self) -> Result<()> {
        let sizes = self.sizes;
        if [sizes.t, sizes.c, sizes.z, sizes.y, sizes.x].contains(&0) {
            return Err(Error::invalid_input(format!("image sizes {sizes} have a zero"))
                .with_path(&self.path));
        }
        let n_planes =
            u64::from(sizes.t).saturating_mul(u64::from(sizes.c)).saturating_mul(sizes.z.into());
        if n_planes > MAX_PLANES {
            return Err(Error::invalid_input(format!(
                "image sizes {sizes} make more than {MAX_PLANES} planes"
            ))
            .with_path(&self.path));
        }
        if self.channels.len() != sizes.c as usize {
            return Err(Error::invalid_input(format!(
                "image has {} channels but describes {}",
                sizes.c,
                self.channels.len()
            ))
            .with_path(&self.path));
        }
        if !self.absent.fits(sizes) {
            return Err(Error::invalid_input(
                "image declares planes absent that its sizes do not have",
            )
            .with_path(&self.path));
        }
        if self.n_levels == 0 {
            return Err(Error::invalid_input("image has no levels; level 0 is the full size")
                .with_path(&self.path));
        }
        if self.n_levels > MAX_LEVELS {
            return Err(Error::invalid_input(format!(
                "image has {} levels; after {MAX_LEVELS} any plane is one pixel",
                self.n_levels
            ))
            .with_path(&self.path));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_follow_the_iteration_order() {
        let sizes = Sizes::new(2, 3, 4, 1, 1);
        for (expected, index) in sizes.indices().enumerate() {
            assert_eq!(sizes.ordinal(index), Some(expected));
        }
        assert_eq!(sizes.ordinal(PlaneIndex::new(0, 3, 0)), None);
    }

    #[test]
    fn levels_halve_rounding_up() {
        let sizes = Sizes::new(1, 1, 1, 5, 1);
        assert_eq!(sizes.level_shape(0), PlaneShape::new(5, 1));
        assert_eq!(sizes.level_shape(1), PlaneShape::new(3, 1));
        assert_eq!(sizes.level_shape(40), PlaneShape::new(1, 1));
    }

    #[test]
    fn channels_are_found_by_name_or_number() {
        let mut image =
            ImageStructure::new(VirtualPath::root(), PixelType::U8, Sizes::new(1, 2, 1, 1, 1));
        image.channels = [Channel::named("DAPI"), Channel::named("")].into();
        assert_eq!(image.find_channel("dapi"), Some(0));
        assert_eq!(image.find_channel("w2"), Some(1));
        assert_eq!(image.find_channel("3"), None);
        assert_eq!(image.channel_name(1), "channel 2");
    }

    #[test]
    fn colours_round_trip() {
        let colour = Color::from_hex("#00FF80").unwrap();
        assert_eq!(colour.to_hex(), "00FF80");
        assert!(Color::from_hex("00FF8").is_none());
        assert!(Color::from_hex("ééé").is_none());
    }
}
