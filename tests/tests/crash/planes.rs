//! The plate that everybody writes, and planes that say themselves whether they are whole.

use polystore::{
    ErrorKind, Plane, PlaneIndex, PlaneRequest, PlaneShape, VirtualBackend, VirtualBackendExt,
    VirtualPath, WellPosition,
    convert::{TargetLayout, retarget},
    model::{ImageKind, ImageStructure, PlateStructure, Sizes},
    pyramid::downsample,
};

pub(crate) const SHAPE: PlaneShape = PlaneShape::new(96, 80);
const SIZES: Sizes = Sizes::new(1, 2, 2, SHAPE.height, SHAPE.width);
const WELLS: [&str; 4] = ["A01", "B02", "C03", "D04"];

/// Four wells of two fields, with two levels.
pub(crate) fn plate(layout: TargetLayout) -> PlateStructure {
    let mut plate = PlateStructure::new("crash", 8, 12);
    for well in WELLS {
        let position: WellPosition = well.parse().unwrap();
        for field in 0..2 {
            let path = PlateStructure::canonical_image_path(position, None, field);
            let image = ImageStructure::new(path, polystore::PixelType::U16, SIZES);
            plate.add_image(position, ImageStructure { field, ..image }).unwrap();
        }
    }
    let mut plate = retarget(&plate, layout).unwrap();
    let images = plate.wells.iter_mut().flat_map(|well| &mut well.fields);
    images.for_each(|image| image.n_levels = 2);
    plate
}

/// The planes of the wells, by their numbers in the plate, in its order.
pub(crate) fn requests(plate: &PlateStructure, wells: &[usize]) -> Vec<PlaneRequest> {
    let chosen = wells.iter().flat_map(|&well| &plate.wells[well].fields);
    chosen
        .flat_map(|image| {
            image.sizes.indices().map(|index| PlaneRequest::new(image.path.clone(), index))
        })
        .collect()
}

/// The plane of `request` in its state `version`, every pixel of which depends on both.
pub(crate) fn plane(request: &PlaneRequest, version: u16) -> Plane {
    let PlaneIndex { t, c, z } = request.index;
    let name = format!("{} {t} {c} {z}", request.path);
    let seed = name.bytes().fold(u32::from(version) + 1, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    });
    let mut state = seed | 1;
    let mut pixels = vec![version];
    pixels.extend((1..SHAPE.n_pixels()).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 16) as u16
    }));
    Plane::from_vec(SHAPE, pixels).unwrap()
}

/// What was found of the planes of a plate.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) n_present: usize,
    pub(crate) n_missing: usize,
    /// Versions of the present ones, in order.
    pub(crate) versions: Vec<u16>,
}

/// Reads all planes and checks that each is whole, with its level 1, or missing.
pub(crate) fn check(backend: &dyn VirtualBackend, requests: &[PlaneRequest]) -> Found {
    let mut found = Found::default();
    for request in requests {
        let read = match backend.read_plane(request) {
            Ok(read) => read,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::MissingPlane, "{request}: {}", error.chain());
                found.n_missing += 1;
                continue;
            }
        };
        let version = read.as_slice::<u16>().unwrap()[0];
        assert!(read == plane(request, version), "{request}, version {version}, is not whole");
        let half = backend.read_plane(&request.clone().with_level(1)).unwrap();
        let expected = downsample(&read, ImageKind::Intensity).unwrap();
        assert!(half == expected, "{request}, version {version}: level 1 is of another plane");
        found.n_present += 1;
        found.versions.push(version);
    }
    found
}

/// Checks what the plate declares and counts, and that no file that was being written is
/// taken for anything.
pub(crate) fn check_plate(backend: &dyn VirtualBackend, expected: &PlateStructure, found: &Found) {
    let root = VirtualPath::root();
    let structure = backend.plate(&root).unwrap();
    let paths = |plate: &PlateStructure| {
        plate
            .images()
            .map(|(well, image)| (well, image.path.clone(), image.sizes))
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&structure), paths(expected));
    let counts = backend.inventory(&root).unwrap().counts();
    let (present, missing) = (found.n_present as u64, found.n_missing as u64);
    assert_eq!((counts.present, counts.missing, counts.corrupt), (present, missing, 0));
    for entry in backend.walk(&root).unwrap() {
        assert!(!entry.path.as_str().contains("polystore-tmp"), "{} is litter", entry.path);
    }
}
