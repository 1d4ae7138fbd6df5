//! Which values viewers show of images that were declared before their pixels were known.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use serde_json::Value;

use super::{
    NgffVersion, ZarrBackend,
    metadata::{attributes_file, to_json, window_of},
    store::join,
};
use crate::{
    Error, Result, VirtualBackend, VirtualPath, WriteMode, fan_out,
    model::{ImageKind, ImageStructure},
    render::{Measured, measure},
};

/// Most bytes of the attributes of an image that are rewritten.
const MAX_JSON_BYTES: u64 = 64 << 20;

impl ZarrBackend {
    /// Measures the windows of channels that have none, and enters them into the `omero` of
    /// each image. Everything else in the metadata stays as it is, and so do windows that
    /// someone has set. An image without an `omero` gets none.
    pub(super) fn write_windows(&self, path: &VirtualPath) -> Result<()> {
        let plate = self.open_plate(path)?;
        let structure = plate.structure();
        let lacks_one = |image: &ImageStructure| {
            image.kind != ImageKind::Labels
                && image.channels.iter().any(|channel| channel.window.is_none())
        };
        if !structure.images().any(|(_, image)| lacks_one(image)) {
            return Ok(());
        }
        let mut with_windows = (**structure).clone();
        let inventory = self.inventory(path)?;
        let measured = Measured { backend: self, path, structure, inventory: &inventory };
        measure(&measured, &mut with_windows, &AtomicBool::new(false));
        let pairs = structure.images().zip(with_windows.images()).enumerate();
        let changed: Vec<(usize, &ImageStructure)> = pairs
            .filter(|(_, ((_, before), (_, after)))| before.channels != after.channels)
            .map(|(ordinal, (_, (_, after)))| (ordinal, after))
            .collect();
        let failure = Mutex::new(None);
        fan_out::for_each(self.options.io_concurrency, changed.len(), |number| {
            let (ordinal, image) = changed[number];
            let written = self
                .image_of(path, &plate, ordinal)
                .and_then(|open| self.write_window(&open.name, open.layout.version, image));
            let Err(error) = written else { return ControlFlow::Continue(()) };
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            ControlFlow::Break(())
        });
        if !changed.is_empty() {
            self.uncache_plate(path);
            self.forget(path);
        }
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Rewrites the windows in the metadata of the image in the directory `name`.
    fn write_window(&self, name: &str, version: NgffVersion, image: &ImageStructure) -> Result<()> {
        let directory = self.writer()?;
        let _lock = directory.lock(name)?;
        let file = join(name, attributes_file(version));
        let Some(text) = self.store.read(&file, MAX_JSON_BYTES)? else { return Ok(()) };
        let mut group: Value = serde_json::from_slice(&text).map_err(|error| {
            Error::invalid_data("metadata of the image is malformed")
                .with_path(&file)
                .with_source(error)
        })?;
        let place = match version {
            NgffVersion::V04 => "/omero/channels",
            NgffVersion::V05 => "/attributes/ome/omero/channels",
        };
        let Some(channels) = group.pointer_mut(place).and_then(Value::as_array_mut) else {
            return Ok(());
        };
        for (json, channel) in channels.iter_mut().zip(image.channels.iter()) {
            if let (Some(_), Some(json)) = (channel.window, json.as_object_mut()) {
                json.insert("window".to_owned(), window_of(channel, image.pixel_type));
            }
        }
        let mut touched = Vec::new();
        directory.stage(&to_json(&group), self.is_synced())?.publish(
            &file,
            WriteMode::Overwrite,
            &mut touched,
        )?;
        if self.is_synced() { directory.sync_all(touched) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType, Plane, PlaneIndex, PlaneRequest, VirtualBackendExt, WellPosition,
        model::{Channel, PlateStructure, Sizes},
        ndarray::Array2,
        zarr::ZarrOptions,
    };

    #[test]
    fn windows_are_entered_when_the_planes_are_there_and_nothing_else_changes() {
        for version in [NgffVersion::V04, NgffVersion::V05] {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path().join("p.zarr");
            let options = ZarrOptions { version, ..ZarrOptions::default() };
            let store = ZarrBackend::create(&at, options).unwrap();
            let image = ImageStructure {
                channels: [Channel::named("DAPI"), Channel::named("never written")].into(),
                ..ImageStructure::new(
                    VirtualPath::parse("/A/01/0").unwrap(),
                    PixelType::U16,
                    Sizes::new(1, 2, 1, 64, 64),
                )
            };
            let mut plate = PlateStructure::new("p", 1, 1);
            plate.add_image(WellPosition::new(0, 0), image.clone()).unwrap();
            let root = VirtualPath::root();
            store.create_plate(&root, &plate).unwrap();
            let pixels = Array2::from_shape_fn((64, 64), |(y, _)| 500 + 10 * y as u16);
            let request = PlaneRequest::new(image.path.clone(), PlaneIndex::default());
            store.write_plane(request, Plane::from_array(pixels)).unwrap();
            let file = at.join("A/01/0").join(attributes_file(version));
            let before: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            store.finish_plate(&root).unwrap();
            let channels = store.describe(&image.path).unwrap().channels;
            let (start, end) = channels[0].window.unwrap();
            assert!((500.0..520.0).contains(&start) && (1100.0..=1140.0).contains(&end));
            assert_eq!(channels[1].window, None);
            // Only the window of the channel with pixels is another.
            let mut after: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let place = match version {
                NgffVersion::V04 => "/omero/channels/0/window",
                NgffVersion::V05 => "/attributes/ome/omero/channels/0/window",
            };
            let window = after.pointer_mut(place).unwrap();
            assert_eq!((&window["min"], &window["max"]), (&0.0.into(), &65535.0.into()));
            *window = before.pointer(place).unwrap().clone();
            assert_eq!(after, before);
            // The plate is still the one that was declared.
            store.create_plate(&root, &plate).unwrap();
        }
    }
}
