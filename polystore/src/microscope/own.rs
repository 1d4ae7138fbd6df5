//! Planes under this crate's own names, `A01_s001_z000_c000.tif`, which are those of virtual
//! paths in OMERO too: what is left of a plate that was copied file by file.
//!
//! A plate that this crate wrote has a declaration beside its planes and is read by that.
//! Here there is none: names speak.

use super::{
    Detection, Microscope, PlateFolder,
    builder::{PlateBuilder, PlateFacts, RawPlane},
    named::Named,
    names::{by_names, image_stem, split},
};
use crate::{
    Result, WellPosition,
    model::{DeclaredPlate, NamingScheme, POLYSTORE_NAMING, PlaneName, PlaneSource},
};

/// The reader of planes under this crate's own names.
#[derive(Clone, Copy, Debug)]
pub struct OwnNames;

impl Microscope for OwnNames {
    fn name(&self) -> &'static str {
        "polystore"
    }

    fn title(&self) -> &'static str {
        "polystore's and OMERO's plane names: A01_s001_z000_c000.tif, also in folders A01"
    }

    fn naming(&self) -> &'static dyn NamingScheme {
        &POLYSTORE_NAMING
    }

    fn names_planes(&self, file: &str) -> bool {
        parse(file).is_some()
    }

    fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        by_names(folder, |file| parse(file).is_some())
    }

    fn read(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let Named { files, notes } = Named::find(folder, "polystore", |path| {
            let (above, file) = split(path);
            let name = parse(file)?;
            Some((base(above, &name), name))
        })?;
        let mut builder = PlateBuilder::with_capacity(files.len());
        notes.into_iter().for_each(|note| builder.note(note));
        for (file, name) in files {
            builder.push(RawPlane {
                well: name.well,
                acquisition: name.acquisition.unwrap_or(0),
                field: name.field.unwrap_or(0),
                t: name.t.unwrap_or(0),
                c: name.c.unwrap_or(0),
                z: name.z.unwrap_or(0),
                source: Some(PlaneSource::whole(file)),
            })?;
        }
        let mut facts = PlateFacts::new(folder.name(), self.name(), POLYSTORE_NAMING.name());
        facts.trust_file_size = true;
        builder.build(folder, facts)
    }
}

/// What the name of an image file says; `None` for files of other kinds too.
fn parse(file: &str) -> Option<PlaneName> {
    image_stem(file)?;
    POLYSTORE_NAMING.parse(file)
}

/// The plate's folder, given that of a plane: the well's own folder is not one.
fn base<'a>(folder: &'a str, name: &PlaneName) -> &'a str {
    let (above, last) = split(folder);
    if last.parse().is_ok_and(|well: WellPosition| well == name.well) { above } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorKind, PlaneIndex,
        microscope::testing::{TestFolder, counts, images, plane},
        model::{PlaneState, Sizes},
    };

    #[test]
    fn a_folder_of_planes_is_a_plate() {
        let folder = TestFolder::new([
            "A01_s001_z000_c000.tif",
            "A01_s001_z001_c000.tif",
            "A01_s003_z000_c000.tif",
            "A01_s003_z000_c002.png",
            "AF48_s001_z000_c000.tif",
            "montage.tif",
        ]);
        assert_eq!(OwnNames.detect(&folder.folder()), Detection::Names);
        let found = folder.read(&OwnNames).unwrap();
        assert_eq!(images(&found), ["A01/0/0", "A01/0/2", "AF48/0/0"]);
        assert_eq!(found.structure.wells[0].fields[0].sizes, Sizes::new(1, 2, 2, 4, 6));
        assert_eq!(plane(&found, "A01", (0, 2), (0, 0, 1)), Err(PlaneState::Missing));
        assert_eq!(
            plane(&found, "A01", (0, 2), (0, 1, 0)),
            Ok("A01_s003_z000_c002.png".to_owned())
        );
        assert_eq!(plane(&found, "AF48", (0, 0), (0, 1, 0)), Err(PlaneState::AbsentByDesign));
        assert!(found.inventory.notes[0].ends_with("names them: montage.tif"));
    }

    #[test]
    fn names_of_planes_are_names_of_files() {
        let mut files = Vec::new();
        for (a, t) in [(1, 0), (2, 0), (2, 1)] {
            files.push(format!("A01/A01_a00{a}_s002_z000_c000_t00{t}.tif"));
        }
        let found = TestFolder::new(files.iter().map(String::as_str)).read(&OwnNames).unwrap();
        assert_eq!(images(&found), ["A01/0/1", "A01/1/1"]);
        assert_eq!(counts(&found), (3, 0, 0));
        let (well, image) = found.structure.images().nth(1).unwrap();
        let name = found.structure.plane_name(well, image, PlaneIndex::new(1, 0, 0));
        let text = POLYSTORE_NAMING.generate(&name, "tif").unwrap();
        assert_eq!(plane(&found, "A01", (1, 1), (1, 0, 0)), Ok(format!("A01/{text}")));
    }

    #[test]
    fn two_plates_in_one_folder_are_not_mixed() {
        let folder = TestFolder::new(["a/A01_s001_z000_c000.tif", "b/A01_s001_z000_c000.tif"]);
        let error = folder.read(&OwnNames).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("`a`, `b`"), "{error}");
        let none = TestFolder::new(["x.tif"]).read(&OwnNames).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound);
    }
}
