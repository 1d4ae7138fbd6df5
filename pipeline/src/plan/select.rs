//! Which images of a plate a pipeline works on.

use std::collections::BTreeSet;

use polystore::{
    Plate, WellPosition,
    model::{
        ImageInventory, ImageStructure, Inventory, PassedOver, PassedOverReason, PlateStructure,
        WellStructure,
    },
    suggest,
    words::count,
};

use crate::{Error, Result, Selection};

/// An image with its place in the plate and what is there of it.
#[derive(Clone, Copy)]
pub(super) struct SelectedImage<'p> {
    pub(super) image: &'p ImageStructure,
    pub(super) inventory: &'p ImageInventory,
}

/// The selected images of one well and acquisition.
pub(super) struct Group<'p> {
    pub(super) well: WellPosition,
    pub(super) acquisition: u32,
    pub(super) images: Vec<SelectedImage<'p>>,
}

/// Everything that is selected, in plate order.
pub(super) fn select<'p>(selection: &Selection, plate: &'p Plate) -> Result<Vec<Group<'p>>> {
    let structure: &PlateStructure = plate.structure();
    let inventory = plate.inventory()?;
    check_wells(selection, structure)?;
    let acquisitions = acquisitions(selection, structure)?;
    let mut groups: Vec<Group<'p>> = Vec::new();
    let mut inventories = inventory.images.iter();
    for well in &structure.wells {
        let is_wanted = wants_well(selection, well.position);
        for image in &well.fields {
            let Some(inventory) = inventories.next() else {
                let message = "the plate's inventory has fewer images than its structure";
                return Err(polystore::Error::internal(message).with_path(plate.path()).into());
            };
            let fields = selection.fields.as_ref();
            let is_field = fields.is_none_or(|fields| fields.contains(image.field + 1));
            if !is_wanted || !is_field || !acquisitions.contains(&image.acquisition) {
                continue;
            }
            let chosen = SelectedImage { image, inventory };
            match groups.last_mut() {
                Some(group)
                    if (group.well, group.acquisition) == (well.position, image.acquisition) =>
                {
                    group.images.push(chosen);
                }
                _ => groups.push(Group {
                    well: well.position,
                    acquisition: image.acquisition,
                    images: vec![chosen],
                }),
            }
        }
    }
    check_found(selection, &groups, structure)?;
    Ok(groups)
}

/// Whether the wells asked for have this one.
pub(crate) fn wants_well(selection: &Selection, well: WellPosition) -> bool {
    let is_in = selection.wells.as_ref().is_none_or(|wells| wells.contains(well));
    let is_out = selection.exclude_wells.as_ref().is_some_and(|wells| wells.contains(well));
    is_in && !is_out
}

/// What of the plate could not be used at all: what may belong to that which is asked for, and
/// wells that are not asked for.
pub(crate) fn passed_over(
    selection: &Selection,
    inventory: &Inventory,
) -> (PassedOver, PassedOver) {
    let (mut asked, mut beside) = (PassedOver::default(), PassedOver::default());
    for file in &inventory.passed_over.files {
        let well = match file.reason {
            PassedOverReason::WellUnreadable => well_of_folder(&file.path),
            _ => None,
        };
        let list = match well.is_none_or(|well| wants_well(selection, well)) {
            true => &mut asked,
            false => &mut beside,
        };
        list.add(file.clone());
    }
    // Of those that are not listed nothing is known.
    asked.n += inventory.passed_over.n.saturating_sub(asked.n + beside.n);
    (asked, beside)
}

/// The well of the folder `E/08/`.
fn well_of_folder(path: &str) -> Option<WellPosition> {
    let (above, column) = path.trim_end_matches('/').rsplit_once('/')?;
    let row = above.rsplit(['/', ' ']).next()?;
    format!("{row}{column}").parse().ok()
}

fn refuse(selection: &Selection, message: String) -> Error {
    Error::not_on_plate(&selection.origin, message)
}

/// Every item of the list of wells must mean something on this plate.
fn check_wells(selection: &Selection, structure: &PlateStructure) -> Result<()> {
    let wells: Vec<_> = structure.wells.iter().map(|well| well.position).collect();
    let lists = [&selection.wells, &selection.exclude_wells];
    let unmatched: Vec<_> =
        lists.into_iter().flatten().flat_map(|list| list.unmatched(&wells)).collect();
    let Some(first) = unmatched.first() else { return Ok(()) };
    let names: Vec<_> = wells.iter().map(WellPosition::to_string).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let near = suggest::nearest(first, &names);
    let hint = match names.len() {
        0..=12 => suggest::hint(first, &names),
        n => {
            let range = format!("it has {n} wells, {} to {}", names[0], names[n - 1]);
            match near.is_empty() {
                true => range,
                false => format!("did you mean {}? {range}", near.join(" or ")),
            }
        }
    };
    let message = format!("the plate `{}` has no well {}", structure.name, unmatched.join(", "));
    Err(refuse(selection, message).with_hint(hint))
}

fn acquisitions(selection: &Selection, structure: &PlateStructure) -> Result<BTreeSet<u32>> {
    if selection.acquisitions.is_empty() {
        return Ok((0..structure.acquisitions.len() as u32).collect());
    }
    let find = |wanted: &String| {
        structure.find_acquisition(wanted).map_err(|error| {
            let refusal = refuse(selection, error.message().to_owned());
            match error.hint() {
                Some(hint) => refusal.with_hint(hint.to_owned()),
                None => refusal,
            }
        })
    };
    selection.acquisitions.iter().map(find).collect()
}

/// Fields, channels and timepoints that are asked for must be somewhere.
fn check_found(
    selection: &Selection,
    groups: &[Group<'_>],
    structure: &PlateStructure,
) -> Result<()> {
    let images = || groups.iter().flat_map(|group| &group.images).map(|chosen| chosen.image);
    if let Some(fields) = &selection.fields {
        let there: BTreeSet<u32> = images().map(|image| image.field + 1).collect();
        if let Some(absent) = fields.singles().find(|field| !there.contains(field)) {
            let most = structure.wells.iter().map(|well: &WellStructure| well.fields.len()).max();
            let hint =
                format!("wells have up to {}, numbered from 1", count(most.unwrap_or(0), "field"));
            let message = format!("no selected well has field {absent}");
            return Err(refuse(selection, message).with_hint(hint));
        }
    }
    if images().next().is_none() {
        let mut asked = structure.wells.iter().filter(|well| wants_well(selection, well.position));
        let Some(well) = asked.find(|well| well.fields.is_empty()) else {
            return Err(refuse(selection, "nothing of the plate is selected".to_owned()));
        };
        let message =
            format!("no image of well {} is known, though the plate lists the well", well.position);
        let hint = "`polystore check` says what is wrong with it";
        return Err(refuse(selection, message).with_hint(hint));
    }
    check_channels(&selection.channels, images(), &selection.channels_origin)?;
    if let Some(timepoints) = &selection.timepoints {
        let n_t = images().map(|image| image.sizes.t).max().unwrap_or(0);
        if !(0..n_t).any(|t| timepoints.contains(t)) {
            let message = format!("there is no timepoint {timepoints}");
            let hint = format!("the plate has {n_t}, numbered from 0");
            return Err(Error::not_on_plate(&selection.timepoints_origin, message).with_hint(hint));
        }
    }
    Ok(())
}

/// Each of `wanted` must be a channel of at least one image.
pub(super) fn check_channels<'p>(
    wanted: &[String],
    images: impl Iterator<Item = &'p ImageStructure> + Clone,
    origin: impl std::fmt::Display,
) -> Result<()> {
    let is_absent =
        |name: &&String| !images.clone().any(|image| image.find_channel(name).is_some());
    let Some(absent) = wanted.iter().find(is_absent) else { return Ok(()) };
    let mut known: Vec<String> = Vec::new();
    for image in images.clone() {
        for c in 0..image.sizes.c {
            let name = image.channel_name(c);
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let message = format!("the plate has no channel `{absent}`");
    Err(Error::not_on_plate(origin, message).with_hint(suggest::hint(absent, &known)))
}
