//! Files of the corpus that are made here: by our own writers, or by hand.

use polystore::{
    Element, PixelType, Plane, PlaneIndex, PlaneRequest, PlaneShape, VirtualBackend as _,
    VirtualBackendExt as _, VirtualPath,
    backend::{Roi, Shape},
    disk::{DiskBackend, DiskOptions, TiffCompression, encode_plane},
    dispatch,
    model::{Channel, Color, ImageStructure, PhysicalSize, Sizes},
    ome_xml::{Ome, OmeFile},
    roi,
};

/// A file of the corpus.
pub(crate) struct Seed {
    pub(crate) target: &'static str,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

fn seed(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Seed {
    Seed { target, name: name.into(), bytes: bytes.into() }
}

/// All of them.
pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = images();
    seeds.extend(ome_tiffs());
    seeds.extend(hostile_tiffs());
    seeds.extend(hostile_npys());
    seeds.extend(xml());
    seeds.extend(texts());
    seeds.extend(regions());
    seeds
}

fn plane(pixel_type: PixelType) -> Plane {
    let shape = PlaneShape::new(24, 20);
    let pixels = 0..shape.n_pixels();
    dispatch!(pixel_type, T => {
        let pixels = pixels.map(|n| T::from_f64((n * n % 251) as f64)).collect();
        Plane::from_vec::<T>(shape, pixels).unwrap()
    })
}

fn disk(folder: &std::path::Path, compression: TiffCompression) -> DiskBackend {
    let mut options = DiskOptions::default().without_cache();
    options.compression = compression;
    DiskBackend::open_with(folder, options).unwrap()
}

fn path(name: &str) -> VirtualPath {
    VirtualPath::parse(name).unwrap()
}

fn images() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, compression) in TiffCompression::ALL {
        let folder = tempfile::tempdir().unwrap();
        let request = PlaneRequest::new(path("/a.tif"), PlaneIndex::default());
        let pixel_type = PixelType::U16;
        disk(folder.path(), compression).write_plane(request, plane(pixel_type)).unwrap();
        let bytes = std::fs::read(folder.path().join("a.tif")).unwrap();
        seeds.push(seed("tiff", format!("{name}.tif"), bytes));
    }
    for pixel_type in [PixelType::U8, PixelType::I32, PixelType::F64] {
        let bytes = encode_plane(&plane(pixel_type), "a.tif").unwrap();
        seeds.push(seed("tiff", format!("{pixel_type}.tif"), bytes));
    }
    for pixel_type in PixelType::ALL {
        let bytes = encode_plane(&plane(pixel_type), "a.npy").unwrap();
        seeds.push(seed("npy", format!("{pixel_type}.npy"), bytes));
    }
    for pixel_type in [PixelType::U8, PixelType::U16] {
        let bytes = encode_plane(&plane(pixel_type), "a.png").unwrap();
        seeds.push(seed("png", format!("{pixel_type}.png"), bytes));
    }
    let grey = encode_plane(&plane(PixelType::U8), "a.png").unwrap();
    let mut huge = grey.clone();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    seeds.push(seed("png", "huge.png", huge));
    seeds.push(seed("png", "cut.png", &grey[..grey.len() / 2]));
    seeds
}

fn image(name: &str) -> ImageStructure {
    let channel = Channel { color: Color::from_hex("00FF00"), ..Channel::named("GFP & <more>") };
    ImageStructure {
        n_levels: 2,
        physical_size: PhysicalSize { z_um: Some(2.0), ..PhysicalSize::square(0.65) },
        channels: [channel, Channel::default()].into(),
        ..ImageStructure::new(path(name), PixelType::U8, Sizes::new(2, 2, 1, 16, 16))
    }
}

/// `bytes` with one UUID for all, so that a file is the same whenever it is made.
fn with_same_uuid(mut bytes: Vec<u8>) -> Vec<u8> {
    const SAME: &[u8] = b"01234567-89ab-7def-8123-456789abcdef";
    const PREFIX: &[u8] = b"urn:uuid:";
    for at in PREFIX.len()..bytes.len().saturating_sub(SAME.len()) {
        if bytes[..at].ends_with(PREFIX) {
            bytes[at..at + SAME.len()].copy_from_slice(SAME);
        }
    }
    bytes
}

fn ome_tiffs() -> Vec<Seed> {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path(), TiffCompression::Lzw);
    let image = image("/a.ome.tif");
    store.create_image(&image.path, &image).unwrap();
    let pixels = || Plane::from_vec(PlaneShape::new(16, 16), vec![7u8; 256]).unwrap();
    let planes: Vec<_> = image
        .sizes
        .indices()
        .map(|index| (PlaneRequest::new(image.path.clone(), index), pixels()))
        .collect();
    store.write_planes(&planes).unwrap();
    let bytes = with_same_uuid(std::fs::read(folder.path().join("a.ome.tif")).unwrap());
    vec![seed("tiff", "pyramid.ome.tif", bytes)]
}

/// One entry of a directory: tag, type, count, value.
type Tag = (u16, u16, u32, u32);

/// A little-endian TIFF with the directories of `pages`, each with where the next is, and
/// `tail` at byte 400.
fn tiff(pages: &[(u32, Vec<Tag>, u32)], tail: &[u8]) -> Vec<u8> {
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    for (at, tags, next) in pages {
        file.resize(file.len().max(*at as usize), 0);
        file.extend((tags.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in tags {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend(next.to_le_bytes());
    }
    file.resize(file.len().max(400), 0);
    file.extend(tail);
    file
}

/// A grey page of 16 bits whose pixels, `stored` bytes, are at byte 400.
fn page(width: u32, height: u32, compression: u32, stored: u32) -> Vec<Tag> {
    vec![
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, 400),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, stored),
    ]
}

fn with(mut tags: Vec<Tag>, tag: Tag) -> Vec<Tag> {
    tags.retain(|known| known.0 != tag.0);
    tags.push(tag);
    tags.sort_unstable();
    tags
}

fn hostile_tiffs() -> Vec<Seed> {
    let one = |name: &str, tags: Vec<Tag>, next: u32| {
        seed("tiff", name, tiff(&[(8, tags, next)], &[0x55; 64]))
    };
    let side = 30_000;
    let mut seeds = vec![
        one("plain.tif", page(8, 4, 1, 64), 0),
        one("huge.tif", page(u32::MAX, u32::MAX, 1, 64), 0),
        one("loop.tif", page(8, 4, 1, 64), 8),
        one("bomb-lzw.tif", page(side, side, 5, 64), 0),
        one("bomb-deflate.tif", page(side, side, 8, 64), 0),
        one("bomb-zstd.tif", page(side, side, 50_000, 64), 0),
        one("bomb-packbits.tif", page(side, side, 32_773, 64), 0),
        one("bomb-jpeg.tif", page(side, side, 7, 64), 0),
        one("strips-without-bytes.tif", page(side, side, 5, 0), 0),
        one("many-strips.tif", with(page(8, 4, 1, 64), (273, 4, u32::MAX, 400)), 0),
        one("own-sub-directory.tif", with(page(8, 4, 1, 64), (330, 4, 1, 8)), 0),
        one("samples.tif", with(page(8, 4, 1, 64), (277, 3, 1, 65_535)), 0),
        one(
            "tiles.tif",
            {
                let tiles = with(page(8, 4, 5, 64), (322, 4, 1, side));
                let tiles = with(with(tiles, (323, 4, 1, side)), (324, 4, 1, 400));
                with(tiles, (325, 4, 1, 64))
            },
            0,
        ),
        one("planar.tif", with(with(page(8, 4, 1, 64), (284, 3, 1, 2)), (277, 3, 1, 3)), 0),
        one("predictor.tif", with(page(8, 4, 5, 64), (317, 3, 1, 3)), 0),
    ];
    seeds.push(shared_lists());
    seeds.push(described("planes.ome.tif", &ome_of(4_000_000, 1)));
    seeds.push(described("many-planes.ome.tif", &ome_of(u32::MAX, 60_000)));
    seeds
}

/// A page with a description.
fn described(name: &str, text: &str) -> Seed {
    let at = 464;
    let tags = with(page(8, 4, 1, 64), (270, 2, text.len() as u32 + 1, at));
    let mut tail = vec![0x55; 64];
    tail.extend(text.bytes());
    tail.push(0);
    seed("tiff", name, tiff(&[(8, tags, 0)], &tail))
}

/// Pages that all point to one long list of strips.
fn shared_lists() -> Seed {
    let (n_pages, n_strips) = (60u32, 1000u32);
    let list = 8 + n_pages * 128;
    let tags = with(page(8, n_strips, 1, 16), (278, 4, 1, 1));
    let tags = with(with(tags, (273, 4, n_strips, list)), (279, 4, n_strips, list + 4 * n_strips));
    let place = |page: u32| 8 + page * 128;
    let next = |page: u32| if page + 1 < n_pages { place(page + 1) } else { 0 };
    let pages: Vec<_> = (0..n_pages).map(|page| (place(page), tags.clone(), next(page))).collect();
    let mut file = tiff(&pages, &[]);
    file.resize(list as usize, 0);
    (0..n_strips).for_each(|_| file.extend(list.to_le_bytes()));
    (0..n_strips).for_each(|_| file.extend(16u32.to_le_bytes()));
    seed("tiff", "shared-lists.tif", file)
}

fn ome_of(size_t: u32, size_c: u32) -> String {
    format!(
        r#"<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="4" SizeZ="1" SizeC="{size_c}" SizeT="{size_t}"><TiffData/></Pixels></Image></OME>"#
    )
}

fn hostile_npys() -> Vec<Seed> {
    let npy = |name: &str, dtype: &str, order: &str, shape: &str, n_bytes: usize| {
        let text =
            format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
        let mut file = b"\x93NUMPY\x01\0".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.bytes());
        file.resize(file.len() + n_bytes, 3);
        seed("npy", name, file)
    };
    vec![
        npy("huge.npy", "<u2", "False", "4294967295, 4294967295, 4294967295", 64),
        npy("channels.npy", "|u1", "False", "20000, 1, 1, 1", 20_000),
        npy("fortran.npy", "<u2", "True", "4, 8", 64),
        npy("big-endian.npy", ">f8", "False", "2, 3, 4", 192),
        npy("record.npy", "<U9", "False", "4,", 144),
        npy("deep.npy", &"(".repeat(500), "False", "4, 8", 64),
    ]
}

const ENTITIES: &str =
    "<!DOCTYPE a [<!ENTITY b \"0123456789\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";

fn xml() -> Vec<Seed> {
    let file = OmeFile::new("a.ome.tif", image("/a").sizes.indices());
    let ome = Ome::of_image(&image("/a"), &file).to_xml();
    let ome = String::from_utf8(with_same_uuid(ome.into_bytes())).unwrap();
    let harmony = harmony();
    let deep = "<a>".repeat(5000);
    vec![
        seed("ome_xml", "image.xml", ome.clone()),
        seed("ome_xml", "planes.xml", ome_of(4_000_000, 1)),
        seed("ome_xml", "channels.xml", ome_of(1, 100_000)),
        seed("ome_xml", "entities.xml", format!("{ENTITIES}<OME>&c;</OME>")),
        seed("ome_xml", "deep.xml", deep.clone()),
        seed("ome_xml", "cut.xml", &ome[..ome.len() / 2]),
        seed("harmony", "Index.xml", harmony.clone()),
        seed("harmony", "entities.xml", format!("{ENTITIES}{harmony}")),
        seed("harmony", "numbers.xml", harmony.replace(">2<", ">4294967295<")),
        seed("harmony", "cut.xml", &harmony[..harmony.len() / 2]),
        seed("harmony", "deep.xml", deep.clone()),
        seed("cellvoyager", "records.bin", format!("0{}", records())),
        seed("cellvoyager", "detail.bin", format!("1{}", detail())),
        seed("cellvoyager", "settings.bin", format!("2{}", settings())),
        seed("cellvoyager", "deep.bin", format!("0{deep}")),
        seed("cellvoyager", "entities.bin", format!("1{ENTITIES}{}", detail())),
        seed(
            "cellvoyager",
            "numbers.bin",
            format!("0{}", records().replace("=\"2\"", "=\"4294967295\"")),
        ),
    ]
}

fn harmony() -> String {
    let image = |well: &str, row: u32, column: u32, field: u32, channel: u32, x: f64| {
        format!(
            r#"<Image Version="1"><id>{well}K1F{field}P1R{channel}</id><State>Ok</State>
<URL>r{row:02}c{column:02}f{field:02}p01-ch{channel}sk1fk1fl1.tiff</URL><Row>{row}</Row><Col>{column}</Col>
<FieldID>{field}</FieldID><PlaneID>1</PlaneID><TimepointID>0</TimepointID><ChannelID>{channel}</ChannelID>
<ChannelName>DAPI</ChannelName><ImageResolutionX Unit="m">5.9E-07</ImageResolutionX>
<ImageResolutionY Unit="m">5.9E-07</ImageResolutionY><ImageSizeX>6</ImageSizeX><ImageSizeY>4</ImageSizeY>
<PositionX Unit="m">{x}</PositionX><PositionY Unit="m">0</PositionY><AbsPositionZ Unit="m">0.13</AbsPositionZ>
<PositionZ Unit="m">-2E-06</PositionZ><MainEmissionWavelength Unit="nm">500</MainEmissionWavelength></Image>"#
        )
    };
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><EvaluationInputData xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
<Plates><Plate><PlateID>p</PlateID><MeasurementID>m</MeasurementID><Name>p</Name><PlateRows>8</PlateRows>
<PlateColumns>12</PlateColumns><Well id="0101"/><Well id="0203"/></Plate></Plates>
<Wells><Well><id>0101</id><Row>1</Row><Col>1</Col></Well></Wells><Images>{}{}{}</Images></EvaluationInputData>"#,
        image("0101", 1, 1, 1, 1, 0.0),
        image("0203", 2, 3, 2, 2, 0.0003),
        image("0101", 1, 1, 2, 1, f64::MAX),
    )
}

const BTS: &str = r#"xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0" bts:Version="1.0""#;

fn records() -> String {
    let record = |kind: &str, row: u32, field: u32, text: &str| {
        format!(
            r#"<bts:MeasurementRecord bts:Time="2020-01-01T10:00:00+02:00" bts:Column="1" bts:Row="{row}" bts:Type="{kind}" bts:TimePoint="1"
bts:FieldIndex="{field}" bts:ZIndex="1" bts:TimelineIndex="1" bts:ActionIndex="1" bts:Action="2D" bts:X="1.5" bts:Y="-2.5" bts:Z="3" bts:Ch="1">{text}</bts:MeasurementRecord>"#
        )
    };
    format!(
        "<bts:MeasurementData {BTS}>{}{}{}</bts:MeasurementData>",
        record("IMG", 1, 1, "p_A01_T0001F001L01A01Z01C01.tif"),
        record("IMG", 2, 2, "p_B01_T0001F002L01A01Z01C01.tif"),
        record("ERR", 2, 1, "an error"),
    )
}

fn detail() -> String {
    format!(
        r#"<bts:MeasurementDetail {BTS} bts:OperatorName="x" bts:Title="t" bts:BeginTime="2020-01-01T10:00:00+02:00"
bts:EndTime="2020-01-01T11:00:00+02:00" bts:MeasurementSettingFileName="s.mes" bts:RowCount="2" bts:ColumnCount="2">
<bts:MeasurementSamplePlate bts:Name="p"/><bts:MeasurementChannel bts:Ch="1" bts:HorizontalPixelDimension="0.65"
bts:VerticalPixelDimension="0.65" bts:HorizontalPixels="6" bts:VerticalPixels="4"/></bts:MeasurementDetail>"#
    )
}

fn settings() -> String {
    format!(
        r##"<bts:MeasurementSetting {BTS}><bts:ChannelList><bts:Channel bts:Ch="1" bts:Target="DAPI" bts:Color="#FF0000FF"
bts:ExcitationWavelength="405" bts:Acquisition="BP445/45"/></bts:ChannelList><bts:Timelapse><bts:Timeline bts:Name="line">
<bts:WellSequence><bts:TargetWell bts:Column="1" bts:Row="1"/></bts:WellSequence></bts:Timeline></bts:Timelapse></bts:MeasurementSetting>"##
    )
}

const HTD: &str = "\"HTSInfoFile\", Version 1.0\n\"Description\", \"\"\n\"TimePoints\", 1\n\"ZSeries\", TRUE\n\
\"ZSteps\", 2\n\"ZProjection\", FALSE\n\"XWells\", 12\n\"YWells\", 8\n\"WellsSelection1\", TRUE, TRUE\n\
\"WellsSelection2\", FALSE, TRUE\n\"Sites\", TRUE\n\"XSites\", 2\n\"YSites\", 1\n\"SiteSelection1\", TRUE, TRUE\n\
\"Waves\", TRUE\n\"NWavelengths\", 2\n\"WaveName1\", \"DAPI\"\n\"WaveName2\", \"GFP\"\n\"EndFile\"\n";

fn texts() -> Vec<Seed> {
    let most = HTD
        .replace("\"TimePoints\", 1", "\"TimePoints\", 1000")
        .replace("\"ZSteps\", 2", "\"ZSteps\", 100");
    let many = HTD.replace(", 2\n", ", 1000000\n").replace(", 1\n", ", 1000000\n");
    let names = [
        "A01_s001_z000_c000.tif",
        "AF48_a002_s009_t001_z000_c003.tif",
        "Screen_B02_s3_w1.TIF",
        "Plate_A01_s1_w2_thumb1A2B3C4D-1234-1234-1234-123456789ABC.tif",
        "r01c02f03p04-ch5sk6fk1fl1.tiff",
        "p_A01_T0001F001L01A01Z01C01.tif",
        "A01_s001_w1_z001_t001.tif",
        "ZZZZZZ99999999999999999999",
        "A0",
        "/a/../b",
        "/a//b",
        "a2b10c",
        "a02b1c",
        "\u{661}\u{662}",
        "é\u{301}_s1_w1.TIF",
        "r99999999999c1f1p1-ch1sk1fk1fl1.tiff",
        "_s4294967295_w4294967295.TIF",
    ];
    let mut seeds = vec![
        seed("htd", "plain.HTD", HTD),
        seed("htd", "most.HTD", most),
        seed("htd", "many.HTD", many),
        seed(
            "htd",
            "utf16.HTD",
            [0xff, 0xfe]
                .into_iter()
                .chain(HTD.encode_utf16().flat_map(u16::to_le_bytes))
                .collect::<Vec<u8>>(),
        ),
        seed("htd", "no-plate.HTD", "\"XWells\", -1\n\"YWells\", 99999999999999999999\n"),
        seed("names", "all.txt", names.join("\n")),
        seed("names", "no-text.bin", b"A01\xff\xfe_s1\n\0\0\n".to_vec()),
    ];
    for (number, name) in names.iter().enumerate() {
        seeds.push(seed("names", format!("{number:02}.txt"), *name));
    }
    seeds.extend(ngff());
    seeds
}

fn ngff() -> Vec<Seed> {
    let axes = r#"[{"name": "c", "type": "channel"}, {"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space"}]"#;
    let scale = r#"[{"type": "scale", "scale": [1, 0.5, 0.5]}]"#;
    let multiscales = format!(
        r#"[{{"name": "i", "axes": {axes}, "datasets": [{{"path": "0", "coordinateTransformations": {scale}}}]}}]"#
    );
    let plate = r#"{"name": "p", "rows": [{"name": "A"}], "columns": [{"name": "1"}], "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}], "acquisitions": [{"id": 1, "name": "a"}], "field_count": 2, "version": "0.5"}"#;
    let five = |what: &str| format!(r#"{{"ome": {{"version": "0.5", {what}}}}}"#);
    vec![
        seed("ngff", "image-05.json", five(&format!(r#""multiscales": {multiscales}"#))),
        seed(
            "ngff",
            "image-04.json",
            format!(
                r#"{{"multiscales": {}}}"#,
                multiscales.replace("\"name\": \"i\"", "\"version\": \"0.4\"")
            ),
        ),
        seed("ngff", "plate-05.json", five(&format!(r#""plate": {plate}"#))),
        seed("ngff", "plate-04.json", format!(r#"{{"plate": {}}}"#, plate.replace("0.5", "0.4"))),
        seed(
            "ngff",
            "well.json",
            five(r#""well": {"images": [{"path": "0", "acquisition": 1}, {"path": "../1"}]}"#),
        ),
        seed(
            "ngff",
            "label.json",
            five(&format!(
                r#""multiscales": {multiscales}, "image-label": {{"colors": [{{"label-value": 1, "rgba": [0, 0, 0, 255]}}], "source": {{"image": "../../"}}}}"#
            )),
        ),
        seed(
            "ngff",
            "omero.json",
            five(&format!(
                r#""multiscales": {multiscales}, "omero": {{"channels": [{{"label": "a", "color": "00FF00", "window": {{"min": 0, "max": 1e999, "start": 0, "end": 1}}}}]}}"#
            )),
        ),
        seed("ngff", "deep.json", "[".repeat(10_000)),
        seed("ngff", "deep-object.json", "{\"ome\":".repeat(2000)),
        seed("ngff", "twice.json", r#"{"ome": {"version": "0.5"}, "ome": {"version": "0.4"}}"#),
        seed("ngff", "no-text.bin", vec![0xff, 0xfe, b'{', 0, b'}', 0]),
    ]
}

fn regions() -> Vec<Seed> {
    let index = Some(PlaneIndex::new(1, 2, 3));
    let of = |name: &str, shape: Shape| Roi { name: name.to_owned(), shape, index };
    let rois = [
        of("polygon", Shape::Polygon(vec![(1.5, 2.0), (10.25, 3.0), (5.0, 20.75)])),
        of("box", Shape::Rectangle { x: 3.0, y: 4.0, width: 10.0, height: 12.0 }),
        of("oval", Shape::Ellipse { x: 3.0, y: 4.0, width: 10.0, height: 12.0 }),
        of("point", Shape::Point { x: 7.5, y: 8.5 }),
        of("line", Shape::Polyline(vec![(0.0, 0.0), (9.0, 9.0)])),
    ];
    let mut seeds: Vec<Seed> = rois
        .iter()
        .map(|region| seed("roi", format!("{}.roi", region.name), roi::encode(region).unwrap()))
        .collect();
    let mut many = roi::encode(&rois[0]).unwrap();
    many[16..18].copy_from_slice(&[0xff, 0xff]);
    seeds.push(seed("roi", "many-corners.roi", many.clone()));
    many[18..22].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    many[16..18].copy_from_slice(&[0, 0]);
    seeds.push(seed("roi", "more-corners.roi", many));
    let archive = roi::write_archive(&rois).unwrap();
    seeds.push(seed("roi_archive", "cut.zip", &archive[..archive.len() - 30]));
    seeds.push(seed("roi_archive", "five.zip", archive));
    seeds.push(seed("roi_archive", "empty.zip", roi::write_archive(&[]).unwrap()));
    let corners = vec![(1.0, 1.0); 65_000];
    let flat = of("flat", Shape::Polyline(corners));
    seeds.push(seed("roi_archive", "bomb.zip", roi::write_archive(&vec![flat; 8]).unwrap()));
    seeds
}
