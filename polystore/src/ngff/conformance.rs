//! The protocol of the official conformance runner.
//!
//! `conformance/ome_zarr_conformance.py` of <https://github.com/ome/ngff-spec> runs a
//! command once for each case, with one argument appended: in its mode `attributes` the
//! path of a JSON file that holds the attributes of a group, in its mode `zarr` the path of
//! a folder that holds a hierarchy, of metadata only. The command prints a JSON object with
//! `valid` (true or false) and, if it likes, `message`, and exits with 0 in both cases: any
//! other exit code counts as a crash. Nothing else may go to the standard output.

use std::{fs, path::Path};

use super::{Judge, Options, Report, hierarchy, json, store, validate, validate_attribute_bytes};
use crate::Error;

/// The answer to one case: a folder is judged as a hierarchy, a file as attributes.
///
/// `strict` is for the cases under `strict/`. The schemas decide alone ([`Judge::Schema`]):
/// the hierarchies hold metadata only, so that what they refer to is not there.
pub fn conformance_answer(path: &Path, strict: bool) -> Report {
    let options = Options { judge: Judge::Schema, strict, chunks: false, ..Options::default() };
    if path.is_dir() {
        return validate(path, &options);
    }
    match read(path) {
        Ok(bytes) => validate_attribute_bytes(&bytes, &options),
        Err((rule, message)) => hierarchy::refused(rule, message, &options),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, json::Refusal> {
    let refused = |error, operation| {
        let error = Error::io(error, operation, path.display());
        (store::rule_of(&error), error.to_string())
    };
    let size = fs::metadata(path).map_err(|error| refused(error, "open"))?.len();
    if size > json::MAX_JSON_BYTES {
        return Err(json::too_large(size));
    }
    fs::read(path).map_err(|error| refused(error, "read"))
}
