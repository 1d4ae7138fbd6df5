//! The bytes that the official client and server sent over WebSocket.

use std::sync::{Arc, Mutex};

use ice::{
    connection::{Acceptor, Options, Reply, Servant},
    wire::{Call, Encapsulation, HEADER_BYTES, Message, MessageKind, ReplyBody},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{frames, raw::listen};

/// What one side sent, in pieces as they were recorded.
fn recorded(side: &str) -> Vec<Vec<u8>> {
    let all = frames::frames("transcripts.jsonl.bz2");
    let of_it = all
        .iter()
        .filter(|line| line["transcript"] == "websocket_raw" && line["from"] == side)
        .map(frames::bytes);
    of_it.collect()
}

/// What is before frames, as text, and the frames.
fn split(bytes: &[u8]) -> (String, &[u8]) {
    let at = bytes.windows(4).position(|found| found == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(bytes[..at].to_vec()).unwrap(), &bytes[at..])
}

/// The bytes in frames of data, unmasked; none of a frame that closes. Short ones only, which all
/// that were recorded are.
fn unframed(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (n_bytes, rest) = match second & 0x7F {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => panic!("a long frame"),
            short => (usize::from(short), rest),
        };
        let (mask, rest) = match second & 0x80 {
            0 => ([0; 4], rest),
            _ => (rest[..4].try_into().unwrap(), &rest[4..]),
        };
        let (payload, rest) = rest.split_at(n_bytes);
        if *first == 0x82 {
            content.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        } else {
            assert_eq!(*first, 0x88);
        }
        bytes = rest;
    }
    content
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let size = i32::from_le_bytes(bytes[10..HEADER_BYTES].try_into().unwrap());
        let (message, rest) = bytes.split_at(size as usize);
        all.push(frames::message(message).unwrap().1);
        bytes = rest;
    }
    all
}

/// Remembers what is called, and answers with nothing.
#[derive(Default)]
struct Calls(Mutex<Vec<Call>>);

impl Servant for Calls {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let empty = Encapsulation { version: call.parameters.version, content: Default::default() };
        self.0.lock().unwrap().push(call);
        Box::pin(std::future::ready(ReplyBody::Ok(empty)))
    }
}

/// Our server reads what the official client sent, however it is cut, and greets it with the
/// same words as the official server.
#[tokio::test]
async fn what_the_official_client_sent() {
    let sent = recorded("client").concat();
    let (hello, frames) = split(&sent);
    assert!(hello.starts_with("GET /omero-ws HTTP/1.1\r\n"));
    let expected = messages(&unframed(frames));
    let calls = expected.iter().filter_map(|message| match message {
        Message::Request(request) => Some(request.call.clone()),
        _ => None,
    });
    let calls: Vec<Call> = calls.collect();
    assert!(calls.len() > 12 && matches!(expected.last(), Some(Message::Close)));
    let answer = recorded("server").concat();
    let accept = |text: &str| {
        let mut lines = text.lines().map(str::to_ascii_lowercase);
        let is_it = |line: &String| line.starts_with("sec-websocket-accept: ");
        (text.starts_with("HTTP/1.1 101"), lines.find(is_it))
    };
    let official = accept(&split(&answer).0);
    assert!(official.1.is_some());
    for piece in [1, 7, 1000, usize::MAX] {
        let (listener, address) = listen().await;
        let servant = Arc::new(Calls::default());
        let options = Options::default().with_servants(servant.clone());
        let acceptor = Acceptor { options, websocket: true, ..Acceptor::default() };
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.unwrap().1.run().await
        });
        let stream = TcpStream::connect(("127.0.0.1", address.port)).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let mut answer = Vec::new();
        // The goodbye, which waits for the answers: two frames.
        let end = recorded("client").iter().rev().take(2).map(Vec::len).sum::<usize>();
        let (frames, end) = frames.split_at(frames.len() - end);
        let send = async {
            // In pieces that are too short a greeting is taken for an attack.
            writer.write_all(hello.as_bytes()).await.unwrap();
            for piece in frames.chunks(piece.min(frames.len())) {
                writer.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            // The first word, and answers with nothing in them.
            let n_bytes = 2 + HEADER_BYTES + calls.len() * (2 + HEADER_BYTES + 11);
            while answer.len() < n_bytes || split(&answer).1.len() < n_bytes {
                assert!(reader.read_buf(&mut answer).await.unwrap() > 0);
            }
        };
        tokio::join!(send, read);
        writer.write_all(end).await.unwrap();
        reader.read_to_end(&mut answer).await.unwrap();
        server.await.unwrap().unwrap();
        let (text, frames) = split(&answer);
        assert_eq!(accept(&text), official, "{text}");
        assert_eq!(*servant.0.lock().unwrap(), calls, "pieces of {piece}");
        let said = messages(&unframed(frames));
        assert!(matches!(said[0], Message::Validate));
        let n_replies = said.iter().filter(|message| matches!(message, Message::Reply(_))).count();
        assert_eq!(n_replies, calls.len());
    }
}

/// What the official server sent is an answer to each of those calls.
#[test]
fn what_the_official_server_sent() {
    let ids = |side: &str, is_call: bool| -> Vec<i32> {
        let sent = recorded(side).concat();
        let all = messages(&unframed(split(&sent).1));
        let ids = all.into_iter().filter_map(|message| match message {
            Message::Request(request) if is_call => Some(request.id),
            Message::Reply(reply) if !is_call => Some(reply.id),
            _ => None,
        });
        ids.collect()
    };
    assert_eq!(ids("server", false), ids("client", true));
    let sent = recorded("server").concat();
    let first = unframed(split(&sent).1);
    assert_eq!(frames::message(&first[..HEADER_BYTES]).unwrap().0.kind, MessageKind::Validate);
}

/// Pings of a WebSocket are a sign of life, as any byte is; a peer that sends none is not there.
#[tokio::test]
#[expect(clippy::result_large_err, reason = "the type is that of the callback")]
async fn pings_are_a_sign_of_life() {
    use std::time::Duration;

    use futures_util::SinkExt;
    use ice::{
        connection::{Address, Scheme, connect},
        wire::{Compression, Encoding, Mode, Reply as Answer},
    };
    use tokio_tungstenite::tungstenite::{
        Message as Frame,
        handshake::server::{Request, Response},
    };
    let (listener, address) = listen().await;
    let address = Address { scheme: Scheme::Ws, ..address };
    let bytes =
        |message: Message| Frame::Binary(message.encode(Compression::Never).unwrap().into());
    let peer = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let named = |_: &Request, mut answer: Response| {
            let name = "ice.zeroc.com".parse().unwrap();
            answer.headers_mut().insert("Sec-WebSocket-Protocol", name);
            Ok(answer)
        };
        let mut web = tokio_tungstenite::accept_hdr_async(stream, named).await.unwrap();
        web.send(bytes(Message::Validate)).await.unwrap();
        for _ in 0..12 {
            web.send(Frame::Ping(vec![1].into())).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let body = ReplyBody::Ok(Encapsulation::empty(Encoding::V1_1));
        web.send(bytes(Message::Reply(Answer { id: 1, body }))).await.unwrap();
        std::future::pending::<()>().await;
    });
    let options = Options::default().with_peer_timeout(Some(Duration::from_millis(500)));
    let (client, connection) = connect(&address, options).await.unwrap();
    tokio::spawn(connection.run());
    client.call(crate::server::call("a", Mode::Normal, vec![])).await.unwrap();
    let waits = client.call(crate::server::call("b", Mode::Normal, vec![]));
    let error = tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("sent nothing for 500ms"), "{error}");
    peer.abort();
}
