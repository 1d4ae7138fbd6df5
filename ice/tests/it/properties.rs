//! Whatever is written is read again, in both encodings and formats.

use ice::{
    codec::{Format, decode, decode_exception, encode, encode_exception},
    schema::Type,
    value::{Graph, Value},
    wire::{
        Call, Compression, Encapsulation, Encoding, HEADER_BYTES, Header, Limits, Message, Proxy,
        Reader, Reply, ReplyBody, Request, Writer,
    },
};
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::{frames, neutral::Neutral, random::Maker};

/// Values in a form that does not depend on where instances are in their graph.
fn neutral(types: &[Type], values: &[Value], graph: &Graph) -> Vec<Json> {
    let mut neutral = Neutral::new(ice::omero::schema(), graph, "1.1");
    let mut all: Vec<Json> =
        types.iter().zip(values).map(|(of, value)| neutral.json(*of, value)).collect();
    // Encoding 1.0 says versions in datagram endpoints.
    all.iter_mut().for_each(without_versions);
    all
}

fn without_versions(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.remove("versions");
            map.values_mut().for_each(without_versions);
        }
        Json::Array(values) => values.iter_mut().for_each(without_versions),
        _ => {}
    }
}

const WAYS: [(Encoding, Format); 3] = [
    (Encoding::V1_1, Format::Compact),
    (Encoding::V1_1, Format::Sliced),
    (Encoding::V1_0, Format::Compact),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parameters_and_results(seed in any::<u64>()) {
        let schema = ice::omero::schema();
        let mut maker = Maker::new(schema, seed);
        let interface = &schema.interfaces[maker.below(schema.interfaces.len())];
        prop_assume!(!interface.operations.is_empty());
        let operation = &interface.operations[maker.below(interface.operations.len())];
        let types: Vec<Type> = match maker.below(2) {
            0 => operation.parameters.iter().map(|member| member.of).collect(),
            _ => operation.out.iter().copied().chain(operation.returns).collect(),
        };
        let values: Vec<Value> = types.iter().map(|of| maker.value(*of)).collect();
        for (encoding, format) in WAYS {
            let content = encode(schema, &types, &values, &maker.graph, encoding, format).unwrap();
            let read = decode(schema, &types, &content, &Limits::default()).unwrap();
            prop_assert_eq!(
                neutral(&types, &read.values, &read.graph),
                neutral(&types, &values, &maker.graph)
            );
        }
    }

    #[test]
    fn exceptions(seed in any::<u64>()) {
        let schema = ice::omero::schema();
        for (encoding, format) in WAYS {
            let mut maker = Maker::new(schema, seed);
            let is_sliced = format == Format::Sliced;
            let exception = maker.exception(is_sliced);
            let content = encode_exception(schema, &exception, &maker.graph, encoding).unwrap();
            let (read, graph) = decode_exception(schema, &content, &Limits::default()).unwrap();
            prop_assert_eq!((&read.id, read.known), (&exception.id, exception.known));
            prop_assert_eq!(read.sliced, is_sliced);
            let types: Vec<Type> =
                schema.exception_members(exception.known).map(|member| member.of).collect();
            prop_assert_eq!(
                neutral(&types, &read.fields, &graph),
                neutral(&types, &exception.fields, &maker.graph)
            );
        }
    }

    #[test]
    fn proxies(seed in any::<u64>(), is_old in any::<bool>()) {
        let encoding = if is_old { Encoding::V1_0 } else { Encoding::V1_1 };
        let proxy = Maker::new(ice::omero::schema(), seed).proxy();
        let mut writer = Writer::new();
        Proxy::encode(Some(&proxy), encoding, &mut writer).unwrap();
        let mut reader = Reader::new(writer.into_bytes().into());
        let read = Proxy::decode(&mut reader, encoding, &Limits::default()).unwrap().unwrap();
        prop_assert_eq!(reader.remaining(), 0);
        let mut writer = Writer::new();
        Proxy::encode(Some(&read), encoding, &mut writer).unwrap();
        let mut again = Writer::new();
        Proxy::encode(Some(&proxy), encoding, &mut again).unwrap();
        prop_assert_eq!(writer.into_bytes(), again.into_bytes());
        prop_assert_eq!((read.identity, read.facet), (proxy.identity, proxy.facet));
        prop_assert_eq!(read.endpoints.len(), proxy.endpoints.len());
    }

    #[test]
    fn messages(
        id in any::<i32>(),
        texts in prop::collection::vec(".{0,300}", 6),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        sort in 0..10,
        mode in any::<u8>(),
        compression in prop::sample::select(&[
            Compression::Never,
            Compression::Understood,
            Compression::Bzip2,
        ][..]),
    ) {
        let [a, b, c, d, e, f] = texts.try_into().unwrap();
        let identity = ice::wire::Identity { name: a, category: b };
        let content = Encapsulation { version: (1, mode), content: bytes.into() };
        let (facet, operation) = (c, d);
        let call = Call {
            identity: identity.clone(),
            facet: facet.clone(),
            operation: operation.clone(),
            mode,
            context: vec![(e.clone(), f)],
            parameters: content.clone(),
            limits: Limits::default(),
        };
        let reply = |body| Message::Reply(Reply { id, body });
        let message = match sort {
            0 => Message::Request(Request { id, call }),
            1 => Message::Batch(vec![call.clone(), call]),
            2 => reply(ReplyBody::Ok(content)),
            3 => reply(ReplyBody::UserException(content)),
            4 => reply(ReplyBody::ObjectNotExist { identity, facet, operation }),
            5 => reply(ReplyBody::FacetNotExist { identity, facet, operation }),
            6 => reply(ReplyBody::OperationNotExist { identity, facet, operation }),
            7 => reply(ReplyBody::UnknownLocalException(e)),
            8 => reply(ReplyBody::UnknownUserException(e)),
            _ => reply(ReplyBody::UnknownException(e)),
        };
        let bytes = message.encode(compression).unwrap();
        let (header, read) = frames::message(&bytes).unwrap();
        prop_assert_eq!(header.n_bytes, bytes.len());
        prop_assert_eq!(read, message);
        let head: [u8; HEADER_BYTES] = bytes[..HEADER_BYTES].try_into().unwrap();
        prop_assert_eq!(Header::decode(&head, &Limits::default()).unwrap().encode().unwrap(), head);
    }

    /// Bytes of chance behind what makes a parser look at them: a header of their size, or the
    /// number of an operation.
    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        kind in 0u8..5,
        compression in 0u8..3,
        number in any::<[u8; 3]>(),
    ) {
        let mut frame = b"IceP\x01\0\x01\0".to_vec();
        frame.extend([kind, compression]);
        frame.extend(((HEADER_BYTES + bytes.len()) as i32).to_le_bytes());
        frame.extend(&bytes);
        // Of two bytes, one chooses among all operations.
        let values = [&[number[0], number[1], number[2] % 6][..], &bytes].concat();
        for entry in ice::fuzz::ENTRIES {
            for input in [&bytes, &frame, &values] {
                (entry.run)(input);
            }
        }
    }
}

/// Right bytes of which a few are changed: they are read or refused, both often, and what is read
/// comes back when it is written.
#[test]
fn changed_bytes() {
    let schema = ice::omero::schema();
    let limits = Limits::default();
    let entry = |name| ice::fuzz::ENTRIES.iter().find(|entry| entry.name == name).unwrap().run;
    let (values, message) = (entry("ice_values"), entry("ice_message"));
    let operations = || schema.interfaces.iter().flat_map(|of| &of.operations);
    let n_operations = operations().count();
    let (mut n_read, mut n_refused) = (0, 0);
    for seed in 0..3000 {
        let mut maker = Maker::new(schema, seed);
        let number = maker.below(n_operations);
        let of = operations().nth(number).unwrap();
        let types: Vec<Type> = of.parameters.iter().map(|member| member.of).collect();
        let made: Vec<Value> = types.iter().map(|of| maker.value(*of)).collect();
        let (encoding, format) = WAYS[maker.below(3)];
        let content = encode(schema, &types, &made, &maker.graph, encoding, format).unwrap();
        let mut bytes = content.content.to_vec();
        for _ in 0..maker.below(4) {
            if !bytes.is_empty() {
                let at = maker.below(bytes.len());
                bytes[at] = [0, 1, 2, 0x20, 0x7F, 0xFE, 0xFF][maker.below(7)];
            }
        }
        let content = Encapsulation { version: content.version, content: bytes.clone().into() };
        match decode(schema, &types, &content, &limits) {
            Ok(_) => n_read += 1,
            Err(_) => n_refused += 1,
        }
        let [low, high] = ((number * 2 + 1) as u16).to_le_bytes();
        let head = [u8::from(encoding == Encoding::V1_0), low, high];
        values(&[&head[..], &bytes].concat());
        let reply = Message::Reply(Reply { id: 1, body: ReplyBody::Ok(content) });
        let mut frame = reply.encode(Compression::Never).unwrap();
        let at = HEADER_BYTES + maker.below(frame.len() - HEADER_BYTES);
        frame[at] ^= 1 << maker.below(8);
        message(&frame);
    }
    assert!(n_read > 500 && n_refused > 500, "{n_read} read, {n_refused} refused");
}

#[test]
fn messages_without_a_body() {
    for message in [Message::Validate, Message::Close] {
        for compression in [Compression::Never, Compression::Understood, Compression::Bzip2] {
            let bytes = message.encode(compression).unwrap();
            assert_eq!(bytes.len(), HEADER_BYTES);
            assert_eq!(frames::message(&bytes).unwrap().1, message);
        }
    }
}
