//! Measurements, as scikit-image's `regionprops_table` has them, after the chain of the
//! benches: percentiles, gaussian, Otsu, label, measure.

use std::{collections::BTreeMap, f64::consts::PI, fs};

use ndarray::s;
use polystore::{Plane, backend::Table};
use polystore_pipeline::Value;

use crate::call::{
    apply, call, column, golden, golden_path, golden_plane, image, labels, plane, table,
};

/// Sums of doubles in another order.
const TOLERANCE: f64 = 1e-9;

fn assert_table(actual: &Table, name: &str) {
    let text = fs::read_to_string(golden_path(&format!("{name}.json"))).unwrap();
    let expected: BTreeMap<String, Vec<f64>> = serde_json::from_str(&text).unwrap();
    assert_eq!(actual.columns.len(), expected.len(), "columns");
    for (column_name, values) in expected {
        let measured = column(actual, &column_name);
        assert_eq!(measured.len(), values.len());
        for (row, (&ours, &theirs)) in measured.iter().zip(&values).enumerate() {
            let near = |theirs: f64| (ours - theirs).abs() <= TOLERANCE * theirs.abs().max(1.0);
            // An axis has no direction: opposite angles are the same.
            let is_turned =
                column_name == "orientation_rad" && (near(theirs - PI) || near(theirs + PI));
            // Objects as wide as they are high have no longer axis; rounding decides there.
            let is_round = column_name == "orientation_rad" && is_round(actual, row);
            assert!(
                near(theirs) || is_turned || is_round,
                "{name}: {column_name} of row {row} is {ours}, not {theirs}"
            );
        }
    }
}

fn is_round(table: &Table, row: usize) -> bool {
    column(table, "eccentricity")[row] < 1e-6
}

#[test]
fn chain_of_the_benches() {
    let nuclei = image(&golden_plane("nuclei"));
    let normal = apply("percentile_normalize", "{}", &nuclei);
    let smooth = apply("gaussian", r#"{"sigma": 2.0}"#, &normal);
    let objects = apply("label", "{}", &apply("otsu", "{}", &smooth));
    let expected = golden::<u16>("nuclei_labels").mapv(u32::from);
    assert_eq!(plane(&objects).as_array::<u32>().unwrap(), expected);
    let measured = call("measure", "{}", &[("labels", &objects), ("intensity", &nuclei)]);
    assert_table(&table(measured), "nuclei_table");
}

#[test]
fn ragged_objects_at_edges_and_with_holes() {
    let blobs = labels(&golden_plane("blobs_4"));
    let (height, width) = (plane(&blobs).shape().height as i32, plane(&blobs).shape().width as i32);
    let part = golden::<u16>("nuclei").slice(s![..height, ..width]).to_owned();
    let part: Value = image(&Plane::from_array(part));
    let measured = call("measure", "{}", &[("labels", &blobs), ("intensity", &part)]);
    assert_table(&table(measured), "blobs_table");
}
