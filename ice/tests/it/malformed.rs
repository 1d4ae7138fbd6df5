//! Frames that are wrong are refused where the official server refused them.

use ice::{
    codec::decode,
    wire::{Limits, Message, Mode},
};

use crate::frames;

/// Where a frame is refused.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Nowhere.
    Not,
    /// Its call; the connection goes on.
    Call,
    /// As a whole; the connection is of no more use.
    Frame,
}

fn refused(bytes: &[u8]) -> Refused {
    let schema = ice::omero::schema();
    let operation = schema.operation("::omero::api::IQuery", "findByQuery").unwrap();
    let message = match frames::message(bytes) {
        Ok((header, _)) if header.n_bytes != bytes.len() => return Refused::Frame,
        Ok((_, message)) => message,
        Err(ice::Error::Frame(_) | ice::Error::Limit { .. }) => return Refused::Frame,
        Err(_) => return Refused::Call,
    };
    let call = match message {
        Message::Request(request) => request.call,
        Message::Close => return Refused::Frame,
        _ => return Refused::Not,
    };
    if call.identity.name.is_empty() || !operation.mode.accepts(call.mode) {
        return Refused::Call;
    }
    let types: Vec<_> = operation.parameters.iter().map(|member| member.of).collect();
    match decode(schema, &types, &call.parameters, &Limits::default()) {
        Ok(_) => Refused::Not,
        Err(_) => Refused::Call,
    }
}

#[test]
fn frames_that_the_official_server_refused() {
    let frames = frames::frames("malformed.jsonl.bz2");
    assert!(frames.len() > 25);
    for frame in frames {
        let reaction = frame["official_server_reaction"].as_str().unwrap();
        let expected = match frame["official_server_closed_connection"].as_bool().unwrap() {
            true => Refused::Frame,
            false if reaction == "no reply" || reaction.contains("status 0") => Refused::Not,
            false => Refused::Call,
        };
        // The official runtime takes the end of a compact instance from the class alone; here
        // the mark must be there too.
        let expected =
            if frame["name"] == "last_slice_flag_missing" { Refused::Call } else { expected };
        assert_eq!(refused(&frames::bytes(&frame)), expected, "{}: {reaction}", frame["name"]);
    }
}

#[test]
fn modes_are_compared_as_official_servers_do() {
    for (declared, sent) in [(Mode::Normal, 0), (Mode::Nonmutating, 1), (Mode::Idempotent, 2)] {
        assert!(declared.accepts(sent) && !declared.accepts(3));
    }
    assert!(Mode::Idempotent.accepts(1) && !Mode::Idempotent.accepts(0));
    assert!(!Mode::Normal.accepts(2));
}
