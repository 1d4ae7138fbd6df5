//! Names of planes: each plate's own scheme, generated and parsed back to the same plane.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{OnceLock, PoisonError, RwLock},
};

use crate::{PlaneIndex, WellPosition};

/// What a plane's name says. `None` where the name is silent; indices are 0-based here,
/// whatever the scheme prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaneName {
    /// The well.
    pub well: WellPosition,
    /// Field of the well.
    pub field: Option<u32>,
    /// Acquisition.
    pub acquisition: Option<u32>,
    /// Timepoint.
    pub t: Option<u32>,
    /// Channel.
    pub c: Option<u32>,
    /// Z-section.
    pub z: Option<u32>,
}

impl PlaneName {
    /// A name that says the well only.
    pub const fn of_well(well: WellPosition) -> Self {
        Self { well, field: None, acquisition: None, t: None, c: None, z: None }
    }

    /// The plane index, with 0 where the name is silent.
    pub fn index(self) -> PlaneIndex {
        PlaneIndex::new(self.t.unwrap_or(0), self.c.unwrap_or(0), self.z.unwrap_or(0))
    }
}

/// A grammar of plane file names that generates and parses, each the inverse of the other.
///
/// Contract, checked by property tests: for every `name` that `generate` accepts,
/// `parse(&generate(&name, extension)?)` gives back `scheme.canonical(name)`, which is `name`
/// with the parts that the scheme always prints filled in by 0 and those it never prints
/// removed. `parse` never panics.
pub trait NamingScheme: fmt::Debug + Send + Sync + 'static {
    /// The name under which structures refer to it.
    fn name(&self) -> &'static str;

    /// The file name (no folder) of a plane; `extension` without a dot. `None` when the
    /// scheme cannot express it.
    fn generate(&self, name: &PlaneName, extension: &str) -> Option<String>;

    /// What a file name (no folder) says; `None` when it is not of this scheme.
    fn parse(&self, file_name: &str) -> Option<PlaneName>;

    /// `name` as a round trip through the scheme gives it back.
    fn canonical(&self, name: PlaneName) -> PlaneName {
        name
    }
}

/// This crate's own scheme: `A01_s001_z000_c000.tif`, with `_a002` for the acquisition and
/// `_t000` for the timepoint where they are given. Field and acquisition print from 1, the
/// indices z, c and t from 0.
#[derive(Clone, Copy, Debug)]
pub struct PolystoreNaming;

/// The one [`PolystoreNaming`].
pub static POLYSTORE_NAMING: PolystoreNaming = PolystoreNaming;

impl NamingScheme for PolystoreNaming {
    fn name(&self) -> &'static str {
        "polystore"
    }

    fn generate(&self, name: &PlaneName, extension: &str) -> Option<String> {
        let mut text = name.well.to_string();
        if let Some(acquisition) = name.acquisition {
            text.push_str(&format!("_a{:03}", u64::from(acquisition) + 1));
        }
        text.push_str(&format!("_s{:03}", u64::from(name.field.unwrap_or(0)) + 1));
        text.push_str(&format!("_z{:03}_c{:03}", name.z.unwrap_or(0), name.c.unwrap_or(0)));
        if let Some(t) = name.t {
            text.push_str(&format!("_t{t:03}"));
        }
        Some(format!("{text}.{extension}"))
    }

    fn parse(&self, file_name: &str) -> Option<PlaneName> {
        let stem = strip_extensions(file_name)?;
        let (well, rest) = WellPosition::parse_prefix(stem)?;
        let (acquisition, rest) = optional_number(rest, "_a")?;
        let (field, rest) = number(rest, "_s")?;
        let (z, rest) = number(rest, "_z")?;
        let (c, rest) = number(rest, "_c")?;
        let (t, rest) = optional_number(rest, "_t")?;
        if !rest.is_empty() {
            return None;
        }
        let acquisition = match acquisition {
            Some(printed) => Some(printed.checked_sub(1)?),
            None => None,
        };
        Some(PlaneName {
            well,
            field: Some(field.checked_sub(1)?),
            acquisition,
            t,
            c: Some(c),
            z: Some(z),
        })
    }

    fn canonical(&self, name: PlaneName) -> PlaneName {
        fill(name, PlaneName { t: name.t, ..name })
    }
}

/// The scheme of OpenHCS: `A01_s001_w1_z001_t001.tif`, everything printed from 1; a suffix
/// such as `_segmentation_step7` and double extensions are accepted when parsing.
#[derive(Clone, Copy, Debug)]
pub struct OpenHcsNaming;

/// The one [`OpenHcsNaming`].
pub static OPENHCS_NAMING: OpenHcsNaming = OpenHcsNaming;

impl NamingScheme for OpenHcsNaming {
    fn name(&self) -> &'static str {
        "openhcs"
    }

    fn generate(&self, name: &PlaneName, extension: &str) -> Option<String> {
        if name.acquisition.is_some_and(|acquisition| acquisition > 0) {
            return None;
        }
        let one_based = |index: Option<u32>| u64::from(index.unwrap_or(0)) + 1;
        Some(format!(
            "{}_s{:03}_w{}_z{:03}_t{:03}.{extension}",
            name.well,
            one_based(name.field),
            one_based(name.c),
            one_based(name.z),
            one_based(name.t)
        ))
    }

    fn parse(&self, file_name: &str) -> Option<PlaneName> {
        let stem = strip_extensions(file_name)?;
        let (well, rest) = WellPosition::parse_prefix(stem)?;
        let (field, rest) = number(rest, "_s")?;
        let (c, rest) = number(rest, "_w")?;
        let (z, rest) = number(rest, "_z")?;
        let (t, rest) = number(rest, "_t")?;
        if !rest.is_empty() && !rest.starts_with('_') {
            return None;
        }
        let zero_based = |printed: u32| printed.checked_sub(1);
        Some(PlaneName {
            well,
            field: Some(zero_based(field)?),
            acquisition: None,
            t: Some(zero_based(t)?),
            c: Some(zero_based(c)?),
            z: Some(zero_based(z)?),
        })
    }

    fn canonical(&self, name: PlaneName) -> PlaneName {
        fill(name, PlaneName { acquisition: None, t: Some(name.t.unwrap_or(0)), ..name })
    }
}

/// Field, channel and z filled in by 0; the rest as `base` has it.
fn fill(name: PlaneName, base: PlaneName) -> PlaneName {
    PlaneName {
        field: Some(name.field.unwrap_or(0)),
        c: Some(name.c.unwrap_or(0)),
        z: Some(name.z.unwrap_or(0)),
        ..base
    }
}

/// The text before the first dot; `None` when there is no extension or nothing before it.
fn strip_extensions(file_name: &str) -> Option<&str> {
    let (stem, extension) = file_name.split_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(stem)
}

/// `tag` and the digits after it, with what follows them.
fn number<'a>(text: &'a str, tag: &str) -> Option<(u32, &'a str)> {
    let digits = text.strip_prefix(tag)?;
    let n_digits = digits.bytes().take_while(u8::is_ascii_digit).count();
    let value = digits.get(..n_digits)?.parse().ok()?;
    Some((value, &digits[n_digits..]))
}

/// Like [`number`], but the tag may be absent; `None` only when it is there without digits.
fn optional_number<'a>(text: &'a str, tag: &str) -> Option<(Option<u32>, &'a str)> {
    if !text.starts_with(tag) {
        return Some((None, text));
    }
    number(text, tag).map(|(value, rest)| (Some(value), rest))
}

type Registry = RwLock<BTreeMap<&'static str, &'static dyn NamingScheme>>;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let of_model: [&'static dyn NamingScheme; 2] = [&POLYSTORE_NAMING, &OPENHCS_NAMING];
        let built_in = of_model.into_iter().chain(of_microscopes());
        RwLock::new(built_in.map(|scheme| (scheme.name(), scheme)).collect())
    })
}

/// The schemes of the microscope readers that this crate was built with.
fn of_microscopes() -> impl Iterator<Item = &'static dyn NamingScheme> {
    #[cfg(feature = "disk")]
    return crate::microscope::BUILT_IN.iter().map(|microscope| microscope.naming());
    #[cfg(not(feature = "disk"))]
    std::iter::empty()
}

/// The scheme registered under `name`.
pub fn naming_scheme(name: &str) -> Option<&'static dyn NamingScheme> {
    registry().read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
}

/// Registers a scheme for this process; the first of a name wins.
pub fn register_naming(scheme: &'static dyn NamingScheme) {
    registry()
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(scheme.name())
        .or_insert(scheme);
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    fn any_name() -> impl Strategy<Value = PlaneName> {
        let part = || option::of(0u32..5000);
        ((0u32..800, 0u32..500), part(), part(), part(), part(), part()).prop_map(
            |((row, column), field, acquisition, t, c, z)| PlaneName {
                well: WellPosition::new(row, column),
                field,
                acquisition,
                t,
                c,
                z,
            },
        )
    }

    #[test]
    fn published_examples() {
        let name = OPENHCS_NAMING.parse("AA01_s009_w2_z003_t001.ome.tif").unwrap();
        assert_eq!(
            (name.well, name.field, name.c, name.z, name.t),
            (WellPosition::new(26, 0), Some(8), Some(1), Some(2), Some(0))
        );
        assert!(OPENHCS_NAMING.parse("A01_s001_w2_z003_t004_segmentation_step7.tif").is_some());
        assert!(OPENHCS_NAMING.parse("A01_s001_w2_z003.tif").is_none());
        assert!(OPENHCS_NAMING.parse("A01_s000_w1_z001_t001.tif").is_none());
        let name = POLYSTORE_NAMING.parse("A01_s001_z000_c000.tif").unwrap();
        assert_eq!((name.field, name.z, name.c, name.t), (Some(0), Some(0), Some(0), None));
    }

    proptest! {
        #[test]
        fn generate_and_parse_are_inverses(name in any_name()) {
            for scheme in [&POLYSTORE_NAMING as &dyn NamingScheme, &OPENHCS_NAMING] {
                if let Some(text) = scheme.generate(&name, "tif") {
                    prop_assert_eq!(scheme.parse(&text), Some(scheme.canonical(name)), "{}", text);
                }
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            let _ = POLYSTORE_NAMING.parse(&text);
            let _ = OPENHCS_NAMING.parse(&text);
        }
    }
}
