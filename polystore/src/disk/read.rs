//! Reads planes: locates them, opens their files, checks what was declared.

use std::{fs::File, num::NonZeroUsize, os::unix::fs::MetadataExt, path::Path};

use super::{
    DiskBackend, declared,
    format::{Header, ReadRequest},
    headers::check_unchanged,
    locate::{Address, Expected, Located, missing},
    map,
};
use crate::{
    Error, Plane, PlaneRequest, PlaneSink, Result, VirtualPath, fan_out,
    microscope::ImageFileInfo,
    model::{ImageStructure, PlaneState},
    words::verb,
};

impl DiskBackend {
    pub(super) fn read_batch(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        let threads = self.options.io_concurrency;
        // Threads that a batch of few planes leaves over decode strips of one plane.
        let within =
            NonZeroUsize::new(threads.get() / requests.len().max(1)).unwrap_or(NonZeroUsize::MIN);
        fan_out::for_each(threads, requests.len(), |number| {
            let request = &requests[number];
            let answer = self
                .read_one(request, within)
                .map_err(|error| error.with_path(request).with_backend(self.to_string()));
            sink(number, answer)
        });
    }

    fn read_one(&self, request: &PlaneRequest, concurrency: NonZeroUsize) -> Result<Plane> {
        let located = self.locate(&request.path, request.index)?;
        let (file, header) = self.headers.open(&located.file)?;
        let (page, sample) = page_of(request, &located, &*header)?;
        if let Some(expected) = located.expected {
            check_declared(&expected, header.info(), &located.file)?;
            check_level(&expected, request)?;
        }
        let wanted =
            ReadRequest { page, sample, level: request.level, region: request.region, concurrency };
        let plane = self.read_pixels(&file, &*header, &wanted).map_err(|error| {
            // What does not fit a file that is being written is not damage.
            match check_unchanged(&file, &*header, &located.file) {
                Err(changed) => changed.with_source(error),
                Ok(()) => error.with_path(located.file.display()),
            }
        })?;
        if let Some(expected) = located.expected.filter(|_| request.level == 0) {
            check_pixels(&expected, &plane, request, &located.file)?;
        }
        check_unchanged(&file, &*header, &located.file)?;
        Ok(plane)
    }

    fn read_pixels(&self, file: &File, header: &dyn Header, wanted: &ReadRequest) -> Result<Plane> {
        let mappable =
            header.mappable(wanted.page).filter(|_| self.options.map && wanted.level == 0);
        if let Some(offset) = mappable {
            let image = &header.info().image;
            let shape = image.sizes.plane_shape();
            let region = wanted.region.unwrap_or(shape.full()).checked(shape)?;
            if let Some(plane) = map::map_rows(file, offset, image.pixel_type, shape, region)? {
                return Ok(plane);
            }
        }
        header.read(file, wanted)
    }

    /// Name, size and time of change of the file that a plane comes from.
    pub(super) fn fingerprint(&self, request: &PlaneRequest) -> Option<String> {
        let located = self.locate(&request.path, request.index).ok()?;
        let metadata = std::fs::metadata(&located.file).ok()?;
        let name = located.file.file_name()?.to_string_lossy();
        Some(format!(
            "{name} {} bytes {}.{:09}",
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec()
        ))
    }

    /// What the image or plane at `path` is.
    pub(super) fn describe_path(&self, path: &VirtualPath) -> Result<ImageStructure> {
        if let Some((below, plate)) = self.plates.above(path)
            && let Some((ordinal, _)) = plate.index().resolve(&below, Default::default())
            && let Some((_, image)) = plate.index().image(ordinal)
            && plate.index().ordinal(&below) == Some(ordinal)
        {
            return Ok(ImageStructure { path: path.clone(), ..image.clone() });
        }
        if let Some(declared) = self.declared_image(path, Default::default())? {
            if declared.path == *path {
                return Ok(ImageStructure { path: path.clone(), ..declared.image });
            }
            // The file holds other planes too, so it does not say what this one is.
            if declared::is_container(&declared.path) {
                let plane = declared.image.single_plane(declared.index);
                return Ok(ImageStructure { path: path.clone(), ..plane });
            }
        }
        let located = self.locate(path, Default::default())?;
        let (_, header) = self.headers.open(&located.file)?;
        let image = header.info().image.clone();
        let name = path.name().unwrap_or("image").to_owned();
        Ok(ImageStructure { path: path.clone(), name, ..image })
    }
}

fn page_of(request: &PlaneRequest, located: &Located, header: &dyn Header) -> Result<(u32, u16)> {
    let index = match located.address {
        Address::Page { page, sample } => return Ok((page, sample)),
        Address::Index(index) => index,
    };
    let sizes = header.info().image.sizes;
    if !sizes.contains(index) {
        return Err(Error::invalid_input(format!(
            "there is no plane {index}; the file has {sizes}"
        ))
        .with_path(&request.path));
    }
    header.locate(index).ok_or_else(|| missing(&request.path, index, PlaneState::Missing))
}

/// A file of another pixel type than its plate declares must not pass for the plate's.
/// Type and size must be those declared: a region of a file of another size would be of
/// another place.
fn check_declared(expected: &Expected, info: &ImageFileInfo, file: &Path) -> Result<()> {
    let (found, shape) = (info.image.pixel_type, info.image.sizes.plane_shape());
    if found != expected.pixel_type {
        let declared = format!("{} pixels", expected.pixel_type);
        return Err(differs(format!("{found} pixels"), declared, file));
    }
    if shape != expected.shape {
        return Err(differs(shape.to_string(), expected.shape.to_string(), file));
    }
    expected.n_samples.map_or(Ok(()), |n_samples| check_one_plane(n_samples, info, file))
}

/// A file that stands for one plane must hold no more: the rest of it would be left out
/// without a word.
fn check_one_plane(n_samples: u16, info: &ImageFileInfo, file: &Path) -> Result<()> {
    let fail = |n: u32, what: &str, expected: u16, hint: &'static str| {
        let expected = if expected == 1 { "one".to_owned() } else { expected.to_string() };
        let verb = verb(if expected == "one" { 1u32 } else { 2 }, "was", "were");
        Err(Error::invalid_data(format!("{n} {what}, {expected} {verb} expected"))
            .with_path(file.display())
            .with_hint(hint))
    };
    if info.n_samples != n_samples {
        let what = format!("{} per pixel", verb(info.n_samples, "sample", "samples"));
        let hint = "is it a colour picture? export the channel in grey, or leave the file out";
        return fail(u32::from(info.n_samples), &what, n_samples, hint);
    }
    if info.n_pages != 1 {
        let hint = "is it a stack? list its pages in a CSV (`--csv`, column `page`), or export one file per plane";
        return fail(info.n_pages, "pages", 1, hint);
    }
    Ok(())
}

fn check_level(expected: &Expected, request: &PlaneRequest) -> Result<()> {
    if request.level < expected.n_levels {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "there is no level {}; the image has {}",
        request.level, expected.n_levels
    )))
}

fn check_pixels(
    expected: &Expected,
    plane: &Plane,
    request: &PlaneRequest,
    file: &Path,
) -> Result<()> {
    let region = request.region.unwrap_or(expected.shape.full()).checked(expected.shape)?;
    if plane.shape() == region.shape() {
        return Ok(());
    }
    Err(differs(plane.shape().to_string(), expected.shape.to_string(), file))
}

fn differs(found: String, declared: String, file: &Path) -> Error {
    Error::invalid_data(format!("file has {found} where the plate declares {declared}"))
        .with_path(file.display())
        .with_hint("was the plate acquired with mixed settings? leave the odd wells out")
}
