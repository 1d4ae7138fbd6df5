//! Image files on disk: every pixel type, compression and region, through the public interface.

use std::path::Path;

use polystore::{
    Element, ErrorKind, PixelType, Plane, PlaneIndex, PlaneRequest, PlaneShape, Region,
    VirtualBackend, VirtualBackendExt, VirtualPath,
    disk::{DiskBackend, DiskOptions, TiffCompression},
    dispatch,
    model::{ImageStructure, Sizes},
};

fn path(text: &str) -> VirtualPath {
    VirtualPath::parse(text).unwrap()
}

fn request(text: &str) -> PlaneRequest {
    PlaneRequest::new(path(text), PlaneIndex::default())
}

/// Values that differ from pixel to pixel, use the whole range and look a little like noise.
fn pattern<T: Element>(shape: PlaneShape, seed: u32) -> Plane {
    let pixels = (0..shape.n_pixels() as u32)
        .map(|at| T::from_f64(f64::from((at ^ seed).wrapping_mul(2_654_435_761) >> 9)))
        .collect();
    Plane::from_vec::<T>(shape, pixels).unwrap()
}

fn any_pattern(pixel_type: PixelType, shape: PlaneShape, seed: u32) -> Plane {
    dispatch!(pixel_type, T => pattern::<T>(shape, seed))
}

fn open(folder: &Path, compression: TiffCompression, map: bool) -> DiskBackend {
    let mut options = DiskOptions::default().without_cache();
    options.compression = compression;
    options.map = map;
    DiskBackend::open_with(folder, options).unwrap()
}

#[test]
fn every_type_and_compression_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    for (name, compression) in TiffCompression::ALL {
        let disk = open(folder.path(), compression, false);
        for pixel_type in PixelType::ALL {
            let plane = any_pattern(pixel_type, PlaneShape::new(301, 517), 3);
            let file = request(&format!("/{name}/{pixel_type}.tif"));
            disk.write_plane(file.clone(), plane.clone()).unwrap();
            assert_eq!(disk.read_plane(&file).unwrap(), plane, "{name} {pixel_type}");
            let region = Region::new(200, 33, 101, 400);
            let part = disk.read_plane(&file.with_region(region)).unwrap();
            assert_eq!(part, plane.crop(region).unwrap(), "{name} {pixel_type}");
        }
    }
}

#[test]
fn a_changed_file_has_another_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), TiffCompression::None, false);
    let file = request("/a.tif");
    disk.write_plane(file.clone(), any_pattern(PixelType::U8, PlaneShape::new(3, 5), 1)).unwrap();
    let requests = [file.clone(), request("/none.tif")];
    let before = disk.fingerprints(&requests);
    assert!(before[0].is_some() && before[1].is_none());
    assert_eq!(disk.fingerprints(&requests), before);
    disk.write_plane(file, any_pattern(PixelType::U8, PlaneShape::new(4, 5), 1)).unwrap();
    assert_ne!(disk.fingerprints(&requests), before);
}

#[test]
fn npy_and_png_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), TiffCompression::None, false);
    let region = Region::new(7, 5, 11, 13);
    for pixel_type in PixelType::ALL {
        let plane = any_pattern(pixel_type, PlaneShape::new(30, 21), 1);
        let file = request(&format!("/{pixel_type}.npy"));
        disk.write_plane(file.clone(), plane.clone()).unwrap();
        assert_eq!(disk.read_plane(&file).unwrap(), plane, "{pixel_type}");
        let part = disk.read_plane(&file.with_region(region)).unwrap();
        assert_eq!(part, plane.crop(region).unwrap(), "{pixel_type}");
        let file = request(&format!("/{pixel_type}.png"));
        match pixel_type {
            PixelType::U8 | PixelType::U16 => {
                disk.write_plane(file.clone(), plane.clone()).unwrap();
                assert_eq!(disk.read_plane(&file).unwrap(), plane, "{pixel_type}");
            }
            _ => {
                let error = disk.write_plane(file.clone(), plane).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(!disk.exists(&file.path).unwrap(), "a failed write leaves nothing");
            }
        }
    }
}

#[test]
fn mapped_planes_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mapped = open(folder.path(), TiffCompression::None, true);
    let plane = pattern::<u16>(PlaneShape::new(300, 200), 9);
    for name in ["/a.tif", "/a.npy"] {
        mapped.write_plane(request(name), plane.clone()).unwrap();
        assert_eq!(mapped.read_plane(&request(name)).unwrap(), plane);
        let rows = Region::new(10, 0, 20, 200);
        let part = mapped.read_plane(&request(name).with_region(rows)).unwrap();
        assert_eq!(part, plane.crop(rows).unwrap());
    }
    assert!(mapped.capabilities().zero_copy);
}

#[test]
fn pyramids_and_tiles_of_a_declared_image() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), TiffCompression::Zstd, false);
    let at = path("/stack.ome.tif");
    let sizes = Sizes::new(1, 2, 2, 700, 1100);
    let image =
        ImageStructure { n_levels: 3, ..ImageStructure::new(at.clone(), PixelType::U16, sizes) };
    disk.create_image(&at, &image).unwrap();
    let planes: Vec<_> = sizes
        .indices()
        .enumerate()
        .map(|(seed, index)| {
            let plane = pattern::<u16>(sizes.plane_shape(), seed as u32);
            (PlaneRequest::new(at.clone(), index), plane)
        })
        .collect();
    disk.write_planes(&planes[..3]).unwrap();
    let last = &planes[3].0;
    assert_eq!(disk.read_plane(last).unwrap_err().kind(), ErrorKind::MissingPlane);
    disk.write_planes(&planes[3..]).unwrap();
    for (request, plane) in &planes {
        assert_eq!(disk.read_plane(request).unwrap(), *plane, "{request}");
        let half = polystore::pyramid::downsample(plane, image.kind).unwrap();
        let read = disk.read_plane(&request.clone().with_level(1)).unwrap();
        assert_eq!(read, half, "{request}");
        let region = Region::new(100, 200, 150, 300);
        let part = disk.read_plane(&request.clone().with_level(1).with_region(region)).unwrap();
        assert_eq!(part, half.crop(region).unwrap(), "{request}");
    }
    let described = disk.describe(&at).unwrap();
    assert_eq!((described.sizes, described.n_levels), (sizes, 3));
}
