//! Nuclei of a human cell image, as CellProfiler 4.0.6 found and measured them.
//!
//! The chain is CellProfiler's: minimum cross-entropy threshold of the plain image, applied
//! to the image smoothed by 1 px; holes filled; touching nuclei split along valleys of the
//! smoothed intensity; nuclei at the border and of fewer pixels than a disk 8 px across left
//! out. What differs: CellProfiler finds peaks with a disk of 4.8 px on an image smoothed
//! with a Gaussian cut off after 2 px, and floods the image as it is; here peaks keep 4 px
//! from each other on an image smoothed by a whole Gaussian of the same width (1.32 px),
//! which is flooded too. So a few nuclei are split elsewhere. Solidity is not compared:
//! CellProfiler's convex hull is another one (ours is scikit-image's).

use std::path::PathBuf;

use polystore::{Plane, backend::Table};
use polystore_pipeline::{Stack, Value};

use crate::call::{apply, call, column, image, plane, read, table};

/// CellProfiler's `Threshold_FinalThreshold_Nuclei`, on a scale from 0 to 1.
const THRESHOLD: f64 = 0.098_601_65;

const FOLDER: &str = "../data/cellprofiler-human";

fn channel(number: u32) -> Plane {
    read(FOLDER, &format!("AS_09125_050116030001_D03f00d{number}.tif"))
}

/// CellProfiler measures intensities from 0 to 1.
fn scaled(plane: &Plane) -> Plane {
    Plane::from_array(plane.as_array::<u8>().unwrap().mapv(|pixel| f32::from(pixel) / 255.0))
}

fn nuclei() -> Value {
    let dna = image(&channel(0));
    let smooth = apply("gaussian", r#"{"sigma": 1.0}"#, &dna);
    let threshold = format!("{{\"value\": {}}}", THRESHOLD * 255.0);
    let filled = apply("fill_holes", "{}", &apply("threshold", &threshold, &smooth));
    let settings = r#"{"min_distance": 4, "sigma": 1.32}"#;
    let parts = call("watershed_split", settings, &[("labels", &filled), ("intensity", &dna)]);
    let filled = apply("fill_holes", "{}", &parts);
    apply("label", r#"{"min_area": 51, "max_area": 5026, "remove_border": true}"#, &filled)
}

/// Our table, CellProfiler's, and for each of its nuclei the row of ours at its centre.
struct Compared {
    ours: Table,
    theirs: Vec<csv::StringRecord>,
    header: csv::StringRecord,
    pairs: Vec<(usize, usize)>,
}

impl Compared {
    fn new() -> Self {
        let nuclei = nuclei();
        let channels = Stack::new(vec![scaled(&channel(0)), scaled(&channel(1))]).unwrap();
        let inputs = [("labels", &nuclei), ("intensity", &Value::Image(channels))];
        let ours = table(call("measure", "{}", &inputs));
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join("Nuclei.csv");
        let mut reader = csv::Reader::from_path(path).unwrap();
        let header = reader.headers().unwrap().clone();
        let theirs = reader.records().collect::<Result<Vec<_>, _>>().unwrap();
        let mut compared = Self { ours, theirs, header, pairs: Vec::new() };
        let labels = plane(&nuclei).as_array::<u32>().unwrap();
        let centre = |row| {
            let at = |name| compared.theirs(row, name).round() as usize;
            labels[[at("AreaShape_Center_Y"), at("AreaShape_Center_X")]] as usize
        };
        let matched = (0..compared.theirs.len()).filter(|&row| centre(row) > 0);
        compared.pairs = matched.map(|row| (row, centre(row) - 1)).collect();
        compared
    }

    fn theirs(&self, row: usize, name: &str) -> f64 {
        let at = self.header.iter().position(|column| column == name).unwrap();
        self.theirs[row][at].parse().unwrap()
    }

    /// The part of the pairs whose numbers differ by at most `tolerance` of theirs.
    fn share_within(&self, ours: &str, theirs: &str, tolerance: f64) -> f64 {
        let column = column(&self.ours, ours);
        let is_near = |&&(row, own): &&(usize, usize)| {
            let expected = self.theirs(row, theirs);
            (column[own] - expected).abs() <= tolerance * expected.abs()
        };
        self.pairs.iter().filter(is_near).count() as f64 / self.pairs.len() as f64
    }

    /// The pairs that are the same pixels, to all appearances: box, area and centre.
    fn identical(&self) -> Vec<(usize, usize)> {
        let same = [
            ("area_px", "AreaShape_Area"),
            ("bbox_min_y_px", "AreaShape_BoundingBoxMinimum_Y"),
            ("bbox_min_x_px", "AreaShape_BoundingBoxMinimum_X"),
            ("bbox_max_y_px", "AreaShape_BoundingBoxMaximum_Y"),
            ("bbox_max_x_px", "AreaShape_BoundingBoxMaximum_X"),
            ("centroid_y_px", "AreaShape_Center_Y"),
            ("centroid_x_px", "AreaShape_Center_X"),
        ];
        let is_same = |&(row, own): &(usize, usize)| {
            let near = |(ours, theirs)| {
                (column(&self.ours, ours)[own] - self.theirs(row, theirs)).abs() < 1e-9
            };
            same.into_iter().all(near)
        };
        self.pairs.iter().copied().filter(is_same).collect()
    }
}

#[test]
fn the_threshold_is_theirs() {
    // One 8-bit value lies between these thresholds, so the masks tell them apart.
    let dna = image(&channel(0));
    let found = apply("threshold", r#"{"method": "li"}"#, &dna);
    let given = apply("threshold", &format!("{{\"value\": {}}}", THRESHOLD * 255.0), &dna);
    assert!(plane(&found) == plane(&given));
    // In single precision from 0 to 1, as CellProfiler has the image.
    let found = apply("threshold", r#"{"method": "li"}"#, &image(&scaled(&channel(0))));
    assert!(plane(&found) == plane(&given));
}

#[test]
fn as_many_nuclei_of_the_same_size_and_brightness() {
    let compared = Compared::new();
    let (n_ours, n_theirs) = (compared.ours.n_rows() as f64, compared.theirs.len() as f64);
    assert_eq!(n_theirs, 289.0);
    assert!((n_ours - n_theirs).abs() <= 0.01 * n_theirs, "{n_ours} nuclei for {n_theirs}");
    assert_eq!(compared.pairs.len(), 289, "each of theirs has one of ours at its centre");
    assert!(compared.share_within("area_px", "AreaShape_Area", 0.0) > 0.74);
    assert!(compared.share_within("area_px", "AreaShape_Area", 0.05) > 0.93);
    for (ours, theirs) in [
        ("intensity_1_mean", "Intensity_MeanIntensity_DNA"),
        ("intensity_2_mean", "Intensity_MeanIntensity_PH3"),
    ] {
        let share = compared.share_within(ours, theirs, 0.02);
        assert!(share > 0.94, "{theirs}: {share}");
    }
    let total: f64 = column(&compared.ours, "area_px").iter().sum();
    let theirs: f64 = (0..289).map(|row| compared.theirs(row, "AreaShape_Area")).sum();
    assert!((total - theirs).abs() < 0.005 * theirs, "{total} px for {theirs}");
}

#[test]
fn nuclei_of_the_same_pixels_have_the_same_numbers() {
    let compared = Compared::new();
    let identical = compared.identical();
    assert!(identical.len() > 210, "{} nuclei are the same", identical.len());
    for (ours, theirs) in [
        ("perimeter_px", "AreaShape_Perimeter"),
        ("major_axis_px", "AreaShape_MajorAxisLength"),
        ("minor_axis_px", "AreaShape_MinorAxisLength"),
        ("eccentricity", "AreaShape_Eccentricity"),
        ("extent", "AreaShape_Extent"),
        ("equivalent_diameter_px", "AreaShape_EquivalentDiameter"),
        ("intensity_1_sum", "Intensity_IntegratedIntensity_DNA"),
        ("intensity_1_mean", "Intensity_MeanIntensity_DNA"),
        ("intensity_1_min", "Intensity_MinIntensity_DNA"),
        ("intensity_1_max", "Intensity_MaxIntensity_DNA"),
        ("intensity_1_std", "Intensity_StdIntensity_DNA"),
        ("intensity_2_mean", "Intensity_MeanIntensity_PH3"),
    ] {
        let column = column(&compared.ours, ours);
        for &(row, own) in &identical {
            let expected = compared.theirs(row, theirs);
            let difference = (column[own] - expected).abs();
            assert!(
                difference <= 1e-6 * expected.abs(),
                "{theirs} of {row}: {} for {expected}",
                column[own]
            );
        }
    }
}
