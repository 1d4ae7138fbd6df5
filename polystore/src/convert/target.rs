//! Makes the place that a conversion writes into, and refuses one that holds something else.

use std::{path::Path, sync::Arc};

use super::ConvertOptions;
use crate::{
    BackendSpec, Error, ErrorKind, Result, VirtualBackend, VirtualPath, create_spec,
    words::{count, verb},
};

/// What a zarr store has at its root.
const OF_ZARR: [&str; 3] = ["zarr.json", ".zgroup", ".zattrs"];
/// What a plate of files has.
const OF_FILES: &str = "polystore-plate.json";

/// The backend of `spec` for [`convert`](super::convert) to write into, made where it is not
/// there. A folder of the local file system must be empty, or hold an earlier conversion of
/// the same kind, which [`ConvertOptions::resume`](super::ConvertOptions) goes on with.
///
/// # Errors
/// `PermissionDenied` in a folder that a microscope wrote; `AlreadyExists` when something else
/// is there, or a store of another version, codec, cut into chunks or number of levels than
/// `spec` names; `Unsupported` for a zip file; as the backend is made.
pub fn create_target(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    if matches!(spec.scheme.as_str(), "disk" | "zarr") {
        check_folder(Path::new(&spec.location), spec.scheme == "zarr")?;
        #[cfg(feature = "disk")]
        if let Some(folder) = Path::new(&spec.location).parent() {
            crate::disk::refuse_source(folder, crate::disk::Writing::Results)?;
        }
    }
    match spec.scheme.as_str() {
        #[cfg(feature = "zarr")]
        "zarr" => {
            let target = create_spec(spec)?;
            crate::zarr::check_settings(spec)?;
            Ok(target)
        }
        #[cfg(feature = "disk")]
        "disk" => create_spec(&crate::disk::settle(spec.clone())?),
        _ => create_spec(spec),
    }
}

/// Levels of the images of a plate of files: those that are asked for, else those that an
/// earlier conversion gave the plate at `path`, if it is gone on with.
///
/// # Errors
/// `AlreadyExists` when the two differ.
pub(super) fn levels(
    target: &dyn VirtualBackend,
    path: &VirtualPath,
    options: &ConvertOptions,
) -> Result<Option<u32>> {
    let there = match options.resume {
        true => target.plate(path).ok(),
        false => None,
    };
    let there = there.and_then(|plate| Some(plate.images().next()?.1.n_levels));
    let (Some(there), Some(asked)) = (there, options.n_levels) else {
        return Ok(options.n_levels.or(there));
    };
    if there == asked {
        return Ok(Some(there));
    }
    let message = format!(
        "images of the target have {}; {asked} {} asked for",
        count(there, "pyramid level"),
        verb(asked, "was", "were")
    );
    Err(Error::new(ErrorKind::AlreadyExists, message)
        .with_path(path)
        .with_backend(target.to_string())
        .with_hint(
            "choose another place, or do not name a number of levels: a plate keeps its own",
        ))
}

fn check_folder(folder: &Path, wants_zarr: bool) -> Result<()> {
    let refuse = |kind, what: &'static str, advice: &'static str| {
        Err(Error::new(kind, what).with_path(folder.display()).with_hint(advice))
    };
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if [".zip", ".ozx"].iter().any(|end| name.ends_with(end)) {
        let advice = "write NAME.zarr and zip it";
        return refuse(ErrorKind::Unsupported, "zip files are read, not written", advice);
    }
    if !wants_zarr && name.ends_with(".zarr") {
        return refuse(
            ErrorKind::InvalidInput,
            "by its name it would be read as an OME-Zarr store, not as a folder of TIFF files",
            "choose a name without `.zarr`, or write OME-Zarr (`--to zarr`)",
        );
    }
    crate::atomic::check_place(folder)?;
    if folder.is_file() {
        return refuse(ErrorKind::AlreadyExists, "is a file, not a folder", "choose another place");
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    // What a writer that was killed left behind begins with a dot.
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let is_empty = names.all(|name| name.to_string_lossy().starts_with('.'));
    let has_zarr = OF_ZARR.iter().any(|file| folder.join(file).is_file());
    let has_files = folder.join(OF_FILES).is_file();
    let what = match (wants_zarr, has_zarr, has_files) {
        (true, true, false) | (false, false, true) => return Ok(()),
        (_, true, _) => "holds an OME-Zarr store",
        (_, _, true) => "holds a plate of TIFF files",
        _ if is_empty => return Ok(()),
        _ => "is not empty, and holds no plate of polystore's",
    };
    refuse(ErrorKind::AlreadyExists, what, "choose another place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_something_else_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        };
        for name in ["old/.zattrs", "store/zarr.json", "files/polystore-plate.json", "other/a.txt"]
        {
            file(name);
        }
        file("killed/.a.polystore-tmp");
        let answer = |folder: &str, wants_zarr| {
            check_folder(&root.path().join(folder), wants_zarr).map_err(|error| error.kind())
        };
        for (folder, as_zarr, as_files) in [
            ("none", true, true),
            ("killed", true, true),
            ("old", true, false),
            ("store", true, false),
            ("files", false, true),
            ("other", false, false),
        ] {
            let expected = |fits: bool| if fits { Ok(()) } else { Err(ErrorKind::AlreadyExists) };
            assert_eq!(answer(folder, true), expected(as_zarr), "{folder}");
            assert_eq!(answer(folder, false), expected(as_files), "{folder}");
        }
        assert_eq!(answer("new.zarr", true), Ok(()));
        assert_eq!(answer("new.zarr", false), Err(ErrorKind::InvalidInput));
        assert_eq!(answer("new.zarr.zip", true), Err(ErrorKind::Unsupported));
    }
}
