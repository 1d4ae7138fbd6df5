//! Which planes of a plate of ours are there.

use std::{collections::HashSet, fs};

use super::{DiskBackend, declared};
use crate::{
    Error, Result, VirtualPath,
    model::{ImageInventory, ImageStructure, Inventory, PlaneState, PlateStructure},
};

impl DiskBackend {
    /// Looks into the folders of the plate once each.
    pub(super) fn own_inventory(
        &self,
        plate: &VirtualPath,
        structure: &PlateStructure,
    ) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        let mut listed: Option<(VirtualPath, HashSet<String>)> = None;
        for (_, image) in structure.images() {
            let path = plate.append(&image.path);
            if declared::is_container(&path) {
                inventory.images.push(self.container_inventory(&path, image, &mut inventory.notes));
                continue;
            }
            let folder = path.parent().unwrap_or_else(VirtualPath::root);
            let names = match &listed {
                Some((known, names)) if *known == folder => names,
                _ => &listed.insert((folder.clone(), self.names_in(&folder)?)).1,
            };
            inventory.images.push(ImageInventory::of_image(image, |index| {
                let file = declared::plane_file(&path, image, index);
                file.is_ok_and(|file| names.contains(file.name().unwrap_or("")))
            }));
        }
        Ok(inventory)
    }

    fn container_inventory(
        &self,
        path: &VirtualPath,
        image: &ImageStructure,
        notes: &mut Vec<String>,
    ) -> ImageInventory {
        let file = self.root.join(path);
        if !file.exists() {
            return ImageInventory::of_image(image, |_| false);
        }
        match self.headers.open(&file) {
            Ok((_, header)) => {
                ImageInventory::of_image(image, |index| header.locate(index).is_some())
            }
            Err(error) => {
                notes.push(error.chain());
                ImageInventory::uniform(image.sizes, PlaneState::Corrupt)
            }
        }
    }

    fn names_in(&self, folder: &VirtualPath) -> Result<HashSet<String>> {
        let fail = |error| Error::io(error, "list", folder);
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if declared::is_absent(&error) => return Ok(HashSet::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut names = HashSet::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            names.extend(name.to_str().map(str::to_owned));
        }
        Ok(names)
    }
}
