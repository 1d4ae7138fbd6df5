//! Thresholds given, or found by methods other than Otsu's.

use polystore::dispatch;

use super::{
    otsu::{OBJECTS, side},
    per_plane,
};
use crate::{
    Result, ValueKind,
    function::{Function, Operation, Parameter, ParameterKind, Settings},
    image::{
        cut,
        histogram::{Binned, range},
        percentile::percentiles,
        raster::{Raster, View},
        thresholds,
    },
};

/// Foreground by a threshold, as labels of 1 and 0. `value` is the same for all planes, the
/// other methods find one for each: `li` (minimum cross-entropy) and `triangle` as
/// scikit-image's functions of these names, `percentile` as numpy's. NaN and infinite
/// pixels do not count for the threshold, and NaN is background.
#[derive(Debug)]
pub(super) struct Threshold;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "method",
        kind: ParameterKind::Choice(&["value", "li", "triangle", "percentile"]),
        unit: "",
        about: "Where the threshold comes from.",
    },
    Parameter {
        name: "value",
        kind: ParameterKind::Float { min: f64::MIN, max: f64::MAX, default: Some(0.0) },
        unit: "",
        about: "The threshold of the method `value`, in units of the image.",
    },
    Parameter {
        name: "percentile",
        kind: ParameterKind::Float { min: 0.0, max: 100.0, default: Some(95.0) },
        unit: "%",
        about: "The percentile of the method `percentile`.",
    },
    OBJECTS,
];

impl Function for Threshold {
    fn name(&self) -> &'static str {
        "threshold"
    }

    fn about(&self) -> &'static str {
        "Foreground by a threshold given or found, as labels of 1 and 0"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn output(&self) -> ValueKind {
        ValueKind::Labels
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let method = match settings.text("method")? {
            "li" => Method::Li,
            "triangle" => Method::Triangle,
            "percentile" => Method::Percentile(settings.float("percentile")?),
            _ => Method::Value(settings.float("value")?),
        };
        let side = side(settings)?;
        Ok(per_plane::segment(move |plane| {
            dispatch!(plane.pixel_type(), T => {
                let image = View::<T>::of(plane)?;
                match method.threshold(image.pixels)? {
                    Some(threshold) => cut::mask(image, threshold, side)?,
                    None => Raster::filled(image.shape, 0u32)?,
                }
                .into_plane()
            })
        }))
    }
}

#[derive(Clone, Copy)]
enum Method {
    Value(f64),
    Li,
    Triangle,
    Percentile(f64),
}

impl Method {
    /// The threshold; `None` when there are no finite pixels to find it from.
    fn threshold<T: Binned>(self, pixels: &[T]) -> Result<Option<f64>> {
        Ok(match self {
            Self::Value(value) => Some(value),
            Self::Li => li(pixels),
            Self::Triangle => {
                T::histogram(pixels).map(|histogram| thresholds::triangle(&histogram))
            }
            Self::Percentile(percent) => percentiles(pixels, [percent])?.map(|[value]| value),
        })
    }
}

/// Integers are counted first; the threshold settles to half a value, or of floats to a
/// ten-millionth of their range.
fn li<T: Binned>(pixels: &[T]) -> Option<f64> {
    let (first, last) = range(pixels)?;
    let range = last.to_f64() - first.to_f64();
    if range == 0.0 {
        return Some(first.to_f64());
    }
    if T::PIXEL_TYPE.is_integer() {
        let histogram = T::histogram(pixels)?;
        let counts = histogram.counts.iter().map(|&count| f64::from(count));
        return thresholds::li(histogram.centers.iter().copied().zip(counts), 0.5);
    }
    let finite = pixels.iter().filter(|pixel| pixel.is_finite());
    thresholds::li(finite.map(|pixel| (pixel.to_f64(), 1.0)), 1e-7 * range)
}
