use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    ErrorKind, PixelType, PlaneIndex, VirtualPath, WellPosition,
    model::{
        Acquisition, Color, ImageStructure, PhysicalSize, PlateStructure, Sizes, StagePosition,
    },
};

fn pixels(order: DimensionOrder, sizes: [u32; 3], tiff_data: Vec<TiffData>) -> Pixels {
    let [size_z, size_c, size_t] = sizes;
    Pixels {
        id: "Pixels:0".to_owned(),
        order,
        pixel_type: PixelType::U16,
        size_x: 4,
        size_y: 3,
        size_z,
        size_c,
        size_t,
        physical_size: PhysicalSize::default(),
        channels: Vec::new(),
        tiff_data,
        planes: Vec::new(),
    }
}

/// `z c t ifd` of all located planes, in the order of the pages.
fn located(pixels: &Pixels, n_pages: Option<u32>) -> Vec<[u32; 4]> {
    let mut all: Vec<_> = pixels
        .locate(|_| n_pages)
        .unwrap()
        .iter()
        .map(|(index, at)| [index.z, index.c, index.t, at.ifd])
        .collect();
    all.sort_by_key(|plane| plane[3]);
    all
}

#[test]
fn planes_follow_the_dimension_order() {
    let without = |order| located(&pixels(order, [2, 2, 1], Vec::new()), None);
    assert_eq!(
        without(DimensionOrder::Zct),
        [[0, 0, 0, 0], [1, 0, 0, 1], [0, 1, 0, 2], [1, 1, 0, 3]]
    );
    assert_eq!(
        without(DimensionOrder::Czt),
        [[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 2], [1, 1, 0, 3]]
    );
    for (order, name) in DimensionOrder::ALL {
        assert_eq!(DimensionOrder::from_name(name), Some(order));
        assert_eq!(without(order).len(), 4);
    }
}

#[test]
fn tiff_data_defaults_are_those_of_the_specification() {
    let run = |data: TiffData, n_pages| {
        located(&pixels(DimensionOrder::Zct, [3, 1, 1], vec![data]), n_pages)
    };
    // Nothing said: all pages of the file; an IFD alone: one plane; a count: so many.
    assert_eq!(run(TiffData::default(), None).len(), 3);
    assert_eq!(run(TiffData::default(), Some(2)).len(), 2);
    assert_eq!(
        run(TiffData { ifd: Some(7), first_z: 1, ..TiffData::default() }, None),
        [[1, 0, 0, 7]]
    );
    let two = TiffData { ifd: Some(7), plane_count: Some(2), ..TiffData::default() };
    assert_eq!(run(two.clone(), None), [[0, 0, 0, 7], [1, 0, 0, 8]]);
    let past = TiffData { plane_count: Some(99), first_z: 2, ..two };
    assert_eq!(run(past, None), [[2, 0, 0, 7]]);
    let outside = TiffData { first_t: 1, ..TiffData::default() };
    assert!(run(outside, None).is_empty());
}

#[test]
fn files_without_counts_go_on_to_where_the_next_begins() {
    let part = |first_z, name: &str| TiffData {
        first_z,
        file_name: Some(name.to_owned()),
        ..TiffData::default()
    };
    let image = pixels(DimensionOrder::Zct, [4, 1, 1], vec![part(0, "a"), part(3, "b")]);
    let places = image.locate(|_| None).unwrap();
    let at = |z| places.get(PlaneIndex::new(0, 0, z)).unwrap();
    assert_eq!((at(2).tiff_data, at(2).ifd), (Some(0), 2));
    assert_eq!((at(3).tiff_data, at(3).ifd), (Some(1), 0));
}

#[test]
fn samples_of_colour_pixels_are_channels() {
    let mut image = pixels(DimensionOrder::Zct, [1, 4, 1], Vec::new());
    let channel = |n_samples| Channel {
        id: String::new(),
        name: "n".to_owned(),
        n_samples,
        color: None,
        excitation_nm: None,
        emission_nm: None,
    };
    image.channels = vec![channel(1), channel(3)];
    let places = image.locate(|_| None).unwrap();
    let at = |c| places.get(PlaneIndex::new(0, c, 0)).unwrap();
    assert_eq!((at(0).ifd, at(0).sample), (0, 0));
    assert_eq!((at(3).ifd, at(3).sample), (1, 2));
    assert_eq!(image.described_channels().len(), 4);
}

#[test]
fn documents_that_claim_without_end_are_refused() {
    let data = TiffData { plane_count: Some(u32::MAX), ..TiffData::default() };
    let image = pixels(DimensionOrder::Zct, [100, 100, 1], vec![data; 10]);
    assert!(image.locate(|_| None).is_err());
    let huge = pixels(DimensionOrder::Zct, [u32::MAX; 3], Vec::new());
    assert_eq!(huge.locate(|_| None).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn units_prefixes_and_old_spellings() {
    let text = "<?xml version=\"1.0\"?><OME:OME xmlns:OME=\"x\" UUID=\"urn:uuid:1\"><OME:Image ID=\"Image:0\" Name=\"a &amp; b\">\
        <OME:Pixels ID=\"Pixels:0\" DimensionOrder=\"XYZCT\" PixelType=\"uint8\" SizeX=\"5\" SizeY=\"4\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"1\" \
        PhysicalSizeX=\"650\" PhysicalSizeXUnit=\"nm\" PhysicalSizeY=\"0.65\" PhysicalSizeZ=\"2\" PhysicalSizeZUnit=\"pixel\">\
        <OME:Channel ID=\"Channel:0:0\" Color=\"-16776961\" EmissionWavelength=\"525\"/><OME:TiffData/>\
        <OME:Plane TheZ=\"0\" TheC=\"0\" TheT=\"0\" PositionX=\"1\" PositionY=\"2\"/></OME:Pixels></OME:Image></OME:OME>\0\0";
    let ome = Ome::parse(text, "a.ome.tif").unwrap();
    let image = &ome.images[0];
    assert_eq!(image.name, "a & b");
    assert_eq!(image.pixels.pixel_type, PixelType::U8);
    let PhysicalSize { x_um, y_um, z_um } = image.pixels.physical_size;
    assert_eq!((x_um, y_um, z_um), (Some(0.65), Some(0.65), None));
    assert_eq!(image.pixels.channels[0].color, Some(Color::new(255, 0, 0)));
    assert_eq!(image.pixels.channels[0].emission_nm, Some(525.0));
    assert_eq!(image.pixels.planes[0].position, None);
    let structure = image.to_structure(VirtualPath::root());
    assert_eq!(structure.sizes, Sizes::new(1, 1, 1, 4, 5));
}

#[test]
fn damage_is_named_with_its_line() {
    let good = Ome::of_image(
        &ImageStructure::new(VirtualPath::root(), PixelType::U8, Sizes::new(1, 1, 1, 1, 1)),
        &OmeFile::new("a", [PlaneIndex::default()]),
    )
    .to_xml();
    for (from, to, expected) in [
        ("SizeX=\"1\"", "SizeX=\"0\"", "SizeX `0`"),
        ("SizeX=\"1\"", "SizeX=\"99999999999\"", "SizeX `99999999999`"),
        ("uint8", "complex", "type `complex`"),
        ("XYZCT", "XYZ", "dimension order `XYZ`"),
        ("</Image>", "</Imag>", "not well-formed"),
        ("<OME ", "<!DOCTYPE a><OME ", "document type definition"),
        ("</OME>", "", "ends before"),
        ("<OME ", "<TIFF ", "begins with <TIFF>"),
    ] {
        let error = Ome::parse(&good.replace(from, to), "a.ome.tif").unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert_eq!(error.path(), Some("a.ome.tif"));
    }
}

fn plate() -> PlateStructure {
    let mut plate = PlateStructure::new("plate <1>", 8, 12);
    plate.id = Some("bar\"code".to_owned());
    plate.acquisitions = vec![
        Acquisition { name: "day 1".to_owned(), ..Acquisition::default() },
        Acquisition { id: 1, ..Acquisition::default() },
    ];
    for (well, acquisition, field) in [("B03", 0, 0), ("B03", 1, 4), ("C12", 0, 2)] {
        let well: WellPosition = well.parse().unwrap();
        let path = PlateStructure::canonical_image_path(well, Some(acquisition), field);
        let mut image = ImageStructure::new(path, PixelType::F32, Sizes::new(2, 2, 3, 7, 9));
        (image.acquisition, image.field) = (acquisition, field);
        image.physical_size = PhysicalSize { z_um: Some(1.5), ..PhysicalSize::square(0.325) };
        image.position = Some(StagePosition { x_um: -1.25, y_um: 300.0 });
        plate.add_image(well, image).unwrap();
    }
    plate
}

#[test]
fn a_plate_is_written_and_read() {
    let plate = plate();
    let files: Vec<PlateFile> = plate
        .images()
        .map(|(_, image)| {
            vec![OmeFile::new(format!("{}.ome.tif", image.name), image.sizes.indices())]
        })
        .collect();
    let ome = Ome::of_plate(&plate, "urn:uuid:0".to_owned(), &files);
    let read = Ome::parse(&ome.to_xml(), "p.companion.ome").unwrap();
    assert_eq!(read, ome);
    let found = &read.plates[0];
    assert_eq!(
        (found.name.as_str(), found.external_id.as_deref()),
        ("plate <1>", Some("bar\"code"))
    );
    assert_eq!((found.n_rows, found.n_columns), (Some(8), Some(12)));
    assert_eq!(found.acquisitions[0].samples, ["WellSample:0:0:0", "WellSample:0:1:0"]);
    assert_eq!(found.wells[1].samples[0].image.as_deref(), Some("Image:2"));
    for ((_, image), read) in plate.images().zip(&read.images) {
        let back = read.to_structure(image.path.clone());
        assert_eq!((back.sizes, back.pixel_type), (image.sizes, image.pixel_type));
        assert_eq!((back.physical_size, back.position), (image.physical_size, image.position));
        assert_eq!(back.name, image.name);
        let places = read.pixels.locate(|_| None).unwrap();
        for (ifd, index) in (0u32..).zip(image.sizes.indices()) {
            assert_eq!(places.get(index).unwrap().ifd, ifd);
        }
    }
}

#[test]
fn characters_that_xml_cannot_hold_are_replaced() {
    let mut ome = Ome { uuid: Some("a\0b\u{1}\u{fffe}".to_owned()), ..Ome::default() };
    let read = Ome::parse(&ome.to_xml(), "x").unwrap();
    ome.uuid = Some("a\u{fffd}b\u{fffd}\u{fffd}".to_owned());
    assert_eq!(read, ome);
}

/// Any text that XML can hold.
fn text() -> impl Strategy<Value = String> {
    "[ -~\\n\\r\\tµé<>&\"'\u{85}\u{2028}𝄞]{1,12}"
}

fn length() -> impl Strategy<Value = Option<f64>> {
    option::of((1u32..1_000_000).prop_map(|n| f64::from(n) / 1024.0))
}

fn position() -> impl Strategy<Value = Option<StagePosition>> {
    let value = || (-1e6..1e6).prop_map(|value: f64| value);
    option::of((value(), value()).prop_map(|(x_um, y_um)| StagePosition { x_um, y_um }))
}

fn channel() -> impl Strategy<Value = Channel> {
    let color = option::of(any::<[u8; 3]>().prop_map(|[r, g, b]| Color::new(r, g, b)));
    let nm = || option::of((300u32..900).prop_map(f64::from));
    (text(), text(), 1u32..4, color, nm(), nm()).prop_map(
        |(id, name, n_samples, color, excitation_nm, emission_nm)| Channel {
            id,
            name,
            n_samples,
            color,
            excitation_nm,
            emission_nm,
        },
    )
}

fn tiff_data() -> impl Strategy<Value = TiffData> {
    let number = || option::of(any::<u32>());
    (number(), any::<[u32; 3]>(), number(), option::of((text(), "[a-z0-9:-]{1,20}"))).prop_map(
        |(ifd, [first_z, first_c, first_t], plane_count, file)| {
            let (file_name, uuid) = file.unzip();
            TiffData { ifd, first_z, first_c, first_t, plane_count, uuid, file_name }
        },
    )
}

fn image() -> impl Strategy<Value = Image> {
    let order = (0..6usize).prop_map(|at| DimensionOrder::ALL[at].0);
    let pixel_type = (0..8usize).prop_map(|at| PixelType::ALL[at]);
    let size = || 1u32..100_000;
    let plane = (any::<[u32; 3]>(), position(), length())
        .prop_map(|([z, c, t], position, z_um)| Plane { z, c, t, position, z_um });
    let pixels = (
        (text(), order, pixel_type, (size(), size(), size(), size(), size())),
        (length(), length(), length()),
        vec(channel(), 0..3),
        vec(tiff_data(), 0..4),
        vec(plane, 0..3),
    )
        .prop_map(
            |(
                (id, order, pixel_type, (x, y, z, c, t)),
                (x_um, y_um, z_um),
                channels,
                tiff_data,
                planes,
            )| Pixels {
                id,
                order,
                pixel_type,
                size_x: x,
                size_y: y,
                size_z: z,
                size_c: c,
                size_t: t,
                physical_size: PhysicalSize { x_um, y_um, z_um },
                channels,
                tiff_data,
                planes,
            },
        );
    (text(), text(), option::of("[0-9T:-]{4,20}"), pixels)
        .prop_map(|(id, name, acquired, pixels)| Image { id, name, acquired, pixels })
}

fn plate_element() -> impl Strategy<Value = Plate> {
    let sample = (text(), any::<u32>(), position(), option::of(text()))
        .prop_map(|(id, index, position, image)| WellSample { id, index, position, image });
    let well = (text(), any::<u32>(), any::<u32>(), vec(sample, 0..3))
        .prop_map(|(id, row, column, samples)| Well { id, row, column, samples });
    let run = (text(), text(), option::of(text()), option::of(text()), vec(text(), 0..3)).prop_map(
        |(id, name, start, end, samples)| PlateAcquisition { id, name, start, end, samples },
    );
    (
        text(),
        text(),
        option::of(text()),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        vec(well, 0..3),
        vec(run, 0..3),
    )
        .prop_map(|(id, name, external_id, n_rows, n_columns, wells, acquisitions)| Plate {
            id,
            name,
            external_id,
            n_rows,
            n_columns,
            wells,
            acquisitions,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        uuid in option::of(text()),
        binary_only in option::of((text(), text())),
        plates in vec(plate_element(), 0..2),
        images in vec(image(), 0..3),
    ) {
        let binary_only = binary_only.map(|(metadata_file, uuid)| BinaryOnly { metadata_file, uuid });
        let ome = Ome { uuid, creator: None, binary_only, plates, images };
        let text = ome.to_xml();
        prop_assert_eq!(Ome::parse(&text, "x").map_err(|error| error.chain()), Ok(ome), "{}", text);
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,60}", inside in "[<>/= \"'a-zA-Z0-9&;]{0,80}") {
        let _ = Ome::parse(&text, "x");
        if let Ok(ome) = Ome::parse(&format!("<OME><Image ID='a'><Pixels DimensionOrder='XYZCT' Type='uint8' SizeX='1' SizeY='1' SizeZ='2' SizeC='3' SizeT='1'><TiffData {inside}/></Pixels></Image></OME>"), "x") {
            let _ = ome.images[0].pixels.locate(|_| None);
        }
    }
}
