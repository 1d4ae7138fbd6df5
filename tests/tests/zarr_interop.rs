//! OME-Zarr between ome-zarr-py, zarr-python and tensorstore and us, in both directions, the
//! same pixels and metadata.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::path::Path;

use polystore::{
    Element, ErrorKind, PixelType, Plane, PlaneIndex, PlaneRequest, PlaneShape, Region,
    VirtualBackend, VirtualBackendExt, VirtualPath, WellPosition, dispatch,
    model::{
        Acquisition, Channel, Color, ImageKind, ImageStructure, PhysicalSize, PlateStructure, Sizes,
    },
    zarr::{AbsentChunks, Durability, NgffVersion, Sharding, ZarrBackend, ZarrOptions},
};
use polystore_tests::interop::{any_pattern, run_python};
use serde_json::{Value, json};

fn python(command: &str, folder: &Path) -> Option<()> {
    run_python("zarr_interop.py", command, folder)
}

fn path(text: &str) -> VirtualPath {
    VirtualPath::parse(text).unwrap()
}

fn plain() -> ZarrOptions {
    ZarrOptions { cache: None, durability: Durability::Buffered, ..ZarrOptions::default() }
}

fn open(at: &Path, absent_chunks: AbsentChunks) -> ZarrBackend {
    ZarrBackend::open_with(at, ZarrOptions { absent_chunks, ..plain() }).unwrap()
}

// --- we write, they read ----------------------------------------------------------------

const SIZES: Sizes = Sizes::new(2, 2, 2, 51, 70);
const LEVELS: u32 = 3;
const LABELS: &str = "/A/01/0/labels/nuclei";

/// An image of a store, and what is known of it on the other side.
struct Written {
    image: ImageStructure,
    seed: u32,
    /// The plane, by its ordinal, that nobody wrote.
    missing: Option<usize>,
    labels: Vec<&'static str>,
}

impl Written {
    fn plane(&self, index: PlaneIndex) -> Plane {
        let number = self.image.sizes.ordinal(index).unwrap() as u32;
        any_pattern(self.image.pixel_type, self.image.sizes.plane_shape(), self.seed + number)
    }

    fn is_missing(&self, index: PlaneIndex) -> bool {
        self.missing.is_some() && self.image.sizes.ordinal(index) == self.missing
    }

    fn write(&self, store: &ZarrBackend) {
        let planes: Vec<_> = self
            .image
            .sizes
            .indices()
            .filter(|index| !self.is_missing(*index))
            .map(|index| (PlaneRequest::new(self.image.path.clone(), index), self.plane(index)))
            .collect();
        store.write_planes(&planes).unwrap();
    }

    fn check(&self, store: &ZarrBackend) {
        for index in self.image.sizes.indices() {
            let read = store.read_plane(&PlaneRequest::new(self.image.path.clone(), index));
            match self.is_missing(index) {
                true => assert_eq!(read.unwrap_err().kind(), ErrorKind::MissingPlane),
                false => {
                    assert_eq!(read.unwrap(), self.plane(index), "{} {index}", self.image.path)
                }
            }
        }
    }

    fn to_json(&self) -> Value {
        let Sizes { t, c, z, y, x } = self.image.sizes;
        let size = self.image.physical_size;
        let is_intensity = self.image.kind == ImageKind::Intensity;
        let channel = |channel: &Channel| json!([channel.name, channel.color.unwrap().to_hex()]);
        let named = self.image.channels.iter().filter(|channel| channel.color.is_some());
        json!({
            "path": self.image.path.as_str(), "name": self.image.name, "dtype": self.image.pixel_type,
            "sizes": [t, c, z, y, x], "seed": self.seed, "n_levels": self.image.n_levels,
            "missing": self.missing.into_iter().collect::<Vec<_>>(),
            "labels": is_intensity.then_some(&self.labels),
            "scale_um": size.x_um.map(|_| [size.z_um, size.y_um, size.x_um]),
            "channels": named.map(channel).collect::<Vec<_>>(),
        })
    }
}

/// Three wells in the corners of a plate, two runs; the second run has one field less.
fn plate() -> (PlateStructure, Vec<Written>) {
    let mut plate = PlateStructure::new("of ours", 8, 12);
    plate.acquisitions = vec![
        Acquisition { id: 3, name: "live".into(), start_s: Some(1_700_000_000), end_s: None },
        Acquisition { id: 7, name: "fixed".into(), ..Acquisition::default() },
    ];
    let channel =
        |name: &str, color: &str| Channel { color: Color::from_hex(color), ..Channel::named(name) };
    let mut written = Vec::new();
    for (seed, (well, field, acquisition)) in (0..).step_by(100).zip([
        ("A01", 0, 0),
        ("A01", 1, 0),
        ("A01", 0, 1),
        ("B03", 0, 1),
        ("H12", 0, 0),
    ]) {
        let position: WellPosition = well.parse().unwrap();
        let name = field + 2 * u32::from(acquisition > 0 && well == "A01");
        let at = format!("/{}/{:02}/{name}", position.row_name(), position.column + 1);
        let image = ImageStructure {
            name: format!("{well} field {field}"),
            field,
            acquisition,
            n_levels: LEVELS,
            channels: [channel("DAPI", "0000FF"), channel("GFP", "00FF00")].into(),
            physical_size: PhysicalSize { z_um: Some(2.0), ..PhysicalSize::square(0.65) },
            ..ImageStructure::new(path(&at), PixelType::U16, SIZES)
        };
        plate.add_image(position, image.clone()).unwrap();
        let labels = if seed == 0 { vec!["nuclei"] } else { Vec::new() };
        written.push(Written { image, seed, missing: (well == "H12").then_some(5), labels });
    }
    (plate, written)
}

fn write_store(folder: &Path, name: &str, options: ZarrOptions) -> Value {
    let at = folder.join(name);
    let store = ZarrBackend::create(&at, options.clone()).unwrap();
    let (plate, mut written) = plate();
    store.create_plate(&VirtualPath::root(), &plate).unwrap();
    let labels = ImageStructure::new(path(LABELS), PixelType::U32, Sizes { c: 1, ..SIZES });
    let other = ImageStructure { n_levels: 2, ..labels.clone() };
    let error = store.create_image(&labels.path, &other).unwrap_err();
    assert!(error.to_string().contains("as many levels as their image"), "{error}");
    store.create_image(&labels.path, &labels).unwrap();
    let labels = store.describe(&labels.path).unwrap();
    assert_eq!((labels.n_levels, labels.kind), (LEVELS, ImageKind::Labels));
    written.push(Written { image: labels, seed: 900, missing: None, labels: Vec::new() });
    written.iter().for_each(|image| image.write(&store));
    let reread = open(&at, AbsentChunks::Missing);
    written.iter().for_each(|image| image.check(&reread));
    assert_eq!(reread.plate(&VirtualPath::root()).unwrap().acquisitions, plate.acquisitions);
    json!({
        "name": name, "version": options.version.as_str(), "zip": options.codec == "gzip".parse().unwrap(),
        "images": written.iter().map(Written::to_json).collect::<Vec<_>>(),
        "plate": {
            "name": "of ours", "field_count": 3,
            "rows": ["A", "B", "C", "D", "E", "F", "G", "H"],
            "columns": (1..=12).map(|column| format!("{column:02}")).collect::<Vec<_>>(),
            "wells": [
                { "path": "A/01", "rowIndex": 0, "columnIndex": 0 },
                { "path": "B/03", "rowIndex": 1, "columnIndex": 2 },
                { "path": "H/12", "rowIndex": 7, "columnIndex": 11 },
            ],
            "acquisitions": [
                { "id": 3, "name": "live", "starttime": 1_700_000_000, "maximumfieldcount": 2 },
                { "id": 7, "name": "fixed", "maximumfieldcount": 1 },
            ],
            "images": {
                "A/01": [
                    { "path": "0", "acquisition": 3 },
                    { "path": "1", "acquisition": 3 },
                    { "path": "2", "acquisition": 7 },
                ],
                "B/03": [{ "path": "0", "acquisition": 7 }],
                "H/12": [{ "path": "0", "acquisition": 3 }],
            },
        },
    })
}

/// Images of every pixel type, alone, with nothing known of them.
fn write_types(folder: &Path, name: &str, version: NgffVersion) -> Value {
    let store =
        ZarrBackend::create(&folder.join(name), ZarrOptions { version, ..plain() }).unwrap();
    let images = PixelType::ALL.into_iter().zip((2000..).step_by(100)).map(|(pixel_type, seed)| {
        let sizes = Sizes::new(1, 2, 1, 33, 41);
        let image = ImageStructure::new(path(&format!("/{pixel_type}")), pixel_type, sizes);
        let image = ImageStructure { n_levels: 2, ..image };
        store.create_image(&image.path, &image).unwrap();
        let written = Written { image, seed, missing: None, labels: Vec::new() };
        written.write(&store);
        written.to_json()
    });
    json!({ "name": name, "version": version.as_str(), "images": images.collect::<Vec<_>>() })
}

#[test]
fn we_write_and_they_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    let tiles = Some(PlaneShape::new(20, 32));
    for (version, codecs) in [
        (
            NgffVersion::V04,
            &["none", "zstd:1", "gzip", "zlib", "lz4", "blosc", "blosc:zstd:3:bitshuffle"][..],
        ),
        (
            NgffVersion::V05,
            &["none", "zstd:1", "gzip", "blosc", "blosc:zlib:2:bitshuffle", "blosc:lz4hc"],
        ),
    ] {
        for text in codecs {
            let options = ZarrOptions { version, codec: text.parse().unwrap(), ..plain() };
            let name = format!("{version}-{}", text.replace(':', "-"));
            written.push(write_store(folder.path(), &name, options));
        }
        let options = ZarrOptions { version, chunk: tiles, ..plain() };
        written.push(write_store(folder.path(), &format!("{version}-tiles"), options));
        written.push(write_types(folder.path(), &format!("{version}-types"), version));
    }
    for (name, sharding, chunk) in [
        ("0.5-channel-shards", Sharding::Channel, None),
        ("0.5-image-shards", Sharding::Image, None),
        ("0.5-shards-of-tiles", Sharding::Channel, tiles),
    ] {
        let options = ZarrOptions { sharding, chunk, ..plain() };
        written.push(write_store(folder.path(), name, options));
    }
    let text = serde_json::to_string(&written).unwrap();
    std::fs::write(folder.path().join("written.json"), text).unwrap();
    let Some(()) = python("check", folder.path()) else { return };
    for version in ["0.4", "0.5"] {
        let zipped =
            open(&folder.path().join(format!("{version}-gzip.zip")), AbsentChunks::Missing);
        let (declared, images) = plate();
        let read = zipped.plate(&VirtualPath::root()).unwrap();
        assert_eq!((read.n_images(), &read.acquisitions), (5, &declared.acquisitions));
        images.iter().for_each(|image| image.check(&zipped));
    }
}

// --- they write, we read ----------------------------------------------------------------

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn sizes_of(value: &Value) -> Sizes {
    let sizes: Vec<u32> = value["sizes"].as_array().unwrap().iter().map(number).collect();
    let [t, c, z, y, x] = *sizes else { panic!("sizes of {value}") };
    Sizes::new(t, c, z, y, x)
}

fn type_of(value: &Value) -> PixelType {
    value.as_str().unwrap().parse().unwrap()
}

/// A plane of one value, which absent chunks stand for.
fn filled(pixel_type: PixelType, shape: PlaneShape, value: &Value) -> Plane {
    let value = value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap());
    dispatch!(pixel_type, T => {
        Plane::from_vec(shape, vec![<T as Element>::from_f64(value); shape.n_pixels() as usize]).unwrap()
    })
}

fn check_array(folder: &Path, array: &Value) {
    let name = array["name"].as_str().unwrap();
    let (sizes, pixel_type) = (sizes_of(array), type_of(&array["dtype"]));
    let at = folder.join(name);
    let store = open(&at, AbsentChunks::Fill);
    let image = store.describe(&VirtualPath::root()).unwrap();
    assert_eq!((image.sizes, image.pixel_type), (sizes, pixel_type), "{name}");
    let region = Region::new(3, 5, 21, 30);
    for index in sizes.indices() {
        let ordinal = sizes.ordinal(index).unwrap();
        let is_blank = array["blank"].as_array().unwrap().contains(&json!(ordinal));
        let expected = match is_blank {
            true => filled(pixel_type, sizes.plane_shape(), &array["fill"]),
            false => {
                let seed = number(&array["seed"]) + ordinal as u32;
                any_pattern(type_of(&array["pattern"]), sizes.plane_shape(), seed)
                    .convert(pixel_type)
            }
        };
        let request = PlaneRequest::new(VirtualPath::root(), index);
        let found = store.read_plane(&request).unwrap();
        assert_eq!(found.bytes(), expected.bytes(), "{name} {index}");
        let part = store.read_plane(&request.clone().with_region(region)).unwrap();
        assert_eq!(part.bytes(), expected.crop(region).unwrap().bytes(), "{name} {index}");
        if is_blank {
            let error = open(&at, AbsentChunks::Missing).read_plane(&request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MissingPlane, "{name} {index}: {error}");
        }
    }
}

fn check_plate(folder: &Path, plate: &Value) {
    let name = plate["name"].as_str().unwrap();
    let store = open(&folder.join(name), AbsentChunks::Missing);
    let structure = store.plate(&VirtualPath::root()).unwrap();
    assert_eq!((structure.name.as_str(), structure.n_rows), ("theirs", 3), "{name}");
    let acquisitions: Vec<_> = structure
        .acquisitions
        .iter()
        .map(|acquisition| (acquisition.id, acquisition.name.as_str(), acquisition.start_s))
        .collect();
    assert_eq!(acquisitions, [(2, "first", Some(1_700_000_000)), (9, "second", None)], "{name}");
    let wells: Vec<_> = structure.wells.iter().map(|well| well.position.to_string()).collect();
    assert_eq!(wells, ["A01", "C10"], "{name}");
    let listed = plate["images"].as_array().unwrap();
    assert_eq!(structure.n_images(), listed.len(), "{name}");
    for (found, expected) in structure.images().map(|(_, image)| image).zip(listed) {
        assert_eq!(
            structure.acquisitions[found.acquisition as usize].id,
            number(&expected["acquisition"])
        );
        let channels: Vec<_> = found
            .channels
            .iter()
            .map(|channel| (channel.name.as_str(), channel.color.unwrap().to_hex()))
            .collect();
        let wanted = [("stain 0", "0000FF".to_owned()), ("stain 1", "00FF00".to_owned())];
        assert_eq!(channels, wanted, "{name}");
        check_image(folder, &store, expected);
    }
    let inventory = store.inventory(&VirtualPath::root()).unwrap();
    assert!(inventory.is_complete(), "{name}: {:?}", inventory.counts());
    check_image(folder, &store, &plate["labels"]);
    let labels = store.describe(&path(plate["labels"]["path"].as_str().unwrap())).unwrap();
    assert_eq!(labels.kind, ImageKind::Labels, "{name}");
}

fn check_image(folder: &Path, store: &ZarrBackend, expected: &Value) {
    let at = path(expected["path"].as_str().unwrap());
    let image = store.describe(&at).unwrap();
    let (sizes, pixel_type) = (sizes_of(expected), type_of(&expected["dtype"]));
    assert_eq!((image.sizes, image.pixel_type), (sizes, pixel_type), "{at}");
    let size = image.physical_size;
    assert_eq!(json!([size.z_um, size.y_um, size.x_um]), expected["scale"], "{at}");
    let levels = expected["levels"].as_array().unwrap();
    assert_eq!(image.n_levels as usize, 1 + levels.len(), "{at}");
    for index in sizes.indices() {
        let seed = number(&expected["seed"]) + sizes.ordinal(index).unwrap() as u32;
        let request = PlaneRequest::new(at.clone(), index);
        let plane = any_pattern(pixel_type, sizes.plane_shape(), seed);
        assert_eq!(store.read_plane(&request).unwrap(), plane, "{store} {at} {index}");
    }
    for (level, file) in (1..).zip(levels) {
        let bytes = std::fs::read(folder.join(file.as_str().unwrap())).unwrap();
        let shape = sizes.level_shape(level);
        let planes = bytes.chunks_exact(shape.n_pixels() as usize * pixel_type.size_bytes());
        assert_eq!(planes.len() as u64, sizes.n_planes(), "{at} level {level}");
        for (index, plane) in sizes.indices().zip(planes) {
            let request = PlaneRequest::new(at.clone(), index).with_level(level);
            let found = store.read_plane(&request).unwrap();
            assert_eq!(&found.bytes()[..], plane, "{store} {at} {index} level {level}");
        }
    }
}

#[test]
fn they_write_and_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = python("write", folder.path()) else { return };
    let text = std::fs::read_to_string(folder.path().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let (arrays, plates) = (expected["arrays"].as_array(), expected["plates"].as_array());
    let (arrays, plates) = (arrays.unwrap(), plates.unwrap());
    assert!(arrays.len() > 100 && plates.len() == 4, "{} arrays", arrays.len());
    arrays.iter().for_each(|array| check_array(folder.path(), array));
    plates.iter().for_each(|plate| check_plate(folder.path(), plate));
}
