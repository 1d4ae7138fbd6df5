//! Sequences of bytes are not copied from hop to hop: what is looked at is a part of the message
//! that came, and what is passed on is the very piece of memory that came.

use std::ops::Range;

use bytes::{Buf, Bytes};
use ice::{
    codec::{Format, decode, encode},
    omero::{self, api::RawPixelsStore, grid::MaskColumn},
    typed::Incoming,
    value::{Graph, Value},
    wire::{
        Call, Compression, Content, Encapsulation, Encoding, HEADER_BYTES, Header, Identity,
        Limits, Message, Mode, Reply, ReplyBody, Request,
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

/// A router passes on what came as it is.
#[test]
fn from_a_frame_that_came_to_what_is_written() {
    let (header, body) =
        received(&Message::Request(Request { id: 1, call: set_plane(Encoding::V1_1) }));
    let whole = place(&body);
    let message = Message::decode(&header, body, &Limits::default()).unwrap();
    let frame = message.encode_frame(Compression::Never).unwrap();
    let parts: Vec<_> = frame.tail.parts().collect();
    assert_eq!(parts.len(), 1);
    assert!(parts[0].len() > N_BYTES && is_inside(parts[0], &whole));
    assert!(frame.head.len() < 200);
}

/// The plane that was given is the one that is written, with the little around it.
#[test]
fn from_typed_bytes_to_what_is_written() {
    let plane = plane();
    for encoding in [Encoding::V1_1, Encoding::V1_0] {
        let content = RawPixelsStore::GET_PLANE.reply(plane.clone(), &Graph::new(), encoding);
        let reply = Message::Reply(Reply { id: 1, body: ReplyBody::Ok(content.unwrap()) });
        let parameters = RawPixelsStore::set_plane(plane.clone(), 1, 2, 3).encode(encoding);
        let call = Call { parameters: parameters.unwrap(), ..set_plane(encoding) };
        let request = Message::Request(Request { id: 1, call });
        for (message, n_after) in [(reply, 0), (request, 12)] {
            let frame = message.encode_frame(Compression::Understood).unwrap();
            let parts: Vec<_> = frame.tail.parts().collect();
            assert_eq!(place(parts[0]), place(&plane), "{encoding:?}");
            assert_eq!(parts[1..].iter().map(|part| part.len()).sum::<usize>(), n_after);
            assert!(frame.head.len() < 200);
            // Together they are the message.
            let read = crate::frames::message(&frame.into_bytes()).unwrap().1;
            assert_eq!(read, message);
        }
    }
}

/// Long sequences inside of instances, whose sizes count them, in every format.
#[test]
fn long_sequences_in_instances() {
    let schema = omero::schema();
    let masks = |n| vec![vec![1; n], vec![2; 3], vec![3; n]].into_iter().map(Bytes::from).collect();
    let mut graph = Graph::new();
    let mut columns = Vec::new();
    for n in [10_000, 5, 20_000] {
        let column = graph.make::<MaskColumn>().with(MaskColumn::BYTES, masks(n)).done();
        columns.push(Value::Object(Some(column.id())));
    }
    let of = schema.operation("::omero::grid::Table", "initialize").unwrap();
    let types: Vec<_> = of.parameters.iter().map(|member| member.of).collect();
    let values = [Value::Sequence(columns)];
    for (encoding, format) in [
        (Encoding::V1_1, Format::Compact),
        (Encoding::V1_1, Format::Sliced),
        (Encoding::V1_0, Format::Compact),
    ] {
        let content = encode(schema, &types, &values, &graph, encoding, format).unwrap();
        assert!(content.content.parts().count() > 4);
        let read = decode(schema, &types, &content, &Limits::default()).unwrap();
        let again = encode(schema, &types, &read.values, &read.graph, encoding, format).unwrap();
        assert_eq!(again, content);
        let sizes = read.graph.objects.iter().map(|object| {
            object.fields.iter().find_map(|field| match field {
                Value::Sequence(masks) if masks.len() == 3 => Some(masks.clone()),
                _ => None,
            })
        });
        let found: Vec<_> = sizes.map(Option::unwrap).collect();
        assert_eq!(found.len(), 3);
        let Value::Bytes(last) = &found[2][2] else { panic!("{found:?}") };
        assert!(last.len() > 4 && last.iter().all(|byte| *byte == 3));
    }
}

/// What is left of parts when some of their bytes were sent.
#[test]
fn parts_that_are_sent_piece_by_piece() {
    let parameters = set_plane(Encoding::V1_1).parameters;
    let whole = parameters.content.to_vec();
    for step in [1000, 4096, N_BYTES - 1, N_BYTES, N_BYTES + 7] {
        let mut left = parameters.content.clone();
        let mut sent = Vec::new();
        while left.has_remaining() {
            let mut slices = [std::io::IoSlice::new(&[]); 2];
            let n = left.chunks_vectored(&mut slices);
            let there: Vec<u8> =
                slices[..n].iter().flat_map(|slice| slice.to_vec()).take(step).collect();
            sent.extend_from_slice(&there);
            left.advance(there.len());
            assert_eq!(left.remaining(), whole.len() - sent.len());
            assert_eq!(left.remaining(), left.parts().map(Bytes::len).sum::<usize>());
        }
        assert!(sent == whole, "{step}");
    }
}

/// There is nothing behind the end; whoever goes on is wrong, and does not wait for ever.
#[test]
fn past_the_end_of_parts() {
    for content in
        [Content::default(), vec![1, 2, 3].into(), set_plane(Encoding::V1_1).parameters.content]
    {
        let mut left = content.clone();
        left.advance(content.len());
        assert!(!left.has_remaining() && left.is_empty());
        left.advance(0);
        let mut left = content.clone();
        let past = std::panic::catch_unwind(move || left.advance(content.len() + 1));
        assert!(past.is_err());
    }
}

/// A value that was looked at and is kept does not become another piece of memory.
#[test]
fn values_that_are_kept() {
    let bytes = set_plane(Encoding::V1_1).parameters.content.joined();
    let whole = place(&bytes);
    let content = Encapsulation::new(Encoding::V1_1, bytes);
    let types: Vec<_> =
        RawPixelsStore::SET_PLANE.declaration().unwrap().parameters.iter().map(|m| m.of).collect();
    let read = decode(omero::schema(), &types, &content, &Limits::default()).unwrap();
    let values = read.values.clone();
    drop((read, content));
    let Value::Bytes(kept) = &values[0] else { panic!("{values:?}") };
    assert!(kept.len() == N_BYTES && is_inside(kept, &whole));
}
