//! A client that is written by hand.

use ice::{
    glacier2::key,
    omero::glacier2,
    wire::{
        Call, Compression, Encapsulation, Encoding, HEADER_BYTES, Header, Limits, Message,
        MessageKind, ReplyBody, Request,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::start::{Running, router};

/// A call of the router.
pub(crate) fn call(operation: &str, mode: u8, content: Vec<u8>) -> Call {
    Call {
        identity: router().identity,
        facet: String::new(),
        operation: operation.to_owned(),
        mode,
        context: vec![(key::CLIENT_UUID.to_owned(), "x".to_owned())],
        parameters: Encapsulation::new(Encoding::V1_1, content),
        limits: Limits::default(),
    }
}

pub(crate) fn create_session(user: &str, password: &str) -> Call {
    let create = glacier2::Router::create_session(user, password);
    let parameters = create.encode(Encoding::V1_1).unwrap();
    Call { parameters, ..call("createSession", 0, Vec::new()) }
}

/// The next message; none at the end.
pub(crate) async fn next(stream: &mut TcpStream) -> Option<Message> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).await.ok()?;
    let header = Header::decode(&head, &Limits::default()).unwrap();
    let mut body = vec![0; header.n_bytes - HEADER_BYTES];
    stream.read_exact(&mut body).await.ok()?;
    Some(Message::decode(&header, body.into(), &Limits::default()).unwrap())
}

pub(crate) async fn send(stream: &mut TcpStream, id: i32, call: Call) {
    let request = Message::Request(Request { id, call });
    // It may be closed already.
    let _ = stream.write_all(&request.encode(Compression::Never).unwrap()).await;
}

/// The next answer; none at the end.
pub(crate) async fn answer(stream: &mut TcpStream) -> Option<(i32, ReplyBody)> {
    match next(stream).await? {
        Message::Reply(reply) => Some((reply.id, reply.body)),
        Message::Close => None,
        other => panic!("{other:?}"),
    }
}

/// A connection without a session.
pub(crate) async fn stranger(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(next(&mut stream).await, Some(Message::Validate));
    stream
}

/// A connection with a session.
pub(crate) async fn logged_in(running: &Running) -> TcpStream {
    let mut stream = stranger(running.address.port).await;
    send(&mut stream, 1, create_session("root", "secret")).await;
    assert_eq!(answer(&mut stream).await.unwrap().1.status(), 0);
    stream
}

/// A call as bzip2 has it, however short that is.
pub(crate) fn squeezed(id: i32, call: Call) -> Vec<u8> {
    let plain = Message::Request(Request { id, call }).encode(Compression::Never).unwrap();
    let mut bytes = vec![0; HEADER_BYTES];
    bytes.extend((plain.len() as i32).to_le_bytes());
    let mut stream = bzip2::write::BzEncoder::new(&mut bytes, bzip2::Compression::new(9));
    std::io::Write::write_all(&mut stream, &plain[HEADER_BYTES..]).unwrap();
    stream.finish().unwrap();
    let (kind, compression) = (MessageKind::Request, Compression::Bzip2);
    let header = Header { kind, compression, n_bytes: bytes.len() };
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode().unwrap());
    bytes
}

/// A sequence of `n` proxies, none of which is there.
pub(crate) fn no_proxies(n: usize) -> Vec<u8> {
    let mut content = vec![255];
    content.extend((n as i32).to_le_bytes());
    content.resize(5 + 2 * n, 0);
    content
}
