//! The program of a unit for another state of its planes: as if all were there, or without
//! those that turned out to be damaged when they were read.

use std::{collections::HashMap, sync::OnceLock};

use polystore::{
    Plate, VirtualPath,
    model::{ImageInventory, ImageStructure, PlaneState},
};

use super::{ExecutionPlan, Program, Read, Unit, lacking::remark, select::SelectedImage, wire};
use crate::{Error, Pipeline, Result};

/// The program that units whose images look like `images` would have if no plane of them were
/// missing or corrupt.
pub(super) fn as_if_whole(pipeline: &Pipeline, images: &[SelectedImage<'_>]) -> Result<Program> {
    let whole = |chosen: &SelectedImage<'_>| {
        ImageInventory::from_fn(chosen.image.sizes, |index| match chosen.inventory.state(index) {
            PlaneState::Missing | PlaneState::Corrupt => PlaneState::Present,
            state => state,
        })
    };
    let inventories: Vec<_> = images.iter().map(whole).collect();
    let images: Vec<_> = (images.iter().zip(&inventories))
        .map(|(chosen, inventory)| SelectedImage { image: chosen.image, inventory })
        .collect();
    wire::program(pipeline, &images)
}

/// Makes programs for units of which planes turned out to be damaged when they were read: the
/// same that they would have if that had been known before.
pub(crate) struct Rewiring<'a> {
    plan: &'a ExecutionPlan,
    plate: &'a Plate,
    /// Images of the plate by path, with their places in its inventory. Few runs need it.
    images: OnceLock<HashMap<&'a VirtualPath, (usize, &'a ImageStructure)>>,
}

impl<'a> Rewiring<'a> {
    pub(crate) fn new(plan: &'a ExecutionPlan, plate: &'a Plate) -> Self {
        Self { plan, plate, images: OnceLock::new() }
    }

    /// The program of `unit` without the planes `lost`, and what is not done for it, in words.
    ///
    /// # Errors
    /// `Pipeline` when the plan is not of this plate; as [`Plate::inventory`].
    pub(crate) fn without(
        &self,
        unit: &Unit,
        lost: impl Iterator<Item = (Read, PlaneState)>,
    ) -> Result<(Program, String)> {
        let known = self.images.get_or_init(|| {
            let images = self.plate.structure().images().enumerate();
            images.map(|(ordinal, (_, image))| (&image.path, (ordinal, image))).collect()
        });
        let inventory = self.plate.inventory()?;
        let found = unit.images.iter().map(|path| {
            let (ordinal, image) = known.get(path)?;
            Some((*image, inventory.images.get(*ordinal)?.clone()))
        });
        let Some(mut found) = found.collect::<Option<Vec<_>>>() else {
            let message = format!("an image of {} is not on the plate", unit.name);
            return Err(Error::pipeline("plan", message).with_hint("compile it again"));
        };
        for (read, state) in lost {
            if let Some((_, inventory)) = found.get_mut(read.image as usize) {
                inventory.set(read.index, state);
            }
        }
        let images: Vec<_> =
            found.iter().map(|(image, inventory)| SelectedImage { image, inventory }).collect();
        let program = wire::program(&self.plan.pipeline, &images)?;
        let remark = remark(&self.plan.pipeline, &program, &images).unwrap_or_default();
        Ok((program, remark))
    }
}
