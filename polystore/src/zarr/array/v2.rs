//! Array descriptions of zarr v2 (`.zarray`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Array, ChunkKeys, DataType, fill};
use crate::{
    Error, Result,
    zarr::codec::{Chain, Codec},
};

#[derive(Deserialize)]
struct Json {
    zarr_format: u64,
    shape: Vec<u64>,
    chunks: Vec<u64>,
    dtype: Value,
    #[serde(default)]
    compressor: Value,
    #[serde(default)]
    fill_value: Value,
    #[serde(default = "row_major")]
    order: String,
    #[serde(default)]
    filters: Option<Vec<Value>>,
    #[serde(default)]
    dimension_separator: Option<String>,
}

fn row_major() -> String {
    "C".to_owned()
}

pub(super) fn parse(json: &[u8]) -> Result<Option<Array>> {
    let json: Json = serde_json::from_slice(json).map_err(|error| {
        Error::invalid_data("is not the description of a zarr v2 array").with_source(error)
    })?;
    if json.zarr_format != 2 {
        return Err(Error::unsupported(format!("zarr format {} is not known", json.zarr_format)));
    }
    if let Some(filter) = json.filters.iter().flatten().next() {
        let name = filter.get("id").and_then(Value::as_str).unwrap_or("?");
        return Err(Error::unsupported(format!("filter `{name}` is not known")));
    }
    let dtype =
        json.dtype.as_str().ok_or_else(|| Error::unsupported("arrays of records are no images"))?;
    let data_type = DataType::from_v2(dtype)?;
    let dims = 0..json.shape.len();
    let order = match json.order.as_str() {
        "C" => dims.collect(),
        "F" => dims.rev().collect(),
        other => return Err(Error::invalid_data(format!("order `{other}` is neither C nor F"))),
    };
    let separator = separator(json.dimension_separator.as_deref().unwrap_or("."))?;
    let array = Array {
        chunk_shape: json.chunks.clone(),
        file_shape: json.chunks,
        shard: None,
        data_type,
        order,
        chain: Chain::new(Codec::from_v2(&json.compressor)?),
        keys: ChunkKeys { prefixed: false, separator },
        fill: fill::parse(&json.fill_value, data_type),
        dimension_names: Vec::new(),
        shape: json.shape,
    };
    array.check().map(Some)
}

/// The separator in chunk names.
pub(super) fn separator(text: &str) -> Result<char> {
    match text {
        "/" => Ok('/'),
        "." => Ok('.'),
        _ => Err(Error::invalid_data(format!("chunk names with `{text}` between numbers"))),
    }
}

pub(super) fn describe(array: &Array) -> Value {
    json!({
        "zarr_format": 2,
        "shape": array.shape,
        "chunks": array.chunk_shape,
        "dtype": array.data_type.to_v2(),
        "compressor": array.chain.codec.to_v2(),
        "fill_value": 0,
        "order": "C",
        "filters": null,
        "dimension_separator": array.keys.separator.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"zarr_format": 2, "shape": [3, 100, 200], "chunks": [1, 50, 50],
        "dtype": ">u2", "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        "fill_value": 7, "order": "C", "filters": null, "dimension_separator": "/"}"#;

    #[test]
    fn descriptions_round_trip() {
        let mut array = parse(TEXT.as_bytes()).unwrap().unwrap();
        assert_eq!(array.fill, Some(7u16.to_ne_bytes().to_vec()));
        array.fill = Some(vec![0, 0]);
        let text = describe(&array).to_string();
        assert_eq!(parse(text.as_bytes()).unwrap().unwrap(), array);
    }

    #[test]
    fn what_is_not_read_is_named() {
        let with = |from: &str, to: &str| {
            parse(TEXT.replace(from, to).as_bytes()).unwrap_err().to_string()
        };
        assert!(with("null", r#"[{"id": "delta"}]"#).contains("delta"));
        assert!(with("blosc", "lzma").contains("lzma"));
        assert!(with(r#"">u2""#, r#"[["a", "<u2"]]"#).contains("records"));
        assert!(with(r#"order": "C""#, r#"order": "A""#).contains("order"));
        assert!(with("\": 2", "\": 3").contains('3'));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(TEXT.replace("null", &deep).as_bytes()).is_err());
    }

    #[test]
    fn dots_are_the_default_between_numbers() {
        let text = TEXT.replace(r#", "dimension_separator": "/""#, "");
        assert_eq!(parse(text.as_bytes()).unwrap().unwrap().keys.name(&[0, 1]), "0.1");
    }
}
