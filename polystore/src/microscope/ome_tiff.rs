//! Plates of OME-TIFF files: OME-XML with `Plate`, `Well` and `WellSample`, in a
//! `.companion.ome` file or in the description of the files.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Detection, Microscope, PlateFolder,
    lookup::FileLookup,
    names::{by_names, file_name, split, strip_suffix_ignore_case, tagged},
    separate::{FoundImage, Whole, assemble, check_total},
    time::epoch_seconds,
};
use crate::{
    Error, Result, VirtualPath, WellPosition,
    model::{
        Acquisition, DeclaredPlate, NamingScheme, POLYSTORE_NAMING, PlaneSource, StagePosition,
    },
    ome_xml::{self, Ome, TiffData},
    words::{count, verb},
};

/// The reader of OME-TIFF plates.
#[derive(Clone, Copy, Debug)]
pub struct OmeTiff;

impl Microscope for OmeTiff {
    fn name(&self) -> &'static str {
        "ome-tiff"
    }

    fn title(&self) -> &'static str {
        "OME-TIFF plates: OME-XML with wells, in .companion.ome or in the .ome.tif files"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &POLYSTORE_NAMING
    }

    fn names_planes(&self, file: &str) -> bool {
        is_ome_tiff(file)
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        if folder.others().any(is_metadata) {
            return Detection::Metadata;
        }
        by_names(folder, is_ome_tiff)
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let document = find_document(folder)?;
        let plate = document.ome.plates.first().ok_or_else(|| {
            Error::not_found("the OME-XML declares no plate").with_path(&document.file)
        })?;
        let mut reading = Reading::new(folder, &document);
        let images = reading.images(plate).map_err(|error| error.with_path(&document.file))?;
        let mut whole = Whole {
            name: plate.name.clone(),
            id: plate.external_id.clone(),
            microscope: self.name(),
            n_rows: plate.n_rows,
            n_columns: plate.n_columns,
            acquisitions: acquisitions(plate),
            notes: reading.notes,
        };
        if document.ome.plates.len() > 1 {
            let n_others = document.ome.plates.len() - 1;
            whole.notes.push(format!(
                "{} of the document {} not opened",
                count(n_others, "more plate"),
                verb(n_others, "was", "were")
            ));
        }
        assemble(folder, whole, images)
    }
}

fn is_metadata(file: &str) -> bool {
    let name = file_name(file);
    strip_suffix_ignore_case(name, ".companion.ome").is_some()
        || name.eq_ignore_ascii_case("metadata.ome.xml")
}

fn is_ome_tiff(name: &str) -> bool {
    [".ome.tif", ".ome.tiff", ".ome.tf2", ".ome.tf8", ".ome.btf"]
        .iter()
        .any(|extension| strip_suffix_ignore_case(name, extension).is_some())
}

/// OME-XML and the file that it stands in.
struct Document {
    file: String,
    ome: Ome,
    /// Whether the file is a TIFF, which `TiffData` without a file name speaks of.
    is_tiff: bool,
}

/// The document of the plate: a companion file, else what the first OME-TIFF says or
/// refers to.
fn find_document(folder: &PlateFolder<'_>) -> Result<Document> {
    let depth = |file: &&str| (file.matches('/').count(), (*file).to_owned());
    if let Some(file) = folder.others().filter(|file| is_metadata(file)).min_by_key(depth) {
        return read_document(folder, file);
    }
    let mut files: Vec<&str> =
        folder.files().iter().filter(|file| is_ome_tiff(file_name(file))).collect();
    files.sort_unstable();
    if files.is_empty() {
        return Err(Error::not_found("there is no .companion.ome and no .ome.tif file")
            .with_path(folder.name()));
    }
    let (file, info) = folder.describe_any(files)?;
    let ome = Ome::parse(&info.description, file)?;
    match &ome.binary_only {
        None => Ok(Document { file: file.to_owned(), ome, is_tiff: true }),
        Some(reference) => {
            let beside = match split(file).0 {
                "" => reference.metadata_file.clone(),
                above => format!("{above}/{}", reference.metadata_file),
            };
            read_document(folder, &beside)
        }
    }
}

fn read_document(folder: &PlateFolder<'_>, file: &str) -> Result<Document> {
    let known = folder.files().contains(file);
    if !known {
        return Err(
            Error::not_found("the file with the metadata is not in the folder").with_path(file)
        );
    }
    let ome = Ome::parse(&folder.read_text(file)?, file)?;
    Ok(Document { file: file.to_owned(), ome, is_tiff: false })
}

fn acquisitions(plate: &ome_xml::Plate) -> Vec<Acquisition> {
    let run = |(id, run): (u32, &ome_xml::PlateAcquisition)| Acquisition {
        id,
        name: run.name.clone(),
        start_s: run.start.as_deref().and_then(epoch_seconds),
        end_s: run.end.as_deref().and_then(epoch_seconds),
    };
    (0u32..).zip(&plate.acquisitions).map(run).collect()
}

/// A field of a well with its image.
struct Sample<'a> {
    well: WellPosition,
    run: u32,
    field: u32,
    image: &'a ome_xml::Image,
    position: Option<StagePosition>,
}

/// The images of a document in the making.
struct Reading<'a> {
    folder: &'a PlateFolder<'a>,
    document: &'a Document,
    lookup: FileLookup<'a>,
    by_id: HashMap<&'a str, &'a ome_xml::Image>,
    n_pages: HashMap<u32, Option<u32>>,
    notes: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(folder: &'a PlateFolder<'a>, document: &'a Document) -> Self {
        let images = document.ome.images.iter();
        Self {
            folder,
            document,
            lookup: FileLookup::new(folder.files()),
            by_id: images.map(|image| (image.id.as_str(), image)).collect(),
            n_pages: HashMap::new(),
            notes: Vec::new(),
        }
    }

    fn images(&mut self, plate: &ome_xml::Plate) -> Result<Vec<FoundImage>> {
        let samples = self.samples(plate)?;
        check_total(samples.iter().map(|sample| sample.image.pixels.sizes()))?;
        let mut images: Vec<FoundImage> = Vec::with_capacity(samples.len());
        for sample in samples {
            let mut image = sample.image.to_structure(VirtualPath::root());
            (image.acquisition, image.field) = (sample.run, sample.field);
            image.position = sample.position.or(image.position);
            if let Some(last) = images.last().filter(|last| last.image.channels == image.channels) {
                image.channels = Arc::clone(&last.image.channels);
            }
            let planes = self.planes(sample.image)?;
            images.push(FoundImage { well: sample.well, image, planes });
        }
        Ok(images)
    }

    /// The fields that have an image, well by well.
    fn samples(&mut self, plate: &ome_xml::Plate) -> Result<Vec<Sample<'a>>> {
        let runs: HashMap<&str, u32> = (0u32..)
            .zip(&plate.acquisitions)
            .flat_map(|(number, run)| run.samples.iter().map(move |id| (id.as_str(), number)))
            .collect();
        let mut samples = Vec::new();
        let mut n_empty = 0;
        for element in &plate.wells {
            let (row, column) = (element.row, element.column);
            if row > WellPosition::MAX || column > WellPosition::MAX {
                return Err(Error::invalid_data(format!(
                    "has a well in row {row}, column {column}"
                )));
            }
            let well = WellPosition::new(row, column);
            let mut of_well: Vec<Sample<'_>> = Vec::new();
            for sample in &element.samples {
                let image = sample.image.as_deref().and_then(|id| self.by_id.get(id).copied());
                let Some(image) = image else {
                    n_empty += 1;
                    continue;
                };
                let run = runs.get(sample.id.as_str()).copied().unwrap_or(0);
                of_well.push(Sample { well, run, field: 0, image, position: sample.position });
            }
            number_fields(&mut of_well);
            samples.extend(of_well);
        }
        if n_empty > 0 {
            self.notes.push(format!(
                "{} {} no image",
                count(n_empty, "field"),
                verb(n_empty, "has", "have")
            ));
        }
        Ok(samples)
    }

    fn planes(&mut self, image: &ome_xml::Image) -> Result<Vec<(crate::PlaneIndex, PlaneSource)>> {
        let pixels = &image.pixels;
        let files: Vec<Option<u32>> = pixels.tiff_data.iter().map(|data| self.file(data)).collect();
        let pages: Vec<Option<u32>> = pixels
            .tiff_data
            .iter()
            .zip(&files)
            .map(|(data, file)| {
                let is_open = data.ifd.is_none() && data.plane_count.is_none();
                file.filter(|_| is_open).and_then(|file| self.pages(file))
            })
            .collect();
        let places = pixels.locate(|number| pages.get(number as usize).copied().flatten())?;
        let own = self.own_file();
        let of_file = |at: ome_xml::Location| match at.tiff_data {
            None => own,
            Some(number) => files.get(number as usize).copied().flatten(),
        };
        Ok(places
            .iter()
            .filter_map(|(index, at)| {
                let file = of_file(at)?;
                Some((index, PlaneSource { file, page: at.ifd, sample: at.sample, whole: false }))
            })
            .collect())
    }

    /// The file that the document stands in, when it is one with planes.
    fn own_file(&mut self) -> Option<u32> {
        self.document.is_tiff.then(|| self.lookup.find(&[""], &self.document.file))?
    }

    fn file(&mut self, data: &TiffData) -> Option<u32> {
        match &data.file_name {
            Some(name) => self.lookup.find(&[split(&self.document.file).0], name),
            None => self.own_file(),
        }
    }

    fn pages(&mut self, file: u32) -> Option<u32> {
        let folder = self.folder;
        *self.n_pages.entry(file).or_insert_with(|| {
            let name = folder.files().get(file as usize)?;
            folder.describe(name).ok().map(|info| info.n_pages)
        })
    }
}

/// Numbers a well's fields: as the names of its images do (`A01_s005`), where all have a
/// number and no two the same; else by their order in each acquisition.
fn number_fields(samples: &mut [Sample<'_>]) {
    let named: Option<Vec<u32>> =
        samples.iter().map(|sample| canonical_field(sample.well, &sample.image.name)).collect();
    let mut seen = HashSet::new();
    let distinct = named.filter(|fields| {
        samples.iter().zip(fields).all(|(sample, field)| seen.insert((sample.run, *field)))
    });
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    for (at, sample) in samples.iter_mut().enumerate() {
        let in_order = next.entry(sample.run).or_default();
        sample.field = distinct.as_ref().map_or(*in_order, |fields| fields[at]);
        *in_order += 1;
    }
}

fn canonical_field(well: WellPosition, name: &str) -> Option<u32> {
    let (named, rest) = WellPosition::parse_prefix(name)?;
    let rest = tagged(rest, "_a").map_or(rest, |(_, rest)| rest);
    let (field, rest) = tagged(rest, "_s")?;
    (named == well && rest.is_empty()).then(|| field.checked_sub(1))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorKind, PixelType,
        microscope::testing::{TestFolder, counts, images, info, plane},
        model::{ImageStructure, PlaneState, PlateStructure, Sizes},
        ome_xml::OmeFile,
    };

    fn plate() -> PlateStructure {
        let mut plate = PlateStructure::new("p", 8, 12);
        plate.acquisitions = vec![
            Acquisition::default(),
            Acquisition { id: 1, name: "b".to_owned(), ..Acquisition::default() },
        ];
        for (well, run, field) in [("B03", 0, 0), ("B03", 0, 4), ("B03", 1, 0), ("AF48", 0, 0)] {
            let well: WellPosition = well.parse().unwrap();
            let path = PlateStructure::canonical_image_path(well, Some(run), field);
            let sizes = Sizes::new(1, 2, 3, 4 + field, 6);
            let mut image = ImageStructure::new(path, PixelType::U16, sizes);
            (image.acquisition, image.field) = (run, field);
            plate.add_image(well, image).unwrap();
        }
        plate
    }

    fn files(plate: &PlateStructure) -> Vec<Vec<OmeFile>> {
        let file = |image: &ImageStructure| {
            OmeFile::new(format!("{}.ome.tif", image.name), image.sizes.indices())
        };
        plate.images().map(|(_, image)| vec![file(image)]).collect()
    }

    fn folder(at: &str) -> TestFolder {
        let plate = plate();
        let files = files(&plate);
        let names: Vec<String> =
            files.iter().map(|files| format!("{at}{}", files[0].name)).collect();
        let text = Ome::of_plate(&plate, "urn:uuid:1".to_owned(), &files).to_xml();
        TestFolder::new(names.iter().map(String::as_str))
            .with(&format!("{at}p.companion.ome"), text)
    }

    #[test]
    fn a_companion_declares_the_plate() {
        for at in ["", "sub/"] {
            let folder = folder(at);
            assert_eq!(OmeTiff.detect(&folder.folder()), Detection::Metadata);
            let found = folder.read(&OmeTiff).unwrap();
            assert_eq!(images(&found), ["B03/0/0", "B03/0/4", "B03/1/0", "AF48/0/0"]);
            assert_eq!(counts(&found), (24, 0, 0));
            assert_eq!((found.structure.n_rows, found.structure.n_columns), (32, 48));
            assert_eq!(found.structure.acquisitions[1].name, "b");
            let file = plane(&found, "B03", (1, 0), (0, 1, 2)).unwrap();
            assert_eq!(file, format!("{at}B03_a002_s001.ome.tif#5"));
            assert_eq!(found.structure.wells[0].fields[1].sizes, Sizes::new(1, 2, 3, 8, 6));
        }
    }

    #[test]
    fn files_that_are_not_there_are_missing() {
        let found = folder("").without("B03_a001_s001").read(&OmeTiff).unwrap();
        assert_eq!(counts(&found), (18, 0, 6));
        assert_eq!(plane(&found, "B03", (0, 0), (0, 0, 0)), Err(PlaneState::Missing));
        assert!(plane(&found, "B03", (0, 4), (0, 0, 0)).is_ok());
    }

    #[test]
    fn metadata_in_the_files_or_referred_to_by_them() {
        let (plate, sizes) = (plate(), Sizes::new(1, 2, 3, 4, 6));
        let whole = Ome::of_plate(&plate, "urn:uuid:1".to_owned(), &files(&plate)).to_xml();
        let first = "AF48_a001_s001.ome.tif";
        let direct = folder("").without("companion").with_info(first, info(sizes, &whole));
        assert_eq!(OmeTiff.detect(&direct.folder()), Detection::Names);
        assert_eq!(counts(&direct.read(&OmeTiff).unwrap()), (24, 0, 0));
        // Of a file that cannot be read the next one speaks.
        let next =
            direct.with_info("B03_a001_s001.ome.tif", info(sizes, &whole)).with_broken(first);
        let found = crate::microscope::read_plate(&next.folder(), None).unwrap().inventory.counts();
        assert_eq!((found.present, found.corrupt, found.missing), (18, 6, 0));
        let reference =
            "<OME UUID='urn:uuid:2'><BinaryOnly MetadataFile='m.ome' UUID='urn:uuid:1'/></OME>";
        let indirect = folder("")
            .without("companion")
            .with("m.ome", whole)
            .with_info(first, info(sizes, reference));
        assert_eq!(counts(&indirect.read(&OmeTiff).unwrap()), (24, 0, 0));
        let lost = indirect.without("m.ome");
        assert_eq!(lost.read(&OmeTiff).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn files_without_counts_have_as_many_planes_as_pages() {
        let pixels = |name: &str| {
            format!(
                "<Pixels ID='Pixels:0' DimensionOrder='XYZCT' Type='uint16' SizeX='6' SizeY='4' SizeZ='4' SizeC='1' SizeT='1'>\
             <TiffData><UUID FileName='{name}1.ome.tif'/></TiffData><TiffData FirstZ='2'><UUID FileName='{name}2.ome.tif'/></TiffData></Pixels>"
            )
        };
        let text = format!(
            "<OME><Plate ID='Plate:0'><Well ID='w' Row='0' Column='1'><WellSample ID='s' Index='0'><ImageRef ID='Image:0'/></WellSample>\
             <WellSample ID='t' Index='1'/></Well></Plate><Image ID='Image:0'>{}</Image></OME>",
            pixels("a")
        );
        let pages = info(Sizes::new(1, 1, 2, 4, 6), "");
        let folder = TestFolder::new(["a1.ome.tif", "a2.ome.tif"])
            .with("x.companion.ome", text)
            .with_info("a1.ome.tif", pages.clone())
            .with_info("a2.ome.tif", pages);
        let found = folder.read(&OmeTiff).unwrap();
        assert_eq!(plane(&found, "A02", (0, 0), (0, 0, 3)).unwrap(), "a2.ome.tif#1");
        assert_eq!(found.inventory.notes, ["1 field has no image"]);
    }

    #[test]
    fn documents_without_a_plate_are_not_of_this_kind() {
        let text = "<OME><Image ID='Image:0'><Pixels DimensionOrder='XYZCT' Type='uint8' SizeX='1' SizeY='1' SizeZ='1' SizeC='1' SizeT='1'/></Image></OME>";
        let folder = TestFolder::new([]).with("x.companion.ome", text);
        assert_eq!(folder.read(&OmeTiff).unwrap_err().kind(), ErrorKind::NotFound);
        let two = text.replace("<Image", "<Plate ID='p'><Well Row='0' Column='0'><WellSample ID='s'><ImageRef ID='Image:0'/></WellSample></Well>\
            <Well Row='0' Column='0'><WellSample ID='t'><ImageRef ID='Image:0'/></WellSample></Well></Plate><Image");
        let error = TestFolder::new([]).with("x.companion.ome", two).read(&OmeTiff).unwrap_err();
        assert!(error.to_string().contains("same place"), "{error}");
    }
}
