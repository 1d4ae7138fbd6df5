//! Whether a store that is there was made with the settings that its next writer asks for.

use std::{collections::BTreeMap, path::Path};

use super::{
    NgffVersion, Sharding, ZarrBackend, ZarrOptions,
    array::Array,
    create::plan_array,
    image::OpenImage,
    metadata::{Node, open_node},
    store::Store,
    version_of,
};
use crate::{BackendSpec, Error, ErrorKind, Result, VirtualBackend, VirtualPath, words::count};

/// Refuses a `spec` that names another codec, cut into chunks, sharding or number of levels
/// than the plate has that is at its location. Settings that it does not name are the
/// store's; without a plate there is nothing to differ from.
///
/// # Errors
/// `AlreadyExists` naming what is there, what was asked for, and what to do.
pub(crate) fn check_settings(spec: &BackendSpec) -> Result<()> {
    let folder = Path::new(&spec.location);
    let Some(version) = version_of(folder) else { return Ok(()) };
    let asked = ZarrOptions { version, ..ZarrOptions::of_spec(spec)? };
    let backend = ZarrBackend::open_with(folder, asked.clone())?;
    let Ok(structure) = backend.plate(&VirtualPath::root()) else { return Ok(()) };
    // The first that can be read: others are mended by who goes on with the store.
    let open = |path: &VirtualPath| {
        OpenImage::open(&backend.store, path.relative(), path.clone(), version).ok().flatten()
    };
    let found =
        structure.images().find_map(|(_, declared)| Some((declared, open(&declared.path)?)));
    let Some((first, image)) = found else {
        // What the plate was declared with says how its images were.
        let settings = declared_settings(&backend.store, "", version);
        return check_declared(spec, &asked, &asked.with_settings(version, &settings)?, &settings);
    };
    let there = &*image.layout.array;
    let n_levels = image.structure.n_levels;
    // As it would be read again, so that what is written in several ways compares equal.
    let (_, description) = plan_array(&image.structure, 0, &asked).describe(version)?;
    let Some(wanted) = Array::parse(&description, version)? else { return Ok(()) };
    let names = |key: &str| spec.options.contains_key(key);
    let asked_levels = asked.levels_of(first.sizes, 1);
    if names("codec") && there.chain.codec != wanted.chain.codec {
        let (there, wanted) = (there.chain.codec.to_string(), wanted.chain.codec.to_string());
        return Err(differs(folder, ("compressed by", "a codec"), &there, &wanted));
    }
    if names("levels") && n_levels != asked_levels {
        let (there, wanted) = (count(n_levels, "level"), count(asked_levels, "level"));
        return Err(differs(folder, ("with", "a number of levels"), &there, &wanted));
    }
    if names("chunk") && there.chunk_shape != wanted.chunk_shape {
        let (there, wanted) = (extents(&there.chunk_shape), extents(&wanted.chunk_shape));
        return Err(differs(folder, ("in chunks of", "chunks"), &there, &wanted));
    }
    if names("shard") && there.file_shape != wanted.file_shape {
        let (there, wanted) = (files(there, None), files(&wanted, Some(asked.sharding)));
        return Err(differs(folder, ("with", "shards"), &there, &wanted));
    }
    Ok(())
}

/// Compares the settings that `spec` names with those that a plate without images was declared
/// with.
fn check_declared(
    spec: &BackendSpec,
    asked: &ZarrOptions,
    there: &ZarrOptions,
    settings: &BTreeMap<String, String>,
) -> Result<()> {
    let (asked, there) = (asked.settings(), there.settings());
    let automatic = |key: &str, text: &str| match (key, text) {
        ("levels", "0") => "as many levels as its size asks for".to_owned(),
        ("levels", n) => format!("{n} levels"),
        _ => text.to_owned(),
    };
    for (key, how, what) in [
        ("codec", "compressed by", "a codec"),
        ("levels", "with", "a number of levels"),
        ("chunk", "in chunks of", "chunks"),
        ("shard", "with shards per", "shards"),
    ] {
        let text = |all: &BTreeMap<String, String>| {
            all.get(key).map_or_else(|| "another size".to_owned(), |text| automatic(key, text))
        };
        let is_named = spec.options.contains_key(key) && !settings.is_empty();
        if is_named && asked.get(key) != there.get(key) {
            let folder = Path::new(&spec.location);
            return Err(differs(folder, (how, what), &text(&there), &text(&asked)));
        }
    }
    Ok(())
}

/// The settings that the plate in the directory `name` was declared with; none where it does
/// not say, or cannot be read.
pub(super) fn declared_settings(
    store: &Store,
    name: &str,
    version: NgffVersion,
) -> BTreeMap<String, String> {
    let group = match open_node(store, name, version) {
        Ok(Some(Node::Group(_, group))) => group,
        _ => return BTreeMap::new(),
    };
    group.extra.and_then(|extra| extra.plate).map(|plate| plate.settings).unwrap_or_default()
}

fn differs(folder: &Path, (how, what): (&str, &str), there: &str, wanted: &str) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!("holds a store {how} {there}; {wanted} was asked for"),
    )
    .with_path(folder.display())
    .with_hint(format!("choose another place, or do not name {what}: a store keeps its own"))
}

/// Height and width of a chunk.
fn extents(shape: &[u64]) -> String {
    let last: Vec<String> = shape.iter().rev().take(2).rev().map(u64::to_string).collect();
    last.join("x")
}

/// How planes share files.
fn files(array: &Array, sharding: Option<Sharding>) -> String {
    match (array.shard, sharding) {
        (None, _) => "a file for each chunk".to_owned(),
        (Some(_), Some(sharding)) => format!("a shard for each {sharding}"),
        (Some(_), None) => {
            let shape: Vec<String> = array.file_shape.iter().map(u64::to_string).collect();
            format!("shards of {} pixels (t, c, z, y, x)", shape.join("x"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType, WellPosition,
        model::{ImageStructure, PlateStructure, Sizes},
    };

    #[test]
    fn only_what_is_named_is_compared() {
        let folder = tempfile::tempdir().unwrap();
        let path = VirtualPath::parse("/A/01/0").unwrap();
        let image = ImageStructure::new(path, PixelType::U16, Sizes::new(1, 2, 3, 600, 600));
        let mut plate = PlateStructure::new("p", 1, 1);
        plate.add_image(WellPosition::new(0, 0), image).unwrap();
        let spec = BackendSpec::new("zarr", folder.path().display().to_string());
        check_settings(&spec).unwrap();
        let made = spec.clone().with_option("codec", "zstd:5").with_option("levels", "2");
        let options = ZarrOptions::of_spec(&made).unwrap();
        let store = ZarrBackend::create(folder.path(), options).unwrap();
        store.create_plate(&VirtualPath::root(), &plate).unwrap();
        for same in [&spec, &made, &spec.clone().with_option("chunk", "600x600")] {
            check_settings(same).unwrap();
        }
        check_settings(&spec.clone().with_option("shard", "none")).unwrap();
        for (option, value, there, asked) in [
            ("codec", "blosc:zstd:1", "compressed by zstd:5", "blosc:zstd:1:shuffle"),
            ("codec", "zstd:3", "compressed by zstd:5", "zstd:3"),
            ("levels", "1", "with 2 levels", "1 level"),
            ("chunk", "512x512", "in chunks of 600x600", "512x512"),
            ("shard", "image", "a file for each chunk", "a shard for each image"),
        ] {
            let error = check_settings(&spec.clone().with_option(option, value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            let text = error.to_string();
            assert!(text.contains(there) && text.contains(asked), "{text}");
            assert!(error.hint().unwrap().contains("choose another place"), "{error:?}");
        }
    }
}
