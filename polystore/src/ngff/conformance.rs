//! The protocol of the official conformance runner.

use std::{fs, path::Path};

use super::{Judge, Options, Report, hierarchy, json, store, validate, validate_attribute_bytes};
use crate::Error;

/// The answer to one case of the official conformance runner: a folder is judged as a
/// hierarchy, a file as the attributes of a group.
///
/// `conformance/ome_zarr_conformance.py` of <https://github.com/ome/ngff-spec> runs a
/// command once for each case, with one argument appended: in its mode `attributes` the
/// path of a JSON file, in its mode `zarr` the path of a folder that holds `zarr.json` and
/// nothing else. The command has to
///
/// - print the answer as one JSON object, and nothing else, to the standard output: the
///   runner reads `valid` and `message` and passes over the rest;
/// - exit with 0 whether or not the case is valid: any other code counts as a crash.
///
/// Which cases are strict the runner does not tell. It is run twice: with `-P '^strict'`,
/// and with `-p '^strict'` for a command that is `strict`. The schemas decide alone
/// ([`Judge::Schema`]), since the hierarchies refer to what is not there.
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
