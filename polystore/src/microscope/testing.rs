//! A folder for tests: names, texts in memory, one header for all images.

use std::{collections::BTreeMap, path::Path, sync::Mutex};

use bytes::Bytes;

use super::{FolderFiles, ImageFileInfo, Microscope, PlateFolder};
use crate::{
    Error, PixelType, PlaneIndex, Result, VirtualPath, WellPosition,
    model::{DeclaredPlate, FileNames, ImageStructure, InventoryCounts, PlaneState, Sizes},
};

/// Names of files, what some of them hold, and how images are described.
pub(crate) struct TestFolder {
    name: String,
    files: FileNames,
    texts: BTreeMap<String, Bytes>,
    infos: BTreeMap<String, ImageFileInfo>,
    broken: Vec<String>,
    opened: Mutex<Vec<String>>,
}

impl TestFolder {
    /// A folder called `plate` with empty files; images are 6 x 4 pixels of 16 bits.
    pub(crate) fn new<'n>(files: impl IntoIterator<Item = &'n str>) -> Self {
        Self {
            name: "plate".to_owned(),
            files: files.into_iter().collect(),
            texts: BTreeMap::new(),
            infos: BTreeMap::new(),
            broken: Vec::new(),
            opened: Mutex::default(),
        }
    }

    /// The folder under another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Adds a file with content.
    pub(crate) fn with(mut self, file: &str, content: impl Into<Bytes>) -> Self {
        if !self.files.contains(file) {
            self.files.push(file);
        }
        self.texts.insert(file.to_owned(), content.into());
        self
    }

    /// Describes one file otherwise than the rest.
    pub(crate) fn with_info(mut self, file: &str, info: ImageFileInfo) -> Self {
        self.infos.insert(file.to_owned(), info);
        self
    }

    /// Makes a file unreadable.
    pub(crate) fn with_broken(mut self, file: &str) -> Self {
        self.broken.push(file.to_owned());
        self
    }

    /// Removes files whose name holds `part`; the metadata stays as it is.
    pub(crate) fn without(mut self, part: &str) -> Self {
        self.files = self.files.iter().filter(|file| !file.contains(part)).collect();
        self
    }

    /// Reads the plate with `microscope`, after it was recognised by it.
    pub(crate) fn read(&self, microscope: &dyn Microscope) -> Result<DeclaredPlate> {
        let folder = self.folder();
        let plate = microscope.read(&folder)?;
        plate.structure.check()?;
        Ok(plate)
    }

    /// Files that were looked into, in order.
    pub(crate) fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }

    pub(crate) fn folder(&self) -> PlateFolder<'_> {
        PlateFolder::new(&self.name, &self.files, &[], self)
    }
}

impl FolderFiles for TestFolder {
    fn read(&self, file: &str, _max_bytes: u64) -> Result<Bytes> {
        self.opened.lock().unwrap().push(file.to_owned());
        self.texts
            .get(file)
            .cloned()
            .ok_or_else(|| Error::not_found("no such text").with_path(file))
    }

    fn describe(&self, file: &str) -> Result<ImageFileInfo> {
        self.opened.lock().unwrap().push(file.to_owned());
        if self.broken.iter().any(|broken| broken == file) {
            return Err(Error::invalid_data("is not a TIFF file").with_path(file));
        }
        Ok(self.infos.get(file).cloned().unwrap_or_else(|| info(Sizes::new(1, 1, 1, 4, 6), "")))
    }
}

/// A header of 16-bit pixels.
pub(crate) fn info(sizes: Sizes, description: &str) -> ImageFileInfo {
    ImageFileInfo {
        image: ImageStructure::new(VirtualPath::root(), PixelType::U16, sizes),
        n_pages: sizes.t * sizes.c * sizes.z,
        n_samples: 1,
        description: description.to_owned(),
    }
}

/// Counts of `(present, absent by design, missing)` planes; corrupt ones fail.
pub(crate) fn counts(plate: &DeclaredPlate) -> (u64, u64, u64) {
    let InventoryCounts { present, absent_by_design, missing, corrupt } = plate.inventory.counts();
    assert_eq!(corrupt, 0);
    (present, absent_by_design, missing)
}

/// Wells, acquisitions and fields of all images: `B03/0/1`.
pub(crate) fn images(plate: &DeclaredPlate) -> Vec<String> {
    plate
        .structure
        .images()
        .map(|(well, image)| format!("{well}/{}/{}", image.acquisition, image.field))
        .collect()
}

/// The state of a plane, and its file (with `#page` unless it is the first) when it is present.
pub(crate) fn plane(
    plate: &DeclaredPlate,
    well: &str,
    (acquisition, field): (u32, u32),
    (t, c, z): (u32, u32, u32),
) -> Result<String, PlaneState> {
    let well: WellPosition = well.parse().unwrap();
    let ordinal = plate
        .structure
        .images()
        .position(|(at, image)| (at, image.acquisition, image.field) == (well, acquisition, field))
        .unwrap();
    let index = PlaneIndex::new(t, c, z);
    let state = plate.inventory.state(ordinal, index);
    let source = plate.sources.images[ordinal].get(index);
    assert_eq!(source.is_some(), state == PlaneState::Present, "{well} {index}");
    let source = source.ok_or(state)?;
    let file = plate.sources.files.get(source.file as usize).unwrap();
    Ok(if source.page == 0 { file.to_string() } else { format!("{file}#{}", source.page) })
}

/// Names below `data/` of the repository, relative to `folder` in it, in order.
pub(crate) fn listing(folder: &str) -> Vec<String> {
    let root = data(folder);
    let mut pending = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// A folder below `data/` of the repository.
pub(crate) fn data(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(folder)
}
