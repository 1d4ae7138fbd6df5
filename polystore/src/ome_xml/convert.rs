//! From this crate's images to OME-XML and back.

use super::{Channel, DimensionOrder, Image, Ome, Pixels, Plane, TiffData};
use crate::{
    PlaneIndex, VirtualPath,
    model::{self, ImageStructure},
};

/// A file of an OME-TIFF: its name, its identity, the planes of its pages in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OmeFile {
    /// Name of the file, without a folder or relative to the file with the metadata.
    pub name: String,
    /// `urn:uuid:...`, the identity that other files refer to it by.
    pub uuid: String,
    /// The plane of each page, from page 0 on.
    pub pages: Vec<PlaneIndex>,
}

impl OmeFile {
    /// A file with a new identity.
    pub fn new(name: impl Into<String>, pages: impl IntoIterator<Item = PlaneIndex>) -> Self {
        let uuid = format!("urn:uuid:{}", uuid::Uuid::now_v7());
        Self { name: name.into(), uuid, pages: pages.into_iter().collect() }
    }
}

impl Ome {
    /// The document of a file that holds one image, to be its `ImageDescription`.
    pub fn of_image(image: &ImageStructure, file: &OmeFile) -> Self {
        Self {
            uuid: Some(file.uuid.clone()),
            creator: Some(creator()),
            images: vec![Image::of(image, 0, std::slice::from_ref(file))],
            ..Self::default()
        }
    }
}

/// Where one page of a file belongs.
fn page(file: &OmeFile, (ifd, plane): (u32, &PlaneIndex)) -> TiffData {
    TiffData {
        ifd: Some(ifd),
        first_z: plane.z,
        first_c: plane.c,
        first_t: plane.t,
        plane_count: Some(1),
        uuid: Some(file.uuid.clone()),
        file_name: Some(file.name.clone()),
    }
}

/// This program, with its version.
pub(super) fn creator() -> String {
    format!("polystore {}", env!("CARGO_PKG_VERSION"))
}

impl Image {
    /// `image` as image number `number` of a document, with its planes in `files`.
    pub fn of(image: &ImageStructure, number: usize, files: &[OmeFile]) -> Self {
        let sizes = image.sizes;
        let channel = |(c, channel): (usize, &model::Channel)| Channel {
            id: format!("Channel:{number}:{c}"),
            name: channel.name.clone(),
            n_samples: 1,
            color: channel.color,
            excitation_nm: channel.excitation_nm,
            emission_nm: channel.emission_nm,
        };
        let at_origin = Plane { position: image.position, ..Plane::default() };
        Self {
            id: format!("Image:{number}"),
            name: image.name.clone(),
            acquired: None,
            pixels: Pixels {
                id: format!("Pixels:{number}"),
                order: DimensionOrder::Zct,
                pixel_type: image.pixel_type,
                size_x: sizes.x,
                size_y: sizes.y,
                size_z: sizes.z,
                size_c: sizes.c,
                size_t: sizes.t,
                physical_size: image.physical_size,
                channels: image.channels.iter().enumerate().map(channel).collect(),
                tiff_data: files
                    .iter()
                    .flat_map(|file| (0u32..).zip(&file.pages).map(move |entry| page(file, entry)))
                    .collect(),
                planes: image.position.map(|_| at_origin).into_iter().collect(),
            },
        }
    }

    /// This image at `path`; field and acquisition are 0.
    pub fn to_structure(&self, path: VirtualPath) -> ImageStructure {
        let pixels = &self.pixels;
        let mut image = ImageStructure::new(path, pixels.pixel_type, pixels.sizes());
        if !self.name.is_empty() {
            image.name.clone_from(&self.name);
        }
        image.channels = pixels.described_channels().into();
        image.physical_size = pixels.physical_size;
        image.position = pixels.planes.iter().find_map(|plane| plane.position);
        image
    }
}

impl Pixels {
    /// One channel of the model per sample: `size_c` of them.
    pub(crate) fn described_channels(&self) -> Vec<model::Channel> {
        let mut channels = Vec::new();
        for channel in &self.channels {
            let described = model::Channel {
                name: channel.name.clone(),
                color: channel.color,
                excitation_nm: channel.excitation_nm,
                emission_nm: channel.emission_nm,
                ..model::Channel::default()
            };
            let n_left = (self.size_c as usize).saturating_sub(channels.len());
            channels.extend(vec![described; n_left.min(channel.n_samples as usize)]);
        }
        channels.resize(self.size_c as usize, model::Channel::default());
        channels
    }
}
