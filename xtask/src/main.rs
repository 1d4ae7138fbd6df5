//! Makes the files of this repository that programs write.
//!
//! ```text
//! cargo run -p xtask -- ice-schema PATH/omero-interface.json   the schema from the interface's facts
//! cargo run -p xtask -- ice-code                               Rust from the schema
//! ```

mod code;
mod names;
mod schema;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// The schema, which is generated from facts and is what code is generated from.
const SCHEMA: &str = "ice/src/omero/omero.schema";
/// The folder of the generated code, which has nothing else.
const CODE: &str = "ice/src/omero/generated";

/// The folder that the repository's files are in.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ice-schema", path] => {
            let facts = serde_json::from_str(&read(Path::new(path))?)
                .with_context(|| format!("reading {path}"))?;
            fs::write(repository().join(SCHEMA), schema::text(&facts)?)?;
        }
        ["ice-code"] => {
            let files = code::files(&read(&repository().join(SCHEMA))?)?;
            let folder = repository().join(CODE);
            if folder.is_dir() {
                fs::remove_dir_all(&folder)?;
            }
            for (name, text) in files {
                let path = folder.join(name);
                fs::create_dir_all(path.parent().unwrap_or(&folder))?;
                fs::write(&path, text)?;
            }
        }
        _ => bail!("ice-schema PATH/omero-interface.json, or ice-code"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn committed(folder: &Path, root: &Path, into: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                committed(&path, root, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                into.insert(name, read(&path).unwrap());
            }
        }
    }

    /// The committed code is what the generator makes of the committed schema.
    #[test]
    fn generated_code_has_not_drifted() {
        let expected = code::files(&read(&repository().join(SCHEMA)).unwrap()).unwrap();
        let folder = repository().join(CODE);
        let mut found = BTreeMap::new();
        committed(&folder, &folder, &mut found);
        let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected));
        for (name, text) in &expected {
            assert!(found[name] == *text, "{name} differs: cargo run -p xtask -- ice-code");
        }
    }
}
