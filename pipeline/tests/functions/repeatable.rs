//! The same bytes from one thread and from many, whatever memory held before.

use polystore::{PixelType, Plane};
use polystore_pipeline::{Stack, Value, ValueKind, function};
use rayon::prelude::*;

use crate::call::{call, golden_plane, image, labels};

/// Everything a value holds, as text or bytes.
fn content(value: &Value) -> Vec<u8> {
    match value {
        Value::Image(stack) | Value::Labels(stack) => {
            stack.planes().iter().flat_map(|plane| plane.bytes().to_vec()).collect()
        }
        Value::Table(table) => serde_json::to_vec(table).unwrap(),
        Value::Rois(rois) => serde_json::to_vec(rois).unwrap(),
        _ => panic!("a kind without content"),
    }
}

#[test]
fn every_function_gives_the_same_bytes_on_any_number_of_threads() {
    let nuclei = golden_plane("nuclei");
    let blobs = golden_plane("blobs").convert(PixelType::U32);
    let sections: Vec<Plane> = (0..3).map(|z| golden_plane(&format!("section_{z}"))).collect();
    let sections = Value::Image(Stack::new(sections).unwrap());
    for function in function::functions() {
        let first = function.inputs()[0];
        let input = match (first.kind, function.scope()) {
            (ValueKind::Labels, _) => labels(&blobs),
            (_, function::Scope::Stack) => sections.clone(),
            _ => image(&nuclei),
        };
        let run = || content(&call(function.name(), "{}", &[(first.name, &input)]));
        let expected = run();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let results: Vec<_> = pool.install(|| (0..12).into_par_iter().map(|_| run()).collect());
        assert!(results.iter().all(|result| *result == expected), "{}", function.name());
    }
}
