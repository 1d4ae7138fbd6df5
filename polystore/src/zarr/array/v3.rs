//! Array descriptions of zarr v3 (`zarr.json`), sharded or not.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Array, ChunkKeys, DataType, ShardIndex, fill, v2::separator};
use crate::{
    Error, Result,
    zarr::codec::{Chain, Codec},
};

#[derive(Deserialize)]
struct Json {
    node_type: String,
    #[serde(default)]
    shape: Vec<u64>,
    #[serde(default)]
    data_type: Value,
    #[serde(default)]
    chunk_grid: Value,
    #[serde(default)]
    chunk_key_encoding: Value,
    #[serde(default)]
    fill_value: Value,
    #[serde(default)]
    codecs: Vec<Value>,
    #[serde(default)]
    dimension_names: Option<Vec<Option<String>>>,
    #[serde(default)]
    storage_transformers: Vec<Value>,
}

/// What a list of codecs says.
struct Codecs {
    order: Vec<usize>,
    big_endian: bool,
    chain: Chain,
    /// Extent of the chunks of a shard, and its index.
    shard: Option<(Vec<u64>, ShardIndex)>,
}

pub(super) fn parse(json: &[u8]) -> Result<Option<Array>> {
    let json: Json = serde_json::from_slice(json).map_err(|error| {
        Error::invalid_data("is not the description of a zarr v3 node").with_source(error)
    })?;
    if json.node_type != "array" {
        return Ok(None);
    }
    if !json.storage_transformers.is_empty() {
        return Err(Error::unsupported("storage transformers are not known"));
    }
    let file_shape = file_shape(&json.chunk_grid)?;
    let codecs = codecs(&json.codecs, json.shape.len())?;
    let data_type = DataType::from_v3(name(&json.data_type), codecs.big_endian)?;
    let (chunk_shape, shard) = match codecs.shard {
        Some((chunk_shape, index)) => (chunk_shape, Some(index)),
        None => (file_shape.clone(), None),
    };
    let array = Array {
        file_shape,
        chunk_shape,
        shard,
        data_type,
        order: codecs.order,
        chain: codecs.chain,
        keys: keys(&json.chunk_key_encoding)?,
        fill: fill::parse(&json.fill_value, data_type),
        dimension_names: json.dimension_names.unwrap_or_default(),
        shape: json.shape,
    };
    array.check().map(Some)
}

/// The name of an extension: text, or an object with a `name`.
fn name(extension: &Value) -> &str {
    extension.as_str().or_else(|| extension.get("name")?.as_str()).unwrap_or_default()
}

fn configuration<'v>(extension: &'v Value, key: &str) -> &'v Value {
    extension
        .get("configuration")
        .and_then(|configuration| configuration.get(key))
        .unwrap_or(&Value::Null)
}

fn extents(value: &Value, what: &str) -> Result<Vec<u64>> {
    Vec::<u64>::deserialize(value)
        .map_err(|error| Error::invalid_data(format!("{what} has no extents")).with_source(error))
}

fn file_shape(grid: &Value) -> Result<Vec<u64>> {
    match name(grid) {
        "regular" => extents(configuration(grid, "chunk_shape"), "chunk grid"),
        other => Err(Error::unsupported(format!("chunk grid `{other}` is not known"))),
    }
}

fn keys(encoding: &Value) -> Result<ChunkKeys> {
    let (prefixed, default) = match name(encoding) {
        "default" => (true, "/"),
        "v2" => (false, "."),
        other => return Err(Error::unsupported(format!("chunk names `{other}` are not known"))),
    };
    let text = configuration(encoding, "separator").as_str().unwrap_or(default);
    Ok(ChunkKeys { prefixed, separator: separator(text)? })
}

/// Reads a list of codecs: transpositions, then `bytes` or `sharding_indexed`, then at most
/// one compressor, then checksums.
fn codecs(list: &[Value], n_dims: usize) -> Result<Codecs> {
    let mut found = Codecs {
        order: (0..n_dims).collect(),
        big_endian: false,
        chain: Chain::new(Codec::None),
        shard: None,
    };
    let mut rest = list.iter().peekable();
    let mut transposed = false;
    while let Some(codec) = rest.next_if(|codec| name(codec) == "transpose") {
        found.order = transpose(&found.order, configuration(codec, "order"))?;
        transposed = true;
    }
    let first = rest.next().ok_or_else(|| Error::invalid_data("array has no codecs"))?;
    match name(first) {
        "bytes" => found.big_endian = configuration(first, "endian").as_str() == Some("big"),
        "sharding_indexed" if rest.peek().is_some() || transposed => {
            return Err(Error::unsupported("shards that are transposed or compressed as a whole"));
        }
        "sharding_indexed" => return sharding(first, n_dims),
        other => return Err(Error::unsupported(format!("codec `{other}` is not known"))),
    }
    for codec in rest {
        match name(codec) {
            "crc32c" => found.chain.n_checksums = found.chain.n_checksums.saturating_add(1),
            _ if found.chain.n_checksums > 0 || found.chain.codec != Codec::None => {
                return Err(Error::unsupported("chunks that are compressed twice"));
            }
            other => {
                let settings = codec.get("configuration").unwrap_or(&Value::Null);
                found.chain.codec = Codec::from_name(other, settings)?;
            }
        }
    }
    Ok(found)
}

fn transpose(order: &[usize], by: &Value) -> Result<Vec<usize>> {
    let positions = extents(by, "codec `transpose`")?;
    let moved = |position: &u64| {
        usize::try_from(*position).ok().and_then(|position| order.get(position)).copied()
    };
    let moved: Option<Vec<usize>> = positions.iter().map(moved).collect();
    moved
        .ok_or_else(|| Error::invalid_data("codec `transpose` names a dimension that is not there"))
}

fn sharding(codec: &Value, n_dims: usize) -> Result<Codecs> {
    let list = |key| Vec::<Value>::deserialize(configuration(codec, key)).unwrap_or_default();
    let mut found = codecs(&list("codecs"), n_dims)?;
    if found.shard.is_some() {
        return Err(Error::unsupported("shards in shards"));
    }
    let index = codecs(&list("index_codecs"), 1)?;
    if index.big_endian || index.chain.codec != Codec::None || index.shard.is_some() {
        return Err(Error::unsupported("shards with a compressed or big-endian index"));
    }
    let at_end = match configuration(codec, "index_location").as_str().unwrap_or("end") {
        "end" => true,
        "start" => false,
        other => return Err(Error::invalid_data(format!("index of a shard at its `{other}`"))),
    };
    let chunk_shape = extents(configuration(codec, "chunk_shape"), "codec `sharding_indexed`")?;
    found.shard = Some((chunk_shape, ShardIndex { chain: index.chain, at_end }));
    Ok(found)
}

pub(super) fn describe(array: &Array) -> Result<Value> {
    let mut chunk_codecs = vec![json!({
        "name": "bytes", "configuration": { "endian": "little" }
    })];
    chunk_codecs.extend(array.chain.codec.to_v3(array.data_type.size_bytes())?);
    let checksum = || json!({ "name": "crc32c" });
    chunk_codecs.extend((0..array.chain.n_checksums).map(|_| checksum()));
    let codecs = match &array.shard {
        None => chunk_codecs,
        Some(index) => vec![json!({
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": array.chunk_shape,
                "codecs": chunk_codecs,
                "index_codecs": [
                    { "name": "bytes", "configuration": { "endian": "little" } },
                    { "name": "crc32c" },
                ],
                "index_location": if index.at_end { "end" } else { "start" },
            }
        })],
    };
    let separator = array.keys.separator.to_string();
    Ok(json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": array.data_type.pixel_type().as_str(),
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": array.file_shape } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": separator } },
        "fill_value": 0,
        "codecs": codecs,
        "attributes": {},
        "dimension_names": array.dimension_names,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PixelType;

    fn array(shard: bool) -> Array {
        let index_chain = Chain { codec: Codec::None, n_checksums: 1 };
        Array {
            shape: vec![3, 100, 200],
            file_shape: vec![if shard { 3 } else { 1 }, 100, 200],
            chunk_shape: vec![1, 100, 200],
            shard: shard.then_some(ShardIndex { chain: index_chain, at_end: true }),
            data_type: DataType::of(PixelType::U16),
            order: vec![0, 1, 2],
            chain: Chain { codec: Codec::default(), n_checksums: 1 },
            keys: ChunkKeys::V3,
            fill: Some(vec![0, 0]),
            dimension_names: ["c", "y", "x"].map(|name| Some(name.to_owned())).to_vec(),
        }
    }

    #[test]
    fn descriptions_round_trip() {
        for shard in [false, true] {
            let array = array(shard);
            let text = describe(&array).unwrap().to_string();
            assert_eq!(parse(text.as_bytes()).unwrap().unwrap(), array);
        }
        assert_eq!(parse(br#"{"zarr_format": 3, "node_type": "group"}"#).unwrap(), None);
    }

    fn with_codecs(codecs: &str) -> Result<Array> {
        let mut json = describe(&array(false)).unwrap();
        json["codecs"] = serde_json::from_str(codecs).unwrap();
        parse(json.to_string().as_bytes()).map(|array| array.unwrap())
    }

    #[test]
    fn transpositions_follow_one_another() {
        let one = r#"{"name": "transpose", "configuration": {"order": [2, 0, 1]}}"#;
        let bytes = r#"{"name": "bytes", "configuration": {"endian": "big"}}"#;
        let array = with_codecs(&format!("[{one}, {bytes}]")).unwrap();
        assert_eq!(array.order, [2, 0, 1]);
        assert_eq!(array.data_type, DataType::from_v2(">u2").unwrap());
        assert_eq!(with_codecs(&format!("[{one}, {one}, {bytes}]")).unwrap().order, [1, 2, 0]);
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for codecs in [
            "[]",
            r#"["pcodec"]"#,
            r#"["bytes", "zstd", "gzip"]"#,
            r#"["bytes", "crc32c", "zstd"]"#,
            r#"["bytes", "lzma"]"#,
            r#"[{"name": "transpose", "configuration": {"order": [0, 0, 1]}}, "bytes"]"#,
            r#"[{"name": "transpose", "configuration": {"order": [0, 1, 7]}}, "bytes"]"#,
            r#"[{"name": "sharding_indexed", "configuration": {}}]"#,
            r#"[{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 7, 7],
                "codecs": ["bytes"], "index_codecs": ["bytes"]}}]"#,
        ] {
            assert!(with_codecs(codecs).is_err(), "{codecs}");
        }
    }
}
