//! `multiscales`: axes, pyramid levels and physical sizes.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Axes, units};
use crate::{
    Error, Result,
    model::{ImageStructure, PhysicalSize},
    zarr::NgffVersion,
};

/// Most levels of a pyramid: more than any image can be halved.
const MAX_LEVELS: usize = 64;

/// One entry as it is read, of any version.
#[derive(Debug, Deserialize)]
pub(in super::super) struct MultiscaleJson {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    axes: Option<Vec<AxisJson>>,
    #[serde(default, rename = "coordinateSystems")]
    coordinate_systems: Option<Vec<CoordinateSystemJson>>,
    datasets: Vec<DatasetJson>,
    #[serde(default, rename = "coordinateTransformations")]
    transformations: Vec<TransformJson>,
}

/// An axis: only a name in version 0.3, more since.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum AxisJson {
    Name(String),
    Full {
        name: String,
        #[serde(default, rename = "type")]
        kind: Value,
        #[serde(default)]
        unit: Value,
    },
}

/// Version 0.6 has its axes here.
#[derive(Debug, Deserialize)]
struct CoordinateSystemJson {
    #[serde(default)]
    name: Value,
    axes: Vec<AxisJson>,
}

#[derive(Debug, Deserialize)]
struct DatasetJson {
    path: String,
    #[serde(default, rename = "coordinateTransformations")]
    transformations: Vec<TransformJson>,
}

#[derive(Debug, Deserialize)]
struct TransformJson {
    #[serde(default)]
    scale: Option<Vec<f64>>,
    /// The parts of a sequence (version 0.6).
    #[serde(default)]
    transformations: Vec<TransformJson>,
    #[serde(default)]
    output: Value,
}

/// An image as `multiscales` describes it.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Multiscale {
    pub(in super::super) name: Option<String>,
    /// `None` when it does not say, as before version 0.3.
    pub(in super::super) axes: Option<Axes>,
    /// Names of the levels' arrays below the image, full size first.
    pub(in super::super) levels: Vec<Box<str>>,
    pub(in super::super) physical_size: PhysicalSize,
}

impl MultiscaleJson {
    /// Checks and takes what matters.
    ///
    /// # Errors
    /// `InvalidData` for an entry without levels or whose names lead elsewhere,
    /// `Unsupported` for axes that are not known.
    pub(in super::super) fn check(self) -> Result<Multiscale> {
        let Some(first) = self.datasets.first() else {
            return Err(Error::invalid_data("image has no levels"));
        };
        if self.datasets.len() > MAX_LEVELS {
            return Err(Error::invalid_data(format!("image has {} levels", self.datasets.len())));
        }
        let axes_json = self.axes_of(first);
        let axes = match axes_json {
            Some(axes) => {
                let names: Vec<_> = axes.iter().map(AxisJson::short_name).collect();
                Some(Axes::from_names(&names)?)
            }
            None => None,
        };
        let scales = [scale_of(&first.transformations), scale_of(&self.transformations)];
        let size = |dim: Option<usize>| size_um(axes_json?.get(dim?)?, dim?, &scales);
        let physical_size = axes.map_or_else(PhysicalSize::default, |axes| PhysicalSize {
            x_um: size(Some(axes.x)),
            y_um: size(Some(axes.y)),
            z_um: size(axes.z),
        });
        let levels = self.datasets.iter().map(level_name).collect::<Result<_>>()?;
        let name = self.name.as_str().map(str::to_owned);
        Ok(Multiscale { name, axes, levels, physical_size })
    }

    /// The axes of the image: those of the coordinate system that its levels lead to, the
    /// first one if that is not said.
    fn axes_of(&self, first: &DatasetJson) -> Option<&[AxisJson]> {
        if let Some(axes) = &self.axes {
            return Some(axes);
        }
        let systems = self.coordinate_systems.as_ref()?;
        let wanted = first.transformations.first().map(|transform| &transform.output);
        let is_wanted = |system: &&CoordinateSystemJson| {
            let by_name =
                |wanted: &Value| *wanted == system.name || wanted.get("name") == Some(&system.name);
            wanted.is_some_and(by_name)
        };
        let system = systems.iter().find(is_wanted).or_else(|| systems.first());
        system.map(|system| &*system.axes)
    }
}

impl AxisJson {
    /// `t`, `c`, `z`, `y` or `x`, also where the axis is called otherwise but has a type
    /// that only one axis has.
    fn short_name(&self) -> &str {
        let (name, kind) = match self {
            Self::Name(name) => (name, ""),
            Self::Full { name, kind, .. } => (name, kind.as_str().unwrap_or_default()),
        };
        match (name.as_str(), kind) {
            ("t" | "c" | "z" | "y" | "x", _) => name,
            (_, "time") => "t",
            (_, "channel") => "c",
            _ => name,
        }
    }

    fn unit(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Full { unit, .. } => unit.as_str(),
        }
    }
}

/// The scale that transformations make together; `None` when they have none.
fn scale_of(transformations: &[TransformJson]) -> Option<Vec<f64>> {
    let mut product: Option<Vec<f64>> = None;
    for transform in transformations {
        let parts = scale_of(&transform.transformations);
        for scale in [transform.scale.clone(), parts].into_iter().flatten() {
            product = Some(match product {
                Some(known) => known.iter().zip(&scale).map(|(a, b)| a * b).collect(),
                None => scale,
            });
        }
    }
    product
}

/// The size of a pixel along an axis, where unit and scale are known and make sense.
fn size_um(axis: &AxisJson, dim: usize, scales: &[Option<Vec<f64>>; 2]) -> Option<f64> {
    let unit = units::micrometers(axis.unit()?)?;
    let of_level = scales[0].as_ref()?.get(dim)?;
    let of_image = scales[1].as_ref().and_then(|scale| scale.get(dim)).unwrap_or(&1.0);
    // Dividing by whole numbers keeps 650 nm at 0.65 µm.
    let size = if unit < 1.0 {
        of_level * of_image / unit.recip().round()
    } else {
        of_level * of_image * unit
    };
    (size.is_finite() && size > 0.0).then_some(size)
}

/// The name of a level's array, checked like a path.
fn level_name(dataset: &DatasetJson) -> Result<Box<str>> {
    let path = crate::VirtualPath::parse(&dataset.path)
        .map_err(|error| Error::invalid_data("level leads out of its image").with_source(error))?;
    if path.is_root() {
        return Err(Error::invalid_data("level has no name"));
    }
    Ok(path.relative().into())
}

/// The `multiscales` of an image with `[t, c, z, y, x]` arrays called by their levels.
pub(in super::super) fn multiscales(
    version: NgffVersion,
    image: &ImageStructure,
    n_levels: u32,
) -> Value {
    let PhysicalSize { x_um, y_um, z_um } = image.physical_size;
    let space = |name: &str, size: Option<f64>| {
        let unit = size.map(|_| json!("micrometer"));
        Value::Object(super::map([
            ("name", Some(json!(name))),
            ("type", Some(json!("space"))),
            ("unit", unit),
        ]))
    };
    let axes = json!([
        { "name": "t", "type": "time" },
        { "name": "c", "type": "channel" },
        space("z", z_um),
        space("y", y_um),
        space("x", x_um),
    ]);
    let dataset = |level: u32| {
        let factor = f64::from(level).exp2();
        let (y, x) = (y_um.unwrap_or(1.0) * factor, x_um.unwrap_or(1.0) * factor);
        let scale = json!([1.0, 1.0, z_um.unwrap_or(1.0), y, x]);
        json!({
            "path": level.to_string(),
            "coordinateTransformations": [{ "type": "scale", "scale": scale }],
        })
    };
    let mut entry: Map<String, Value> = super::map([
        ("version", (version == NgffVersion::V04).then(|| json!(version.as_str()))),
        ("name", Some(json!(image.name))),
        ("axes", Some(axes)),
        ("datasets", Some((0..n_levels).map(dataset).collect())),
    ]);
    if n_levels > 1 {
        let (kind, how) = match image.kind {
            crate::model::ImageKind::Labels => ("nearest", "the first pixel of each 2 x 2"),
            crate::model::ImageKind::Intensity => ("mean", "the mean of each 2 x 2 pixels"),
        };
        entry.insert("type".to_owned(), json!(kind));
        let metadata = json!({
            "method": "polystore::pyramid",
            "version": env!("CARGO_PKG_VERSION"),
            "description": how,
        });
        entry.insert("metadata".to_owned(), metadata);
    }
    json!([entry])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelType, VirtualPath, model::Sizes};

    fn read(text: &str) -> Result<Multiscale> {
        serde_json::from_str::<MultiscaleJson>(text).unwrap().check()
    }

    #[test]
    fn what_is_written_is_read() {
        let sizes = Sizes::new(1, 1, 1, 4, 4);
        let mut image = ImageStructure::new(VirtualPath::root(), PixelType::U8, sizes);
        image.physical_size = PhysicalSize { x_um: Some(0.65), y_um: Some(0.6), z_um: None };
        for version in [NgffVersion::V04, NgffVersion::V05] {
            let json = multiscales(version, &image, 2);
            assert_eq!(json[0]["datasets"][1]["coordinateTransformations"][0]["scale"][4], 1.3);
            let read = read(&json[0].to_string()).unwrap();
            assert_eq!(read.physical_size, image.physical_size);
            assert_eq!(read.axes, Some(Axes::ALL));
            assert_eq!(read.levels, ["0".into(), "1".into()]);
        }
    }

    #[test]
    fn units_and_scales_are_combined() {
        let found = read(
            r#"{"axes": [{"name": "y", "type": "space", "unit": "nanometer"},
                {"name": "x", "type": "space", "unit": "millimeter"}],
                "coordinateTransformations": [{"type": "scale", "scale": [2, 0.5]}],
                "datasets": [{"path": "s0", "coordinateTransformations":
                [{"type": "scale", "scale": [325, 0.001]}, {"type": "translation", "translation": [1, 1]}]}]}"#,
        )
        .unwrap();
        assert_eq!(
            found.physical_size,
            PhysicalSize { x_um: Some(0.5), y_um: Some(0.65), z_um: None }
        );
    }

    #[test]
    fn every_version_is_read() {
        let old = read(r#"{"version": "0.1", "datasets": [{"path": "0"}]}"#).unwrap();
        assert_eq!((old.axes, old.physical_size), (None, PhysicalSize::default()));
        let names = read(r#"{"axes": ["c", "y", "x"], "datasets": [{"path": "0"}]}"#).unwrap();
        assert_eq!(names.axes.unwrap().c, Some(0));
        let newest = read(
            r#"{"coordinateSystems": [{"name": "other", "axes": ["y"]}, {"name": "own", "axes":
                [{"name": "row", "type": "channel"}, {"name": "y", "unit": "micrometer"}, {"name": "x"}]}],
                "datasets": [{"path": "s0", "coordinateTransformations": [{"type": "sequence",
                "output": {"name": "own"}, "transformations": [{"type": "scale", "scale": [1, 0.5, 2]},
                {"type": "scale", "scale": [1, 3, 1]}]}]}]}"#,
        )
        .unwrap();
        assert_eq!(newest.axes.unwrap(), Axes::from_names(&["c", "y", "x"]).unwrap());
        assert_eq!(newest.physical_size, PhysicalSize { x_um: None, y_um: Some(1.5), z_um: None });
    }

    #[test]
    fn levels_stay_inside_their_image() {
        for datasets in
            [r#"[]"#, r#"[{"path": "../0"}]"#, r#"[{"path": ""}]"#, r#"[{"path": "a//b"}]"#]
        {
            assert!(read(&format!(r#"{{"datasets": {datasets}}}"#)).is_err(), "{datasets}");
        }
        let many = vec![r#"{"path": "0"}"#; 100].join(",");
        assert!(read(&format!(r#"{{"datasets": [{many}]}}"#)).is_err());
    }
}
