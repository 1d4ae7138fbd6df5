//! Pixels, as scikit-image 0.26, scipy 1.17 and numpy 2.4 have them.

use std::{collections::BTreeMap, fs};

use ndarray::{Array2, ArrayView2, s};
use polystore::{Element, Plane};
use polystore_pipeline::{Stack, Value};

use crate::call::{apply, call, golden, golden_path, golden_plane, image, labels, plane};

fn nuclei() -> Value {
    image(&golden_plane("nuclei"))
}

/// The upper left corner of `actual` must be the golden array; golden files of whole planes
/// are all corner.
fn assert_golden<T: Element>(actual: &Value, name: &str) {
    let expected = golden::<T>(name);
    let actual = plane(actual).as_array::<T>().unwrap();
    let corner = actual.slice(s![..expected.nrows(), ..expected.ncols()]);
    let n_different = corner.iter().zip(&expected).filter(|(one, other)| one != other).count();
    assert_eq!(n_different, 0, "of {} pixels of {name}", expected.len());
}

/// The kernel's exponentials may differ in their last bit from those of numpy's build, which
/// is far below the last bit of a pixel but could tip its rounding.
fn assert_last_bit(actual: &Value, name: &str) {
    let expected = golden::<f32>(name);
    let actual = plane(actual).as_array::<f32>().unwrap();
    for ((y, x), &value) in expected.indexed_iter() {
        let distance = actual[[y, x]].to_bits().abs_diff(value.to_bits());
        assert!(distance <= 1, "{name} at {y}, {x}: {} for {value}", actual[[y, x]]);
    }
}

#[test]
fn projections() {
    let planes = (0..3).map(|z| golden_plane(&format!("section_{z}"))).collect();
    let stack = Value::Image(Stack::new(planes).unwrap());
    assert_golden::<u16>(&apply("max_projection", "{}", &stack), "maximum");
    assert_golden::<f32>(&apply("mean_projection", "{}", &stack), "mean");
    assert_golden::<f32>(&apply("sum_projection", "{}", &stack), "sum");
}

#[test]
fn percentile_normalize() {
    let normalize = |output: &str| {
        apply("percentile_normalize", &format!("{{\"output\": \"{output}\"}}"), &nuclei())
    };
    assert_golden::<f32>(&normalize("float32"), "normalized");
    assert_golden::<u16>(&normalize("uint16"), "normalized_uint16");
    assert_golden::<u8>(&normalize("uint8"), "normalized_uint8");
}

#[test]
fn gaussian() {
    let normal = apply("percentile_normalize", "{}", &nuclei());
    assert_last_bit(&apply("gaussian", r#"{"sigma": 2.0}"#, &normal), "gaussian_2");
    let reflect = r#"{"sigma": 1.3, "mode": "reflect"}"#;
    assert_last_bit(&apply("gaussian", reflect, &nuclei()), "gaussian_1.3_reflect");
    // The filter reaches over the image and back.
    let small = plane(&nuclei()).as_array::<u16>().unwrap().slice(s![..7, ..5]).to_owned();
    let small = image(&Plane::from_array(small));
    for mode in ["nearest", "reflect"] {
        let settings = format!("{{\"sigma\": 4.0, \"mode\": \"{mode}\"}}");
        assert_last_bit(&apply("gaussian", &settings, &small), &format!("gaussian_4_{mode}_small"));
    }
}

#[test]
fn median() {
    for (footprint, radius) in [("square", 1), ("disk", 2), ("disk", 3), ("square", 4)] {
        let settings = format!("{{\"radius\": {radius}, \"footprint\": \"{footprint}\"}}");
        let filtered = apply("median", &settings, &nuclei());
        assert_golden::<u16>(&filtered, &format!("median_{footprint}_{radius}"));
    }
}

#[test]
fn tophat() {
    for (footprint, radius) in [("disk", 10), ("square", 7)] {
        let settings = format!("{{\"radius\": {radius}, \"footprint\": \"{footprint}\"}}");
        let details = apply("tophat", &settings, &nuclei());
        assert_golden::<u16>(&details, &format!("tophat_{footprint}_{radius}"));
    }
}

#[test]
fn subtract_background() {
    let rest = apply("subtract_background", r#"{"radius": 20}"#, &nuclei());
    let expected = golden::<u16>("subtract_background_20");
    let actual = plane(&rest).as_array::<u16>().unwrap();
    // Whole numbers from a smoothed image: its last bit may tip a half.
    let is_near = |((y, x), &value): ((usize, usize), &u16)| actual[[y, x]].abs_diff(value) <= 1;
    assert!(expected.indexed_iter().all(is_near));
    let n_equal = expected.indexed_iter().filter(|&(at, &value)| actual[at] == value).count();
    assert!(n_equal * 1000 >= expected.len() * 999, "{n_equal} of {}", expected.len());
}

#[test]
fn thresholds_of_four_pixel_types() {
    let text = fs::read_to_string(golden_path("foreground.json")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, usize>> = serde_json::from_str(&text).unwrap();
    let nuclei = golden::<u16>("nuclei");
    let normal = apply("percentile_normalize", "{}", &image(&Plane::from_array(nuclei.clone())));
    let pixels = BTreeMap::from([
        ("uint16", image(&Plane::from_array(nuclei.clone()))),
        ("int16", image(&Plane::from_array(nuclei.mapv(|pixel| pixel as i16)))),
        ("float64", image(&Plane::from_array(nuclei.mapv(|pixel| f64::from(pixel) / 7.0)))),
        ("float32", apply("gaussian", r#"{"sigma": 2.0}"#, &normal)),
    ]);
    for (pixel_type, counts) in expected {
        for (method, n_foreground) in counts {
            let mask = foreground(&method, &pixels[pixel_type.as_str()]);
            let n_found =
                plane(&mask).as_slice::<u32>().unwrap().iter().filter(|&&v| v == 1).count();
            assert_eq!(n_found, n_foreground, "{method} of {pixel_type}");
        }
    }
}

fn foreground(method: &str, pixels: &Value) -> Value {
    match method.split_once(' ') {
        Some((_, percent)) => {
            let settings = format!("{{\"method\": \"percentile\", \"percentile\": {percent}}}");
            apply("threshold", &settings, pixels)
        }
        None if method == "otsu" => apply("otsu", "{}", pixels),
        None => apply("threshold", &format!("{{\"method\": \"{method}\"}}"), pixels),
    }
}

fn blobs() -> Value {
    labels(&golden_plane("blobs"))
}

fn assert_labels(actual: &Value, expected: Array2<impl Into<u32> + Copy>, name: &str) {
    let actual: ArrayView2<'_, u32> = plane(actual).as_array().unwrap();
    assert_eq!(actual, expected.mapv(Into::into), "{name}");
}

#[test]
fn label() {
    for (settings, name) in [
        ("{}", "blobs_8"),
        (r#"{"connectivity": 4}"#, "blobs_4"),
        (r#"{"min_area": 5, "max_area": 300, "remove_border": true}"#, "blobs_inner_5_300"),
    ] {
        assert_labels(&apply("label", settings, &blobs()), golden::<u16>(name), name);
    }
}

#[test]
fn fill_holes() {
    assert_labels(&apply("fill_holes", "{}", &blobs()), golden::<u8>("blobs_filled"), "filled");
}

#[test]
fn watershed_split() {
    let mask = labels(&golden_plane("dense_mask"));
    let by_form = apply("watershed_split", r#"{"min_distance": 5}"#, &mask);
    assert_labels(&by_form, golden::<u16>("split_by_form"), "by form");
    let settings = r#"{"min_distance": 5, "sigma": 2.0}"#;
    let inputs = [("labels", &mask), ("intensity", &nuclei())];
    let by_intensity = call("watershed_split", settings, &inputs);
    assert_labels(&by_intensity, golden::<u16>("split_by_intensity"), "by intensity");
}
