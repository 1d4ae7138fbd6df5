//! Plates of OpenHCS on disk: `openhcs_metadata.json` (`polystore_metadata.json` in newer
//! releases) above folders of images.
//!
//! The file describes one or more folders. Of each it lists the image files by name, or maps
//! virtual names to files (a vendor's plate that OpenHCS opened). Names are OpenHCS' own, or
//! Harmony's. What is listed is declared. Where nothing is listed, the names in the folder
//! speak. Stores of OpenHCS in OME-Zarr are read by [`crate::zarr`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Detection, HARMONY_NAMING, Microscope, PlateFolder,
    builder::{Capped, PlateBuilder, PlateFacts, RawPlane, Rule},
    lookup::FileLookup,
    names::{file_name, image_stem, split},
};
use crate::{
    Error, Result,
    model::{
        Channel, DeclaredPlate, NamingScheme, OPENHCS_NAMING, PhysicalSize, PlaneName, PlaneSource,
    },
    words::count,
};

/// Names of the metadata file.
const METADATA_NAMES: [&str; 2] = ["openhcs_metadata.json", "polystore_metadata.json"];

/// The reader of OpenHCS plates.
#[derive(Clone, Copy, Debug)]
pub struct OpenHcs;

impl Microscope for OpenHcs {
    fn name(&self) -> &'static str {
        "openhcs"
    }

    fn title(&self) -> &'static str {
        "OpenHCS and PolyStore plates on disk: openhcs_metadata.json, A01_s001_w1_z001_t001.tif"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &OPENHCS_NAMING
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        match folder.others().any(is_metadata) {
            true => Detection::Metadata,
            false => Detection::No,
        }
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let depth = |file: &&str| (file.matches('/').count(), (*file).to_owned());
        let file = folder.others().filter(|file| is_metadata(file)).min_by_key(depth).ok_or_else(
            || Error::not_found("there is no openhcs_metadata.json").with_path(folder.name()),
        )?;
        let metadata = Metadata::parse(&folder.read(file)?, file)?;
        let (name, images) = metadata.main(file)?;
        let mut reading = Reading::new(folder, file, name, images)?;
        reading.add_planes()?;
        if metadata.subdirectories.len() > 1 {
            let n_others = metadata.subdirectories.len() - 1;
            reading.builder.note(format!(
                "{} of images not opened; `{name}` is the main one",
                count(n_others, "more folder")
            ));
        }
        reading.finish(metadata.plate_name.as_deref())
    }
}

fn is_metadata(file: &str) -> bool {
    METADATA_NAMES.contains(&file_name(file))
}

/// The metadata file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    /// By path below the plate; `.` is the plate's folder itself.
    subdirectories: BTreeMap<String, Images>,
    plate_name: Option<String>,
}

/// A folder of images.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Images {
    source_filename_parser_name: Option<String>,
    pixel_size: Option<f64>,
    image_files: Vec<String>,
    /// Names by number.
    channels: Option<BTreeMap<String, Option<String>>>,
    available_backends: BTreeMap<String, bool>,
    workspace_mapping: Option<BTreeMap<String, Source>>,
    main: bool,
}

/// Where a virtual plane is.
#[derive(Debug, Deserialize)]
struct Source {
    backend: String,
    backend_address: Value,
    #[serde(default)]
    source_axis_indices: Vec<u32>,
}

impl Metadata {
    fn parse(json: &[u8], file: &str) -> Result<Self> {
        serde_json::from_slice(json).map_err(|error| {
            Error::invalid_data(format!(
                "is not metadata of OpenHCS: line {}, column {}",
                error.line(),
                error.column()
            ))
            .with_path(file)
            .with_hint("restore the file; without it the image files are read by their names")
            .with_source(error)
        })
    }

    /// The folder that is the plate: the main one, or the only one.
    fn main(&self, file: &str) -> Result<(&str, &Images)> {
        let named = || self.subdirectories.iter().map(|(name, images)| (name.as_str(), images));
        let mains: Vec<_> = named().filter(|(_, images)| images.main).collect();
        match (mains.as_slice(), self.subdirectories.len()) {
            ([main], _) => return Ok(*main),
            ([], 1) => {}
            ([], 0) => {
                return Err(Error::invalid_data("describes no folder of images").with_path(file));
            }
            _ => {
                let names: Vec<_> = named().take(8).map(|(name, _)| format!("`{name}`")).collect();
                return Err(Error::invalid_data(format!(
                    "does not say which folder is the main one of {}",
                    names.join(", ")
                ))
                .with_path(file)
                .with_hint("open one of them"));
            }
        }
        named().next().ok_or_else(|| Error::internal("a folder was lost").with_path(file))
    }
}

/// A plate in the making.
struct Reading<'a> {
    folder: &'a PlateFolder<'a>,
    images: &'a Images,
    /// Folders that names are relative to.
    bases: [String; 2],
    /// Whose names the planes have.
    naming: &'static dyn NamingScheme,
    lookup: FileLookup<'a>,
    builder: PlateBuilder,
    unusable: Capped,
    rule: Rule,
}

impl<'a> Reading<'a> {
    fn new(
        folder: &'a PlateFolder<'a>,
        file: &str,
        name: &str,
        images: &'a Images,
    ) -> Result<Self> {
        let above = split(file).0;
        let base = match (above, name.trim_matches('/')) {
            (above, "." | "") => above.to_owned(),
            ("", below) => below.to_owned(),
            (above, below) => format!("{above}/{below}"),
        };
        let has = |backend: &str| images.available_backends.get(backend).is_some_and(|has| *has);
        let on_disk =
            has("disk") || has("virtual_workspace") || images.available_backends.is_empty();
        if !on_disk {
            return Err(Error::invalid_input("keeps its planes in no files, but in a zarr store")
                .with_path(file)
                .with_hint(format!("open the store instead: zarr:PLATE/{base}")));
        }
        let parser = images.source_filename_parser_name.as_deref().unwrap_or("");
        let is_harmony = parser.to_ascii_lowercase().contains("opera");
        let naming: &dyn NamingScheme = if is_harmony { &HARMONY_NAMING } else { &OPENHCS_NAMING };
        Ok(Self {
            folder,
            images,
            bases: [above.to_owned(), base],
            naming,
            lookup: FileLookup::new(folder.files()),
            builder: PlateBuilder::default(),
            unusable: Capped::new(3),
            rule: Rule::Declared,
        })
    }

    fn add_planes(&mut self) -> Result<()> {
        let images = self.images;
        match &images.workspace_mapping {
            Some(mapping) if !mapping.is_empty() => {
                mapping.iter().try_for_each(|(name, source)| self.add_mapped(name, source))
            }
            _ if !images.image_files.is_empty() => {
                images.image_files.iter().try_for_each(|name| self.add_listed(name))
            }
            _ => self.add_found(),
        }
    }

    fn find(&mut self, name: &str) -> Option<u32> {
        let [above, base] = &self.bases;
        self.lookup.find(&[above, base], name)
    }

    /// A virtual plane of a vendor's plate.
    fn add_mapped(&mut self, name: &str, source: &Source) -> Result<()> {
        let page = match source.source_axis_indices.as_slice() {
            [] => Some(0),
            [page] => Some(*page),
            _ => None,
        };
        let (Value::String(address), Some(page), "disk") =
            (&source.backend_address, page, source.backend.as_str())
        else {
            self.unusable.push(|| format!("{name} (in {})", source.backend));
            return Ok(());
        };
        let source = self.find(address).map(|file| match source.source_axis_indices.is_empty() {
            true => PlaneSource::whole(file),
            false => PlaneSource::page(file, page),
        });
        self.add(name, source)
    }

    fn add_listed(&mut self, name: &str) -> Result<()> {
        let source = self.find(name).map(PlaneSource::whole);
        self.add(name, source)
    }

    /// Nothing is listed: the names of the files in the folder speak.
    fn add_found(&mut self) -> Result<()> {
        self.rule = Rule::Names;
        for (file, path) in (0u32..).zip(self.folder.files()) {
            if image_stem(path).is_some() && split(path).0 == self.bases[1] {
                self.add(path, Some(PlaneSource::whole(file)))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, source: Option<PlaneSource>) -> Result<()> {
        let slashed = name.replace('\\', "/");
        let Some(plane) = self.parse(file_name(&slashed)) else {
            self.unusable.push(|| name.to_owned());
            return Ok(());
        };
        self.builder.push(RawPlane {
            well: plane.well,
            acquisition: 0,
            field: plane.field.unwrap_or(0),
            t: plane.t.unwrap_or(0),
            c: plane.c.unwrap_or(0),
            z: plane.z.unwrap_or(0),
            source,
        })
    }

    fn parse(&self, name: &str) -> Option<PlaneName> {
        self.naming.parse(name).or_else(|| OPENHCS_NAMING.parse(name))
    }

    fn finish(self, name: Option<&str>) -> Result<DeclaredPlate> {
        let Self { folder, images, mut builder, unusable, .. } = self;
        if !unusable.is_empty() {
            let n = unusable.n();
            let listed = unusable.into_line();
            builder.note(format!(
                "{} that cannot be used for the name or place: {listed}",
                count(n, "image")
            ));
        }
        let name = name.filter(|name| !name.is_empty()).unwrap_or(folder.name());
        let mut facts = PlateFacts::new(name, OpenHcs.name(), OPENHCS_NAMING.name());
        facts.rule = self.rule;
        facts.channel_prefix = "w";
        facts.channels = images.channels.iter().flatten().filter_map(named_channel).collect();
        let pixel_um = images.pixel_size.filter(|um| um.is_finite() && *um > 0.0);
        facts.physical_size = PhysicalSize { x_um: pixel_um, y_um: pixel_um, z_um: None };
        builder.build(folder, facts)
    }
}

/// A channel by its number from 0.
fn named_channel((number, name): (&String, &Option<String>)) -> Option<(u32, Channel)> {
    let number: u32 = number.parse().ok()?;
    Some((number.checked_sub(1)?, Channel::named(name.clone()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorKind,
        microscope::testing::{TestFolder, counts, images, plane},
        model::PlaneState,
    };

    fn metadata(name: &str, content: &str) -> String {
        format!(r#"{{"subdirectories": {{"{name}": {{{content}}}}}}}"#)
    }

    #[test]
    fn listed_files_are_declared() {
        let text = metadata(
            "images",
            r#""image_files": ["images/A01_s001_w1_z001_t001.tif", "images/A01_s001_w4_z001_t001.tif",
            "/home/me/old/A02_s002_w1_z001_t001.tif", "images/x.tif"], "main": true,
            "available_backends": {"disk": true}, "channels": {"1": "DAPI", "4": null},
            "grid_dimensions": [1, 2], "pixel_size": 0.65"#,
        );
        let folder = TestFolder::new([
            "images/A01_s001_w1_z001_t001.tif",
            "images/A02_s002_w1_z001_t001.tif",
            "images/A09_s001_w1_z001_t001.tif",
        ])
        .with("openhcs_metadata.json", text);
        assert_eq!(OpenHcs.detect(&folder.folder()), Detection::Metadata);
        let found = folder.read(&OpenHcs).unwrap();
        assert_eq!(images(&found), ["A01/0/0", "A02/0/1"]);
        assert_eq!(counts(&found), (2, 1, 1));
        assert_eq!(plane(&found, "A01", (0, 0), (0, 1, 0)), Err(PlaneState::Missing));
        let image = &found.structure.wells[0].fields[0];
        assert_eq!((image.channel_name(0), image.channel_name(1)), ("DAPI".into(), "w4".into()));
        assert_eq!(image.physical_size.x_um, Some(0.65));
        assert!(found.inventory.notes.iter().any(|note| note.contains("images/x.tif")));
    }

    #[test]
    fn a_workspace_maps_names_to_pages_of_files() {
        let text = metadata(
            ".",
            r#""workspace_mapping": {
            "A01_s001_w1_z001_t001.tif": {"backend": "disk", "backend_address": "TimePoint_1/a.tif", "source_axis_indices": [3]},
            "A01_s001_w2_z001_t001.tif": {"backend": "disk", "backend_address": "TimePoint_1/b.tif"},
            "A01_s001_w3_z001_t001.tif": {"backend": "bioformats", "backend_address": "{}"},
            "r02c03f004p001-ch1sk1fk1fl1.tiff": {"backend": "disk", "backend_address": "TimePoint_1/c.tif"}},
            "source_filename_parser_name": "OperaPhenixFilenameParser",
            "available_backends": {"disk": true, "virtual_workspace": true}"#,
        );
        let folder = TestFolder::new(["TimePoint_1/a.tif", "TimePoint_1/c.tif"])
            .with("openhcs_metadata.json", text);
        let found = folder.read(&OpenHcs).unwrap();
        assert_eq!(images(&found), ["A01/0/0", "B03/0/3"]);
        assert_eq!(plane(&found, "A01", (0, 0), (0, 0, 0)), Ok("TimePoint_1/a.tif#3".to_owned()));
        assert_eq!(plane(&found, "A01", (0, 0), (0, 1, 0)), Err(PlaneState::Missing));
        assert!(found.inventory.notes[0].contains("in bioformats"), "{:?}", found.inventory.notes);
    }

    #[test]
    fn without_lists_the_names_in_the_main_folder_speak() {
        let text = r#"{"plate_name": "P", "subdirectories": {
            "images": {"main": true}, "checkpoints": {"image_files": ["A01_s001_w1_z001_t001.tif"]}}}"#;
        let folder = TestFolder::new([
            "p/images/B02_s001_w1_z001_t001.tif",
            "p/images/B02_s001_w1_z002_t001_segmentation_step7.tif",
            "p/checkpoints/A01_s001_w1_z001_t001.tif",
        ])
        .with("p/polystore_metadata.json", text);
        let found = folder.read(&OpenHcs).unwrap();
        assert_eq!((found.structure.name.as_str(), counts(&found)), ("P", (2, 0, 0)));
        assert!(found.inventory.notes[0].contains("1 more folder of images"));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let zarr = metadata("images", r#""available_backends": {"zarr": true, "disk": false}"#);
        let two = r#"{"subdirectories": {"a": {}, "b": {}}}"#;
        for (text, kind, expected) in [
            (zarr.as_str(), ErrorKind::InvalidInput, "zarr store"),
            (two, ErrorKind::InvalidData, "`a`, `b`"),
            ("{}", ErrorKind::InvalidData, "no folder"),
            ("{\"subdirectories\": 3}", ErrorKind::InvalidData, "line 1"),
            ("", ErrorKind::InvalidData, "line 1"),
        ] {
            let folder = TestFolder::new([]).with("openhcs_metadata.json", text.to_owned());
            let error = folder.read(&OpenHcs).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.path().unwrap().contains("openhcs_metadata.json"), "{error}");
        }
    }
}
