//! What NGFF has no place for, kept in an attribute of our own (`polystore`).
//!
//! Other readers pass over it; without it a store reads with what NGFF says alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    WellPosition,
    model::{Color, PassedOver, PlaneSet, StagePosition},
};

/// The attribute of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) plate: Option<PlateExtra>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) image: Option<ImageExtra>,
}

/// Of a plate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct PlateExtra {
    pub(in super::super) microscope: String,
    pub(in super::super) naming: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) id: Option<String>,
    /// Declared wells of which no image is known: NGFF lists only wells with images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) wells_without_images: Vec<WellPosition>,
    /// What nobody could read in the plate that this one was made of.
    #[serde(skip_serializing_if = "PassedOver::is_empty")]
    pub(in super::super) passed_over: PassedOver,
    /// The options of the store that its images are made with, so that one whose images are
    /// all lost can be gone on with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in super::super) settings: BTreeMap<String, String>,
}

/// Of an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct ImageExtra {
    /// Which field of its well it is, 0-based, where that is not its place in the well's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) field: Option<u32>,
    /// Position in the list of acquisitions, of an image that is in no plate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) acquisition: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) position: Option<StagePosition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) channels: Vec<ChannelExtra>,
    /// Planes that were never meant to be.
    #[serde(skip_serializing_if = "PlaneSet::is_empty")]
    pub(in super::super) absent: PlaneSet,
}

/// Of a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct ChannelExtra {
    /// Of labels, which have no `omero`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) name: Option<String>,
    /// Of labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) color: Option<Color>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) excitation_nm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) emission_nm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) number: Option<u32>,
    /// The colour that `omero` has is not the channel's own: NGFF wants one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in super::super) colorless: bool,
}

impl Extra {
    /// Whether there is nothing to keep.
    pub(in super::super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
