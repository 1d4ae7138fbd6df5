//! One entry for each parser of bytes from outside: what the fuzz targets and the test of
//! their corpus call. None of them may panic, or take memory out of proportion.

use bytes::Bytes;

use crate::{
    Error, PixelType, PlaneRequest, Region, Result, VirtualBackend, VirtualBackendExt, VirtualPath,
    WellPosition,
    disk::{DiskBackend, DiskOptions},
    microscope::{
        CellVoyager, FolderFiles, Harmony, ImageFileInfo, ImageXpress, Microscope, PlateFolder,
    },
    model::{FileNames, ImageStructure, PlaneName, Sizes, naming_scheme},
    natural, ngff,
    ome_xml::Ome,
    parse_row_name, roi,
};

/// A parser, and the name of its fuzz target and of its folder in the corpus.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name of the target.
    pub name: &'static str,
    /// Parses the bytes and forgets what comes out.
    pub run: fn(&[u8]),
}

/// All entries.
pub static ENTRIES: &[Entry] = &[
    Entry { name: "tiff", run: tiff },
    Entry { name: "npy", run: npy },
    Entry { name: "png", run: png },
    Entry { name: "ome_xml", run: ome_xml },
    Entry { name: "harmony", run: harmony },
    Entry { name: "cellvoyager", run: cellvoyager },
    Entry { name: "htd", run: htd },
    Entry { name: "names", run: names },
    Entry { name: "ngff", run: ngff },
    Entry { name: "roi", run: roi },
    Entry { name: "roi_archive", run: roi_archive },
];

/// A TIFF file: its directories, its OME-XML, a corner of its first planes.
pub fn tiff(bytes: &[u8]) {
    let _ = image_file("a.tif", bytes);
}

/// A NumPy array.
pub fn npy(bytes: &[u8]) {
    let _ = image_file("a.npy", bytes);
}

/// A PNG.
pub fn png(bytes: &[u8]) {
    let _ = image_file("a.png", bytes);
}

fn image_file(name: &str, bytes: &[u8]) -> Result<()> {
    let failed = |error| Error::from_io(error, "write a temporary file");
    let folder = tempfile::tempdir().map_err(failed)?;
    std::fs::write(folder.path().join(name), bytes).map_err(failed)?;
    let disk = DiskBackend::open_with(folder.path(), DiskOptions::default().without_cache())?;
    let path = VirtualPath::parse(name)?;
    let image = disk.describe(&path)?;
    let corner = Region::new(0, 0, image.sizes.y.min(16), image.sizes.x.min(16));
    for index in image.sizes.indices().take(4) {
        for level in 0..image.n_levels.min(3) {
            let request = PlaneRequest::new(path.clone(), index).with_level(level);
            let _ = disk.read_plane(&request.with_region(corner));
        }
    }
    Ok(())
}

/// OME-XML: what it says of images, and where their planes are.
pub fn ome_xml(bytes: &[u8]) {
    let _ = read_ome(&String::from_utf8_lossy(bytes));
}

fn read_ome(text: &str) -> Result<()> {
    let ome = Ome::parse(text, "fuzz.ome.xml")?;
    for image in ome.images.iter().take(4) {
        let _ = image.to_structure(VirtualPath::root()).check();
        let _ = image.pixels.locate(|_| Some(3));
    }
    let written = ome.to_xml();
    let again = Ome::parse(&written, "written.ome.xml")?;
    assert_eq!(again.images.len(), ome.images.len(), "what is written is read");
    Ok(())
}

/// A plate by Harmony's `Index.xml`.
pub fn harmony(bytes: &[u8]) {
    let images = ["Images/r01c01f01p01-ch1sk1fk1fl1.tiff", "Images/r02c03f02p01-ch2sk1fk1fl1.tiff"];
    read_plate(&Harmony, &images, &[("Images/Index.xml", bytes)]);
}

/// A plate by CellVoyager's files; the first byte says which of them the rest is.
pub fn cellvoyager(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let namespace = r#"xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0""#;
    let records = format!(
        r#"<bts:MeasurementData {namespace}><bts:MeasurementRecord bts:Type="IMG" bts:Row="1" bts:Column="1"
        bts:TimePoint="1" bts:FieldIndex="1" bts:ZIndex="1" bts:TimelineIndex="1" bts:ActionIndex="1"
        bts:Ch="1">p_A01_T0001F001L01A01Z01C01.tif</bts:MeasurementRecord></bts:MeasurementData>"#
    );
    let detail = format!(
        r#"<bts:MeasurementDetail {namespace} bts:MeasurementSettingFileName="s.mes" bts:RowCount="2" bts:ColumnCount="2"/>"#
    );
    let mut files: Vec<(&str, &[u8])> = vec![
        ("MeasurementData.mlf", records.as_bytes()),
        ("MeasurementDetail.mrf", detail.as_bytes()),
    ];
    match which % 3 {
        0 => files[0].1 = rest,
        1 => files[1].1 = rest,
        _ => files.push(("s.mes", rest)),
    }
    read_plate(&CellVoyager, &["p_A01_T0001F001L01A01Z01C01.tif"], &files);
}

/// A plate by MetaXpress' `.HTD` file.
pub fn htd(bytes: &[u8]) {
    let images = ["p_A01_s1_w1.TIF", "p_B02_s2_w2.TIF", "TimePoint_2/p_A01_s1_w1.TIF"];
    read_plate(&ImageXpress, &images, &[("p.HTD", bytes)]);
}

/// A folder of which the metadata files are given and the images are all alike.
struct Folder<'a>(&'a [(&'a str, &'a [u8])]);

impl FolderFiles for Folder<'_> {
    fn read(&self, file: &str, _max_bytes: u64) -> Result<Bytes> {
        let found = self.0.iter().find(|(name, _)| *name == file);
        let content = found.map(|(_, content)| Bytes::copy_from_slice(content));
        content.ok_or_else(|| Error::not_found("no such file").with_path(file))
    }

    fn describe(&self, _file: &str) -> Result<ImageFileInfo> {
        let sizes = Sizes::new(1, 1, 1, 4, 6);
        let image = ImageStructure::new(VirtualPath::root(), PixelType::U16, sizes);
        Ok(ImageFileInfo { image, n_pages: 1, n_samples: 1, description: String::new() })
    }
}

fn read_plate(reader: &dyn Microscope, images: &[&str], files: &[(&str, &[u8])]) {
    let names = images.iter().copied().chain(files.iter().map(|(name, _)| *name));
    let listed: FileNames = names.collect();
    let contents = Folder(files);
    let folder = PlateFolder::new("plate", &listed, &[], &contents);
    if let Ok(plate) = reader.read(&folder) {
        let checked = plate.structure.check();
        assert!(checked.is_ok(), "a plate that is read holds together: {checked:?}");
    }
}

/// Names of planes, wells, rows and paths, one a line.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut last = "";
    for line in text.lines().take(1000) {
        name(line);
        let (one, other) = (natural::compare(last, line), natural::compare(line, last));
        assert_eq!(one, other.reverse(), "the order of {last:?} and {line:?}");
        last = line;
    }
}

/// The naming schemes, each of which inverts itself.
const SCHEMES: [&str; 5] = ["polystore", "openhcs", "imagexpress", "harmony", "cellvoyager"];

fn name(text: &str) {
    for scheme in SCHEMES {
        let Some(scheme) = naming_scheme(scheme) else { continue };
        let Some(parsed) = scheme.parse(text) else { continue };
        let Some(again) = scheme.generate(&parsed, "tif") else { continue };
        let expected: PlaneName = scheme.canonical(parsed);
        assert_eq!(scheme.parse(&again), Some(expected), "{}: {text:?}", scheme.name());
    }
    if let Ok(well) = text.parse::<WellPosition>() {
        assert_eq!(well.to_string().parse::<WellPosition>().ok(), Some(well), "{text:?}");
    }
    let _ = parse_row_name(text);
    if let Ok(path) = VirtualPath::parse(text) {
        assert_eq!(VirtualPath::parse(path.as_str()).ok(), Some(path), "{text:?}");
    }
}

/// Attributes of a group of OME-Zarr.
pub fn ngff(bytes: &[u8]) {
    let _ = ngff::validate_attribute_bytes(bytes, &ngff::Options::default());
}

/// One region of ImageJ's.
pub fn roi(bytes: &[u8]) {
    let Ok(region) = roi::decode(bytes, "name") else { return };
    if let Ok(again) = roi::encode(&region) {
        assert!(roi::decode(&again, "name").is_ok(), "what is written is read: {region:?}");
    }
}

/// Several regions of ImageJ's in a zip archive.
pub fn roi_archive(bytes: &[u8]) {
    let _ = roi::read_archive(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_schemes_are_there() {
        assert!(SCHEMES.iter().all(|scheme| naming_scheme(scheme).is_some()));
    }

    #[test]
    fn entries_have_names_of_their_own() {
        let mut names: Vec<_> = ENTRIES.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENTRIES.len());
    }
}
