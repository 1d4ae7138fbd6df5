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
        histogram::{Binned, Histogram},
        ordered::Ordered,
        percentile::percentiles,
        raster::{Raster, View},
        sums,
        thresholds::{self, Tally},
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

/// The threshold settles to half a value, or of floats to a ten-millionth of their range.
fn li<T: Binned>(pixels: &[T]) -> Option<f64> {
    let (first, last) = T::range(pixels)?;
    let (first, range) = (first.to_f64(), last.to_f64() - first.to_f64());
    if range == 0.0 {
        return Some(first);
    }
    // The logarithms of the method need values that start at 0.
    let threshold = if T::PIXEL_TYPE.is_integer() {
        let histogram = T::histogram(pixels)?;
        let up_to = |limit: f64| counted_up_to(&histogram, first, limit);
        thresholds::li(up_to(f64::INFINITY), up_to, 0.5)
    } else {
        let up_to = |limit: f64| summed_up_to(pixels, first, limit);
        thresholds::li(up_to(f64::INFINITY), up_to, 1e-7 * range)
    };
    Some(threshold + first)
}

fn counted_up_to(histogram: &Histogram, first: f64, limit: f64) -> Tally {
    let bins = histogram.centers.iter().zip(&histogram.counts);
    let values = bins.map(|(center, &count)| (center - first, f64::from(count)));
    let below = values.take_while(|&(value, _)| value <= limit);
    below.fold(Tally::default(), |tally, (value, count)| Tally {
        n: tally.n + count,
        sum: tally.sum + value * count,
    })
}

fn summed_up_to<T: Ordered>(pixels: &[T], first: f64, limit: f64) -> Tally {
    let is_below = |value: f64| value <= limit && value.is_finite();
    let or_zero = |value: f64, counted: f64| if is_below(value) { counted } else { 0.0 };
    let value = |pixel: T| pixel.to_f64() - first;
    Tally {
        n: sums::sum(pixels, |pixel| or_zero(value(pixel), 1.0)),
        sum: sums::sum(pixels, |pixel| or_zero(value(pixel), value(pixel))),
    }
}
