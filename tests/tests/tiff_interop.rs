//! TIFF between tifffile (the reference) and us, in both directions, the same pixels and metadata.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::{path::Path, process::Command};

use polystore::{
    PixelType, PlaneIndex, PlaneRequest, PlaneShape, Region, VirtualBackend, VirtualBackendExt,
    VirtualPath,
    backend::{Roi, Shape},
    disk::{DiskBackend, DiskOptions, TiffCompression},
    model::{ImageStructure, PhysicalSize, Sizes},
};
use polystore_tests::{
    interop::{any_pattern, pattern, run_python},
    interop_python,
};
use serde_json::{Value, json};

fn python(command: &str, folder: &Path) -> Option<()> {
    run_python("tiff_interop.py", command, folder)
}

fn open(folder: &Path, compression: TiffCompression) -> DiskBackend {
    let mut options = DiskOptions::default().without_cache();
    options.compression = compression;
    DiskBackend::open_with(folder, options).unwrap()
}

fn number(value: &Value, name: &str) -> u32 {
    u32::try_from(value[name].as_u64().unwrap()).unwrap()
}

#[test]
fn tifffile_writes_and_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = python("write", folder.path()) else { return };
    let disk = open(folder.path(), TiffCompression::None);
    let text = std::fs::read_to_string(folder.path().join("expected.json")).unwrap();
    let files: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(files.len() > 60, "{} files", files.len());
    for file in &files {
        let name = file["file"].as_str().unwrap();
        let path = VirtualPath::parse(name).unwrap();
        let pixel_type: PixelType = file["dtype"].as_str().unwrap().parse().unwrap();
        let shape = PlaneShape::new(number(file, "height"), number(file, "width"));
        let seeds = file["seeds"].as_array().unwrap();
        let image = disk.describe(&path).unwrap();
        let n_z = seeds[0].as_array().unwrap().len() as u32;
        let sizes = Sizes::new(1, seeds.len() as u32, n_z, shape.height, shape.width);
        assert_eq!((image.sizes, image.pixel_type), (sizes, pixel_type), "{name}");
        let region = Region::new(30, 41, 100, 77);
        for index in sizes.indices() {
            let seed = seeds[index.c as usize][index.z as usize].as_u64().unwrap() as u32;
            let expected = any_pattern(pixel_type, shape, seed);
            let request = PlaneRequest::new(path.clone(), index);
            assert_eq!(disk.read_plane(&request).unwrap(), expected, "{name} {index}");
            let part = disk.read_plane(&request.with_region(region)).unwrap();
            assert_eq!(part, expected.crop(region).unwrap(), "{name} {index}");
        }
        if let Some([height, width, seed]) = file["level_1"].as_array().map(Vec::as_slice) {
            let side = |value: &Value| value.as_u64().unwrap() as u32;
            let shape = PlaneShape::new(side(height), side(width));
            let request = PlaneRequest::new(path.clone(), PlaneIndex::default()).with_level(1);
            let expected = any_pattern(pixel_type, shape, side(seed));
            assert_eq!(disk.read_plane(&request).unwrap(), expected, "{name} level 1");
        }
    }
}

#[test]
fn jpeg_differs_by_rounding_only() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = python("write", folder.path()) else { return };
    let disk = open(folder.path(), TiffCompression::None);
    let read = |name: &str| {
        let path = VirtualPath::parse(name).unwrap();
        disk.read_plane(&PlaneRequest::new(path, PlaneIndex::default())).unwrap()
    };
    let (ours, theirs) = (read("jpeg.tif"), read("jpeg.npy"));
    let pairs = ours.as_slice::<u8>().unwrap().iter().zip(theirs.as_slice::<u8>().unwrap());
    let most = pairs.map(|(&a, &b)| a.abs_diff(b)).max().unwrap();
    assert!(most <= 2, "decoders of JPEG may round differently, but not by {most}");
}

#[test]
fn we_write_and_tifffile_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    let shape = PlaneShape::new(301, 517);
    for (name, compression) in TiffCompression::ALL {
        let disk = open(folder.path(), compression);
        for (number, pixel_type) in PixelType::ALL.into_iter().enumerate() {
            let file = format!("{name}-{pixel_type}.tif");
            let path = VirtualPath::parse(&file).unwrap();
            let seed = number as u32;
            let plane = any_pattern(pixel_type, shape, seed);
            disk.write_plane(PlaneRequest::new(path, PlaneIndex::default()), plane).unwrap();
            written.push(json!({
                "file": file, "dtype": pixel_type, "height": shape.height, "width": shape.width, "seeds": [seed],
            }));
        }
        written.push(write_ome(&disk, name, PlaneShape::new(700, 1100)));
    }
    let text = serde_json::to_string(&written).unwrap();
    std::fs::write(folder.path().join("written.json"), text).unwrap();
    python("check", folder.path());
}

/// An OME-TIFF of two timepoints, two channels and three z-sections, with a pyramid.
fn write_ome(disk: &DiskBackend, name: &str, shape: PlaneShape) -> Value {
    let file = format!("{name}.ome.tif");
    let path = VirtualPath::parse(&file).unwrap();
    let sizes = Sizes::new(2, 2, 3, shape.height, shape.width);
    let image = ImageStructure {
        n_levels: 3,
        physical_size: PhysicalSize { z_um: Some(2.0), ..PhysicalSize::square(0.65) },
        ..ImageStructure::new(path.clone(), PixelType::U16, sizes)
    };
    disk.create_image(&path, &image).unwrap();
    let planes: Vec<_> = (0u32..)
        .zip(sizes.indices())
        .map(|(seed, index)| (PlaneRequest::new(path.clone(), index), pattern::<u16>(shape, seed)))
        .collect();
    disk.write_planes(&planes).unwrap();
    json!({
        "file": file, "dtype": "uint16", "height": shape.height, "width": shape.width, "ome": true,
        "n_levels": 3, "pixel_size_um": 0.65, "seeds": (0..planes.len()).collect::<Vec<_>>(),
    })
}

#[test]
fn roifile_reads_our_regions() {
    let Some(python) = interop_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), TiffCompression::None);
    let path = VirtualPath::parse("/a.tif").unwrap();
    let plane = pattern::<u8>(PlaneShape::new(64, 64), 1);
    disk.write_plane(PlaneRequest::new(path.clone(), PlaneIndex::default()), plane).unwrap();
    let index = Some(PlaneIndex::new(1, 2, 3));
    let roi = |name: &str, shape| Roi { name: name.to_owned(), shape, index };
    let rois = [
        roi("polygon", Shape::Polygon(vec![(1.5, 2.0), (10.25, 3.0), (5.0, 20.75)])),
        roi("box", Shape::Rectangle { x: 3.0, y: 4.0, width: 10.0, height: 12.0 }),
        roi("oval", Shape::Ellipse { x: 3.0, y: 4.0, width: 10.0, height: 12.0 }),
        roi("point", Shape::Point { x: 7.5, y: 8.5 }),
    ];
    let store = disk.as_rois().unwrap();
    store.write_rois(&path, &rois).unwrap();
    assert_eq!(store.read_rois(&path).unwrap(), rois);
    let script = "
import sys, roifile
rois = {roi.name: roi for roi in roifile.roiread(sys.argv[1])}
assert sorted(rois) == ['box', 'oval', 'point', 'polygon'], sorted(rois)
assert rois['polygon'].coordinates().tolist() == [[1.5, 2.0], [10.25, 3.0], [5.0, 20.75]], rois['polygon'].coordinates()
assert (rois['box'].top, rois['box'].left, rois['box'].bottom, rois['box'].right) == (4, 3, 16, 13)
assert rois['oval'].roitype == roifile.ROI_TYPE.OVAL
assert rois['point'].coordinates().tolist() == [[7.5, 8.5]], rois['point'].coordinates()
assert all((roi.t_position, roi.c_position, roi.z_position) == (2, 3, 4) for roi in rois.values())
";
    let archive = folder.path().join("a.tif.roi.zip");
    let output = Command::new(python).args(["-c", script]).arg(archive).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
