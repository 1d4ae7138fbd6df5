//! Which plane of which source every plane of a workspace is.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    Error, ErrorKind, PlaneIndex, PlaneRequest, Result, VirtualBackend, VirtualPath,
    model::{ImageStructure, PlateIndex, PlateStructure},
};

/// A plate whose planes are planes of other backends. Made by
/// [`WorkspaceBuilder`](super::WorkspaceBuilder) or read from a file; never changes.
#[derive(Debug)]
pub struct Mapping {
    pub(super) index: PlateIndex,
    pub(super) sources: Vec<Arc<dyn VirtualBackend>>,
    /// One entry per image, in plate order.
    pub(super) images: Vec<ImageMapping>,
}

/// An image of a source that planes come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Index into the mapping's sources.
    pub(super) source: u32,
    /// The plate of the source that the image is in, if it is in one.
    pub(super) plate: Option<VirtualPath>,
    /// The image, from the root of the source.
    pub(super) image: VirtualPath,
}

/// Where the planes of one image come from.
#[derive(Debug, Default)]
pub(super) struct ImageMapping {
    pub(super) parts: Vec<Part>,
    planes: Planes,
}

#[derive(Debug)]
enum Planes {
    /// Every declared plane is the plane of the same index of the only part.
    Whole,
    /// Plane by plane, ordered by index: the part's number and the index there.
    Listed(Vec<(PlaneIndex, u32, PlaneIndex)>),
}

impl Default for Planes {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl ImageMapping {
    /// All declared planes of an image from the planes of the same index of `part`.
    pub(super) fn whole(part: Part) -> Self {
        Self { parts: vec![part], planes: Planes::Whole }
    }

    /// Planes with the number of their part and their index there.
    pub(super) fn listed(
        image: &ImageStructure,
        parts: Vec<Part>,
        planes: BTreeMap<PlaneIndex, (u32, PlaneIndex)>,
    ) -> Self {
        let is_whole = parts.len() == 1
            && planes.iter().all(|(to, (_, from))| to == from)
            && image.declared_indices().eq(planes.keys().copied());
        if is_whole {
            return Self { parts, planes: Planes::Whole };
        }
        let planes = planes.into_iter().map(|(to, (part, from))| (to, part, from)).collect();
        Self { parts, planes: Planes::Listed(planes) }
    }

    /// The source of the plane `index` of `image`, whose mapping this is.
    pub(super) fn get(&self, image: &ImageStructure, index: PlaneIndex) -> Option<Origin<'_>> {
        let (part, index) = match &self.planes {
            Planes::Whole => (0, image.declares(index).then_some(index)?),
            Planes::Listed(planes) => {
                let at = planes.binary_search_by_key(&index, |&(to, ..)| to).ok()?;
                let (_, part, from) = *planes.get(at)?;
                (part, from)
            }
        };
        Some(Origin { part: self.parts.get(part as usize)?, index })
    }

    /// The planes in order, or `None` when all are the planes of the same index of one part.
    pub(super) fn planes(&self) -> Option<&[(PlaneIndex, u32, PlaneIndex)]> {
        match &self.planes {
            Planes::Whole => None,
            Planes::Listed(planes) => Some(planes),
        }
    }
}

/// A plane of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub(super) part: &'a Part,
    pub(super) index: PlaneIndex,
}

impl Mapping {
    /// What the workspace declares.
    pub fn structure(&self) -> &Arc<PlateStructure> {
        self.index.structure()
    }

    /// The backends that planes come from.
    pub fn sources(&self) -> &[Arc<dyn VirtualBackend>] {
        &self.sources
    }

    /// Where the plane `index` of the image at `path` (relative to the plate) comes from: the
    /// backend, and the request there. `None` for a plane without a source.
    pub fn source_of(
        &self,
        path: &VirtualPath,
        index: PlaneIndex,
    ) -> Option<(&Arc<dyn VirtualBackend>, PlaneRequest)> {
        let origin = self.origin(self.index.ordinal(path)?, index)?;
        let backend = self.sources.get(origin.part.source as usize)?;
        Some((backend, PlaneRequest::new(origin.part.image.clone(), origin.index)))
    }

    pub(super) fn origin(&self, ordinal: usize, index: PlaneIndex) -> Option<Origin<'_>> {
        let (_, image) = self.index.image(ordinal)?;
        self.images.get(ordinal)?.get(image, index)
    }

    pub(super) fn backend(&self, part: &Part) -> Result<&Arc<dyn VirtualBackend>> {
        self.sources
            .get(part.source as usize)
            .ok_or_else(|| Error::internal("a mapping names a source that it does not have"))
    }
}

/// A plane of a source, in words: the backend, the image and the index.
pub(super) struct Told<'a>(pub(super) &'a dyn VirtualBackend, pub(super) Origin<'a>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.0, self.1.part.image, self.1.index)
    }
}

/// The error of a virtual plane that two sources claim.
pub(super) fn collision(
    path: impl fmt::Display,
    index: PlaneIndex,
    first: &str,
    second: &str,
) -> Error {
    let message = format!("two sources claim plane {index}: {first} and {second}");
    Error::new(ErrorKind::AlreadyExists, message)
        .with_path(path)
        .with_hint("give one of them another acquisition, field or channel, or leave it out")
}
