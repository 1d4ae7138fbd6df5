//! Every function takes every pixel type: the same numbers in another type give the same
//! result.

use polystore::{PixelType, Plane};
use polystore_pipeline::{Stack, Value};

use crate::call::{apply, golden_plane, image, labels, plane};

/// Real pixels that all types can hold.
fn dim_nuclei() -> Plane {
    let nuclei = golden_plane("nuclei").as_array::<u16>().unwrap().mapv(|pixel| pixel >> 8);
    Plane::from_array(nuclei)
}

fn assert_same_for_all_types(name: &str, settings: &str) {
    let dim = dim_nuclei();
    let expected = apply(name, settings, &image(&dim));
    for pixel_type in PixelType::ALL {
        let actual = apply(name, settings, &image(&dim.convert(pixel_type)));
        let actual = plane(&actual).convert(PixelType::F64);
        assert!(actual == plane(&expected).convert(PixelType::F64), "{name} of {pixel_type}");
    }
}

#[test]
fn filters_and_thresholds() {
    for (name, settings) in [
        ("percentile_normalize", r#"{"low": 10, "high": 99.9}"#),
        ("gaussian", r#"{"sigma": 1.5}"#),
        ("median", r#"{"radius": 1}"#),
        ("median", r#"{"radius": 3, "footprint": "disk"}"#),
        ("tophat", r#"{"radius": 6}"#),
        ("threshold", r#"{"value": 3.5}"#),
        ("threshold", r#"{"method": "percentile"}"#),
        ("max_projection", "{}"),
        ("mean_projection", "{}"),
        ("sum_projection", "{}"),
        ("select", r#"{"which": "sharpest"}"#),
    ] {
        assert_same_for_all_types(name, settings);
    }
}

#[test]
fn labels_of_any_type_are_numbers() {
    let blobs = golden_plane("blobs");
    for name in ["label", "fill_holes", "watershed_split"] {
        let expected = apply(name, "{}", &labels(&blobs));
        for pixel_type in PixelType::ALL {
            let actual = apply(name, "{}", &labels(&blobs.convert(pixel_type)));
            assert!(plane(&actual) == plane(&expected), "{name} of {pixel_type}");
        }
    }
}

#[test]
fn projecting_equal_planes_changes_nothing() {
    let dim = dim_nuclei();
    let stack = Value::Image(Stack::new(vec![dim.clone(); 5]).unwrap());
    for name in ["max_projection", "mean_projection"] {
        let projection = apply(name, "{}", &stack);
        assert!(plane(&projection).convert(PixelType::U16) == dim, "{name}");
    }
}

#[test]
fn planes_without_pixels_are_no_trouble() {
    for (height, width) in [(0, 0), (0, 3), (3, 0), (1, 1)] {
        let empty = Plane::from_array(ndarray::Array2::<u16>::zeros((height, width)));
        for name in
            ["percentile_normalize", "gaussian", "median", "tophat", "otsu", "threshold", "select"]
        {
            assert_eq!(plane(&apply(name, "{}", &image(&empty))).shape(), empty.shape(), "{name}");
        }
        for name in ["label", "fill_holes", "watershed_split", "measure", "outline"] {
            apply(name, "{}", &labels(&empty));
        }
    }
}
