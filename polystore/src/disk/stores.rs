//! Which folders of the local file system are zarr stores.

use std::path::{Path, PathBuf};

/// The outermost zarr store at or above `path`, there or not: a zip file by its name or
/// content, or a folder with zarr's metadata, or one that its name says is a store.
pub(crate) fn zarr_root(path: &Path) -> Option<PathBuf> {
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    above.into_iter().find(|folder| is_zarr(folder)).map(Path::to_owned)
}

fn is_zarr(path: &Path) -> bool {
    const METADATA: [&str; 4] = ["zarr.json", ".zgroup", ".zattrs", ".zarray"];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".zarr.zip") || name.ends_with(".ozx") {
        return path.is_file();
    }
    let is_zip = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
    if is_zip && path.is_file() {
        return crate::zarr::is_zipped_store(path);
    }
    name.ends_with(".zarr") || METADATA.iter().any(|file| path.join(file).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_store_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let field = folder.path().join("plate/A/01/0");
        std::fs::create_dir_all(&field).unwrap();
        assert_eq!(zarr_root(&field), None);
        std::fs::write(field.join("zarr.json"), "{}").unwrap();
        assert_eq!(zarr_root(&field), Some(field.clone()));
        std::fs::write(folder.path().join("plate/zarr.json"), "{}").unwrap();
        assert_eq!(zarr_root(&field.join("0")), Some(folder.path().join("plate")));
        assert_eq!(zarr_root(Path::new("/x/new.zarr/A")), Some("/x/new.zarr".into()));
    }
}
