//! Puts an opened plate together from its wells.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use super::{
    super::{
        NgffVersion,
        image::{Described, Layout, as_data},
        metadata::{Grid, PlateExtra, WellEntry},
        openhcs,
        store::Store,
    },
    FoundImage, ImageSlot, OpenPlate,
};
use crate::{
    Result, VirtualPath, WellPosition,
    model::{
        Acquisition, Channel, ImageStructure, PassedOver, PassedOverReason, PlateIndex,
        PlateStructure, WellStructure,
    },
};

/// A plate that is being put together.
pub(super) struct Building<'a> {
    store: &'a Store,
    name: &'a str,
    version: NgffVersion,
    structure: PlateStructure,
    slots: Vec<ImageSlot>,
    /// Position in the plate's list by number.
    acquisitions: HashMap<u32, u32>,
    lists_acquisitions: bool,
    notes: Vec<String>,
    passed_over: PassedOver,
    /// The first image that was read of each acquisition: what those of it that cannot be
    /// read are taken to be like.
    like: BTreeMap<u32, ImageStructure>,
    /// Images that cannot be read, by their place, waiting for one that can.
    unread: Vec<(WellPosition, ImageStructure)>,
    channels: Arc<[Channel]>,
    /// Declared wells that NGFF cannot list.
    wells_without_images: Vec<WellPosition>,
}

impl<'a> Building<'a> {
    pub(super) fn new(
        store: &'a Store,
        name: &'a str,
        version: NgffVersion,
        grid: Grid,
        extra: Option<PlateExtra>,
    ) -> Self {
        let PlateExtra { microscope, naming, id, wells_without_images, passed_over, .. } =
            extra.unwrap_or_default();
        let or = |text: String, default: String| if text.is_empty() { default } else { text };
        let title = grid.name.unwrap_or_else(|| {
            let folder = store.location().join(name);
            folder.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        });
        let numbers = grid.acquisitions.iter().zip(0u32..);
        let acquisitions = numbers.map(|(acquisition, at)| (acquisition.id, at)).collect();
        let structure = PlateStructure {
            id,
            passed_over,
            acquisitions: grid.acquisitions,
            microscope: or(microscope, format!("ngff-{version}")),
            naming: or(naming, "polystore".to_owned()),
            ..PlateStructure::new(title, grid.n_rows, grid.n_columns)
        };
        let lists_acquisitions = structure.acquisitions != [Acquisition::default()];
        Self {
            store,
            name,
            version,
            structure,
            slots: Vec::new(),
            acquisitions,
            lists_acquisitions,
            notes: Vec::new(),
            passed_over: PassedOver::default(),
            like: BTreeMap::new(),
            unread: Vec::new(),
            channels: Arc::from([]),
            wells_without_images,
        }
    }

    /// Adds a well. Wells come in order.
    pub(super) fn add_well(&mut self, entry: &WellEntry, images: Result<Vec<FoundImage>>) {
        let mut well = WellStructure::new(entry.position);
        let images = images.unwrap_or_else(|error| {
            self.notes.push(error.chain());
            let folder = format!("{}/", entry.path.relative());
            self.passed_over.push(folder, PassedOverReason::WellUnreadable);
            Vec::new()
        });
        let mut fields: Vec<(ImageStructure, ImageSlot)> = Vec::with_capacity(images.len());
        // Fields by number that images say themselves; those that cannot be read take no such.
        let own = |image: &FoundImage| image.described.as_ref().ok()?.extra.field;
        let taken: HashSet<(Option<u32>, u32)> =
            images.iter().filter_map(|image| Some((image.acquisition, own(image)?))).collect();
        let mut next_field: HashMap<u32, u32> = HashMap::new();
        for image in images {
            let acquisition = self.acquisition(image.acquisition);
            let next = next_field.entry(acquisition).or_default();
            let path = entry.path.append(&image.path);
            let is_free = |field: &u32| !taken.contains(&(image.acquisition, *field));
            let field = own(&image).or_else(|| (*next..=u32::MAX).find(is_free)).unwrap_or(*next);
            let (mut structure, layout) = self.take_image(entry.position, path, image.described);
            structure.acquisition = acquisition;
            structure.field = field;
            if layout.is_ok() {
                self.like.entry(acquisition).or_insert_with(|| structure.clone());
            }
            *next = field.saturating_add(1);
            fields.push((structure, ImageSlot { layout: Some(layout), opened: OnceLock::new() }));
        }
        fields.sort_by_key(|(image, _)| (image.acquisition, image.field));
        number_again(&mut fields);
        for (structure, slot) in fields {
            well.fields.push(structure);
            self.slots.push(slot);
        }
        self.structure.wells.push(well);
    }

    /// The position of the acquisition with number `id` in the plate's list, which it joins
    /// if it is not there.
    fn acquisition(&mut self, id: Option<u32>) -> u32 {
        let Some(id) = id else { return 0 };
        if !self.lists_acquisitions && self.structure.acquisitions == [Acquisition::default()] {
            // The plate lists none: the first that a well names is the first.
            self.structure.acquisitions[0].id = id;
            self.acquisitions = HashMap::from([(id, 0)]);
        }
        if let Some(&at) = self.acquisitions.get(&id) {
            return at;
        }
        let at = u32::try_from(self.structure.acquisitions.len()).unwrap_or(u32::MAX);
        self.structure.acquisitions.push(Acquisition { id, ..Acquisition::default() });
        self.acquisitions.insert(id, at);
        if self.lists_acquisitions {
            self.notes.push(format!("acquisition {id} is named by a well, but not by the plate"));
        }
        at
    }

    fn take_image(
        &mut self,
        position: WellPosition,
        path: VirtualPath,
        described: Result<Described>,
    ) -> (ImageStructure, Result<Arc<Layout>>) {
        match described {
            Ok(mut described) => {
                if described.channels == self.channels {
                    described.channels = Arc::clone(&self.channels);
                } else {
                    self.channels = Arc::clone(&described.channels);
                }
                (described.structure(path), Ok(described.layout))
            }
            Err(error) => {
                self.notes.push(error.chain());
                let sizes = crate::model::Sizes::new(1, 1, 1, 1, 1);
                let blank = ImageStructure::new(path, crate::PixelType::U16, sizes);
                self.unread.push((position, blank.clone()));
                (blank, Err(error))
            }
        }
    }

    pub(super) fn finish(mut self) -> Result<OpenPlate> {
        self.liken_unread();
        let (n_rows, n_columns) = (self.structure.n_rows, self.structure.n_columns);
        let is_on_grid = |well: &&WellPosition| well.row < n_rows && well.column < n_columns;
        for position in self.wells_without_images.iter().filter(is_on_grid) {
            self.structure.well_mut(*position);
        }
        openhcs::refine(self.store, self.name, &mut self.structure);
        self.structure.check().map_err(as_data)?;
        Ok(OpenPlate {
            index: PlateIndex::new(Arc::new(self.structure)),
            name: self.name.to_owned(),
            version: self.version,
            images: self.slots,
            notes: self.notes,
            passed_over: self.passed_over,
        })
    }

    /// Images that cannot be read are declared like one of their acquisition that can, else
    /// like any, so that their planes are known to be missing or damaged.
    fn liken_unread(&mut self) {
        for (position, blank) in &self.unread {
            let well = self.structure.well_mut(*position);
            let Some(image) = well.fields.iter_mut().find(|image| image.path == blank.path) else {
                continue;
            };
            let of_run = self.like.get(&image.acquisition);
            let Some(like) = of_run.or_else(|| self.like.values().next()) else { return };
            *image = ImageStructure {
                path: blank.path.clone(),
                name: blank.name.clone(),
                field: image.field,
                acquisition: image.acquisition,
                position: None,
                ..like.clone()
            };
        }
    }
}

/// Numbers the fields of a well by their order where their own numbers clash.
fn number_again(fields: &mut [(ImageStructure, ImageSlot)]) {
    let key = |image: &ImageStructure| (image.acquisition, image.field);
    if fields.windows(2).all(|pair| key(&pair[0].0) < key(&pair[1].0)) {
        return;
    }
    let mut next: HashMap<u32, u32> = HashMap::new();
    for (image, _) in fields {
        let number = next.entry(image.acquisition).or_default();
        image.field = *number;
        *number += 1;
    }
}
