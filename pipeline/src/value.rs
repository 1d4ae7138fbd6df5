//! What flows from step to step: image stacks, label images, tables, outlines.

use polystore::{
    Plane,
    backend::{Roi, Table},
};

use crate::{Error, Result, function::PlaneKind};

/// Planes along the axis that a function consumes, `[n, y, x]`; at least one, all of one
/// shape and pixel type. Cloning shares the pixels.
#[derive(Clone, Debug)]
pub struct Stack {
    planes: Vec<Plane>,
}

impl Stack {
    /// A stack of `planes`.
    ///
    /// # Errors
    /// `Function` when there are none, or when they differ in shape or pixel type.
    pub fn new(planes: Vec<Plane>) -> Result<Self> {
        let Some(first) = planes.first() else {
            return Err(Error::function("a stack needs at least one plane"));
        };
        let wanted = (first.shape(), first.pixel_type());
        match planes.iter().position(|plane| (plane.shape(), plane.pixel_type()) != wanted) {
            None => Ok(Self { planes }),
            Some(odd) => Err(Error::function(format!(
                "plane {odd} of the stack is {} {} but the first is {} {}",
                planes[odd].shape(),
                planes[odd].pixel_type(),
                wanted.0,
                wanted.1
            ))),
        }
    }

    /// A stack of one plane.
    pub fn single(plane: Plane) -> Self {
        Self { planes: vec![plane] }
    }

    /// The planes in order.
    pub fn planes(&self) -> &[Plane] {
        &self.planes
    }

    /// The planes in order, taken out.
    pub fn into_planes(self) -> Vec<Plane> {
        self.planes
    }

    /// The only plane.
    ///
    /// # Errors
    /// `Function` when there are several.
    pub fn only(&self) -> Result<&Plane> {
        match self.planes.as_slice() {
            [plane] => Ok(plane),
            planes => Err(Error::function(format!("expected one plane, got {}", planes.len()))),
        }
    }

    /// The stack of what `change` makes of each plane.
    ///
    /// # Errors
    /// Those of `change`; `Function` when its planes differ in shape or pixel type.
    pub fn map(&self, change: impl FnMut(&Plane) -> Result<Plane>) -> Result<Self> {
        Self::new(self.planes.iter().map(change).collect::<Result<_>>()?)
    }

    /// What its planes are.
    pub fn plane_kind(&self) -> PlaneKind {
        let first = &self.planes[0];
        PlaneKind { shape: first.shape(), pixel_type: first.pixel_type() }
    }

    /// Bytes of pixels.
    pub fn n_bytes(&self) -> u64 {
        self.planes.iter().map(|plane| plane.n_bytes() as u64).sum()
    }
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ValueKind {
    /// Intensities.
    Image,
    /// Object numbers as `u32`, 0 for background.
    Labels,
    /// Rows of results.
    Table,
    /// Outlines.
    Rois,
}

impl ValueKind {
    /// The kind in words, for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Labels => "labels",
            Self::Table => "table",
            Self::Rois => "rois",
        }
    }
}

/// What a function takes and gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// Intensities.
    Image(Stack),
    /// Object numbers as `u32`, 0 for background.
    Labels(Stack),
    /// Rows of results.
    Table(Table),
    /// Outlines.
    Rois(Vec<Roi>),
}

impl Value {
    /// Which kind this is.
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Image(_) => ValueKind::Image,
            Self::Labels(_) => ValueKind::Labels,
            Self::Table(_) => ValueKind::Table,
            Self::Rois(_) => ValueKind::Rois,
        }
    }

    /// The planes of an image or of labels.
    pub fn stack(&self) -> Option<&Stack> {
        match self {
            Self::Image(stack) | Self::Labels(stack) => Some(stack),
            Self::Table(_) | Self::Rois(_) => None,
        }
    }

    /// Bytes that this value holds, about.
    pub fn n_bytes(&self) -> u64 {
        match self {
            Self::Image(stack) | Self::Labels(stack) => stack.n_bytes(),
            Self::Table(table) => (table.columns.len() * table.n_rows() * 16) as u64,
            Self::Rois(rois) => rois.len() as u64 * 256,
        }
    }
}
