//! Intensities stretched between two percentiles of the plane.

use polystore::{PixelType, Plane, dispatch};

use super::per_plane;
use crate::{
    Error, Result,
    function::{Function, Operation, Parameter, ParameterKind, PlaneKind, Settings},
    image::{
        ordered::Ordered,
        percentile::percentiles,
        raster::{Raster, View},
    },
};

/// Maps the low percentile of each plane to 0 and the high one to the top of the output
/// type (1 for `float32`), and clips what lies outside.
///
/// Percentiles are exact and interpolated as numpy's; the mapping is that of scikit-image's
/// `rescale_intensity` in single precision, bit for bit, but never above 1 by its rounding.
/// Whole numbers are rounded.
/// NaN and infinite pixels do not count for the percentiles; NaN stays NaN, or becomes 0 in
/// whole numbers. When the two percentiles are equal, pixels above them become the top and
/// all others 0.
#[derive(Debug)]
pub(super) struct PercentileNormalize;

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "low",
        kind: ParameterKind::Float { min: 0.0, max: 100.0, default: Some(1.0) },
        unit: "%",
        about: "Percentile that becomes 0.",
    },
    Parameter {
        name: "high",
        kind: ParameterKind::Float { min: 0.0, max: 100.0, default: Some(99.8) },
        unit: "%",
        about: "Percentile that becomes the largest value.",
    },
    Parameter {
        name: "output",
        kind: ParameterKind::Choice(&["float32", "uint16", "uint8"]),
        unit: "",
        about: "Pixel type of the result: float32 from 0 to 1, or the whole range of integers.",
    },
];

impl Function for PercentileNormalize {
    fn name(&self) -> &'static str {
        "percentile_normalize"
    }

    fn about(&self) -> &'static str {
        "Intensities stretched between two percentiles of the plane"
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn output_planes(&self, settings: &Settings, input: PlaneKind) -> PlaneKind {
        let pixel_type = match settings.text("output") {
            Ok("uint8") => PixelType::U8,
            Ok("uint16") => PixelType::U16,
            _ => PixelType::F32,
        };
        PlaneKind { pixel_type, ..input }
    }

    fn prepare(&self, settings: &Settings) -> Result<Box<dyn Operation>> {
        let (low, high) = (settings.float("low")?, settings.float("high")?);
        if low >= high {
            return Err(Error::function(format!(
                "`low` must be less than `high`, but they are {low} and {high}"
            )));
        }
        let output = match settings.text("output")? {
            "uint8" => Output::U8,
            "uint16" => Output::U16,
            _ => Output::F32,
        };
        Ok(per_plane::filter(
            move |plane| dispatch!(plane.pixel_type(), T => normalize::<T>(plane, [low, high], output)),
        ))
    }
}

#[derive(Clone, Copy)]
enum Output {
    F32,
    U16,
    U8,
}

fn normalize<T: Ordered>(plane: &Plane, percents: [f64; 2], output: Output) -> Result<Plane> {
    let image = View::<T>::of(plane)?;
    let [low, high] = percentiles(image.pixels, percents)?.unwrap_or_default();
    let scale = Scale { low: low as f32, high: high as f32, span: (high - low) as f32 };
    // Bound by the division.
    match output {
        Output::F32 => Raster::map(image, |pixel| scale.apply(pixel))?.into_plane(),
        Output::U16 => Raster::map(image, |pixel| scale.round(pixel, 65535.0) as u16)?.into_plane(),
        Output::U8 => Raster::map(image, |pixel| scale.round(pixel, 255.0) as u8)?.into_plane(),
    }
}

#[derive(Clone, Copy)]
struct Scale {
    low: f32,
    high: f32,
    span: f32,
}

impl Scale {
    /// The value on the scale from 0 to 1.
    #[inline]
    fn apply<T: Ordered>(self, pixel: T) -> f32 {
        let value = pixel.to_f64() as f32;
        if self.span <= 0.0 {
            let flat = if value > self.high { 1.0 } else { 0.0 };
            return if value.is_nan() { value } else { flat };
        }
        let clipped = if value < self.low { self.low } else { value };
        let clipped = if clipped > self.high { self.high } else { clipped };
        let scaled = (clipped - self.low) / self.span;
        if scaled > 1.0 { 1.0 } else { scaled }
    }

    /// The value on the scale from 0 to `top`, ready to be cut to a whole number.
    #[inline]
    fn round<T: Ordered>(self, pixel: T, top: f32) -> f32 {
        self.apply(pixel) * top + 0.5
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    fn normalized<T: Ordered>(pixels: Array2<T>, output: Output) -> Plane {
        normalize::<T>(&Plane::from_array(pixels), [0.0, 100.0], output).unwrap()
    }

    #[test]
    fn the_whole_range_of_the_output_is_used() {
        let pixels = array![[100u16, 150, 200]];
        let floats = normalized(pixels.clone(), Output::F32);
        assert_eq!(floats.as_slice::<f32>().unwrap(), [0.0, 0.5, 1.0]);
        let bytes = normalized(pixels.clone(), Output::U8);
        assert_eq!(bytes.as_slice::<u8>().unwrap(), [0, 128, 255]);
        let words = normalized(pixels, Output::U16);
        assert_eq!(words.as_slice::<u16>().unwrap(), [0, 32768, 65535]);
    }

    #[test]
    fn flat_planes_and_nan() {
        assert_eq!(
            normalized(array![[7u8, 7]], Output::F32).as_slice::<f32>().unwrap(),
            [0.0, 0.0]
        );
        let mostly_flat = Plane::from_array(array![[3i16, 3, 3, 9, 1]]);
        let flat = normalize::<i16>(&mostly_flat, [40.0, 60.0], Output::F32).unwrap();
        assert_eq!(flat.as_slice::<f32>().unwrap(), [0.0, 0.0, 0.0, 1.0, 0.0]);
        let pixels = array![[f32::NAN, 1.0, 3.0, f32::INFINITY, f32::NEG_INFINITY]];
        let floats = normalized(pixels.clone(), Output::F32);
        let floats = floats.as_slice::<f32>().unwrap();
        assert!(floats[0].is_nan());
        assert_eq!(floats[1..], [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(normalized(pixels, Output::U8).as_slice::<u8>().unwrap(), [0, 0, 255, 255, 0]);
        let all_nan = normalized(array![[f64::NAN]], Output::F32);
        assert!(all_nan.as_slice::<f32>().unwrap()[0].is_nan());
    }

    #[test]
    fn low_must_be_below_high() {
        let given = ["low", "high"].map(|name| {
            let origin = "test".to_owned();
            (name.to_owned(), crate::function::Given { value: 50.0.into(), origin })
        });
        let settings = Settings::check(&given.into(), PARAMETERS, "test").unwrap();
        assert!(PercentileNormalize.prepare(&settings).is_err());
    }

    proptest! {
        #[test]
        fn normalizing_is_monotone(
            pixels in prop::collection::vec(any::<i16>(), 2..50),
            low in 0.0f64..50.0,
            high in 50.1f64..100.0,
        ) {
            let plane = Plane::from_array(Array2::from_shape_vec((1, pixels.len()), pixels).unwrap());
            for pixel_type in PixelType::ALL {
                let plane = plane.convert(pixel_type);
                let normal = dispatch!(pixel_type, T => normalize::<T>(&plane, [low, high], Output::F32)).unwrap();
                let (before, after) = (plane.convert(PixelType::F64), normal.as_slice::<f32>().unwrap());
                let before = before.as_slice::<f64>().unwrap();
                for (one, other) in (0..before.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
                    prop_assert!(before[one] > before[other] || after[one] <= after[other]);
                }
                prop_assert!(after.iter().all(|value| (0.0..=1.0).contains(value)));
            }
        }
    }
}
