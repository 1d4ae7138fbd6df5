//! Settings of the zarr backend.

use std::{collections::BTreeMap, fmt, num::NonZeroUsize, str::FromStr};

use super::Codec;
use crate::{
    BackendSpec, Error, PlaneShape, Result, fan_out, model::Sizes, structure_cache::StructureCache,
    suggest,
};

/// Largest plane that is one chunk unless told otherwise.
const MAX_PLANE_CHUNK_BYTES: u64 = 16 << 20;
/// Side of the tiles of larger planes.
const TILE: u32 = 1024;
/// Most levels of a pyramid that is written.
pub(super) const MAX_LEVELS: u32 = 32;
/// A pyramid ends at the level whose smaller side is below this.
const SMALLEST_SIDE: u32 = 256;

/// Version of OME-NGFF that is written. All are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NgffVersion {
    /// 0.4, on zarr v2.
    V04,
    /// 0.5, on zarr v3.
    #[default]
    V05,
}

/// Which planes share a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sharding {
    /// None: every chunk is a file, and a plane has files of its own.
    #[default]
    None,
    /// All z-sections of a channel and timepoint. OME-Zarr 0.5 only. Writing a plane
    /// rewrites the file; write the planes of a file in one batch where that is possible.
    Channel,
    /// All planes of an image. OME-Zarr 0.5 only; as for `Channel`.
    Image,
}

/// What a chunk means that is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AbsentChunks {
    /// That nobody wrote it: reading it is an error.
    #[default]
    Missing,
    /// That all of it is the array's fill value. Only for stores of writers that leave such
    /// chunks out (zarr-python does by default): a plane that nobody wrote then cannot be
    /// told from a black one.
    Fill,
}

/// What survives a power cut. A killed process never leaves anything half written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// What was written is on the disk when the call returns: each file is synced before it
    /// gets its name, and directories at the end of the batch.
    #[default]
    Synced,
    /// The operating system writes it when it likes. After a power cut, files of the last
    /// half minute may be absent or damaged; damaged ones are noticed when they are read.
    Buffered,
}

/// How to open or create a [`ZarrBackend`](super::ZarrBackend). What is written of it
/// counts for arrays made with it; arrays that are there keep their own.
#[derive(Clone, Debug)]
pub struct ZarrOptions {
    /// Version to write.
    pub version: NgffVersion,
    /// Compression to write.
    pub codec: Codec,
    /// Height and width of chunks. `None`: a plane is one chunk up to 16 MiB, larger ones
    /// are cut into tiles of 1024 x 1024. The same as a plane: always one chunk.
    pub chunk: Option<PlaneShape>,
    /// Which planes share a file.
    pub sharding: Sharding,
    /// Pyramid levels to write, the full size counted. 0: halved until the smaller side is
    /// below 256. An image that declares more than one level itself gets as many.
    pub n_levels: u32,
    /// What absent chunks mean.
    pub absent_chunks: AbsentChunks,
    /// What survives a power cut.
    pub durability: Durability,
    /// Where structures are cached; `None` for nowhere.
    pub cache: Option<StructureCache>,
    /// Threads that read or write a batch.
    pub io_concurrency: NonZeroUsize,
}

impl Default for ZarrOptions {
    fn default() -> Self {
        Self {
            version: NgffVersion::default(),
            codec: Codec::default(),
            chunk: None,
            sharding: Sharding::default(),
            n_levels: 0,
            absent_chunks: AbsentChunks::default(),
            durability: Durability::default(),
            cache: StructureCache::of_user(),
            io_concurrency: fan_out::default_concurrency(),
        }
    }
}

impl ZarrOptions {
    /// Checks that the settings go together.
    ///
    /// # Errors
    /// `InvalidInput` naming those that do not.
    pub fn check(&self) -> Result<()> {
        if self.version == NgffVersion::V04 && self.sharding != Sharding::None {
            return Err(Error::invalid_input("OME-Zarr 0.4 has no shards")
                .with_hint("write version 0.5, or no shards"));
        }
        if self.version == NgffVersion::V05 {
            self.codec.to_v3(1)?;
        }
        if self.chunk.is_some_and(|chunk| chunk.height == 0 || chunk.width == 0) {
            return Err(Error::invalid_input("chunks of no pixels"));
        }
        if self.n_levels > MAX_LEVELS {
            let message = format!("{} levels; {MAX_LEVELS} are the most", self.n_levels);
            return Err(Error::invalid_input(message));
        }
        Ok(())
    }

    /// Height and width of the chunks of a plane.
    pub(super) fn chunk_of(&self, plane: PlaneShape, pixel_bytes: usize) -> PlaneShape {
        let n_bytes = plane.n_pixels().saturating_mul(pixel_bytes as u64);
        let chunk = match self.chunk {
            Some(chunk) => chunk,
            None if n_bytes <= MAX_PLANE_CHUNK_BYTES => plane,
            None => PlaneShape::new(TILE, TILE),
        };
        PlaneShape::new(chunk.height.min(plane.height), chunk.width.min(plane.width))
    }

    /// Levels of an image that declares `declared` of them.
    pub(super) fn levels_of(&self, sizes: Sizes, declared: u32) -> u32 {
        if declared > 1 {
            return declared;
        }
        if self.n_levels > 0 {
            return self.n_levels;
        }
        let is_large = |level: &u32| {
            let shape = sizes.level_shape(*level);
            shape.height.min(shape.width) >= SMALLEST_SIDE
        };
        1 + (0..31).take_while(is_large).count() as u32
    }

    /// Reads the options of a `zarr:` spec.
    pub(super) fn of_spec(spec: &BackendSpec) -> Result<Self> {
        const KNOWN: [&str; 9] = [
            "ngff",
            "codec",
            "shard",
            "absent_chunks",
            "durability",
            "levels",
            "io_concurrency",
            "chunk",
            "cache",
        ];
        if let Some(other) = spec.options.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(Error::invalid_input(format!("`zarr:` has no option `{other}`"))
                .with_hint(crate::suggest::hint(other, &KNOWN)));
        }
        let mut options = Self::default();
        macro_rules! take {
            ($($key:literal => $field:ident),*) => {
                $(if let Some(text) = spec.options.get($key) {
                    options.$field = text.parse()?;
                })*
            };
        }
        take!(
            "ngff" => version, "codec" => codec, "shard" => sharding,
            "absent_chunks" => absent_chunks, "durability" => durability
        );
        options.n_levels = spec.option("levels")?.unwrap_or(options.n_levels);
        options.io_concurrency = spec.option("io_concurrency")?.unwrap_or(options.io_concurrency);
        if let Some(text) = spec.options.get("chunk") {
            options.chunk = Some(parse_chunk(text)?);
        }
        if let Some(folder) = spec.options.get("cache") {
            options.cache = (!folder.is_empty()).then(|| StructureCache::new(folder));
        }
        options.check()?;
        Ok(options)
    }

    /// The options that decide what images are made of, whether or not they are the defaults.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::from([
            ("codec".to_owned(), self.codec.to_string()),
            ("levels".to_owned(), self.n_levels.to_string()),
            ("shard".to_owned(), self.sharding.to_string()),
        ]);
        let chunk = self.chunk.map(|chunk| format!("{}x{}", chunk.height, chunk.width));
        settings.extend(chunk.map(|chunk| ("chunk".to_owned(), chunk)));
        settings
    }

    /// The same with the settings that a plate of `version` was declared with.
    ///
    /// # Errors
    /// `InvalidInput` naming one that this program does not know.
    pub(super) fn with_settings(
        &self,
        version: NgffVersion,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let spec = BackendSpec::new("zarr", "").with_option("ngff", version.as_str());
        let spec = settings.iter().fold(spec, |spec, (key, value)| spec.with_option(key, value));
        let Self { version, codec, chunk, sharding, n_levels, .. } = Self::of_spec(&spec)?;
        Ok(Self { version, codec, chunk, sharding, n_levels, ..self.clone() })
    }

    /// Adds to `spec` what differs from the defaults; [`ZarrOptions::of_spec`] reads it.
    pub(super) fn into_spec(self, mut spec: BackendSpec) -> BackendSpec {
        let defaults = Self::default();
        let mut put = |key: &str, differs: bool, text: String| {
            if differs {
                spec.options.insert(key.to_owned(), text);
            }
        };
        put("ngff", self.version != defaults.version, self.version.to_string());
        put("codec", self.codec != defaults.codec, self.codec.to_string());
        put("shard", self.sharding != defaults.sharding, self.sharding.to_string());
        put("levels", self.n_levels != defaults.n_levels, self.n_levels.to_string());
        let absent_chunks = self.absent_chunks;
        put("absent_chunks", absent_chunks != defaults.absent_chunks, absent_chunks.to_string());
        put("durability", self.durability != defaults.durability, self.durability.to_string());
        if let Some(chunk) = self.chunk {
            put("chunk", true, format!("{}x{}", chunk.height, chunk.width));
        }
        let cache = self.cache.map(|cache| cache.folder().display().to_string());
        put("cache", true, cache.unwrap_or_default());
        spec
    }
}

fn parse_chunk(text: &str) -> Result<PlaneShape> {
    let shape = text.split_once('x').and_then(|(height, width)| {
        Some(PlaneShape::new(height.parse().ok()?, width.parse().ok()?))
    });
    shape.ok_or_else(|| {
        Error::invalid_input(format!("chunks of `{text}`"))
            .with_hint("write height and width, such as 1024x1024")
    })
}

/// Text for the variants of a setting.
macro_rules! named {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),*) => {
        impl $type {
            /// The name of the setting's value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(Error::invalid_input(format!(concat!($what, " cannot be `{}`"), text))
                        .with_hint(suggest::hint(text, &[$($name),*]))),
                }
            }
        }
    };
}

named!(NgffVersion, "version of OME-Zarr", V04 = "0.4", V05 = "0.5");
named!(Sharding, "sharding", None = "none", Channel = "channel", Image = "image");
named!(AbsentChunks, "meaning of absent chunks", Missing = "missing", Fill = "fill");
named!(Durability, "durability", Synced = "synced", Buffered = "buffered");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_travel_in_a_spec() {
        let options = ZarrOptions {
            version: NgffVersion::V04,
            codec: "gzip:1".parse().unwrap(),
            chunk: Some(PlaneShape::new(512, 256)),
            n_levels: 3,
            absent_chunks: AbsentChunks::Fill,
            durability: Durability::Buffered,
            cache: None,
            ..ZarrOptions::default()
        };
        let spec = options.clone().into_spec(BackendSpec::new("zarr", "/p"));
        let read = ZarrOptions::of_spec(&spec).unwrap();
        assert_eq!(format!("{read:?}"), format!("{options:?}"));
        let wrong = spec.with_option("ngff", "0.6");
        assert!(ZarrOptions::of_spec(&wrong).unwrap_err().hint().is_some());
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused() {
        let v04 = ZarrOptions { version: NgffVersion::V04, ..ZarrOptions::default() };
        assert!(ZarrOptions { sharding: Sharding::Image, ..v04.clone() }.check().is_err());
        assert!(ZarrOptions { codec: Codec::Lz4, ..ZarrOptions::default() }.check().is_err());
        assert!(ZarrOptions { codec: Codec::Lz4, ..v04 }.check().is_ok());
    }

    #[test]
    fn planes_are_one_chunk_until_they_are_large() {
        let options = ZarrOptions::default();
        let plane = PlaneShape::new(2160, 2160);
        assert_eq!(options.chunk_of(plane, 2), plane);
        let mosaic = PlaneShape::new(20_000, 500);
        assert_eq!(options.chunk_of(mosaic, 2), PlaneShape::new(1024, 500));
    }

    #[test]
    fn pyramids_end_below_256() {
        let options = ZarrOptions::default();
        let levels = |y, x| options.levels_of(Sizes::new(1, 1, 1, y, x), 1);
        assert_eq!((levels(255, 9999), levels(256, 256), levels(1080, 1080)), (1, 2, 4));
        assert_eq!(options.levels_of(Sizes::new(1, 1, 1, 9, 9), 3), 3);
    }
}
