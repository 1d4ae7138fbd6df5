//! Calling functions by name, and reading the golden files.

use std::{collections::BTreeMap, path::PathBuf};

use ndarray::Array2;
use polystore::{
    Element, Plane, PlaneIndex, PlaneRequest, VirtualBackendExt, VirtualPath, backend::Table,
    disk::DiskBackend,
};
use polystore_pipeline::{
    Stack, Value,
    function::{self, Context, Given, Inputs, Setting, Settings},
};

/// Calls the function `name` with `settings` in JSON.
pub(crate) fn call(name: &str, settings: &str, inputs: &[(&'static str, &Value)]) -> Value {
    let function = function::function(name, "test").unwrap();
    let given: BTreeMap<String, Setting> = serde_json::from_str(settings).unwrap();
    let given = given
        .into_iter()
        .map(|(name, value)| (name, Given { value, origin: "test".into() }))
        .collect();
    let settings = Settings::check(&given, function.parameters(), "test").unwrap();
    let inputs =
        inputs.iter().fold(Inputs::new(), |inputs, &(name, value)| inputs.with(name, value));
    function.prepare(&settings).unwrap().run(&inputs, &Context::default()).unwrap()
}

/// Calls a function on one image or label image.
pub(crate) fn apply(name: &str, settings: &str, value: &Value) -> Value {
    let input = if matches!(value, Value::Labels(_)) { "labels" } else { "image" };
    call(name, settings, &[(input, value)])
}

/// An image of one plane.
pub(crate) fn image(plane: &Plane) -> Value {
    Value::Image(Stack::single(plane.clone()))
}

/// Labels of one plane.
pub(crate) fn labels(plane: &Plane) -> Value {
    Value::Labels(Stack::single(plane.clone()))
}

/// The only plane of an image or of labels.
pub(crate) fn plane(value: &Value) -> &Plane {
    value.stack().unwrap().only().unwrap()
}

/// The table that a function gave.
pub(crate) fn table(value: Value) -> Table {
    match value {
        Value::Table(table) => table,
        other => panic!("expected a table, got {}", other.kind().as_str()),
    }
}

/// The plane in the file `name` of a folder of this repository.
pub(crate) fn read(folder: &str, name: &str) -> Plane {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let path = VirtualPath::parse(&format!("/{name}")).unwrap();
    let request = PlaneRequest::new(path, PlaneIndex::default());
    DiskBackend::open(folder).unwrap().read_plane(&request).unwrap()
}

/// A golden plane.
pub(crate) fn golden_plane(name: &str) -> Plane {
    read("tests/golden", &format!("{name}.npy"))
}

/// A golden array.
pub(crate) fn golden<T: Element>(name: &str) -> Array2<T> {
    golden_plane(name).as_array().unwrap().to_owned()
}

pub(crate) fn golden_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A column of numbers.
pub(crate) fn column(table: &Table, name: &str) -> Vec<f64> {
    use polystore::backend::ColumnValues::{Float, Integer};
    match table.column(name) {
        Some(Float(values)) => values.clone(),
        Some(Integer(values)) => values.iter().map(|&value| value as f64).collect(),
        other => panic!("no numbers called {name}: {other:?}"),
    }
}
