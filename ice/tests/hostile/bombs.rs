//! Small inputs that ask for much.

use bytes::Bytes;
use ice::{
    Error,
    codec::decode,
    schema::{Schema, Type},
    wire::{
        Compression, Encapsulation, Encoding, HEADER_BYTES, Header, Limits, Message, MessageKind,
    },
};

use crate::{alone, memory};

/// Memory that values may take for each byte that they are read from, and what everything
/// takes. A null in a sequence is a byte, and a value with room to grow in memory.
const MULTIPLE: usize = 256;
const CONSTANT: usize = 1 << 16;

/// Members of a node that are `int`.
const N_INTS: usize = 40;

const SCHEMA: &str = "\
class ::Node - next=::Node MANY
class ::Leaf -
sequence ::Nodes ::Node
sequence ::Texts string
sequence ::Nested ::Texts
dictionary ::Map string string
struct ::Small a=bool
sequence ::Smalls ::Small
sequence ::Leaves ::Leaf";

fn schema() -> Schema {
    let many: Vec<String> = (0..N_INTS).map(|at| format!("i{at}=int")).collect();
    Schema::parse(&SCHEMA.replace("MANY", &many.join(" "))).unwrap()
}

/// A size as it is on the wire.
fn size(n: usize) -> Vec<u8> {
    let mut bytes = vec![255];
    bytes.extend((n as i32).to_le_bytes());
    bytes
}

fn of(schema: &Schema, name: &str) -> Type {
    let found =
        (0..schema.sequences.len() as u32).find(|at| &*schema.sequences[*at as usize].id == name);
    found.map_or(Type::Dictionary(0), Type::Sequence)
}

/// Reads values, and fails when that takes more memory than it may.
fn bounded(what: &str, of: Type, encoding: Encoding, content: Vec<u8>) -> Result<(), Error> {
    let _alone = alone();
    let schema = schema();
    let n_bytes = content.len();
    let content = Encapsulation::new(encoding, content);
    let read = || decode(&schema, &[of], &content, &Limits::default()).map(drop);
    let (outcome, peak) = memory::peak_of(read);
    assert!(peak <= CONSTANT + MULTIPLE * n_bytes, "{what}: {peak} bytes for {n_bytes}");
    outcome
}

#[test]
fn counts_without_elements() {
    let schema = schema();
    for name in ["::Nodes", "::Texts", "::Nested", "::Smalls", "::Leaves", "::Map"] {
        for n in [1 << 20, i32::MAX as usize] {
            bounded(name, of(&schema, name), Encoding::V1_1, size(n)).unwrap_err();
        }
    }
}

#[test]
fn elements_of_a_byte() {
    let schema = schema();
    let n = 200_000;
    for (name, element) in [
        ("::Nodes", &[0][..]),
        ("::Texts", &[0]),
        ("::Nested", &[0]),
        ("::Smalls", &[1]),
        ("::Map", &[0, 0]),
        ("::Leaves", &[1, 0x22, 1]),
    ] {
        let mut content = size(n);
        // The first leaf names the class, the others its number.
        let first = if name == "::Leaves" { &b"\x01\x21\x06::Leaf"[..] } else { element };
        content.extend(first);
        content.extend(element.repeat(n - 1));
        bounded(name, of(&schema, name), Encoding::V1_1, content).unwrap();
    }
}

#[test]
fn instances_in_instances() {
    let schema = schema();
    let node = Type::Class(schema.class("::Node").unwrap());
    // One after the other begins, and none has any other member.
    let mut content = b"\x01\x21\x06::Node".to_vec();
    content.extend([1, 0x22, 1].repeat(99_000));
    bounded("open", node, Encoding::V1_1, content.clone()).unwrap_err();
    // All of them end.
    content.push(0);
    content.extend([0; 4 * N_INTS].repeat(99_001));
    bounded("closed", node, Encoding::V1_1, content).unwrap();
    // Deeper than allowed.
    let mut content = b"\x01\x21\x06::Node".to_vec();
    content.extend([1, 0x22, 1].repeat(200_000));
    let error = bounded("deep", node, Encoding::V1_1, content).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

#[test]
fn references_of_encoding_1_0() {
    let schema = schema();
    let nodes = of(&schema, "::Nodes");
    let n = 100_000;
    let mut content = size(n);
    content.extend((-1000i32).to_le_bytes().repeat(n));
    bounded("missing", nodes, Encoding::V1_0, content).unwrap_err();
    let mut content = vec![1];
    content.extend(i32::MIN.to_le_bytes());
    bounded("smallest", nodes, Encoding::V1_0, content.clone()).unwrap_err();
    content.splice(1.., (-i32::MAX).to_le_bytes());
    bounded("largest", nodes, Encoding::V1_0, content).unwrap_err();
    // An instance with a large number.
    let mut content = vec![0, 1];
    content.extend(i32::MAX.to_le_bytes());
    content.extend([0; 64]);
    bounded("number", nodes, Encoding::V1_0, content).unwrap_err();
}

#[test]
fn compressed_messages() {
    let _alone = alone();
    let message = Message::Reply(ice::wire::Reply {
        id: 1,
        body: ice::wire::ReplyBody::Ok(Encapsulation::new(Encoding::V1_1, vec![0; 4 << 20])),
    });
    let bytes = message.encode(Compression::Bzip2).unwrap();
    assert!(bytes.len() < 10_000);
    let limits = Limits { message_bytes: 1 << 20, ..Limits::default() };
    let header = Header::decode(bytes[..HEADER_BYTES].try_into().unwrap(), &limits).unwrap();
    let body = Bytes::copy_from_slice(&bytes[HEADER_BYTES..]);
    let read = || Message::decode(&header, body.clone(), &limits);
    let (outcome, peak) = memory::peak_of(read);
    assert!(matches!(outcome, Err(Error::Limit { .. })) && peak < 1 << 20, "{peak}: {outcome:?}");
    // It says that it is short, and is not.
    let mut lying = body.to_vec();
    lying[..4].copy_from_slice(&1000i32.to_le_bytes());
    let (outcome, peak) = memory::peak_of(|| Message::decode(&header, lying.into(), &limits));
    assert!(matches!(outcome, Err(Error::Frame(_))) && peak < 2 << 20, "{peak}");
    assert_eq!(header.kind, MessageKind::Reply);
}

/// A message whose body is compressed by hand, as a peer that means harm has it.
fn compressed(kind: MessageKind, plain: &[u8]) -> (Header, Bytes) {
    let mut body = ((HEADER_BYTES + plain.len()) as i32).to_le_bytes().to_vec();
    let mut stream = bzip2::write::BzEncoder::new(&mut body, bzip2::Compression::new(9));
    std::io::Write::write_all(&mut stream, plain).unwrap();
    stream.finish().unwrap();
    let n_bytes = HEADER_BYTES + body.len();
    (Header { kind, compression: Compression::Bzip2, n_bytes }, body.into())
}

/// An empty call, as it is in a batch.
const EMPTY_CALL: [u8; 12] = [0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1, 1];

#[test]
fn calls_that_are_compressed_too_well() {
    let _alone = alone();
    for kind in [MessageKind::Request, MessageKind::BatchRequest] {
        let (header, body) = compressed(kind, &[0; 8 << 20]);
        assert!(header.n_bytes < 300, "{header:?}");
        let read = || Message::decode(&header, body.clone(), &Limits::default());
        let (outcome, peak) = memory::peak_of(read);
        assert!(matches!(outcome, Err(Error::Limit { .. })) && peak < 1 << 16, "{peak}");
    }
    // Our own calls are never refused for it: they go as they are.
    let mut parameters = vec![0; 4 << 20];
    let call = |parameters: Vec<u8>| {
        let (header, body) =
            compressed(MessageKind::Request, &[&[1, 0, 0, 0][..], &EMPTY_CALL].concat());
        let Ok(Message::Request(mut request)) = Message::decode(&header, body, &Limits::default())
        else {
            panic!("no request");
        };
        request.call.parameters = Encapsulation::new(Encoding::V1_1, parameters);
        Message::Request(request).encode(Compression::Bzip2).unwrap()
    };
    let plain = call(parameters.clone());
    assert!(plain.len() > 4 << 20);
    // One that compresses as real ones do is compressed.
    for (at, byte) in parameters.iter_mut().enumerate() {
        *byte = (at * at / 7) as u8;
    }
    for bytes in [plain, call(parameters)] {
        let header = bytes[..HEADER_BYTES].try_into().unwrap();
        let header = Header::decode(header, &Limits::default()).unwrap();
        let body = Bytes::copy_from_slice(&bytes[HEADER_BYTES..]);
        Message::decode(&header, body, &Limits::default()).unwrap();
    }
}

#[test]
fn batches_of_empty_calls() {
    let _alone = alone();
    let n = 200_000;
    let mut plain = (n as i32).to_le_bytes().to_vec();
    plain.extend(EMPTY_CALL.repeat(n));
    let n_bytes = HEADER_BYTES + plain.len();
    let header =
        Header { kind: MessageKind::BatchRequest, compression: Compression::Never, n_bytes };
    let body = Bytes::from(plain);
    let read = || Message::decode(&header, body.clone(), &Limits::default());
    let (outcome, peak) = memory::peak_of(read);
    assert!(matches!(outcome, Err(Error::Limit { .. })) && peak < 1 << 16, "{peak}");
}

/// However a call is compressed, its values take memory for what it came as.
#[test]
fn values_of_compressed_calls() {
    let _alone = alone();
    let schema = schema();
    let limits = Limits { compressed_times: usize::MAX, ..Limits::default() };
    let n = 2 << 20;
    let mut nodes = size(n);
    nodes.resize(n + 5, 0);
    // In encoding 1.0: no node, and an instance with a large number.
    let mut large = vec![0, 1];
    large.extend((n as i32 / 16).to_le_bytes());
    large.resize(n, 0);
    for (encoding, content) in [(Encoding::V1_1, nodes), (Encoding::V1_0, large)] {
        let mut plain = [&[1, 0, 0, 0][..], &EMPTY_CALL[..6]].concat();
        plain.extend((content.len() as i32 + 6).to_le_bytes());
        plain.extend([1, u8::from(encoding == Encoding::V1_1)]);
        plain.extend(&content);
        let (header, body) = compressed(MessageKind::Request, &plain);
        assert!(header.n_bytes < 400, "{header:?}");
        let read = Message::decode(&header, body, &limits.of_compressed(header.n_bytes)).unwrap();
        let Message::Request(request) = read else { panic!("{read:?}") };
        let call = request.call;
        assert_eq!(call.parameters.content.len(), content.len());
        let read = || decode(&schema, &[of(&schema, "::Nodes")], &call.parameters, &call.limits);
        let (outcome, peak) = memory::peak_of(read);
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
        assert!(peak < 1 << 16, "{peak} bytes");
    }
}

/// Instances of a class that is not known and then of one that is, whose names are said once.
fn named(n: usize, name: &str) -> Vec<u8> {
    let mut content = size(n);
    content.extend([1, 0x11]);
    content.extend(size(name.len()));
    content.extend(name.as_bytes());
    content.extend(b"\x04\0\0\0\x21\x06::Leaf");
    content.extend(b"\x01\x12\x01\x04\0\0\0\x22\x02".repeat(n - 1));
    content
}

#[test]
fn a_long_name_of_a_type_costs_once() {
    let _alone = alone();
    let schema = schema();
    let leaves = of(&schema, "::Leaves");
    let taken = |n_letters: usize| {
        let content = Encapsulation::new(Encoding::V1_1, named(10_000, &"x".repeat(n_letters)));
        let (outcome, total) =
            memory::total_of(|| decode(&schema, &[leaves], &content, &Limits::default()));
        outcome.unwrap();
        total
    };
    let (short, long) = (taken(8), taken(4000));
    // A copy of the name for each instance takes 40 MB.
    assert!(long < short + 100_000, "{short} bytes for a short name, {long} for a long one");
}

#[test]
fn names_of_types_are_not_longer_than_allowed() {
    let leaves = of(&schema(), "::Leaves");
    bounded("4096", leaves, Encoding::V1_1, named(2, &"x".repeat(4096))).unwrap();
    let error = bounded("4097", leaves, Encoding::V1_1, named(2, &"x".repeat(4097))).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    // In encoding 1.0 too: a table of one instance behind an empty sequence.
    let mut content = b"\0\x01\x01\0\0\0\0".to_vec();
    content.extend(size(4097));
    content.extend([b'x'; 4097]);
    let error = bounded("1.0", leaves, Encoding::V1_0, content).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

/// A plane that is an argument, or a result, is not copied: it is sent from where it is.
#[test]
fn planes_are_not_copied() {
    use ice::{omero::api::RawPixelsStore, value::Graph};
    let _alone = alone();
    let n_bytes = 2 << 20;
    let plane = Bytes::from(vec![7; n_bytes]);
    // What is taken once is taken.
    ice::omero::schema();
    for encoding in [Encoding::V1_0, Encoding::V1_1] {
        let write = || {
            let set = RawPixelsStore::set_plane(plane.clone(), 1, 2, 3).encode(encoding).unwrap();
            let graph = Graph::new();
            let get = RawPixelsStore::GET_PLANE.reply(plane.clone(), &graph, encoding).unwrap();
            let reply = ice::wire::Reply { id: 1, body: ice::wire::ReplyBody::Ok(get) };
            let frame = Message::Reply(reply).encode_frame(Compression::Never).unwrap();
            (set.content.len(), frame.len())
        };
        let ((set, get), total) = memory::total_of(write);
        assert!(set > n_bytes && get > n_bytes);
        assert!(total < 16 << 10, "{total} bytes for {n_bytes}");
    }
}
