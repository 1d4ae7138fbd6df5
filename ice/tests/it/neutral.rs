//! Values as the vectors write them.

use std::collections::HashMap;

use ice::{
    schema::{Schema, Type},
    value::{Graph, ObjectId, Value},
    wire::{Endpoint, Proxy, ProxyMode, Transport, Version},
};
use serde_json::{Value as Json, json};

pub(crate) struct Neutral<'a> {
    schema: &'a Schema,
    graph: &'a Graph,
    seen: HashMap<ObjectId, usize>,
    /// Of what is written, as `1.1`.
    encoding: &'static str,
}

impl<'a> Neutral<'a> {
    pub(crate) fn new(schema: &'a Schema, graph: &'a Graph, encoding: &'static str) -> Self {
        Self { schema, graph, seen: HashMap::new(), encoding }
    }

    pub(crate) fn json(&mut self, of: Type, value: &Value) -> Json {
        let schema = self.schema;
        match (of, value) {
            (_, Value::Bool(value)) => json!(value),
            (_, Value::Byte(value)) => json!(value),
            (_, Value::Short(value)) => json!(value),
            (_, Value::Int(value)) => json!(value),
            (_, Value::Long(value)) => json!(value),
            (_, Value::Float(value)) => float(f64::from(*value)),
            (_, Value::Double(value)) => float(*value),
            (_, Value::String(text)) => json!(text),
            (Type::Enum(number), Value::Enum(value)) => {
                let of = &schema.enums[number as usize];
                let name = of.enumerators.iter().find(|(_, known)| known == value).unwrap();
                json!({ "$enum": name.0, "value": value })
            }
            (_, Value::Bytes(bytes)) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ "$bytes": hex })
            }
            (_, Value::Bools(values)) => json!(values),
            (_, Value::Shorts(values)) => json!(values),
            (_, Value::Ints(values)) => json!(values),
            (_, Value::Longs(values)) => json!(values),
            (_, Value::Floats(values)) => {
                values.iter().map(|value| float(f64::from(*value))).collect()
            }
            (_, Value::Doubles(values)) => values.iter().map(|value| float(*value)).collect(),
            (Type::Sequence(number), Value::Sequence(values)) => {
                let element = schema.sequences[number as usize].element;
                values.iter().map(|value| self.json(element, value)).collect()
            }
            (Type::Dictionary(number), Value::Dictionary(pairs)) => {
                let of = &schema.dictionaries[number as usize];
                pairs
                    .iter()
                    .map(|(key, value)| json!([self.json(of.key, key), self.json(of.value, value)]))
                    .collect()
            }
            (Type::Struct(number), Value::Struct(values)) => {
                let members = &schema.structs[number as usize].members;
                let pairs = members.iter().zip(values);
                Json::Object(
                    pairs
                        .map(|(member, value)| {
                            (member.name.to_string(), self.json(member.of, value))
                        })
                        .collect(),
                )
            }
            (_, Value::Proxy(None)) | (_, Value::Object(None)) => Json::Null,
            (_, Value::Proxy(Some(found))) => proxy(found, self.encoding),
            (_, Value::Object(Some(id))) => self.object(*id),
            _ => panic!("{of:?} {value:?}"),
        }
    }

    fn object(&mut self, id: ObjectId) -> Json {
        if let Some(number) = self.seen.get(&id) {
            return json!({ "$ref": number });
        }
        let number = self.seen.len() + 1;
        self.seen.insert(id, number);
        let object = self.graph.get(id).unwrap();
        let schema = self.schema;
        let mut map = serde_json::Map::new();
        map.insert("$id".into(), json!(number));
        map.insert("$type".into(), json!(schema.classes[object.class as usize].id));
        for (member, value) in schema.members(object.class).zip(&object.fields) {
            map.insert(member.name.to_string(), self.json(member.of, value));
        }
        Json::Object(map)
    }
}

fn float(value: f64) -> Json {
    match value {
        _ if value.is_nan() => json!({ "$float": "nan" }),
        f64::INFINITY => json!({ "$float": "inf" }),
        f64::NEG_INFINITY => json!({ "$float": "-inf" }),
        _ => json!(value),
    }
}

fn proxy(proxy: &Proxy, encoding: &str) -> Json {
    let version = |version: Version| format!("{}.{}", version.major, version.minor);
    let mode = match proxy.mode {
        ProxyMode::Twoway => "twoway",
        ProxyMode::Oneway => "oneway",
        ProxyMode::BatchOneway => "batchOneway",
        ProxyMode::Datagram => "datagram",
        ProxyMode::BatchDatagram => "batchDatagram",
    };
    let mut json = json!({
        "$proxy": true,
        "identity": { "name": proxy.identity.name, "category": proxy.identity.category },
        "facet": proxy.facet,
        "mode": mode,
        "secure": proxy.secure,
        "endpoints": proxy.endpoints.iter().map(|end| endpoint(end, encoding)).collect::<Vec<_>>(),
    });
    // Encoding 1.0 does not carry them.
    if encoding != "1.0" {
        json["protocol"] = json!(version(proxy.protocol));
        json["encoding"] = json!(version(proxy.encoding));
    }
    if proxy.endpoints.is_empty() {
        json["adapterId"] = json!(proxy.adapter_id);
    }
    json
}

fn endpoint(endpoint: &Endpoint, encoding: &str) -> Json {
    match endpoint {
        Endpoint::Stream { transport, host, port, timeout, compress } => {
            let kind = match transport {
                Transport::Tcp => 1,
                Transport::Tls => 2,
                Transport::WebSocket(_) => 4,
                Transport::SecureWebSocket(_) => 5,
            };
            let mut json = json!({
                "type": kind, "encapsEncoding": encoding, "kind": transport.name(), "host": host,
                "port": port, "timeout": timeout, "compress": compress,
            });
            if let Some(resource) = transport.resource() {
                json["resource"] = json!(resource);
            }
            json
        }
        Endpoint::Udp { host, port, versions, compress } => {
            let mut json = json!({
                "type": 3, "encapsEncoding": encoding, "kind": "udp", "host": host, "port": port,
                "compress": compress,
            });
            if let Some((protocol, encoding)) = versions {
                let all = [protocol.major, protocol.minor, encoding.major, encoding.minor];
                json["versions"] = json!(all);
            }
            json
        }
        Endpoint::Opaque { kind, version, data } => {
            let data: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({
                "type": kind, "encapsEncoding": format!("{}.{}", version.0, version.1),
                "kind": "opaque", "data": data,
            })
        }
    }
}
