//! Which values viewers show of images that were declared before their pixels were known.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use serde_json::{Value, json};

use super::{
    NgffVersion, ZarrBackend,
    metadata::{attributes_file, to_json, window_of},
    plate::OpenPlate,
    store::join,
};
use crate::{
    Error, Result, VirtualBackend, VirtualPath, WriteMode, fan_out,
    model::{Channel, ImageKind, ImageStructure, PlateStructure},
    render::{Measured, measure},
};

/// Most bytes of the attributes of an image that are rewritten.
const MAX_JSON_BYTES: u64 = 64 << 20;

impl ZarrBackend {
    /// Measures the windows of channels that have none, or one that was measured before, when
    /// there may have been fewer planes, and enters them into the `omero` of each image.
    /// Everything else in the metadata stays as it is, and so do windows that someone has set.
    /// An image without an `omero` gets none.
    pub(super) fn write_windows(&self, path: &VirtualPath) -> Result<()> {
        let plate = self.open_plate(path)?;
        let structure = plate.structure();
        let unmeasured = self.without_measured(path, &plate)?;
        let lacks_one = |image: &ImageStructure| {
            image.kind != ImageKind::Labels
                && image.channels.iter().any(|channel| channel.window.is_none())
        };
        if !unmeasured.images().any(|(_, image)| lacks_one(image)) {
            return Ok(());
        }
        let mut with_windows = unmeasured.clone();
        let inventory = self.inventory(path)?;
        let measured =
            Measured { backend: self, path, structure: &unmeasured, inventory: &inventory };
        measure(&measured, &mut with_windows, &AtomicBool::new(false));
        let images = structure.images().zip(unmeasured.images()).zip(with_windows.images());
        let changed: Vec<(usize, &ImageStructure, &ImageStructure)> = images
            .enumerate()
            .filter(|(_, (((_, before), _), (_, after)))| before.channels != after.channels)
            .map(|(ordinal, ((_, (_, unmeasured)), (_, after)))| (ordinal, unmeasured, after))
            .collect();
        let failure = Mutex::new(None);
        fan_out::for_each(self.options.io_concurrency, changed.len(), |number| {
            let (ordinal, unmeasured, image) = changed[number];
            let written = self.image_of(path, &plate, ordinal).and_then(|open| {
                self.write_window(&open.name, open.layout.version, unmeasured, image)
            });
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

    /// The structure of a plate without windows that were measured here and not changed since.
    fn without_measured(&self, path: &VirtualPath, plate: &OpenPlate) -> Result<PlateStructure> {
        let structure = plate.structure();
        let with_windows: Vec<usize> = (structure.images().enumerate())
            .filter(|(_, (_, image))| image.channels.iter().any(|one| one.window.is_some()))
            .map(|(ordinal, _)| ordinal)
            .collect();
        let found = Mutex::new(HashMap::new());
        fan_out::for_each(self.options.io_concurrency, with_windows.len(), |number| {
            let ordinal = with_windows[number];
            // What cannot be read now is told by whoever reads it for its pixels.
            let Ok(open) = self.image_of(path, plate, ordinal) else {
                return ControlFlow::Continue(());
            };
            let file = join(&open.name, attributes_file(open.layout.version));
            let group = self.store.read(&file, MAX_JSON_BYTES).ok().flatten();
            let group: Option<Value> = group.and_then(|text| serde_json::from_slice(&text).ok());
            let channels =
                group.as_ref().and_then(|group| group.pointer(place(open.layout.version)));
            let channels = channels.and_then(Value::as_array).into_iter().flatten();
            let measured: Vec<bool> =
                channels.map(|channel| is_measured(&channel["window"])).collect();
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(ordinal, measured);
            ControlFlow::Continue(())
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Images that came later got the windows of those that were there.
        let id = |image: &ImageStructure, number: usize| {
            let (start, end) = image.channels.get(number)?.window?;
            Some((image.acquisition, image.pixel_type, number, start.to_bits(), end.to_bits()))
        };
        let mut measured = HashSet::new();
        for (ordinal, (_, image)) in structure.images().enumerate() {
            let numbers = found.get(&ordinal).into_iter().flatten().enumerate();
            let numbers = numbers.filter(|(_, is_measured)| **is_measured);
            measured.extend(numbers.filter_map(|(number, _)| id(image, number)));
        }
        let mut unmeasured = (**structure).clone();
        for image in unmeasured.wells.iter_mut().flat_map(|well| &mut well.fields) {
            let is_measured =
                |number: usize| id(image, number).is_some_and(|id| measured.contains(&id));
            if !(0..image.channels.len()).any(is_measured) {
                continue;
            }
            let channels = image.channels.iter().enumerate().map(|(number, channel)| {
                let window = channel.window.filter(|_| !is_measured(number));
                Channel { window, ..channel.clone() }
            });
            image.channels = channels.collect();
        }
        Ok(unmeasured)
    }

    /// Enters the windows of `image`, which was `unmeasured` before, into its metadata in the
    /// directory `name`.
    fn write_window(
        &self,
        name: &str,
        version: NgffVersion,
        unmeasured: &ImageStructure,
        image: &ImageStructure,
    ) -> Result<()> {
        let directory = self.writer()?;
        let _lock = directory.lock(name)?;
        let file = join(name, attributes_file(version));
        let Some(text) = self.store.read(&file, MAX_JSON_BYTES)? else { return Ok(()) };
        let mut group: Value = serde_json::from_slice(&text).map_err(|error| {
            Error::invalid_data("metadata of the image is malformed")
                .with_path(&file)
                .with_source(error)
        })?;
        let Some(channels) = group.pointer_mut(place(version)).and_then(Value::as_array_mut) else {
            return Ok(());
        };
        let pairs = unmeasured.channels.iter().zip(image.channels.iter());
        for (json, (before, channel)) in channels.iter_mut().zip(pairs) {
            let is_new = before.window.is_none() && channel.window.is_some();
            if let Some(json) = json.as_object_mut().filter(|_| is_new) {
                let mut window = window_of(channel, image.pixel_type);
                window[MEASURED] = json!([window["start"], window["end"]]);
                json.insert("window".to_owned(), window);
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

/// In a window that was measured here: its start and end, as they were measured.
const MEASURED: &str = "polystore_measured";

/// Whether a window is as it was measured here, and nobody has set another since.
fn is_measured(window: &Value) -> bool {
    window.get(MEASURED).is_some_and(|measured| {
        *measured == json!([window["start"], window["end"]]) && measured[0].is_number()
    })
}

/// Where in the attributes of an image its channels are described.
fn place(version: NgffVersion) -> &'static str {
    match version {
        NgffVersion::V04 => "/omero/channels",
        NgffVersion::V05 => "/attributes/ome/omero/channels",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType, Plane, PlaneIndex, PlaneRequest, VirtualBackendExt, WellPosition, model::Sizes,
        ndarray::Array2, zarr::ZarrOptions,
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
            let window_at = format!("{}/0/window", place(version));
            let window = after.pointer_mut(&window_at).unwrap();
            assert_eq!((&window["min"], &window["max"]), (&0.0.into(), &65535.0.into()));
            *window = before.pointer(&window_at).unwrap().clone();
            assert_eq!(after, before);
            // The plate is still the one that was declared.
            store.create_plate(&root, &plate).unwrap();

            // Of other pixels it is measured again, but not where someone has set it.
            let pixels = Array2::from_shape_fn((64, 64), |(y, _)| 5000 + 10 * y as u16);
            let measured_again = {
                let request = PlaneRequest::new(image.path.clone(), PlaneIndex::default());
                store.write_plane(request, Plane::from_array(pixels)).unwrap();
                store.finish_plate(&root).unwrap();
                store.describe(&image.path).unwrap().channels[0].window.unwrap()
            };
            let (start, _) = measured_again;
            assert!((5000.0..5020.0).contains(&start), "{start}");
            let mut group: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            group.pointer_mut(&window_at).unwrap()["start"] = 77.0.into();
            std::fs::write(&file, group.to_string()).unwrap();
            let store = ZarrBackend::create(&at, ZarrOptions::default()).unwrap();
            store.finish_plate(&root).unwrap();
            assert_eq!(store.describe(&image.path).unwrap().channels[0].window.unwrap().0, 77.0);
        }
    }
}
