//! Sequences of bytes are not copied from hop to hop: what is looked at is a part of the message
//! that came, and what is passed on is the very piece of memory that came.

use std::ops::Range;

use bytes::Bytes;
use ice::{
    codec::decode,
    omero::{self, api::RawPixelsStore},
    typed::Incoming,
    value::Graph,
    wire::{
        Call, Compression, Encapsulation, Encoding, HEADER_BYTES, Header, Identity, Limits,
        Message, Mode, Reply, ReplyBody, Request,
    },
};

const N_BYTES: usize = 2 << 20;

fn plane() -> Bytes {
    (0..N_BYTES).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

/// Where bytes are in memory.
fn place(bytes: &[u8]) -> Range<*const u8> {
    bytes.as_ptr_range()
}

fn is_inside(part: &[u8], whole: &Range<*const u8>) -> bool {
    let part = place(part);
    whole.start <= part.start && part.end <= whole.end
}

/// A message as it comes from a socket: its header and the piece of memory with its body.
fn received(message: &Message) -> (Header, Bytes) {
    let bytes = Bytes::from(message.encode(Compression::Never).unwrap());
    let header = Header::decode(bytes[..HEADER_BYTES].try_into().unwrap(), &Limits::default());
    (header.unwrap(), bytes.slice(HEADER_BYTES..))
}

fn set_plane(encoding: Encoding) -> Call {
    let parameters = RawPixelsStore::set_plane(plane(), 1, 2, 3).encode(encoding).unwrap();
    Call {
        identity: Identity::named("store"),
        facet: String::new(),
        operation: "setPlane".to_owned(),
        mode: Mode::Idempotent.byte(),
        context: Vec::new(),
        parameters,
        limits: Limits::default(),
    }
}

#[test]
fn from_a_frame_that_came_to_typed_bytes() {
    for encoding in [Encoding::V1_1, Encoding::V1_0] {
        // A result, for who has called.
        let content = RawPixelsStore::GET_PLANE.reply(plane(), &Graph::new(), encoding).unwrap();
        let message = Message::Reply(Reply { id: 1, body: ReplyBody::Ok(content) });
        let (header, body) = received(&message);
        let whole = place(&body);
        let Message::Reply(reply) = Message::decode(&header, body, &Limits::default()).unwrap()
        else {
            panic!("{header:?}")
        };
        let content = reply.body.into_result().unwrap();
        let answer = RawPixelsStore::get_plane(1, 2, 3).answer(&content, &Limits::default());
        let answer = answer.unwrap();
        let seen = answer.get().unwrap();
        assert!(*seen == plane() && is_inside(seen, &whole), "{encoding:?}");
        // An argument, for a servant.
        let message = Message::Request(Request { id: 1, call: set_plane(encoding) });
        let (header, body) = received(&message);
        let whole = place(&body);
        let Message::Request(request) = Message::decode(&header, body, &Limits::default()).unwrap()
        else {
            panic!("{header:?}")
        };
        let call = Incoming::open::<RawPixelsStore>(omero::schema(), request.call).unwrap();
        let (seen, ..) = call.arguments(RawPixelsStore::SET_PLANE).unwrap();
        assert!(*seen == plane() && is_inside(seen, &whole), "{encoding:?}");
    }
}

/// What is in an encapsulation goes into the frame that is written as it is: of a router, which
/// passes on what came, and of who has encoded it.
#[test]
fn from_an_encapsulation_to_what_is_written() {
    let (header, body) =
        received(&Message::Request(Request { id: 1, call: set_plane(Encoding::V1_1) }));
    let whole = place(&body);
    let message = Message::decode(&header, body, &Limits::default()).unwrap();
    let frame = message.encode_frame(Compression::Never).unwrap();
    assert!(frame.tail.len() > N_BYTES && is_inside(&frame.tail, &whole));
    assert!(frame.head.len() < 200);
    let content = RawPixelsStore::GET_PLANE.reply(plane(), &Graph::new(), Encoding::V1_1).unwrap();
    let encoded = place(&content.content);
    let reply = Message::Reply(Reply { id: 1, body: ReplyBody::Ok(content) });
    let frame = reply.encode_frame(Compression::Understood).unwrap();
    assert_eq!(place(&frame.tail), encoded);
}

/// A value that was looked at and is kept does not become another piece of memory.
#[test]
fn values_that_are_kept() {
    let content: Encapsulation = set_plane(Encoding::V1_1).parameters;
    let whole = place(&content.content);
    let types: Vec<_> =
        RawPixelsStore::SET_PLANE.declaration().unwrap().parameters.iter().map(|m| m.of).collect();
    let read = decode(omero::schema(), &types, &content, &Limits::default()).unwrap();
    let values = read.values.clone();
    drop((read, content));
    let ice::value::Value::Bytes(kept) = &values[0] else { panic!("{values:?}") };
    assert!(kept.len() == N_BYTES && is_inside(kept, &whole));
}
